// Two people with a workspace each on his own device, and a replica between them.
#pragma once

#include <catch2/catch.hpp>

#include "store/workspace/engine.hpp"
#include "tests/store/feed/world.hpp"
#include "tests/store/workspace/world.hpp"

namespace keyfold::tests {

using namespace workspace;
using strings = std::vector<std::string>;

inline file_content bytes_of(std::uint64_t seed, std::int64_t mtime_ns = 0) {
  const auto write = make_file_write({}, {}, {}, seed);
  auto content = std::get<file_content>(std::get<write_operation>(write).content);
  content.mtime_ns = mtime_ns;
  return content;
}

/// One device: its store, and an engine over a transaction that commits after each step.
struct device {
  device(const test::world& w, const test::person& who, const ledger::view& ledger,
         const std::function<std::uint64_t()>& clock = {})
      : person(who),
        below(db::memory_store()),
        state(*below),
        random(seeded_random(read_u64(who.device.view()))),
        e(
            state, ledger,
            [this, &w](epoch_number epoch) {
              return keys.contains(epoch.value) ? std::optional(w.key) : std::nullopt;
            },
            {w.organization, w.workspace, who.device, {}, clock}, *random) {}

  /// Signs all that is pending; gives the entries.
  std::vector<feed::entry> sign_all() {
    std::vector<feed::entry> out;
    while (true) {
      auto signed_entry = e.sign_next(person.key);
      REQUIRE(signed_entry);
      if (!*signed_entry) return out;
      out.push_back(**signed_entry);
    }
  }
  std::vector<std::string> shown() const { return dump(e.tree()); }
  std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : e.list(*e.find({}))) out.push_back(entry.name);
    return out;
  }

  test::person person;
  std::unique_ptr<db::store> below;
  db::transaction state;
  std::unique_ptr<random_source> random;
  std::set<std::uint64_t> keys{0};
  engine e;
};

/// Alice (Owner) and bob (Contributor) with one ledger, and a replica that keeps everything.
struct pair_of_devices : test::world {
  explicit pair_of_devices(std::uint64_t seed = 1, const std::function<std::uint64_t()>& clock = {})
      : test::world(seed), a(*this, alice, ledger, clock), b(*this, bob, ledger, clock) {}

  void push(device& from) {
    for (auto& e : from.sign_all()) replica.push_back(std::move(e));
  }
  received pull(device& to) { return to.e.receive(replica); }
  void sync() {
    for (auto* d : {&a, &b}) push(*d);
    for (auto* d : {&a, &b}) pull(*d);
  }

  std::vector<feed::entry> replica;
  device a, b;
};

inline item put(device& d, const strings& path, std::uint64_t seed) {
  const auto made = d.e.write_at(path, bytes_of(seed));
  REQUIRE(made);
  return *made;
}

inline node_id make_folder(device& d, const strings& path) {
  const auto at = d.e.free_place(path);
  REQUIRE(at);
  const auto made = d.e.make_folder(*at);
  REQUIRE(made);
  return *made;
}

}  // namespace keyfold::tests
