#include "apps/agent/checkup.hpp"

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>

#include "actors/caf.hpp"
#include "actors/rebuild.hpp"
#include "apps/agent/settings.hpp"
#include "store/db/file.hpp"
#include "store/db/kv.hpp"

namespace keyfold::apps {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t low_space = std::uint64_t{1024} * 1024 * 1024;
constexpr std::uint64_t low_part = 20;  ///< a twentieth
constexpr mode_t others = 077;

std::string megabytes(std::uint64_t bytes) {
  return std::to_string(bytes / (1024 * 1024)) + " MiB";
}

/// Nobody else may open it.
finding examine_mode(const fs::path& path, mode_t wanted, const checkup_options& o) {
  finding out{"permissions", true, path.string() + " is closed to others", {}};
  struct stat facts {};
  if (stat(path.c_str(), &facts) != 0)
    return {"permissions", false, path.string() + ": " + std::strerror(errno), {}};
  if ((facts.st_mode & others) == 0) return out;
  if (o.mend && chmod(path.c_str(), wanted) == 0) {
    out.message = path.string() + " was open to others; mended";
    return out;
  }
  const auto* octal = wanted == 0700 ? "700" : "600";
  return {"permissions", false, path.string() + " can be read by others",
          "chmod " + std::string(octal) + " '" + path.string() + "'"};
}

finding examine_disk(const home_paths& home) {
  struct statvfs facts {};
  if (statvfs(home.data.c_str(), &facts) != 0)
    return {"disk", false, home.data.string() + ": " + std::strerror(errno), {}};
  if ((facts.f_flag & ST_RDONLY) != 0)
    return {"disk", false, "the file system of " + home.data.string() + " is mounted read-only",
            "look why (dmesg: a failing disk?), then: mount -o remount,rw"};
  const std::uint64_t free = facts.f_bavail * facts.f_frsize;
  const std::uint64_t whole = facts.f_blocks * facts.f_frsize;
  const auto message = megabytes(free) + " free for " + home.data.string();
  if (free < std::min(low_space, whole / low_part))
    return {"disk", false, message, "make room; what waits goes on by itself then"};
  return {"disk", true, message, {}};
}

finding examine_network(const home_paths& home) {
  const auto network = load_network(home);
  if (!network)
    return {"network settings", false, network.error().message,
            "correct it in " + (home.config / "config.toml").string() +
                ", then: keyfold agent stop, keyfold unlock"};
  return {"network settings",
          true,
          network->socks_proxy ? "connections go through the SOCKS proxy " + *network->socks_proxy
                               : "connections go directly",
          {}};
}

void examine_key_files(const home_paths& home, const checkup_options& o, findings& out,
                       std::vector<vault::header>& readable) {
  const auto folder = vault::folder::open(home.vault().string());
  std::vector<std::string> damaged;
  const auto listed =
      folder ? folder->list(&damaged) : expected<std::vector<vault::listed>>(fail(folder));
  if (!listed) return out.push_back({"key files", false, listed.error().message, {}});
  for (const auto& file : *listed) {
    readable.push_back(file.header);
    out.push_back({"key file " + file.header.label, true, file.path + " can be read", {}});
    if (auto mode = examine_mode(file.path, 0600, o); !mode.ok || o.mend)
      out.push_back(std::move(mode));
  }
  for (const auto& path : damaged)
    out.push_back({"key file", false, path + " is damaged",
                   "put back a copy of it; without one this device's keys are lost: let it in anew "
                   "as another "
                   "(on another device of yours: keyfold invite device)"});
}

/// Reads every pair, so that every block's checksum is looked at.
expected<void> read_all(const db::store& database) {
  return database.scan({}, {}, [](bytes_view, bytes_view) { return true; });
}

expected<void> try_database(const std::string& folder, bool deep) {
  KEYFOLD_TRY(const auto database, db::open_leveldb(folder));
  return deep ? read_all(*database) : expected<void>{};
}

}  // namespace

json to_json(const findings& all) {
  auto out = json::array();
  for (const auto& each : all)
    out.push_back({{"check", each.check},
                   {"ok", each.ok},
                   {"message", each.message},
                   {"mend", each.mend.empty() ? json(nullptr) : json(each.mend)}});
  return out;
}

