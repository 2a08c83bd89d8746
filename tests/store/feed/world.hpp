// A small world for tests of feeds: a ledger from a table, people with devices, and entries of any
// shape.
#pragma once

#include <map>
#include <set>

#include "store/db/kv.hpp"
#include "store/feed/index.hpp"

namespace keyfold::test {

using feed::entry;
using feed::feed_head;

/// Answers from tables; only what is at or below `known` is held.
class table_ledger final : public ledger::view {
 public:
  std::uint64_t known = 0;
  std::map<device_id, ledger::device_facts> devices;
  std::map<user_id, std::map<std::uint64_t, ledger::role>> roles;
  std::map<std::uint64_t, std::uint64_t> epochs{{0, 0}};
  std::set<std::uint64_t> rotation_due;
  std::map<user_id, std::vector<ledger::removal>> taken;
  std::optional<std::uint64_t> first_missing_body;

  static ledger::position position_of(std::uint64_t seq) {
    return {{seq}, hash_as<certificate_hash>("test/certificate", {as_bytes(std::to_string(seq))})};
  }

  std::optional<ledger::position> head() const override { return position_of(known); }
  std::optional<certificate_hash> hash_at(ledger_seq seq) const override {
    if (seq.value > known) return std::nullopt;
    return position_of(seq.value).hash;
  }
  std::optional<ledger::device_facts> find_device(device_id device) const override {
    const auto found = devices.find(device);
    if (found == devices.end() || found->second.added.value > known) return std::nullopt;
    return found->second;
  }
  ledger::role role_at(workspace_id, user_id user, ledger_seq seq) const override {
    const auto found = roles.find(user);
    return found == roles.end() ? ledger::role::none : at(found->second, seq, ledger::role::none);
  }
  std::optional<epoch_number> epoch_at(workspace_id, ledger_seq seq) const override {
    return epoch_number{at(epochs, seq, std::uint64_t{0})};
  }
  bool rotation_due_at(workspace_id, ledger_seq seq) const override {
    return rotation_due.contains(seq.value);
  }
  std::vector<ledger::removal> removals(workspace_id, user_id user) const override {
    std::vector<ledger::removal> out;
    if (const auto found = taken.find(user); found != taken.end())
      for (const auto& removal : found->second)
        if (removal.seq.value <= known) out.push_back(removal);
    return out;
  }
  bool complete_at(workspace_id, ledger_seq seq) const override {
    return !first_missing_body || seq.value < *first_missing_body;
  }

 private:
  template <class Value>
  static Value at(const std::map<std::uint64_t, Value>& table, ledger_seq seq, Value otherwise) {
    const auto next = table.upper_bound(seq.value);
    return next == table.begin() ? otherwise : std::prev(next)->second;
  }
};

struct person {
  user_id user;
  device_id device;
  signing_key key;
};

/// One workspace of alice (Owner) and bob (Contributor since position 2); carol is nobody yet.
struct world {
  explicit world(std::uint64_t seed)
      : random(seeded_random(seed)),
        organization(random->id<organization_id>()),
        workspace(random->id<workspace_id>()),
        key(random->key()),
        alice(join(0)),
        bob(join(1)),
        carol(join(1)) {
    ledger.known = 5;
    ledger.roles[alice.user][0] = ledger::role::owner;
    ledger.roles[bob.user][2] = ledger::role::contributor;
  }

  person join(std::uint64_t added) {
    person out{random->id<user_id>(), random->id<device_id>(), signing_key::generate(*random)};
    return add_device(out, added);
  }
  person second_device(const person& of, std::uint64_t added) {
    return add_device({of.user, random->id<device_id>(), signing_key::generate(*random)}, added);
  }
  person add_device(person p, std::uint64_t added) {
    ledger.devices[p.device] = {p.user, p.key.public_key(), {}, {added}};
    return p;
  }

  /// A right draft after `prev` (nullptr: a new generation), having seen `seen`.
  feed::draft draft_after(const person& by, const entry* prev, std::vector<entry> seen = {},
                          std::optional<std::uint64_t> position = {}) {
    feed::draft d;
    d.organization = organization;
    d.workspace = workspace;
    d.device = by.device;
    d.generation = prev ? prev->header.generation : random->id<generation_id>();
    d.seq = prev ? prev->header.seq.next() : feed_seq{0};
    d.prev = prev ? prev->hash : entry_hash{};
    d.ledger = table_ledger::position_of(position.value_or(ledger.known));
    d.epoch = *ledger.epoch_at(workspace, d.ledger.seq);
    if (prev) d.lamport = prev->header.lamport;
    for (const auto& e : seen) {
      d.lamport = std::max(d.lamport, e.header.lamport);
      d.seen.push_back(e.head());
    }
    d.lamport = d.lamport.next();
    d.payload = bytes{1, 2, 3};
    return d;
  }
  entry sign(const person& by, const feed::draft& d) {
    return *feed::make_entry(d, key, by.key, *random);
  }
  entry write(const person& by, const entry* prev, std::vector<entry> seen = {},
              std::optional<std::uint64_t> position = {}) {
    return sign(by, draft_after(by, prev, std::move(seen), position));
  }
  /// Takes bob's, or another's, right to write at `seq`, covering what stands before the heads.
  void remove(const person& who, std::uint64_t seq, std::optional<std::vector<feed_head>> heads) {
    ledger.known = std::max(ledger.known, seq);
    ledger.roles[who.user][seq] = ledger::role::none;
    ledger.taken[who.user].push_back({{seq}, {}, std::move(heads)});
  }

  std::unique_ptr<random_source> random;
  organization_id organization;
  workspace_id workspace;
  symmetric_key key;
  table_ledger ledger;
  person alice, bob, carol;
};

/// An index in memory.
struct replica_index {
  explicit replica_index(const world& w)
      : below(db::memory_store()), state(*below), feeds(state, w.organization, w.workspace) {}
  std::unique_ptr<db::store> below;
  db::transaction state;
  feed::index feeds;
};

}  // namespace keyfold::test
