// A relay and devices made of the real cores, with links that lose everything under way now and
// then.
#pragma once

#include <catch2/catch.hpp>
#include <deque>

#include "store/replica/pull.hpp"
#include "store/replica/push.hpp"
#include "tests/store/feed/world.hpp"

namespace keyfold::test {

using namespace keyfold::replica;

// What travels, as PROTOCOL has it.
struct subscribe_answer {
  std::vector<feed_head> frontier;
};
struct have_answer {
  std::vector<object_id> lacking;
};
struct put_answer {
  object_id object;
};
struct push_answer {
  std::size_t accepted = 0;
  std::vector<object_id> wanted;
  std::optional<error> refused;
  std::vector<entry_hash> lacks;
};
struct feed_event {
  std::vector<bytes> entries;
};
using request = std::variant<replica::subscribe, ask_have, put_object, push_entries>;
using answer = std::variant<subscribe_answer, have_answer, put_answer, push_answer, feed_event>;

inline std::vector<entry> decode_all(const std::vector<bytes>& encoded) {
  std::vector<entry> out;
  for (const auto& data : encoded) out.push_back(feed::decode_entry(data).value());
  return out;
}

template <class Message>
Message take_front(std::deque<Message>& queue) {
  auto out = std::move(queue.front());
  queue.pop_front();
  return out;
}

/// One device's end of a link to the relay, and the messages under way.
struct line {
  std::deque<request> up;
  std::deque<answer> down;
  std::optional<delivery> subscription;  ///< the relay's
  bool open = false;
};

struct relay_node {
  explicit relay_node(const world& w)
      : held(std::make_unique<replica_index>(w)), ledger(w.ledger) {}

  void serve(const device_id& from, line& l, std::vector<line*> all);
  push_answer accept(const device_id& from, line& l, const std::vector<bytes>& encoded);
  void deliver(line& l) {
    if (!l.subscription) return;
    auto slice = l.subscription->next(held->feeds, 2000);
    if (!slice.entries.empty()) l.down.emplace_back(feed_event{std::move(slice.entries)});
  }

  std::unique_ptr<replica_index> held;
  table_ledger ledger;
  std::set<object_id> objects;
};

inline push_answer relay_node::accept(const device_id& from, line& l,
                                      const std::vector<bytes>& encoded) {
  const auto entries = decode_all(encoded);
  const auto taken = take(held->feeds, ledger, entries);
  push_answer out{taken.accepted, {}, taken.refusal, taken.lacks};
  for (const auto& e : entries) {
    if (!held->feeds.holds(e.hash)) continue;
    if (l.subscription) l.subscription->has(held->feeds, e.hash);
    const auto needed = feed::decode_needed(e.needed).value();
    for (const auto& id : needed)
      if (!objects.contains(id)) {
        INFO("an own entry came before its objects");
        CHECK(e.header.device != from);
        out.wanted.push_back(id);
      }
  }
  return out;
}

inline void relay_node::serve(const device_id& from, line& l, std::vector<line*> all) {
  const auto asked = take_front(l.up);
  if (const auto* s = std::get_if<replica::subscribe>(&asked)) {
    l.subscription.emplace(s->frontier);
    l.down.emplace_back(subscribe_answer{held->feeds.frontier()});
  } else if (const auto* have = std::get_if<ask_have>(&asked)) {
    have_answer out;
    for (const auto& id : have->objects)
      if (!objects.contains(id)) out.lacking.push_back(id);
    l.down.emplace_back(std::move(out));
  } else if (const auto* put = std::get_if<put_object>(&asked)) {
    objects.insert(put->object);
    l.down.emplace_back(put_answer{put->object});
  } else if (const auto* push = std::get_if<push_entries>(&asked)) {
    l.down.emplace_back(accept(from, l, push->entries));
  }
  for (auto* each : all) deliver(*each);
}

struct device_node {
  device_node(world& w, person p, const push_tuning& tuning)
      : all(w),
        self(std::move(p)),
        held(w),
        ledger(w.ledger),
        journal(held.feeds, self.device, *w.random),
        pushing(
            held.feeds, journal, self.device,
            [this](const object_id& id) {
              const auto found = objects.find(id);
              return found == objects.end() ? std::nullopt : std::optional(found->second);
            },
            tuning),
        pulling(held.feeds),
        window(tuning.object_window) {}

