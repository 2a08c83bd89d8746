// An organization at a relay, for tests: its people's certificates, the relay's core over a store in
// memory, and entries of their making.
#pragma once

#include "store/db/kv.hpp"
#include "store/relay/organization.hpp"
#include "tests/support/organization.hpp"

namespace keyfold::tests {

/// Alice is Administrator; the relay's core has what `org` has, if it was brought with sync().
struct relay_world {
  relay_world() : store(db::memory_store()), state(std::make_unique<db::transaction>(*store)) {
    core =
        relay::organization::found(*state, org.records.front().certificate, org.relay, org.random())
            .value();
    alice_session = connect(org.alice);
    sync();
  }

  /// Brings every certificate of `org` that the relay does not have.
  void sync() {
    for (auto next = core->ledger().head()->seq.value + 1; next < org.records.size(); ++next)
      append(org.records[next].certificate).value();
  }
  expected<bytes> append(const ledger::certificate& c) {
    auto done = core->append(alice_session, ledger::encode_certificate(c));
    effects = std::move(done.effects);
    return std::move(done.answer);
  }
  relay::session_number connect(const person& who) {
    const auto session = next_session++;
    effects = core->connect(session, who.link.public_key()).effects;
    return session;
  }
  /// The relay stops and starts; what was committed is there.
  void restart() {
    REQUIRE(state->commit(true));
    state = std::make_unique<db::transaction>(*store);
    core = relay::organization::load(*state, org.state.id(), org.relay, org.random()).value();
    alice_session = connect(org.alice);
  }

  /// The next entry of a person's feed, at the present head of the ledger.
  feed::entry write(const person& who, workspace_id workspace, std::vector<object_id> needed = {}) {
    auto& last = feeds[{who.device, workspace}];
    const auto epoch = *org.state.epoch_at(workspace, org.state.head()->seq);
    const auto keys = org.keys_of(org.alice);
    feed::draft d{org.state.id(),
                  workspace,
                  who.device,
                  last ? last->header.generation : org.random().id<generation_id>(),
                  last ? last->header.seq.next() : feed_seq{0},
                  last ? last->hash : entry_hash{},
                  *org.state.head(),
                  epoch,
                  last ? last->header.lamport.next() : lamport_time{1},
                  {},
                  std::move(needed),
                  bytes{0x93, 1, 0x90, 0x90}};
    last = feed::make_entry(d, *keys.workspace_key(workspace, epoch), who.signing, org.random())
               .value();
    return *last;
  }
  /// Forgets the feed, so that the next entry begins a generation.
  void new_generation(const person& who, workspace_id workspace) {
    feeds[{who.device, workspace}].reset();
  }

  relay::answered<relay::organization::pushed> push(relay::session_number session,
                                                    workspace_id workspace,
                                                    const std::vector<feed::entry>& entries) {
    std::vector<bytes> encoded;
    for (const auto& e : entries) encoded.push_back(feed::encode_entry(e));
    refusal = {};
    return core->push(session, workspace, encoded, now, refusal);
  }

  /// What of one kind a session was told.
  template <class News>
  static std::vector<News> told(const relay::effects& all, relay::session_number to) {
    std::vector<News> out;
    for (const auto& e : all)
      if (const auto* found = std::get_if<News>(&e.what); found != nullptr && e.to == to)
        out.push_back(*found);
    return out;
  }

  organization org;
  std::unique_ptr<db::store> store;
  std::unique_ptr<db::transaction> state;
  std::unique_ptr<relay::organization> core;
  relay::timestamp now{1'000'000};
  relay::session_number next_session = 1;
  relay::session_number alice_session = 0;
  relay::effects effects;  ///< of the last call
  relay::organization::push_refusal refusal;
  std::map<std::pair<device_id, workspace_id>, std::optional<feed::entry>> feeds;
};

}  // namespace keyfold::tests
