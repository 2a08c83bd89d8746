// Small words for requests over a link, shared by all actors that make them.
#pragma once

#include "actors/interfaces.hpp"

namespace keyfold::actors {

/// The request whose body is `body`, of its kind.
template <net::has_fields Body>
[[nodiscard]] ask ask_for(const Body& body, shared_bytes bulk = {},
                          net::instant timeout = net::instant{30'000}) {
  return ask{{Body::kind, net::encode(body), std::move(bulk), timeout}};
}

/// What an answer's body says; the failure's error otherwise.
template <class Body>
[[nodiscard]] expected<Body> read_answer(const net::answer_or_failure& got) {
  if (!got) return tl::unexpected(got.error().why);
  return net::decode<Body>(got->body.view());
}

}  // namespace keyfold::actors
