#include "crypto/random.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <mutex>
#include <set>
#include <thread>

using namespace keyfold;

TEST_CASE("a seed gives the same bytes however they are asked for, and another seed others") {
  bytes whole(300);
  seeded_random(7)->fill(whole);
  const auto pieces = seeded_random(7);
  bytes joined;
  for (const std::size_t size : {1U, 0U, 63U, 64U, 65U, 107U}) {
    bytes piece(size);
    pieces->fill(piece);
    append(joined, piece);
  }
  CHECK(joined == whole);
  bytes other(300);
  seeded_random(8)->fill(other);
  CHECK(other != whole);
}

TEST_CASE("the operating system's generator does not repeat itself") {
  std::set<user_id> seen;
  for (int i = 0; i < 100; ++i) seen.insert(system_random().id<user_id>());
  CHECK(seen.size() == 100);
}

TEST_CASE("numbers below a bound reach all of it and nothing else") {
  const auto random = seeded_random(1);
  std::set<std::uint64_t> seen;
  for (int i = 0; i < 500; ++i) seen.insert(random->below(7));
  CHECK(seen == std::set<std::uint64_t>{0, 1, 2, 3, 4, 5, 6});
  CHECK(random->below(1) == 0);
  CHECK(random->below(UINT64_MAX) < UINT64_MAX);
}

TEST_CASE("nonces are not handed out twice, by no thread and no child") {
  std::mutex together;
  std::set<std::array<std::uint8_t, 24>> seen;
  const auto draw = [&] {
    for (int i = 0; i < 1'000; ++i) {
      std::array<std::uint8_t, 24> nonce{};
      nonce_source().fill(nonce);
      const std::lock_guard lock(together);
      CHECK(seen.insert(nonce).second);
    }
  };
  std::thread beside(draw);
  draw();
  beside.join();
  bytes large(10'000);
  nonce_source().fill(large);
  CHECK(std::ranges::count(large, 0) < 200);

  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  std::array<std::uint8_t, 24> of_child{};
  std::array<std::uint8_t, 24> own{};
  const auto child = ::fork();
  if (child == 0) {
    nonce_source().fill(of_child);
    ::_exit(::write(ends[1], of_child.data(), of_child.size()) == 24 ? 0 : 1);
  }
  REQUIRE(child > 0);
  nonce_source().fill(own);
  CHECK(::read(ends[0], of_child.data(), of_child.size()) == 24);
  int status = 0;
  CHECK(::waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CHECK(own != of_child);
  ::close(ends[0]);
  ::close(ends[1]);
}
