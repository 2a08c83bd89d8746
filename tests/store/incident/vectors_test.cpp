// Golden files of incidents (tests/vectors/incident.json). With KEYFOLD_WRITE_VECTORS=PATH in the environment the file
// is written anew.
#include <cstdlib>
#include <fstream>

#include "store/incident/proof.hpp"
#include "tests/store/incident/world.hpp"
#include "tests/support/vectors.hpp"

using namespace keyfold;
using namespace keyfold::incident;
using keyfold::tests::lying_world;
using keyfold::tests::unhex;
using keyfold::tests::vectors;

namespace {

nlohmann::json row_of(const report& r, const ledger::state& state) {
  return {{"kind", to_string(r.what)},
          {"id", to_hex(id_of(r).view())},
          {"evidence", to_hex(encode_evidence(r.proof))},
          {"file", to_hex(make_proof(r, state).value())}};
}

nlohmann::json made_vectors() {
  lying_world w;
  nlohmann::json out;
  out["organization"] = {{"id", to_hex(w.state.id().view())},
                         {"root", to_hex(w.root.public_key().encode())}};
  for (const auto& r : {w.forked_relay(), w.stepped_back_relay(), w.forked_feed(),
                        w.invalid_entry(), w.mismatched_ledger(), w.refused_certificate()})
    out["files"].push_back(row_of(r, w.state));
  lying_world two;
  const auto foreign = two.foreign_record();
  out["files"].push_back(row_of(foreign, two.state));
  const auto noted = of_withheld(w.state.id(), w.papers, std::vector<entry_hash>(1), w.now);
  out["reports"] = {
      {{"report", to_hex(encode_report(w.restored_relay()))}},
      {{"report", to_hex(encode_report(noted))}},
      {{"report", to_hex(encode_report(of_restored(w.sign(w.bob, w.draft(w.bob)), w.now)))}}};
  return out;
}

}  // namespace

TEST_CASE("the bytes of incidents are those of the vectors") {
  const auto made = made_vectors();
  if (const auto* path = std::getenv("KEYFOLD_WRITE_VECTORS"))
    std::ofstream(path) << made.dump(1) << '\n';
  for (const auto* group : {"organization", "files", "reports"})
    CHECK(vectors("incident", group) == made[group]);
}

TEST_CASE("the files of the vectors prove what they say") {
  for (const auto& row : vectors("incident", "files")) {
    const auto judged = verify_proof(unhex(row["file"]));
    REQUIRE(judged);
    CHECK(to_string(judged->proven.what) == row["kind"]);
    CHECK(to_hex(id_of(judged->proven).view()) == row["id"]);
    CHECK(to_hex(judged->root.encode()) == vectors("incident", "organization")["root"]);
  }
}
