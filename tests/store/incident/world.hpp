// An organization whose people and relay also lie: reports of every kind, made as devices make them.
#pragma once

#include "store/incident/make.hpp"
#include "tests/support/organization.hpp"

namespace keyfold::tests {

struct lying_world : organization {
  lying_world() : bob(add("bob")), papers(create_workspace(alice)) {
    share(alice, papers, bob, ledger::role::contributor);
  }

  /// What the relay says of its head, or of another position.
  ledger::signed_statement hello(ledger::position at, std::uint64_t counted, incarnation_id in) {
    ledger::statement said{state.id(), 0, at.seq, at.hash, counted, in, random().id<hash32>()};
    return ledger::sign_statement(said, relay);
  }
  /// A certificate for the next position that could stand there, too.
  ledger::certificate another() {
    return as(alice, [](auto a) { return ledger::make_workspace_created(a, "other"); }).value();
  }

  feed::entry sign(const person& by, feed::header h,
                   const std::vector<feed::feed_head>& seen = {}) {
    feed::entry out;
    out.seen = feed::encode_seen(seen);
    h.seen_hash = feed::hash_of_seen(out.seen);
    h.salt = random().id<hash32>();
    out.header_bytes = feed::encode_header(h);
    out.signature = by.signing.sign("keyfold/v1/entry", out.header_bytes);
    out.header = h;
    out.hash = feed::hash_of_header(out.header_bytes);
    return out;
  }
  feed::header draft(const person& by, const feed::entry* prev = nullptr) {
    feed::header h;
    h.organization = state.id();
    h.workspace = papers;
    h.device = by.device;
    h.generation = prev ? prev->header.generation : random().id<generation_id>();
    h.seq = prev ? prev->header.seq.next() : feed_seq{0};
    if (prev) h.prev = prev->hash;
    h.ledger = *state.head();
    h.lamport = prev ? prev->header.lamport.next() : lamport_time{1};
    return h;
  }
  /// Remembers headers as an index does.
  incident::header_lookup holding(std::vector<feed::entry> entries) {
    return [entries](const entry_hash& hash) -> std::optional<bytes> {
      for (const auto& e : entries)
        if (e.hash == hash) return e.header_bytes;
      return std::nullopt;
    };
  }

  // One report of each kind that comes with evidence.

  incident::report forked_relay() {
    const auto held = push(another());
    // One after the other: compilers differ in the order of arguments, and the vectors must not.
    const auto in = random().id<incarnation_id>();
    const auto hash = random().id<certificate_hash>();
    const auto said = hello({held.certificate.header.seq, hash}, ++counter, in);
    return incident::of_relay({ledger::contradiction::forked, held.receipt, said}, now);
  }
  incident::report stepped_back_relay() {
    const auto held = push(another());
    const auto genesis = records.front().certificate.position();
    return incident::of_relay(
        {ledger::contradiction::stepped_back, held.receipt, hello(genesis, ++counter, incarnation)},
        now);
  }
  incident::report restored_relay() {
    const auto held = push(another());
    const auto genesis = records.front().certificate.position();
    return incident::of_relay({ledger::contradiction::restored, held.receipt,
                               hello(genesis, 7, random().id<incarnation_id>())},
                              now);
  }
  /// The relay gave a receipt for what follows a certificate that this state never saw.
  incident::report foreign_record() {
    auto elsewhere = *this;
    elsewhere.push(elsewhere.another());
    const auto foreign = elsewhere.push(elsewhere.another());
    push(as(alice, [](auto a) { return ledger::make_workspace_created(a, "mine"); }));
    REQUIRE(state.add(foreign).error().code == errc::ledger_forked);
    return incident::of_foreign_record(state, foreign, now).value();
  }
  /// Bob is no Administrator, and adds somebody all the same.
  incident::report refused_certificate() {
    const auto carol = make_person("carol");
    auto c = as(alice, [&](auto a) {
               return ledger::make_user_added(a, draft_of(carol, ledger::profile::member));
             }).value();
    c.header.author = bob.device;
    c = ledger::sign_certificate(c.header, ledger::decode_body(*c.body).value(), c.attached,
                                 bob.signing);
    force(c);
    return incident::of_refusal(state, state.refused().back(), now);
  }
  incident::report forked_feed() {
    const auto h = draft(bob);
    const auto second = sign(bob, h);
    const auto first = sign(bob, h);
    return incident::of_fork(first, second, now);
  }
  incident::report invalid_entry() {
    const auto first = sign(bob, draft(bob));
    auto h = draft(bob, &first);
    h.lamport = {9};
    return incident::of_invalid(sign(bob, h), errc::wrong_lamport, holding({first}), now).value();
  }
  incident::report mismatched_ledger() {
    auto h = draft(bob);
    h.ledger.hash.value[0] ^= 1;
    return incident::of_invalid(sign(bob, h), errc::ledger_mismatch, holding({}), now).value();
  }

  std::uint64_t now = 1'800'000'000'000;
  person bob;
  workspace_id papers;

 private:
  lying_world(const lying_world& other)
      : organization(99), now(other.now), bob(other.bob), papers(other.papers) {
    // The same organization on the other side of a fork.
    state = other.state;
    records = other.records;
    root = other.root;
    relay = other.relay;
    alice = other.alice;
    counter = other.counter + 50;
  }
};

}  // namespace keyfold::tests
