#include "actors/content_writer.hpp"

#include <catch2/catch.hpp>

#include "tests/support/organization.hpp"
#include "tests/support/temp_dir.hpp"

using namespace keyfold;
using namespace keyfold::actors;

TEST_CASE("once objects could not be stored no file that may need them is given out") {
  tests::organization org;
  const auto papers = org.create_workspace(org.alice);
  const test::temp_dir folder;
  object_services services;
  services.store = db::memory_store();
  services.objects =
      object::store::open((folder / "objects").string(), *services.store, bytes{'o'}).value();
  services.local_key = org.random().key();
  const ledger_snapshot ledger{org.state, org.keys_of(org.alice)};
  auto writer = content_writer::open(services, ledger, papers).value();
  auto& ingest = writer->ingest();
  bytes content(20U << 20U);
  org.random().fill(content);
  const auto lost = folder / "objects" / "tmp";
  std::filesystem::remove(lost);
  REQUIRE(ingest.begin(1, content.size()));
  REQUIRE(ingest.feed(content));
  REQUIRE(ingest.end(0, false));
  // It shows while another file is read, and looks like a fault of that.
  bytes other(60U << 20U);
  org.random().fill(other);
  REQUIRE(ingest.begin(2, other.size()));
  CHECK(ingest.feed(other).error().code == errc::not_found);
  ingest.abandon();
  std::filesystem::create_directory(lost);
  CHECK(writer->flush().error().code == errc::not_found);
  CHECK_FALSE(writer->flush());
}
