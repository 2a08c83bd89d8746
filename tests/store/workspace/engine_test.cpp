// Two people with a workspace each on his own device, and a replica between them.
#include "store/workspace/engine.hpp"

#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "tests/store/workspace/devices.hpp"

using namespace keyfold;
using namespace keyfold::workspace;
using namespace keyfold::tests;

TEST_CASE("what alice makes bob sees, and what bob changes alice") {
  pair_of_devices w;
  make_folder(w.a, {"docs"});
  put(w.a, {"docs", "a.txt"}, 1);
  w.sync();
  CHECK(w.a.shown() == w.b.shown());
  CHECK(w.b.e.find(strings{"docs", "a.txt"}));
  put(w.b, {"docs", "a.txt"}, 2);
  REQUIRE(w.b.e.move_at(strings{"docs"}, strings{"papers"}, false));
  w.sync();
  CHECK(w.a.shown() == w.b.shown());
  const auto there = w.a.e.find(strings{"papers", "a.txt"});
  REQUIRE(there);
  CHECK(std::get<file_content>(there->version->content).size == 3);
  CHECK(w.a.e.tree().history(there->node).size() == 2);
  CHECK(w.a.e.pending().entries == 0);
}

TEST_CASE("edits made offline on both sides become a conflict copy on both") {
  pair_of_devices w;
  put(w.a, {"a.txt"}, 1);
  w.sync();
  put(w.a, {"a.txt"}, 2);
  put(w.b, {"a.txt"}, 3);
  w.sync();
  CHECK(w.a.shown() == w.b.shown());
  REQUIRE(w.a.names().size() == 2);
  const auto copy = w.a.names()[0];
  CHECK(copy.starts_with("a (conflict, "));

  SECTION("writing to the copy is a version of it alone") {
    put(w.a, {copy}, 4);
    w.sync();
    CHECK(w.b.names().size() == 2);
    CHECK(w.a.shown() == w.b.shown());
  }
  SECTION("renaming the copy makes it a file of its own") {
    REQUIRE(w.b.e.move_at(strings{copy}, strings{"b.txt"}, false));
    w.sync();
    CHECK(w.a.names() == strings{"a.txt", "b.txt"});
    CHECK(w.a.e.find(strings{"a.txt"})->versions == 1);
  }
  SECTION("deleting the copy leaves the file") {
    REQUIRE(w.b.e.remove_at(strings{copy}, false));
    w.sync();
    CHECK(w.a.names() == strings{"a.txt"});
  }
  SECTION("deleting the file leaves the copy under its name") {
    REQUIRE(w.b.e.remove_at(strings{"a.txt"}, false));
    w.sync();
    CHECK(w.a.names() == strings{"a.txt"});
    CHECK(w.a.shown() == w.b.shown());
  }
  SECTION("moving the copy over the file ends the conflict") {
    REQUIRE(w.b.e.move_at(strings{copy}, strings{"a.txt"}, true));
    w.sync();
    CHECK(w.a.names() == strings{"a.txt"});
    CHECK(w.a.shown() == w.b.shown());
  }
}

TEST_CASE("folders of one name made on both sides are handled as one") {
  pair_of_devices w;
  make_folder(w.a, {"docs"});
  put(w.a, {"docs", "hers"}, 1);
  make_folder(w.b, {"docs"});
  put(w.b, {"docs", "his"}, 2);
  w.sync();
  const auto docs = w.a.e.find(strings{"docs"});
  REQUIRE(docs);
  CHECK(docs->merged.size() == 2);
  SECTION("moved") {
    REQUIRE(w.b.e.move_at(strings{"docs"}, strings{"papers"}, false));
    w.sync();
    CHECK(w.a.names() == strings{"papers"});
    CHECK(w.a.e.list(*w.a.e.find(strings{"papers"})).size() == 2);
  }
  SECTION("deleted") {
    CHECK(w.b.e.remove_at(strings{"docs"}, false).error().code == errc::folder_not_empty);
    REQUIRE(w.b.e.remove_at(strings{"docs"}, true));
    w.sync();
    CHECK(w.a.names().empty());
  }
}

