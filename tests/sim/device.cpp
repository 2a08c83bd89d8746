#include "tests/sim/device.hpp"

#include "store/ledger/relay_rules.hpp"

#include "tests/sim/world.hpp"

namespace keyfold::sim {
namespace {

constexpr instant restart_after{1000};
constexpr std::int64_t longest_backoff_ms = 5000;

}  // namespace

device::device(world& of, node_number n, person p)
    : number(n),
      who(std::move(p)),
      database([this] { effect(); }),
      objects([this] { effect(); }),
      world_(of),
      random_(seeded_random(of.seed * 1000 + n)) {
  objects.health = &database.health;
}

void device::effect() {
  if (power_for && (*power_for)-- == 0) throw power_cut{number};
}

std::uint64_t device::wall_ms() const {
  const auto now =
      static_cast<std::int64_t>(epoch_ms) + world_.events.now().count() + clock_offset_ms;
  return static_cast<std::uint64_t>(now);
}

ledger::author device::author(const ledger_snapshot& now) {
  return {now.state, now.keys, who.device, who.signing, wall_ms(), *random_};
}

void device::after(instant delay, schedule::action what, bool background) {
  world_.events.at(
      world_.events.now() + delay,
      [this, life = lives, what = std::move(what)] {
        if (running_ && lives == life) what();
      },
      background);
}

void device::start(const std::shared_ptr<const ledger::state>& known) {
  ended_.clear();
  ended_workspaces_.clear();
  ++lives;
  running_ = std::make_unique<running>(*this);
  if (!running_->ledger.load(known)) return begin_again();  // tried again until the disk is well
  start_workspace();
  dial_later();
  if (world_.direct) dial_devices();
}

void device::lose_power(std::uint64_t kept) {
  running_.reset();
  ended_.clear();
  ended_workspaces_.clear();
  power_for.reset();
  database.lose_power(kept);
  objects.lose_power();
}

void device::begin_again() {
  ++lives;
  ended_.push_back(std::move(running_));
  world_.net.cut_all(number);
  world_.events.at(world_.events.now() + restart_after, [this, life = lives] {
    if (!running_ && lives == life) start();
  });
}

void device::workspace_failed() {
  if (running_->workspace) ended_workspaces_.push_back(std::move(running_->workspace));
  after(restart_after, [this] { start_workspace(); });
}

void device::start_workspace() {
  ended_workspaces_.clear();
  const auto& now = *running_->ledger.now();
  const auto* fold = now.state.workspace(world_.workspace);
  if (running_->workspace || fold == nullptr || !fold->roles().contains(who.user)) return;
  auto made = std::make_unique<workspace_shell>(*this);
  if (made->is_dead()) return ended_workspaces_.push_back(std::move(made));
  running_->workspace = std::move(made);
  for (const auto& [link, state] : running_->links)
    if (running_->workspace && state.open)
      running_->workspace->replica_up(link, device_of(state.other));
  for (const auto& each : running_->present)
    if (running_->workspace) running_->workspace->note_at_relay(each, true);
}

void device::ledger_changed(const ledger_view& now) {
  for (const auto& each : running_->witness.advanced(now->state))
    world_.judge.report(number, incident::of_relay(each, wall_ms()));
  const auto life = lives;
  if (running_->workspace)
    running_->workspace->take_ledger(now);
  else if (ended_workspaces_.empty())
    start_workspace();
  if (!running_ || lives != life) return;
  for (const auto& [link, state] : running_->links)
    if (state.open && state.other != 0)
      world_.net.send(link, number, {0, event(sim::ledger_advanced{last_receipt()})});
}

ledger::signed_statement device::last_receipt() const {
  const auto& state = running_->ledger.now()->state;
  return state.record_at(state.head()->seq)->receipt;
}

std::optional<device_id> device::device_of(node_number other) const {
  return other == 0 ? std::nullopt : std::optional(world_.device_at(other).who.device);
}

bool device::examine(const ledger::signed_statement& said) {
  const auto& state = running_->ledger.now()->state;
  const auto verified = ledger::verify_statement(said.statement_bytes, said.signature,
                                                 state.organization().receipt_key());
  if (!verified) {
    world_.judge.incident(number, "a statement that is not the relay's");
    return false;
  }
  const auto found = running_->witness.heard(state, *verified);
  for (const auto& each : found) world_.judge.report(number, incident::of_relay(each, wall_ms()));
  return std::ranges::none_of(found, [](const auto& e) { return ledger::convicts(e.what); });
}

// -- links ----------------------------------------------------------------------------------------

void device::dial_later(bool background) {
  auto& wait = running_->backoff_ms;
  const instant delay{wait / 2 +
                      static_cast<std::int64_t>(random_->below(static_cast<std::uint64_t>(wait)))};
  wait = std::min(2 * wait, longest_backoff_ms);
  after(
      delay, [this] { dial(); }, background);
}

void device::dial() {
  auto& r = *running_;
  if (r.relay || r.dialed != 0) return;
  if (world_.is_up(0)) r.dialed = world_.net.open(number, 0);
  if (r.dialed == 0) dial_later();
}

/// Of two devices the one with the lower number dials, and goes on as long as it runs; seldom once it was shut out.
void device::dial_devices() {
  for (node_number other = number + 1; other <= world_.devices.size(); ++other) {
    const bool linked = std::any_of(running_->links.begin(), running_->links.end(),
                                    [&](const auto& l) { return l.second.other == other; });
    if (!linked && admitted(other) && world_.is_up(other)) (void)world_.net.open(number, other);
  }
  const instant delay{1000 + static_cast<std::int64_t>(random_->below(3000))};
  after(
      shut_out ? 20 * delay : delay, [this] { dial_devices(); }, true);
}

std::optional<ledger::device_facts> device::admitted(node_number other) const {
  const auto& state = running_->ledger.now()->state;
  auto facts = state.find_device(world_.device_at(other).who.device);
  const auto* user = facts ? state.organization().user(facts->user) : nullptr;
  return user != nullptr && !user->revoked ? facts : std::nullopt;
}

void device::link_up(link_number link, node_number other) {
  if (other != 0 && !admitted(other)) return world_.net.cut(link);
  running_->links[link].other = other;
  if (other == 0) {
    running_->dialed = 0;
    running_->relay = link;
  }
  say_hello(link);
}

void device::say_hello(link_number link) {
  const auto nonce = random_->id<hash32>();
  ask(link, sim::hello{nonce}, [this, link, nonce](const answer& got) {
    const auto found = running_->links.find(link);
    if (found == running_->links.end()) return;
    found->second.other == 0 ? greeted_by_relay(link, nonce, got) : greeted_by_device(link, got);
  });
}

void device::greeted_by_device(link_number link, const answer& got) {
  const auto* greeted = std::get_if<sim::greeted>(&got);
  if (greeted == nullptr) return;
  if (!examine(greeted->said)) return world_.net.cut(link);
  auto& state = running_->links.at(link);
  state.open = true;
  const auto life = lives;
  if (running_->workspace) running_->workspace->replica_up(link, device_of(state.other));
  if (!running_ || lives != life) return;
  if (greeted->said.statement.seq > running_->ledger.now()->state.head()->seq)
    running_->ledger.refresh(link);
}

void device::greeted_by_relay(link_number link, const hash32& nonce, const answer& got) {
  const auto* greeted = std::get_if<sim::greeted>(&got);
  if (greeted == nullptr) {
    const auto* no = std::get_if<sim::refused>(&got);
    if (no != nullptr && no->why.code == errc::disconnected) return;
    // Refused: it tries again, now and then. Somebody who was revoked does so for ever.
    shut_out = no != nullptr && no->why.code == errc::user_is_revoked;
    running_->relay.reset();
    world_.net.cut(link);
    return dial_later(shut_out);
  }
  if (greeted->said.statement.nonce != nonce)
    return world_.judge.incident(number, "a greeting that answers another");
  (void)examine(greeted->said);
  running_->backoff_ms = 200;
  running_->online = true;
  // A relay that was restored from a backup gets the ledger before the feeds.
  running_->ledger.refresh(
      link,
      [this, link](bool) {
        const auto found = running_->links.find(link);
        if (relay() != link || found == running_->links.end()) return;
        found->second.open = true;
        if (running_->workspace) running_->workspace->replica_up(link, std::nullopt);
      },
      true);
}

void device::link_down(link_number link) {
  if (running_->dialed == link) {  // it never came up
    running_->dialed = 0;
    return dial_later();
  }
  const auto gone = running_->links.extract(link);
  if (!gone) return;
  const auto life = lives;
  const answer no = sim::refused{{errc::disconnected, "the link is gone"}, {}};
  for (const auto& [id, take] : gone.mapped().waiting) {
    take(no);
    if (!running_ || lives != life) return;
  }
  if (running_->workspace) running_->workspace->replica_down(link);
  if (!running_ || running_->relay != link) return;
  running_->relay.reset();
  running_->online = false;
  running_->present.clear();
  dial_later();
}

void device::ask(link_number link, request what, then f) {
  const auto found = running_->links.find(link);
  if (found == running_->links.end()) {
    // Answered later, as everything is.
    return after(instant{0}, [f = std::move(f)] {
      f(sim::refused{{errc::disconnected, "the link is gone"}, {}});
    });
  }
  effect();
  const auto id = ++found->second.last_request;
  found->second.waiting.emplace(id, std::move(f));
  world_.net.send(link, number, {id, std::move(what)});
}

void device::hear(link_number link, node_number from, const message& m) {
  const auto found = running_->links.find(link);
  if (found == running_->links.end()) return;
  if (const auto* e = std::get_if<event>(&m.what)) return hear_event(link, *e);
  if (const auto* asked = std::get_if<request>(&m.what))
    return hear_request(link, from, m.id, *asked);
  const auto waiting = found->second.waiting.extract(m.id);
  if (waiting) waiting.mapped()(std::get<answer>(m.what));
}

void device::hear_event(link_number link, const event& e) {
  if (const auto* grown = std::get_if<sim::ledger_advanced>(&e)) {
    const bool is_relay = running_->relay == link;
    const bool good = examine(grown->receipt);
    if (!good && !is_relay) return world_.net.cut(link);
    if (is_relay ? running_->online : running_->links.at(link).open) running_->ledger.refresh(link);
  }
  if (const auto* entries = std::get_if<sim::feed_advanced>(&e))
    if (running_->workspace) running_->workspace->take_entries(link, entries->entries);
  if (const auto* wanted = std::get_if<sim::objects_wanted>(&e))
    if (running_->workspace) running_->workspace->put_again(link, wanted->objects);
  if (const auto* said = std::get_if<sim::presence>(&e)) {
    said->online ? (void)running_->present.insert(said->device)
                 : (void)running_->present.erase(said->device);
    if (running_->workspace) running_->workspace->note_at_relay(said->device, said->online);
  }
  if (std::holds_alternative<sim::ended>(e)) world_.net.cut(link);
}

/// Another device asks this one as a replica.
void device::hear_request(link_number link, node_number from, std::uint64_t id,
                          const request& what) {
  const auto reply = [this, link, id, life = lives](answer a) {
    if (!running_ || lives != life) return;
    effect();
    world_.net.send(link, number, {id, std::move(a)});
  };
  if (!admitted(from)) return world_.net.cut(link);
  if (std::holds_alternative<sim::hello>(what)) {
    reply(sim::greeted{last_receipt()});
  } else if (const auto* wanted = std::get_if<sim::pull_ledger>(&what)) {
    pull_for(from, *wanted, reply);
  } else if (running_->workspace) {
    running_->workspace->serve(link, world_.device_at(from).who.device, what, reply);
  } else {
    reply(sim::refused{{errc::workspace_unknown, "the workspace is not here"}, {}});
  }
}

void device::pull_for(node_number from, const sim::pull_ledger& what,
                      const std::function<void(answer)>& reply) {
  auto pulled = ledger::pull_for(running_->ledger.now()->state, admitted(from)->user, what.from,
                                 what.of_workspace ? std::optional(world_.workspace) : std::nullopt,
                                 what.max);
  reply(pulled
            ? answer(sim::records{std::move(pulled->records), pulled->head, {}, pulled->readable})
            : answer(sim::refused{pulled.error(), {}}));
}

}  // namespace keyfold::sim
