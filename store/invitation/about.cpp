#include "store/invitation/about.hpp"

#include "crypto/aead.hpp"
#include "crypto/codec.hpp"
#include "crypto/hash.hpp"
#include "store/invitation/messages.hpp"

namespace keyfold::invitation {
namespace {

constexpr std::string_view about_context = "keyfold/v1/invitation-about";
constexpr std::string_view secret_context = "keyfold/v1/link-secret";
constexpr std::string_view device_context = "keyfold/v1/device-invitation";

}  // namespace

symmetric_key device_inviting_key(const box_secret_key& user) {
  symmetric_key key;
  std::copy(user.view().begin(), user.view().end(), key.writable().begin());
  return derive(key, device_context);
}

link_secret make_link_secret(const symmetric_key& inviting_key, const invitation_token& token) {
  const auto full = derive(inviting_key, secret_context, token.view());
  link_secret out;
  std::copy_n(full.view().begin(), link_secret::size, out.writable().begin());
  return out;
}

bytes seal_about(const about& a, const symmetric_key& inviting_key, const invitation_token& token,
                 random_source& random) {
  writer w;
  w.array(5).uint(1).uint(static_cast<std::uint64_t>(a.kind));
  a.email ? w.str(*a.email) : w.nil();
  w.boolean(a.mailed).uint(static_cast<std::uint64_t>(a.created.count()));
  return seal(derive(inviting_key, about_context), about_context, token.view(), std::move(w).take(),
              random);
}

expected<about> open_about(bytes_view sealed, const symmetric_key& inviting_key,
                           const invitation_token& token) {
  if (sealed.size() > max_sealed_about)
    return fail(errc::too_large, "an invitation that is too large");
  KEYFOLD_TRY(const auto plain,
              open(derive(inviting_key, about_context), about_context, token.view(), sealed));
  KEYFOLD_TRY(auto r, reader::parse(plain.view()));
  about out;
  r.array(5);
  if (r.uint() != 1 && r.good())
    return fail(errc::unknown_version, "an invitation of a later version");
  const auto k = r.uint_up_to(2);
  if (k == 0) r.break_off();
  out.kind = static_cast<kind>(k);
  if (!r.nil()) out.email = r.str(ledger::max_email_size);
  out.mailed = r.boolean();
  out.created = timestamp(static_cast<timestamp::rep>(r.uint_up_to(INT64_MAX)));
  KEYFOLD_CHECK(r.finish());
  return out;
}

}  // namespace keyfold::invitation
