#include "store/workspace/branches.hpp"

#include <algorithm>
#include <map>
#include <queue>

namespace keyfold::workspace {
namespace {

constexpr std::size_t shared = static_cast<std::size_t>(-1);

/// Walks from all tips back, the latest version first, until only versions are left that several
/// tips descend from. So it reads what was written since the branches parted, and not the whole
/// history.
class ancestry {
 public:
  ancestry(const lookup& tree, node_id node, std::span<const written_version> tips)
      : tree_(tree), node_(node) {
    for (std::size_t i = 0; i < tips.size(); ++i) reach(tips[i].version, tips[i].written, i);
    while (exclusive_waiting_ > 0) step();
  }
  /// The first version of each tip's branch.
  [[nodiscard]] std::vector<written_version> first_versions(
      std::span<const written_version> tips) const {
    std::vector<written_version> out(tips.begin(), tips.end());
    for (const auto& [version, found] : reached_)
      if (found.owner != shared && found.written < out[found.owner].written)
        out[found.owner] = {version, found.written};
    return out;
  }

 private:
  struct reached {
    std::size_t owner;
    entry_order written;
    bool waiting = true;
  };
  void reach(version_id version, const entry_order& written, std::size_t owner) {
    const auto [at, fresh] = reached_.try_emplace(version, reached{owner, written});
    auto& found = at->second;
    if (!fresh) {
      if (found.owner == owner || found.owner == shared) return;
      if (found.waiting) --exclusive_waiting_;
      found.owner = shared;
      if (found.waiting) return;
      found.waiting = true;
    } else if (owner != shared) {
      ++exclusive_waiting_;
    }
    queue_.emplace(written, version);
  }
  void step() {
    const auto version = queue_.top().second;
    queue_.pop();
    auto& found = reached_.at(version);
    found.waiting = false;
    if (found.owner != shared) --exclusive_waiting_;
    const auto owner = found.owner;
    const auto write = tree_.write_at(found.written);
    if (!write || write->node != node_) return;  // what it replaced was in another node
    for (const auto& before : write->replaces) {
      const auto use = tree_.use_of(before);
      if (use && tree_.belongs(*use, before, node_)) reach(before, use->written, owner);
    }
  }

  const lookup& tree_;
  node_id node_;
  std::map<version_id, reached> reached_;
  std::priority_queue<std::pair<entry_order, version_id>> queue_;
  std::size_t exclusive_waiting_ = 0;
};

void merge_equal(std::vector<branch>& branches) {
  std::vector<branch> out;
  for (auto& b : branches) {
    const auto same = std::find_if(out.begin(), out.end(), [&](const branch& older) {
      return equal_bytes(older.content, b.content);
    });
    if (same == out.end())
      out.push_back(std::move(b));
    else
      same->same.push_back(b.tip.version);
  }
  for (auto& b : out) std::sort(b.same.begin(), b.same.end());
  branches = std::move(out);
}

}  // namespace

bool equal_bytes(const node_content& a, const node_content& b) {
  if (a.index() != b.index()) return false;
  if (const auto* link = std::get_if<symlink_content>(&a))
    return link->target == std::get<symlink_content>(b).target;
  const auto& one = std::get<file_content>(a);
  const auto& two = std::get<file_content>(b);
  return one.size == two.size && one.list_hash == two.list_hash && one.executable == two.executable;
}

std::int64_t mtime_ms(const node_content& content) {
  constexpr std::int64_t ns_per_ms = 1'000'000;
  const auto ns = std::visit([](const auto& c) { return c.mtime_ns; }, content);
  return ns / ns_per_ms - (ns % ns_per_ms < 0 ? 1 : 0);
}

shown_version to_shown(const branch& b) {
  return {b.tip.version, b.content, b.tip.written, b.first_ms, b.first.device, b.same};
}

std::vector<branch> branches_of(const lookup& tree, node_id node) {
  const auto tips = tree.current_versions(node);
  auto firsts = tips;
  if (tips.size() > 1) firsts = ancestry(tree, node, tips).first_versions(tips);
  std::vector<branch> out;
  for (std::size_t i = 0; i < tips.size(); ++i) {
    auto write = tree.write_at(tips[i].written);
    if (!write) continue;
    auto first_ms = mtime_ms(write->content);
    if (firsts[i].version != tips[i].version)
      if (const auto first = tree.write_at(firsts[i].written)) first_ms = mtime_ms(first->content);
    out.push_back(
        {tips[i], std::move(write->content), firsts[i].written, first_ms, {tips[i].version}});
  }
  std::sort(out.begin(), out.end(),
            [](const branch& a, const branch& b) { return a.first < b.first; });
  merge_equal(out);
  return out;
}

}  // namespace keyfold::workspace
