#include "store/relay/limiter.hpp"

#include <catch2/catch.hpp>

using namespace keyfold;
using namespace keyfold::relay;

namespace {

constexpr limiter::tuning small{.burst = 3, .refill = timestamp(1000), .max_names = 4};

}  // namespace

TEST_CASE("a bucket gives its burst, then one in a while") {
  limiter l(small);
  const timestamp now{1'000'000};
  for (int i = 0; i < 3; ++i) CHECK(l.take("alice", now));
  CHECK(l.take("alice", now).error().code == errc::rate_limited);
  CHECK(l.take("bob", now));
  CHECK(l.take("alice", now + timestamp(1000)));
  CHECK_FALSE(l.take("alice", now + timestamp(1000)));
  for (int i = 0; i < 3; ++i) CHECK(l.take("alice", now + timestamp(60'000)));
  CHECK_FALSE(l.take("alice", now + timestamp(60'000)));
}

TEST_CASE("a clock that steps back gives nothing away") {
  limiter l(small);
  for (int i = 0; i < 3; ++i) CHECK(l.take("alice", timestamp(9'000)));
  CHECK_FALSE(l.take("alice", timestamp(1'000)));
}

TEST_CASE("a punishment takes what is left and no more") {
  limiter l(small);
  l.punish("eve", timestamp(0), 100);
  CHECK_FALSE(l.take("eve", timestamp(0)));
  CHECK(l.take("eve", timestamp(1000)));
}

TEST_CASE("the names that are remembered are bounded") {
  limiter l(small);
  for (int i = 0; i < 100; ++i) (void)l.take("address " + std::to_string(i), timestamp(i));
  CHECK(l.names() <= small.max_names);
}
