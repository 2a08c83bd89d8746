#include "actors/mirror_contents.hpp"

namespace keyfold::actors {

std::shared_ptr<const mirror::version_chunks> agreed_content_of(const mirror_state& s,
                                                                const mirror::base_row& row) {
  if (row.facts.kind != mirror::node_kind::file || row.version.is_zero()) return nullptr;
  return s.maker->chunks_of(row.version);
}

std::vector<mirror::shown_item> shown_contents::list(std::span<const node_id> merged) {
  std::vector<mirror::shown_item> out;
  const auto children = s_.ask<std::vector<workspace::shown_entry>>(
      self_, list_nodes{{merged.begin(), merged.end()}});
  if (!children) {
    failure_ = children.error();
    return out;
  }
  for (const auto& child : *children)
    if (auto item = mirror::shown_of(child)) out.push_back(std::move(*item));
  return out;
}

std::unique_ptr<mirror::former_file> shown_contents::former_of(const mirror::shown_item& item) {
  if (item.size < shared_from_size || s_.without_former.contains(item.version)) return nullptr;
  for (const auto& row : s_.base.rows_of(item.node)) {
    const auto agreed = agreed_content_of(s_, row);
    const auto at = agreed ? s_.base.path_of(row.id) : std::nullopt;
    if (!at) continue;
    if (auto file = mirror::former_file::open(s_.root, *at, agreed->chunks))
      return std::make_unique<mirror::former_file>(*std::move(file));
  }
  return nullptr;
}

bool shown_contents::has(const object_id& id) {
  const auto [at, fresh] = here_.try_emplace(id, false);
  if (fresh) at->second = objects_.has(id).value_or(false);
  return at->second;
}

std::set<object_id> shown_contents::missing(const mirror::shown_item& item) {
  if (!item.chunks) return {};
  std::vector<object_id> lacking;
  if (auto file = object::file_reader::open(*item.chunks, objects_, lacking)) {
    const auto needed = file->objects_of(0, file->size());
    const bool all = std::ranges::all_of(needed, [&](const object_id& id) { return has(id); });
    const auto former = all ? nullptr : former_of(item);
    if (former) file->prefer(*former);
    for (const auto& id : former ? file->objects_of(0, file->size()) : needed)
      if (!has(id)) lacking.push_back(id);
  }
  return {lacking.begin(), lacking.end()};
}

expected<std::optional<drafted_file>> shown_contents::begin_draft(const mirror::shown_item& item) {
  std::vector<object_id> lacking;
  auto file = object::file_reader::open(*item.chunks, objects_, lacking);
  if (!file) return std::nullopt;
  const auto needed = file->objects_of(0, file->size());
  if (std::ranges::all_of(needed, [&](const object_id& id) { return has(id); }))
    return std::nullopt;
  KEYFOLD_TRY(auto draft, mirror::draft::open(s_.root, item.version, file->chunks()));
  drafted_file out{std::move(draft), {}, needed, {}, {}, former_of(item), item.size};
  for (const auto& id : out.draft.objects_lacking(out.former.get()))
    if (has(id))
      out.in_store.push_back(id);
    else
      out.to_ask.push_back(id);
  return out;
}

mirrored shown_contents::read(const mirror::shown_item& item, const mirror::content_sink& sink) {
  if (!item.chunks) return fail(errc::not_found, "a file without content");
  std::vector<object_id> lacking;
  KEYFOLD_TRY(auto file, object::file_reader::open(*item.chunks, objects_, lacking));
  const auto former = former_of(item);
  if (former) file.prefer(*former);
  auto done = file.read_all(sink, lacking);
  if (former && former->differs()) s_.without_former.insert(item.version);
  return done;
}

}  // namespace keyfold::actors
