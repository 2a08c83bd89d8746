#include "tests/sim/ledger_shell.hpp"

#include "tests/sim/world.hpp"

namespace keyfold::sim {
namespace {

constexpr std::size_t records_per_pull = 500;
constexpr int max_lost_races = 20;

}  // namespace

ledger_shell::ledger_shell(device& of)
    : of_(of), transaction_(of.database), part_(transaction_, {ledger_part}), log_(part_) {}

expected<void> ledger_shell::load(const std::shared_ptr<const ledger::state>& known) {
  if (known) {
    state_.emplace(*known);
  } else {
    KEYFOLD_TRY(auto loaded, log_.load(of_.all().organization));
    if (transaction_.failure()) return tl::unexpected(*transaction_.failure());
    if (!loaded.head()) return fail(errc::not_found, "no ledger");
    state_.emplace(std::move(loaded));
  }
  keys_.emplace(of_.who.user, of_.who.user_key);
  (void)keys_->update(*state_);
  current_ = std::make_shared<const ledger_snapshot>(ledger_snapshot{*state_, *keys_});
  return {};
}

expected<void> ledger_shell::publish() {
  if (auto committed = transaction_.commit(true); !committed) {
    of_.begin_again();  // what is in memory is not what the disk says
    return committed;
  }
  auto& judge = of_.all().judge;
  for (const auto& each : keys_->update(*state_))
    judge.report(of_.number, incident::of_ledger_incident(*state_, each, of_.wall_ms()));
  for (const auto& refused : state_->refused())
    if (refusals_told_.insert(refused.position.seq).second)
      judge.report(of_.number, incident::of_refusal(*state_, refused, of_.wall_ms()));
  current_ = std::make_shared<const ledger_snapshot>(ledger_snapshot{*state_, *keys_});
  of_.ledger_changed(current_);
  return {};
}

/// Receipts of one start of the relay count upwards.
void ledger_shell::report(const ledger::record& added) const {
  const auto seq = added.certificate.header.seq;
  if (seq.value == 0) return;
  const auto& before = state_->record_at({seq.value - 1})->receipt;
  const auto what = ledger::compare(before.statement, added.receipt.statement);
  if (what != ledger::contradiction::none)
    of_.all().judge.report(of_.number,
                           incident::of_relay({what, before, added.receipt}, of_.wall_ms()));
}

expected<void> ledger_shell::take(const ledger::record& r) {
  const auto added = ledger::add(*state_, log_, r);
  if (!added) {
    if (const auto found = incident::of_foreign_record(*state_, r, of_.wall_ms());
        found && added.error().code == errc::ledger_forked)
      of_.all().judge.report(of_.number, *found);
    return fail(added);
  }
  if (added->advanced) report(r);
  for (const auto& each : added->incidents)
    of_.all().judge.report(of_.number, incident::of_ledger_incident(*state_, each, of_.wall_ms()));
  if (added->advanced || added->filled) forward_.begin_anew();
  return {};
}

expected<void> ledger_shell::take_all(const std::vector<bytes>& list) {
  for (const auto& encoded : list) {
    KEYFOLD_TRY(const auto record, ledger::decode_record(encoded));
    KEYFOLD_CHECK(take(record));
  }
  return transaction_.empty() ? expected<void>{} : publish();
}

void ledger_shell::end_pull(bool well) {
  pulls_.front().comparing = false;
  if (pulls_.front().greeted || pulls_.front().again) return begin_pull();  // what it holds now
  const auto pulled = std::move(pulls_.front());
  pulls_.pop_front();
  if (!well && of_.relay() == pulled.link) forward_.begin_anew();
  const auto life = of_.lives;
  for (const auto& then : pulled.waiting) {
    then(well);
    if (!of_.runs() || of_.lives != life) return;
  }
  if (!pulls_.empty()) begin_pull();
}

/// Where two lines part, the receipts for the last position of both are compared once.
void ledger_shell::failed(const error& why) {
  auto& now = pulls_.front();
  const auto head = state_->head();
  if (why.code != errc::io_failed && why.code != errc::disk_full && why.code != errc::ledger_forked)
    of_.all().judge.incident(of_.number, "records refused: " + why.message);
  if (why.code != errc::ledger_forked || now.comparing || !head) return end_pull(false);
  now.comparing = true;
  request(sim::pull_ledger{std::min(said_.head, head->seq), false, 1}, [this] { end_pull(false); });
}

void ledger_shell::request(sim::request what, const std::function<void()>& next) {
  of_.ask(pulls_.front().link, std::move(what), [this, next](const answer& got) {
    const auto* given = std::get_if<records>(&got);
    if (given == nullptr) return end_pull(false);
    said_ = *given;
    if (const auto& told = given->readable; !told.empty()) readable_ = {told.begin(), told.end()};
    const auto life = of_.lives;
    const auto taken = take_all(given->list);
    if (!of_.runs() || of_.lives != life) return;  // it has begun again
    taken ? next() : failed(taken.error());
  });
}

void ledger_shell::pull_bodies() {
  for (const auto& workspace : state_->lacking_bodies(keys_->self(), readable_)) {
    const auto missing = state_->first_lacking(workspace);
    if (!missing || withheld_.contains(workspace)) continue;
    return request(sim::pull_ledger{*missing, true, records_per_pull}, [this, workspace, missing] {
      if (state_->first_lacking(workspace) == missing) withheld_.insert(workspace);
      pull_bodies();
    });
  }
  end_pull(true);
}

/// Gives a relay that was restored from a backup what it lost, as far as that is held here.
void ledger_shell::bring_forward() {
  auto given = forward_.next(*state_, said_.head, said_.lacking);
  if (given.empty()) {
    if (!state_->head() || said_.head >= state_->head()->seq) return pull_bodies();
    return end_pull(false);
  }
  of_.all().say(of_.name() + " brings " + std::to_string(given.size()) + " records to the relay");
  request(sim::put_records{std::move(given)}, [this] { bring_forward(); });
}

/// A device, and a relay that has just greeted us, is asked for what stands at the present head too.
void ledger_shell::pull_records() {
  auto& now = pulls_.front();
  const bool is_relay = of_.relay() == now.link;
  const bool compares = std::exchange(now.greeted, false) || !is_relay;
  if (compares && is_relay) forward_.begin_anew();
  const auto head = state_->head();
  auto from = ledger_seq{0};
  if (head) from = compares ? head->seq : head->seq.next();
  request(sim::pull_ledger{from, false, records_per_pull}, [this, head, is_relay] {
    if (state_->head() != head) return pull_records();
    pulls_.front().has_records = true;
    is_relay ? bring_forward() : pull_bodies();
  });
}

void ledger_shell::begin_pull() {
  pulls_.front().has_records = pulls_.front().again = false;
  withheld_.clear();
  readable_.clear();
  pull_records();
}

void ledger_shell::refresh(link_number link, const std::function<void(bool)>& then, bool greeted) {
  if (of_.rebel) return then(false);
  const auto same = std::find_if(pulls_.begin(), pulls_.end(),
                                 [&](const auto& each) { return each.link == link; });
  if (same != pulls_.end()) {
    same->waiting.push_back(then);
    same->greeted = same->greeted || greeted;
    same->again = same->again || same->has_records;
    return;
  }
  pulls_.push_back({link, {then}, greeted});
  if (pulls_.size() == 1) begin_pull();
}

void ledger_shell::end_statement(const expected<void>& result) {
  const auto ended = std::move(statements_.front());
  statements_.pop_front();
  ended.then(result);
  if (!statements_.empty()) append_first();
}

void ledger_shell::append_first() {
  const auto link = of_.relay();
  if (!link) return end_statement(fail(errc::unreachable, "no relay"));
  const auto made = statements_.front().make(*current_);
  if (!made) return end_statement(fail(made));
  of_.ask(*link, sim::append{ledger::encode_certificate(*made)},
          [this, c = *made](const answer& got) {
            if (const auto* said = std::get_if<sim::receipted>(&got)) {
              auto receipt = ledger::decode_receipt(said->receipt);
              const auto life = of_.lives;
              auto taken = receipt ? take({c, std::move(*receipt)}) : expected<void>(fail(receipt));
              if (taken) taken = publish();
              if (!of_.runs() || of_.lives != life) return;
              return end_statement(taken);
            }
            const auto* no = std::get_if<sim::refused>(&got);
            const auto why = no != nullptr ? no->why : error{errc::malformed, "another answer"};
            if (why.code != errc::stale_head) return end_statement(tl::unexpected(why));
            if (++statements_.front().races_lost > max_lost_races)
              return end_statement(fail(errc::timed_out, "the ledger changes too fast"));
            const auto relay = of_.relay();
            if (!relay) return end_statement(fail(errc::unreachable, "no relay"));
            refresh(
                *relay,
                [this](bool well) {
                  well ? append_first() : end_statement(fail(errc::unreachable, "no ledger"));
                },
                true);
          });
}

void ledger_shell::append(statement make, done then) {
  statements_.push_back({std::move(make), std::move(then)});
  if (statements_.size() == 1) append_first();
}

}  // namespace keyfold::sim
