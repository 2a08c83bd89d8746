#include "store/replica/heads.hpp"

#include <set>

#include "store/ledger/relay_rules.hpp"

namespace keyfold::replica {
namespace {

std::size_t of(const std::map<user_id, std::size_t>& counts, user_id user) {
  const auto found = counts.find(user);
  return found == counts.end() ? 0 : found->second;
}

}  // namespace

within_limit within_heads(const feed::index& feeds, const ledger::view& ledger,
                          std::span<const feed::entry> entries, const heads_held& held) {
  within_limit out;
  std::set<entry_hash> looked_at;
  std::set<entry_hash> followed;  // by an entry of the list
  for (const auto& e : entries) {
    const bool known = !looked_at.insert(e.hash).second || feeds.holds(e.hash);
    const auto author = ledger.find_device(e.header.device);
    if (!known && author) {
      const bool goes_on = e.header.seq.value != 0 && followed.insert(e.header.prev).second &&
                           !feeds.begins_branch(e.header);
      if (!goes_on) {
        auto& begins = out.begins[author->user];
        if (held(author->user) + begins >= ledger::max_heads_of_user) return out;
        ++begins;
      }
    }
    ++out.count;
  }
  return out;
}

std::size_t head_counts::admit(const feed::index& feeds, const ledger::view& ledger,
                               std::span<const feed::entry> entries) {
  const std::lock_guard lock(mutex_);
  const auto allowed = within_heads(feeds, ledger, entries, [&](user_id user) {
    std::size_t sum = 0;
    for (const auto& [id, each] : parts_) sum += of(each.heads, user) + of(each.admitted, user);
    return sum;
  });
  auto& admitted = parts_[feeds.workspace()].admitted;
  for (const auto& [user, count] : allowed.begins) admitted[user] += count;
  return allowed.count;
}

void head_counts::note(const feed::index& feeds, const ledger::view& ledger) {
  const std::lock_guard lock(mutex_);
  auto& here = parts_[feeds.workspace()];
  here.admitted.clear();
  const auto branches = feeds.branches();
  if (here.branches == branches) return;
  here.branches = branches;
  here.heads.clear();
  for (const auto& [device, count] : feeds.heads_by_device())
    if (const auto author = ledger.find_device(device)) here.heads[author->user] += count;
}

}  // namespace keyfold::replica
