// What travels in the simulator, as PROTOCOL has it. Frames and their encoding are left out; records, entries, certificates
// and objects travel as the bytes that they are.
#pragma once

#include <variant>

#include "store/ledger/fence.hpp"
#include "store/ledger/forward.hpp"
#include "store/ledger/receipt.hpp"
#include "tests/sim/disk.hpp"

namespace keyfold::sim {

using ledger::feed_head;

// Requests.
struct hello {
  hash32 nonce;
};
struct pull_ledger {
  ledger_seq from;
  bool of_workspace = false;
  std::size_t max = 0;
};
struct append {
  bytes certificate;
};
/// Records that the relay gave a receipt for, and lost.
struct put_records {
  std::vector<bytes> list;
};
struct subscribe {
  std::vector<feed_head> frontier;
};
struct heads {
  user_id user;
  std::optional<ledger::fence> fence;
  bytes signature;  ///< of the fence
};
struct push {
  std::vector<bytes> entries;
};
struct have {
  std::vector<object_id> objects;
};
struct put {
  object_id object;
  object_files::shared data;
};
struct get {
  object_id object;
};
using request =
    std::variant<hello, pull_ledger, append, put_records, subscribe, heads, push, have, put, get>;

// Answers.
struct refused {
  error why;
  std::vector<entry_hash> lacks;
};
/// Of the relay a hello statement, of a device the receipt of its head.
struct greeted {
  ledger::signed_statement said;
};
/// Of a pull, and without a list of a put: what the replica holds and lacks.
struct records {
  std::vector<bytes> list;
  ledger_seq head;
  std::vector<ledger::lack> lacking;
  std::vector<workspace_id> readable{};
};
struct receipted {
  bytes receipt;
};
struct subscribed {
  std::vector<feed_head> frontier;
};
struct signed_heads {
  bytes frontier;
};
struct pushed {
  std::size_t accepted = 0;
  std::vector<object_id> wanted;
};
struct lacking {
  std::vector<object_id> objects;
};
struct stored {};
struct object_bytes {
  object_files::shared data;
};
using answer = std::variant<refused, greeted, records, receipted, subscribed, signed_heads, pushed,
                            lacking, stored, object_bytes>;

// Events.
struct ledger_advanced {
  ledger::signed_statement receipt;  ///< of the new head
};
struct feed_advanced {
  std::vector<bytes> entries;
};
struct objects_wanted {
  std::vector<object_id> objects;
};
/// Whether a device is connected with the relay.
struct presence {
  device_id device;
  bool online = false;
};
/// The session is over, and why.
struct ended {
  error why;
};
using event = std::variant<ledger_advanced, feed_advanced, objects_wanted, presence, ended>;

struct message {
  std::uint64_t id = 0;  ///< of a request and its answer
  std::variant<request, answer, event> what;
};

}  // namespace keyfold::sim
