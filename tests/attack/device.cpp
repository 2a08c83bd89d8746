// A device of the rig: the cores, composed as the agent's actors compose them.
#include "tests/attack/organization_rig.hpp"

#include <algorithm>

namespace keyfold::attack {
namespace {

net::feed_position position_of(const feed::feed_head& h) {
  return {h.device, h.generation, h.seq, h.hash};
}

/// The message as it comes out of the wire at the other end.
expected<net::message> over_the_wire(bytes& seen, const net::message& m) {
  auto head = net::encode_head(m);
  append(seen, head);
  append(seen, m.bulk.view());
  return net::decode_message(shared_bytes(std::move(head)), m.bulk);
}

}  // namespace

/// One workspace on the device.
struct device::part {
  part(device& of, workspace_id id, random_source& random)
      : workspace(id),
        view(*of.state, prefix_of(id)),
        engine(
            view, of.ledger,
            [&of, id](epoch_number epoch) -> std::optional<symmetric_key> {
              const auto* key = of.keys.workspace_key(id, epoch);
              return key != nullptr ? std::optional(*key) : std::nullopt;
            },
            {of.ledger.id(), id, of.who.device, of.local_key, {}}, random),
        pull(engine.feeds()),
        push(engine.feeds(), engine.journal(), of.who.device,
             [this](const object_id& object) -> std::optional<std::size_t> {
               const auto found = objects.objects.find(object);
               if (found == objects.objects.end()) return std::nullopt;
               return found->second.size();
             }),
        index(*of.sealed, of.local_key, id) {}

  static bytes prefix_of(workspace_id id) {
    bytes out{'W'};
    keyfold::append(out, id.view());
    return out;
  }

