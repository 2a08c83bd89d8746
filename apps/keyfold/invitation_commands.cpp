// invite, greet, join.
#include <iostream>

#include "apps/keyfold/command.hpp"
#include "apps/keyfold/exchange.hpp"
#include "apps/keyfold/terminal.hpp"

namespace keyfold::apps {
namespace {

struct joining {
  std::string link, device, person;
  std::optional<std::string> password_file;
};

exchange_options exchange_options_of(commander& c, const std::string& profile) {
  exchange_options out;
  out.json_lines = c.options().json_output;
  out.profile = profile;
  const bool given = c.app().count("--timeout") > 0;
  if (given) out.timeout = c.timeout();
  return out;
}

void join(commander& c, const joining& o) {
  auto link = o.link;
  if (link == "-") link = read_line().value_or("");
  const auto password = read_password(o.password_file, true);
  if (!password) return c.fail_with(password.error());
  const json parameters{{"link", link},
                        {"device", o.device},
                        {"person", o.person},
                        {"password", to_string(password->view())}};
  c.set_exit(run_exchange(c.api(), "exchange.join", parameters, exchange_options_of(c, "")));
}

void greet(commander& c, const std::string& token, const std::string& profile) {
  json parameters{{"token", token}};
  if (!profile.empty()) parameters["profile"] = profile;
  c.set_exit(run_exchange(c.api(), "exchange.greet", c.with_organization(parameters),
                          exchange_options_of(c, profile)));
}

void print_link(const json& invitation) {
  std::cout << "Give this link to the guest:\n  " << cell(invitation["link"])
            << "\nThen greet with:\n  keyfold greet " << cell(invitation["token"])
            << "\nIt expires at " << cell(invitation["expires"]) << ".\n";
}

void print_invitations(const json& list) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& i : list)
    rows.push_back({cell(i["token"]), cell(i["kind"]), cell(i["email"]), cell(i["state"]),
                    cell(i["expires"])});
  print_table({"TOKEN", "KIND", "E-MAIL", "STATE", "EXPIRES"}, rows);
}

}  // namespace

void add_invitation_commands(commander& c) {
  auto* invite = c.app().add_subcommand("invite", "Invitations")->require_subcommand(1);
  auto* user = invite->add_subcommand("user", "Invite a person");
  auto email = std::make_shared<std::string>();
  user->add_option("EMAIL", *email)->required();
  auto* device = invite->add_subcommand("device", "Invite a device of your own");
  auto expires_in = std::make_shared<std::optional<std::uint64_t>>();
  for (auto* each : {user, device})
    each->add_option("--expires-in", *expires_in, "90s, 30m, 12h or 7d; 7d otherwise")
        ->transform(CLI::AsNumberWithUnit(
            std::map<std::string, std::uint64_t>{{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86'400}},
            CLI::AsNumberWithUnit::UNIT_REQUIRED));
  const auto ask = [&c, expires_in](const std::string& method, json parameters) {
    if (*expires_in) parameters["expires_in"] = **expires_in;
    c.call(method, parameters, print_link);
  };
  user->callback([ask, email] { ask("invite.user", {{"email", *email}}); });
  device->callback([ask] { ask("invite.device", json::object()); });
  invite->add_subcommand("list", "Open invitations")->callback([&c] {
    c.call("invite.list", json::object(), print_invitations);
  });
  auto* cancel = invite->add_subcommand("cancel", "Withdraw an invitation");
  auto token = std::make_shared<std::string>();
  cancel->add_option("TOKEN", *token)->required();
  cancel->callback([&c, token] { c.call("invite.cancel", {{"token", *token}}); });

  auto* greeting =
      c.app().add_subcommand("greet", "Let the guest of an invitation in, by comparing codes");
  auto greet_token = std::make_shared<std::string>();
  auto profile = std::make_shared<std::string>();
  greeting->add_option("TOKEN", *greet_token)->required();
  greeting->add_option("--profile", *profile)
      ->check(CLI::IsMember({"administrator", "member", "external"}));
  greeting->callback([&c, greet_token, profile] { greet(c, *greet_token, *profile); });

  auto* joiner = c.app().add_subcommand("join", "Follow an invitation, by comparing codes");
  auto o = std::make_shared<joining>();
  joiner->add_option("LINK", o->link, "The link (-: from standard input)")->required();
  joiner->add_option("--device", o->device, "A label for this device")->required();
  joiner->add_option("--name", o->person, "Your name");
  joiner->add_option("--password-file", o->password_file,
                     "Its first line is the password (-: standard input)");
  joiner->callback([&c, o] { join(c, *o); });
}

}  // namespace keyfold::apps
