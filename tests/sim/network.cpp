#include "tests/sim/network.hpp"

namespace keyfold::sim {

instant network::delay() {
  return instant{1 + static_cast<std::int64_t>(
                         random_.below(static_cast<std::uint64_t>(most_delay_.count())))};
}

link_number network::open(node_number from, node_number to) {
  if (is_blocked(from, to)) return 0;
  const auto link = ++last_;
  auto& made = lines_[link];
  made.ends[0] = from;
  made.ends[1] = to;
  const auto when = events_.now() + delay();
  made.last[0] = made.last[1] = when;
  for (const int side : {1, 0})
    events_.at(when, [this, link, at = made.ends[side], other = made.ends[1 - side]] {
      if (!lines_.contains(link)) return;
      log_.note(events_.now(), "up", {link, at});
      nodes_.link_up(at, link, other);
    });
  return link;
}

void network::send(link_number link, node_number from, message m) {
  const auto found = lines_.find(link);
  if (found == lines_.end()) return;
  const std::size_t side = found->second.ends[0] == from ? 1 : 0;
  const auto to = found->second.ends[side];
  auto& last = found->second.last[side];
  last = std::max(last, events_.now() + delay());
  events_.at(last, [this, link, from, to, said = std::move(m)] {
    if (!lines_.contains(link)) return;
    log_.note(events_.now(), "message", {link, from, to, said.id, said.what.index()});
    nodes_.hear(to, link, from, said);
  });
}

void network::tell_down(node_number at, link_number link) {
  const auto notices = instant{static_cast<std::int64_t>(random_.below(3000))};
  events_.at(events_.now() + notices, [this, at, link] {
    log_.note(events_.now(), "down", {link, at});
    nodes_.link_down(at, link);
  });
}

void network::cut(link_number link) {
  const auto found = lines_.extract(link);
  if (!found) return;
  for (const auto at : found.mapped().ends) tell_down(at, link);
}

void network::cut_all(node_number node) {
  for (const auto& [link, l] : std::map(lines_))
    if (l.ends[0] == node || l.ends[1] == node) cut(link);
}

void network::cut_between(node_number a, node_number b) {
  for (const auto& [link, l] : std::map(lines_))
    if (std::minmax(l.ends[0], l.ends[1]) == std::minmax(a, b)) cut(link);
}

void network::block(node_number a, node_number b) {
  blocked_.insert(std::minmax(a, b));
  cut_between(a, b);
}

}  // namespace keyfold::sim
