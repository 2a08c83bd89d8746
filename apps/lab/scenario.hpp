// Scenarios: steps that a lab takes, and what must come of them, written in TOML.
//
//   title = "…"
//   devices = ["a1", "b1"]      those that the lab must have
//   folder = "NAME"             where it all happens; what an earlier run left there goes first
//   steps = [ STEP, … ]
//
// A PLACE is "DEVICE:PATH" below the device's folder. A STEP is a table with one of these, and what belongs to it:
//   write = PLACE, text = "…" | size = BYTES          the whole file; of a size: bytes that are the same each time
//   append = PLACE, text = "…"
//   mkdir = PLACE      remove = PLACE      move = PLACE, to = PATH
//   put = PLACE, text = "…"                           by command, not by the mirror
//   sync = DEVICE
//   partition = [ENDS] | [ENDS, ENDS]      heal = true | [ENDS] | [ENDS, ENDS]      delay = [ENDS, ENDS], ms = MS
//   start = NAME      stop = NAME      kill = NAME    a device or `relay`
//   run = DEVICE, args = ["…"], exit = CODE, has = "…"    keyfold in its home; `has`: in what it prints
//   expect = CONDITION                                at once
//   wait = CONDITION, timeout = SECONDS               sooner or later (60 s unless said)
// A CONDITION is a table:
//   same = [DEVICE, …]                      equal names, kinds and bytes
//   file = PLACE, text = "…" | has = "…"    its content, or a part of it; neither: it is there
//   missing = PLACE
//   conflicts = PLACE, count = N            conflict copies in and below it; "DEVICE:" is all
//   state = DEVICE, is = "…"                of the workspace, as `status` says
//   sending = DEVICE      receiving = DEVICE    something is on its way
//   relay = DEVICE, is = "online" | "offline"
//   peer = DEVICE, of = DEVICE, link = "direct" | "relayed"    `of` lists it in `peers`
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "crypto/error.hpp"

namespace keyfold::apps::lab {

/// Something in a device's folder; an empty path is the folder itself.
struct place {
  std::string device;
  std::string path;
};

namespace conditions {
struct same {
  std::vector<std::string> devices;
};
struct file {
  place at;
  std::optional<std::string> text, has;
};
struct missing {
  place at;
};
struct conflicts {
  place below;
  std::size_t count;
};
struct state {
  std::string device, is;
};
struct traffic {
  std::string device;
  bool up;
};
struct relay {
  std::string device, is;
};
struct peer {
  std::string device, of, link;
};
}  // namespace conditions
using condition =
    std::variant<conditions::same, conditions::file, conditions::missing, conditions::conflicts,
                 conditions::state, conditions::traffic, conditions::relay, conditions::peer>;

namespace steps {
struct write {
  place at;
  std::string text;
  std::optional<std::uint64_t> size;
};
struct append {
  place at;
  std::string text;
};
struct mkdir {
  place at;
};
struct remove {
  place at;
};
struct move {
  place at;
  std::string to;
};
struct put {
  place at;
  std::string text;
};
struct sync {
  std::string device;
};
/// What happens to links; the ends as they are written.
struct links {
  enum class kind { partition, heal, delay } what;
  std::vector<std::string> sides;  ///< none, one or two
  std::int64_t ms = 0;
};
struct power {
  enum class kind { start, stop, kill } what;
  std::string name;
};
struct run {
  std::string device;
  std::vector<std::string> arguments;
  int exit;
  std::optional<std::string> has;
};
struct check {
  condition what;
  std::optional<std::chrono::seconds> timeout;  ///< none: at once
};
}  // namespace steps

struct step {
  std::string text;  ///< as written, shortened
  std::variant<steps::write, steps::append, steps::mkdir, steps::remove, steps::move, steps::put,
               steps::sync, steps::links, steps::power, steps::run, steps::check>
      what;
};

struct scenario {
  std::string title;
  std::vector<std::string> devices;
  std::string folder;
  std::vector<step> steps;
};

/// `errc::usage` with the line where it is wrong. Names of devices are not looked at.
[[nodiscard]] expected<scenario> parse_scenario(const std::string& text);
/// `errc::not_found`, or the same.
[[nodiscard]] expected<scenario> load_scenario(const std::string& path);

}  // namespace keyfold::apps::lab
