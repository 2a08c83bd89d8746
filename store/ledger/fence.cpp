#include "store/ledger/fence.hpp"

#include "crypto/codec.hpp"
#include "store/ledger/rules.hpp"

namespace keyfold::ledger {
namespace {

constexpr std::string_view context = "keyfold/v1/fence";

bytes encode(const fence& f) {
  writer w;
  w.array(6).uint(1).bin(f.organization).bin(f.workspace).bin(f.user);
  w.uint(f.head.seq).bin(f.head.hash);
  return std::move(w).take();
}

}  // namespace

bytes sign_fence(const fence& f, const signing_key& device) {
  return device.sign(context, encode(f));
}

expected<void> check_fence(const state& s, const fence& f, device_id device, bytes_view signature) {
  if (s.head() != f.head) return fail(errc::stale_head, "a fence at another head of the ledger");
  const auto* author = s.organization().device(device);
  if (author == nullptr) return fail(errc::author_unknown, "a fence by an unknown device");
  KEYFOLD_CHECK(verify(author->facts.signing_key, context, encode(f), signature));
  const auto& user = *s.organization().user(author->facts.user);
  if (user.revoked) return fail(errc::author_revoked, "a fence by a user who was revoked");
  const auto* workspace = s.workspace(f.workspace);
  if (workspace == nullptr) return fail(errc::workspace_unknown, "there is no such workspace");
  return rules::check_taking(s.organization(), *workspace, user, f.head.seq.next(), f.user);
}

}  // namespace keyfold::ledger
