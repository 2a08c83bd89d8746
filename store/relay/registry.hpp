// Which organizations a relay has, who may create one, and who the relay is.
//
//   'k'                    -> [1, CURVE secret key, receipt key seed]       made on first start
//   'o' organization id    -> [1, name, frozen, created (ms)]
//   'n' hash of the name   -> organization id
//   't' hash of the token  -> [1, name, expires (ms)]
//   'd' organization id    : the organization's own part
#pragma once

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
  /// The relay's word to a creator, who needs the receipt key before he can sign a genesis.
  [[nodiscard]] ledger::signed_statement greet_creator(organization_id id, const hash32& nonce,
                                                       const signing_key& receipt_key,
                                                       random_source& random) const;
  /// `errc::organization_unknown`. The shell tells the organization's core too.
  [[nodiscard]] expected<void> set_frozen(organization_id id, bool frozen);

  /// The prefix of the organization's own part of the database.
  [[nodiscard]] static bytes part_of(organization_id id);

 private:
  [[nodiscard]] expected<void> check_token(const creation& request, timestamp now) const;
  void put(const registered& r);

  db::view& state_;
  bool open_;
  limiter creations_{{.burst = 10, .refill = timestamp(60'000), .max_names = 10'000}};
};

}  // namespace keyfold::relay
