#include "apps/lab/scenario.hpp"

#include <toml++/toml.h>

#include <map>
#include <set>
#include <sstream>

#include "store/db/file.hpp"

namespace keyfold::apps::lab {
namespace {

constexpr std::size_t most_bytes = 1024 * 1024;
constexpr std::uint64_t largest_file = std::uint64_t{1} << 30;
constexpr std::size_t longest_text = 100;
constexpr std::int64_t usual_timeout = 60, longest_timeout = 3600;

/// What is wrong, and where; stops at this file's border.
struct refusal {
  std::string why;
  std::uint32_t line;
};

/// The keys of one table, each to be taken once.
class keys {
 public:
  keys(const toml::table& table, std::uint32_t line) : table_(table) {
    line_ = table.source().begin.line > 0 ? table.source().begin.line : line;
  }
  [[nodiscard]] std::uint32_t line() const { return line_; }
  [[nodiscard]] bool has(const char* key) const { return table_.contains(key); }
  [[noreturn]] void refuse(const std::string& why) const { throw refusal{why, line_}; }

  const toml::node& node(const char* key) {
    taken_.insert(key);
    const auto* found = table_.get(key);
    if (found == nullptr) refuse(std::string(key) + " is missing");
    return *found;
  }
  template <class T>
  T value(const char* key, const char* type) {
    if (const auto v = node(key).value_exact<T>()) return *v;
    refuse(std::string(key) + " is " + type);
  }
  std::string text(const char* key) { return value<std::string>(key, "a text"); }
  std::optional<std::string> maybe_text(const char* key) {
    return has(key) ? std::optional(text(key)) : std::nullopt;
  }
  std::int64_t number(const char* key, std::int64_t from, std::int64_t to) {
    const auto out = value<std::int64_t>(key, "a number");
    if (out < from || out > to)
      refuse(std::string(key) + " is from " + std::to_string(from) + " to " + std::to_string(to));
    return out;
  }
  std::vector<std::string> texts(const char* key) {
    const auto* list = node(key).as_array();
    std::vector<std::string> out;
    if (list != nullptr)
      for (const auto& each : *list)
        if (const auto one = each.value_exact<std::string>()) out.push_back(*one);
    if (list == nullptr || out.size() != list->size())
      refuse(std::string(key) + " is a list of texts");
    return out;
  }
  /// No way out of the folder.
  std::string path(const std::string& written) const {
    std::istringstream names(written);
    std::string name;
    if (written.starts_with('/')) refuse("a path does not begin with /: " + written);
    while (std::getline(names, name, '/'))
      if (name.empty() || name == "." || name == "..") refuse("no such path: " + written);
    return written;
  }
  place at(const char* key) {
    const auto written = text(key);
    const auto colon = written.find(':');
    if (colon == std::string::npos || colon == 0)
      refuse(std::string(key) + " is DEVICE:PATH, not " + written);
    return {written.substr(0, colon), path(written.substr(colon + 1))};
  }
  place file_at(const char* key) {
    auto out = at(key);
    if (out.path.empty()) refuse(std::string(key) + " needs a path");
    return out;
  }
  /// Everything must have been taken.
  void end() const {
    for (const auto& [key, node] : table_)
      if (!taken_.contains(std::string(key.str())))
        refuse("what is " + std::string(key.str()) + "?");
  }

