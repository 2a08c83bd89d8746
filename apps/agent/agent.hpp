// The agent: the devices of one home, those that are unlocked running as actors.
#pragma once

#include <mutex>
#include <set>

#include "actors/device.hpp"
#include "actors/guest.hpp"
#include "actors/system.hpp"
#include "apps/agent/checkup.hpp"
#include "apps/agent/settings.hpp"
#include "apps/common/home.hpp"
#include "store/vault/folder.hpp"

namespace keyfold::apps {

/// Agents wait at most so long between two attempts to reach their relay: a person waits for some.
inline constexpr std::chrono::seconds longest_reconnect{5};

/// A device of this home, locked or not.
struct known_device {
  vault::header header;
  std::optional<actors::device_actor> running;  ///< unlocked
  std::optional<error> trouble;                 ///< of its database, as last known
};

/// What org.create says.
struct founding {
  std::string name;   ///< of the organization
  std::string relay;  ///< the relay's address, or a creation link
  std::string email;
  std::string person;
  std::string device;  ///< label
  secret_buffer password;
};
struct joining {
  std::string link;
  std::string device;
  std::string person;
  secret_buffer password;
  std::chrono::milliseconds timeout{};
};

/// Thread-safe. Calls block the caller, never an actor.
class agent {
 public:
  agent(home_paths home, network_settings network);
  ~agent();
  agent(const agent&) = delete;
  agent& operator=(const agent&) = delete;

  /// All devices of the home, by their organization's name.
  [[nodiscard]] std::vector<known_device> devices();
  /// The device of an organization: by name or id, else the default, else the only one.
  /// `errc::no_organization`, `errc::ambiguous`.
  [[nodiscard]] expected<known_device> find(const std::optional<std::string>& organization);
  /// As find(), and `errc::locked` when it is not unlocked, `errc::damaged` when its database is.
  [[nodiscard]] expected<actors::device_facts> unlocked(
      const std::optional<std::string>& organization);
  /// Unlocks every device that the password opens; `errc::wrong_password` when it opens none.
  [[nodiscard]] expected<std::size_t> unlock(const std::optional<std::string>& organization,
                                             const secret_buffer& password);
  void lock(const std::optional<std::string>& organization);

  /// Locks a device, and sets its damaged database aside.
  [[nodiscard]] finding set_aside(const vault::header& device);
  /// The same of a database that is sound, for a new one to begin differently; gives where it lies. `errc::busy` while
  /// somebody holds it.
  [[nodiscard]] expected<std::string> put_aside(const vault::header& device);
  /// The database of a device that is locked (meanwhile nobody unlocks it).
  [[nodiscard]] finding examine_closed(const vault::header& device, const checkup_options& o);

  struct founded {
    organization_id organization;
    user_id user;
    device_id device;
  };
  [[nodiscard]] expected<founded> create_organization(const founding& what);
  [[nodiscard]] expected<actors::exchange_actor> join(const joining& what);

  [[nodiscard]] expected<void> set_default(const std::string& organization);
  [[nodiscard]] std::optional<std::string> default_organization();

  [[nodiscard]] caf::actor_system& system() { return system_; }
  [[nodiscard]] const std::shared_ptr<net::transport>& transport() { return transport_; }
  [[nodiscard]] const home_paths& home() const { return home_; }
  /// As set in config.toml or when the agent was started.
  [[nodiscard]] const network_settings& network() const { return network_; }
  /// The object store and database of an unlocked device.
  [[nodiscard]] expected<actors::object_services> services(const device_id& device);

  /// Asks an actor and waits. `errc::timed_out`; when it is gone, what ails the database of a device, else
  /// `errc::internal`.
  template <class Answer, class Actor, class Request>
  [[nodiscard]] expected<Answer> ask(const Actor& whom, Request&& request,
                                     std::chrono::milliseconds timeout = std::chrono::seconds(60)) {
    caf::scoped_actor self(system_);
    expected<Answer> out = fail(errc::internal);
    self->request(whom, timeout, std::forward<Request>(request))
        .receive([&](Answer& answer) { out = std::move(answer); },
                 [&](const caf::error& e) { out = tl::unexpected(no_answer(e)); });
    return out;
  }
  /// The same for answers that can fail themselves.
  template <class Answer, class Actor, class Request>
  [[nodiscard]] expected<Answer> ask_flat(
      const Actor& whom, Request&& request,
      std::chrono::milliseconds timeout = std::chrono::seconds(60)) {
    KEYFOLD_TRY(auto answer,
                (ask<expected<Answer>>(whom, std::forward<Request>(request), timeout)));
    return answer;
  }

 private:
  struct place {
    vault::header header;
    std::optional<actors::device_actor> running;
    std::optional<actors::object_services> services;
    std::optional<error> trouble;  ///< why it could not be started
  };
  [[nodiscard]] place* find_place(const std::optional<std::string>& organization, error* why);
  [[nodiscard]] expected<void> start(place& device, const vault::opened& opened);
  [[nodiscard]] expected<void> try_start(place& device, const vault::opened& opened);
  /// False when somebody still holds its database.
  bool close(place& device);
  [[nodiscard]] error no_device() const;
  [[nodiscard]] error no_answer(const caf::error& from);
  [[nodiscard]] expected<void> admit(const vault::header& header, const vault::secrets& secrets,
                                     const secret_buffer& password,
                                     const std::optional<ledger::record>& genesis);
  [[nodiscard]] std::string folder_of(const device_id& device) const;

  home_paths home_;
  network_settings network_;
  actors::system_config config_;
  caf::actor_system system_;
  std::shared_ptr<net::transport> transport_;
  std::mutex mutex_;
  std::vector<place> places_;
  std::vector<std::string> unreadable_;  ///< key files
};

}  // namespace keyfold::apps
