#include "store/incident/book.hpp"

#include <algorithm>

namespace keyfold::incident {
namespace {

/// So many notes go at once, so that not every further one looks at all.
constexpr std::size_t dropped_at_once = max_kept / 10;

}  // namespace

bytes book::key(char part, kind what) const {
  bytes out = prefix_;
  out.push_back(static_cast<std::uint8_t>(part));
  out.push_back(static_cast<std::uint8_t>(what));
  return out;
}

/// Counts the rows of a kind; when it is full of notes, removes the oldest.
expected<void> book::make_room(kind what, std::size_t& kept, db::batch& changes) const {
  std::vector<std::pair<std::uint64_t, bytes>> rows;
  KEYFOLD_CHECK(below_.scan(key('i', what), {}, [&](bytes_view row, bytes_view value) {
    const auto r = decode_report(value);
    rows.emplace_back(r ? r->when : 0, to_bytes(row));
    return true;
  }));
  kept = rows.size();
  if (kept < max_kept || convicts(what)) return {};
  std::nth_element(rows.begin(), rows.begin() + dropped_at_once, rows.end());
  for (std::size_t i = 0; i < dropped_at_once; ++i) changes[rows[i].second] = std::nullopt;
  kept -= dropped_at_once;
  return {};
}

expected<bool> book::put(const report& r) {
  const std::lock_guard guard(mutex_);
  bytes row = key('i', r.what);
  append(row, id_of(r).view());
  KEYFOLD_TRY(const auto there, below_.get(row));
  if (there) return false;

  db::batch changes;
  const auto known = kept_.find(r.what);
  std::size_t kept = known == kept_.end() ? 0 : known->second;
  if (known == kept_.end() || (kept >= max_kept && !convicts(r.what)))
    KEYFOLD_CHECK(make_room(r.what, kept, changes));
  const bool keep = kept < max_kept;
  if (keep) changes[row] = encode_report(r);

  const bytes counter = key('n', r.what);
  KEYFOLD_TRY(const auto before, below_.get(counter));
  bytes count;
  append_u64(count, 1 + (before && before->size() == 8 ? read_u64(*before) : 0));
  changes[counter] = std::move(count);
  KEYFOLD_CHECK(below_.write(changes, keep && convicts(r.what)));
  kept_[r.what] = kept + (keep ? 1 : 0);
  return keep;
}

expected<std::vector<report>> book::list() const {
  const std::lock_guard guard(mutex_);
  std::vector<report> out;
  bytes all = prefix_;
  all.push_back('i');
  KEYFOLD_CHECK(below_.scan(all, {}, [&](bytes_view, bytes_view value) {
    if (auto r = decode_report(value)) out.push_back(std::move(*r));
    return true;
  }));
  std::stable_sort(out.begin(), out.end(),
                   [](const report& a, const report& b) { return a.when > b.when; });
  return out;
}

expected<std::optional<report>> book::find(const incident_id& id) const {
  const std::lock_guard guard(mutex_);
  for (const auto what : all_kinds) {
    bytes row = key('i', what);
    append(row, id.view());
    KEYFOLD_TRY(const auto found, below_.get(row));
    if (!found) continue;
    KEYFOLD_TRY(auto r, decode_report(*found));
    return r;
  }
  return std::nullopt;
}

expected<std::map<kind, std::uint64_t>> book::counts() const {
  const std::lock_guard guard(mutex_);
  std::map<kind, std::uint64_t> out;
  for (const auto what : all_kinds) {
    KEYFOLD_TRY(const auto count, below_.get(key('n', what)));
    if (count && count->size() == 8) out[what] = read_u64(*count);
  }
  return out;
}

}  // namespace keyfold::incident
