// A link actor without a network: requests go to a function.
#pragma once

#include "actors/interfaces.hpp"

namespace keyfold::tests {

using answer_function = std::function<net::answer_or_failure(const net::client_session::request&)>;

inline actors::link_actor::behavior_type fake_link(actors::link_actor::pointer,
                                                   answer_function answer) {
  return {
      [answer](const actors::ask& request) { return answer(request.what); },
      [](actors::get_link_facts) {
        return actors::link_facts{actors::link_state::online, "fake", {}};
      },
      [](const actors::set_ledger_facts&) {},
      [](const actors::transport_up&) {},
      [](const actors::transport_message&) {},
      [](const actors::transport_down&) {},
      [](actors::tick) {},
  };
}

}  // namespace keyfold::tests
