#include "store/workspace/names.hpp"

#include <catch2/catch.hpp>

#include "store/workspace/operation.hpp"
#include "tests/support/vectors.hpp"

using namespace keyfold;
using namespace keyfold::workspace;

TEST_CASE("conflict copies and clashing files are named as the vectors say") {
  for (const auto& row : tests::vectors("workspace", "names")) {
    const std::string name = row["name"];
    INFO(name);
    const auto device = device_id::from(tests::unhex(row["device"])).value();
    const auto ms = std::stoll(row["ms"].get<std::string>());
    CHECK(conflict_name(name, device, ms) == row["conflict"].get<std::string>());
    CHECK(conflict_name(name, device, ms, 2) == row["conflict_2"].get<std::string>());
    CHECK(numbered_name(name, 2) == row["clash_2"].get<std::string>());
    CHECK(numbered_name(name, 10) == row["clash_10"].get<std::string>());
  }
}

TEST_CASE("every made-up name may be a file's name, and is known as made up") {
  const std::string euro = "\xe2\x82\xac";
  std::string name;
  for (std::size_t i = 0; i < 85; ++i) name += euro;
  for (std::size_t size = 3; size <= name.size(); size += 3)
    for (const auto* extension : {"", ".txt", ".tar.gz"}) {
      const auto whole = name.substr(0, size) + extension;
      if (whole.size() > max_name_size) continue;
      for (const auto& made :
           {conflict_name(whole, {}, 1'763'820'180'000), numbered_name(whole, 2)}) {
        CHECK(check_name(made));
        CHECK(may_be_made_up(made));
      }
    }
  CHECK_FALSE(may_be_made_up("plain.txt"));
}

TEST_CASE(
    "a copy is named by the first four characters of the device and the minute of its branch") {
  device_id device;
  device.value.fill(0);
  CHECK(conflict_name("a.txt", device, 1'795'356'239'999) ==
        "a (conflict, AAAA, 2026-11-22 14.03Z).txt");
}
