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
  for (const auto& incident : keys_->update(*state_))
    of_.all().judge.incident(of_.number, std::string(ledger::to_string(incident.kind)));
  current_ = std::make_shared<const ledger_snapshot>(ledger_snapshot{*state_, *keys_});
  of_.ledger_changed(current_);
  return {};
}

expected<void> ledger_shell::take(const ledger::record& r) {
  KEYFOLD_TRY(const auto added, ledger::add(*state_, log_, r));
  if (added.refused)
    of_.all().judge.incident(of_.number, "a certificate refused: " + added.refused->message);
  for (const auto& incident : added.incidents)
    of_.all().judge.incident(of_.number, std::string(ledger::to_string(incident.kind)));
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
  const auto pulled = std::move(pulls_.front());
  pulls_.pop_front();
  for (const auto& then : pulled.waiting) then(well);
  if (of_.runs() && &of_.ledger() == this && !pulls_.empty()) begin_pull();
}

void ledger_shell::request(ledger_seq from, bool of_workspace, const std::function<void()>& next) {
  of_.ask(pulls_.front().link, sim::pull_ledger{from, of_workspace, records_per_pull},
          [this, next](const answer& got) {
            const auto* given = std::get_if<records>(&got);
            if (given == nullptr) return end_pull(false);
            const auto life = of_.lives;
            const auto taken = take_all(given->list);
            if (!of_.runs() || of_.lives != life) return;  // it has begun again
            if (taken) return next();
            if (taken.error().code != errc::io_failed && taken.error().code != errc::disk_full)
              of_.all().judge.incident(of_.number, "records refused: " + taken.error().message);
            end_pull(false);
          });
}

void ledger_shell::pull_bodies() {
  for (const auto& workspace : state_->lacking_bodies(keys_->self())) {
    const auto missing = state_->first_lacking(workspace);
    if (!missing || withheld_.contains(workspace)) continue;
    return request(*missing, true, [this, workspace, missing] {
      if (state_->first_lacking(workspace) == missing) withheld_.insert(workspace);
      pull_bodies();
    });
  }
  end_pull(true);
}

/// A device is asked for what stands at the present head too.
void ledger_shell::pull_records() {
  const auto head = state_->head();
  auto from = ledger_seq{0};
  if (head) from = of_.relay() == pulls_.front().link ? head->seq.next() : head->seq;
  request(from, false, [this, head] { state_->head() != head ? pull_records() : pull_bodies(); });
}

void ledger_shell::begin_pull() {
  withheld_.clear();
  pull_records();
}

void ledger_shell::refresh(link_number link, const std::function<void(bool)>& then) {
  if (of_.rebel) return then(false);
  const auto same = std::find_if(pulls_.begin(), pulls_.end(),
                                 [&](const auto& each) { return each.link == link; });
  if (same != pulls_.end()) return same->waiting.push_back(then);
  pulls_.push_back({link, {then}});
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
            refresh(*relay, [this](bool well) {
              well ? append_first() : end_statement(fail(errc::unreachable, "no ledger"));
            });
          });
}

void ledger_shell::append(statement make, done then) {
  statements_.push_back({std::move(make), std::move(then)});
  if (statements_.size() == 1) append_first();
}

}  // namespace keyfold::sim
