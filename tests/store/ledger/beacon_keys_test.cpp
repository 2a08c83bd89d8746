#include "store/ledger/beacon_keys.hpp"

#include "crypto/hash.hpp"
#include "tests/support/organization.hpp"

using namespace keyfold;
using namespace keyfold::ledger;
using keyfold::tests::organization;
using keyfold::tests::person;

namespace {

struct neighbourhood : organization {
  neighbourhood() : bob(add("bob")), eve(add("eve", profile::external)) {}

  [[nodiscard]] beacon_keys of(const person& who) const {
    return beacon_keys_of(state, keys_of(who));
  }
  [[nodiscard]] symmetric_key group(const person& holder, const key_target& target,
                                    std::uint64_t epoch = 0) const {
    return derive(*keys_of(holder).find(target, {epoch}), "keyfold/v1/beacon");
  }
  /// `to` understands what `from` says.
  [[nodiscard]] bool hears(const person& to, const person& from) const {
    const auto said = of(from).mine;
    const auto open = of(to).accepted;
    return std::any_of(said.begin(), said.end(), [&](const auto& key) {
      return std::find(open.begin(), open.end(), key) != open.end();
    });
  }
  [[nodiscard]] bool meet(const person& a, const person& b) const {
    return hears(a, b) && hears(b, a);
  }

  person bob, eve;
};

}  // namespace

TEST_CASE("Administrators and Members meet in the directory's group alone") {
  neighbourhood o;
  const auto papers = o.create_workspace(o.alice);
  o.share(o.alice, papers, o.bob, role::reader);
  const auto alices = o.of(o.alice);
  CHECK(alices.mine == std::vector{o.group(o.alice, std::nullopt)});
  CHECK(alices.accepted == alices.mine);
  CHECK(o.meet(o.alice, o.bob));
}

TEST_CASE("an External meets those who share a workspace with him, and nobody else") {
  neighbourhood o;
  const auto papers = o.create_workspace(o.alice);
  CHECK(o.of(o.eve).accepted.empty());
  o.share(o.alice, papers, o.eve, role::reader);
  CHECK(o.meet(o.alice, o.eve));
  CHECK_FALSE(o.hears(o.bob, o.eve));
  CHECK_FALSE(o.hears(o.eve, o.bob));
  CHECK(o.of(o.eve).mine == std::vector{o.group(o.alice, papers)});
  CHECK(o.of(o.alice).mine.size() == 2);
}

TEST_CASE("two Externals meet in a workspace") {
  neighbourhood o;
  const auto mallory = o.add("mallory", profile::external);
  const auto papers = o.create_workspace(o.alice);
  o.share(o.alice, papers, o.eve, role::reader);
  o.share(o.alice, papers, mallory, role::reader);
  CHECK(o.meet(o.eve, mallory));
}

TEST_CASE("one beacon for each neighbour is enough, however many workspaces are shared with him") {
  neighbourhood o;
  for (int i = 0; i < 20; ++i) o.share(o.alice, o.create_workspace(o.alice), o.eve, role::reader);
  CHECK(o.of(o.alice).mine.size() == 2);
  CHECK(o.of(o.eve).mine.size() == 1);
  CHECK(o.of(o.alice).accepted.size() == 21);
  CHECK(o.meet(o.alice, o.eve));
}

TEST_CASE(
    "with more neighbours than groups the loudest bound holds, and one of two still hears the "
    "other") {
  neighbourhood o;
  std::vector<person> externals;
  for (std::size_t i = 0; i < max_accepted_groups + 6; ++i) {
    externals.push_back(o.add("external" + std::to_string(i), profile::external));
    o.share(o.alice, o.create_workspace(o.alice), externals.back(), role::reader);
  }
  const auto alices = o.of(o.alice);
  CHECK(alices.mine.size() == max_beacon_groups);
  CHECK(alices.accepted.size() == max_accepted_groups);
  const auto heard = std::count_if(externals.begin(), externals.end(),
                                   [&](const auto& each) { return o.hears(o.alice, each); });
  CHECK(heard == std::ptrdiff_t{max_accepted_groups} - 1);
}

TEST_CASE("who has not heard of a rotation is heard, and hears nobody who has") {
  neighbourhood o;
  const auto before = o.of(o.bob).mine;
  const auto carol = o.add("carol");
  o.revoke(carol);
  o.push(o.as(o.alice, [](auto a) { return make_directory_rotation(a); }));
  const auto alices = o.of(o.alice);
  CHECK(alices.mine == std::vector{o.group(o.alice, std::nullopt, 1)});
  CHECK(alices.accepted == std::vector{alices.mine[0], before[0]});
  CHECK(o.meet(o.alice, o.bob));
  const auto dave = o.add("dave");
  o.revoke(dave);
  o.push(o.as(o.alice, [](auto a) { return make_directory_rotation(a); }));
  CHECK(o.of(o.alice).accepted.size() == 2);
  CHECK(o.of(o.alice).accepted[1] == alices.mine[0]);
}

TEST_CASE("who was revoked, and who lost his role, is in no group") {
  neighbourhood o;
  const auto papers = o.create_workspace(o.alice);
  o.share(o.alice, papers, o.eve, role::reader);
  o.share(o.alice, papers, o.eve, role::none);
  CHECK(o.of(o.eve).accepted.empty());
  CHECK(o.of(o.alice).mine.size() == 1);
  o.revoke(o.bob);
  CHECK(o.of(o.bob).mine.empty());
  CHECK(o.of(o.bob).accepted.empty());
}
