// An organization with an attacker in the middle: devices and a relay made of the cores that ship,
// and every message between them passes the attacker, who may read, drop, change, replay and invent.
//
//   device: ledger::state, keyring, engine, pull, push, fetch ── middle ── relay::organization
//
// Alice is Administrator and Owner of a workspace, bob Contributor, carol Reader, dave an External
// without a role; mallory is nobody. Everything comes from one seed.
#pragma once

#include <algorithm>
#include <deque>

#include "net/bodies.hpp"
#include "store/db/sealed.hpp"
#include "store/incident/make.hpp"
#include "store/incident/witness.hpp"
#include "store/ledger/forward.hpp"
#include "store/ledger/lacking.hpp"
#include "store/ledger/log.hpp"
#include "store/object/reader.hpp"
#include "store/object/writer.hpp"
#include "store/relay/organization.hpp"
#include "store/replica/fetch.hpp"
#include "store/replica/heads.hpp"
#include "store/replica/pull.hpp"
#include "store/replica/push.hpp"
#include "store/workspace/engine.hpp"
#include "tests/store/object/rig.hpp"
#include "tests/support/organization.hpp"

namespace keyfold::attack {

using tests::person;
using path = std::vector<std::string>;

/// A message under way, as the attacker sees it.
struct under_way {
  const std::string& who;   ///< the device's person
  bool up = false;          ///< to the relay
  net::message_kind about;  ///< of an answer: the request's kind
  net::message m;
};
/// What goes on in the message's place; nullopt: nothing.
using middle = std::function<std::optional<net::message>(const under_way&)>;

/// A copy of everything in a store: yesterday's disk.
[[nodiscard]] std::unique_ptr<db::store> copy_of(const db::store& disk);

/// A relay: the real core over a store in memory, and the objects that it holds.
class relay_node {
 public:
  relay_node(organization_id id, const signing_key& receipt_key, random_source& random);
  /// The same relay started on another disk (a copy of one).
  relay_node(const relay_node& like, std::unique_ptr<db::store> disk);

  [[nodiscard]] expected<bytes> found(const ledger::certificate& genesis);
  void start();  ///< from its disk
  [[nodiscard]] relay::session_number begin_session() { return ++last_session_; }
  [[nodiscard]] net::message serve(relay::session_number from, const box_public_key& key,
                                   const net::message& request);
  /// What it tells a session next.
  [[nodiscard]] std::optional<net::message> tell(relay::session_number session);

  organization_id id;
  signing_key receipt_key;
  std::unique_ptr<db::store> disk;
  std::unique_ptr<db::transaction> state;
  std::unique_ptr<relay::organization> core;
  std::map<object_id, bytes> objects;
  relay::timestamp now{1'000'000};

 private:
  [[nodiscard]] net::message answer(relay::session_number from, const box_public_key& key,
                                    const net::message& request);
  [[nodiscard]] net::message greet(relay::session_number from, const box_public_key& key,
                                   const net::message& request);
  [[nodiscard]] net::message push(relay::session_number from, const net::message& request);
  void take(const relay::effects& effects);
  random_source& random_;
  relay::session_number last_session_ = 0;
  std::map<relay::session_number, std::set<workspace_id>> growing_;
  std::map<relay::session_number, std::deque<net::message>> wanted_;  ///< events to be told
};

class rig;

/// What a device noticed.
struct notices {
  std::vector<error> refused;               ///< what it did not take, or was refused
  std::vector<ledger::evidence> evidence;   ///< against the relay
  std::vector<incident::report> reports;    ///< of what other devices brought
  std::vector<ledger::incident> incidents;  ///< of certificates and keys
  std::vector<workspace::entry_incident> entries;
  std::vector<entry_hash> withheld;
  std::vector<object_id> unavailable;
  [[nodiscard]] bool has(errc code) const {
    return std::any_of(refused.begin(), refused.end(),
                       [&](const auto& e) { return e.code == code; });
  }
  [[nodiscard]] bool quiet() const {
    return refused.empty() && evidence.empty() && reports.empty() && incidents.empty() &&
           entries.empty() && withheld.empty() && unavailable.empty();
  }
};

/// One person's device.
class device {
 public:
  device(rig& all, person who, organization_id organization);

