#include "store/ledger/fence.hpp"

#include <catch2/catch.hpp>

#include "tests/support/organization.hpp"

using namespace keyfold;
using namespace keyfold::ledger;

namespace {

/// Bob owns a workspace; carol is its Manager, dave a Contributor. Alice is Administrator only.
struct board : tests::organization {
  board()
      : bob(add("bob")), carol(add("carol")), dave(add("dave")), workspace(create_workspace(bob)) {
    share(bob, workspace, carol, role::manager);
    share(bob, workspace, dave, role::contributor);
  }
  [[nodiscard]] fence about(const tests::person& who) const {
    return {state.id(), workspace, who.user, *state.head()};
  }
  [[nodiscard]] std::optional<errc> refusal(const fence& f, const tests::person& by) const {
    const auto checked = check_fence(state, f, by.device, sign_fence(f, by.signing));
    return checked ? std::nullopt : std::optional(checked.error().code);
  }
  tests::person bob, carol, dave;
  workspace_id workspace;
};

}  // namespace

TEST_CASE("a fence is for those who may take the role, or revoke the user") {
  board w;
  CHECK_FALSE(w.refusal(w.about(w.dave), w.bob));
  CHECK_FALSE(w.refusal(w.about(w.dave), w.carol));
  CHECK_FALSE(w.refusal(w.about(w.dave), w.alice));
  CHECK_FALSE(w.refusal(w.about(w.dave), w.dave));  // he leaves
  CHECK(w.refusal(w.about(w.carol), w.dave) == errc::role_insufficient);
  CHECK(w.refusal(w.about(w.bob), w.carol) == errc::manager_limits);
  CHECK(w.refusal(w.about(w.bob), w.bob) == errc::last_owner);
}

TEST_CASE("a fence says exactly what it was signed for") {
  board w;
  const auto f = w.about(w.dave);
  const auto signature = sign_fence(f, w.carol.signing);
  CHECK(check_fence(w.state, f, w.carol.device, signature));
  CHECK(check_fence(w.state, f, w.bob.device, signature).error().code == errc::bad_signature);
  auto other = f;
  other.user = w.bob.user;
  CHECK(check_fence(w.state, other, w.carol.device, signature).error().code == errc::bad_signature);
  other = f;
  other.workspace = {{7}};
  CHECK(w.refusal(other, w.carol) == errc::workspace_unknown);
  CHECK(check_fence(w.state, f, {{9}}, signature).error().code == errc::author_unknown);
}

TEST_CASE("a fence of yesterday is worth nothing") {
  board w;
  const auto f = w.about(w.dave);
  w.add("erin");
  CHECK(w.refusal(f, w.carol) == errc::stale_head);
}

TEST_CASE("a revoked user puts up no fence") {
  board w;
  w.revoke(w.carol);
  CHECK(w.refusal(w.about(w.dave), w.carol) == errc::author_revoked);
}