findings examine_home(const home_paths& home, const checkup_options& o,
                      std::vector<vault::header>& readable) {
  findings out;
  std::error_code failed;
  for (const auto& folder : {home.data, home.vault(), home.devices()})
    if (!fs::is_directory(folder, failed)) {
      out.push_back({"home", false, "the folder " + folder.string() + " is missing",
                     "mount it or put it back; keyfold makes a new, empty home otherwise"});
      return out;
    }
  out.push_back({"home", true, home.data.string(), {}});
  std::set<fs::path> folders{home.config, home.data, home.vault(), home.devices()};
  for (const auto& folder : folders)
    if (auto mode = examine_mode(folder, 0700, o); !mode.ok || o.mend)
      out.push_back(std::move(mode));
  out.push_back(examine_disk(home));
  out.push_back(examine_network(home));
  examine_key_files(home, o, out, readable);
  return out;
}

finding database_finding(const vault::header& device, const expected<void>& why) {
  const auto check = "database " + device.label;
  if (why) return {check, true, "it opens", {}};
  switch (why.error().code) {
    case errc::damaged:
      return {check, false, why.error().message,
              "keyfold doctor --mend: it is set aside, not deleted, and built again from the relay "
              "and what can be "
              "saved of it"};
    case errc::disk_full:
      return {check, false, why.error().message, "make room; what waits goes on by itself then"};
    default:
      return {check, false, why.error().message,
              "look whether the disk fails (dmesg, smartctl); then restart the agent: keyfold "
              "agent stop, keyfold unlock"};
  }
}

finding examine_database(const home_paths& home, const vault::header& device,
                         const checkup_options& o) {
  const auto folder = (home.devices() / to_text(device.device)).string();
  std::error_code failed;
  if (!fs::exists(folder + "/db", failed))
    return {"database " + device.label, true, "there is none yet; unlocking builds it", {}};
  const auto tried = try_database(folder + "/db", o.deep);
  if (!tried && tried.error().code == errc::damaged && o.mend)
    return set_aside_database(home, device);
  return database_finding(device, tried);
}

finding set_aside_database(const home_paths& home, const vault::header& device) {
  const auto check = "database " + device.label;
  const auto folder = (home.devices() / to_text(device.device)).string();
  const auto aside = actors::set_aside_database(folder, actors::wall_now());
  if (!aside) return {check, false, aside.error().message, {}};
  return {
      check, false, "it was damaged, and lies in " + *aside + " now",
      "keyfold unlock: a new one is built, from the relay and what can be saved of the old one"};
}

findings examine_without_agent(const home_paths& home, const checkup_options& o) {
  std::vector<vault::header> devices;
  auto out = examine_home(home, o, devices);
  for (const auto& device : devices) out.push_back(examine_database(home, device, o));
  out.push_back(
      {"agent", false, "no agent runs for this home: nothing is synced", "keyfold unlock"});
  return out;
}

std::string advice(const error& why, const std::string& workspace) {
  switch (why.code) {
    case errc::disk_full:
      return "make room there; it goes on by itself then";
    case errc::root_gone:
      return "mount or put back the folder, or: keyfold workspace unmirror " + workspace;
    case errc::root_marker_missing:
    case errc::root_marker_foreign:
      return "put the right folder back, or: keyfold workspace unmirror " + workspace +
             ", then mirror it again";
    case errc::mass_delete:
      return "keyfold workspace mirror " + workspace +
             " --accept-deletes (it was meant) or --restore (bring the files back)";
    case errc::watch_limit:
      return "sysctl fs.inotify.max_user_watches=1048576 (as root); until then sync finds changes";
    case errc::openat2_missing:
      return "mirrors need Linux 5.6 or later";
    case errc::busy:
      return "wait until it is done; it needs the relay";
    case errc::role_insufficient:
    case errc::read_only:
      return "ask an owner of the workspace for the role of contributor";
    default:
      return "see the agent's log";
  }
}

}  // namespace keyfold::apps