  /// Says hello to a relay, and holds what it says against its own ledger.
  expected<void> connect(relay_node& relay);
  void disconnect();
  /// Asks the relay through the middle; a refusal is a failure.
  [[nodiscard]] expected<net::message> ask(const net::message& request);
  /// Brings the ledger forward, bodies and keys included.
  expected<void> pull_ledger();
  /// Gives the relay what it has lost of the ledger; how many records went.
  expected<std::size_t> bring_forward();
  /// Takes a record from wherever it came.
  expected<ledger::addition> take(const ledger::record& r);
  /// Makes a statement at the present head, and has the relay take it in.
  using statement = std::function<expected<ledger::certificate>(const ledger::author&)>;
  expected<ledger_seq> append(const statement& make);
  /// Exchanges everything: ledger, entries both ways, and objects of what is sent.
  void sync(workspace_id workspace);
  /// Takes entries as they come from a replica; who is not the relay may bring what that has not.
  workspace::received receive(workspace_id workspace, std::span<const feed::entry> entries,
                              bool of_relay = false);
  /// Signs all that is pending; nothing is sent.
  std::vector<feed::entry> sign_all(workspace_id workspace);

  expected<workspace::item> put(workspace_id workspace, const path& at, std::string_view text);
  /// The file's bytes; objects that lack are fetched.
  expected<std::string> read(workspace_id workspace, const path& at);
  [[nodiscard]] std::vector<std::string> names(workspace_id workspace, const path& folder = {});
  [[nodiscard]] workspace::engine& engine(workspace_id workspace);
  [[nodiscard]] object::test::memory_source& objects(workspace_id workspace);
  [[nodiscard]] std::vector<ledger::feed_head> behind(workspace_id workspace);
  /// The signed heads of a user's feeds as held here, or as the relay says.
  [[nodiscard]] std::vector<ledger::signed_head> own_heads(workspace_id workspace,
                                                           const person& of);
  [[nodiscard]] std::vector<ledger::signed_head> asked_heads(workspace_id workspace,
                                                             const person& of);

  person who;
  ledger::state ledger;
  ledger::keyring keys;
  notices noticed;
  std::optional<ledger::signed_statement> greeted;  ///< the last
  incident::witness witness;                        ///< of the relay's word
  replica::head_counts heads;
  relay_node* relay = nullptr;
  relay::session_number session = 0;
  symmetric_key local_key;
  std::unique_ptr<db::store> disk;  ///< as a thief would read it
  std::unique_ptr<db::store> sealed;
  std::unique_ptr<db::transaction> state;

 private:
  struct part;
  part& in(workspace_id workspace);
  void hear();
  void commit();
  void carry_out(part& p, const replica::pull::effects& effects);
  void carry_out(part& p, const replica::push::effects& effects);
  replica::push::effects step(part& p, const replica::push_effect& effect);
  replica::push::effects sign(part& p, std::size_t count);
  replica::push::effects push(part& p, const replica::push_entries& batch);
  void fetch(part& p, const replica::fetch::effects& effects);
  void ledger_grew(const std::vector<ledger::incident>& incidents);

  rig& all_;
  db::prefixed ledger_part_;
  ledger::log log_;
  std::map<workspace_id, std::shared_ptr<part>> parts_;
};

class rig {
 public:
  explicit rig(std::uint64_t seed = 1);
  rig(const rig&) = delete;
  rig& operator=(const rig&) = delete;

  [[nodiscard]] person make_person(const std::string& name);
  [[nodiscard]] workspace_id create_workspace(const std::string& name);
  void share(workspace_id workspace, const device& with, ledger::role role);
  /// Everybody syncs, until all have heard of all.
  void settle();
  [[nodiscard]] std::vector<device*> members() { return {&alice, &bob, &carol}; }

  std::unique_ptr<random_source> random;
  middle attacker = [](const under_way& u) { return std::optional(u.m); };
  bytes wire;  ///< all that the relay and the network saw
  signing_key root;
  signing_key receipt_key;
  std::uint64_t clock_ms = 1'790'000'000'000;
  std::unique_ptr<relay_node> relay;
  std::deque<device> devices;
  device& alice;
  device& bob;
  device& carol;
  device& dave;
  device& mallory;
  workspace_id papers;
};

/// True when `text` stands anywhere in `data`.
[[nodiscard]] bool contains(bytes_view data, bytes_view text);
/// All keys and values of a store, one after the other.
[[nodiscard]] bytes everything_in(const db::store& disk);

}  // namespace keyfold::attack
