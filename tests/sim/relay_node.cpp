#include "tests/sim/relay_node.hpp"

#include "tests/sim/world.hpp"

namespace keyfold::sim {
namespace {

constexpr std::size_t kept_for_replays = 20;
constexpr instant silence_ends{45'000};

}  // namespace

relay_node::relay_node(world& of, const disk::pairs& begin, const signing_key& receipt_key)
    : database([this] { effect(); }),
      objects([this] { effect(); }),
      world_(of),
      receipt_key_(receipt_key),
      random_(seeded_random(of.seed * 1000)) {
  database.restore(begin);
  objects.health = &database.health;
}

void relay_node::effect() {
  if (power_for && (*power_for)-- == 0) throw power_cut{0};
}

relay::timestamp relay_node::now() const {
  return relay::timestamp(static_cast<std::int64_t>(epoch_ms)) + world_.events.now();
}

void relay_node::start() {
  ++lives;
  transaction_ = std::make_unique<db::transaction>(database);
  auto loaded =
      relay::organization::load(*transaction_, world_.organization, receipt_key_, *random_);
  if (!loaded || transaction_->failure()) return fall();
  core_ = std::move(*loaded);
}

void relay_node::lose_power(std::uint64_t kept) {
  core_.reset();
  sessions_.clear();
  after_commit_.clear();
  power_for.reset();
  database.lose_power(kept);
  objects.lose_power();
}

/// The core is not what the disk says any more: it ends, and begins again from there.
void relay_node::fall() {
  core_.reset();
  sessions_.clear();
  after_commit_.clear();
  ++lives;
  world_.net.cut_all(0);
  world_.events.at(world_.events.now() + instant{1000}, [this, life = lives] {
    if (!core_ && lives == life) start();
  });
}

void relay_node::when_durable(const std::function<void(const expected<void>&)>& then) {
  if (after_commit_.empty() && transaction_->empty()) return then({});
  if (world_.has(bug::relay_commits_late)) {
    then({});
    if (!after_commit_.empty()) return;
    after_commit_.emplace_back([](const expected<void>&) {});
    world_.events.at(world_.events.now() + instant{400}, [this, life = lives] {
      if (core_ && lives == life) commit();
    });
    return;
  }
  if (after_commit_.empty())
    world_.events.at(world_.events.now() + instant{static_cast<std::int64_t>(random_->below(8))},
                     [this, life = lives] {
                       if (core_ && lives == life) commit();
                     });
  after_commit_.push_back(then);
}

void relay_node::commit() {
  const auto committed = transaction_->empty() ? expected<void>{} : transaction_->commit(true);
  for (const auto& then : std::exchange(after_commit_, {})) then(committed);
  if (!committed) fall();
}

// -- links ----------------------------------------------------------------------------------------

void relay_node::link_up(link_number link, node_number other) {
  sessions_[link].node = other;
}

void relay_node::link_down(link_number link) {
  if (!core_ || sessions_.erase(link) == 0) return;
  const auto effects = core_->disconnect(link);
  when_durable([this, effects](const expected<void>&) { tell(effects); });
}

void relay_node::send_event(link_number link, event e) {
  effect();
  world_.net.send(link, 0, {0, std::move(e)});
}

void relay_node::reply(link_number link, std::uint64_t id, answer a, relay::effects effects) {
  when_durable([this, link, id, a = std::move(a),
                effects = std::move(effects)](const expected<void>& durable) {
    effect();
    if (lies.silent && random_->below(6) == 0) {
      // The other side waits in vain, and gives the link up.
      world_.events.at(world_.events.now() + silence_ends, [this, link] { world_.net.cut(link); });
    } else {
      world_.net.send(link, 0, {id, durable ? a : answer(sim::refused{durable.error(), {}})});
    }
    if (durable) tell(effects);
  });
}

void relay_node::tell(const relay::effects& effects) {
  for (const auto& effect : effects) {
    if (!core_) return;
    if (!sessions_.contains(effect.to)) continue;
    if (const auto* grown = std::get_if<relay::news::ledger_advanced>(&effect.what))
      if (!lies.hides_ledger) send_event(effect.to, sim::ledger_advanced{grown->receipt});
    // Not before all that waits for the same commit is answered: its session hears of it, and asks.
    if (std::holds_alternative<relay::news::feed_grew>(effect.what))
      world_.events.at(world_.events.now(), [this, link = effect.to, life = lives] {
        if (core_ && lives == life) deliver(link);
      });
    if (const auto* wanted = std::get_if<relay::news::objects_wanted>(&effect.what))
      send_event(effect.to, sim::objects_wanted{wanted->objects});
    if (const auto* said = std::get_if<relay::news::presence>(&effect.what))
      send_event(effect.to, sim::presence{said->device, said->online});
    if (const auto* over = std::get_if<relay::news::ended>(&effect.what)) {
      send_event(effect.to, sim::ended{over->why});
      sessions_.erase(effect.to);
    }
  }
}

/// A slice at a time, as the session's pacing has it.
void relay_node::deliver(link_number link) {
  const auto found = sessions_.find(link);
  if (found == sessions_.end() || found->second.delivering) return;
  const auto slice = core_->deliver(link, world_.workspace, world_.slice_bytes);
  if (!slice || slice->entries.empty()) return;
  found->second.delivering = true;
  when_durable([this, link, entries = slice->entries](const expected<void>& durable) mutable {
    const auto to = sessions_.find(link);
    if (!durable || to == sessions_.end()) return;
    to->second.delivering = false;
    if (lies.any()) distort(to->second.node, entries);
    if (!entries.empty()) {
      sent_.push_back(entries);
      if (sent_.size() > kept_for_replays) sent_.erase(sent_.begin());
      send_event(link, sim::feed_advanced{std::move(entries)});
    }
    world_.events.at(world_.events.now() + instant{1}, [this, link, life = lives] {
      if (core_ && lives == life) deliver(link);
    });
  });
}

void relay_node::distort(node_number to, std::vector<bytes>& entries) {
  std::erase_if(entries, [&](const bytes& encoded) {
    const auto e = feed::decode_entry(encoded);
    return e && lies.withheld.contains({to, e->header.device});
  });
  if (lies.shuffles)
    for (std::size_t i = entries.size(); i > 1; --i)
      std::swap(entries[i - 1], entries[random_->below(i)]);
  if (lies.replays && !sent_.empty()) {
    const auto& again = sent_[random_->below(sent_.size())];
    entries.insert(entries.end(), again.begin(), again.end());
  }
}

void relay_node::back_up() {
  // What is not committed stands in the ledger, but in no copy of the database.
  if (core_ && !is_behind() && transaction_->empty())
    backup_.emplace(backup{database.contents(), objects, core_->ledger()});
}

/// Some device holds every record that would be lost, whole, and is one that the restored relay lets in.
bool relay_node::can_be_brought_forward(const ledger::state& from) const {
  const auto& now = core_->ledger();
  return std::ranges::any_of(world_.devices, [&](const auto& d) {
    if (!d->runs() || d->rebel || !from.find_device(d->who.device)) return false;
    const auto& own = d->ledger().now()->state;
    if (own.head() != now.head() || now.organization().user(d->who.user)->revoked) return false;
    for (auto seq = from.head()->seq.next(); seq <= now.head()->seq; seq = seq.next())
      if (!ledger::complete(own, seq)) return false;
    return true;
  });
}

bool relay_node::restore_backup() {
  if (!core_ || !backup_ || is_behind() || !can_be_brought_forward(backup_->ledger)) return false;
  if (backup_->ledger.head() != core_->ledger().head()) lost_until_ = core_->ledger().head()->seq;
  lose_power(0);
  database.restore(backup_->database);
  objects.restore(backup_->objects);
  world_.net.cut_all(0);
  return true;
}

// -- requests -------------------------------------------------------------------------------------

/// One request, as actors/organization_requests.cpp does it.
struct relay_node::handler {
  relay_node& r;
  link_number link;
  std::uint64_t id;

