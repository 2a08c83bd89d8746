// A device whose database was damaged: what its journal had goes into the journal of a new one.
#include <catch2/catch.hpp>

#include "store/workspace/engine.hpp"
#include "tests/store/feed/world.hpp"
#include "tests/store/workspace/world.hpp"

using namespace keyfold;
using namespace keyfold::workspace;
using strings = std::vector<std::string>;

namespace {

/// Alice's device over one database.
struct life {
  life(const test::world& w, std::uint64_t seed)
      : key(w.alice.key),
        random(seeded_random(seed)),
        e(
            state, w.ledger, [&w](epoch_number) { return std::optional(w.key); },
            {w.organization, w.workspace, w.alice.device, {}}, *random) {}

  void put(const std::string& name, std::uint64_t seed) {
    const auto write = tests::make_file_write({}, {}, {}, seed);
    REQUIRE(e.write_at(strings{name}, std::get<write_operation>(write).content));
  }
  std::vector<feed::entry> sign_all() {
    std::vector<feed::entry> out;
    for (;;) {
      const auto made = e.sign_next(key);
      REQUIRE(made);
      if (!*made) return out;
      out.push_back(**made);
    }
  }
  std::vector<std::string> shown() const { return tests::dump(e.tree()); }

  signing_key key;
  std::unique_ptr<db::store> below = db::memory_store();
  db::transaction state{*below};
  std::unique_ptr<random_source> random;
  engine e;
};

}  // namespace

TEST_CASE("changes saved of a damaged database are made again, but for those that were sent") {
  const test::world w(1);
  life before(w, 2);
  before.put("sent", 1);
  auto saved = engine::saved_journal(before.state);  // a repair may bring back what was erased
  const auto sent = before.sign_all();
  before.put("unsent", 2);
  REQUIRE(before.e.move_at(strings{"sent"}, strings{"renamed"}, false));
  for (auto& record : engine::saved_journal(before.state)) saved.push_back(record);
  saved.push_back(bytes{1, 2, 3});  // and what is no record

  life after(w, 3);
  REQUIRE(after.e.receive(sent).fresh.size() == sent.size());
  CHECK(after.e.restore(saved).value() == 3);
  CHECK(after.shown() == before.shown());
  CHECK(after.e.restore({}).value() == 0);

  const auto again = after.sign_all();
  REQUIRE(again.size() == 1);
  CHECK(again[0].header.generation != sent[0].header.generation);
  CHECK(again[0].header.device == sent[0].header.device);
  life other(w, 4);
  auto all = sent;
  all.insert(all.end(), again.begin(), again.end());
  for (const auto& verdict : other.e.receive(all).verdicts)
    CHECK(verdict.standing == feed::standing::counts);
  CHECK(other.shown() == before.shown());
}
