// Rows must behave as a sorted map does, however many there are, beside those of other keys.
#include "store/workspace/rows.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>

using namespace keyfold;
using namespace keyfold::workspace;

namespace {

using model = std::map<bytes, bytes>;

bytes sub_key(int number) {
  return {static_cast<std::uint8_t>(number), 7};
}

model visited(const rows& r, bytes_view from = {}) {
  model out;
  r.visit(from, [&](bytes_view sub, bytes_view value) {
    if (!out.empty()) RC_ASSERT(out.rbegin()->first < to_bytes(sub));
    out.emplace(to_bytes(sub), to_bytes(value));
    return true;
  });
  return out;
}

void compare(const rows& r, const model& m) {
  RC_ASSERT(visited(r) == m);
  RC_ASSERT(r.empty() == m.empty());
  if (!m.empty()) {
    RC_ASSERT(r.first() == (row{m.begin()->first, m.begin()->second}));
    RC_ASSERT(r.last() == (row{m.rbegin()->first, m.rbegin()->second}));
  }
  for (int i = 0; i < 6; ++i) {
    const auto sub = sub_key(i);
    const auto at = m.find(sub);
    RC_ASSERT(r.get(sub) == (at == m.end() ? std::nullopt : std::optional(at->second)));
    const auto bound = m.lower_bound(sub);
    RC_ASSERT(visited(r, sub) == model(bound, m.end()));
    const auto below = r.last(sub);
    RC_ASSERT(below.has_value() == (bound != m.begin()));
    if (below) RC_ASSERT(below->sub == std::prev(bound)->first);
  }
}

}  // namespace

TEST_CASE("rows behave as a sorted map") {
  CHECK(rc::check([] {
    const auto below = db::memory_store();
    db::transaction state(*below);
    // Neighbours whose keys begin alike in all but the last byte.
    rows before(state, {'t', 1});
    rows behind(state, {'t', 3});
    before.put(sub_key(1), as_bytes("before"));
    behind.put(sub_key(1), as_bytes("behind"));
    rows r(state, {'t', 2});
    model m;
    const auto steps = *rc::gen::container<std::vector<std::tuple<int, int, int>>>(
        rc::gen::tuple(rc::gen::inRange(0, 4), rc::gen::inRange(0, 6), rc::gen::inRange(0, 100)));
    for (const auto& [what, number, value] : steps) {
      const auto sub = sub_key(number);
      const bytes content{static_cast<std::uint8_t>(value)};
      if (what == 0) {
        r.erase(sub);
        m.erase(sub);
      } else if (what == 1) {
        // To a place behind the same rows.
        const auto at = m.find(sub);
        if (at == m.end()) continue;
        auto to = sub;
        to[1] = static_cast<std::uint8_t>(value);
        r.rename(sub, to);
        r.rename(to, sub);
      } else {
        r.put(sub, content);
        m[sub] = content;
      }
      if (value < 10) RC_ASSERT(state.commit(false));
      compare(r, m);
    }
    RC_ASSERT(visited(before).size() == 1u);
    RC_ASSERT(visited(behind).size() == 1u);
  }));
}

TEST_CASE("a row is renamed") {
  const auto below = db::memory_store();
  db::transaction state(*below);
  rows r(state, {'t'});
  r.rename(sub_key(1), sub_key(2));
  CHECK(r.empty());
  r.put(sub_key(1), as_bytes("one"));
  r.rename(sub_key(1), sub_key(2));
  CHECK_FALSE(r.get(sub_key(1)));
  CHECK(r.get(sub_key(2)) == to_bytes(as_bytes("one")));
  r.put(sub_key(4), as_bytes("four"));
  r.rename(sub_key(4), sub_key(3));
  CHECK_FALSE(r.get(sub_key(4)));
  CHECK(r.last()->value == to_bytes(as_bytes("four")));
  r.rename(sub_key(5), sub_key(6));
  CHECK_FALSE(r.get(sub_key(6)));
}
