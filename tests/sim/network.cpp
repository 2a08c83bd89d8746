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

namespace {

std::string words_of(const message& m) {
  constexpr std::array<std::string_view, 10> requests{
      "hello", "pull", "append", "put records", "subscribe", "heads", "push", "have", "put", "get"};
  constexpr std::array<std::string_view, 10> answers{
      "refused", "greeted", "records", "receipted", "subscribed",
      "heads",   "pushed",  "lacking", "stored",    "object"};
  constexpr std::array<std::string_view, 5> events{"ledger advanced", "feed advanced",
                                                   "objects wanted", "presence", "ended"};
  static_assert(std::variant_size_v<request> == requests.size());
  static_assert(std::variant_size_v<answer> == answers.size());
  static_assert(std::variant_size_v<event> == events.size());
  if (const auto* r = std::get_if<request>(&m.what)) {
    const auto* wanted = std::get_if<get>(r);
    return std::string(requests[r->index()]) +
           (wanted != nullptr ? " " + to_text(wanted->object).substr(0, 6) : "");
  }
  if (const auto* a = std::get_if<answer>(&m.what)) {
    const auto* no = std::get_if<refused>(a);
    return std::string(answers[a->index()]) +
           (no != nullptr ? ": " + std::string(to_string(no->why.code)) : "");
  }
  return std::string(events[std::get<event>(m.what).index()]);
}

}  // namespace

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
    if (log_.speaks()) log_.remark(events_.now(), words_of(said));
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