TEST_CASE("a skeleton that is moved takes along what survived, and not what was deleted") {
  pair_of_devices w;
  make_folder(w.a, {"docs"});
  make_folder(w.a, {"docs", "sub"});
  put(w.a, {"docs", "sub", "old"}, 1);
  w.sync();
  REQUIRE(w.a.e.remove_at(strings{"docs"}, true));
  put(w.b, {"docs", "sub", "new"}, 2);
  w.sync();
  CHECK(w.a.e.list(*w.a.e.find(strings{"docs", "sub"})).size() == 1);
  REQUIRE(w.a.e.move_at(strings{"docs"}, strings{"kept"}, false));
  w.sync();
  CHECK(w.b.names() == strings{"kept"});
  const auto sub = w.b.e.find(strings{"kept", "sub"});
  REQUIRE(sub);
  REQUIRE(w.b.e.list(*sub).size() == 1);
  CHECK(w.b.e.list(*sub)[0].name == "new");
}

TEST_CASE("paths that lead nowhere, taken names and bad ones are refused") {
  pair_of_devices w;
  put(w.a, {"file"}, 1);
  make_folder(w.a, {"folder"});
  make_folder(w.a, {"folder", "inner"});
  const auto code = [](const auto& result) { return result ? errc::unknown : result.error().code; };
  CHECK(code(w.a.e.find(strings{"nothing"})) == errc::not_found);
  CHECK(code(w.a.e.find(strings{"file", "below"})) == errc::not_a_folder);
  CHECK(code(w.a.e.free_place(strings{"file"})) == errc::name_taken);
  CHECK(code(w.a.e.free_place(strings{"file", "x"})) == errc::not_a_folder);
  CHECK(code(w.a.e.free_place(strings{"a/b"})) == errc::bad_name);
  CHECK(code(w.a.e.write_at(strings{"folder"}, bytes_of(1))) == errc::is_a_folder);
  CHECK(code(w.a.e.move_at(strings{"folder"}, strings{"folder", "inner", "x"}, false)) ==
        errc::moved_into_itself);
  CHECK(code(w.a.e.move_at(strings{"file"}, strings{"folder"}, true)) == errc::name_taken);
  CHECK(code(w.a.e.move_at(strings{"nothing"}, strings{"x"}, true)) == errc::not_found);
  CHECK(code(w.a.e.remove_at(strings{"folder"}, false)) == errc::folder_not_empty);
  auto huge = bytes_of(1);
  huge.chunks.resize(4000, huge.chunks[0]);
  for (std::uint64_t i = 0; i < huge.chunks.size(); ++i)
    huge.chunks[i].object = tests::id_of<object_id>(9, i);
  CHECK(code(w.a.e.write_at(strings{"huge"}, huge)) == errc::too_large);
  CHECK_FALSE(w.a.e.find(strings{"huge"}));
}

TEST_CASE("a name in another normalization finds the same file") {
  pair_of_devices w;
  put(w.a,
      {"Bu\xcc\x88"
       "cher"},
      1);
  CHECK(w.a.names() == strings{"B\xc3\xbc"
                               "cher"});
  CHECK(
      w.a.e.find(strings{"Bu\xcc\x88"
                         "cher"}));
  put(w.a,
      {"Bu\xcc\x88"
       "cher"},
      2);
  CHECK(w.a.names().size() == 1);
}

TEST_CASE("a write over a version that is gone becomes a branch, and one over nothing too") {
  pair_of_devices w;
  const auto first = put(w.a, {"a"}, 1);
  const auto second = w.a.e.write(first, bytes_of(2));
  REQUIRE(second);
  REQUIRE(w.a.e.write(first, bytes_of(3)));
  CHECK(w.a.names().size() == 2);
  REQUIRE(w.a.e.write({first.node, {}}, bytes_of(4)));
  CHECK(w.a.names().size() == 3);
}

