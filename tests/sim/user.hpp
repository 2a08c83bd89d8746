// Somebody at a device, who does one thing and remembers what he sees there.
#pragma once

#include "tests/sim/chronicle.hpp"
#include "tests/sim/device.hpp"

namespace keyfold::sim {

class user {
 public:
  /// The device must run, and have its workspace.
  user(device& at, const step& what);
  void act();

 private:
  void look_around();
  [[nodiscard]] const seen_item* pick(bool folders, bool files, std::uint64_t by) const;
  [[nodiscard]] deed begin() const;
  void journalled(deed d);
  [[nodiscard]] std::vector<version_id> same_as(const workspace::item& what) const;
  void add_above(const std::vector<std::string>& path, deed& d) const;
  void cover_folder(std::span<const node_id> merged, const workspace::engine::seen_by_user& seen,
                    deed& d) const;
  [[nodiscard]] expected<workspace::node_content> make_content(std::string& text);
  void note_written(const workspace::item& made, const std::string& text);

  [[nodiscard]] bool one(kind what, std::uint64_t a, std::uint64_t b);
  [[nodiscard]] bool write(std::uint64_t a, std::uint64_t b);
  [[nodiscard]] bool edit(std::uint64_t a);
  [[nodiscard]] bool move(std::uint64_t a, std::uint64_t b);
  [[nodiscard]] bool replace(std::uint64_t a, std::uint64_t b);
  [[nodiscard]] bool remove(std::uint64_t a, std::uint64_t b);
  [[nodiscard]] bool make_folder(std::uint64_t a, std::uint64_t b);
  [[nodiscard]] bool restore(std::uint64_t a);
  void change_ledger();
  void change_role(const user_id& whom, ledger::role to);

  device& device_;
  const step& step_;
  workspace_shell& shell_;
  workspace::engine& engine_;
  std::vector<std::size_t> deeds_;
};

}  // namespace keyfold::sim
