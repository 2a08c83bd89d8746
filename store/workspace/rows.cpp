#include "store/workspace/rows.hpp"

#include "store/db/keys.hpp"

namespace keyfold::workspace {
namespace {

bool same(bytes_view a, bytes_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

}  // namespace

std::optional<rows::head> rows::decode(bytes_view stored) {
  if (stored.size() < 3) return std::nullopt;
  const auto size = static_cast<std::size_t>(stored[1]) << 8 | stored[2];
  if (stored.size() < 3 + size) return std::nullopt;
  return head{{to_bytes(stored.subspan(3, size)), to_bytes(stored.subspan(3 + size))},
              stored[0] != 0};
}

std::optional<rows::head> rows::load() const {
  const auto stored = state_.get(key_);
  return stored ? decode(*stored) : std::nullopt;
}

void visit_rows(const db::view& state, bytes_view prefix, std::size_t rest,
                const std::function<bool(bytes_view, bytes_view)>& visit) {
  const auto size = prefix.size() + rest;
  state.scan(prefix, {}, [&](bytes_view key, bytes_view value) {
    if (key.size() > size) return visit(key.subspan(size), value);
    const auto h = rows::decode(value);
    return !h || visit(h->front.sub, h->front.value);
  });
}

void rows::save(const head& h) {
  bytes out{static_cast<std::uint8_t>(h.more), static_cast<std::uint8_t>(h.front.sub.size() >> 8),
            static_cast<std::uint8_t>(h.front.sub.size())};
  append(out, h.front.sub);
  append(out, h.front.value);
  state_.put(key_, out);
}

bytes rows::key_of(bytes_view sub) const {
  bytes out = key_;
  append(out, sub);
  return out;
}

std::optional<row> rows::first() const {
  auto h = load();
  if (!h) return std::nullopt;
  return std::move(h->front);
}

std::optional<row> rows::last(bytes_view before) const {
  auto h = load();
  if (!h) return std::nullopt;
  if (!before.empty() && !db::key_below(h->front.sub, before)) return std::nullopt;
  if (h->more) {
    // Behind the key itself, so that its own pair is never the one found.
    auto found = state_.last(key_, before.empty() ? bytes{} : key_of(before));
    if (found && found->first.size() > key_.size()) {
      found->first.erase(found->first.begin(),
                         found->first.begin() + static_cast<std::ptrdiff_t>(key_.size()));
      return row{std::move(found->first), std::move(found->second)};
    }
  }
  return std::move(h->front);
}

std::optional<bytes> rows::get(bytes_view sub) const {
  auto h = load();
  if (!h) return std::nullopt;
  if (same(h->front.sub, sub)) return std::move(h->front.value);
  return h->more ? state_.get(key_of(sub)) : std::nullopt;
}

void rows::visit(bytes_view from, const std::function<bool(bytes_view, bytes_view)>& visit) const {
  const auto h = load();
  if (!h) return;
  if (!db::key_below(h->front.sub, from) && !visit(h->front.sub, h->front.value)) return;
  if (!h->more) return;
  state_.scan(key_, key_of(from), [&](bytes_view key, bytes_view value) {
    return key.size() == key_.size() || visit(key.subspan(key_.size()), value);
  });
}

void rows::put(bytes_view sub, bytes_view value) {
  auto h = load();
  row added{to_bytes(sub), to_bytes(value)};
  if (!h) return save({std::move(added), false});
  if (!same(h->front.sub, sub)) {
    if (db::key_below(added.sub, h->front.sub)) std::swap(added, h->front);
    state_.put(key_of(added.sub), added.value);
    h->more = true;
  } else {
    h->front = std::move(added);
  }
  save(*h);
}

void rows::erase(bytes_view sub) {
  auto h = load();
  if (!h) return;
  if (!same(h->front.sub, sub)) {
    if (h->more) state_.erase(key_of(sub));
    return;
  }
  std::optional<row> next;
  if (h->more)
    state_.scan(key_, {}, [&](bytes_view key, bytes_view value) {
      if (key.size() == key_.size()) return true;
      next = row{to_bytes(key.subspan(key_.size())), to_bytes(value)};
      return false;
    });
  if (!next) return state_.erase(key_);
  state_.erase(key_of(next->sub));
  save({std::move(*next), true});
}

void rows::set(bytes_view sub, bytes_view value, bool add) {
  if (add)
    put(sub, value);
  else
    erase(sub);
}

void rows::rename(bytes_view from, bytes_view to) {
  auto h = load();
  if (!h) return;
  if (!h->more) {
    if (!same(h->front.sub, from)) return;
    h->front.sub = to_bytes(to);
    return save(*h);
  }
  const auto value = get(from);
  if (!value) return;
  erase(from);
  put(to, *value);
}

}  // namespace keyfold::workspace