TEST_CASE("a delete takes only what the user had seen") {
  pair_of_devices w;
  make_folder(w.a, {"docs"});
  const auto seen = put(w.a, {"docs", "seen"}, 1);
  const auto old = put(w.a, {"docs", "edited"}, 2);
  w.sync();
  put(w.b, {"docs", "unseen"}, 3);
  put(w.b, {"docs", "edited"}, 4);
  w.sync();
  // On alice's disk there are still the old two.
  const auto docs = w.a.e.find(strings{"docs"});
  REQUIRE(docs);
  const auto gone =
      w.a.e.remove(item_of(*docs), [&](const item& what) { return what == seen || what == old; });
  REQUIRE(gone);
  CHECK_FALSE(*gone);
  w.sync();
  const auto left = w.b.e.list(*w.b.e.find(strings{"docs"}));
  REQUIRE(left.size() == 2);
  CHECK(left[0].name == "edited");
  CHECK(left[1].name == "unseen");
  CHECK_FALSE(w.a.e.remove(old).value());  // the newer version stays
}

TEST_CASE(
    "entries of somebody whose right was taken vanish from the tree and come back on adoption") {
  pair_of_devices w;
  put(w.a, {"hers"}, 1);
  make_folder(w.b, {"his"});
  w.sync();
  put(w.b, {"his", "late"}, 2);
  put(w.b, {"hers"}, 3);
  w.push(w.b);
  w.pull(w.a);
  CHECK(w.a.names() == strings{"hers", "his"});
  const auto before = w.a.shown();
  // Covered is only the first entry of bob's.
  feed_head first{};
  for (const auto& e : w.replica)
    if (e.header.device == w.bob.device && e.header.seq.value == 0) first = e.head();
  w.remove(w.bob, 6, std::vector{first});
  CHECK(w.a.e.ledger_advanced().empty());
  CHECK(w.a.shown() != before);
  CHECK_FALSE(w.a.e.find(strings{"his", "late"}));
  CHECK(w.a.e.find(strings{"his"}));
  CHECK(w.a.e.find(strings{"hers"})->versions == 1);
  // Adopted: as if the frontier had covered all.
  w.ledger.taken[w.bob.user][0].frontier = w.a.e.feeds().frontier();
  CHECK(w.a.e.ledger_advanced().empty());
  CHECK(w.a.shown() == before);
}

TEST_CASE("an entry under a key that is not held is not taken until the key is there") {
  pair_of_devices w;
  put(w.a, {"a"}, 1);
  w.push(w.a);
  w.b.keys.clear();
  const auto waiting = w.pull(w.b);
  CHECK(waiting.lacks_keys == std::set{epoch_number{0}});
  CHECK(waiting.fresh.empty());
  CHECK(waiting.verdicts[0].standing == feed::standing::waiting);
  w.b.keys.insert(0);
  CHECK(w.pull(w.b).fresh.size() == 1);
  CHECK(w.b.names() == strings{"a"});
}

TEST_CASE("a payload that does not open, or is none, is empty and told of once") {
  pair_of_devices w;
  put(w.a, {"a"}, 1);
  w.push(w.a);
  // An entry of alice's own feed with garbage as its operations.
  const auto garbage = w.write(w.alice, &w.replica.back());
  const auto got = w.b.e.receive(std::vector{w.replica.back(), garbage});
  REQUIRE(got.incidents.size() == 1);
  CHECK(got.incidents[0].what == entry_incident::kind::payload_damaged);
  CHECK(got.incidents[0].entry == garbage.head());
  CHECK(got.fresh.size() == 2);
  CHECK(w.b.names() == strings{"a"});
  CHECK(w.b.e.receive(std::vector{garbage}).incidents.empty());
}

