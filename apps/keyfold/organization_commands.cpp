// org, user, device, version.
#include <iostream>

#include "apps/common/version.hpp"
#include "apps/keyfold/command.hpp"
#include "apps/keyfold/terminal.hpp"

namespace keyfold::apps {
namespace {

struct creation {
  std::string name, relay, email, person, device;
  std::optional<std::string> password_file;
};

void create(commander& c, const creation& o) {
  auto relay = o.relay;
  if (relay == "-") relay = read_line().value_or("");
  const auto password = read_password(o.password_file, true);
  if (!password) return c.fail_with(password.error());
  c.call("org.create",
         {{"name", o.name},
          {"relay", relay},
          {"email", o.email},
          {"person", o.person},
          {"device", o.device},
          {"password", to_string(password->view())}},
         [&](const json&) {
           std::cout << "Created " << o.name << "; you are its first Administrator.\n";
         });
}

void print_organizations(const json& list) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& o : list)
    rows.push_back({cell(o["organization"]), cell(o["default"]), cell(o["relay"]),
                    cell(o["locked"]), cell(o["id"])});
  print_table({"ORGANIZATION", "DEFAULT", "RELAY", "LOCKED", "ID"}, rows);
}

void print_fields(const json& document) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [key, value] : document.items()) rows.push_back({key, cell(value)});
  print_table({"FIELD", "VALUE"}, rows);
}

void print_users(const json& list) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& u : list)
    rows.push_back({cell(u["email"]), cell(u["name"]), cell(u["profile"]), cell(u["revoked"]),
                    cell(u["devices"]), cell(u["user"])});
  print_table({"E-MAIL", "NAME", "PROFILE", "REVOKED", "DEVICES", "USER"}, rows);
}

void print_devices(const json& list) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& d : list)
    rows.push_back({cell(d["label"]), cell(d["this"]), cell(d["purpose"]), cell(d["created"]),
                    cell(d["device"])});
  print_table({"LABEL", "THIS", "PURPOSE", "CREATED", "DEVICE"}, rows);
}

void print_peers(const json& peers) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& p : peers)
    rows.push_back({cell(p["label"]), cell(p["link"]), cell(p["since"]), cell(p["sent"]),
                    cell(p["received"]), cell(p["endpoint"]), cell(p["device"])});
  print_table({"LABEL", "LINK", "SINCE", "SENT", "RECEIVED", "ENDPOINT", "DEVICE"}, rows);
}

void move_organization(commander& c, const std::string& given) {
  auto address = given;
  if (address == "-") address = read_line().value_or("");
  auto parameters = c.with_organization({{"address", address}, {"force", false}});
  const auto print = [](const json& done) {
    std::cout << (done["joined"] == true ? "This device has followed the organization to "
                                         : "The organization has moved to ")
              << cell(done["relay"]) << ".\n";
  };
  auto answer = c.api().call("org.move", parameters, c.timeout());
  if (!answer && answer.error().code == errc::relay_gone) {
    if (!c.confirmed("The present relay cannot be reached (" + answer.error().message +
                     "). What it gave receipts and this device has not heard of will be given up, "
                     "unless the relay comes back. Move all the same?"))
      return;
    parameters["force"] = true;
    answer = c.api().call("org.move", parameters, c.timeout());
  }
  answer ? c.succeed(*answer, print) : c.fail_with(answer.error());
}

void print_line(const std::string& whose, const json& rows) {
  std::cout << whose << '\n';
  std::vector<std::vector<std::string>> cells;
  for (const auto& r : rows)
    cells.push_back({cell(r["position"]), cell(r["kind"]), cell(r["email"]), cell(r["when"]),
                     cell(r["device"])});
  print_table({"POSITION", "KIND", "BY", "WHEN", "DEVICE"}, cells);
}

void print_mending(const json& said) {
  if (said["fork"].is_null()) {
    std::cout << "There is one line of the ledger: nothing to mend.\n";
    if (!said["given_up"].empty()) print_line("Given up before:", said["given_up"]);
    return;
  }
  print_line("Held by this device:", said["mine"]);
  print_line("Held by the relay:", said["theirs"]);
  if (!said["only_mine"].empty()) {
    std::cout << "Workspaces that only this device's line has:";
    for (const auto& name : said["only_mine"]) std::cout << ' ' << cell(name);
    std::cout << '\n';
  }
  if (said["kept"] == "theirs")
    std::cout << "The relay's line is taken; what was held lies in " << cell(said["aside"])
              << ". Go on with: keyfold unlock\n";
  else if (said["kept"] == "mine")
    std::cout << "This device's line stays. An Administrator brings it to another relay with: "
                 "keyfold org move ADDRESS\n";
  else
    std::cout << "Choose with --keep mine or --keep theirs.\n";
}

