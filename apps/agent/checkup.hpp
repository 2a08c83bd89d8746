// What `keyfold doctor` looks at: a home's files, whoever runs; and, with an agent, what that has unlocked.
#pragma once

#include <nlohmann/json.hpp>
#include <set>

#include "apps/common/home.hpp"
#include "store/vault/folder.hpp"

namespace keyfold::apps {

using json = nlohmann::json;

/// One thing that was looked at.
struct finding {
  std::string check;    ///< what: "disk", "database laptop", …
  bool ok = true;       ///<
  std::string message;  ///< how it is
  std::string mend;     ///< what to do or to type; empty where nothing is to be done
};
using findings = std::vector<finding>;
[[nodiscard]] json to_json(const findings& all);

struct checkup_options {
  bool mend = false;  ///< what is safe is done, and said
  bool deep = false;  ///< everything is read, however long that takes
};

/// Folders, their modes, free space, key files. `readable` gets the headers of the key files that can be read.
[[nodiscard]] findings examine_home(const home_paths& home, const checkup_options& o,
                                    std::vector<vault::header>& readable);
/// A device's database, which nobody may have open. With `mend` a damaged one is set aside.
[[nodiscard]] finding examine_database(const home_paths& home, const vault::header& device,
                                       const checkup_options& o);
/// What is said of a database that failed with `why`; the one place that knows its mending.
[[nodiscard]] finding database_finding(const vault::header& device, const expected<void>& why);
/// Sets a device's database aside; nobody may have it open.
[[nodiscard]] finding set_aside_database(const home_paths& home, const vault::header& device);
/// All that can be examined of a home without an agent, which must not run.
[[nodiscard]] findings examine_without_agent(const home_paths& home, const checkup_options& o);

/// What to do about an error of a workspace or its mirror; empty where nothing is known.
[[nodiscard]] std::string advice(const error& why, const std::string& workspace);

}  // namespace keyfold::apps
