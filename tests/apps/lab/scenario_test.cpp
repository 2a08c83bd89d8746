#include "apps/lab/scenario.hpp"

#include <catch2/catch.hpp>
#include <filesystem>

using namespace keyfold;
using namespace keyfold::apps::lab;
using namespace std::chrono_literals;

namespace {

std::string with(const std::string& steps) {
  return "title = \"T\"\ndevices = [\"a1\"]\nfolder = \"f\"\nsteps = [\n" + steps + "\n]\n";
}

/// The one step of a scenario, or why there is none.
expected<step> one(const std::string& text) {
  KEYFOLD_TRY(const auto all, parse_scenario(with(text)));
  return all.steps.at(0);
}

template <class T>
T as(const std::string& text) {
  const auto parsed = one(text);
  INFO(text << ": " << (parsed ? "" : parsed.error().message));
  REQUIRE(parsed);
  return std::get<T>(parsed->what);
}

template <class T>
T condition_as(const std::string& text) {
  return std::get<T>(as<steps::check>("{ expect = { " + text + " } }").what);
}

}  // namespace

TEST_CASE("steps on files name a device and a path") {
  const auto write = as<steps::write>(R"({ write = "a1:folder/x", text = "hello" })");
  CHECK(write.at.device == "a1");
  CHECK(write.at.path == "folder/x");
  CHECK(write.text == "hello");
  CHECK(!write.size);
  CHECK(as<steps::write>(R"({ write = "a1:x", size = 5 })").size == 5);
  CHECK(as<steps::append>(R"({ append = "a1:x", text = "more" })").text == "more");
  CHECK(as<steps::mkdir>(R"({ mkdir = "a1:x" })").at.path == "x");
  CHECK(as<steps::remove>(R"({ remove = "b2:x" })").at.device == "b2");
  CHECK(as<steps::move>(R"({ move = "a1:x", to = "y/z" })").to == "y/z");
  CHECK(as<steps::put>(R"({ put = "a1:x", text = "t" })").text == "t");
}

TEST_CASE("steps on links have one or two sides") {
  using kind = steps::links::kind;
  const auto cut = as<steps::links>(R"({ partition = ["a1,a2", "relay"] })");
  CHECK(cut.what == kind::partition);
  CHECK(cut.sides == std::vector<std::string>{"a1,a2", "relay"});
  CHECK(as<steps::links>(R"({ partition = ["a1"] })").sides.size() == 1);
  CHECK(as<steps::links>("{ heal = true }").sides.empty());
  CHECK(as<steps::links>(R"({ heal = ["a1", "b1"] })").what == kind::heal);
  const auto slow = as<steps::links>(R"({ delay = ["a1", "relay"], ms = 250 })");
  CHECK(slow.what == kind::delay);
  CHECK(slow.ms == 250);
}

TEST_CASE("programs are started, stopped, killed, and commands run") {
  using kind = steps::power::kind;
  CHECK(as<steps::power>(R"({ kill = "a1" })").what == kind::kill);
  CHECK(as<steps::power>(R"({ start = "relay" })").name == "relay");
  CHECK(as<steps::power>(R"({ stop = "a1" })").what == kind::stop);
  CHECK(as<steps::sync>(R"({ sync = "a1" })").device == "a1");
  const auto run =
      as<steps::run>(R"({ run = "a1", args = ["ls", "shared:/"], exit = 3, has = "x" })");
  CHECK(run.arguments == std::vector<std::string>{"ls", "shared:/"});
  CHECK(run.exit == 3);
  CHECK(run.has == "x");
  CHECK(as<steps::run>(R"({ run = "a1", args = [] })").exit == 0);
}

TEST_CASE("a condition holds at once, or is waited for") {
  CHECK(!as<steps::check>(R"({ expect.missing = "a1:x" })").timeout);
  CHECK(as<steps::check>(R"({ wait.missing = "a1:x" })").timeout == 60s);
  CHECK(as<steps::check>(R"({ wait.missing = "a1:x", timeout = 5 })").timeout == 5s);
}

