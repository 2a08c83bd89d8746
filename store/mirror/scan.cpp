#include "store/mirror/scan.hpp"

#include <unistd.h>

#include <cerrno>
#include <set>
#include <tuple>

#include "store/mirror/disk.hpp"

namespace keyfold::mirror {

namespace {

ignore_reason reason_of(oddity odd) {
  return odd == oddity::special ? ignore_reason::special : ignore_reason::other_volume;
}

expected<void> add_entry(int folder, const std::string& local, listing& out) {
  const auto ignore = [&](ignore_reason reason) {
    out.ignored.push_back({join(out.path, local), reason});
  };
  if (is_own_name(local)) {
    out.own.push_back(local);
    return {};
  }
  auto seen = look(folder, local);
  if (!seen && seen.error().code == errc::not_found) return {};  // went while we looked
  if (!seen && seen.error().code != errc::unreadable) return fail(seen);
  auto name = workspace::normalize_name(local);
  if (!name)
    ignore(ignore_reason::bad_name);
  else if (!seen)
    ignore(ignore_reason::unreadable);
  else if (seen->odd != oddity::none)
    ignore(reason_of(seen->odd));
  else
    out.entries.push_back({std::move(*name), local, std::move(seen->facts)});
  return {};
}

bool is_gone(const error& e) {
  return e.code == errc::not_found || e.code == errc::unsafe_path;
}

/// One walk; remembers what it visited, since starts may lie within each other.
class walk {
 public:
  walk(const root& r, const scan_hooks& hooks) : root_(r), hooks_(hooks) {}

  expected<void> from(local_path start) {
    if (hooks_.put_off && hooks_.put_off(start)) return {};
    for (;;) {
      auto seen = list_folder(root_, start);
      if (!seen && is_gone(seen.error()) && !start.empty()) {
        start = parent_of(start);
        continue;
      }
      KEYFOLD_CHECK(enter(start, std::move(seen)));
      break;
    }
    while (!open_.empty()) {
      const auto next = std::move(open_.back());
      open_.pop_back();
      if (hooks_.put_off && hooks_.put_off(next)) continue;
      KEYFOLD_CHECK(enter(next, list_folder(root_, next)));
    }
    return {};
  }

 private:
  expected<void> enter(const local_path& path, expected<listing> seen) {
    if (!visited_.insert(path).second) return {};
    if (!seen && seen.error().code == errc::unreadable) {
      if (hooks_.ignored) hooks_.ignored({path, ignore_reason::unreadable});
      return {};
    }
    if (!seen && is_gone(seen.error()) && !path.empty()) return {};  // went while we walked
    if (!seen) return fail(seen);
    hooks_.visit(*seen);
    for (auto entry = seen->entries.rbegin(); entry != seen->entries.rend(); ++entry)
      if (entry->facts.kind == node_kind::folder &&
          (!hooks_.descend || hooks_.descend(path, *entry)))
        open_.push_back(join(path, entry->local));
    return {};
  }

  const root& root_;
  const scan_hooks& hooks_;
  std::vector<local_path> open_;
  std::set<local_path> visited_;
};

}  // namespace

std::string_view to_string(ignore_reason reason) {
  switch (reason) {
    case ignore_reason::special:
      return "special";
    case ignore_reason::other_volume:
      return "other_volume";
    case ignore_reason::bad_name:
      return "bad_name";
    case ignore_reason::twin:
      return "twin";
    case ignore_reason::unreadable:
      return "unreadable";
    case ignore_reason::reserved:
      return "reserved";
    case ignore_reason::ignore_file:
      return "ignore_file";
    case ignore_reason::ignore_default:
      return "ignore_default";
    case ignore_reason::ignore_limit:
      return "ignore_limit";
  }
  return "unknown";
}

expected<listing> list_folder(const root& r, const local_path& path) {
  KEYFOLD_TRY(const auto folder, r.open_folder(path));
  listing out;
  out.path = path;
  KEYFOLD_TRY(auto seen, look(folder.get()));
  out.folder = std::move(seen.facts);
  KEYFOLD_TRY(auto names, names_in(folder.get(), path));
  std::sort(names.begin(), names.end());
  for (const auto& name : names) KEYFOLD_CHECK(add_entry(folder.get(), name, out));
  std::sort(out.entries.begin(), out.entries.end(), [](const listed& a, const listed& b) {
    return std::tie(a.name, a.local) < std::tie(b.name, b.local);
  });
  return out;
}

expected<void> scan(const root& r, std::span<const local_path> starts, const scan_hooks& hooks) {
  walk w(r, hooks);
  for (const auto& start : starts) KEYFOLD_CHECK(w.from(start));
  return {};
}

}  // namespace keyfold::mirror
