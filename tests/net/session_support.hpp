// Picking effects out of what a session returned.
#pragma once

#include <catch2/catch.hpp>

#include "net/client_session.hpp"
#include "net/server_session.hpp"

namespace keyfold::net {

template <class Effect, class Effects>
std::vector<Effect> all(const Effects& effects) {
  std::vector<Effect> out;
  for (const auto& e : effects)
    if (const auto* found = std::get_if<Effect>(&e)) out.push_back(*found);
  return out;
}

/// The only effect of its type.
template <class Effect, class Effects>
Effect only(const Effects& effects) {
  const auto found = all<Effect>(effects);
  REQUIRE(found.size() == 1);
  return found.front();
}

template <class Effects>
message sent(const Effects& effects) {
  return only<effect::send>(effects).m;
}

template <class Effects>
errc closed_for(const Effects& effects) {
  return only<effect::closed>(effects).why.code;
}

inline refusal refusal_in(const message& m) {
  REQUIRE(m.kind == message_kind::refused);
  const auto said = decode<refusal>(m.body.view());
  REQUIRE(said);
  return *said;
}

}  // namespace keyfold::net
