#include "apps/lab/process.hpp"

#include <unistd.h>

#include <catch2/catch.hpp>
#include <csignal>

#include "tests/support/temp_dir.hpp"

using namespace keyfold;
using namespace keyfold::apps::lab;
using keyfold::test::read_file;
using keyfold::test::temp_dir;
using keyfold::test::write_file;
using namespace std::chrono_literals;

namespace {

using words = std::vector<std::string>;
const auto soon = 20s;

}  // namespace

TEST_CASE("a child is talked with in lines, and its exit code is known") {
  const temp_dir folder;
  auto cat =
      child::start({"sh", "-c", "read x; echo \"got $x\"; echo end; exit 7"}, folder / "log");
  REQUIRE(cat);
  REQUIRE(cat->say("hello"));
  CHECK(**cat->line(in(soon)) == "got hello");
  CHECK(**cat->line(in(soon)) == "end");
  CHECK(!*cat->line(in(soon)));
  CHECK(cat->wait(in(soon)) == 7);
}

TEST_CASE("a child that says nothing is waited for so long only, and ends with its owner") {
  const temp_dir folder;
  const auto record = folder / "record";
  {
    auto silent = child::start({"sh", "-c", "echo $$; exec cat"}, folder / "log");
    REQUIRE(silent);
    const auto id = std::stoi(**silent->line(in(soon)));
    REQUIRE(write_record(record, id));
    CHECK(process::recorded(record));
    const auto nothing = silent->line(in(1ms));
    REQUIRE(!nothing);
    CHECK(nothing.error().code == errc::timed_out);
  }
  CHECK(!process::recorded(record));
}

TEST_CASE("what is started in the background is known by its record until it ends") {
  const temp_dir folder;
  const auto record = folder / "record";
  const auto said = start_in_background(
      {"sh", "-c",
       "echo trouble >&2; echo '{\"event\":\"ready\"}'; exec tail -f /dev/null >/dev/null"},
      record, folder / "log", in(soon));
  REQUIRE(said);
  CHECK((*said)["event"] == "ready");
  const auto running = process::recorded(record);
  REQUIRE(running);
  CHECK(!running->wait(in(0ms)));
  running->end(std::chrono::milliseconds(soon));
  CHECK(running->wait(in(0ms)));
  CHECK(!process::recorded(record));
  CHECK(read_file(folder / "log") == "trouble\n");
}

TEST_CASE("a process that ignores the polite request is killed") {
  const temp_dir folder;
  const auto record = folder / "record";
  REQUIRE(start_in_background(
      {"sh", "-c", "trap '' TERM; echo '{}'; exec tail -f /dev/null >/dev/null"}, record,
      folder / "log", in(soon)));
  const auto running = process::recorded(record);
  REQUIRE(running);
  running->end(10ms);
  CHECK(running->wait(in(0ms)));
}

TEST_CASE("a program that ends before it is ready is an error with its log's name") {
  const temp_dir folder;
  const auto failed = start_in_background({"false"}, folder / "record", folder / "log", in(soon));
  REQUIRE(!failed);
  CHECK(failed.error().message.find((folder / "log").string()) != std::string::npos);
  CHECK(!process::recorded(folder / "record"));
}

TEST_CASE("a record of another start is no record of the process that has the number now") {
  const temp_dir folder;
  const auto record = folder / "record";
  REQUIRE(write_record(record, getpid()));
  CHECK(process::recorded(record));
  auto noted = json::parse(read_file(record));
  noted["started"] = noted["started"].get<std::uint64_t>() + 1;
  write_file(record, noted.dump());
  CHECK(!process::recorded(record));
  noted["started"] = noted["started"].get<std::uint64_t>() - 1;
  noted["boot"] = "another";
  write_file(record, noted.dump());
  CHECK(!process::recorded(record));
  for (const auto* text : {"", "{}", "null", R"({"pid":"1"})", R"({"pid":1})", R"({"pid":-1})"}) {
    write_file(record, text);
    CHECK(!process::recorded(record));
  }
}
