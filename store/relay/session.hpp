// What the relay's cores have in common: sessions, what is told to them, and answers.
//
// A handler takes a request, the session and the time, and gives an answer and effects. The shell
// commits the database (synced) before it lets the answer or an effect out; if that fails it drops
// the core and loads it anew.
#pragma once

#include <chrono>
#include <variant>
#include <vector>

#include "store/invitation/link.hpp"
#include "store/invitation/pairing.hpp"
#include "store/ledger/receipt.hpp"

namespace keyfold::relay {

using timestamp = std::chrono::milliseconds;  ///< since 1970
using invitation::party;

/// Names a connection; chosen by the shell, never used again.
using session_number = std::uint64_t;

/// Who a session is, by its CURVE key.
struct member {
  device_id device;
  user_id user;
  auto operator<=>(const member&) const = default;
};

enum class invitation_state : std::uint8_t {
  guest_absent = 1,
  guest_present = 2,
  finished = 3,
  cancelled = 4,
  expired = 5,
};

enum class conduit_news : std::uint8_t {
  peer_left = 2,
  message = 3,
  closed = 4,
  replaced = 5,
  restarted = 6,
};

namespace news {
struct ledger_advanced {
  ledger::receipt receipt;  ///< of the new head
};
/// Entries wait for the session: take them with organization::deliver() as its queue has room.
struct feed_grew {
  workspace_id workspace;
};
/// Objects that were lost here, and that entries of the workspace need.
struct objects_wanted {
  workspace_id workspace;
  std::vector<object_id> objects;
};
struct presence {
  device_id device;
  bool online = false;
};
struct invitation_changed {
  invitation_token token;
  invitation_state state = invitation_state::guest_absent;
};
struct conduit {
  invitation_token token;
  std::uint64_t attempt = 0;
  conduit_news what = conduit_news::message;
  bytes payload;  ///< of a message; the reason's text of `closed`
};
/// A sealed message of another device.
struct delivered {
  device_id from;
  bytes payload;
};
/// To the invitation's conduit, whatever `to` says: it ends, for that reason.
struct invitation_over {
  invitation_token token;
  std::string_view reason;
};
/// End the session, and tell the peer why.
struct ended {
  error why;
};
}  // namespace news

struct effect {
  session_number to = 0;
  std::variant<news::ledger_advanced, news::feed_grew, news::objects_wanted, news::presence,
               news::invitation_changed, news::conduit, news::delivered, news::invitation_over,
               news::ended>
      what;
};
using effects = std::vector<effect>;

/// An answer, and what is told to others; a refusal may have effects too (of what was done before).
template <class T>
struct answered {
  expected<T> answer;
  relay::effects effects;
};

}  // namespace keyfold::relay