TEST_CASE("every condition is read") {
  CHECK(condition_as<conditions::same>(R"(same = ["a1", "b1"])").devices.size() == 2);
  CHECK(condition_as<conditions::file>(R"(file = "a1:x", text = "")").text == "");
  CHECK(condition_as<conditions::file>(R"(file = "a1:x", has = "y")").has == "y");
  CHECK(!condition_as<conditions::file>(R"(file = "a1:x")").text);
  CHECK(condition_as<conditions::missing>(R"(missing = "a1:x")").at.path == "x");
  CHECK(condition_as<conditions::conflicts>(R"(conflicts = "a1:", count = 2)").count == 2);
  CHECK(condition_as<conditions::state>(R"(state = "a1", is = "synced")").is == "synced");
  CHECK(condition_as<conditions::traffic>(R"(sending = "a1")").up);
  CHECK(!condition_as<conditions::traffic>(R"(receiving = "a1")").up);
  CHECK(condition_as<conditions::relay>(R"(relay = "a1", is = "offline")").device == "a1");
  CHECK(condition_as<conditions::peer>(R"(peer = "b1", of = "a1", link = "direct")").of == "a1");
}

TEST_CASE("a step is shown as it was written") {
  const auto all =
      parse_scenario(with("  { write = \"a1:x\",   text = \"hello\" },  \n{ sync = \"a1\" }"));
  REQUIRE(all);
  REQUIRE(all->steps.size() == 2);
  CHECK(all->steps[0].text == "{ write = \"a1:x\",   text = \"hello\" }");
  CHECK(all->steps[1].text == "{ sync = \"a1\" }");
}

TEST_CASE("what is no step is refused with its line") {
  for (const auto* bad : {"{ }",
                          "1",
                          R"({ nonsense = 1 })",
                          R"({ sync = "a1", mkdir = "a1:x" })",
                          R"({ sync = "a1", also = 1 })",
                          R"({ sync = 1 })",
                          R"({ write = "a1:x" })",
                          R"({ write = "x", text = "" })",
                          R"({ write = "a1:", text = "" })",
                          R"({ write = ":x", text = "" })",
                          R"({ write = "a1:/x", text = "" })",
                          R"({ write = "a1:../x", text = "" })",
                          R"({ write = "a1:x/./y", text = "" })",
                          R"({ write = "a1:x//y", text = "" })",
                          R"({ write = "a1:x", size = -1 })",
                          R"({ write = "a1:x", text = "", size = 1 })",
                          R"({ move = "a1:x", to = "../y" })",
                          R"({ partition = [] })",
                          R"({ partition = ["a", "b", "c"] })",
                          R"({ partition = [1] })",
                          R"({ partition = true })",
                          R"({ heal = false })",
                          R"({ delay = ["a1"], ms = 1 })",
                          R"({ delay = ["a1", "b1"] })",
                          R"({ delay = ["a1", "b1"], ms = 99999 })",
                          R"({ run = "a1" })",
                          R"({ run = "a1", args = [1] })",
                          R"({ expect = "same" })",
                          R"({ expect.same = "a1" })",
                          R"({ expect.conflicts = "a1:" })",
                          R"({ expect.state = "a1" })",
                          R"({ expect.file = "a1:x", expect.unknown = 1 })",
                          R"({ expect.missing = "a1:x", timeout = 1 })",
                          R"({ wait.missing = "a1:x", timeout = -1 })"}) {
    const auto refused = one(bad);
    INFO(bad);
    REQUIRE(!refused);
    CHECK(refused.error().code == errc::usage);
    CHECK(refused.error().message.starts_with("line 5: "));
  }
}

TEST_CASE("a scenario has a title, devices and steps, and nothing else") {
  const std::string step = "steps = [{ sync = \"a1\" }]\n";
  const std::string title = "title = \"T\"\n", devices = "devices = [\"a1\"]\n";
  const std::string folder = "folder = \"f\"\n";
  CHECK(parse_scenario(title + devices + folder + step));
  for (const auto& bad :
       {std::string(), title + devices + folder, title + devices + folder + "steps = []\n",
        devices + folder + step, title + folder + step, title + devices + step,
        title + "devices = []\n" + folder + step, title + devices + "folder = \"../f\"\n" + step,
        title + devices + folder + "more = 1\n" + step, std::string("title = \"T\ndevices")}) {
    INFO(bad);
    CHECK(!parse_scenario(bad));
  }
  const auto lacking = load_scenario("/nowhere/at.toml");
  REQUIRE(!lacking);
  CHECK(lacking.error().code == errc::not_found);
}

TEST_CASE("the scenarios that are shipped can be read") {
  std::size_t count = 0;
  for (const auto& file : std::filesystem::directory_iterator(KEYFOLD_SCENARIOS)) {
    const auto got = load_scenario(file.path().string());
    INFO((got ? "" : got.error().message));
    CHECK(got);
    ++count;
  }
  CHECK(count >= 6);
}