TEST_CASE("a critical operation of a later version makes the workspace read-only here") {
  pair_of_devices w;
  writer payload;
  payload.array(3).uint(1).array(0).array(1).array(2).uint(99).boolean(true);
  auto draft = w.draft_after(w.alice, nullptr);
  draft.payload = std::move(payload).take();
  const auto later = w.sign(w.alice, draft);
  const auto got = w.b.e.receive(std::vector{later});
  REQUIRE(got.incidents.size() == 1);
  CHECK(got.incidents[0].what == entry_incident::kind::later_version);
  CHECK(w.b.e.read_only());
  CHECK(w.b.e.write_at(strings{"x"}, bytes_of(1)).error().code == errc::unknown_critical_operation);
  CHECK(w.b.e.retry_unread().size() == 1);
  CHECK(w.b.e.read_only());
}

TEST_CASE("an invalid entry is an incident and is not shown") {
  pair_of_devices w;
  const auto stranger = w.write(w.carol, nullptr);
  const auto got = w.a.e.receive(std::vector{stranger});
  REQUIRE(got.incidents.size() == 1);
  CHECK(got.incidents[0].what == entry_incident::kind::invalid);
  CHECK(got.incidents[0].why == errc::author_could_not_write);
}

TEST_CASE("two entries at one position of a feed are both shown, and told of") {
  pair_of_devices w;
  const auto one = w.write(w.alice, nullptr);
  auto draft = w.draft_after(w.alice, nullptr);
  draft.generation = one.header.generation;
  const auto other = w.sign(w.alice, draft);
  const auto got = w.b.e.receive(std::vector{one, other});
  CHECK(got.fresh.size() == 2);
  CHECK(std::any_of(got.incidents.begin(), got.incidents.end(), [&](const auto& i) {
    return i.what == entry_incident::kind::feed_forked && i.other == one.head();
  }));
}

TEST_CASE("who may not write changes nothing, and nothing is signed while a rotation is due") {
  pair_of_devices w;
  put(w.b, {"a"}, 1);
  w.ledger.rotation_due.insert(w.ledger.known);
  CHECK(w.b.e.sign_next(w.bob.key).error().code == errc::rotation_due);
  w.ledger.rotation_due.clear();
  w.b.keys.clear();
  CHECK(w.b.e.sign_next(w.bob.key).error().code == errc::key_not_held);
  w.b.keys.insert(0);
  w.ledger.first_missing_body = 5;
  CHECK(w.b.e.sign_next(w.bob.key).error().code == errc::lacks_records);
  w.ledger.first_missing_body.reset();
  w.ledger.roles[w.bob.user][w.ledger.known] = ledger::role::reader;
  CHECK(w.b.e.sign_next(w.bob.key).error().code == errc::role_insufficient);
  CHECK(w.b.e.write_at(strings{"b"}, bytes_of(1)).error().code == errc::role_insufficient);
  CHECK(w.b.names() == strings{"a"});
}

TEST_CASE("pending changes move to a new generation when the right was taken and given again") {
  pair_of_devices w;
  put(w.b, {"first"}, 1);
  w.sync();
  make_folder(w.b, {"docs"});
  put(w.b, {"docs", "second"}, 2);
  const auto before = w.b.shown();
  const auto heads = w.a.e.feeds().frontier();
  w.remove(w.bob, 6, heads);
  w.ledger.roles[w.bob.user][7] = ledger::role::contributor;
  w.ledger.known = 7;
  for (auto* d : {&w.a, &w.b}) CHECK(d->e.ledger_advanced().empty());
  CHECK(w.b.shown() == before);
  w.sync();
  CHECK(w.b.shown() == before);
  CHECK(w.a.shown() == before);
}

