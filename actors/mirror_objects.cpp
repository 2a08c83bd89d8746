#include "actors/mirror_objects.hpp"

#include <spdlog/spdlog.h>

#include "actors/device_store.hpp"
#include "actors/mirror_state.hpp"

namespace keyfold::actors {
namespace {

constexpr std::size_t objects_of_a_sync = 8;

/// A part of the database, read apart from whoever writes there.
struct committed {
  committed(const object_services& services, part p, const workspace_id& workspace)
      : transaction(*services.store), view(transaction, prefix_of(p, workspace)) {}
  db::transaction transaction;
  db::prefixed view;
};

}  // namespace

bool object_maker::may_make(const object_id& object) const {
  committed state(services_, part::mirror, workspace_);
  return mirror::may_remake(mirror::base(state.view, {}), object);
}

expected<made_object> object_maker::make(const object_id& object) const {
  KEYFOLD_TRY(const auto root, mirror::root::open(folder_));
  committed state(services_, part::mirror, workspace_);
  const mirror::base base(state.view, {});
  KEYFOLD_TRY(auto made,
              mirror::remake(
                  root, base, [this](const auto& version) { return chunks_of(version); }, object));
  return std::make_shared<const object::sealed_object>(std::move(made));
}

expected<workspace::node_content> object_maker::content_of(const version_id& version) const {
  committed state(services_, part::workspace, workspace_);
  return workspace::content_in(state.view, workspace_, version);
}

std::shared_ptr<const mirror::version_chunks> object_maker::chunks_of(
    const version_id& version) const {
  {
    const std::lock_guard guard(mutex_);
    if (last_.second && last_.first == version) return last_.second;
  }
  const auto known = content_of(version);
  const auto* content = known ? std::get_if<workspace::file_content>(&*known) : nullptr;
  if (content == nullptr) return nullptr;
  object::local_source source(*services_.objects);
  object::opener opener(source);
  std::vector<object_id> lacking;
  const auto list = object::file_reader::open(*content, opener, lacking);
  if (!list) return nullptr;
  auto out = std::make_shared<const mirror::version_chunks>(
      mirror::version_chunks{*content, list->chunks()});
  if (content->level > 0) {
    const std::lock_guard guard(mutex_);
    last_ = {version, out};
  }
  return out;
}

std::optional<std::vector<object_id>> object_maker::objects_of(const version_id& version) const {
  const auto known = content_of(version);
  if (!known) return std::nullopt;
  const auto* content = std::get_if<workspace::file_content>(&*known);
  if (content == nullptr) return std::vector<object_id>{};
  object::local_source source(*services_.objects);
  object::opener opener(source);
  std::vector<object_id> lacking;
  auto out = object::objects_of(*content, opener, lacking);
  return out ? std::optional(std::move(*out)) : std::nullopt;
}

std::vector<object_id> make_again(mirror_state& s, const std::set<object_id>& objects) {
  std::vector<object_id> out;
  std::vector<object::sealed_object> batch;
  const auto store = [&] {
    const auto stored = s.options.objects.objects->put(batch, object::origin::fetched);
    if (!stored) spdlog::warn("mirror {}: {}", s.root.folder(), stored.error().message);
    for (const auto& each : batch)
      if (stored) out.push_back(each.id());
    batch.clear();
  };
  for (const auto& id : objects) {
    if (s.not_made_again.contains(id)) continue;
    if (const auto made = s.maker->make(id)) {
      batch.push_back(**made);
      if (batch.size() == objects_of_a_sync) store();
    } else {
      s.not_made_again.insert(id);
      spdlog::info("mirror {}: the object {} cannot be made again: {}", s.root.folder(),
                   to_text(id), made.error().message);
    }
  }
  if (!batch.empty()) store();
  if (!out.empty())
    spdlog::info("mirror {}: {} objects were made again of what stands there", s.root.folder(),
                 out.size());
  return out;
}

}  // namespace keyfold::actors
