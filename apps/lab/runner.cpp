#include "apps/lab/runner.hpp"

#include <algorithm>
#include <fstream>

#include "apps/lab/proxy_server.hpp"
#include "apps/lab/trees.hpp"
#include "crypto/random.hpp"

namespace keyfold::apps::lab {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t piece_size = 1024 * 1024;
constexpr std::chrono::milliseconds sync_patience{90'000};

template <class... Ts>
struct overloaded : Ts... {
  using Ts::operator()...;
};
template <class... Ts>
overloaded(Ts...) -> overloaded<Ts...>;

tl::unexpected<error> unexpected(const std::string& why) {
  return fail(errc::cancelled, why);
}

expected<std::string> content_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return unexpected(path.string() + " is not there");
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// -- conditions: nothing when they hold, else why not ---------------------------------------------

class examiner {
 public:
  explicit examiner(const laboratory& of) : lab_(of) {}

  expected<void> operator()(const conditions::same& c) const {
    for (std::size_t i = 1; i < c.devices.size(); ++i) {
      const auto found =
          difference(lab_.folder().mirror(c.devices[0]), lab_.folder().mirror(c.devices[i]));
      if (found) return unexpected(c.devices[0] + " and " + c.devices[i] + ": " + *found);
    }
    return {};
  }
  expected<void> operator()(const conditions::file& c) const {
    KEYFOLD_TRY(const auto content, content_of(path(c.at)));
    if (c.text && content != *c.text)
      return unexpected(c.at.path + " holds: " + content.substr(0, 200));
    if (c.has && content.find(*c.has) == std::string::npos)
      return unexpected(c.at.path + " does not hold " + *c.has);
    return {};
  }
  expected<void> operator()(const conditions::missing& c) const {
    std::error_code problem;
    if (fs::exists(fs::symlink_status(path(c.at), problem)))
      return unexpected(c.at.path + " is there");
    return {};
  }
  expected<void> operator()(const conditions::conflicts& c) const {
    const auto count = count_conflicts(path(c.below));
    if (count != c.count) return unexpected(std::to_string(count) + " conflict copies");
    return {};
  }
  expected<void> operator()(const conditions::state& c) const {
    KEYFOLD_TRY(const auto status, lab_.call(c.device, {"status", workspace_name}));
    return equal(status.value("state", ""), c.is, "the workspace is ");
  }
  expected<void> operator()(const conditions::traffic& c) const {
    KEYFOLD_TRY(const auto status, lab_.call(c.device, {"status", workspace_name}));
    if (status["pending"].value(c.up ? "up" : "down", 0) == 0)
      return unexpected(c.device + (c.up ? " sends nothing" : " receives nothing"));
    return {};
  }
  expected<void> operator()(const conditions::relay& c) const {
    const auto status = lab_.agent_status(c.device);
    if (!status.value("running", false) || status["devices"].empty())
      return unexpected("the agent of " + c.device + " does not run");
    return equal(status["devices"][0].value("relay", ""), c.is, "the relay is ");
  }
  expected<void> operator()(const conditions::peer& c) const {
    KEYFOLD_TRY(const auto peers, lab_.call(c.of, {"peers"}));
    const auto* device = lab_.plan().find(c.device);
    for (const auto& each : peers)
      if (device != nullptr && each.value("device", "") == device->id)
        return equal(each.value("link", ""), c.link, "the link is ");
    return unexpected(c.of + " has no link with " + c.device);
  }

 private:
  [[nodiscard]] fs::path path(const place& at) const {
    return lab_.folder().mirror(at.device) / at.path;
  }
  static expected<void> equal(const std::string& is, const std::string& wanted,
                              const std::string& what) {
    if (is != wanted) return unexpected(what + (is.empty() ? "unknown" : is));
    return {};
  }

  const laboratory& lab_;
};

// -- steps ----------------------------------------------------------------------------------------

class actor {
 public:
  explicit actor(laboratory& of) : lab_(of), examine_(of) {}

  expected<void> operator()(const steps::write& s) const {
    if (!s.size) return fill(s.at, s.text, std::ios::trunc);
    std::ofstream out(path(s.at), std::ios::binary | std::ios::trunc);
    const auto random = seeded_random(*s.size);
    for (auto left = *s.size; left > 0 && out;) {
      bytes piece(static_cast<std::size_t>(std::min<std::uint64_t>(left, piece_size)));
      random->fill(piece);
      out << as_text(piece);
      left -= piece.size();
    }
    return written(out, s.at);
  }
  expected<void> operator()(const steps::append& s) const {
    return fill(s.at, s.text, std::ios::app);
  }
  expected<void> operator()(const steps::mkdir& s) const {
    std::error_code problem;
    fs::create_directories(path(s.at), problem);
    return done(problem, s.at);
  }
  expected<void> operator()(const steps::remove& s) const {
    std::error_code problem;
    if (fs::remove_all(path(s.at), problem) == 0) return unexpected(s.at.path + " is not there");
    return done(problem, s.at);
  }
  expected<void> operator()(const steps::move& s) const {
    std::error_code problem;
    fs::rename(path(s.at), path({s.at.device, s.to}), problem);
    return done(problem, s.at);
  }
  expected<void> operator()(const steps::put& s) const {
    const auto local = lab_.folder().root / s.at.device / "put";
    KEYFOLD_CHECK(db::replace_file(local.string(), as_bytes(s.text)));
    KEYFOLD_CHECK(lab_.call(
        s.at.device, {"put", local.string(), std::string(workspace_name) + ":/" + s.at.path}));
    return {};
  }
  expected<void> operator()(const steps::sync& s) const {
    KEYFOLD_CHECK(lab_.call(s.device, {"sync", workspace_name, "--timeout", "80"}, sync_patience));
    return {};
  }
  expected<void> operator()(const steps::links& s) const {
    json request{{"do", s.what == steps::links::kind::heal    ? "heal"
                        : s.what == steps::links::kind::delay ? "delay"
                                                              : "partition"}};
    if (s.what == steps::links::kind::delay) request["ms"] = s.ms;
    const auto* side = "a";
    for (const auto& written : s.sides) {
      KEYFOLD_TRY(request[side], ends_of(written, lab_.plan().names()));
      side = "b";
    }
    KEYFOLD_CHECK(ask_proxies(lab_.folder(), request));
    return {};
  }
  expected<void> operator()(const steps::power& s) const {
    const bool relay = s.name == relay_name;
    switch (s.what) {
      case steps::power::kind::start:
        return relay ? lab_.start_relay() : lab_.start_device(s.name);
      case steps::power::kind::stop:
        return relay ? lab_.stop(s.name) : lab_.stop_device(s.name);
      default:
        return relay ? lab_.kill(s.name) : lab_.kill_device(s.name);
    }
  }
  expected<void> operator()(const steps::run& s) const {
    KEYFOLD_TRY(const auto ran, lab_.run(s.device, s.arguments, sync_patience));
    if (ran.exit != s.exit) return unexpected("exit code " + std::to_string(ran.exit));
    if (s.has && ran.output.find(*s.has) == std::string::npos)
      return unexpected("it printed: " + ran.output.substr(0, 200));
    return {};
  }
  expected<void> operator()(const steps::check& s) const {
    if (!s.timeout) return std::visit(examine_, s.what);
    const auto until = in(*s.timeout);
    for (;;) {
      const auto holds = std::visit(examine_, s.what);
      if (holds) return {};
      if (std::chrono::steady_clock::now() >= until)
        return fail(errc::timed_out, "waited " + std::to_string(s.timeout->count()) +
                                         " s in vain; " + holds.error().message);
      pause_a_little();
    }
  }

 private:
  [[nodiscard]] fs::path path(const place& at) const {
    return lab_.folder().mirror(at.device) / at.path;
  }
  [[nodiscard]] static expected<void> written(std::ofstream& out, const place& at) {
    out.close();
    if (!out) return fail(errc::io_failed, "cannot write " + at.device + ":" + at.path);
    return {};
  }
  [[nodiscard]] expected<void> fill(const place& at, const std::string& text,
                                    std::ios::openmode mode) const {
    std::ofstream out(path(at), std::ios::binary | mode);
    out << text;
    return written(out, at);
  }
  [[nodiscard]] static expected<void> done(const std::error_code& problem, const place& at) {
    if (problem) return fail(errc::io_failed, at.device + ":" + at.path + ": " + problem.message());
    return {};
  }

  laboratory& lab_;
  examiner examine_;
};

/// The devices that a step names.
std::vector<std::string> devices_of(const condition& what) {
  return std::visit(
      overloaded{[](const conditions::same& c) { return c.devices; },
                 [](const conditions::file& c) { return std::vector{c.at.device}; },
                 [](const conditions::missing& c) { return std::vector{c.at.device}; },
                 [](const conditions::conflicts& c) { return std::vector{c.below.device}; },
                 [](const conditions::peer& c) {
                   return std::vector{c.device, c.of};
                 },
                 [](const auto& c) { return std::vector{c.device}; }},
      what);
}
std::vector<std::string> devices_of(const step& s) {
  return std::visit(overloaded{[](const steps::sync& x) { return std::vector{x.device}; },
                               [](const steps::run& x) { return std::vector{x.device}; },
                               [](const steps::links&) { return std::vector<std::string>(); },
                               [](const steps::power& x) {
                                 return x.name == relay_name ? std::vector<std::string>()
                                                             : std::vector{x.name};
                               },
                               [](const steps::check& x) { return devices_of(x.what); },
                               [](const auto& x) { return std::vector{x.at.device}; }},
                    s.what);
}

expected<void> check_names(const laboratory& of, const scenario& what) {
  const auto check = [&](const std::string& name, const std::string& where) -> expected<void> {
    if (of.plan().find(name) == nullptr)
      return fail(errc::usage, "this lab has no device " + name + " (" + where + ")");
    return {};
  };
  for (const auto& name : what.devices) KEYFOLD_CHECK(check(name, "devices"));
  for (const auto& step : what.steps)
    for (const auto& name : devices_of(step)) KEYFOLD_CHECK(check(name, step.text));
  return {};
}

/// Removes what an earlier run left, everywhere.
expected<void> clear(const laboratory& of, const scenario& what, const actor& take) {
  constexpr std::chrono::seconds patience{60};
  const place left{what.devices.front(), what.folder};
  std::error_code problem;
  if (!fs::exists(of.folder().mirror(left.device) / left.path, problem)) return {};
  KEYFOLD_CHECK(take(steps::remove{left}));
  for (const auto& device : what.devices)
    KEYFOLD_CHECK(take(steps::check{conditions::missing{{device, what.folder}}, patience}));
  return {};
}

}  // namespace

expected<void> run_scenario(laboratory& of, const scenario& what, const step_listener& tell) {
  KEYFOLD_CHECK(check_names(of, what));
  KEYFOLD_CHECK(ask_proxies(of.folder(), {{"do", "heal"}}));
  KEYFOLD_CHECK(of.start_relay());
  for (const auto& each : of.plan().devices) KEYFOLD_CHECK(of.start_device(each.name));
  const actor take(of);
  KEYFOLD_CHECK(clear(of, what, take));
  for (std::size_t i = 0; i < what.steps.size(); ++i) {
    const auto began = std::chrono::steady_clock::now();
    if (auto taken = std::visit(take, what.steps[i].what); !taken)
      return fail(taken.error().code, "step " + std::to_string(i + 1) + ", " + what.steps[i].text +
                                          ": " + taken.error().message);
    tell(i, std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() -
                                                                  began));
  }
  return {};
}

}  // namespace keyfold::apps::lab
