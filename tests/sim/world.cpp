#include "tests/sim/world.hpp"

#include "store/ledger/log.hpp"

namespace keyfold::sim {
namespace {

constexpr std::uint64_t most_steps_to_rest = 60'000;
constexpr instant longest_to_rest{3'600'000};

/// Gives the same id again now and then.
class forgetful_random final : public random_source {
 public:
  explicit forgetful_random(std::unique_ptr<random_source> below) : below_(std::move(below)) {}
  void fill(std::span<std::uint8_t> out) override {
    below_->fill(out);
    if (out.size() != 16) return;
    if (++count_ % 4 == 0) std::copy(last_.begin(), last_.end(), out.begin());
    last_.assign(out.begin(), out.end());
  }

 private:
  std::unique_ptr<random_source> below_;
  bytes last_ = bytes(16);
  std::uint64_t count_ = 0;
};

}  // namespace

world::world(std::uint64_t s, bug planted, std::ostream* out)
    : seed(s),
      people(cast_of(seeded_random(s ^ 0x3a5e)->below(shapes))),
      organization(people->organization),
      workspace(people->workspace),
      log(out),
      chance(seeded_random(s ^ 0x77aa'0000)),
      net(events, *this, *chance, log),
      judge(*this),
      users(people->users),
      planted_(planted) {
  push_tuning.object_window = 3000 + chance->below(20'000);
  push_tuning.batch_bytes = 500 + chance->below(5000);
  push_tuning.have_batch = 1 + chance->below(10);
  push_tuning.lookahead = 1 + chance->below(10);
  slice_bytes = 200 + chance->below(4000);
  direct = chance->below(2) == 0;
  relay = std::make_unique<relay_node>(*this, people->relay, people->receipt_key);
  relay->start();
  for (std::size_t i = 0; i < people->devices.size(); ++i) {
    devices.push_back(std::make_unique<device>(*this, i + 1, people->devices[i]));
    auto& made = *devices.back();
    made.mirrors = chance->below(5) != 0;
    made.database.restore(people->databases[i]);
    made.start(people->states[i]);
  }
}

bool world::has(bug b, const device& of) const {
  return planted_ == b && (of.number % 2 == 1 || devices.size() < 2);
}

bool world::is_up(node_number n) const {
  return n == 0 ? relay->runs() : devices.at(n - 1)->runs();
}

std::unique_ptr<random_source> world::random_for(device& of) {
  auto out =
      seeded_random(seed * 1'000'003 + of.number * 1009 + of.lives * 31 + chance->below(1u << 30));
  if (has(bug::older_content_wins, of)) return std::make_unique<forgetful_random>(std::move(out));
  return out;
}

void world::add_device(const person& who, const ledger::record& genesis) {
  devices.push_back(std::make_unique<device>(*this, devices.size() + 1, who));
  auto& made = *devices.back();
  // As an invitation leaves it: it knows the organization's beginning, and the rest comes from the relay.
  db::transaction transaction(made.database);
  db::prefixed part(transaction, {ledger_part});
  ledger::log records(part);
  ledger::state state(organization);
  (void)ledger::add(state, records, genesis);
  (void)transaction.commit(true);
  made.start();
}

// -- links ----------------------------------------------------------------------------------------

void world::link_up(node_number at, link_number link, node_number other) {
  if (!is_up(at)) return net.cut(link);
  at == 0 ? relay->link_up(link, other) : device_at(at).link_up(link, other);
}

void world::link_down(node_number at, link_number link) {
  if (!is_up(at)) return;
  at == 0 ? relay->link_down(link) : device_at(at).link_down(link);
}

void world::hear(node_number at, link_number link, node_number from, const message& m) {
  if (!is_up(at)) return;
  at == 0 ? relay->hear(link, from, m) : device_at(at).hear(link, from, m);
}

// -- what happens ---------------------------------------------------------------------------------

void world::lose_power(node_number n, std::uint64_t kept, instant restart) {
  say((n == 0 ? "the relay" : "d" + std::to_string(n)) + " loses its power");
  net.cut_all(n);
  if (n == 0) {
    relay->lose_power(kept);
    events.at(events.now() + restart, [this] {
      if (!relay->runs()) relay->start();
    });
  } else {
    device_at(n).lose_power(kept);
    events.at(events.now() + restart, [this, n] {
      if (!device_at(n).runs()) device_at(n).start();
    });
  }
}

void world::do_next() {
  try {
    events.step();
  } catch (const power_cut& at) {
    lose_power(at.node, chance->below(100),
               instant{static_cast<std::int64_t>(chance->below(4000))});
  }
}

void world::fault(const step& s) {
  const auto n = s.device % devices.size() + 1;
  auto& d = device_at(n);
  auto& health = d.database.health;
  const instant span{static_cast<std::int64_t>(s.b % 6000)};
  const auto other = s.a % 2 == 0 ? 0 : s.b % devices.size() + 1;  // of a link
  switch (s.what) {
    case kind::crash:
      if (d.runs()) lose_power(n, s.a, span);
      break;
    case kind::crash_at_effect:
      d.power_for = s.a % 14;
      break;
    case kind::cut:
      net.cut_between(n, other);
      break;
    case kind::block:
      net.block(n, other);
      break;
    case kind::unblock:
      net.unblock(n, other);
      break;
    case kind::disk_full:
      health.full = true;
      break;
    case kind::disk_fails:
      health.fails = true;
      break;
    case kind::disk_bad_reads:
      health.bad_reads = 3 + s.a % 200;
      break;
    case kind::disk_good:
      health = {};
      break;
    case kind::clock_jumps: {
      static constexpr std::int64_t hour = 3'600'000;
      static constexpr std::int64_t offsets[] = {-hour,
                                                 hour,
                                                 -24 * 365 * hour,
                                                 24 * 365 * hour,
                                                 -24 * 365 * 100 * hour,
                                                 24 * 365 * 9000 * hour};
      d.clock_offset_ms = offsets[s.a % 6];
      break;
    }
    case kind::slow_network:
      net.set_delay(instant{1 + static_cast<std::int64_t>(s.a % 3000)});
      break;
    case kind::relay_crash:
      if (relay->runs()) lose_power(0, s.a, span);
      break;
    case kind::relay_crash_at_effect:
      relay->power_for = s.a % 14;
      break;
    case kind::relay_disk_fails:
      relay->database.health.fails = true;
      break;
    case kind::relay_restored:
      if (s.a % 2 == 0) return relay->back_up();
      if (!relay->restore_backup()) return;
      say("the relay goes back to an earlier state");
      events.at(events.now() + instant{500}, [this] {
        if (!relay->runs()) relay->start();
      });
      break;
    default:
      break;
  }
}

void world::tell_lies(const step& s) {
  if (!relay->runs()) return;
  lied_ = true;
  auto& lies = relay->lies;
  switch (s.a % 6) {
    case 0:
    case 1: {
      const auto victim = s.device % devices.size() + 1;
      lies.withheld.insert({victim, devices[s.b % devices.size()]->who.device});
      break;
    }
    case 2:
      lies.replays = true;
      break;
    case 3:
      lies.shuffles = true;
      break;
    case 4:
      lies.silent = true;
      break;
    default:
      s.b % 2 == 0 ? lies.spoils = true : lies.hides_ledger = true;
  }
}

void world::carry_out(const step& s) {
  if (s.what == kind::rest) return rest();
  if (log.speaks()) say("* " + to_text(s).substr(10));
  if (s.what == kind::relay_lies) return tell_lies(s);
  if (s.what >= kind::crash && s.what != kind::rebel) return fault(s);
  auto& d = *devices[s.device % devices.size()];
  if (s.what == kind::rebel) {
    if (d.who.user_number == 0 || d.rebel || !d.runs() || relay->is_behind()) return;
    say(d.name() + " hears no more of the ledger, and writes on");
    d.rebel = lied_ = true;
    return;
  }
  events.at(events.now(), [&d, s] { d.act(s); });  // so that a power cut in it is caught
}

void world::heal() {
  net.heal();
  net.set_delay(instant{40});
  for (const auto& d : devices) {
    d->database.health = {};
    d->power_for.reset();
    d->clock_offset_ms = 0;
  }
  relay->database.health = {};
  relay->power_for.reset();
  if (relay->lies.any()) net.cut_all(0);  // it begins to be honest
  relay->lies = {};
}

bool world::out_of_reach(const object_id& object) const {
  if (!relay->runs() || relay->holds(object)) return false;
  const auto readers = judge.readers();
  return std::ranges::none_of(
      readers, [&](auto* d) { return d->objects.has(object) || d->own_objects.contains(object); });
}

void world::rest() {
  heal();
  say("everything is healed");
  const auto first = events.steps();
  const auto begun = events.now();
  while (!events.at_rest()) {
    do_next();
    if (events.steps() - first > most_steps_to_rest || events.now() - begun > longest_to_rest) {
      std::string who;
      for (const auto& d : devices)
        if (d->workspace() != nullptr)
          if (const auto why = d->workspace()->unfinished()) who += "; " + d->name() + ": " + *why;
      throw broken_promise{"it does not come to rest" + who};
    }
  }
  judge.check();
}

outcome world::run(const std::vector<step>& plan) {
  outcome out;
  try {
    instant offset{0};
    for (const auto& s : plan) {
      const auto due = s.at + offset;
      while (events.next() <= due) do_next();
      events.skip_to(due);
      carry_out(s);
      if (s.what == kind::rest) offset = std::max(offset, events.now() - s.at);
    }
    rest();
  } catch (const broken_promise& broken) {
    out.broken = broken.what;
    say("BROKEN: " + broken.what);
  }
  out.hash = log.hash();
  out.steps = events.steps();
  return out;
}

}  // namespace keyfold::sim
