#include "actors/ledger.hpp"

#include <spdlog/spdlog.h>

#include <deque>

#include "actors/device_store.hpp"
#include "actors/incidents.hpp"
#include "actors/link.hpp"
#include "actors/replies.hpp"
#include "store/ledger/forward.hpp"
#include "store/ledger/lacking.hpp"
#include "store/ledger/log.hpp"

namespace keyfold::actors {
namespace {

constexpr std::uint64_t records_per_pull = 500;
constexpr std::size_t max_queued_statements = 64;
constexpr int max_lost_races = 20;
constexpr net::instant put_timeout{120'000};

using answer = expected<ledger_view>;

struct queued_statement {
  statement make;
  promise<answer> answered;
  int races_lost = 0;
};

/// The ledger is to be brought up to what a replica has.
struct pull_from {
  replica_actor replica;
  bool is_relay = true;
  std::vector<promise<answer>> waiting;
  bool greeted = false;  ///< from the beginning of a connection: the last record is compared too
  bool has_records =
      false;  ///< it has been asked for all after the head: what it holds since then is not known
  bool again = false;      ///< somebody came after that
  bool comparing = false;  ///< where two lines part
};

/// What of the ledger lies on disk.
struct stored_ledger {
  explicit stored_ledger(std::shared_ptr<db::store> below) : store(std::move(below)) {}

  std::shared_ptr<db::store> store;
  db::transaction transaction{*store};
  db::prefixed view{transaction, prefix_of(part::ledger)};
  ledger::log log{view};
};

struct ledger_actor_state {
  std::shared_ptr<stored_ledger> disk;
  std::optional<ledger::state> state;
  std::optional<ledger::keyring> keys;
  ledger_view current;
  link_actor link;
  ledger_owner owner;
  std::deque<queued_statement> statements;       ///< the first is being appended
  std::deque<pull_from> pulls;                   ///< the first is under way
  std::set<workspace_id> withheld;               ///< whose bodies it did not give
  std::optional<ledger_seq> withheld_directory;  ///< where it did not give rows of the directory
  std::shared_ptr<incident::book> incidents;
  std::set<ledger_seq> refusals_told;
  net::ledger_pull_answer said;     ///< by it, of itself
  std::set<workspace_id> readable;  ///< by this user, it said
  ledger::forward forward;          ///< what the relay was given
  bool forked = false;              ///< there are receipts for another line than ours
};

using self_pointer = ledger_actor::stateful_pointer<ledger_actor_state>;

void begin_pull(self_pointer self);
void append_first(self_pointer self);

void report(const ledger_actor_state& s, const std::vector<ledger::incident>& incidents) {
  for (const auto& each : incidents)
    notice(s.incidents, incident::of_ledger_incident(*s.state, each, report_time()));
}

/// Bodies that come late may show that certificates before them break a rule.
void report_refusals(ledger_actor_state& s) {
  for (const auto& refused : s.state->refused())
    if (s.refusals_told.insert(refused.position.seq).second)
      notice(s.incidents, incident::of_refusal(*s.state, refused, report_time()));
}

/// A record that is none of this ledger, though the relay gave a receipt for it.
void report_foreign(const ledger_actor_state& s, const ledger::record& record) {
  if (const auto found = incident::of_foreign_record(*s.state, record, report_time()))
    notice(s.incidents, *found);
}

/// Receipts of one start of the relay count upwards.
void compare_with_the_one_before(const ledger_actor_state& s, const ledger::record& record) {
  const auto seq = record.certificate.header.seq;
  if (seq.value == 0) return;
  const auto& before = s.state->record_at({seq.value - 1})->receipt;
  const auto what = ledger::compare(before.statement, record.receipt.statement);
  if (what != ledger::contradiction::none)
    notice(s.incidents, incident::of_relay({what, before, record.receipt}, report_time()));
}

error two_lines() {
  return {errc::ledger_forked,
          "there are two lines of the ledger with receipts: changes of people, devices, workspaces "
          "and roles stand still here; see: keyfold org mend"};
}

/// Makes what is here known, with what is wrong.
void show(self_pointer self) {
  auto& s = self->state;
  ledger_snapshot now{*s.state, *s.keys};
  if (s.forked) now.trouble = two_lines();
  s.current = std::make_shared<const ledger_snapshot>(std::move(now));
}

/// Makes what was added durable, and tells everybody. Where that fails, what is in memory is not what the disk says:
/// the actor ends, and is started again from there.
expected<void> publish(self_pointer self) {
  auto& s = self->state;
  if (auto committed = s.disk->transaction.commit(true); !committed) {
    spdlog::error("ledger: {}", committed.error().message);
    self->quit(caf::exit_reason::unhandled_exception);
    return committed;
  }
  report(s, s.keys->update(*s.state));
  report_refusals(s);
  show(self);
  if (const auto head = s.state->head())
    self->send(s.link, set_ledger_facts{net::ledger_head{head->seq, head->hash},
                                        s.state->organization().receipt_key(), moved_to(*s.state)});
  self->send(s.owner, ledger_changed{s.current});
  return {};
}

/// There is another line with receipts: nothing of what is here is given up for it.
void note_fork(self_pointer self, const ledger::record& record) {
  auto& s = self->state;
  report_foreign(s, record);
  if (std::exchange(s.forked, true)) return;
  spdlog::error("ledger: there are receipts for two certificates at or before position {}",
                record.certificate.header.seq.value);
  show(self);
  self->send(s.owner, ledger_changed{s.current});
}

/// The relay has the same record last: whatever had receipts once, it has this line now.
void forget_fork(self_pointer self) {
  auto& s = self->state;
  if (!std::exchange(s.forked, false)) return;
  show(self);
  self->send(s.owner, ledger_changed{s.current});
}

expected<void> take(self_pointer self, const ledger::record& record) {
  auto& s = self->state;
  const auto added = ledger::add(*s.state, s.disk->log, record);
  if (!added) {
    const auto why = added.error().code;
    if (why == errc::ledger_forked) note_fork(self, record);
    // Not taken: from somebody else it comes with the right signature.
    if (ledger::is_unsigned(why))
      notice(s.incidents, incident::of_unsigned_record(record, why, report_time()));
    return fail(added);
  }
  if (added->advanced) compare_with_the_one_before(s, record);
  report(s, added->incidents);
  if (added->advanced || added->filled) s.forward.begin_anew();
  return {};
}

/// Takes the records of an answer.
expected<void> take_all(self_pointer self, const net::answer_or_failure& got) {
  KEYFOLD_TRY(self->state.said, read_answer<net::ledger_pull_answer>(got));
  if (const auto& told = self->state.said.readable; !told.empty())
    self->state.readable = {told.begin(), told.end()};  // in place of an earlier word: bounded
  if (self->state.said.count == 0 || got->bulk.empty()) return {};
  KEYFOLD_TRY(const auto list, net::decode_list(got->bulk.view()));
  const auto taken = [&]() -> expected<void> {
    for (const auto encoded : list) {
      KEYFOLD_TRY(const auto record, ledger::decode_record(encoded));
      KEYFOLD_CHECK(take(self, record));
    }
    return {};
  }();
  // What came before one that was not taken is held. From a device the last record that is held comes again.
  if (!self->state.disk->transaction.empty()) KEYFOLD_CHECK(publish(self));
  return taken;
}

void end_pull(self_pointer self, const expected<void>& result) {
  auto& s = self->state;
  s.pulls.front().comparing = false;
  if (s.pulls.front().greeted || s.pulls.front().again)
    return begin_pull(self);  // all want what it holds now
  auto done = std::move(s.pulls.front());
  s.pulls.pop_front();
  if (!result) {
    if (done.is_relay) s.forward.begin_anew();
    spdlog::info("ledger: not up to date: {}", result.error().message);
  }
  for (auto& waiting : done.waiting)
    waiting.deliver(result ? answer(s.current) : answer(fail(result)));
  if (!s.pulls.empty()) begin_pull(self);
}

void fail_pull(self_pointer self, const error& why);

/// Asks for records; `next` goes on when they are taken.
void request_records(self_pointer self, const net::ledger_pull& what,
                     const std::function<void()>& next) {
  self->request(self->state.pulls.front().replica, caf::infinite, ask_for(what))
      .then(
          [self, next](const net::answer_or_failure& got) {
            const auto taken = take_all(self, got);
            taken ? next() : fail_pull(self, taken.error());
          },
          [self](const caf::error& e) { end_pull(self, tl::unexpected(to_error(e))); });
}

/// Bodies and frontiers of workspaces in which this user has got a role, by the ledger held or the replica's word, from
/// the first that is missing on; then rows of the directory.
void pull_bodies(self_pointer self) {
  auto& s = self->state;
  for (const auto& workspace : s.state->lacking_bodies(s.keys->self(), s.readable)) {
    const auto missing = s.state->first_lacking(workspace);
    if (!missing || s.withheld.contains(workspace)) continue;
    return request_records(self, {*missing, workspace, records_per_pull},
                           [self, workspace, missing] {
                             auto& now = self->state;
                             if (now.state->first_lacking(workspace) == missing)
                               now.withheld.insert(workspace);
                             pull_bodies(self);
                           });
  }
  const auto directory = ledger::first_lacking_of_directory(*s.state, s.keys->self());
  if (directory && s.withheld_directory != directory) {
    s.withheld_directory = directory;  // unless there is something else to ask for then
    return request_records(self, {*directory, std::nullopt, records_per_pull},
                           [self] { pull_bodies(self); });
  }
  end_pull(self, {});
}

/// Where two lines part, the receipts for the last position of both are compared once.
void fail_pull(self_pointer self, const error& why) {
  auto& s = self->state;
  auto& now = s.pulls.front();
  const auto head = s.state->head();
  if (why.code != errc::ledger_forked || now.comparing || !head)
    return end_pull(self, tl::unexpected(why));
  now.comparing = true;
  request_records(self, {std::min(s.said.head, head->seq), std::nullopt, 1},
                  [self, why] { end_pull(self, tl::unexpected(why)); });
}

/// Gives a relay that was restored from a backup what it lost, as far as that is held here.
void bring_forward(self_pointer self) {
  auto& s = self->state;
  std::vector<ledger::lack> lacking;
  for (const auto& row : s.said.lacking) lacking.push_back({row.scope, row.first});
  const auto records = s.forward.next(*s.state, s.said.head, lacking);
  if (records.empty()) {
    if (!s.state->head() || s.said.head >= s.state->head()->seq) return pull_bodies(self);
    return end_pull(self, fail(errc::stale_head, "the relay does not take the records it lacks"));
  }
  spdlog::warn("ledger: the relay has lost records; {} are brought", records.size());
  self->request(s.link, caf::infinite,
                ask_for(net::ledger_put{}, net::encode_list(records), put_timeout))
      .then(
          [self](const net::answer_or_failure& got) {
            auto said = read_answer<net::ledger_pull_answer>(got);
            if (!said) return fail_pull(self, said.error());
            self->state.said = *std::move(said);
            bring_forward(self);
          },
          [self](const caf::error& e) { end_pull(self, tl::unexpected(to_error(e))); });
}

/// Brings the ledger up to the replica's head, batch by batch, or the relay's up to ours; then fetches the bodies that
/// it lacks. A device, and a relay that has just greeted us, is asked for what stands at the present head too: where that
/// is another record, the two receipts say who lies.
void pull_records(self_pointer self) {
  auto& s = self->state;
  auto& now = s.pulls.front();
  const bool compares = std::exchange(now.greeted, false) || !now.is_relay;
  if (compares && now.is_relay) s.forward.begin_anew();
  const auto head = s.state->head();
  auto from = ledger_seq{0};
  if (head) from = compares ? head->seq : head->seq.next();
  request_records(self, {from, std::nullopt, records_per_pull}, [self, head, compares] {
    auto& after = self->state;
    const bool of_relay = after.pulls.front().is_relay;
    if (compares && of_relay && after.said.count > 0) forget_fork(self);
    if (after.state->head() != head) return pull_records(self);
    after.pulls.front().has_records = true;
    of_relay ? bring_forward(self) : pull_bodies(self);
  });
}

void begin_pull(self_pointer self) {
  auto& now = self->state.pulls.front();
  now.has_records = now.again = false;
  self->state.withheld.clear();
  self->state.readable.clear();
  self->state.withheld_directory.reset();
  pull_records(self);
}

caf::result<answer> refresh(self_pointer self, const refresh_ledger& request) {
  auto& s = self->state;
  auto waiting = self->make_response_promise<answer>();
  const bool is_relay = !request.from;
  const auto replica = is_relay ? replica_actor(s.link) : request.from;
  const auto same = std::find_if(s.pulls.begin(), s.pulls.end(),
                                 [&](const auto& each) { return each.replica == replica; });
  if (same != s.pulls.end()) {
    same->waiting.push_back(waiting);
    same->greeted = same->greeted || request.greeted;
    same->again = same->again || same->has_records;
    return waiting;
  }
  s.pulls.push_back({replica, is_relay, {waiting}, request.greeted});
  if (s.pulls.size() == 1) begin_pull(self);
  return waiting;
}

void end_statement(self_pointer self, const expected<void>& result) {
  auto& s = self->state;
  s.statements.front().answered.deliver(result ? answer(s.current) : answer(fail(result)));
  s.statements.pop_front();
  if (!s.statements.empty()) append_first(self);
}

/// Somebody else was first: pull, then make the statement anew.
void lost_race(self_pointer self) {
  if (++self->state.statements.front().races_lost > max_lost_races)
    return end_statement(self, fail(errc::timed_out, "the ledger changes too fast; try again"));
  // Another head there than here: more of the same line, less of it, or another one.
  self->request(ledger_actor(self), caf::infinite, refresh_ledger{{}, true})
      .then(
          [self](const answer& refreshed) {
            refreshed ? append_first(self) : end_statement(self, fail(refreshed));
          },
          [self](const caf::error& e) { end_statement(self, tl::unexpected(to_error(e))); });
}

expected<void> take_receipt(self_pointer self, const ledger::certificate& certificate,
                            const net::answer& got) {
  KEYFOLD_TRY(auto receipt, ledger::decode_receipt(got.bulk.view()));
  KEYFOLD_CHECK(take(self, {certificate, std::move(receipt)}));
  return publish(self);
}

void append_first(self_pointer self) {
  auto& s = self->state;
  auto made = s.statements.front().make(*s.current);
  if (!made) return end_statement(self, fail(made));
  auto encoded = ledger::encode_certificate(*made);
  self->request(s.link, caf::infinite, ask_for(net::ledger_append{}, std::move(encoded)))
      .then(
          [self, certificate = *made](const net::answer_or_failure& got) {
            if (got) return end_statement(self, take_receipt(self, certificate, *got));
            if (got.error().why.code == errc::stale_head) return lost_race(self);
            end_statement(self, tl::unexpected(got.error().why));
          },
          [self](const caf::error& e) { end_statement(self, tl::unexpected(to_error(e))); });
}

caf::result<answer> append(self_pointer self, const append_statement& request) {
  auto& s = self->state;
  if (s.statements.size() >= max_queued_statements)
    return answer(fail(errc::queue_full, "too many changes of the ledger at once; try again"));
  auto answered = self->make_response_promise<answer>();
  s.statements.push_back({request.make, answered});
  if (s.statements.size() == 1) append_first(self);
  return answered;
}

answer take_given(self_pointer self, const take_records& given) {
  std::optional<error> failed;
  for (const auto& record : given.records) {
    const auto taken = take(self, record);
    if (taken) continue;
    failed = taken.error();
    break;
  }
  KEYFOLD_CHECK(publish(self));
  if (failed) return tl::unexpected(*failed);
  return self->state.current;
}

ledger_actor::behavior_type ledger_behavior(self_pointer self, const ledger_options& options,
                                            const std::shared_ptr<ledger::state>& stored,
                                            link_actor link, ledger_owner owner) {
  auto& s = self->state;
  s.disk = std::make_shared<stored_ledger>(options.store);
  s.state.emplace(std::move(*stored));
  s.keys.emplace(options.user, options.user_key);
  s.link = std::move(link);
  s.owner = std::move(owner);
  s.incidents = options.incidents;
  (void)publish(self);  // says by itself why not
  return {
      [self](get_ledger) { return self->state.current; },
      [self](const refresh_ledger& request) { return refresh(self, request); },
      [self](const append_statement& request) { return append(self, request); },
      [self](const take_records& request) { return take_given(self, request); },
  };
}

}  // namespace

expected<void> found_ledger(db::store& store, organization_id organization,
                            const ledger::record& genesis) {
  db::transaction transaction(store);
  db::prefixed view(transaction, prefix_of(part::ledger));
  ledger::log log(view);
  ledger::state state(organization);
  KEYFOLD_CHECK(ledger::add(state, log, genesis));
  return transaction.commit(true);
}

expected<ledger::state> load_ledger(db::store& store, organization_id organization) {
  db::transaction transaction(store);
  db::prefixed view(transaction, prefix_of(part::ledger));
  return ledger::log(view).load(organization);
}

ledger_actor spawn_ledger(caf::actor_system& system, ledger_options options, ledger::state stored,
                          const link_actor& link, const ledger_owner& owner) {
  return system.spawn<caf::detached>(ledger_behavior, std::move(options),
                                     std::make_shared<ledger::state>(std::move(stored)), link,
                                     owner);
}

}  // namespace keyfold::actors