  workspace_id workspace;
  db::prefixed view;
  workspace::engine engine;
  object::test::memory_source objects;
  replica::pull pull;
  replica::push push;
  replica::fetch fetch;
  object::chunk_index index;
  bool rotating = false;
};

device::device(rig& all, person p, organization_id organization)
    : who(std::move(p)),
      ledger(organization),
      keys(who.user, who.key),
      local_key(all.random->key()),
      disk(db::memory_store()),
      sealed(db::sealed_store(*disk, local_key, *all.random)),
      state(std::make_unique<db::transaction>(*sealed)),
      all_(all),
      ledger_part_(*state, {'L'}),
      log_(ledger_part_) {}

device::part& device::in(workspace_id workspace) {
  auto& found = parts_[workspace];
  if (!found) found = std::make_shared<part>(*this, workspace, *all_.random);
  return *found;
}
workspace::engine& device::engine(workspace_id workspace) {
  return in(workspace).engine;
}
object::test::memory_source& device::objects(workspace_id workspace) {
  return in(workspace).objects;
}
std::vector<ledger::feed_head> device::behind(workspace_id workspace) {
  return in(workspace).pull.behind();
}

void device::commit() {
  REQUIRE(state->commit(true));
}

// -- the link

expected<net::message> device::ask(const net::message& request) {
  if (relay == nullptr) return fail(errc::unreachable, "no relay");
  KEYFOLD_TRY(const auto said, over_the_wire(all_.wire, request));
  const auto up = all_.attacker({who.name, true, request.kind, said});
  if (!up) return fail(errc::timed_out, "the attacker swallowed it");
  const auto got = relay->serve(session, who.link.public_key(), *up);
  auto down = all_.attacker({who.name, false, request.kind, got});
  if (!down) return fail(errc::timed_out, "the attacker swallowed the answer");
  KEYFOLD_TRY(auto heard, over_the_wire(all_.wire, *down));
  if (heard.kind != net::message_kind::refused) return heard;
  KEYFOLD_TRY(const auto why, net::decode<net::refusal>(heard.body.view()));
  noticed.refused.push_back(why.to_error());
  return tl::unexpected(why.to_error());
}

expected<void> device::connect(relay_node& to) {
  disconnect();
  relay = &to;
  session = to.begin_session();
  net::hello hello;
  hello.organization = ledger.id();
  hello.nonce = all_.random->id<hash32>();
  if (const auto head = ledger.head()) hello.head = net::ledger_head{head->seq, head->hash};
  const auto met = [&]() -> expected<void> {
    KEYFOLD_TRY(const auto got, ask(net::make_message(hello, 1)));
    KEYFOLD_TRY(const auto answer, net::decode<net::hello_answer>(got.body.view()));
    if (!ledger.head()) return {};
    KEYFOLD_TRY(const auto said, ledger::verify_statement(answer.statement, answer.signature,
                                                          ledger.organization().receipt_key()));
    if (said.statement.nonce != hello.nonce || said.statement.organization != ledger.id())
      return fail(errc::bad_receipt, "a greeting for another hello");
    const auto found = witness.heard(ledger, said);
    noticed.evidence.insert(noticed.evidence.end(), found.begin(), found.end());
    greeted = said;
    return {};
  }();
  if (met) return met;
  noticed.refused.push_back(met.error());
  relay = nullptr;
  return met;
}

void device::disconnect() {
  if (relay != nullptr) (void)relay->core->disconnect(session);
  relay = nullptr;
  for (auto& [id, p] : parts_) {
    p->pull.disconnected();
    p->push.disconnected();
  }
}

void device::hear() {
  while (relay != nullptr) {
    const auto event = relay->tell(session);
    if (!event) return;
    const auto down = all_.attacker({who.name, false, event->kind, *event});
    if (!down) continue;
    const auto m = over_the_wire(all_.wire, *down);
    if (m && m->kind == net::message_kind::objects_wanted) {
      if (const auto lost = net::decode<net::objects_wanted>(m->body.view())) {
        auto& p = in(lost->workspace);
        carry_out(p, p.push.wanted(lost->objects));
      }
      continue;
    }
    const auto where = m ? net::decode<net::feed_advanced>(m->body.view()) : fail(m);
    const auto list = m ? net::decode_list(m->bulk.view()) : fail(m);
    if (!where || !list) {
      noticed.refused.push_back(where ? list.error() : where.error());
      continue;
    }
    std::vector<feed::entry> entries;
    for (const auto encoded : *list) {
      auto e = feed::decode_entry(encoded);
      if (!e) {
        noticed.refused.push_back(e.error());
        entries.clear();  // as a device does: the whole message is thrown away
        break;
      }
      entries.push_back(std::move(*e));
    }
    auto& p = in(where->workspace);
    if (entries.empty() || !p.pull.streaming()) continue;
    const auto got = receive(where->workspace, entries, true);
    carry_out(p, p.pull.received({!got.fresh.empty(), !got.lacks.empty(),
                                  got.lacks_records || !got.lacks_keys.empty(), got.lacks}));
  }
}

workspace::received device::receive(workspace_id workspace, std::span<const feed::entry> entries,
                                    bool of_relay) {
  auto& p = in(workspace);
  auto got = p.engine.receive(entries);
  for (const auto& head : got.fresh)
    if (of_relay) p.push.came_from_replica(head.hash);
  heads.note(p.engine.feeds(), ledger);
  noticed.entries.insert(noticed.entries.end(), got.incidents.begin(), got.incidents.end());
  commit();
  return got;
}

// -- the ledger

expected<ledger::addition> device::take(const ledger::record& r) {
  KEYFOLD_TRY(auto added, ledger::add(ledger, log_, r));
  if (added.refused) noticed.refused.push_back(*added.refused);
  ledger_grew(added.incidents);
  return added;
}

void device::ledger_grew(const std::vector<ledger::incident>& incidents) {
  noticed.incidents.insert(noticed.incidents.end(), incidents.begin(), incidents.end());
  for (const auto& incident : keys.update(ledger)) noticed.incidents.push_back(incident);
  for (auto& [id, p] : parts_)
    for (auto& incident : p->engine.ledger_advanced()) noticed.entries.push_back(incident);
  commit();
}

expected<void> device::pull_ledger() {
  const auto pull = [&](ledger_seq from, std::optional<workspace_id> of) -> expected<std::size_t> {
    KEYFOLD_TRY(const auto got, ask(net::make_message(net::ledger_pull{from, of, 500}, 2)));
    if (got.bulk.empty()) return 0;
    KEYFOLD_TRY(const auto list, net::decode_list(got.bulk.view()));
    for (const auto encoded : list) {
      KEYFOLD_TRY(const auto record, ledger::decode_record(encoded));
      KEYFOLD_CHECK(take(record));
    }
    return list.size();
  };
  const auto done = [&]() -> expected<void> {
    for (auto before = ledger.size(), more = before + 1; more != before;) {
      before = ledger.size();
      KEYFOLD_CHECK(pull({before}, std::nullopt));
      more = ledger.size();
    }
    for (const auto& workspace : ledger.lacking_bodies(who.user))
      if (const auto missing = ledger.first_lacking(workspace))
        KEYFOLD_CHECK(pull(*missing, workspace));
    if (const auto directory = ledger::first_lacking_of_directory(ledger, who.user))
      KEYFOLD_CHECK(pull(*directory, std::nullopt));
    return {};
  }();
  if (!done) noticed.refused.push_back(done.error());
  return done;
}

expected<std::size_t> device::bring_forward() {
  const net::ledger_pull nothing_new{{ledger.size()}, std::nullopt, 1};
  KEYFOLD_TRY(auto got, ask(net::make_message(nothing_new, 2)));
  ledger::forward forward;
  for (std::size_t sent = 0;;) {
    KEYFOLD_TRY(const auto said, net::decode<net::ledger_pull_answer>(got.body.view()));
    std::vector<ledger::lack> lacking;
    for (const auto& row : said.lacking) lacking.push_back({row.scope, row.first});
    const auto records = forward.next(ledger, said.head, lacking);
    if (records.empty()) return sent;
    sent += records.size();
    KEYFOLD_TRY(got, ask(net::make_message(net::ledger_put{}, 10, net::encode_list(records))));
  }
}

expected<ledger_seq> device::append(const statement& make) {
  KEYFOLD_TRY(const auto c,
              make({ledger, keys, who.device, who.signing, all_.clock_ms += 1000, *all_.random}));
  KEYFOLD_TRY(const auto got,
              ask(net::make_message(net::ledger_append{}, 3, ledger::encode_certificate(c))));
  KEYFOLD_TRY(auto receipt, ledger::decode_receipt(got.bulk.view()));
  KEYFOLD_CHECK(take({c, std::move(receipt)}));
  return c.header.seq;
}

// -- a workspace

void device::sync(workspace_id workspace) {
  if (relay == nullptr && !connect(*all_.relay)) return;
  auto& p = in(workspace);
  if (!pull_ledger()) return;
  carry_out(p, p.pull.connected());
  hear();
  if (p.push.online()) carry_out(p, p.push.retry());
  hear();
  commit();
}

void device::carry_out(part& p, const replica::pull::effects& effects) {
  for (const auto& effect : effects) {
    if (const auto* e = std::get_if<replica::withheld>(&effect))
      noticed.withheld.insert(noticed.withheld.end(), e->entries.begin(), e->entries.end());
    if (std::holds_alternative<replica::pull_ledger>(effect) && pull_ledger())
      carry_out(p, p.pull.ledger_pulled());
    const auto* s = std::get_if<replica::subscribe>(&effect);
    if (s == nullptr) continue;
    net::subscribe request{p.workspace, {}};
    for (const auto& head : s->frontier) request.frontier.push_back(position_of(head));
    const auto got = ask(net::make_message(request, 4));
    const auto answer = got ? net::decode<net::subscribe_answer>(got->body.view()) : fail(got);
    if (!answer) {
      p.pull.disconnected();
      continue;
    }
    std::vector<ledger::feed_head> theirs;
    for (const auto& at : answer->frontier)
      theirs.push_back({at.device, at.generation, at.seq, at.hash});
    p.pull.subscribed(theirs);
    if (!p.push.online()) carry_out(p, p.push.connected(std::move(theirs)));
  }
}

void device::carry_out(part& p, const replica::push::effects& effects) {
  std::deque<replica::push_effect> todo(effects.begin(), effects.end());
  for (int steps = 0; !todo.empty(); ++steps) {
    REQUIRE(steps < 10'000);
    const auto effect = std::move(todo.front());
    todo.pop_front();
    for (auto& next : step(p, effect)) todo.push_back(std::move(next));
  }
}

replica::push::effects device::step(part& p, const replica::push_effect& effect) {
  if (const auto* have = std::get_if<replica::ask_have>(&effect)) {
    const auto got = ask(net::make_message(net::object_have{p.workspace, have->objects}, 5));
    const auto answer = got ? net::decode<net::object_have_answer>(got->body.view()) : fail(got);
    return answer ? p.push.have_answered(answer->lacking) : p.push.have_failed(answer.error());
  }
  if (const auto* put = std::get_if<replica::put_object>(&effect)) {
    const auto& data = p.objects.objects.at(put->object);
    const auto got =
        ask(net::make_message(net::object_put{p.workspace, put->object}, 6, to_bytes(data.data())));
    return got ? p.push.put_answered(put->object) : p.push.put_failed(put->object, got.error());
  }
  if (const auto* next = std::get_if<replica::sign_next>(&effect)) return sign(p, next->count);
  if (const auto* batch = std::get_if<replica::push_entries>(&effect)) return push(p, *batch);
  if (std::holds_alternative<replica::sync_ledger>(effect) && pull_ledger())
    return p.push.ledger_advanced();
  return {};
}

/// Where a rotation is due, whoever sends first rotates first.
replica::push::effects device::sign(part& p, std::size_t count) {
  std::optional<error> failed;
  for (std::size_t i = 0; i < count && !failed; ++i) {
    const auto e = p.engine.sign_next(who.signing);
    if (!e) failed = e.error();
    if (e && !*e) break;
  }
  commit();
  auto out = p.push.sign_answered(failed);
  if (!failed || failed->code != errc::rotation_due || std::exchange(p.rotating, true)) return out;
  const auto rotated =
      append([&](const ledger::author& a) { return ledger::make_key_rotated(a, p.workspace); });
  p.rotating = false;
  return rotated ? p.push.retry() : out;
}

replica::push::effects device::push(part& p, const replica::push_entries& batch) {
  const auto got = ask(net::make_message(net::feed_push{p.workspace, std::nullopt}, 7,
                                         net::encode_list(batch.entries)));
  if (!got) return p.push.push_refused(got.error(), {});
  const auto answer = net::decode<net::feed_push_answer>(got->body.view());
  if (!answer) return p.push.push_refused(answer.error(), {});
  return p.push.push_answered(answer->accepted, answer->wanted);
}

std::vector<feed::entry> device::sign_all(workspace_id workspace) {
  std::vector<feed::entry> out;
  while (true) {
    auto e = in(workspace).engine.sign_next(who.signing);
    REQUIRE(e);
    if (!*e) break;
    out.push_back(std::move(**e));
  }
  commit();
  return out;
}

expected<workspace::item> device::put(workspace_id workspace, const path& at,
                                      std::string_view text) {
  auto& p = in(workspace);
  const auto* fold = ledger.workspace(workspace);
  if (fold == nullptr) return fail(errc::workspace_unknown, "not known here");
  KEYFOLD_TRY(const auto secret, keys.chunking_of(*fold));
  const object::gear_table gear(secret);
  object::ingest_surroundings around{gear, fold->chunk_table(), p.index, *all_.random, {}, {}};
  around.usable = [&](const object_id& id) { return p.objects.objects.contains(id); };
  around.sink = [&](const object::ingested_object& o) -> expected<void> {
    p.objects.objects.emplace(o.object.id(), o.object);
    return sealed->write(o.index_changes, false);
  };
  object::ingest in_hand(std::move(around));
  KEYFOLD_CHECK(in_hand.begin(0, text.size()));
  KEYFOLD_CHECK(in_hand.feed(as_bytes(text)));
  KEYFOLD_CHECK(in_hand.end(0, false));
  KEYFOLD_TRY(const auto files, in_hand.flush());
  auto written = p.engine.write_at(at, files.front().content, files.front().needed);
  commit();
  return written;
}

expected<std::string> device::read(workspace_id workspace, const path& at) {
  auto& p = in(workspace);
  KEYFOLD_TRY(const auto found, p.engine.find(at));
  if (!found.version) return fail(errc::not_found, "no content");
  const auto* content = std::get_if<workspace::file_content>(&found.version->content);
  if (content == nullptr) return fail(errc::not_found, "no file");
  for (int tries = 0; tries < 3; ++tries) {
    std::vector<object_id> missing;
    std::string out;
    object::opener from(p.objects);
    auto file = object::file_reader::open(*content, from, missing);
    const auto done = file ? file->read_all(
                                 [&](bytes_view data) -> expected<void> {
                                   out += as_text(data);
                                   return {};
                                 },
                                 missing)
                           : fail(file);
    if (done) return out;
    if (missing.empty()) return fail(done);
    INFO("no plaintext leaves an unchecked chunk");
    CHECK(out.empty());
    if (relay == nullptr) return fail(done);
    fetch(p, p.fetch.replica_up(session));
    for (const auto& object : missing) fetch(p, p.fetch.want(object, 4096, 1));
  }
  return fail(errc::objects_missing, "the content is not to be had");
}

void device::fetch(part& p, const replica::fetch::effects& effects) {
  for (const auto& effect : effects) {
    if (const auto* gone = std::get_if<replica::object_unavailable>(&effect))
      noticed.unavailable.push_back(gone->object);
    const auto* get = std::get_if<replica::get_object>(&effect);
    if (get == nullptr) continue;
    const auto got = ask(net::make_message(net::object_get{p.workspace, get->object, 0, 0}, 8));
    if (!got) {
      fetch(p, p.fetch.lacks(get->replica, get->object));
      continue;
    }
    auto checked = object::sealed_object::check(get->object, to_bytes(got->bulk.view()));
    if (checked)
      p.objects.objects.emplace(get->object, *checked);
    else
      noticed.refused.push_back(checked.error());
    fetch(p, p.fetch.got(get->replica, get->object, checked.has_value()));
  }
}

std::vector<std::string> device::names(workspace_id workspace, const path& folder) {
  std::vector<std::string> out;
  const auto found = in(workspace).engine.find(folder);
  if (!found) return out;
  for (const auto& entry : in(workspace).engine.list(*found)) out.push_back(entry.name);
  return out;
}

std::vector<ledger::signed_head> device::own_heads(workspace_id workspace, const person& of) {
  const std::array devices{of.device};
  return ledger::decode_frontier(in(workspace).engine.feeds().signed_heads(devices)).value();
}

std::vector<ledger::signed_head> device::asked_heads(workspace_id workspace, const person& of) {
  const auto got = ask(net::make_message(net::feed_heads{workspace, of.user}, 9));
  return got ? ledger::decode_frontier(got->bulk.view()).value()
             : std::vector<ledger::signed_head>{};
}

}  // namespace keyfold::attack