  void refuse(const error& why, std::vector<entry_hash> lacks = {}, relay::effects effects = {}) {
    r.reply(link, id, sim::refused{why, std::move(lacks)}, std::move(effects));
  }
  void operator()(const sim::hello& q) {
    const auto& who = r.world_.device_at(r.sessions_.at(link).node).who;
    auto connected = r.core_->connect(link, who.link.public_key());
    if (!connected.answer) return refuse(connected.answer.error());
    r.sessions_.at(link).member = true;
    r.reply(link, id, sim::greeted{r.core_->greet(q.nonce)}, std::move(connected.effects));
  }
  void operator()(const sim::pull_ledger& q) {
    auto pulled = r.core_->pull(
        link, q.from, q.of_workspace ? std::optional(r.world_.workspace) : std::nullopt, q.max);
    if (!pulled) return refuse(pulled.error());
    if (r.lies.hides_ledger) pulled->records.clear();
    r.reply(
        link, id,
        sim::records{std::move(pulled->records), pulled->head, r.core_->lacks(), pulled->readable});
  }
  void operator()(const sim::put_records& q) {
    auto done = r.core_->put(link, q.list);
    if (!done.answer) return refuse(done.answer.error(), {}, std::move(done.effects));
    r.reply(link, id, sim::records{{}, done.answer->head, r.core_->lacks()},
            std::move(done.effects));
  }
  void operator()(const sim::append& q) {
    // It would give a second receipt for a position: two lines of the ledger, between which a person decides.
    if (r.is_behind()) return refuse({errc::timed_out, "no answer"});
    auto done = r.core_->append(link, q.certificate);
    if (!done.answer) return refuse(done.answer.error(), {}, std::move(done.effects));
    r.reply(link, id, sim::receipted{*done.answer}, std::move(done.effects));
  }
  void operator()(const sim::subscribe& q) {
    auto done = r.core_->subscribe(link, r.world_.workspace, q.frontier);
    if (!done.answer) return refuse(done.answer.error(), {}, std::move(done.effects));
    r.reply(link, id, sim::subscribed{*done.answer}, std::move(done.effects));
  }
  void operator()(const sim::heads& q) {
    const auto found = q.fence ? r.core_->fence(link, *q.fence, q.signature, r.now())
                               : r.core_->heads(link, r.world_.workspace, q.user);
    if (!found) return refuse(found.error());
    r.reply(link, id, sim::signed_heads{*found});
  }
  void operator()(const sim::push& q) {
    relay::organization::push_refusal refusal;
    auto done = r.core_->push(link, r.world_.workspace, q.entries, r.now(), refusal);
    if (!done.answer)
      return refuse(done.answer.error(), std::move(refusal.lacks), std::move(done.effects));
    r.reply(link, id, sim::pushed{done.answer->accepted, done.answer->wanted},
            std::move(done.effects));
  }
  void operator()(const sim::have& q) {
    const auto lacks = r.core_->lacking(link, r.world_.workspace, q.objects);
    if (!lacks) return refuse(lacks.error());
    r.reply(link, id, sim::lacking{*lacks});
  }
  void operator()(const sim::put& q) {
    const auto wanted = r.core_->check_put(link, r.world_.workspace, q.object, q.data->size());
    if (!wanted) return refuse(wanted.error());
    if (*wanted) {
      if (!object::sealed_object::check(q.object, *q.data))
        return refuse({errc::object_mismatch, "not the object's bytes"});
      auto stored = r.objects.put(q.object, q.data);
      if (stored) stored = r.objects.sync();
      if (!stored) return refuse(stored.error());
      r.core_->object_stored(r.world_.workspace, q.object);
    }
    r.reply(link, id, sim::stored{});
  }
  void operator()(const sim::get& q) {
    if (const auto allowed = r.core_->check_get(link, r.world_.workspace, q.object); !allowed)
      return refuse(allowed.error());
    auto data = r.objects.get(q.object);
    if (!data) {
      auto effects = r.core_->object_lost(r.world_.workspace, q.object);
      return refuse({errc::not_found, "the object is not here"}, {}, std::move(effects));
    }
    if (r.lies.spoils && r.random_->below(3) == 0) {
      auto other = *data;
      other[other.size() / 2] ^= 1;
      data = std::make_shared<const bytes>(std::move(other));
    }
    r.reply(link, id, sim::object_bytes{std::move(data)});
  }
};

void relay_node::hear(link_number link, node_number, const message& m) {
  if (!core_ || !sessions_.contains(link)) return;
  if (const auto* asked = std::get_if<request>(&m.what))
    std::visit([&](const auto& what) { handler{*this, link, m.id}(what); }, *asked);
}

}  // namespace keyfold::sim
