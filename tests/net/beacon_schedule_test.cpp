#include "net/beacon_schedule.hpp"

#include <catch2/catch.hpp>
#include <set>

using namespace keyfold;
using namespace keyfold::net;
using namespace std::chrono_literals;

namespace {

/// A schedule under a clock that jumps to whenever the next burst is due.
struct timetable {
  std::unique_ptr<random_source> random = seeded_random(5);
  instant now = 1'000'000ms;
  beacon_schedule schedule{now, *random};
  device_id bob = random->id<device_id>();

  instant burst() {
    CHECK_FALSE(schedule.take(schedule.next() - 1ms));
    now = std::max(now, schedule.next());
    REQUIRE(schedule.take(now));
    return now;
  }
  /// Sends what is due until then.
  void wait_until(instant then) {
    while (schedule.next() <= then) burst();
    now = then;
  }
  bool hears(const device_id& who, const std::string& endpoint = "tcp://127.0.0.1:1") {
    return schedule.heard(now, who, endpoint);
  }
};

}  // namespace

TEST_CASE("a device says at once that it is there, then every 30 to 40 s, never in step") {
  timetable t;
  auto last = t.now;
  CHECK(t.burst() - last <= 200ms);
  std::set<instant> gaps;
  for (int i = 0; i < 100; ++i) {
    last = t.now;
    const auto gap = t.burst() - last;
    CHECK(gap >= 30s);
    CHECK(gap <= 40s);
    gaps.insert(gap);
  }
  CHECK(gaps.size() > 80);
}

TEST_CASE("hearing somebody new is answered soon; hearing him again is not") {
  timetable t;
  t.burst();
  t.now += 10s;
  const auto heard = t.now;
  CHECK(t.hears(t.bob));
  const auto answer = t.burst() - heard;
  CHECK(answer >= 200ms);
  CHECK(answer <= 1s);
  t.now += 10s;
  const auto next = t.schedule.next();
  CHECK(t.hears(t.bob));
  CHECK(t.schedule.next() == next);
}

TEST_CASE("who was not heard for a minute is new again") {
  timetable t;
  t.burst();
  CHECK(t.hears(t.bob));
  const auto first = t.now;
  t.wait_until(first + 59'999ms);
  const auto next = t.schedule.next();
  t.hears(t.bob);
  CHECK(t.schedule.next() == next);
  t.wait_until(first + 59'999ms + 60s);
  t.hears(t.bob);
  CHECK(t.schedule.next() - t.now <= 2s);  // since the last burst at the least
}

TEST_CASE("a change is told at once, but never two bursts within 2 s") {
  timetable t;
  const auto first = t.burst();
  t.now += 10s;
  t.schedule.changed(t.now);
  CHECK(t.schedule.next() - t.now <= 200ms);
  const auto second = t.burst();
  CHECK(second - first >= 10s);
  t.now += 1ms;
  t.schedule.changed(t.now);
  CHECK(t.burst() - second >= 2s);
}

TEST_CASE("however many new devices are heard, bursts are 2 s apart") {
  timetable t;
  auto last = t.burst();
  int bursts = 0;
  for (int i = 0; i < 900; ++i) {
    t.now += 10ms;
    t.hears(t.random->id<device_id>());
    if (!t.schedule.take(t.now)) continue;
    CHECK(t.now - last >= 2s);
    last = t.now;
    ++bursts;
  }
  CHECK(bursts <= 4);
  CHECK(bursts >= 2);
}

TEST_CASE("a device is told at most once in 5 s at one endpoint, and at few endpoints") {
  timetable t;
  CHECK(t.hears(t.bob, "tcp://127.0.0.1:1"));
  t.now += 4'999ms;
  CHECK_FALSE(t.hears(t.bob, "tcp://127.0.0.1:1"));
  CHECK(t.hears(t.bob, "tcp://[::1]:1"));
  t.now += 1ms;
  CHECK(t.hears(t.bob, "tcp://127.0.0.1:1"));
  CHECK(t.hears(t.bob, "tcp://127.0.0.2:1"));
  CHECK(t.hears(t.bob, "tcp://127.0.0.3:1"));
  CHECK_FALSE(t.hears(t.bob, "tcp://127.0.0.4:1"));
  CHECK(t.hears(t.random->id<device_id>(), "tcp://127.0.0.4:1"));
}

TEST_CASE("a member who invents devices fills no memory, and others are heard a minute later") {
  timetable t;
  for (std::size_t i = 0; i < beacon_schedule::max_devices; ++i)
    CHECK(t.hears(t.random->id<device_id>()));
  CHECK_FALSE(t.hears(t.bob));
  t.now += 60s;
  CHECK(t.hears(t.bob));
}

TEST_CASE("200 datagrams a second are looked at, whatever comes") {
  look_budget budget;
  instant now = 5s;
  for (unsigned i = 0; i < look_budget::a_second; ++i) {
    REQUIRE(budget.open(now));
    budget.take(now);
    now += 1ms;
  }
  CHECK_FALSE(budget.open(now));
  CHECK_FALSE(budget.open(budget.until() - 1ms));
  CHECK(budget.until() == 6s);
  CHECK(budget.open(budget.until()));
}
