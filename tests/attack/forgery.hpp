// What an attacker can make: certificates that say anything, receipts of a relay that gives one for
// anything, entries of any shape, and a relay that hands them out.
#pragma once

#include "tests/attack/organization_rig.hpp"

namespace keyfold::attack {

/// A certificate of `by` after the head of the ledger `at`, whatever it says.
[[nodiscard]] inline ledger::certificate forge(const ledger::state& at, const person& by,
                                               std::optional<workspace_id> scope,
                                               ledger::payload what,
                                               ledger::attachments attached = {}) {
  ledger::header h;
  h.organization = at.id();
  h.seq = at.head()->seq.next();
  h.prev = at.head()->hash;
  h.author = by.device;
  h.scope = scope;
  return ledger::sign_certificate(h, {1, std::move(what)}, std::move(attached), by.signing);
}

/// A certificate of a kind that is not built here.
[[nodiscard]] inline ledger::certificate forge_kind(const ledger::state& at, const person& by,
                                                    std::optional<workspace_id> scope,
                                                    std::uint64_t kind, bool critical) {
  auto c = forge(at, by, scope, ledger::profile_changed{});
  writer body;
  body.array(4).uint(kind).boolean(critical).uint(std::uint64_t{1}).array(0);
  c.body = std::move(body).take();
  c.header.body_hash = ledger::hash_of_body(*c.body);
  c.header_bytes = ledger::encode_header(c.header);
  c.hash = ledger::hash_of_header(c.header_bytes);
  c.signatures = {by.signing.sign("keyfold/v1/certificate", c.header_bytes)};
  return c;
}

/// The receipt that a relay with this key would give for it.
[[nodiscard]] inline ledger::record receipted(rig& r, const ledger::certificate& c,
                                              std::uint64_t counter = 1'000'000) {
  const ledger::statement said{
      c.header.organization, 0, c.header.seq, c.hash, counter + c.header.seq.value, {}, {}};
  return {c, ledger::sign_statement(said, r.receipt_key)};
}

/// Changes the records of every answer to a pull, and adds some.
[[nodiscard]] inline middle lying_ledger(std::function<void(ledger::record&)> change,
                                         std::vector<ledger::record> more = {}) {
  return [change = std::move(change), more = std::move(more)](const under_way& u) {
    auto out = std::optional(u.m);
    if (u.up || u.about != net::message_kind::ledger_pull || u.m.kind != net::message_kind::reply)
      return out;
    std::vector<bytes> records;
    const auto list =
        u.m.bulk.empty() ? std::vector<bytes_view>{} : net::decode_list(u.m.bulk.view()).value();
    for (const auto encoded : list) {
      auto record = ledger::decode_record(encoded).value();
      change(record);
      records.push_back(ledger::encode_record(record));
    }
    for (const auto& record : more) records.push_back(ledger::encode_record(record));
    if (!records.empty()) out->bulk = net::encode_list(records);
    return out;
  };
}
[[nodiscard]] inline middle lying_ledger(std::vector<ledger::record> more) {
  return lying_ledger([](ledger::record&) {}, std::move(more));
}

/// Changes the entries of every event, or drops those for which it says false.
[[nodiscard]] inline middle lying_feeds(std::function<bool(const std::string& to, bytes&)> change) {
  return [change = std::move(change)](const under_way& u) -> std::optional<net::message> {
    auto out = u.m;
    if (u.up || u.m.kind != net::message_kind::feed_advanced) return out;
    std::vector<bytes> entries;
    const auto list = net::decode_list(u.m.bulk.view()).value();
    for (const auto encoded : list) {
      auto e = to_bytes(encoded);
      if (change(u.who, e)) entries.push_back(std::move(e));
    }
    if (entries.empty()) return std::nullopt;
    out.bulk = net::encode_list(entries);
    return out;
  };
}

/// Hides an entry from one of them: `drops` it on the way, and leaves it out of the frontier too.
[[nodiscard]] inline middle hiding_even_in_frontiers(middle drops, const std::string& from,
                                                     const entry_hash& hidden) {
  return [drops = std::move(drops), from, hidden](const under_way& u) {
    auto out = drops(u);
    if (out && !u.up && u.who == from && u.about == net::message_kind::subscribe) {
      auto said = net::decode<net::subscribe_answer>(out->body.view()).value();
      std::erase_if(said.frontier, [&](const auto& head) { return head.hash == hidden; });
      out->body = net::encode(said);
    }
    return out;
  };
}

/// A right draft of a new generation of `by`, who knows what his device holds: it makes a folder.
[[nodiscard]] inline feed::draft draft_of(device& by, workspace_id workspace, random_source& random,
                                          const std::string& name = "forged") {
  feed::draft d;
  d.organization = by.ledger.id();
  d.workspace = workspace;
  d.device = by.who.device;
  d.generation = random.id<generation_id>();
  d.ledger = *by.ledger.head();
  d.epoch = *by.ledger.epoch_at(workspace, d.ledger.seq);
  d.seen = by.engine(workspace).feeds().frontier();
  for (const auto& head : d.seen)
    d.lamport = std::max(d.lamport, by.engine(workspace).feeds().find(head.hash)->order.lamport);
  d.lamport = d.lamport.next();
  workspace::create_operation made;
  random.fill(made.nonce);
  made.kind = workspace::node_kind::folder;
  made.name = name;
  d.payload = workspace::encode_payload({{made}});
  return d;
}
/// The draft's successor in its generation.
[[nodiscard]] inline feed::draft draft_after(const feed::entry& last, feed::draft d) {
  d.generation = last.header.generation;
  d.seq = last.header.seq.next();
  d.prev = last.hash;
  d.lamport = last.header.lamport.next();
  d.seen.clear();
  return d;
}
/// Signed by `by`, under the key of its epoch as `keys` has it.
[[nodiscard]] inline feed::entry sign(const person& by, const ledger::keyring& keys,
                                      const feed::draft& d, random_source& random) {
  return feed::make_entry(d, *keys.workspace_key(d.workspace, d.epoch), by.signing, random).value();
}

/// What pushing the entries answers.
[[nodiscard]] inline expected<std::uint64_t> push(device& by, workspace_id workspace,
                                                  const std::vector<feed::entry>& entries) {
  std::vector<bytes> encoded;
  for (const auto& e : entries) encoded.push_back(feed::encode_entry(e));
  KEYFOLD_TRY(const auto got, by.ask(net::make_message(net::feed_push{workspace, std::nullopt}, 90,
                                                       net::encode_list(encoded))));
  KEYFOLD_TRY(const auto answer, net::decode<net::feed_push_answer>(got.body.view()));
  return answer.accepted;
}
/// What appending the certificate answers.
[[nodiscard]] inline errc append_refusal(device& by, const ledger::certificate& c) {
  const auto got =
      by.ask(net::make_message(net::ledger_append{}, 91, ledger::encode_certificate(c)));
  return got ? errc::unknown : got.error().code;
}
[[nodiscard]] inline feed::standing standing_of(device& at, const feed::entry& e) {
  const auto held = at.engine(e.header.workspace).feeds().find(e.hash);
  return held ? held->standing : feed::standing::waiting;
}
[[nodiscard]] inline std::vector<workspace::entry_incident> invalid_ones(const device& at) {
  auto out = at.noticed.entries;
  std::erase_if(out,
                [](const auto& i) { return i.what != workspace::entry_incident::kind::invalid; });
  return out;
}

}  // namespace keyfold::attack
