// doctor
#include <iostream>

#include "apps/keyfold/command.hpp"
#include "apps/keyfold/terminal.hpp"

namespace keyfold::apps {
namespace {

void print_findings(const json& list) {
  for (const auto& each : list) {
    std::cout << (each.value("ok", false) ? "ok     " : "WRONG  ") << cell(each["check"]) << ": "
              << cell(each["message"]) << '\n';
    if (!each["mend"].is_null()) std::cout << "       mend: " << cell(each["mend"]) << '\n';
  }
}

void doctor(commander& c, bool mend, bool deep) {
  expected<json> said = fail(errc::internal);
  if (c.api().running()) {
    // Reading everything takes as long as it takes.
    const auto patience = deep ? std::chrono::hours(24) : std::chrono::hours(1);
    said = c.api().call("doctor", {{"mend", mend}, {"deep", deep}}, patience);
  } else {
    std::vector<std::string> options;
    if (mend) options.emplace_back("--mend");
    if (deep) options.emplace_back("--deep");
    said = c.api().check_home(options);
  }
  if (!said) return c.fail_with(said.error());
  c.succeed(*said, print_findings);
  const auto wrong = std::count_if(said->begin(), said->end(),
                                   [](const auto& each) { return !each.value("ok", false); });
  if (wrong == 0) return;
  std::cerr << "keyfold: " << wrong << " of " << said->size() << " checks found something wrong\n";
  c.set_exit(exit_code::failed);
}

}  // namespace

void add_doctor_commands(commander& c) {
  auto* sub = c.app().add_subcommand("doctor", "What is wrong, and how to mend it");
  auto mend = std::make_shared<bool>(false);
  auto deep = std::make_shared<bool>(false);
  sub->add_flag("--mend", *mend,
                "Mend what can be mended safely; nothing is deleted but damaged copies");
  sub->add_flag("--deep", *deep, "Read everything, not a sample");
  sub->callback([&c, mend, deep] { doctor(c, *mend, *deep); });
}

}  // namespace keyfold::apps
