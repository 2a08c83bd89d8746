// How apply works: one plan, carried out once. Actions one after the other stand in apply.cpp, files written in batches,
// and what is intended before it is done, in apply_writes.cpp.
#pragma once

#include "store/mirror/apply.hpp"

namespace keyfold::mirror {

class applier {
 public:
  applier(const root& r, base& b, const disk_plan& plan, const apply_hooks& hooks,
          random_source& random, const ignored_items& ignored)
      : root_(r), base_(b), plan_(plan), hooks_(hooks), random_(random), ignored_(ignored) {}

  expected<apply_report> run();

 private:
  /// A file written beside its target, to be renamed once it is durable.
  struct waiting {
    std::size_t index;
    local_path path;
    place temporary;
    facts ours;
  };

  expected<void> act(std::size_t index);
  expected<void> note(const disk_action& action);
  expected<void> park(base_row row);
  expected<void> make_folder(const disk_action& action);
  expected<void> move(const disk_action& action, base_row row);
  expected<void> rename_row(base_row row, const local_path& to);
  expected<void> set_attributes(const disk_action& action, const base_row& row);
  expected<void> remove(const base_row& row);
  bool holds_only_ignored(const local_path& folder) const;
  expected<void> remove_file(const base_row& row, const local_path& path, place at);

  expected<void> prepare(std::size_t index);
  expected<facts> write_temporary(const place& at, const shown_item& item, const looked* before);
  expected<void> fill(const shown_item& item, const content_sink& sink);
  expected<file_descriptor> take_draft(const shown_item& item, const place& to);
  expected<void> flush();
  expected<void> intend(const std::vector<waiting>& batch);
  expected<void> intend_from(std::size_t index);
  std::optional<intent> intent_of(const disk_action& action) const;
  expected<void> commit_intents(const std::vector<intent>& intents);
  expected<void> finish(const waiting& w);
  expected<void> put_in_place(const waiting& w);
  expected<void> replace(const waiting& w, const place& at);
  static expected<void> replace_plainly(const waiting& w, const place& at);

  expected<void> sync();
  expected<base_row> row_of(row_id row) const;
  expected<local_path> path_of(const base_row& row) const;
  expected<base_row> folder_of(const disk_action& action) const;
  expected<local_path> target_of(const disk_action& action) const;
  static base_row parked(base_row row);
  static base_row moved(const disk_action& action, base_row row, row_id folder);
  static base_row row_for(const disk_action& action, row_id row, row_id parent,
                          const std::string& local, facts disk);
  void skip(std::size_t index, const error& why);
  local_path where(std::size_t index) const;

  const root& root_;
  base& base_;
  const disk_plan& plan_;
  const apply_hooks& hooks_;
  random_source& random_;
  const ignored_items& ignored_;
  std::vector<waiting> waiting_;
  std::uint64_t waiting_bytes_ = 0;
  std::size_t intended_until_ = 0;  ///< actions before it, without the writes, are intended
  std::size_t synced_ = 0;          ///< as many are done and durable
  apply_report report_;
};

/// The modification time and executable bit that travel; the other mode bits stay.
[[nodiscard]] expected<void> set_attributes_of(int file, mode_t mode, const shown_item& item);

/// `PREFIX` ‖ number of the row.
[[nodiscard]] std::string own_name(std::string_view prefix, row_id row);
[[nodiscard]] tl::unexpected<error> changed(const local_path& path);

}  // namespace keyfold::mirror
