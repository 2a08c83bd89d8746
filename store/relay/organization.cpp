#include "store/relay/organization.hpp"

#include <algorithm>

namespace keyfold::relay {
namespace {

bytes part(char name) {
  return {static_cast<std::uint8_t>(name)};
}

/// The term of the relay with that receipt key; nullopt when it never was one.
std::optional<std::uint64_t> term_of(const ledger::state& s, const signing_public_key& key) {
  const auto& terms = s.organization().terms();
  for (std::uint64_t term = 0; term < terms.size(); ++term)
    if (terms[term].receipt_key == key) return term;
  return std::nullopt;
}

}  // namespace

expected<ledger::genesis> genesis_of(const ledger::certificate& c) {
  if (!c.body) return fail(errc::body_missing, "a genesis certificate without its body");
  KEYFOLD_TRY(const auto body, ledger::decode_body(*c.body));
  if (const auto* found = std::get_if<ledger::genesis>(&body.what)) return *found;
  return fail(errc::genesis_misplaced, "not a genesis certificate");
}

organization::organization(db::view& state, ledger::state&& ledger, const signing_key& receipt_key,
                           random_source& random)
    : ledger_part_(state, part('l')),
      signer_part_(state, part('s')),
      feeds_part_(state, part('f')),
      invitations_part_(state, part('i')),
      ledger_(std::move(ledger)),
      log_(ledger_part_),
      signer_(signer_part_, ledger_.id(), receipt_key,
              term_of(ledger_, receipt_key.public_key()).value_or(0), random),
      feeds_(feeds_part_, ledger_.id()),
      invitations_(invitations_part_) {
  for (ledger_seq seq{0}; seq.value < ledger_.size(); seq = seq.next())
    if (!ledger::complete(ledger_, seq)) incomplete_.insert(seq);
}

expected<std::unique_ptr<organization>> organization::load(db::view& state, organization_id id,
                                                           const signing_key& receipt_key,
                                                           random_source& random) {
  db::prefixed records(state, part('l'));
  KEYFOLD_TRY(auto ledger, ledger::log(records).load(id));
  if (!ledger.head()) return fail(errc::not_found, "there is no such organization");
  if (!term_of(ledger, receipt_key.public_key()))
    return fail(errc::damaged, "the ledger names no relay with this receipt key");
  return std::unique_ptr<organization>(
      new organization(state, std::move(ledger), receipt_key, random));
}

expected<std::unique_ptr<organization>> organization::found(db::view& state,
                                                            const ledger::certificate& genesis,
                                                            const signing_key& receipt_key,
                                                            random_source& random) {
  KEYFOLD_TRY(const auto founding, genesis_of(genesis));
  if (founding.receipt_key != receipt_key.public_key())
    return fail(errc::bad_receipt, "the genesis certificate names another relay's receipt key");
  std::unique_ptr<organization> out(
      new organization(state, ledger::state(genesis.header.organization), receipt_key, random));
  const auto nobody = [](workspace_id, user_id) { return std::vector<feed::feed_head>{}; };
  KEYFOLD_CHECK(ledger::check_append(out->ledger_, genesis, nobody));
  KEYFOLD_CHECK(out->record(genesis));
  return out;
}

bytes organization::genesis_receipt() const {
  return ledger::encode_receipt(ledger_.record_at({0})->receipt);
}

/// Signs the receipt and takes the certificate in: after this it stands in the ledger.
expected<void> organization::record(const ledger::certificate& c) {
  const ledger::record made{c, signer_.receipt(c.position())};
  KEYFOLD_TRY(const auto added, ledger::add(ledger_, log_, made));
  if (added.refused) return tl::unexpected(*added.refused);  // check_append should have said so
  return {};
}

// -- sessions
// -----------------------------------------------------------------------------------------

ledger::signed_statement organization::greet(const hash32& nonce) {
  return signer_.hello(ledger_.head(), nonce);
}

answered<member> organization::connect(session_number session, const box_public_key& link_key) {
  if (frozen_) return {fail(errc::organization_frozen, "the relay's operator has frozen it"), {}};
  const auto& devices = ledger_.organization().devices();
  const auto found = std::find_if(devices.begin(), devices.end(), [&](const auto& device) {
    return device.second.facts.link_key == link_key;
  });
  if (found == devices.end()) return {fail(errc::stranger, "no device of this organization"), {}};
  const member who{found->first, found->second.facts.user};
  if (ledger_.organization().user(who.user)->revoked)
    return {fail(errc::user_is_revoked, "this user has been revoked"), {}};

  effects out;
  const bool was_online = online(who.device);
  for (const auto& [number, other] : std::map(sessions_))
    if (other.who.device == who.device)
      end_session(number, {errc::session_replaced, "the device has connected anew"}, out);
  for (const auto& [number, other] : sessions_)
    out.push_back({session, news::presence{other.who.device, true}});
  sessions_[session] = {who, {}};
  if (!was_online) tell_presence(who.device, true, session, out);
  return {who, std::move(out)};
}

void organization::end_session(session_number session, const error& why, effects& out) {
  sessions_.erase(session);
  guests_.erase(session);
  out.push_back({session, news::ended{why}});
}

effects organization::disconnect(session_number session) {
  effects out;
  guests_.erase(session);
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return out;
  const auto device = found->second.who.device;
  sessions_.erase(found);
  if (!online(device)) tell_presence(device, false, session, out);
  return out;
}

effects organization::set_frozen(bool frozen) {
  frozen_ = frozen;
  effects out;
  if (!frozen) return out;
  const error why{errc::organization_frozen, "the relay's operator has frozen it"};
  for (const auto session : std::set(guests_)) end_session(session, why, out);
  for (const auto& [session, _] : std::map(sessions_)) end_session(session, why, out);
  return out;
}

bool organization::online(device_id device) const {
  return std::any_of(sessions_.begin(), sessions_.end(),
                     [&](const auto& s) { return s.second.who.device == device; });
}

void organization::tell_presence(device_id device, bool online, session_number but,
                                 effects& out) const {
  for (const auto& [session, _] : sessions_)
    if (session != but) out.push_back({session, news::presence{device, online}});
}

answered<void> organization::hand_on(session_number session, device_id to, bytes payload,
                                     timestamp now) {
  effects out;
  auto done = [&]() -> expected<void> {
    KEYFOLD_TRY(const auto who, require(session));
    if (payload.size() > max_handed_on) return fail(errc::too_large, "a message beyond its limit");
    KEYFOLD_CHECK(handed_on_.take(to_text(who.device), now));
    const auto found = std::find_if(sessions_.begin(), sessions_.end(),
                                    [&](const auto& s) { return s.second.who.device == to; });
    if (found == sessions_.end()) return fail(errc::peer_absent, "that device is not connected");
    out.push_back({found->first, news::delivered{who.device, std::move(payload)}});
    return {};
  }();
  return {std::move(done), std::move(out)};
}

// -- rights
// -------------------------------------------------------------------------------------------

expected<member> organization::require(session_number session) const {
  if (frozen_) return fail(errc::organization_frozen, "the relay's operator has frozen it");
  const auto found = sessions_.find(session);
  if (found == sessions_.end()) return fail(errc::stranger, "no member's session");
  if (ledger_.organization().user(found->second.who.user)->revoked)
    return fail(errc::user_is_revoked, "this user has been revoked");
  return found->second.who;
}

ledger::role organization::role_of(workspace_id workspace, user_id user) const {
  return ledger_.role_at(workspace, user, ledger_.head()->seq);
}

bool organization::is_administrator(user_id user) const {
  return ledger_.organization().user(user)->profile() == ledger::profile::administrator;
}

expected<void> organization::require_present() const {
  if (ledger_.organization().receipt_key() != signer_.public_key())
    return fail(errc::relay_moved, "the organization has moved to another relay");
  return {};
}

expected<void> organization::require_reader(workspace_id workspace, user_id user) const {
  if (ledger_.missing_body(workspace))
    return fail(errc::body_missing, "certificates of that workspace were lost here; bring them");
  if (ledger_.workspace(workspace) == nullptr)
    return fail(errc::workspace_unknown, "there is no such workspace");
  if (!ledger::may_read(role_of(workspace, user)))
    return fail(errc::role_insufficient, "no right to read there");
  return {};
}

expected<void> organization::require_writer(workspace_id workspace, user_id user) const {
  KEYFOLD_CHECK(require_reader(workspace, user));
  // Whoever could write once may still bring what he wrote then: it counts or is quarantined.
  if (!ledger::may_write(role_of(workspace, user)) && ledger_.removals(workspace, user).empty())
    return fail(errc::role_insufficient, "no right to write there");
  return {};
}

}  // namespace keyfold::relay
