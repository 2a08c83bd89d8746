// incidents, incidents export, incidents verify. The last needs neither agent nor home.
#include <filesystem>
#include <iostream>

#include "apps/keyfold/command.hpp"
#include "apps/keyfold/terminal.hpp"
#include "store/db/file.hpp"
#include "store/incident/proof.hpp"
#include "store/vault/folder.hpp"

namespace keyfold::apps {
namespace {

void print_incidents(const json& list) {
  if (list.empty()) {
    std::cout << "Nobody was caught.\n";
    return;
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& each : list)
    rows.push_back({cell(each["when"]), cell(each["kind"]), cell(each["about"]), cell(each["id"]),
                    cell(each["message"])});
  print_table({"WHEN", "KIND", "ABOUT", "ID", "WHAT HAPPENED"}, rows);
}

void export_proof(commander& c, const std::string& id, const std::string& file) {
  std::error_code problem;
  const auto path = std::filesystem::absolute(file, problem);
  if (problem || file.empty()) return c.fail_with({errc::usage, "not a usable path: " + file});
  c.call("incidents.export", {{"incident", id}, {"local", path.string()}}, [](const json& done) {
    std::cout << "Written to " << cell(done["file"])
              << "; whoever has it checks it with: keyfold incidents verify FILE\n";
  });
}

/// The name of the organization, where this home has a device of it.
std::optional<std::string> name_here(const commander& c, const organization_id& organization) {
  const auto home = find_home(c.options().home);
  if (!home || !std::filesystem::is_directory(home->vault())) return std::nullopt;
  const auto folder = vault::folder::open(home->vault().string());
  if (!folder) return std::nullopt;
  const auto files = folder->list();
  if (!files) return std::nullopt;
  for (const auto& each : *files)
    if (each.header.organization == organization) return each.header.organization_name;
  return std::nullopt;
}

json convicted_by(const incident::judgement& judged) {
  auto out = json::array();
  if (judged.relay) out.push_back("relay");
  if (judged.device) out.push_back(to_text(*judged.device));
  return out;
}

void print_judgement(const json& d) {
  std::cout << "It holds: " << cell(d["message"]) << ".\n";
  std::string guilty;
  for (const auto& each : d["convicts"])
    guilty += (guilty.empty() ? "" : d["one_of"] == true ? " or " : " and ") + cell(each);
  std::cout << "It convicts " << guilty << ".\n";
  std::cout << "Organization " << cell(d["organization"]) << ", root key " << cell(d["root"]);
  if (d["known"].is_null())
    std::cout << "\nCompare this key with what a member's `keyfold org info` says, or give it with "
                 "--root.\n";
  else
    std::cout << ": yours (" << cell(d["known"]) << ").\n";
  std::cout << "The file has the ledger up to position " << cell(d["ledger"]["seq"]) << " ("
            << cell(d["ledger"]["hash"]) << ").\n";
}

expected<json> judge(const commander& c, const std::string& file, const std::string& root) {
  KEYFOLD_TRY(const auto data, db::read_file(file, incident::max_proof_size));
  KEYFOLD_TRY(const auto judged, incident::verify_proof(data));
  const auto root_text = to_base64url(judged.root.encode());
  if (!root.empty() && root != root_text)
    return fail(errc::wrong_root,
                "the file is about another organization, whose root key is " + root_text);
  const auto known = name_here(c, judged.proven.organization);
  return json{
      {"ok", true},
      {"kind", incident::to_string(judged.proven.what)},
      {"message", incident::message_of(judged.proven)},
      {"id", to_text(incident::id_of(judged.proven))},
      {"convicts", convicted_by(judged)},
      {"one_of", judged.one_of_both},
      {"organization", to_text(judged.proven.organization)},
      {"root", root_text},
      {"known", known ? json(*known) : json(nullptr)},
      {"ledger", {{"seq", judged.ledger.seq.value}, {"hash", to_text(judged.ledger.hash)}}}};
}

}  // namespace

void add_incident_commands(commander& c) {
  auto* incidents = c.app().add_subcommand(
      "incidents", "Who was caught lying, and what went back or is kept away");
  auto* out =
      incidents->add_subcommand("export", "Write an incident to a file that proves it to others");
  auto id = std::make_shared<std::string>();
  auto to = std::make_shared<std::string>();
  out->add_option("ID", *id, "As `keyfold incidents` says")->required();
  out->add_option("FILE", *to)->required();
  out->callback([=, &c] { export_proof(c, *id, *to); });

  auto* verify =
      incidents->add_subcommand("verify", "What a file proves; needs no network and no device");
  auto from = std::make_shared<std::string>();
  auto root = std::make_shared<std::string>();
  verify->add_option("FILE", *from)->required();
  verify->add_option("--root", *root, "The organization's root key, as `keyfold org info` says");
  verify->callback([=, &c] {
    const auto said = judge(c, *from, *root);
    said ? c.succeed(*said, print_judgement) : c.fail_with(said.error());
  });

  incidents->callback([=, &c] {
    if (incidents->get_subcommands().empty()) c.call("incidents", json::object(), print_incidents);
  });
}

}  // namespace keyfold::apps
