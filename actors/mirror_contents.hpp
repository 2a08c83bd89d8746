// The contents of what the tree shows, for a mirror's writing: from objects, and what a file's next
// version shares with the one on disk from there.
#pragma once

#include "actors/mirror_objects.hpp"
#include "actors/mirror_state.hpp"
#include "store/mirror/former.hpp"
#include "store/object/local_source.hpp"

namespace keyfold::actors {

/// Smaller files are seldom more than a few chunks: what of them stays the same is not worth the asking.
inline constexpr std::uint64_t shared_from_size = std::uint64_t{1024} * 1024;

/// What the file of a row was when disk and tree agreed; null where that is not known here.
[[nodiscard]] std::shared_ptr<const mirror::version_chunks> agreed_content_of(
    const mirror_state& s, const mirror::base_row& row);

/// One round's view of the tree, asked folder by folder, and the contents for the writing that follows.
class shown_contents {
 public:
  shown_contents(mirror_state& s, caf::scoped_actor& self)
      : s_(s), self_(self), source_(*s.options.objects.objects), objects_(source_) {}

  /// What a folder shows, given all nodes behind its name.
  [[nodiscard]] std::vector<mirror::shown_item> list(std::span<const node_id> merged);
  /// A folder that could not be listed was given as empty: a plan made of that must not be followed.
  [[nodiscard]] const std::optional<error>& failure() const { return failure_; }
  /// The objects that a file's writing needs, and that are not here; none for a symlink.
  [[nodiscard]] std::set<object_id> missing(const mirror::shown_item& item);
  /// Streams the file's bytes: `errc::objects_missing` while some are not here.
  [[nodiscard]] mirrored read(const mirror::shown_item& item, const mirror::content_sink& sink);
  /// Begins the item's draft: nullopt when it needs none, since all is here; or when its list of chunks is not, or is
  /// none, so that it cannot have one.
  [[nodiscard]] expected<std::optional<drafted_file>> begin_draft(const mirror::shown_item& item);

 private:
  /// The file on disk that the item is the next version of, if taking chunks from it is worth the asking.
  [[nodiscard]] std::unique_ptr<mirror::former_file> former_of(const mirror::shown_item& item);
  [[nodiscard]] bool has(const object_id& id);

  mirror_state& s_;
  caf::scoped_actor& self_;
  object::local_source source_;
  object::opener objects_;
  std::map<object_id, bool> here_;  ///< what was looked up
  std::optional<error> failure_;
};

}  // namespace keyfold::actors
