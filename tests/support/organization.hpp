// A small organization for tests: people with keys, a relay that signs receipts, and a ledger that
// holds everything. Everything comes from one seed, so that a failing test fails again.
#pragma once

#include <catch2/catch.hpp>

#include "store/feed/entry.hpp"
#include "store/ledger/author.hpp"

namespace keyfold::tests {

struct person {
  std::string name;
  user_id user;
  box_key key;
  device_id device;
  signing_key signing;
  box_key link;
};

class organization {
 public:
  explicit organization(std::uint64_t seed = 1)
      : random_(seeded_random(seed)),
        root(signing_key::generate(*random_)),
        relay(signing_key::generate(*random_)),
        incarnation(random_->id<incarnation_id>()),
        state(ledger::organization_of(root.public_key())),
        alice(make_person("alice")) {
    push(genesis().value());
  }

  [[nodiscard]] random_source& random() { return *random_; }

  [[nodiscard]] person make_person(const std::string& name) {
    return {name,
            random_->id<user_id>(),
            box_key::generate(*random_),
            random_->id<device_id>(),
            signing_key::generate(*random_),
            box_key::generate(*random_)};
  }

  [[nodiscard]] ledger::founder founder() const {
    return {"wonderland", relay.public_key(),      {"keyfold://127.0.0.1:7000/?k=x"},
            alice.user,   alice.key.public_key(),  {"alice@example.org", "Alice"},
            alice.device, alice.link.public_key(), "alice's laptop"};
  }
  [[nodiscard]] expected<ledger::certificate> genesis() {
    return ledger::make_genesis(founder(), root, alice.signing, now_ms(), *random_);
  }

  /// The relay's receipt for `c`, as it would be if `c` was appended now.
  [[nodiscard]] ledger::record receipted(const ledger::certificate& c) {
    const ledger::statement said{c.header.organization, term, c.header.seq, c.hash, ++counter,
                                 incarnation,           {}};
    return {c, ledger::sign_statement(said, relay)};
  }
  /// Appends a certificate that must be valid.
  ledger::record push(const expected<ledger::certificate>& c) {
    if (!c) FAIL("not a certificate: " << to_string(c.error().code) << ", " << c.error().message);
    const auto allowed = state.check(*c);
    if (!allowed)
      FAIL("refused: " << to_string(allowed.error().code) << ", " << allowed.error().message);
    return force(*c);
  }
  /// Appends whatever a lying relay gives a receipt for.
  ledger::record force(const ledger::certificate& c) {
    auto r = receipted(c);
    const auto added = state.add(r);
    if (!added) FAIL("no record: " << to_string(added.error().code));
    records.push_back(r);
    return r;
  }

  [[nodiscard]] ledger::keyring keys_of(const person& who) const {
    ledger::keyring keys(who.user, who.key);
    keys.update(state);
    return keys;
  }
  /// Calls `make` with `who` as author at the present head.
  template <class Make>
  [[nodiscard]] auto as(const person& who, Make make) {
    const auto keys = keys_of(who);
    return make(ledger::author{state, keys, who.device, who.signing, now_ms(), *random_});
  }

  [[nodiscard]] ledger::user_draft draft_of(const person& who, ledger::profile profile) const {
    return {who.user,
            profile,
            who.key.public_key(),
            {who.name + "@example.org", who.name},
            {who.device, who.signing.public_key(), who.link.public_key(), who.name + "'s laptop"}};
  }
  person add(const std::string& name, ledger::profile profile = ledger::profile::member) {
    auto who = make_person(name);
    push(as(alice, [&](auto a) { return ledger::make_user_added(a, draft_of(who, profile)); }));
    return who;
  }
  workspace_id create_workspace(const person& by, const std::string& name = "papers") {
    return *push(as(by, [&](auto a) {
              return ledger::make_workspace_created(a, name);
            })).certificate.header.scope;
  }
  /// Gives or takes a role; `heads` are the user's.
  ledger::record share(const person& by, workspace_id workspace, const person& to,
                       ledger::role role, std::vector<ledger::signed_head> heads = {}) {
    return push(as(by, [&](auto a) {
      return ledger::make_role_changed(a, workspace, to.user, role, std::move(heads));
    }));
  }
  /// The present relay gives its last receipt, for the certificate that names the next one.
  void move(const person& by) {
    auto next = signing_key::generate(*random_);
    push(as(by, [&](auto a) {
      return ledger::make_relay_set(a, next.public_key(), {"keyfold://127.0.0.1:7001/?k=y"});
    }));
    relay = std::move(next);
    ++term;
    incarnation = random_->id<incarnation_id>();
  }
  ledger::record rotate(const person& by, workspace_id workspace) {
    return push(as(by, [&](auto a) { return ledger::make_key_rotated(a, workspace); }));
  }
  ledger::record revoke(
      const person& whom,
      const std::map<workspace_id, std::vector<ledger::signed_head>>& heads = {}) {
    return push(as(alice, [&](auto a) { return ledger::make_user_revoked(a, whom.user, heads); }));
  }
  [[nodiscard]] ledger::role role_of(workspace_id workspace, const person& who) const {
    return state.role_at(workspace, who.user, state.head()->seq);
  }

  /// A signed feed head of `who`; its entry holds nothing.
  [[nodiscard]] ledger::signed_head head_of(const person& who, workspace_id workspace,
                                            std::uint64_t seq = 0, generation_id generation = {}) {
    feed::header h;
    h.organization = state.id();
    h.workspace = workspace;
    h.device = who.device;
    h.generation = generation;
    h.seq = {seq};
    h.ledger = *state.head();
    h.lamport = {seq + 1};
    h.salt = random_->id<hash32>();
    const auto header_bytes = feed::encode_header(h);
    return {header_bytes, who.signing.sign("keyfold/v1/entry", header_bytes)};
  }
  [[nodiscard]] static ledger::feed_head place_of(const ledger::signed_head& head) {
    const auto h = feed::decode_header(head.header_bytes).value();
    return {h.device, h.generation, h.seq, feed::hash_of_header(head.header_bytes)};
  }
  /// `c` with another body, signed again by `by` (and, for genesis, by the root key).
  [[nodiscard]] ledger::certificate altered(
      const ledger::certificate& c, const person& by,
      const std::function<void(ledger::body&)>& change) const {
    auto b = ledger::decode_body(*c.body).value();
    change(b);
    const bool founds = c.header.seq.value == 0;
    return ledger::sign_certificate(c.header, b, c.attached, by.signing, founds ? &root : nullptr);
  }
  /// Any statement at all, after the head.
  [[nodiscard]] ledger::certificate statement(const person& by, std::optional<workspace_id> scope,
                                              ledger::payload what) const {
    ledger::header h;
    h.organization = state.id();
    h.seq = state.head()->seq.next();
    h.prev = state.head()->hash;
    h.author = by.device;
    h.scope = scope;
    return ledger::sign_certificate(h, {1, std::move(what)}, {}, by.signing);
  }

 private:
  [[nodiscard]] std::uint64_t now_ms() { return clock_ += 1000; }

  std::unique_ptr<random_source> random_;
  std::uint64_t clock_ = 1'790'000'000'000;

 public:
  signing_key root;
  signing_key relay;
  incarnation_id incarnation;
  std::uint64_t counter = 0;
  std::uint64_t term = 0;  ///< of the relay
  ledger::state state;
  person alice;  ///< the founder, an Administrator
  std::vector<ledger::record> records;
};

}  // namespace keyfold::tests