  void change(std::size_t size, std::size_t needs) {
    std::vector<object_id> needed;
    for (std::size_t i = 0; i < needs; ++i) {
      needed.push_back(all.random->id<object_id>());
      objects[needed.back()] = 1 + all.random->below(1000);
    }
    const bytes operation{1};
    REQUIRE(journal.append(operation, size, needed));
    follow(pushing.changed());
  }
  void connect() {
    wire.open = true;
    follow(pulling.connected());
  }
  void disconnect() {
    wire = {};
    pulling.disconnected();
    pushing.disconnected();
    put_bytes.clear();
  }
  void hear();
  void sign(std::size_t count);
  void follow(const pull::effects& effects);
  void follow(const push::effects& effects);

  world& all;
  person self;
  replica_index held;
  table_ledger ledger;
  feed::journal journal;
  push pushing;
  pull pulling;
  std::size_t window;
  std::map<object_id, std::size_t> objects;
  std::map<object_id, std::size_t> put_bytes;
  line wire;
  bool wants_ledger = false;
  bool stalled_now = false;
  std::size_t withheld_told = 0;
  std::optional<feed::operation_order> durable_until;
};

inline void device_node::sign(std::size_t count) {
  while (count-- > 0 && !journal.empty()) {
    if (journal.renewal_due(ledger) != feed::renewal::none) (void)journal.begin_generation();
    const auto at = *ledger.head();
    const auto d = journal.draft_oldest(at, *ledger.epoch_at(all.workspace, at.seq), bytes{1});
    REQUIRE(journal.sign(all.sign(self, d), ledger));
  }
  follow(pushing.sign_answered());
}

inline void device_node::hear() {
  auto heard = take_front(wire.down);
  if (auto* s = std::get_if<subscribe_answer>(&heard)) {
    pulling.subscribed(s->frontier);
    if (!pushing.online()) follow(pushing.connected(std::move(s->frontier)));
  } else if (const auto* have = std::get_if<have_answer>(&heard)) {
    follow(pushing.have_answered(have->lacking));
  } else if (const auto* put = std::get_if<put_answer>(&heard)) {
    put_bytes.erase(put->object);
    follow(pushing.put_answered(put->object));
  } else if (const auto* pushed = std::get_if<push_answer>(&heard)) {
    follow(pushed->refused ? pushing.push_refused(*pushed->refused, pushed->lacks)
                           : pushing.push_answered(pushed->accepted, pushed->wanted));
  } else if (const auto* event = std::get_if<feed_event>(&heard)) {
    if (!pulling.streaming()) return;
    const auto entries = decode_all(event->entries);
    const auto got = take(held.feeds, ledger, entries);
    if (!got.fresh.empty()) journal.remote_applied();
    for (const auto& e : entries)
      if (held.feeds.holds(e.hash)) pushing.came_from_replica(e.hash);
    const bool lacks_records = got.refusal && got.refusal->code == errc::lacks_records;
    follow(pulling.received({!got.fresh.empty(), !got.lacks.empty(), lacks_records, got.lacks}));
    follow(pushing.changed());
  }
}

inline void device_node::follow(const pull::effects& effects) {
  for (const auto& effect : effects) {
    if (const auto* s = std::get_if<replica::subscribe>(&effect)) wire.up.emplace_back(*s);
    if (std::holds_alternative<pull_ledger>(effect)) wants_ledger = true;
    if (std::holds_alternative<withheld>(effect)) ++withheld_told;
  }
}

inline void device_node::follow(const push::effects& effects) {
  for (const auto& effect : effects) {
    if (const auto* have = std::get_if<ask_have>(&effect)) wire.up.emplace_back(*have);
    if (const auto* put = std::get_if<put_object>(&effect)) {
      put_bytes[put->object] = objects.at(put->object);
      std::size_t sum = 0;
      for (const auto& [id, size] : put_bytes) sum += size;
      CHECK((sum <= window || put_bytes.size() == 1));
      wire.up.emplace_back(*put);
    }
    if (const auto* entries = std::get_if<push_entries>(&effect)) wire.up.emplace_back(*entries);
    if (const auto* d = std::get_if<durable>(&effect)) durable_until = d->order;
    if (std::holds_alternative<stalled>(effect)) stalled_now = true;
    if (std::holds_alternative<sync_ledger>(effect)) wants_ledger = true;
    if (const auto* next = std::get_if<sign_next>(&effect)) sign(next->count);
  }
}

}  // namespace keyfold::test
