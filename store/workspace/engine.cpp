#include "store/workspace/engine.hpp"

#include <algorithm>

namespace keyfold::workspace {
namespace {

constexpr std::uint8_t feed_part = 'F';
constexpr std::uint8_t tree_part = 'T';
constexpr std::uint8_t own_part = 'E';
/// In the own part: 'u' ‖ entry hash -> nothing: entries of a later version.
constexpr std::uint8_t unread_table = 'u';

bytes unread_key(const entry_hash& hash) {
  bytes out{unread_table};
  append(out, hash.view());
  return out;
}

void note_missing(std::vector<entry_hash>& all, const std::vector<entry_hash>& some) {
  all.insert(all.end(), some.begin(), some.end());
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
}

std::set<node_id> all_nodes_of(std::span<const operation> operations, workspace_id workspace,
                               device_id device) {
  std::set<node_id> out;
  for (const auto& o : operations)
    for (const auto& node : nodes_of(o, workspace, device)) out.insert(node);
  return out;
}

}  // namespace

engine::engine(db::view& state, const ledger::view& ledger, epoch_key_lookup keys,
               const engine_setup& setup, random_source& random)
    : ledger_(ledger),
      keys_(std::move(keys)),
      setup_(setup),
      random_(random),
      feed_state_(state, {feed_part}),
      tree_state_(state, {tree_part}),
      own_state_(state, {own_part}),
      feeds_(feed_state_, setup.organization, setup.workspace),
      journal_(feeds_, setup.device, random),
      tree_(tree_state_, setup.workspace,
            derive(setup.local_key, "keyfold/v1/tree-names", setup.workspace.view()), feeds_) {}

bool engine::read_only() const {
  if (!read_only_) read_only_ = own_state_.last(bytes{unread_table}).has_value();
  return *read_only_;
}

void engine::set_unread(const entry_hash& hash, bool unread) {
  if (!unread && !read_only()) return;
  read_only_.reset();
  if (unread)
    own_state_.put(unread_key(hash), {});
  else
    own_state_.erase(unread_key(hash));
}

std::vector<operation> engine::pending_operations(const feed::pending_entry& entry) const {
  std::vector<operation> out;
  for (const auto& encoded : journal_.operations(entry))
    if (auto decoded = decode_payload(encoded))
      for (auto& o : decoded->operations) out.push_back(std::move(o));
  return out;
}

journal_facts engine::pending() const {
  journal_facts out;
  journal_.visit([&](const feed::pending_entry& entry) {
    ++out.entries;
    out.operations += entry.operations;
    return true;
  });
  return out;
}

std::set<node_id> engine::pending_nodes() const {
  std::set<node_id> out;
  journal_.visit([&](const feed::pending_entry& entry) {
    out.merge(all_nodes_of(pending_operations(entry), setup_.workspace, setup_.device));
    return true;
  });
  return out;
}

expected<std::vector<operation>> engine::read_payload(const feed::entry& e) const {
  const auto key = keys_(e.header.epoch);
  if (!key) return fail(errc::key_not_held, "the key of an entry's epoch is not held");
  KEYFOLD_TRY(const auto encoded, feed::open_payload(e, *key));
  KEYFOLD_TRY(auto decoded, decode_payload(encoded));
  return std::move(decoded.operations);
}

std::set<node_id> engine::nodes_in(const entry_hash& hash) const {
  const auto e = feeds_.find_entry(hash);
  if (!e) return {};
  const auto operations = read_payload(*e);
  return operations ? all_nodes_of(*operations, setup_.workspace, e->header.device)
                    : std::set<node_id>{};
}

void engine::apply_entry(const feed::operation_order& order,
                         std::vector<entry_incident>& incidents) {
  const auto e = feeds_.find_entry(order.hash);
  if (!e) return;
  const auto operations = read_payload(*e);
  if (operations) {
    tree_.apply(order, *operations, changes_);
    set_unread(e->hash, false);
    return;
  }
  const auto why = operations.error().code;
  if (why == errc::unknown_critical_operation || why == errc::unknown_version) {
    set_unread(e->hash, true);
    incidents.push_back({entry_incident::kind::later_version, e->head(), {}, why});
  } else {
    incidents.push_back({entry_incident::kind::payload_damaged, e->head(), {}, why});
  }
}

void engine::follow(std::span<const feed::standing_change> changes,
                    std::vector<entry_incident>& incidents) {
  for (const auto& change : changes) {
    if (change.now == feed::standing::counts) {
      apply_entry(change.order, incidents);
    } else {
      tree_.retract(change.order, changes_);
      set_unread(change.order.hash, false);
    }
  }
}

received engine::receive(std::span<const feed::entry> entries) {
  received out;
  for (const auto& e : entries) {
    if (!feeds_.holds(e.hash) && !keys_(e.header.epoch)) {
      auto& verdict = out.verdicts.emplace_back(feeds_.judge(e, ledger_));
      if (verdict.standing != feed::standing::invalid) {
        out.lacks_keys.insert(e.header.epoch);
        verdict.standing = feed::standing::waiting;
        note_missing(out.lacks, verdict.missing);
        out.lacks_records = out.lacks_records || verdict.needs_ledger;
      } else {
        out.incidents.push_back({entry_incident::kind::invalid, e.head(), {}, verdict.reason});
      }
      continue;
    }
    const auto done = feeds_.add(e, ledger_);
    out.verdicts.push_back(done.verdict);
    note_missing(out.lacks, done.verdict.missing);
    out.lacks_records = out.lacks_records || done.verdict.needs_ledger;
    if (done.verdict.standing == feed::standing::invalid)
      out.incidents.push_back({entry_incident::kind::invalid, e.head(), {}, done.verdict.reason});
    if (done.fork)
      out.incidents.push_back(
          {entry_incident::kind::feed_forked, done.fork->second, done.fork->first, errc::unknown});
    if (done.fresh) {
      out.fresh.push_back(e.head());
      if (done.verdict.standing == feed::standing::counts) apply_entry(done.order, out.incidents);
    }
    follow(done.changes, out.incidents);
  }
  if (!out.fresh.empty()) journal_.remote_applied();
  return out;
}

std::vector<entry_incident> engine::ledger_advanced() {
  std::vector<entry_incident> out;
  const auto changes = feeds_.reconsider(ledger_);
  follow(changes, out);
  // What is written from now on knows what came back, or went.
  if (!changes.empty()) journal_.remote_applied();
  return out;
}

std::vector<entry_incident> engine::retry_unread() {
  std::vector<entry_hash> unread;
  own_state_.scan(bytes{unread_table}, {}, [&](bytes_view key, bytes_view) {
    if (auto hash = entry_hash::from(key.subspan(1))) unread.push_back(*hash);
    return true;
  });
  std::vector<entry_incident> out;
  for (const auto& hash : unread)
    if (const auto held = feeds_.find(hash)) apply_entry(held->order, out);
  return out;
}

std::vector<bytes> engine::saved_journal(db::view& state) {
  auto out = feed::pending_records(db::prefixed(state, {feed_part}));
  // Times are no changes: restore() journals its own.
  std::erase_if(out, [](const bytes& record) {
    const auto pending = feed::decode_pending(record);
    const auto decoded = pending ? decode_payload(pending->operation) : fail(errc::malformed);
    return decoded && decoded->operations.size() == 1 &&
           std::holds_alternative<time_operation>(decoded->operations.front());
  });
  return out;
}

void engine::begin_generation() {
  // The tree forgets the pending entries under their old orders while these are still known.
  std::map<std::uint64_t, std::vector<operation>> operations;
  std::vector<feed::pending_entry> entries;
  journal_.visit([&](const feed::pending_entry& entry) {
    entries.push_back(entry);
    operations[entry.number] = pending_operations(entry);
    return true;
  });
  for (auto at = entries.rbegin(); at != entries.rend(); ++at) tree_.retract(at->order, changes_);
  const auto moved = journal_.begin_generation();
  for (std::size_t i = 0; i < moved.size() && i < entries.size(); ++i)
    tree_.apply(moved[i].after, operations[entries[i].number], changes_);
}

expected<std::optional<feed::entry>> engine::sign_next(const signing_key& author) {
  if (journal_.empty()) return std::nullopt;
  const auto head = ledger_.head();
  if (!head || !ledger_.complete_at(setup_.workspace, head->seq))
    return fail(errc::lacks_records, "the ledger is not known up to its head");
  KEYFOLD_CHECK(may_write());
  if (ledger_.rotation_due_at(setup_.workspace, head->seq))
    return fail(errc::rotation_due, "the workspace's key has to be rotated first");
  const auto epoch = ledger_.epoch_at(setup_.workspace, head->seq);
  const auto key = epoch ? keys_(*epoch) : std::nullopt;
  if (!key) return fail(errc::key_not_held, "the workspace's present key is not held");
  if (journal_.renewal_due(ledger_) != feed::renewal::none) begin_generation();

  const auto oldest = journal_.oldest();
  if (!oldest) return fail(errc::damaged, "the oldest pending entry cannot be read");
  auto payload = encode_payload({pending_operations(*oldest)});
  KEYFOLD_TRY(auto e, feed::make_entry(journal_.draft_oldest(*head, *epoch, std::move(payload)),
                                       *key, author, random_));
  KEYFOLD_TRY(const auto signed_as, journal_.sign(e, ledger_));
  tree_.sign(signed_as.before, signed_as.after);
  return e;
}

namespace {

/// For questions that do not depend on who knew what.
struct no_causality final : feed::causality {
  bool knows(const feed::operation_order&, const feed::operation_order&) const override {
    return false;
  }
  void unknown_to(const feed::operation_order&,
                  const std::function<void(const feed::operation_order&)>&) const override {}
};

}  // namespace

expected<node_content> content_in(db::view& state, workspace_id workspace,
                                  const version_id& version) {
  db::prefixed tree_state(state, {tree_part});
  const no_causality causes;
  return tree(tree_state, workspace, {}, causes).content_of(version);
}

}  // namespace keyfold::workspace
