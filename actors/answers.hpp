// How the relay's actors answer a session's request.
#pragma once

#include "actors/interfaces.hpp"
#include "net/bodies.hpp"

namespace keyfold::actors {

[[nodiscard]] inline net::answer_or_failure refused(const error& why,
                                                    std::optional<bytes> detail = {}) {
  return tl::unexpected(net::failure{why, std::move(detail)});
}
template <class Body>
[[nodiscard]] net::answer_or_failure say(const Body& body, shared_bytes bulk = {}) {
  return net::answer{net::encode(body), std::move(bulk)};
}
[[nodiscard]] inline net::answer_or_failure say_done() {
  return say(net::empty_body{});
}

}  // namespace keyfold::actors
