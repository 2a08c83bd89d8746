// Golden bytes of the ledger's formats (tests/vectors/ledger.json): made from seeded_random(7), so
// a change of any byte shows. With KEYFOLD_WRITE_VECTORS=1 in the environment the file is written
// anew.
#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>

#include "crypto/hash.hpp"
#include "store/ledger/fence.hpp"
#include "tests/support/organization.hpp"
#include "tests/support/vectors.hpp"

using namespace keyfold;
using namespace keyfold::ledger;
using keyfold::tests::organization;
using keyfold::tests::unhex;
using keyfold::tests::vectors;

namespace {

nlohmann::json row_of(const record& r) {
  nlohmann::json one;
  one["kind"] = kind_name(decode_body(*r.certificate.body)->what);
  one["header"] = to_hex(r.certificate.header_bytes);
  one["hash"] = to_hex(r.certificate.hash.view());
  one["body"] = to_hex(*r.certificate.body);
  one["record"] = to_hex(encode_record(r));
  return one;
}

nlohmann::json made_vectors() {
  organization o(7);
  const auto bob = o.add("bob");
  const auto eve = o.add("eve", profile::external);
  const auto papers = o.create_workspace(o.alice);
  o.share(o.alice, papers, bob, role::contributor);
  o.share(o.alice, papers, eve, role::reader);
  o.share(o.alice, papers, bob, role::none, {o.head_of(bob, papers)});
  o.rotate(o.alice, papers);
  const auto phone = o.make_person("phone");
  o.push(o.as(bob, [&](auto a) {
    return make_device_added(
        a, {phone.device, phone.signing.public_key(), phone.link.public_key(), "phone"});
  }));
  o.push(o.as(o.alice,
              [&](auto a) { return make_profile_changed(a, bob.user, profile::administrator); }));
  o.revoke(bob);
  o.push(o.as(o.alice, [](auto a) { return make_directory_rotation(a); }));

  nlohmann::json out;
  out["organization"] = {{"id", to_hex(o.state.id().view())},
                         {"receipt_key", to_hex(o.relay.public_key().encode())}};
  for (const auto& r : o.records) out["records"].push_back(row_of(r));
  const auto key = o.random().key();
  nlohmann::json keys;
  keys["key"] = to_hex(key.view());
  keys["target"] = to_hex(papers.view());
  keys["commitment_epoch_3"] = to_hex(commitment_of(papers, {3}, key).view());
  keys["user"] = to_hex(bob.user.view());
  keys["user_key"] = to_hex(bob.key.public_key().encode());
  keys["row"] = to_hex(make_row(key, bob.user, bob.key.public_key()).value());
  keys["directory_public_key"] = to_hex(directory_box(key).public_key().encode());
  out["keys"] = keys;
  auto hello = o.records.back().receipt.statement;
  hello.nonce = o.random().id<hash32>();
  const auto said = sign_statement(hello, o.relay);
  out["hello"] = {{"statement", to_hex(said.statement_bytes)},
                  {"signature", to_hex(said.signature)}};
  const fence f{o.state.id(), papers, eve.user, *o.state.head()};
  out["fence"] = {{"workspace", to_hex(f.workspace.view())},
                  {"user", to_hex(f.user.view())},
                  {"seq", f.head.seq.value},
                  {"hash", to_hex(f.head.hash.view())},
                  {"device", to_hex(o.alice.device.view())},
                  {"signature", to_hex(sign_fence(f, o.alice.signing))}};
  // Another relay: the old one's last receipt, and the new one's first.
  const auto before = o.records.size();
  o.move(o.alice);
  o.create_workspace(o.alice, "plans");
  out["moved"]["receipt_key"] = to_hex(o.relay.public_key().encode());
  for (auto i = before; i < o.records.size(); ++i)
    out["moved"]["records"].push_back(row_of(o.records[i]));
  return out;
}

}  // namespace

TEST_CASE("the ledger's bytes are those of the vectors") {
  const auto made = made_vectors();
  if (const auto* path = std::getenv("KEYFOLD_WRITE_VECTORS"))
    std::ofstream(path) << made.dump(1) << '\n';
  for (const auto* group : {"organization", "records", "keys", "hello", "fence", "moved"})
    CHECK(vectors("ledger", group) == made[group]);
}

TEST_CASE("the records of the vectors fold") {
  const auto id = organization_id::from(unhex(vectors("ledger", "organization")["id"]));
  state s(organization_id{id.value()});
  for (const auto& one : vectors("ledger", "records")) {
    const auto r = decode_record(unhex(one["record"]));
    REQUIRE(r);
    CHECK(bytes(unhex(one["hash"])) == to_bytes(r->certificate.hash.view()));
    const auto added = s.add(*r);
    REQUIRE(added);
    CHECK_FALSE(added->refused);
    CHECK(added->incidents.empty());
  }
}
