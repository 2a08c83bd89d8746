// What a tree shows: folders, names, paths. Pure questions about its state.
#pragma once

#include "store/workspace/branches.hpp"

namespace keyfold::workspace {

class projection : public lookup {
 public:
  using lookup::lookup;

  [[nodiscard]] std::vector<shown_entry> list(std::span<const node_id> folders) const;
  [[nodiscard]] std::optional<shown_entry> find_path(std::span<const std::string> path) const;
  [[nodiscard]] std::optional<std::vector<std::string>> path_of(node_id node) const;
  [[nodiscard]] std::vector<shown_version> history(node_id node) const;
  /// Every version of the node that counts, in operation order.
  [[nodiscard]] std::vector<written_version> written_versions(node_id node) const;
  [[nodiscard]] tree::totals count() const;

 private:
  /// The children that a folder shows; with `name`, only those that were given it.
  [[nodiscard]] std::vector<node_id> shown_children(
      node_id folder, const std::optional<std::string_view>& name = {}) const;
  [[nodiscard]] std::vector<node_id> shown_children(
      std::span<const node_id> folders, const std::optional<std::string_view>& name = {}) const;
  [[nodiscard]] shown_entry folder_entry(std::string name, std::vector<node_id> merged) const;
  [[nodiscard]] std::optional<shown_entry> find_child(std::span<const node_id> folders,
                                                      const std::string& name) const;
};

}  // namespace keyfold::workspace