TEST_CASE("changes are told: folders that differ, nodes that wait, nodes of an entry") {
  pair_of_devices w;
  const auto docs = make_folder(w.a, {"docs"});
  const auto made = put(w.a, {"docs", "a"}, 1);
  CHECK(w.a.e.take_changes().folders == std::set{root_node, docs});
  CHECK(w.a.e.take_changes().folders.empty());
  CHECK(w.a.e.pending_nodes() == std::set{docs, made.node});
  CHECK(w.a.e.pending().operations == 3);
  w.push(w.a);
  CHECK(w.a.e.pending_nodes().empty());
  CHECK(w.a.e.nodes_in(w.replica[0].hash) == std::set{docs, made.node});
  w.pull(w.b);
  CHECK(w.b.e.take_changes().folders.contains(docs));
}

TEST_CASE("a batch of many files is a few entries, and arrives whole") {
  pair_of_devices w;
  make_folder(w.a, {"many"});
  for (std::uint64_t i = 0; i < 600; ++i) put(w.a, {"many", "file " + std::to_string(i)}, i);
  CHECK(w.a.e.pending().entries <= 2);
  w.sync();
  CHECK(w.b.e.tree().count().files == 600);
  CHECK(w.a.shown() == w.b.shown());
}

TEST_CASE("what is in Recovered can be moved, joined and deleted") {
  pair_of_devices w;
  make_folder(w.b, {"his"});
  w.sync();
  put(w.a, {"his", "hers"}, 1);
  w.sync();
  w.remove(w.bob, 6, std::vector<feed_head>{});
  for (auto* d : {&w.a, &w.b}) (void)d->e.ledger_advanced();
  CHECK(w.a.names() == strings{"Recovered"});
  SECTION("new files beside it") {
    put(w.a, {"Recovered", "new"}, 2);
    CHECK(w.a.e.list(*w.a.e.find(strings{"Recovered"})).size() == 2);
  }
  SECTION("moved out as a folder") {
    REQUIRE(w.a.e.move_at(strings{"Recovered"}, strings{"kept"}, false));
    CHECK(w.a.names() == strings{"kept"});
    CHECK(w.a.e.find(strings{"kept", "hers"}));
  }
  SECTION("deleted") {
    REQUIRE(w.a.e.remove_at(strings{"Recovered"}, true));
    CHECK(w.a.names().empty());
  }
}

TEST_CASE("two engines that exchange entries in any order show the same") {
  CHECK(rc::check("convergence of engines", [] {
    pair_of_devices w(*rc::gen::arbitrary<std::uint64_t>());
    const auto steps =
        *rc::gen::container<std::vector<std::uint32_t>>(rc::gen::arbitrary<std::uint32_t>());
    for (const auto step : steps) {
      auto& d = step % 2 == 0 ? w.a : w.b;
      const auto here = d.e.list(*d.e.find({}));
      const auto name = [&](std::uint32_t n) {
        return here.empty() || n % 4 == 0 ? std::string(1, static_cast<char>('a' + n % 3))
                                          : here[n % here.size()].name;
      };
      const strings path{name(step >> 8)};
      switch ((step >> 4) % 8) {
        case 0:
          w.push(d);
          break;
        case 1:
          (void)w.pull(d);
          break;
        case 2:
          if (const auto at = d.e.free_place(path)) RC_ASSERT(d.e.make_folder(*at));
          break;
        case 3:
        case 4:
          (void)d.e.write_at(path, bytes_of(step >> 20));
          break;
        case 5:
          (void)d.e.write_at(strings{path[0], "x"}, bytes_of(step >> 20));
          break;
        case 6:
          (void)d.e.move_at(path, strings{name(step >> 16)}, step % 3 == 0);
          break;
        default:
          (void)d.e.remove_at(path, true);
      }
    }
    w.sync();
    const auto a = w.a.shown();
    const auto b = w.b.shown();
    if (a != b) {
      for (const auto& line : a) RC_LOG() << "a " << line << std::endl;
      for (const auto& line : b) RC_LOG() << "b " << line << std::endl;
    }
    RC_ASSERT(a == b);
    RC_ASSERT(w.a.e.tree().count().files == w.b.e.tree().count().files);
  }));
}
