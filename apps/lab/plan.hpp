// What a lab consists of, kept in its folder as lab.json, and where its things lie:
//
//   lab.json  password  control.sock  lab.lock  relay.log  proxies.log  commands.log
//   relay/                     the relay's data
//   NAME/home/  NAME/folder/   a device's home, and the shared workspace as a plain folder
//   *.process                  which process that is
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

#include "apps/lab/names.hpp"

namespace keyfold::apps::lab {

using json = nlohmann::json;

inline constexpr auto workspace_name = "shared";

struct lab_device {
  std::string name;
  std::uint16_t socks_port = 0;   ///< of the proxy that all its connections go through
  std::uint16_t listen_port = 0;  ///< where others reach it
  std::string id;                 ///< in the organization; empty until it has joined

  [[nodiscard]] char user() const { return name.front(); }
  [[nodiscard]] std::string email() const { return std::string(1, user()) + "@lab.example"; }
};

struct lab_plan {
  bool complete = false;  ///< `up` has ended well
  std::uint16_t relay_port = 0;
  std::string relay_address;  ///< keyfold://…; empty until the relay has started once
  std::vector<lab_device> devices;

  /// Nullptr: there is none of that name.
  [[nodiscard]] const lab_device* find(const std::string& name) const;
  [[nodiscard]] std::vector<std::string> names() const;
};
[[nodiscard]] json to_json(const lab_plan& plan);
/// `errc::malformed`.
[[nodiscard]] expected<lab_plan> plan_from_json(const json& document);

/// The places in a lab's folder.
struct lab_folder {
  std::filesystem::path root;  ///< absolute

  [[nodiscard]] std::filesystem::path plan() const { return root / "lab.json"; }
  [[nodiscard]] std::filesystem::path password() const { return root / "password"; }
  [[nodiscard]] std::filesystem::path lock() const { return root / "lab.lock"; }
  [[nodiscard]] std::filesystem::path relay() const { return root / "relay"; }
  [[nodiscard]] std::filesystem::path log(const std::string& of) const {
    return root / (of + ".log");
  }
  [[nodiscard]] std::filesystem::path record(const std::string& of) const {
    return root / (of + ".process");
  }
  [[nodiscard]] std::filesystem::path home(const std::string& device) const {
    return root / device / "home";
  }
  [[nodiscard]] std::filesystem::path mirror(const std::string& device) const {
    return root / device / "folder";
  }
};
inline constexpr auto control_socket = "control.sock";

/// `errc::not_found` where no lab lies.
[[nodiscard]] expected<lab_plan> load_plan(const lab_folder& folder);
[[nodiscard]] expected<void> save_plan(const lab_folder& folder, const lab_plan& plan);

}  // namespace keyfold::apps::lab
