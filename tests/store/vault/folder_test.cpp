#include "store/vault/folder.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include "store/db/file.hpp"
#include "tests/support/temp_dir.hpp"

using namespace keyfold;
using namespace keyfold::vault;

namespace {

const secret_buffer first_password("first");
const secret_buffer second_password("second");

header header_of(random_source& random, std::string label) {
  return {
      "Cooperative", random.id<organization_id>(), random.id<device_id>(), std::move(label), {}};
}

secrets secrets_of(random_source& random) {
  secrets out;
  out.root_key = signing_key::generate(random).public_key();
  out.relay_key = box_key::generate(random).public_key();
  out.local_key = random.key();
  return out;
}

unsigned mode_of(const std::string& path) {
  struct stat facts {};
  REQUIRE(::stat(path.c_str(), &facts) == 0);
  return facts.st_mode & 0777;
}

}  // namespace

TEST_CASE("a saved key file is found, unlocked, and readable by its owner only") {
  const test::temp_dir home;
  const auto random = seeded_random(1);
  const auto vault = folder::open((home / "data" / "vault").string());
  REQUIRE(vault);
  const auto h = header_of(*random, "alice's laptop");
  const auto s = secrets_of(*random);
  REQUIRE(vault->save(h, s, first_password, *random));
  CHECK(mode_of((home / "data" / "vault").string()) == 0700);
  CHECK(mode_of(vault->path_of(h.device)) == 0600);
  const auto all = vault->list();
  REQUIRE(all);
  REQUIRE(all->size() == 1);
  CHECK(all->front().header.label == "alice's laptop");
  const auto unlocked = vault->unlock(h.device, first_password);
  REQUIRE(unlocked);
  CHECK(unlocked->secrets.local_key == s.local_key);
  CHECK(vault->unlock(h.device, second_password).error().code == errc::wrong_password);
}

TEST_CASE("a password is changed without a new device") {
  const test::temp_dir home;
  const auto random = seeded_random(2);
  const auto vault = folder::open(home.path().string());
  REQUIRE(vault);
  const auto h = header_of(*random, "bob's desktop");
  const auto s = secrets_of(*random);
  REQUIRE(vault->save(h, s, first_password, *random));
  CHECK(vault->change_password(h.device, second_password, second_password, *random).error().code ==
        errc::wrong_password);
  REQUIRE(vault->change_password(h.device, first_password, second_password, *random));
  CHECK_FALSE(vault->unlock(h.device, first_password));
  const auto unlocked = vault->unlock(h.device, second_password);
  REQUIRE(unlocked);
  CHECK(unlocked->secrets.local_key == s.local_key);
}

TEST_CASE("what is no key file is named, and does not hide the others") {
  const test::temp_dir home;
  const auto random = seeded_random(3);
  const auto vault = folder::open(home.path().string());
  REQUIRE(vault);
  REQUIRE(vault->save(header_of(*random, "alice"), secrets_of(*random), first_password, *random));
  test::write_file(home / "broken.key", "nonsense");
  test::write_file(home / "notes.txt", "nonsense");
  std::vector<std::string> unreadable;
  const auto all = vault->list(&unreadable);
  REQUIRE(all);
  CHECK(all->size() == 1);
  CHECK(unreadable == std::vector{(home / "broken.key").string()});
}

TEST_CASE("the key file of another device under this one's name is refused") {
  const test::temp_dir home;
  const auto random = seeded_random(4);
  const auto vault = folder::open(home.path().string());
  REQUIRE(vault);
  const auto alice = header_of(*random, "alice");
  REQUIRE(vault->save(alice, secrets_of(*random), first_password, *random));
  const auto bob = random->id<device_id>();
  std::filesystem::rename(vault->path_of(alice.device), vault->path_of(bob));
  CHECK(vault->unlock(bob, first_password).error().code == errc::damaged);
  CHECK(vault->unlock(alice.device, first_password).error().code == errc::not_found);
  CHECK(vault->remove(bob));
  CHECK(vault->remove(bob).error().code == errc::not_found);
}

TEST_CASE("a file left by a crash in writing does not stop the next writing") {
  const test::temp_dir home;
  const auto path = (home / "file").string();
  test::write_file(path, "old");
  test::write_file(path + ".new", "half");
  REQUIRE(db::replace_file(path, as_bytes("new")));
  CHECK(test::read_file(path) == "new");
  CHECK_FALSE(std::filesystem::exists(path + ".new"));
  CHECK(db::read_file(path, 2).error().code == errc::too_large);
  CHECK(db::replace_file((home / "none" / "file").string(), {}).error().code == errc::not_found);
}
