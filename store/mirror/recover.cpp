// After a crash: what apply left under Keyfold's own names, and what it had intended. Base is as it was before that was
// begun, since nothing was committed later; so base tells what the bytes are.

#include <unistd.h>

#include <charconv>

#include "store/mirror/apply.hpp"
#include "store/mirror/disk.hpp"

namespace keyfold::mirror {

namespace {

/// The row in an own name, `PREFIX` ‖ decimal number.
std::optional<row_id> row_in(std::string_view name, std::string_view prefix) {
  if (!name.starts_with(prefix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  std::uint64_t value = 0;
  const auto [end, failure] = std::from_chars(name.data(), name.data() + name.size(), value);
  if (failure != std::errc{} || end != name.data() + name.size() || value == 0) return std::nullopt;
  return row_id{value};
}

class recovery {
 public:
  recovery(const root& r, base& b) : root_(r), base_(b) {}

  expected<std::vector<local_path>> run() {
    const auto intents = base_.intended();
    for (const auto& each : intents)
      if (is_same_thing(each)) take(each.row);
    KEYFOLD_CHECK(unpark_all());
    std::vector<local_path> own;
    scan_hooks hooks;
    hooks.visit = [&](const listing& seen) {
      for (const auto& name : seen.own) own.push_back(join(seen.path, name));
    };
    const std::vector<local_path> whole{""};
    KEYFOLD_CHECK(scan(root_, whole, hooks));
    for (const auto& path : own) KEYFOLD_CHECK(clear(path));
    for (const auto& each : intents) {
      if (each.goes)
        forget_gone(each.row.id);
      else if (!is_same_thing(each))
        take(each.row);
    }
    base_.intend({});
    if (::syncfs(root_.fd()) != 0) return fail_errno(errno, "cannot make durable", root_.folder());
    return std::move(rescued_);
  }

 private:
  /// Outermost first, since a parked thing's place may lie in another that is parked.
  expected<void> unpark_all() {
    KEYFOLD_TRY(const auto top, list_folder(root_, ""));
    std::vector<std::pair<std::size_t, row_id>> parked;
    for (const auto& name : top.own)
      if (const auto row = row_in(name, park_prefix))
        parked.emplace_back(depth_of(base_.path_of(*row).value_or("")), *row);
    std::sort(parked.begin(), parked.end());
    for (const auto& [depth, row] : parked) KEYFOLD_CHECK(unpark(row));
    return {};
  }

  expected<void> unpark(row_id id) {
    const auto own = std::string(park_prefix) + std::to_string(id.value);
    const auto row = base_.get(id);
    if (row && row->local == own)
      return {};  // parked with base's knowledge: the next plan moves it
    KEYFOLD_TRY(const auto from, find_place(root_, own));
    const auto path = base_.path_of(id);
    if (path) {
      const auto to = find_place(root_, *path);
      if (to && rename_new(from, *to)) return {};
    }
    return keep(from, row);
  }

  /// Made, moved, parked or given other attributes; anything else is new bytes, perhaps under a name that is cleared first.
  [[nodiscard]] bool is_same_thing(const intent& each) const {
    if (each.goes) return false;
    if (each.row.id == root_row) return each.row.facts.kind == node_kind::folder;
    const auto row = base_.get(each.row.id);
    return row && same_inode(row->facts, each.row.facts);
  }

  /// What had come about before the crash is what base knows.
  void take(base_row row) {
    const auto folder = base_.path_of(row.parent);
    if (!folder || (row.id == root_row && base_.child(row.parent, row.name))) return;
    const auto at = find_place(root_, join(*folder, row.local));
    const auto seen = at ? look(*at) : expected<looked>(fail(at));
    if (!seen) return;
    if (row.id == root_row && row.facts.kind == node_kind::folder) {
      if (seen->facts.kind != node_kind::folder || seen->odd != oddity::none) return;
      row.facts = seen->facts;
    } else if (unchanged_but_moved(row.facts, seen->facts)) {
      row.facts = settled_facts(row.facts, *at);
    } else if (!is_moved(row) || !same_inode(row.facts, seen->facts)) {
      return;  // of what was moved, and edited since, the edit alone is the user's doing
    }
    base_.put(std::move(row));
  }

  [[nodiscard]] bool is_moved(const base_row& row) const {
    const auto before = row.id == root_row ? std::nullopt : base_.get(row.id);
    return before && (before->parent != row.parent || before->local != row.local);
  }

  void forget_gone(row_id row) {
    const auto path = base_.path_of(row);
    if (!path) return;
    const auto seen = look(root_, *path);
    if (!seen && seen.error().code == errc::not_found) base_.erase(row);
  }

  expected<void> clear(const local_path& path) {
    const auto name = name_of(path);
    KEYFOLD_TRY(const auto at, find_place(root_, path));
    KEYFOLD_TRY(const auto seen, look(at));
    if (name.starts_with(temporary_prefix)) {
      if (seen.facts.kind == node_kind::folder) return {};
      return remove_name(at, seen.facts.kind);
    }
    if (const auto id = row_in(name, swap_prefix)) return clear_replaced(at, seen, *id, true);
    if (const auto id = row_in(name, gone_prefix)) return clear_replaced(at, seen, *id, false);
    return {};
  }

  /// Removes what is exactly what base says, and new content whose exchange did not come about.
  expected<void> clear_replaced(const place& at, const looked& seen, row_id id, bool may_be_new) {
    const auto row = base_.get(id);
    if (!row || seen.facts.kind == node_kind::folder) return keep(at, row);
    const bool old = unchanged_but_moved(row->facts, seen.facts);
    bool fresh = false;
    if (const auto path = base_.path_of(id); may_be_new && path) {
      const auto target = look(root_, *path);
      fresh = target && same_inode(row->facts, target->facts);
    }
    return old || fresh ? remove_name(at, seen.facts.kind) : keep(at, row);
  }

  expected<void> keep(const place& at, const std::optional<base_row>& row) {
    const auto name = row && !is_own_name(row->local) ? row->local : at.name.substr(1);
    KEYFOLD_TRY(auto path, rescue(root_, at, name));
    rescued_.push_back(std::move(path));
    return {};
  }

  const root& root_;
  base& base_;
  std::vector<local_path> rescued_;
};

}  // namespace

expected<std::vector<local_path>> recover(const root& r, base& b) {
  return recovery(r, b).run();
}

}  // namespace keyfold::mirror
