// One organization at the relay: its ledger, feeds and invitations, and who may what
// (PROTOCOL "Rights at the relay"). A replica that cannot read.
//
//   link key --> device --> user, not revoked --> profile and roles as of the ledger's head
//
// A pure core over one db::view. After a failed commit it is not what the disk says any more: drop
// it and load it anew. Not thread-safe.
#pragma once

#include "store/ledger/fence.hpp"
#include "store/ledger/forward.hpp"
#include "store/ledger/log.hpp"
#include "store/ledger/relay_rules.hpp"
#include "store/relay/feeds.hpp"
#include "store/relay/invitations.hpp"
#include "store/relay/limiter.hpp"
#include "store/relay/signer.hpp"
#include "store/replica/deliver.hpp"
#include "store/replica/heads.hpp"

namespace keyfold::relay {

inline constexpr std::size_t max_handed_on = 4096;
inline constexpr std::size_t max_put_records = 1000;
inline constexpr std::size_t max_lacking_scopes = 1000;  ///< what one answer names
inline constexpr std::size_t max_push_entries = 1000;
inline constexpr std::size_t max_wanted = 7000;  ///< what one answer holds
inline constexpr std::size_t max_objects_asked = 7000;
inline constexpr std::size_t max_object_size = 4 * 1024 * 1024 - 64 * 1024;
inline constexpr std::size_t max_subscriptions = 2000;  ///< of one session
inline constexpr timestamp fence_time{30'000};

/// What a genesis certificate says; `errc::genesis_misplaced` for another one.
[[nodiscard]] expected<ledger::genesis> genesis_of(const ledger::certificate& c);

class organization {
 public:
  /// Loads it; `errc::damaged` when its ledger cannot be read or never named this relay, or
  /// `errc::not_found`. `state` is
  /// this organization's own part of the database, and outlives it.
  [[nodiscard]] static expected<std::unique_ptr<organization>> load(db::view& state,
                                                                    organization_id id,
                                                                    const signing_key& receipt_key,
                                                                    random_source& random);
  /// Founds it with a genesis certificate: what the ledger's rules say of it, and
  /// `errc::bad_receipt` when it names another receipt key than this relay's.
  [[nodiscard]] static expected<std::unique_ptr<organization>> found(
      db::view& state, const ledger::certificate& genesis, const signing_key& receipt_key,
      random_source& random);

  [[nodiscard]] const ledger::state& ledger() const { return ledger_; }
  /// The relay's receipt for genesis, after found().
  [[nodiscard]] bytes genesis_receipt() const;

  // -- sessions
  // ---------------------------------------------------------------------------------------

  /// The relay's word on its head, for whoever asks.
  [[nodiscard]] ledger::signed_statement greet(const hash32& nonce);
  /// A member's session begins: `errc::stranger`, `errc::user_is_revoked` or
  /// `errc::organization_frozen`. An older session of the same device ends.
  [[nodiscard]] answered<member> connect(session_number session, const box_public_key& link_key);
  /// Of any session, a guest's too.
  [[nodiscard]] effects disconnect(session_number session);
  /// Frozen: everything is refused with `errc::organization_frozen`, and all sessions end.
  [[nodiscard]] effects set_frozen(bool frozen);
  [[nodiscard]] bool frozen() const { return frozen_; }
  [[nodiscard]] bool online(device_id device) const;

  // Every handler below that takes a session refuses with `errc::stranger` one that is not a
  // member's, with `errc::user_is_revoked` and with `errc::organization_frozen`; every one that
  // changes anything (but put) with `errc::relay_moved` once the organization has another relay.

  /// Hands a sealed message on, as it is, to another device that is connected: `errc::peer_absent`,
  /// `errc::too_large`; `errc::rate_limited` beyond 200 at once, then 10 a second.
  [[nodiscard]] answered<void> hand_on(session_number session, device_id to, bytes payload,
                                       timestamp now);

  // -- ledger
  // -----------------------------------------------------------------------------------------

  /// Compare and swap; gives the encoded receipt. `errc::stale_head` when it does not extend the
  /// head, or what ledger::check_append says. The author need not be the one who brings it.
  [[nodiscard]] answered<bytes> append(session_number session, bytes_view certificate);
  using pulled = ledger::pulled;
  /// The records from `from` on; with a workspace those of its scope (`errc::role_insufficient` for
  /// who may not have their bodies).
  [[nodiscard]] expected<pulled> pull(session_number session, ledger_seq from,
                                      const std::optional<workspace_id>& workspace,
                                      std::size_t max) const;
  /// Where bodies or attachments are not here: they would be taken in a put.
  [[nodiscard]] std::vector<ledger::lack> lacks() const;
  struct placed {
    ledger_seq head;
    std::size_t taken = 0;  ///< from the front of the list
  };
  /// Takes records that it gave a receipt for and lost, after it was restored from a backup: those
  /// after its head in order, and bodies and attachments that it lacks. A record that has no effect
  /// keeps its position, as it does everywhere. When the first is not taken: why
  /// (`errc::bad_receipt` for another's, `errc::ledger_gap` beyond the next, `errc::ledger_forked`
  /// where it gave another a receipt since, `errc::body_missing` of organization scope,
  /// `errc::too_large` for too many, or `errc::malformed`).
  [[nodiscard]] answered<placed> put(session_number session, std::span<const bytes> records);

  // -- feeds
  // ------------------------------------------------------------------------------------------

  /// From now on entries that the frontier lacks are delivered. Gives the relay's own (heads_to_tell).
  /// `errc::role_insufficient`, `errc::workspace_unknown` or `errc::too_many_subscriptions`.
  [[nodiscard]] answered<std::vector<feed::feed_head>> subscribe(
      session_number session, workspace_id workspace, std::vector<feed::feed_head> frontier);
  /// The next entries for the session, about `max_bytes`, which count as delivered; none: it has
  /// everything. `errc::not_subscribed`, or `errc::role_insufficient`: it stays subscribed, and gets the rest when its
  /// user may read again.
  [[nodiscard]] expected<feed::slice> deliver(session_number session, workspace_id workspace,
                                              std::size_t max_bytes);
  /// The signed heads of a user's feeds, as a frontier attachment; for who may read there, and
  /// Administrators: `errc::role_insufficient`, `errc::user_unknown` or `errc::workspace_unknown`.
  [[nodiscard]] expected<bytes> heads(session_number session, workspace_id workspace, user_id user);
  /// The same, and for fence_time, or until his role there is taken, no new entry of that user is taken in the
  /// workspace. What ledger::check_fence says, or `errc::rate_limited` for one who fences on and on.
  [[nodiscard]] expected<bytes> fence(session_number session, const ledger::fence& f,
                                      bytes_view signature, timestamp now);
  struct pushed {
    std::size_t accepted = 0;       ///< entries held now, from the front of the list
    std::vector<object_id> wanted;  ///< objects that they need and that are not held; all are asked
  };
  struct push_refusal {
    std::vector<entry_hash> lacks;  ///< with `errc::lacks_entries`: what has to come first
  };
  /// Takes entries that count or are quarantined, whoever made them. When the first is not taken:
  /// why, with `refusal` (`errc::fenced`: see fence()). Else those up to the first that is not taken.
  [[nodiscard]] answered<pushed> push(session_number session, workspace_id workspace,
                                      std::span<const bytes> entries, timestamp now,
                                      push_refusal& refusal);

  // -- objects
  // ----------------------------------------------------------------------------------------

  /// Those that are not held; for who may read or write there.
  [[nodiscard]] expected<std::vector<object_id>> lacking(session_number session,
                                                         workspace_id workspace,
                                                         std::span<const object_id> objects) const;
  /// Whether the session may put it; false: it is held already. After it is durable:
  /// object_stored().
  [[nodiscard]] expected<bool> check_put(session_number session, workspace_id workspace,
                                         const object_id& object, std::size_t size) const;
  /// Whether the session may have it; `errc::not_found` when it is not held.
  [[nodiscard]] expected<void> check_get(session_number session, workspace_id workspace,
                                         const object_id& object) const;
  void object_stored(workspace_id workspace, const object_id& object);
  /// The object store does not have it any more, or it is damaged: it is wanted again, and everybody who is
  /// subscribed there, now or later, is told.
  effects object_lost(workspace_id workspace, const object_id& object);

  // -- invitations
  // ------------------------------------------------------------------------------------------

  [[nodiscard]] answered<void> create_invitation(session_number session, invitation_row row,
                                                 timestamp now);
  struct listed {
    invitation_row row;
    bool guest_present = false;
  };
  [[nodiscard]] expected<std::vector<listed>> list_invitations(session_number session,
                                                               timestamp now) const;
  [[nodiscard]] answered<void> cancel_invitation(session_number session,
                                                 const invitation_token& token);
  /// Ends what has expired. The shell calls it at next_expiry().
  [[nodiscard]] effects expire(timestamp now);
  [[nodiscard]] std::optional<timestamp> next_expiry() const { return invitations_.next_expiry(); }

  /// Whether the session may open the invitation's conduit as greeter: `errc::not_administrator` for one who may
  /// not greet, `errc::rate_limited` when that side was opened too often.
  [[nodiscard]] expected<void> admit_greeter(session_number session, const invitation_token& token,
                                             timestamp now);
  /// As guest, from a network address: `errc::rate_limited` also after too many wrong tokens from there.
  [[nodiscard]] expected<void> admit_guest(session_number session, const std::string& address,
                                           const invitation_token& token, timestamp now);
  /// Whether the session may still speak in a conduit: `errc::organization_frozen`, or `errc::conduit_not_open` for
  /// one that was never let in, or has ended.
  [[nodiscard]] expected<void> check_speaker(session_number session) const;
  /// The conduit says whether a guest sits in it.
  [[nodiscard]] effects guest_moved(const invitation_token& token, bool here);

 private:
  struct session_state {
    member who;
    std::map<workspace_id, replica::delivery> subscriptions;
  };
  organization(db::view& state, ledger::state&& ledger, const signing_key& receipt_key,
               random_source& random);

  [[nodiscard]] expected<member> require(session_number session) const;
  [[nodiscard]] ledger::role role_of(workspace_id workspace, user_id user) const;
  /// `errc::relay_moved` when another relay orders the ledger by now: what is here can be read, and
  /// nothing more is taken.
  [[nodiscard]] expected<void> require_present() const;
  [[nodiscard]] expected<void> require_reader(workspace_id workspace, user_id user) const;
  [[nodiscard]] expected<void> require_writer(workspace_id workspace, user_id user) const;
  [[nodiscard]] bool is_administrator(user_id user) const;
  [[nodiscard]] expected<void> record(const ledger::certificate& c);
  [[nodiscard]] expected<bool> take_back(bytes_view encoded, effects& out);
  [[nodiscard]] std::vector<feed::feed_head> accepted_heads(workspace_id workspace, user_id user);
  void after_append(const ledger::certificate& c, effects& out);
  void tell_ledger(effects& out) const;
  void end_session(session_number session, const error& why, effects& out);
  void tell_presence(device_id device, bool online, session_number but, effects& out) const;
  [[nodiscard]] expected<std::vector<feed::entry>> decode_entries(
      std::span<const bytes> entries) const;
  [[nodiscard]] expected<std::span<const feed::entry>> admissible(
      workspace_id workspace, std::span<const feed::entry> entries, timestamp now);
  void count_heads(const replica::taken& result);
  /// How many entries stand before the first that a fence keeps out.
  [[nodiscard]] std::size_t unfenced(workspace_id workspace, std::span<const feed::entry> entries,
                                     timestamp now);
  void tell_wanted(workspace_id workspace, session_number but, std::vector<object_id> objects,
                   effects& out) const;
  void tell_feed(workspace_id workspace, session_number from, const replica::taken& result,
                 effects& out);
  void tell_waiting(workspace_id workspace, const std::optional<user_id>& user, effects& out) const;
  void tell_greeters(const invitation_row& row, invitation_state state, effects& out) const;
  /// So that whoever squats in one side of a conduit is slowed down.
  [[nodiscard]] expected<void> count_open(const invitation_token& token, party role, timestamp now);
  void drop_invitation(const invitation_row& row, invitation_state state, std::string_view reason,
                       effects& out);

  // Parts of the database: each sees its own keys only.
  db::prefixed ledger_part_;
  db::prefixed signer_part_;
  db::prefixed feeds_part_;
  db::prefixed invitations_part_;

  ledger::state ledger_;
  ledger::log log_;
  std::set<ledger_seq> incomplete_;  ///< records whose body or attachments are not all here
  signer signer_;
  feeds feeds_;
  invitations invitations_;
  limiter guesses_{{.burst = 20, .refill = timestamp(10'000), .max_names = 10'000}};
  /// 100 invitations of a user at once, then 100 an hour.
  limiter invited_{{.burst = 100, .refill = timestamp(36'000), .max_names = 10'000}};
  limiter opens_{{.burst = 30, .refill = timestamp(2'000), .max_names = 10'000}};
  limiter handed_on_{{.burst = 200, .refill = timestamp(100), .max_names = 10'000}};
  limiter fencings_{{.burst = 10, .refill = timestamp(60'000), .max_names = 10'000}};
  std::map<std::pair<workspace_id, user_id>, timestamp> fences_;  ///< until when
  bool frozen_ = false;
  std::set<session_number> guests_;
  std::set<invitation_token> guest_present_;
  std::map<session_number, session_state> sessions_;
};

}  // namespace keyfold::relay
