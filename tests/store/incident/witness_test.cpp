#include "store/incident/witness.hpp"

#include "store/db/kv.hpp"
#include "store/relay/signer.hpp"
#include "tests/store/incident/world.hpp"

using namespace keyfold;
using namespace keyfold::incident;
using keyfold::ledger::contradiction;
using keyfold::tests::lying_world;

namespace {

/// The real signer of a relay, over storage that outlives its starts.
struct honest_relay {
  honest_relay(lying_world& of, std::uint64_t seed)
      : w(of), random(seeded_random(seed)), below(db::memory_store()), state(*below) {
    start();
  }
  void start() { signs.emplace(state, w.state.id(), w.relay, 0, *random); }
  ledger::record append() {
    const auto c = w.another();
    ledger::record r{c, signs->receipt(c.position())};
    REQUIRE(w.state.add(r));
    return r;
  }
  ledger::signed_statement hello() { return signs->hello(w.state.head(), random->id<hash32>()); }

  lying_world& w;
  std::unique_ptr<random_source> random;
  std::unique_ptr<db::store> below;
  db::transaction state;
  std::optional<relay::signer> signs;
};

std::vector<contradiction> kinds(const witness::contradictions& found) {
  std::vector<contradiction> out;
  for (const auto& e : found) out.push_back(e.what);
  return out;
}

}  // namespace

TEST_CASE("an honest relay raises no alarm, whatever order its words arrive in") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    lying_world w;
    honest_relay relay(w, seed);
    auto random = seeded_random(seed);
    const auto pick = [&](std::uint64_t below) {
      std::array<std::uint8_t, 8> raw{};
      random->fill(raw);
      return read_u64(raw) % below;
    };
    // Two devices: one appends at once, the other hears late, and pulls as it likes.
    auto behind = w.state;
    witness first, second;
    std::vector<ledger::record> unpulled;
    std::deque<ledger::signed_statement> events;
    for (int step = 0; step < 40; ++step) {
      INFO("seed " << seed << ", step " << step);
      switch (pick(5)) {
        case 0:
        case 1: {
          unpulled.push_back(relay.append());
          CHECK(first.heard(w.state, unpulled.back().receipt).empty());
          CHECK(first.advanced(w.state).empty());
          events.push_back(unpulled.back().receipt);
          break;
        }
        case 2:
          if (events.empty()) break;
          CHECK(second.heard(behind, events.front()).empty());
          events.pop_front();
          break;
        case 3:
          if (pick(3) == 0) relay.start();
          events.clear();  // a new session
          CHECK(first.heard(w.state, relay.hello()).empty());
          CHECK(second.heard(behind, relay.hello()).empty());
          break;
        default:
          for (const auto& r : unpulled) REQUIRE(behind.add(r));
          unpulled.clear();
          CHECK(second.advanced(behind).empty());
      }
    }
  }
}

TEST_CASE("a greeting ahead of the ledger is held against it when it gets there") {
  lying_world w;
  witness sees;
  auto lie = *w.state.head();
  lie.seq = lie.seq.next();
  CHECK(sees.heard(w.state, w.hello(lie, 900, w.incarnation)).empty());
  w.push(w.another());
  CHECK(kinds(sees.advanced(w.state)) == std::vector{contradiction::forked});
  CHECK(sees.advanced(w.state).empty());
}

TEST_CASE("a greeting below the last one is noticed before anything was pulled") {
  lying_world w;
  witness sees;
  auto high = *w.state.head();
  high.seq = {high.seq.value + 3};
  high.hash = w.random().id<certificate_hash>();
  CHECK(sees.heard(w.state, w.hello(high, 900, w.incarnation)).empty());
  const auto low = w.hello(*w.state.head(), 901, w.incarnation);
  CHECK(kinds(sees.heard(w.state, low)) == std::vector{contradiction::stepped_back});
  const auto restored = w.hello(*w.state.head(), 3, w.random().id<incarnation_id>());
  CHECK(kinds(sees.heard(w.state, restored)) == std::vector{contradiction::restored});
}

TEST_CASE("two receipts for one position, neither of them pulled, are a fork") {
  lying_world w;
  witness sees;
  CHECK(sees.heard(w.state, w.receipted(w.another()).receipt).empty());
  CHECK(kinds(sees.heard(w.state, w.receipted(w.another()).receipt)) ==
        std::vector{contradiction::forked});
}

TEST_CASE("a relay that says more and more that never comes takes no more and more memory") {
  lying_world w;
  witness sees;
  for (std::uint64_t i = 0; i < 3 * max_ahead; ++i) {
    const ledger::position at{{100 + i}, w.random().id<certificate_hash>()};
    CHECK(sees.heard(w.state, w.hello(at, 900 + i, w.incarnation)).empty());
  }
}
