#include "apps/lab/passage.hpp"

#include <catch2/catch.hpp>

using namespace keyfold;
using namespace keyfold::apps::lab;
using namespace std::chrono_literals;

namespace {

std::string take_ready(passage& p, instant now) {
  std::string out;
  for (auto piece = p.ready(now); !piece.empty(); piece = p.ready(now)) {
    out += to_string(piece);
    p.gone(piece.size());
  }
  return out;
}

}  // namespace

TEST_CASE("bytes go out when their delay is over, and not before") {
  passage p;
  CHECK(!p.due());
  p.take(as_bytes("one"), 100ms, 50ms);
  p.take(as_bytes("two"), 120ms, 50ms);
  CHECK(p.due() == 150ms);
  CHECK(take_ready(p, 149ms).empty());
  CHECK(take_ready(p, 150ms) == "one");
  CHECK(p.due() == 170ms);
  CHECK(take_ready(p, 1000ms) == "two");
  CHECK(!p.due());
}

TEST_CASE("with a smaller delay later bytes still do not overtake earlier ones") {
  passage p;
  p.take(as_bytes("slow"), 0ms, 500ms);
  p.take(as_bytes("fast"), 10ms, 0ms);
  CHECK(take_ready(p, 499ms).empty());
  CHECK(take_ready(p, 500ms) == "slowfast");
}

TEST_CASE("what is sent in part goes on where it was left") {
  passage p;
  p.take(as_bytes("abcdef"), 0ms, 0ms);
  p.gone(2);
  CHECK(to_string(p.ready(0ms)) == "cdef");
  p.gone(4);
  CHECK(p.ready(0ms).empty());
}

TEST_CASE("it is over when nothing more comes and everything is out") {
  passage p;
  p.take(as_bytes("last words"), 0ms, 10ms);
  p.end();
  CHECK(!p.over());
  CHECK(take_ready(p, 10ms) == "last words");
  CHECK(p.over());
}

TEST_CASE("it takes no more than a few MiB, until some are out") {
  passage p;
  const bytes piece(1024 * 1024);
  int pieces = 0;
  for (; !p.full(); ++pieces) p.take(piece, 0ms, 1ms);
  CHECK(pieces == 4);
  p.gone(piece.size());
  CHECK(!p.full());
}