struct mending {
  std::optional<std::string> address, keep;
};

void mend(commander& c, const mending& o) {
  json parameters = json::object();
  if (o.address) parameters["address"] = *o.address;
  if (o.keep != "theirs") {
    if (o.keep) parameters["keep"] = *o.keep;
    return c.call("org.mend", parameters, print_mending);
  }
  if (!c.options().json_output) {  // what is asked about is shown first
    const auto shown = c.api().call("org.mend", c.with_organization(parameters), c.timeout());
    if (!shown) return c.fail_with(shown.error());
    if (!(*shown)["fork"].is_null()) print_mending(*shown);
  }
  if (!c.confirmed("Give up this device's line for the relay's? What is listed as held by this "
                   "device is undone, and has to be done again by those who did it."))
    return;
  parameters["keep"] = "theirs";
  c.call("org.mend", parameters, print_mending);
}

}  // namespace

void add_organization_commands(commander& c) {
  auto* org = c.app().add_subcommand("org", "Organizations")->require_subcommand(1);

  auto* make = org->add_subcommand(
      "create", "Create an organization; this device is its first Administrator's");
  auto o = std::make_shared<creation>();
  make->add_option("NAME", o->name)->required();
  make->add_option("--relay", o->relay,
                   "Address of the relay, or a creation link (-: from standard input)")
      ->required();
  make->add_option("--email", o->email)->required();
  make->add_option("--name", o->person, "Your name")->required();
  make->add_option("--device", o->device, "A label for this device")->required();
  make->add_option("--password-file", o->password_file,
                   "Its first line is the password (-: standard input)");
  make->callback([&c, o] { create(c, *o); });

  org->add_subcommand("list", "The organizations of this home")->callback([&c] {
    c.call("org.list", json::object(), print_organizations);
  });
  auto* use = org->add_subcommand("use", "Make an organization the default");
  auto name = std::make_shared<std::string>();
  use->add_option("NAME", *name)->required();
  use->callback([&c, name] { c.call("org.use", {{"name", *name}}); });
  org->add_subcommand("info", "About the organization")->callback([&c] {
    c.call("org.info", json::object(), print_fields);
  });

  auto* go = org->add_subcommand(
      "move", "Move the organization to another relay, or follow it there with this device");
  auto address = std::make_shared<std::string>();
  go->add_option("ADDRESS", *address,
                 "Address of the relay, or a creation link (-: from standard input)")
      ->required();
  go->callback([&c, address] { move_organization(c, *address); });

  auto* repair = org->add_subcommand(
      "mend", "Where the ledger has two lines: show both, and choose the one that goes on here");
  auto m = std::make_shared<mending>();
  repair->add_option("ADDRESS", m->address,
                     "Of a relay that has the other line, if not the present");
  repair
      ->add_option("--keep", m->keep, "Which line: mine (of this device) or theirs (of the relay)")
      ->check(CLI::IsMember({"mine", "theirs"}));
  repair->callback([&c, m] { mend(c, *m); });

  auto* user = c.app().add_subcommand("user", "People")->require_subcommand(1);
  user->add_subcommand("list", "The people of the organization")->callback([&c] {
    c.call("user.list", json::object(), print_users);
  });
  auto* device = c.app().add_subcommand("device", "Your devices")->require_subcommand(1);
  device->add_subcommand("list", "Your devices")->callback([&c] {
    c.call("device.list", json::object(), print_devices);
  });

  c.app()
      .add_subcommand("peers", "Other devices within reach: directly, or through the relay")
      ->callback([&c] { c.call("peers", json::object(), print_peers); });

  c.app().add_subcommand("version", "Version and commit of this program")->callback([&c] {
    c.succeed({{"version", version()}, {"commit", commit()}}, [](const json& v) {
      std::cout << "keyfold " << cell(v["version"]) << " (" << cell(v["commit"]) << ")\n";
    });
  });
}

}  // namespace keyfold::apps
