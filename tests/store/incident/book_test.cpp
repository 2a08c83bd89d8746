#include "store/incident/book.hpp"

#include <thread>

#include "tests/store/incident/world.hpp"

using namespace keyfold;
using namespace keyfold::incident;
using keyfold::tests::lying_world;

namespace {

struct kept_book {
  std::unique_ptr<db::store> below = db::memory_store();
  book b{*below, {'N'}};
};

std::vector<entry_hash> some_entry(lying_world& w) {
  return {w.random().id<entry_hash>()};
}

}  // namespace

TEST_CASE("the same incident is kept once, whenever it comes again") {
  lying_world w;
  kept_book k;
  auto r = w.forked_relay();
  CHECK(k.b.put(r).value());
  r.when += 1000;
  CHECK_FALSE(k.b.put(r).value());
  // The same fork, heard in another greeting, and the other way round.
  auto& words = std::get<relay_words>(r.proof);
  words.second = w.hello({words.second.statement.seq, words.second.statement.hash}, 900,
                         w.random().id<incarnation_id>());
  CHECK_FALSE(k.b.put(r).value());
  std::swap(words.first, words.second);
  CHECK_FALSE(k.b.put(r).value());
  CHECK(k.b.list()->size() == 1);
  CHECK(k.b.counts()->at(kind::relay_forked) == 1);
}

TEST_CASE("what is kept is there for another book over the same store, the newest first") {
  lying_world w;
  kept_book k;
  auto fork = w.forked_feed();
  auto invalid = w.invalid_entry();
  fork.when = 2;
  invalid.when = 5;
  REQUIRE(k.b.put(fork));
  REQUIRE(k.b.put(invalid));
  book again(*k.below, {'N'});
  const auto all = again.list().value();
  REQUIRE(all.size() == 2);
  CHECK(all[0].what == kind::entry_invalid);
  CHECK(id_of(again.find(id_of(fork)).value().value()) == id_of(fork));
  CHECK_FALSE(again.find(w.random().id<incident_id>()).value());
  CHECK(book(*k.below, {'M'}).list()->empty());
}

TEST_CASE("a flood does not push out what convicts") {
  lying_world w;
  kept_book k;
  const auto first = w.forked_feed();
  REQUIRE(k.b.put(first).value());
  auto r = first;
  std::size_t kept = 1;
  for (std::size_t i = 0; i < max_kept + 50; ++i) {
    std::get<entry_pair>(r.proof).second.hash = w.random().id<entry_hash>();
    r.when = i;
    if (k.b.put(r).value()) ++kept;
  }
  CHECK(kept == max_kept);
  CHECK(k.b.find(id_of(first)).value());
  CHECK(k.b.counts()->at(kind::feed_forked) == max_kept + 51);
  CHECK(book(*k.below, {'N'}).put(r).value() == false);
  CHECK(k.b.put(w.invalid_entry()).value());  // another kind has room of its own
}

TEST_CASE("of notes the newest stay") {
  lying_world w;
  kept_book k;
  std::vector<report> all;
  for (std::size_t i = 0; i < max_kept + 1; ++i)
    all.push_back(of_withheld(w.state.id(), w.papers, some_entry(w), i + 1));
  for (const auto& r : all) CHECK(k.b.put(r).value());
  CHECK(k.b.list()->size() <= max_kept);
  CHECK(k.b.find(id_of(all.back())).value());
  CHECK_FALSE(k.b.find(id_of(all.front())).value());
  CHECK(k.b.counts()->at(kind::entries_withheld) == max_kept + 1);
}

TEST_CASE("several threads may use one book") {
  lying_world w;
  kept_book k;
  std::vector<report> reports;
  for (std::uint64_t i = 0; i < 200; ++i)
    reports.push_back(of_withheld(w.state.id(), w.papers, some_entry(w), i));
  std::atomic<std::size_t> fresh = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (const auto& r : reports)
        if (k.b.put(r).value_or(false)) ++fresh;
    });
  for (auto& each : threads) each.join();
  CHECK(fresh == reports.size());
  CHECK(k.b.list()->size() == reports.size());
}
