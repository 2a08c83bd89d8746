// Every actor's interface in one place: what it is told, what it answers.
//
//   agent:  device ─┬─ link ── (relay)            relay:  session ─┬─ organization
//                   ├─ ledger                                      ├─ conduit
//                   ├─ workspace ── mirror                         └─ disk
//                   ├─ greeter, guest
//                   └─ disk
//
// Messages are values; what is large is const and shared. Answers that can fail are expected<T>.
#pragma once

#include "actors/caf.hpp"
#include "net/client_session.hpp"
#include "net/transport.hpp"
#include "store/ledger/author.hpp"

namespace keyfold::actors {

// -- link: the connection to a relay --------------------------------------------------------------

/// A request to the relay. The answer is its answer, its refusal, or timed_out / disconnected.
struct ask {
  net::client_session::request what;
};
/// What transport reports of the link; sent by the link's own listener.
struct transport_up {};
struct transport_message {
  net::message m;
};
struct transport_down {
  error why;
};
/// Time has passed.
struct tick {};
/// The ledger's head, for the next hello.
struct set_ledger_head {
  std::optional<net::ledger_head> head;
};
struct get_link_facts {};
enum class link_state : std::uint8_t { offline, online, refused };
struct link_facts {
  link_state state = link_state::offline;
  std::string endpoint;      ///< HOST:PORT
  std::optional<error> why;  ///< of the last failure
};

/// The relay greeted us.
struct relay_online {
  net::hello_answer greeting;
};
struct relay_offline {
  error why;
};
/// An event of the relay's (kinds 40 to 56).
struct relay_event {
  net::message m;
};
/// Whoever owns a link hears these.
using link_owner =
    caf::typed_actor<handles<relay_online>, handles<relay_offline>, handles<relay_event>>;

/// Keeps one session with a relay: hello, requests, pings, reconnects.
using link_actor = caf::typed_actor<handles<ask, net::answer_or_failure>,  // makes a request
                                    handles<get_link_facts, link_facts>,   // is it online?
                                    handles<set_ledger_head>,              // for the next hello
                                    handles<transport_up>, handles<transport_message>,
                                    handles<transport_down>, handles<tick>>;

// -- ledger: the organization's certificates ------------------------------------------------------

/// The ledger and the keys that can be read from it, as of one position. Never changes.
struct ledger_snapshot {
  ledger::state state;
  ledger::keyring keys;
};
using ledger_view = std::shared_ptr<const ledger_snapshot>;

/// Makes a certificate on top of the given snapshot; called again after a lost race.
using statement = std::function<expected<ledger::certificate>(const ledger_snapshot&)>;

struct get_ledger {};
/// Bring the ledger up to the relay's head.
struct refresh_ledger {};
/// Append what `make` says, pulling and making it anew as often as somebody else was first.
struct append_statement {
  statement make;
};
/// Sent to the owner after each change, and once in the beginning.
struct ledger_changed {
  ledger_view ledger;
};
using ledger_owner = caf::typed_actor<handles<ledger_changed>>;

/// Holds the verified ledger of one organization, on disk and in memory.
using ledger_actor =
    caf::typed_actor<handles<get_ledger, ledger_view>,                   // as known now
                     handles<refresh_ledger, expected<ledger_view>>,     // as the relay has it
                     handles<append_statement, expected<ledger_view>>>;  // one more

}  // namespace keyfold::actors

KEYFOLD_MESSAGE(ask)
KEYFOLD_MESSAGE(transport_up)
KEYFOLD_MESSAGE(transport_message)
KEYFOLD_MESSAGE(transport_down)
KEYFOLD_MESSAGE(tick)
KEYFOLD_MESSAGE(set_ledger_head)
KEYFOLD_MESSAGE(get_link_facts)
KEYFOLD_MESSAGE(link_facts)
KEYFOLD_MESSAGE(relay_online)
KEYFOLD_MESSAGE(relay_offline)
KEYFOLD_MESSAGE(relay_event)
KEYFOLD_MESSAGE(get_ledger)
KEYFOLD_MESSAGE(refresh_ledger)
KEYFOLD_MESSAGE(append_statement)
KEYFOLD_MESSAGE(ledger_changed)
KEYFOLD_MESSAGE(ledger_view)
template <>
struct caf::allowed_unsafe_message_type<keyfold::net::answer_or_failure> : std::true_type {};
