// A disk of which some reads fail: what was not there for a moment does no harm, and nothing that came of it is committed.
#include <catch2/catch.hpp>

#include "tests/store/feed/world.hpp"

using namespace keyfold;
using namespace keyfold::feed;
using namespace keyfold::test;

namespace {

/// A store in memory of which one read fails.
class failing_store final : public db::store {
 public:
  std::uint64_t reads = 0;
  std::optional<std::uint64_t> fails_at;

  expected<std::optional<bytes>> get(bytes_view key) const override {
    KEYFOLD_CHECK(count());
    return below_->get(key);
  }
  expected<void> scan(bytes_view prefix, bytes_view from, const db::visitor& visit) const override {
    KEYFOLD_CHECK(count());
    return below_->scan(prefix, from, visit);
  }
  expected<std::optional<std::pair<bytes, bytes>>> last(bytes_view prefix,
                                                        bytes_view before) const override {
    KEYFOLD_CHECK(count());
    return below_->last(prefix, before);
  }
  expected<void> write(const db::batch& changes, bool synced) override {
    return below_->write(changes, synced);
  }

 private:
  expected<void> count() const {
    auto& n =
        const_cast<failing_store*>(this)->reads;  // NOLINT(cppcoreguidelines-pro-type-const-cast)
    if (fails_at && n++ == *fails_at) return fail(errc::io_failed, "a read fails");
    return {};
  }
  std::unique_ptr<db::store> below_ = db::memory_store();
};

}  // namespace

TEST_CASE("whichever read fails while an entry is added, nothing of it is committed") {
  world w(7);
  const auto first = w.write(w.alice, nullptr);
  const auto second = w.write(w.alice, &first);
  const auto other = w.write(w.alice, &first);
  const auto last = w.write(w.bob, nullptr, {second, other});
  bool failed = true;
  for (std::uint64_t n = 0; failed; ++n) {
    failing_store disk;
    {
      db::transaction state(disk);
      feed::index feeds(state, w.organization, w.workspace);
      REQUIRE(feeds.add(first, w.ledger).fresh);
      REQUIRE(state.commit(true));
    }
    db::transaction state(disk);
    feed::index feeds(state, w.organization, w.workspace);
    disk.fails_at = n;
    for (const auto& e : {first, second, other, last})
      if (const auto done = feeds.add(e, w.ledger); done.fork)
        CHECK(done.fork->first.hash != done.fork->second.hash);
    (void)feeds.reconsider(w.ledger);
    failed = disk.reads > n;
    CHECK(state.commit(true).has_value() == !failed);
    disk.fails_at.reset();
    CHECK(feeds.holds(last.hash) == !failed);
  }
}
