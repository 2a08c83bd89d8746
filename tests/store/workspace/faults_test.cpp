// A database that fails to give something, at any moment: what could not be read counts as not there, so nothing that
// follows from it may be written, and nothing may fall over.
#include "tests/store/workspace/devices.hpp"

using namespace keyfold;
using namespace keyfold::tests;

namespace {

/// Fails one read, the `fail_at`-th (from 1).
class failing_store final : public db::store {
 public:
  explicit failing_store(db::store& below) : below_(below) {}

  expected<std::optional<bytes>> get(bytes_view key) const override {
    if (fails()) return broken();
    return below_.get(key);
  }
  expected<void> scan(bytes_view prefix, bytes_view from, const db::visitor& visit) const override {
    if (fails()) return broken();
    return below_.scan(prefix, from, visit);
  }
  expected<std::optional<std::pair<bytes, bytes>>> last(bytes_view prefix,
                                                        bytes_view before) const override {
    if (fails()) return broken();
    return below_.last(prefix, before);
  }
  expected<void> write(const db::batch& changes, bool synced) override {
    return below_.write(changes, synced);
  }

  std::size_t fail_at = 0;
  mutable std::size_t reads = 0;

 private:
  bool fails() const { return ++reads == fail_at; }
  static tl::unexpected<error> broken() { return fail(errc::damaged, "a test's fault"); }
  db::store& below_;
};

std::map<bytes, bytes> contents_of(const db::store& store) {
  std::map<bytes, bytes> out;
  REQUIRE(store.scan({}, {}, [&](bytes_view key, bytes_view value) {
    out.emplace(to_bytes(key), to_bytes(value));
    return true;
  }));
  return out;
}

std::unique_ptr<db::store> copy_of(const db::store& store) {
  db::batch all;
  for (const auto& [key, value] : contents_of(store)) all.emplace(key, value);
  auto out = db::memory_store();
  REQUIRE(out->write(all, false));
  return out;
}

/// Bob's device with changes of its own, and what alice did meanwhile: an edit of the same file, folders moved into
/// each other, a delete; and a fork of her feed.
struct busy : pair_of_devices {
  busy() : pair_of_devices(7) {
    for (const auto* name : {"x", "y", "z"}) make_folder(a, {name});
    put(a, {"x", "file"}, 1);
    put(a, {"other"}, 2);
    sync();
    put(a, {"x", "file"}, 3);
    put(b, {"x", "file"}, 4);
    REQUIRE(a.e.move_at(strings{"x"}, strings{"y", "x"}, false));
    REQUIRE(b.e.move_at(strings{"y"}, strings{"x", "y"}, false));
    REQUIRE(a.e.remove_at(strings{"z"}, true));
    put(b, {"z", "kept"}, 5);
    push(a);
    REQUIRE(b.state.commit(true));
    const auto last = *std::find_if(replica.rbegin(), replica.rend(), [&](const auto& e) {
      return e.header.device == alice.device && e.header.seq.value != 0;
    });
    const auto before = std::find_if(replica.begin(), replica.end(),
                                     [&](const auto& e) { return e.hash == last.header.prev; });
    REQUIRE(before != replica.end());
    replica.push_back(write(alice, &*before));
  }

  /// Everything that a device does, one after the other.
  strings run(db::transaction& state) {
    const auto own_random = seeded_random(9);
    workspace::engine e(
        state, ledger, [this](epoch_number) { return std::optional(key); },
        {organization, workspace, bob.device, {}, {}}, *own_random);
    (void)e.receive(replica);
    for (const auto& shown : {strings{}, strings{"x"}, strings{"y"}, strings{"z"}}) {
      (void)e.history(shown, 100);
      if (const auto found = e.find(shown))
        for (const auto& entry : e.list(*found)) (void)e.tree().path_of(entry.node);
    }
    (void)e.find_past(strings{"z"}, {});
    (void)e.write_at(strings{"other"}, bytes_of(6));
    (void)e.remove_at(strings{"x"}, true);
    (void)e.ledger_advanced();
    for (int i = 0; i < 10; ++i)
      if (const auto made = e.sign_next(bob.key); !made || !*made) break;
    return dump(e.tree());
  }
};

}  // namespace

TEST_CASE("whatever read fails, nothing is written, and it goes on as if it had not been tried") {
  busy w;
  const auto disk = copy_of(*w.b.below);
  std::size_t reads = 0;
  strings right;
  {
    failing_store store(*disk);
    db::transaction state(store);
    right = w.run(state);
    reads = store.reads;
    CHECK_FALSE(state.failure());
  }
  REQUIRE(reads > 100);
  const auto before = contents_of(*disk);
  for (std::size_t at = 1; at <= reads; at += at < 60 ? 3 : 29) {
    INFO("read " << at << " of " << reads);
    failing_store store(*disk);
    store.fail_at = at;
    db::transaction state(store);
    (void)w.run(state);
    REQUIRE(store.reads >= at);
    CHECK(state.failure());
    CHECK(state.commit(true).error().code == errc::damaged);
    CHECK(contents_of(*disk) == before);
  }
  db::transaction state(*disk);
  CHECK(w.run(state) == right);
}
