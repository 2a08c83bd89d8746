#include "tests/sim/workspace_shell.hpp"

#include "tests/sim/world.hpp"

namespace keyfold::sim {
namespace {

constexpr std::size_t expected_object_size = 4096;

const error& reason_of(const answer& got) {
  static const error other{errc::malformed, "another answer"};
  const auto* no = std::get_if<sim::refused>(&got);
  return no != nullptr ? no->why : other;
}

/// Who hears no more of the ledger takes nothing that needs a newer one.
bool leads_to_rebel(device& of, const replica_link& replica) {
  return std::ranges::any_of(of.all().devices, [&](const auto& other) {
    return other->rebel && replica.device == other->who.device;
  });
}

}  // namespace

expected<std::vector<feed::entry>> decode_entries(const std::vector<bytes>& list) {
  std::vector<feed::entry> out;
  for (const auto& encoded : list) {
    KEYFOLD_TRY(auto entry, feed::decode_entry(encoded));
    out.push_back(std::move(entry));
  }
  return out;
}

// -- the ledger -----------------------------------------------------------------------------------

std::optional<ledger::position> current_ledger::head() const {
  return stands_still ? stands_still : now->state.head();
}
std::optional<certificate_hash> current_ledger::hash_at(ledger_seq seq) const {
  return now->state.hash_at(seq);
}
std::optional<ledger::device_facts> current_ledger::find_device(device_id device) const {
  return now->state.find_device(device);
}
ledger::role current_ledger::role_at(workspace_id w, user_id u, ledger_seq seq) const {
  return now->state.role_at(w, u, seq);
}
std::optional<epoch_number> current_ledger::epoch_at(workspace_id w, ledger_seq seq) const {
  return now->state.epoch_at(w, seq);
}
bool current_ledger::rotation_due_at(workspace_id w, ledger_seq seq) const {
  return now->state.rotation_due_at(w, seq);
}
std::vector<ledger::removal> current_ledger::removals(workspace_id w, user_id u) const {
  if (drops_removals) return {};
  return now->state.removals(w, u);
}
bool current_ledger::complete_at(workspace_id w, ledger_seq seq) const {
  return now->state.complete_at(w, seq);
}

// -- the shell ------------------------------------------------------------------------------------

workspace_shell::workspace_shell(device& of)
    : of_(of),
      transaction_(of.database),
      part_(transaction_, {workspace_part}),
      view_(part_),
      random_(of.all().random_for(of)) {
  auto& w = of.all();
  ledger_.now = of.ledger().now();
  ledger_.drops_removals = w.has(bug::cut_dropped, of);
  if (w.has(bug::position_frozen, of)) ledger_.stands_still = ledger_.now->state.head();
  if (w.has(bug::rows_lost, of))
    view_.loses = [n = 0](bytes_view key) mutable { return key[0] == 'T' && ++n % 97 == 0; };
  engine_.emplace(
      view_, ledger_,
      [this](epoch_number epoch) -> std::optional<symmetric_key> {
        const auto* key = ledger_.now->keys.workspace_key(of_.all().workspace, epoch);
        return key == nullptr ? std::nullopt : std::optional(*key);
      },
      workspace::engine_setup{w.organization, w.workspace, of.who.device, symmetric_key{},
                              [this] { return of_.wall_ms(); }},
      *random_);
  engine_->feeds().visit_arrivals(0, [&](const feed::held_entry& held) {
    auto& last = known_[held.order.device];
    last = std::max(last, held.order.lamport);
    return true;
  });
  take_ledger(ledger_.now);
  mirror_soon();
}

ledger::role workspace_shell::role() const {
  const auto* fold = ledger_.now->state.workspace(of_.all().workspace);
  return fold == nullptr ? ledger::role::none : fold->role_of(of_.who.user);
}

void workspace_shell::fail_over() {
  if (!std::exchange(dead_, true)) of_.workspace_failed();
}

bool workspace_shell::commit() {
  if (dead_) return false;
  const auto changed = engine_->take_changes();
  if (!transaction_.commit(true)) {
    fail_over();
    return false;
  }
  if (!changed.folders.empty()) mirror_soon();
  if (of_.all().has(bug::push_untold, of_)) return true;
  for (auto& [link, replica] : replicas_)
    if (replica.push_connected && !dead_) carry_out(replica, replica.push->changed());
  return !dead_;
}

/// The report of what is wrong with an entry; nullopt where that is no incident.
std::optional<incident::report> workspace_shell::report_of(
    const workspace::entry_incident& what, std::span<const feed::entry> entries) const {
  using flaw = workspace::entry_incident::kind;
  const auto& feeds = engine_->feeds();
  const auto now = of_.wall_ms();
  if (what.what == flaw::payload_damaged)
    return incident::of_damaged_payload(of_.all().organization, of_.all().workspace, what.entry,
                                        what.why, now);
  if (what.what == flaw::feed_forked) {
    const auto first = feeds.find_entry(what.other->hash);
    const auto second = feeds.find_entry(what.entry.hash);
    if (!first || !second) return std::nullopt;
    return incident::of_fork(*first, *second, now);
  }
  const auto found = std::ranges::find(entries, what.entry.hash, &feed::entry::hash);
  if (what.what != flaw::invalid || found == entries.end()) return std::nullopt;
  const auto header_of = [&](const entry_hash& hash) -> std::optional<bytes> {
    const auto held = feeds.find_entry(hash);
    return held ? std::optional(held->header_bytes) : std::nullopt;
  };
  return incident::of_invalid(*found, what.why, header_of, now);
}

void workspace_shell::note(const std::vector<workspace::entry_incident>& incidents,
                           std::span<const feed::entry> entries) {
  for (const auto& each : incidents) {
    of_.all().judge.entry_incident(of_.number, each);
    if (const auto found = report_of(each, entries)) of_.all().judge.report(of_.number, *found);
  }
}

// -- replicas -------------------------------------------------------------------------------------

replica_link* workspace_shell::find(link_number link) {
  const auto found = replicas_.find(link);
  return found == replicas_.end() ? nullptr : &found->second;
}

std::unique_ptr<replica::push> workspace_shell::make_push(bool objects_first) {
  auto tuning = of_.all().push_tuning;
  tuning.objects_first = objects_first;
  const auto size_of = [this](const object_id& id) -> std::optional<std::size_t> {
    const auto data = of_.objects.get(id);
    return data ? std::optional(data->size()) : std::nullopt;
  };
  return std::make_unique<replica::push>(engine_->feeds(), engine_->journal(), of_.who.device,
                                         size_of, tuning);
}

bool workspace_shell::may_read(const device_id& device) const {
  const auto facts = ledger_.now->state.find_device(device);
  const auto* fold = ledger_.now->state.workspace(of_.all().workspace);
  return facts && ledger::may_read(fold->role_of(facts->user));
}

/// Entries are exchanged with a replica while this user may read, and so may who is at the other end.
bool workspace_shell::is_entitled(const replica_link& replica) const {
  if (!ledger::may_read(role())) return false;
  if (replica.is_relay() || of_.all().has(bug::removed_are_served, of_)) return true;
  return may_read(*replica.device);
}

void workspace_shell::end_exchange(replica_link& replica) {
  replica.entitled = false;
  replica.pull.disconnected();
  replica.push = make_push(replica.is_relay());
  replica.push_connected = replica.push_idle = false;
  replica.stalled.reset();
  carry_out(fetch_.replica_down(replica.link));
}

/// Begins or ends the exchange, as the ledger says now.
void workspace_shell::review(replica_link& replica) {
  const bool may = is_entitled(replica);
  if (may == replica.entitled) return;
  if (!may) return end_exchange(replica);
  replica.entitled = true;
  carry_out(fetch_.replica_up(replica.link,
                              replica.is_relay() ? replica::rank::far : replica::rank::near));
  carry_out(replica, replica.pull.connected());
  if (lacks_objects_) mirror_soon();
}

void workspace_shell::replica_up(link_number link, const std::optional<device_id>& device) {
  if (dead_ || replicas_.contains(link)) return;
  auto& made = replicas_
                   .emplace(link, replica_link{link, device, replica::pull(engine_->feeds()),
                                               make_push(!device)})
                   .first->second;
  review(made);
}

void workspace_shell::replica_down(link_number link) {
  if (dead_) return;
  auto* replica = find(link);
  if (replica == nullptr) return;
  if (replica->entitled) end_exchange(*replica);
  if (replica->is_relay()) authors_.clear();
  replicas_.erase(link);
}

replica_link* workspace_shell::relay() {
  const auto found =
      std::ranges::find_if(replicas_, [](const auto& each) { return each.second.is_relay(); });
  return found == replicas_.end() ? nullptr : &found->second;
}

void workspace_shell::note_at_relay(const device_id& device, bool there) {
  if (dead_) return;
  if (there)
    authors_.came(device);
  else if (authors_.went(device))
    bring_for_others();
}

/// Somebody may not have brought all that was left to him: what the relay holds is asked anew.
void workspace_shell::bring_for_others() {
  auto* at = relay();
  if (at == nullptr || !at->push_connected) return;
  at->push = make_push(true);
  at->push_connected = at->push_idle = false;
  carry_out(*at, at->pull.connected());
}

/// Whoever is given an entry, or made it, has it; and the relay gets it of its author, where he can bring it.
void workspace_shell::note_holders(link_number from, std::span<const feed::entry> entries) {
  const auto may = [this](const device_id& device) { return may_read(device); };
  for (const auto& e : entries) {
    if (!engine_->feeds().holds(e.hash)) continue;
    for (auto& [link, replica] : replicas_) {
      const bool has_it = link == from || replica.device == e.header.device;
      if (has_it || (replica.is_relay() && authors_.brings(e.header.device, may)))
        replica.push->came_from_replica(e.hash);
    }
  }
}

void workspace_shell::ask(replica_link& replica, request what,
                          const std::function<void(replica_link&, const answer&)>& then) {
  of_.ask(replica.link, std::move(what), mine([this, link = replica.link, then](const answer& got) {
            auto* still = find(link);
            if (still != nullptr && still->entitled) then(*still, got);
          }));
}

void workspace_shell::subscribe(replica_link& replica, const std::vector<feed_head>& frontier) {
  const auto asked = ++replica.subscriptions;
  ask(replica, sim::subscribe{frontier}, [this, asked](replica_link& from, const answer& got) {
    if (from.subscriptions != asked) return;
    const auto* there = std::get_if<sim::subscribed>(&got);
    if (there == nullptr) {  // it may not have heard yet who may read here
      from.pull.disconnected();
      return retry_later(from);
    }
    from.pull.subscribed(there->frontier);
    if (std::exchange(from.push_connected, true)) return;
    from.stalled.reset();
    carry_out(from, from.push->connected(there->frontier));
  });
}

void workspace_shell::refresh_then(replica_link& replica,
                                   const std::function<void(replica_link&)>& then) {
  of_.ledger().refresh(replica.link, mine([this, link = replica.link, then](bool well) {
                         auto* still = find(link);
                         if (well && still != nullptr) then(*still);
                       }));
}

void workspace_shell::take_ledger(const ledger_view& now) {
  if (dead_) return;
  const auto before = ledger_.now->state.head();
  if (before && *now->state.head() < *before) return;
  ledger_.now = now;
  const auto incidents = engine_->ledger_advanced();
  if (!commit()) return;
  note(incidents);
  for (auto& [link, replica] : replicas_) {
    if (dead_) return;
    review(replica);
    if (!replica.entitled) continue;
    carry_out(replica, replica.pull.ledger_advanced());
    if (replica.push_connected) carry_out(replica, replica.push->ledger_advanced());
  }
  if (dead_) return;
  if (authors_.review([this](const device_id& device) { return may_read(device); }))
    bring_for_others();
}

std::optional<workspace::received> workspace_shell::take_batch(
    link_number from, std::span<const feed::entry> entries) {
  const bool leave_open = of_.all().has(bug::segment_left_open, of_);
  if (leave_open) view_.loses = [](bytes_view key) { return key.size() == 2 && key[1] == 'j'; };
  auto result = engine_->receive(entries);
  if (leave_open) view_.loses = {};
  note_holders(from, entries);
  for (const auto& head : result.fresh)
    if (const auto held = engine_->feeds().find(head.hash)) {
      auto& last = known_[head.device];
      last = std::max(last, held->order.lamport);
    }
  if (!commit()) return std::nullopt;
  note(result.incidents, entries);
  return result;
}

void workspace_shell::take_entries(link_number link, const std::vector<bytes>& list) {
  auto* relay = dead_ ? nullptr : find(link);
  if (relay == nullptr || !relay->pull.streaming()) return;
  auto entries = decode_entries(list);
  if (!entries) return of_.all().judge.incident(of_.number, "entries that do not decode");
  if (of_.all().has(bug::entry_skipped, of_) && entries->size() > 1) {
    relay->push->came_from_replica(entries->back().hash);
    entries->pop_back();
  }
  const auto result = take_batch(link, *entries);
  if (!result) return;
  relay = find(link);
  if (relay == nullptr) return;
  carry_out(*relay, relay->pull.received({!result->fresh.empty(), !result->lacks.empty(),
                                          result->lacks_records || !result->lacks_keys.empty(),
                                          result->lacks}));
}

void workspace_shell::put_again(link_number link, const std::vector<object_id>& objects) {
  auto* relay = dead_ ? nullptr : find(link);
  if (relay != nullptr) carry_out(*relay, relay->push->wanted(objects));
}

// -- push -----------------------------------------------------------------------------------------

void workspace_shell::put_object(replica_link& replica, const object_id& object) {
  auto data = of_.objects.get(object);
  if (!data)
    return carry_out(replica, replica.push->put_failed(object, {errc::not_found, "not here"}));
  ask(replica, sim::put{object, std::move(data)},
      [this, object](replica_link& to, const answer& got) {
        const bool well = std::holds_alternative<sim::stored>(got);
        if (well) to.next_retry_ms = 2000;
        carry_out(
            to, well ? to.push->put_answered(object) : to.push->put_failed(object, reason_of(got)));
      });
}

void workspace_shell::rotate() {
  if (std::exchange(rotating_, true)) return;
  const auto make = [&of = of_](const ledger_snapshot& now) -> expected<ledger::certificate> {
    if (!now.state.workspace(of.all().workspace)->rotation_due())
      return fail(errc::nothing_changed, "somebody else has rotated");
    return ledger::make_key_rotated(of.author(now), of.all().workspace);
  };
  of_.ledger().append(make, mine([this](const expected<void>& done) {
                        rotating_ = false;
                        const bool rotated = done || done.error().code == errc::nothing_changed;
                        for (auto& [link, replica] : replicas_) {
                          if (dead_) return;
                          if (rotated)
                            carry_out(replica, replica.push->retry());
                          else
                            retry_later(replica);
                        }
                      }));
}

bool workspace_shell::stalled_for_good(const replica_link& replica) const {
  return of_.rebel || of_.shut_out || leads_to_rebel(of_, replica) ||
         (replica.stalled && !ledger::may_write(role()));
}

/// One timer at a time, or each failure would begin others.
void workspace_shell::retry_later(replica_link& replica) {
  const bool awaited = !stalled_for_good(replica);
  if (replica.retry_planned && (replica.retry_awaited || !awaited)) return;
  replica.retry_planned = true;
  replica.retry_awaited = awaited;
  const instant delay{replica.next_retry_ms};
  replica.next_retry_ms = std::min<std::int64_t>(2 * replica.next_retry_ms, 30'000);
  of_.after(delay, mine([this, link = replica.link] {
              auto* still = find(link);
              if (still == nullptr) return;
              still->retry_planned = still->retry_awaited = false;
              if (!still->entitled) return;
              if (still->push_connected)
                carry_out(*still, still->push->retry());
              else
                carry_out(*still, still->pull.connected());
            }),
            !awaited);
}

void workspace_shell::stall(replica_link& replica, const error& why) {
  replica.stalled = why;
  of_.all().log.note(of_.all().events.now(), to_string(why.code), {of_.number, replica.link});
  if (rotating_) return;
  retry_later(replica);
}

void workspace_shell::sign(replica_link& replica, std::size_t count) {
  std::optional<error> failed;
  for (std::size_t i = 0; i < count && !failed; ++i) {
    const auto entry = engine_->sign_next(of_.who.signing);
    if (!entry) failed = entry.error();
    if (entry && !*entry) break;
  }
  // Synced before a byte of them leaves.
  if (!transaction_.commit(!of_.all().has(bug::signs_unsynced, of_))) return fail_over();
  carry_out(replica, replica.push->sign_answered(failed));
  for (auto& [link, other] : replicas_)
    if (!dead_ && &other != &replica && other.push_connected)
      carry_out(other, other.push->changed());
  if (!dead_ && failed && failed->code == errc::rotation_due) rotate();
}

void workspace_shell::push_entries(replica_link& replica, const std::vector<bytes>& entries) {
  ask(replica, sim::push{entries}, [this](replica_link& to, const answer& got) {
    if (const auto* taken = std::get_if<sim::pushed>(&got)) {
      to.next_retry_ms = 2000;
      const bool puts = !of_.all().has(bug::objects_never_put, of_);
      return carry_out(to, to.push->push_answered(taken->accepted,
                                                  puts ? std::span<const object_id>(taken->wanted)
                                                       : std::span<const object_id>{}));
    }
    const auto* no = std::get_if<sim::refused>(&got);
    carry_out(to, to.push->push_refused(reason_of(got),
                                        no != nullptr ? no->lacks : std::vector<entry_hash>{}));
  });
}

struct push_effects {
  workspace_shell& s;
  replica_link& at;
  void operator()(const replica::ask_have& e) const {
    if (s.of_.all().has(bug::objects_never_put, s.of_))
      return s.carry_out(at, at.push->have_answered({}));
    s.ask(at, sim::have{e.objects}, [shell = &s](replica_link& to, const answer& got) {
      const auto* lacks = std::get_if<sim::lacking>(&got);
      shell->carry_out(to, lacks != nullptr ? to.push->have_answered(lacks->objects)
                                            : to.push->have_failed(reason_of(got)));
    });
  }
  void operator()(const replica::put_object& e) const { s.put_object(at, e.object); }
  void operator()(const replica::sign_next& e) const { s.sign(at, e.count); }
  void operator()(const replica::push_entries& e) const { s.push_entries(at, e.entries); }
  void operator()(const replica::sync_ledger&) const {
    // Without anything new, trying at once again would be refused again.
    s.refresh_then(at, [shell = &s, before = s.ledger_.now](replica_link& from) {
      if (shell->ledger_.now == before) return;
      shell->carry_out(from, from.push->ledger_advanced());
    });
  }
  void operator()(const replica::durable&) const {}
  /// Of contents that others made, and that a file was given here before they came, the relay asks everybody.
  void operator()(const replica::object_missing& e) const {
    if (!s.of_.own_objects.contains(e.object)) return;
    s.of_.all().judge.incident(s.of_.number, "an own object is neither here nor at the relay");
  }
  void operator()(const replica::stalled& e) const { s.stall(at, e.reason); }
  void operator()(const replica::push_idle&) const {
    at.push_idle = true;
    at.stalled.reset();
  }
};

void workspace_shell::carry_out(replica_link& replica, const replica::push::effects& effects) {
  if (transaction_.failure()) return fail_over();  // what push read cannot be relied on
  if (!effects.empty()) replica.push_idle = false;
  for (const auto& effect : effects)
    if (!dead_) std::visit(push_effects{*this, replica}, effect);
}

void workspace_shell::carry_out(replica_link& replica, const replica::pull::effects& effects) {
  for (const auto& effect : effects) {
    if (dead_) return;
    if (const auto* e = std::get_if<replica::subscribe>(&effect)) subscribe(replica, e->frontier);
    if (std::holds_alternative<replica::pull_ledger>(effect))
      refresh_then(replica,
                   [this](replica_link& from) { carry_out(from, from.pull.ledger_pulled()); });
    const auto* withheld = std::get_if<replica::withheld>(&effect);
    if (withheld != nullptr && replica.is_relay())
      of_.all().judge.report(of_.number,
                             incident::of_withheld(of_.all().organization, of_.all().workspace,
                                                   withheld->entries, of_.wall_ms()));
  }
}

// -- objects --------------------------------------------------------------------------------------

void workspace_shell::mirror_soon() {
  if (!of_.mirrors || std::exchange(mirror_planned_, true)) return;
  of_.after(instant{50}, mine([this] { mirror(); }));
}

/// Wants what the tree shows and is not here.
void workspace_shell::mirror() {
  mirror_planned_ = lacks_objects_ = false;
  std::vector<object_id> wanted;
  const std::function<void(const workspace::shown_entry&)> walk = [&](const auto& folder) {
    for (const auto& entry : engine_->list(folder)) {
      if (entry.kind == workspace::node_kind::folder) walk(entry);
      if (!entry.version) continue;
      const auto* content = std::get_if<workspace::file_content>(&entry.version->content);
      if (content == nullptr) continue;
      for (const auto& chunk : content->chunks)
        if (!of_.objects.has(chunk.object)) wanted.push_back(chunk.object);
    }
  };
  if (const auto root = engine_->find({})) walk(*root);
  if (transaction_.failure()) return fail_over();  // what was read cannot be relied on
  lacks_objects_ = !wanted.empty();
  for (const auto& object : wanted)
    if (!dead_ && !replicas_.empty()) carry_out(fetch_.want(object, expected_object_size, 1));
}

void workspace_shell::get_object(const replica::get_object& wanted) {
  auto* from = find(wanted.replica);
  if (from == nullptr) return;
  ask(*from, sim::get{wanted.object}, [this, wanted](replica_link&, const answer& got) {
    const auto* given = std::get_if<sim::object_bytes>(&got);
    if (given == nullptr) {
      if (reason_of(got).code != errc::disconnected)
        carry_out(fetch_.lacks(wanted.replica, wanted.object));
      return;
    }
    const bool good = object::sealed_object::check(wanted.object, *given->data).has_value();
    if (!good && !of_.all().has(bug::object_unchecked, of_))
      return carry_out(fetch_.got(wanted.replica, wanted.object, false));
    auto stored = of_.objects.put(wanted.object, given->data);
    if (stored) stored = of_.objects.sync();
    carry_out(stored ? fetch_.got(wanted.replica, wanted.object, true)
                     : fetch_.lacks(wanted.replica, wanted.object));
  });
}

void workspace_shell::carry_out(const replica::fetch::effects& effects) {
  bool in_vain = false;
  bool within_reach = false;
  for (const auto& effect : effects) {
    if (dead_) return;
    if (const auto* e = std::get_if<replica::get_object>(&effect)) get_object(*e);
    if (const auto* e = std::get_if<replica::object_unavailable>(&effect)) {
      in_vain = true;
      within_reach = within_reach || !of_.all().out_of_reach(e->object);
    }
  }
  if (!in_vain || replicas_.empty()) return;
  // As a mirror does: after a while it tries again.
  of_.after(instant{2000}, mine([this] {
              if (!replicas_.empty()) mirror_soon();
            }),
            of_.rebel || of_.shut_out || !ledger::may_read(role()) || !within_reach);
}

std::optional<std::string> workspace_shell::unfinished() const {
  if (!ledger::may_read(role()) || of_.rebel) return std::nullopt;
  bool relay = false;
  for (const auto& [link, replica] : replicas_) {
    const std::string where = replica.is_relay() ? "the relay" : "another device";
    relay = relay || replica.is_relay();
    if (!replica.entitled || leads_to_rebel(of_, replica)) continue;
    if (!replica.pull.streaming()) return "it does not take entries of " + where;
    if (replica.is_relay() && !replica.pull.behind().empty())
      return "it lacks entries that the relay holds";
    if (!ledger::may_write(role())) continue;
    if (!replica.push_connected || !replica.push_idle)
      return "its push to " + where + " is not at rest" +
             (replica.stalled ? " (" + std::string(to_string(replica.stalled->code)) + ")" : "");
  }
  if (!relay) return "it is not at the relay";
  if (ledger::may_write(role()) && !engine_->journal().empty())
    return "it has changes that are not sent";
  return std::nullopt;
}

}  // namespace keyfold::sim