 private:
  const toml::table& table_;
  std::uint32_t line_;
  std::set<std::string> taken_;
};

condition condition_of(keys& k) {
  if (k.has("same")) return conditions::same{k.texts("same")};
  if (k.has("file")) {
    auto at = k.file_at("file");
    return conditions::file{std::move(at), k.maybe_text("text"), k.maybe_text("has")};
  }
  if (k.has("missing")) return conditions::missing{k.file_at("missing")};
  if (k.has("conflicts")) {
    auto below = k.at("conflicts");
    return conditions::conflicts{std::move(below),
                                 static_cast<std::size_t>(k.number("count", 0, 1'000'000))};
  }
  if (k.has("state")) return conditions::state{k.text("state"), k.text("is")};
  if (k.has("sending")) return conditions::traffic{k.text("sending"), true};
  if (k.has("receiving")) return conditions::traffic{k.text("receiving"), false};
  if (k.has("relay")) return conditions::relay{k.text("relay"), k.text("is")};
  if (k.has("peer")) return conditions::peer{k.text("peer"), k.text("of"), k.text("link")};
  k.refuse("there is no such condition");
}

steps::check check_of(keys& k, const char* verb) {
  const auto* table = k.node(verb).as_table();
  if (table == nullptr) k.refuse(std::string(verb) + " is a condition");
  keys inner(*table, k.line());
  auto what = condition_of(inner);
  inner.end();
  if (std::string_view(verb) == "expect") return {std::move(what), std::nullopt};
  const auto timeout = k.has("timeout") ? k.number("timeout", 0, longest_timeout) : usual_timeout;
  return {std::move(what), std::chrono::seconds(timeout)};
}

steps::links links_of(keys& k, steps::links::kind what, const char* verb) {
  steps::links out{what, {}, 0};
  const bool everything =
      what == steps::links::kind::heal && k.node(verb).value_exact<bool>() == true;
  if (!everything) {
    out.sides = k.texts(verb);
    const std::size_t least = what == steps::links::kind::delay ? 2 : 1;
    if (out.sides.size() < least || out.sides.size() > 2)
      k.refuse(std::string(verb) + " is a list of one or two sides");
  }
  if (what == steps::links::kind::delay) out.ms = k.number("ms", 0, 60'000);
  return out;
}

steps::write write_of(keys& k) {
  steps::write out{k.file_at("write"), {}, {}};
  if (k.has("size"))
    out.size =
        static_cast<std::uint64_t>(k.number("size", 0, static_cast<std::int64_t>(largest_file)));
  else
    out.text = k.text("text");
  return out;
}

steps::run run_of(keys& k) {
  auto device = k.text("run");
  const auto exit = k.has("exit") ? static_cast<int>(k.number("exit", 0, 255)) : 0;
  return {std::move(device), k.texts("args"), exit, k.maybe_text("has")};
}

using action = decltype(step::what);
using maker = action (*)(keys&);

const std::map<std::string, maker>& verbs() {
  using link = steps::links::kind;
  using power = steps::power::kind;
  static const std::map<std::string, maker> all{
      {"write", [](keys& k) -> action { return write_of(k); }},
      {"append",
       [](keys& k) -> action {
         return steps::append{k.file_at("append"), k.text("text")};
       }},
      {"mkdir", [](keys& k) -> action { return steps::mkdir{k.file_at("mkdir")}; }},
      {"remove", [](keys& k) -> action { return steps::remove{k.file_at("remove")}; }},
      {"move",
       [](keys& k) -> action {
         return steps::move{k.file_at("move"), k.path(k.text("to"))};
       }},
      {"put",
       [](keys& k) -> action {
         return steps::put{k.file_at("put"), k.text("text")};
       }},
      {"sync", [](keys& k) -> action { return steps::sync{k.text("sync")}; }},
      {"partition", [](keys& k) -> action { return links_of(k, link::partition, "partition"); }},
      {"heal", [](keys& k) -> action { return links_of(k, link::heal, "heal"); }},
      {"delay", [](keys& k) -> action { return links_of(k, link::delay, "delay"); }},
      {"start",
       [](keys& k) -> action {
         return steps::power{power::start, k.text("start")};
       }},
      {"stop",
       [](keys& k) -> action {
         return steps::power{power::stop, k.text("stop")};
       }},
      {"kill",
       [](keys& k) -> action {
         return steps::power{power::kill, k.text("kill")};
       }},
      {"run", [](keys& k) -> action { return run_of(k); }},
      {"expect", [](keys& k) -> action { return check_of(k, "expect"); }},
      {"wait", [](keys& k) -> action { return check_of(k, "wait"); }},
  };
  return all;
}

/// The lines of a text.
std::vector<std::string> lines_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> out;
  for (std::string line; std::getline(in, line);) out.push_back(std::move(line));
  return out;
}

/// What stands there, on one line.
std::string shown(const std::vector<std::string>& lines, const toml::source_region& region) {
  std::string out;
  for (auto i = region.begin.line; i >= 1 && i <= region.end.line && i <= lines.size(); ++i) {
    const auto& line = lines[i - 1];
    const auto first = line.find_first_not_of(" \t");
    const auto last = line.find_last_not_of(" \t,");
    if (first == std::string::npos || last == std::string::npos) continue;
    out += (out.empty() ? "" : " ") + line.substr(first, last - first + 1);
  }
  if (out.size() <= longest_text) return out;
  auto end = longest_text;
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xc0) == 0x80) --end;
  return out.substr(0, end) + "…";
}

step step_of(const toml::node& node, const std::vector<std::string>& lines) {
  const auto line = node.source().begin.line;
  const auto* table = node.as_table();
  if (table == nullptr) throw refusal{"a step is a table", line};
  keys k(*table, line);
  maker make = nullptr;
  for (const auto& [verb, how] : verbs()) {
    if (!k.has(verb.c_str())) continue;
    if (make != nullptr) k.refuse("a step does one thing");
    make = how;
  }
  if (make == nullptr) k.refuse("a step that does nothing");
  step out{shown(lines, table->source()), make(k)};
  k.end();
  return out;
}

scenario scenario_of(const toml::table& document, const std::string& text) {
  const auto lines = lines_of(text);
  keys k(document, 1);
  scenario out{k.text("title"), k.texts("devices"), k.path(k.text("folder")), {}};
  if (out.devices.empty() || out.folder.empty()) k.refuse("a device and a folder are needed");
  const auto* list = k.node("steps").as_array();
  if (list == nullptr || list->empty()) k.refuse("steps is a list of steps");
  for (const auto& each : *list) out.steps.push_back(step_of(each, lines));
  k.end();
  return out;
}

}  // namespace

expected<scenario> parse_scenario(const std::string& text) {
  try {
    return scenario_of(toml::parse(text), text);
  } catch (const toml::parse_error& e) {
    return fail(errc::usage, "line " + std::to_string(e.source().begin.line) + ": " +
                                 std::string(e.description()));
  } catch (const refusal& r) {
    return fail(errc::usage, "line " + std::to_string(r.line) + ": " + r.why);
  }
}

expected<scenario> load_scenario(const std::string& path) {
  KEYFOLD_TRY(const auto text, db::read_file(path, most_bytes));
  auto out = parse_scenario(to_string(text));
  if (!out) return fail(out.error().code, path + ", " + out.error().message);
  return out;
}

}  // namespace keyfold::apps::lab
