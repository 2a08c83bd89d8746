#include "tests/attack/organization_rig.hpp"

namespace keyfold::attack {

rig::rig(std::uint64_t seed)
    : random(seeded_random(seed)),
      root(signing_key::generate(*random)),
      receipt_key(signing_key::generate(*random)),
      relay(std::make_unique<relay_node>(ledger::organization_of(root.public_key()), receipt_key,
                                         *random)),
      alice(devices.emplace_back(*this, make_person("alice"), relay->id)),
      bob(devices.emplace_back(*this, make_person("bob"), relay->id)),
      carol(devices.emplace_back(*this, make_person("carol"), relay->id)),
      dave(devices.emplace_back(*this, make_person("dave"), relay->id)),
      mallory(devices.emplace_back(*this, make_person("mallory"), relay->id)) {
  const ledger::founder founder{
      "wonderland",     receipt_key.public_key(),    {"keyfold://127.0.0.1:7000/?k=x"},
      alice.who.user,   alice.who.key.public_key(),  {"alice@example.org", "Alice"},
      alice.who.device, alice.who.link.public_key(), "alice's laptop"};
  const auto genesis =
      ledger::make_genesis(founder, root, alice.who.signing, clock_ms, *random).value();
  auto receipt = ledger::decode_receipt(relay->found(genesis).value()).value();
  alice.take({genesis, receipt}).value();
  REQUIRE(alice.connect(*relay));
  using ledger::profile;
  for (auto* each : {&bob, &carol, &dave})
    alice
        .append([&](const ledger::author& a) {
          const auto& p = each->who;
          return ledger::make_user_added(
              a, {p.user,
                  each == &dave ? profile::external : profile::member,
                  p.key.public_key(),
                  {p.name + "@example.org", p.name},
                  {p.device, p.signing.public_key(), p.link.public_key(), p.name + "'s laptop"}});
        })
        .value();
  papers = create_workspace("papers");
  share(papers, bob, ledger::role::contributor);
  share(papers, carol, ledger::role::reader);
  settle();
  REQUIRE(dave.connect(*relay));
  REQUIRE(dave.pull_ledger());
}

person rig::make_person(const std::string& name) {
  return {name,
          random->id<user_id>(),
          box_key::generate(*random),
          random->id<device_id>(),
          signing_key::generate(*random),
          box_key::generate(*random)};
}

workspace_id rig::create_workspace(const std::string& name) {
  const auto seq =
      alice.append([&](const ledger::author& a) { return ledger::make_workspace_created(a, name); })
          .value();
  return *alice.ledger.record_at(seq)->certificate.header.scope;
}

void rig::share(workspace_id workspace, const device& with, ledger::role role) {
  alice
      .append([&](const ledger::author& a) {
        return ledger::make_role_changed(a, workspace, with.who.user, role);
      })
      .value();
}

void rig::settle() {
  for (int round = 0; round < 2; ++round)
    for (auto* each : members()) each->sync(papers);
}

bool contains(bytes_view data, bytes_view text) {
  return !text.empty() &&
         std::search(data.begin(), data.end(), text.begin(), text.end()) != data.end();
}

bytes everything_in(const db::store& disk) {
  bytes out;
  const auto take = [&](bytes_view key, bytes_view value) {
    append(out, key);
    append(out, value);
    return true;
  };
  REQUIRE(disk.scan({}, {}, take));
  return out;
}

}  // namespace keyfold::attack
