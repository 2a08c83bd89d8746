#include "net/backoff.hpp"

#include <catch2/catch.hpp>

using namespace keyfold;
using namespace keyfold::net;

TEST_CASE("delays double from 0.2 s to 30 s, with jitter, and begin anew after a reset") {
  const auto random = seeded_random(7);
  backoff delays(instant{200}, instant{30'000});
  for (std::int64_t base : {200, 400, 800, 1600, 3200, 6400, 12'800, 25'600, 30'000, 30'000}) {
    const auto delay = delays.next(*random).count();
    CHECK(delay >= base * 3 / 4);
    CHECK(delay <= base * 5 / 4);
  }
  delays.reset();
  CHECK(delays.next(*random) <= instant{250});
}
