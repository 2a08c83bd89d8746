// Which organizations a relay has, who may create one, and who the relay is.
//
//   'k'                    -> [1, CURVE secret key, receipt key seed]       made on first start
//   'o' organization id    -> [1, name, frozen, created (ms)]
//   'n' hash of the name   -> organization id
//   't' hash of the token  -> [1, name, expires (ms)]
//   'd' organization id    : the organization's own part
//   'a' organization id    -> nothing: its ledger is coming from another relay, and is not whole yet
#pragma once

#include "store/relay/adoption.hpp"
#include "store/relay/organization.hpp"

namespace keyfold::relay {

/// The relay's keys; they stay, so its address does.
struct identity {
  box_key link;             ///< the CURVE key
  signing_key receipt_key;  ///< named in each genesis
};
/// Loads the keys, or makes them on first start. `errc::damaged`.
[[nodiscard]] expected<identity> load_identity(db::view& state, random_source& random);

struct registered {
  organization_id id;
  std::string name;
  bool frozen = false;
  timestamp created{};
};

inline constexpr timestamp creation_token_life{std::chrono::hours(24 * 7)};
inline constexpr std::size_t max_organizations = 100'000;
inline constexpr std::size_t max_moves = 1000;  ///< that have begun and are not whole

class registry {
 public:
  /// `state` is the relay's whole database and outlives this. `open`: anyone may create an
  /// organization.
  registry(db::view& state, bool open) : state_(state), open_(open) {}

  [[nodiscard]] std::vector<registered> list() const;
  [[nodiscard]] std::optional<registered> find(organization_id id) const;
  [[nodiscard]] std::optional<registered> find(std::string_view name) const;

  /// A one-time token with which an organization of that name may be created; only its hash is
  /// kept. `errc::organization_exists` or `errc::bad_organization_name`.
  [[nodiscard]] expected<invitation::creation_token> create_token(std::string_view name,
                                                                  timestamp now,
                                                                  random_source& random);
  struct creation {
    std::string name;
    std::optional<invitation::creation_token> token;
    bytes_view genesis;
  };
  struct created {
    organization_id id;
    bytes receipt;
  };
  /// Founds an organization and uses up its token: `errc::rate_limited` (by address),
  /// `errc::creation_refused` (no token, a wrong, used or expired one, or one for another name),
  /// `errc::organization_exists` (id or name), or what organization::found() says.
  [[nodiscard]] expected<created> create(const creation& request, const std::string& address,
                                         const signing_key& receipt_key, timestamp now,
                                         random_source& random);
  struct move {
    organization_id id;
    std::optional<invitation::creation_token> token;
    std::span<const bytes_view> records;
    std::optional<bytes> relay_set;  ///< its certificate, where nobody else can give it a receipt
  };
  struct moved {
    ledger_seq head;
    std::size_t taken = 0;         ///< records, from the front of the list
    bool whole = false;            ///< the organization is served here from now on
    std::optional<bytes> receipt;  ///< for `relay_set`
  };
  /// Takes the ledger of an organization that moves here, in as many calls as it needs; the first
  /// begins with genesis and is a creation: `errc::rate_limited`, `errc::creation_refused`,
  /// `errc::organization_exists`. Or `errc::too_large`, or what adoption says. After a failed call
  /// or commit: forget_moves().
  [[nodiscard]] expected<moved> adopt(const move& request, const std::string& address,
                                      const signing_key& receipt_key, timestamp now,
                                      random_source& random);
  /// What is in memory of moves may not be what the disk says.
  void forget_moves() { moving_.reset(); }
  /// The relay's word to a creator, who needs the receipt key before he can sign a genesis.
  /// `errc::organization_exists`: of one that it has, the relay says no other height than the true one.
  [[nodiscard]] expected<ledger::signed_statement> greet_creator(organization_id id,
                                                                 const hash32& nonce,
                                                                 const signing_key& receipt_key,
                                                                 random_source& random) const;
  /// `errc::organization_unknown`. The shell tells the organization's core too.
  [[nodiscard]] expected<void> set_frozen(organization_id id, bool frozen);

  /// The prefix of the organization's own part of the database.
  [[nodiscard]] static bytes part_of(organization_id id);

 private:
  [[nodiscard]] expected<void> check_token(std::string_view name,
                                           const std::optional<invitation::creation_token>& token,
                                           timestamp now) const;
  [[nodiscard]] expected<void> begin_move(const move& request, const std::string& address,
                                          timestamp now);
  [[nodiscard]] expected<adoption*> open_move(organization_id id);
  void put(const registered& r);

  db::view& state_;
  bool open_;
  struct moving {
    moving(db::view& state, organization_id of) : id(of), part(state, part_of(of)) {}
    organization_id id;
    db::prefixed part;
    std::unique_ptr<adoption> core;
  };
  std::unique_ptr<moving> moving_;  ///< the last one that came; others wait on disk
  limiter creations_{{.burst = 10, .refill = timestamp(60'000), .max_names = 10'000}};
};

}  // namespace keyfold::relay
