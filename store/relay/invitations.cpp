#include "store/relay/invitations.hpp"

#include <algorithm>

#include "crypto/codec.hpp"
#include "store/invitation/about.hpp"

namespace keyfold::relay {
namespace {

bytes encode(const invitation_row& row) {
  writer w;
  w.array(6).uint(1).uint(static_cast<std::uint64_t>(row.kind)).bin(row.creator);
  w.uint(static_cast<std::uint64_t>(row.expires.count())).uint(row.epoch).bin(row.sealed_about);
  return std::move(w).take();
}

std::optional<invitation_row> decode(bytes_view key, bytes_view value) {
  const auto token = invitation_token::from(key);
  auto r = reader::parse(value);
  if (!token || !r) return std::nullopt;
  invitation_row out;
  std::copy(key.begin(), key.end(), out.token.value.begin());
  r->array(6);
  r->uint();
  out.kind = static_cast<invitation::kind>(r->uint_up_to(2));
  out.creator = r->id<user_id>();
  out.expires = timestamp(static_cast<timestamp::rep>(r->uint_up_to(INT64_MAX)));
  out.epoch = r->count<epoch_number>();
  out.sealed_about = to_bytes(r->bin(invitation::max_sealed_about));
  if (!r->finish()) return std::nullopt;
  return out;
}

const ledger::user_record* unrevoked(user_id user, const ledger::state& ledger) {
  const auto* found = ledger.organization().user(user);
  return found != nullptr && !found->revoked ? found : nullptr;
}

bool is_administrator(user_id user, const ledger::state& ledger) {
  const auto* found = unrevoked(user, ledger);
  return found != nullptr && found->profile() == ledger::profile::administrator;
}

}  // namespace

bool may_greet(const invitation_row& row, user_id user, const ledger::state& ledger) {
  if (row.kind == invitation::kind::user) return is_administrator(user, ledger);
  return row.creator == user && unrevoked(user, ledger) != nullptr;
}

std::vector<invitation_row> invitations::all() const {
  std::vector<invitation_row> out;
  state_.scan({}, {}, [&](bytes_view key, bytes_view value) {
    if (auto row = decode(key, value)) out.push_back(std::move(*row));
    return true;
  });
  return out;
}

expected<void> invitations::create(const invitation_row& row, const ledger::state& ledger,
                                   timestamp now) {
  if (!may_greet(row, row.creator, ledger))
    return fail(errc::not_administrator, "only an Administrator invites users");
  if (row.sealed_about.size() > invitation::max_sealed_about)
    return fail(errc::too_large, "an invitation that is too large");
  if (row.expires <= now || row.expires > now + max_invitation_life)
    return fail(errc::bad_expiry, "an invitation lasts at most 31 days");
  if (state_.get(row.token.view())) return fail(errc::invitation_exists, "the token is in use");
  const auto present = all();
  const auto alike = std::count_if(present.begin(), present.end(), [&](const auto& other) {
    return other.kind == row.kind && other.expires > now &&
           (row.kind == invitation::kind::user || other.creator == row.creator);
  });
  const auto limit =
      row.kind == invitation::kind::user ? max_user_invitations : max_device_invitations;
  if (static_cast<std::size_t>(alike) >= limit)
    return fail(errc::too_many_invitations, "too many invitations are open; cancel some");
  state_.put(row.token.view(), encode(row));
  return {};
}

std::vector<invitation_row> invitations::list(user_id user, const ledger::state& ledger,
                                              timestamp now) const {
  auto out = all();
  std::erase_if(
      out, [&](const auto& row) { return row.expires <= now || !may_greet(row, user, ledger); });
  return out;
}

expected<void> invitations::cancel(const invitation_token& token, user_id user,
                                   const ledger::state& ledger) {
  const auto stored = state_.get(token.view());
  const auto row = stored ? decode(token.view(), *stored) : std::nullopt;
  if (!row) return fail(errc::invitation_unknown, "there is no such invitation");
  if (!may_greet(*row, user, ledger))
    return fail(errc::not_administrator, "somebody else's invitation");
  state_.erase(token.view());
  return {};
}

expected<invitation_row> invitations::find(const invitation_token& token, timestamp now) const {
  const auto stored = state_.get(token.view());
  const auto row = stored ? decode(token.view(), *stored) : std::nullopt;
  if (!row) return fail(errc::invitation_unknown, "there is no such invitation (any more)");
  if (row->expires <= now) return fail(errc::invitation_expired, "the invitation has expired");
  return *row;
}

std::vector<invitation_row> invitations::expire(const ledger::state& ledger, timestamp now) {
  auto over = all();
  std::erase_if(over, [&](const auto& row) {
    return row.expires > now && unrevoked(row.creator, ledger) != nullptr;
  });
  for (const auto& row : over) state_.erase(row.token.view());
  return over;
}

std::optional<timestamp> invitations::next_expiry() const {
  std::optional<timestamp> out;
  for (const auto& row : all())
    if (!out || row.expires < *out) out = row.expires;
  return out;
}

}  // namespace keyfold::relay
