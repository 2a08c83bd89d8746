// The relay of the rig: requests to the core, as the relay's actors hand them on.
#include "tests/attack/organization_rig.hpp"

namespace keyfold::attack {
namespace {

feed::feed_head head_of(const net::feed_position& p) {
  return {p.device, p.generation, p.seq, p.hash};
}
net::feed_position position_of(const feed::feed_head& h) {
  return {h.device, h.generation, h.seq, h.hash};
}

net::ledger_pull_answer answer_of(const relay::organization& core, ledger_seq head,
                                  std::size_t count) {
  net::ledger_pull_answer out{head, count};
  for (const auto& lack : core.lacks()) out.lacking.push_back({lack.scope, lack.first});
  return out;
}

net::message refusal(const net::message& request, const error& why,
                     std::optional<bytes> detail = {}) {
  return net::make_refusal(request.request_id, net::refusal::of(why, std::move(detail)));
}

template <class T, class Say>
net::message say_or_refuse(const net::message& request, const expected<T>& done, Say say) {
  return done ? say(*done) : refusal(request, done.error());
}

}  // namespace

std::unique_ptr<db::store> copy_of(const db::store& disk) {
  db::batch all;
  const auto take = [&](bytes_view key, bytes_view value) {
    all[to_bytes(key)] = to_bytes(value);
    return true;
  };
  REQUIRE(disk.scan({}, {}, take));
  auto out = db::memory_store();
  REQUIRE(out->write(all, true));
  return out;
}

relay_node::relay_node(organization_id organization, const signing_key& key, random_source& random)
    : id(organization),
      receipt_key(key),
      disk(db::memory_store()),
      state(std::make_unique<db::transaction>(*disk)),
      random_(random) {}

relay_node::relay_node(const relay_node& like, std::unique_ptr<db::store> other_disk)
    : id(like.id),
      receipt_key(like.receipt_key),
      disk(std::move(other_disk)),
      objects(like.objects),
      random_(like.random_) {
  start();
}

expected<bytes> relay_node::found(const ledger::certificate& genesis) {
  KEYFOLD_TRY(core, relay::organization::found(*state, genesis, receipt_key, random_));
  KEYFOLD_CHECK(state->commit(true));
  return core->genesis_receipt();
}

void relay_node::start() {
  core.reset();
  growing_.clear();
  state = std::make_unique<db::transaction>(*disk);
  core = relay::organization::load(*state, id, receipt_key, random_).value();
}

void relay_node::take(const relay::effects& effects) {
  for (const auto& effect : effects) {
    if (const auto* grew = std::get_if<relay::news::feed_grew>(&effect.what))
      growing_[effect.to].insert(grew->workspace);
    if (const auto* lost = std::get_if<relay::news::objects_wanted>(&effect.what))
      wanted_[effect.to].push_back(
          net::make_message(net::objects_wanted{lost->workspace, lost->objects}, 0));
  }
}

net::message relay_node::serve(relay::session_number from, const box_public_key& key,
                               const net::message& request) {
  auto out = answer(from, key, request);
  REQUIRE(state->commit(true));
  return out;
}

std::optional<net::message> relay_node::tell(relay::session_number session) {
  if (auto& wanted = wanted_[session]; !wanted.empty()) {
    auto out = std::move(wanted.front());
    wanted.pop_front();
    return out;
  }
  auto& waiting = growing_[session];
  while (!waiting.empty()) {
    const auto workspace = *waiting.begin();
    const auto slice = core->deliver(session, workspace, 256 * 1024);
    if (slice && !slice->entries.empty())
      return net::make_message(net::feed_advanced{workspace}, 0, net::encode_list(slice->entries));
    waiting.erase(workspace);
  }
  return std::nullopt;
}

net::message relay_node::greet(relay::session_number from, const box_public_key& key,
                               const net::message& request) {
  const auto hello = net::decode<net::hello>(request.body.view());
  if (!hello) return refusal(request, hello.error());
  auto connected = core->connect(from, key);
  if (!connected.answer) return refusal(request, connected.answer.error());
  take(connected.effects);
  const auto said = core->greet(hello->nonce);
  return net::make_reply(
      request.request_id,
      net::hello_answer{net::protocol_version, said.statement_bytes, said.signature, std::nullopt});
}

net::message relay_node::push(relay::session_number from, const net::message& request) {
  const auto what = net::decode<net::feed_push>(request.body.view());
  const auto list = net::decode_list(request.bulk.view());
  if (!what || !list) return refusal(request, {errc::malformed, "no push"});
  std::vector<bytes> entries;
  for (const auto entry : *list) entries.push_back(to_bytes(entry));
  relay::organization::push_refusal lacking;
  auto pushed = core->push(from, what->workspace, entries, now, lacking);
  if (!pushed.answer) {
    std::optional<bytes> detail;
    if (!lacking.lacks.empty()) detail = net::encode(net::missing_entries{lacking.lacks});
    return refusal(request, pushed.answer.error(), std::move(detail));
  }
  take(pushed.effects);
  return net::make_reply(request.request_id,
                         net::feed_push_answer{pushed.answer->accepted, pushed.answer->wanted});
}

net::message relay_node::answer(relay::session_number from, const box_public_key& key,
                                const net::message& m) {
  const auto id_of = m.request_id;
  const auto done = [&](bytes bulk = {}) {
    return net::make_reply(id_of, net::empty_body{}, std::move(bulk));
  };
  const auto bulk_or_refuse = [&](const expected<bytes>& made) {
    return say_or_refuse(m, made, done);
  };
  switch (m.kind) {
    case net::message_kind::hello:
      return greet(from, key, m);
    case net::message_kind::ledger_pull: {
      const auto r = net::decode<net::ledger_pull>(m.body.view());
      if (!r) return refusal(m, r.error());
      return say_or_refuse(
          m, core->pull(from, r->from, r->workspace, r->max), [&](const auto& got) {
            auto said = answer_of(*core, got.head, got.records.size());
            said.readable = got.readable;
            return net::make_reply(id_of, said,
                                   got.records.empty() ? bytes{} : net::encode_list(got.records));
          });
    }
    case net::message_kind::ledger_put: {
      const auto list = net::decode_list(m.bulk.view());
      if (!list) return refusal(m, list.error());
      std::vector<bytes> records;
      for (const auto record : *list) records.push_back(to_bytes(record));
      auto placed = core->put(from, records);
      take(placed.effects);
      return say_or_refuse(m, placed.answer, [&](const auto& got) {
        return net::make_reply(id_of, answer_of(*core, got.head, got.taken));
      });
    }
    case net::message_kind::ledger_append: {
      auto appended = core->append(from, m.bulk.view());
      take(appended.effects);
      return bulk_or_refuse(appended.answer);
    }
    case net::message_kind::subscribe: {
      const auto r = net::decode<net::subscribe>(m.body.view());
      if (!r) return refusal(m, r.error());
      std::vector<feed::feed_head> frontier;
      for (const auto& p : r->frontier) frontier.push_back(head_of(p));
      auto subscribed = core->subscribe(from, r->workspace, std::move(frontier));
      take(subscribed.effects);
      return say_or_refuse(m, subscribed.answer, [&](const auto& heads) {
        net::subscribe_answer out;
        for (const auto& head : heads) out.frontier.push_back(position_of(head));
        return net::make_reply(id_of, out);
      });
    }
    case net::message_kind::feed_heads: {
      const auto r = net::decode<net::feed_heads>(m.body.view());
      return r ? bulk_or_refuse(core->heads(from, r->workspace, r->user)) : refusal(m, r.error());
    }
    case net::message_kind::feed_push:
      return push(from, m);
    case net::message_kind::object_have: {
      const auto r = net::decode<net::object_have>(m.body.view());
      if (!r) return refusal(m, r.error());
      return say_or_refuse(m, core->lacking(from, r->workspace, r->objects), [&](const auto& ids) {
        return net::make_reply(id_of, net::object_have_answer{ids});
      });
    }
    case net::message_kind::object_put: {
      const auto r = net::decode<net::object_put>(m.body.view());
      if (!r) return refusal(m, r.error());
      const auto wanted = core->check_put(from, r->workspace, r->object, m.bulk.size());
      if (!wanted) return refusal(m, wanted.error());
      const auto checked = object::sealed_object::check(r->object, to_bytes(m.bulk.view()));
      if (!checked) return refusal(m, checked.error());
      objects[r->object] = to_bytes(m.bulk.view());
      core->object_stored(r->workspace, r->object);
      return done();
    }
    case net::message_kind::object_get: {
      const auto r = net::decode<net::object_get>(m.body.view());
      if (!r) return refusal(m, r.error());
      const auto allowed = core->check_get(from, r->workspace, r->object);
      if (!allowed) return refusal(m, allowed.error());
      const auto& data = objects.at(r->object);
      return net::make_reply(id_of, net::object_get_answer{data.size(), {}}, data);
    }
    default:
      return refusal(m, {errc::unknown_kind, "not served here"});
  }
}

}  // namespace keyfold::attack
