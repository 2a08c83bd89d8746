#include "actors/mirror_drafts.hpp"

#include <spdlog/spdlog.h>

namespace keyfold::actors {
namespace {

constexpr std::size_t most_drafts = 16;                          ///< each keeps a file open
constexpr std::uint64_t worth_a_run = std::uint64_t{64} << 20U;  ///< bytes that share one sync

/// What a disk does not take is trouble until it does; what an object does not hold is the other way's to tell.
void failed(mirror_state& s, std::map<version_id, drafted_file>::iterator at, const error& why) {
  spdlog::warn("mirror {}: a large file cannot be put together: {}", s.root.folder(), why.message);
  const bool of_disk =
      why.code == errc::disk_full || why.code == errc::io_failed || why.code == errc::unreadable;
  if (of_disk)
    s.draft_trouble = why;
  else
    s.without_draft.insert(at->first);
  s.changed_folders.merge(at->second.folders);
  if (auto removed = at->second.draft.remove(); !removed)
    spdlog::warn("mirror {}: {}", s.root.folder(), removed.error().message);
  s.drafts.erase(at);
}

/// Calls `fill` for each draft; one that fails is given up.
template <class Fill>
void for_each_draft(mirror_state& s, Fill fill) {
  for (auto at = s.drafts.begin(); at != s.drafts.end();) {
    const auto draft = at++;
    if (auto filled = fill(draft->second); !filled) failed(s, draft, filled.error());
  }
}

expected<void> fill_one(mirror_state& s, drafted_file& file) {
  if (file.former) {
    KEYFOLD_CHECK(file.draft.take(*file.former));
    if (file.former->differs()) {
      const auto lacking = file.draft.objects_lacking();
      file.to_ask.assign(lacking.begin(), lacking.end());
    }
    file.former.reset();
  }
  for (const auto& id : std::exchange(file.in_store, {})) {
    const auto object = s.options.objects.objects->get(id);
    if (!object && object.error().code != errc::damaged) return fail(object);
    if (object && *object)
      KEYFOLD_CHECK(file.draft.take(**object));
    else
      file.to_ask.push_back(id);  // it was damaged, or has gone
  }
  return {};
}

}  // namespace

drafting draft_of(mirror_state& s, shown_contents& contents, const mirror::shown_item& item,
                  const node_id& folder) {
  if (!item.chunks || item.size < drafted_from_size || s.without_draft.contains(item.version))
    return drafting::none;
  auto at = s.drafts.find(item.version);
  if (at == s.drafts.end()) {
    const auto under_way =
        std::ranges::count_if(s.drafts, [](const auto& each) { return !each.second.offered; });
    if (static_cast<std::size_t>(under_way) >= most_drafts) {
      s.awaiting_a_draft.insert(folder);
      return drafting::pending;
    }
    auto begun = contents.begin_draft(item);
    if (!begun) {
      spdlog::warn("mirror {}: {}: {}", s.root.folder(), item.name, begun.error().message);
      s.draft_trouble = begun.error();
      s.awaiting_a_draft.insert(folder);
      return drafting::pending;
    }
    if (!*begun) return drafting::none;
    s.draft_trouble.reset();
    at = s.drafts.emplace(item.version, std::move(**begun)).first;
  } else if (at->second.to_ask.empty()) {  // perhaps its asking was cut off
    const auto lacking = at->second.draft.objects_lacking(at->second.former.get());
    at->second.to_ask.assign(lacking.begin(), lacking.end());
  }
  at->second.folders.insert(folder);
  if (!at->second.draft.is_complete()) return drafting::pending;
  at->second.offered = true;
  return drafting::complete;
}

void forget_drafts(mirror_state& s, const std::set<version_id>& met,
                   const std::function<bool(const node_id&)>& planned, bool whole) {
  const auto told = [&](const expected<void>& removed) {
    if (!removed) spdlog::warn("mirror {}: {}", s.root.folder(), removed.error().message);
  };
  for (auto at = s.drafts.begin(); at != s.drafts.end();) {
    const auto draft = at++;
    if (met.contains(draft->first)) continue;
    if (!whole && !std::ranges::all_of(draft->second.folders, planned)) continue;
    told(draft->second.draft.remove());
    s.drafts.erase(draft);
  }
  if (!whole) return;
  auto kept = met;  // also those of a former run whose list of chunks is not here yet
  for (const auto& [version, file] : s.drafts) kept.insert(version);
  told(mirror::remove_drafts(s.root, kept));
}

void fill_drafts(mirror_state& s) {
  for_each_draft(s, [&](drafted_file& file) { return fill_one(s, file); });
}

bool take_passed(mirror_state& s, const object_id& object, bytes_view data) {
  bool right = true;
  for_each_draft(s, [&](drafted_file& file) -> expected<void> {
    auto taken = file.draft.take(object, data);
    if (taken || taken.error().code != errc::object_mismatch) return taken;
    right = false;
    file.to_ask.push_back(object);
    return {};
  });
  return right;
}

std::optional<object_id> next_to_ask(mirror_state& s) {
  for (auto& [version, file] : s.drafts)
    while (!file.to_ask.empty()) {
      const auto id = file.to_ask.front();
      file.to_ask.pop_front();
      if (file.draft.lacks(id) && !s.passing.contains(id)) return id;
    }
  return std::nullopt;
}

void interrupt_drafts(mirror_state& s) {
  for (auto& [version, file] : s.drafts) {
    file.to_ask.clear();
    s.changed_folders.insert(file.folders.begin(), file.folders.end());
  }
  s.changed_folders.merge(std::exchange(s.awaiting_a_draft, {}));
}

bool announce_drafts(mirror_state& s) {
  std::size_t complete = 0;
  std::uint64_t bytes = 0;
  std::set<node_id> folders;
  for (const auto& [version, file] : s.drafts)
    if (file.draft.is_complete() && !file.offered) {
      ++complete;
      bytes += file.size;
      folders.insert(file.folders.begin(), file.folders.end());
    }
  const bool enough = !has_pending_draft(s) || complete >= most_drafts / 2 || bytes >= worth_a_run;
  if (complete == 0 || !enough) return false;
  s.changed_folders.merge(folders);
  return true;
}

expected<bool> place_draft(mirror_state& s, const mirror::shown_item& item,
                           const mirror::place& to) {
  const auto at = s.drafts.find(item.version);
  if (at == s.drafts.end() || !at->second.draft.is_complete()) return false;
  KEYFOLD_CHECK(at->second.draft.move_to(to));
  s.passed.insert(s.passed.end(), at->second.objects.begin(), at->second.objects.end());
  s.drafts.erase(at);
  s.changed_folders.merge(std::exchange(s.awaiting_a_draft, {}));
  return true;
}

bool has_pending_draft(const mirror_state& s) {
  return std::ranges::any_of(s.drafts,
                             [](const auto& each) { return !each.second.draft.is_complete(); });
}

bool awaits_content(const mirror_state& s) {
  return !s.wanted.empty() || !s.awaiting_a_draft.empty() ||
         std::ranges::any_of(s.drafts, [](const auto& each) { return !each.second.offered; });
}

}  // namespace keyfold::actors
