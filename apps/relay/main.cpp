// keyfold-relay: the relay node. It forwards and stores ciphertext, sequences ledgers, and knows who is online.
#include <fcntl.h>
#include <pthread.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <iostream>

#include "actors/registry.hpp"
#include "actors/session.hpp"
#include "actors/system.hpp"
#include "apps/common/descriptors.hpp"
#include "apps/common/endpoint.hpp"
#include "apps/common/exit_code.hpp"
#include "apps/common/version.hpp"
#include "apps/relay/administration.hpp"
#include "store/db/file.hpp"
#include "store/db/format.hpp"
#include "store/ledger/sealing.hpp"

namespace {

using namespace keyfold;
using namespace keyfold::apps;

constexpr std::uint8_t format_version = 1;  ///< of the rows of store/relay and store/object

struct options {
  std::string listen;
  std::string data;
  std::string public_address;
  std::string name;
  bool open = false;
  bool json_output = false;
};

struct opened_data {
  std::shared_ptr<db::store> store;
  relay::identity identity;
};

expected<opened_data> open_data(const options& o) {
  KEYFOLD_CHECK(db::make_private_folder(o.data));
  KEYFOLD_TRY(auto store, db::open_leveldb(o.data + "/db"));
  KEYFOLD_CHECK(db::check_format(*store, format_version));
  db::transaction transaction(*store);
  KEYFOLD_TRY(auto identity, relay::load_identity(transaction, system_random()));
  KEYFOLD_CHECK(transaction.commit(true));
  return opened_data{std::move(store), std::move(identity)};
}

/// The address in links: --public, or where it listens.
expected<invitation::relay_address> address_of(const options& o, const std::string& endpoint,
                                               const box_public_key& key) {
  const auto where = o.public_address.empty() ? endpoint.substr(std::string_view("tcp://").size())
                                              : o.public_address;
  auto address =
      invitation::parse_address("keyfold://" + where + "/?k=" + to_base64url(key.encode()));
  if (!address)
    return fail(errc::usage, where + " cannot stand in an address; give --public HOST:PORT");
  return address;
}

sigset_t block_ending_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (const int s : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, s);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  return signals;
}

template <class Answer, class Request>
expected<Answer> ask(caf::actor_system& system, const actors::registry_actor& whom,
                     Request request) {
  caf::scoped_actor self(system);
  expected<Answer> out = fail(errc::internal);
  self->request(whom, std::chrono::seconds(10), std::move(request))
      .receive([&](Answer& answer) { out = std::move(answer); },
               [&](const caf::error& e) { out = tl::unexpected(actors::to_error(e)); });
  return out;
}

administration through(caf::actor_system& system, const actors::registry_actor& registry) {
  return {[&](const std::string& name) -> expected<std::string> {
            KEYFOLD_TRY(auto link, ask<expected<std::string>>(system, registry,
                                                              actors::make_creation_link{name}));
            return link;
          },
          [&]() {
            return ask<actors::registered_list>(system, registry, actors::list_organizations{});
          },
          [&](const std::string& name, bool frozen) -> expected<void> {
            KEYFOLD_TRY(auto done, ask<expected<void>>(system, registry,
                                                       actors::freeze_organization{name, frozen}));
            return done;
          }};
}

/// The wildcard address cannot stand in links.
bool is_wildcard(const std::string& endpoint) {
  return endpoint.find("//0.0.0.0:") != std::string::npos ||
         endpoint.find("//*:") != std::string::npos ||
         endpoint.find("//[::]:") != std::string::npos;
}

expected<void> serve(const options& o, const sigset_t& signals) {
  KEYFOLD_CHECK(check_listen(o.listen));
  if (o.public_address.empty() && is_wildcard(o.listen))
    return fail(errc::usage,
                "listening everywhere needs --public HOST:PORT: what stands in addresses");
  if (!raise_descriptor_limit()) spdlog::warn("the limit of open files could not be raised");
  KEYFOLD_TRY(const auto data, open_data(o));
  actors::system_config config;
  caf::actor_system system(config);
  const auto transport = std::make_shared<net::transport>();
  const auto listener = actors::make_session_listener(system, transport);
  const auto bound = transport->listen(o.listen, data.identity.link, net::any_key(), listener);
  if (!bound)
    return fail(bound.error().code, "cannot listen on " + bound.error().message +
                                        "; give an address of this machine and a free port");
  KEYFOLD_TRY(const auto address, address_of(o, bound->endpoint, data.identity.link.public_key()));
  const auto registry =
      actors::spawn_registry(system, {data.store, o.data, data.identity, address, o.open});
  listener->serve(registry);
  {
    KEYFOLD_TRY(const auto control, control_server::start(o.data, through(system, registry)));
    const auto text = invitation::format(address);
    if (o.json_output)
      std::cout << json{{"event", "ready"}, {"address", text}}.dump() << std::endl;
    else
      std::cout << "The relay serves at " << text << std::endl;
    int received = 0;
    sigwait(&signals, &received);
    spdlog::info("stopping");
  }
  transport->close(bound->socket);
  listener->stop();
  caf::anon_send_exit(registry, caf::exit_reason::user_shutdown);
  return {};
}

/// On the data folder itself, when no relay runs on it.
expected<json> administer_offline(const options& o, const json& request) {
  struct stat facts {};
  if (stat((o.data + "/db").c_str(), &facts) != 0)
    return fail(errc::not_found,
                o.data + " is no relay's data folder; start one with: keyfold-relay serve");
  KEYFOLD_TRY(const auto data, open_data(o));
  db::transaction transaction(*data.store);
  relay::registry registry(transaction, o.open);
  const administration how{
      [&](const std::string&) -> expected<std::string> {
        return fail(errc::unreachable,
                    "the link names the port on which the relay listens: start it first");
      },
      [&]() -> expected<std::vector<relay::registered>> { return registry.list(); },
      [&](const std::string& name, bool frozen) -> expected<void> {
        const auto found = registry.find(name);
        if (!found)
          return fail(errc::organization_unknown, "this relay has no organization named " + name);
        KEYFOLD_CHECK(registry.set_frozen(found->id, frozen));
        return transaction.commit(true);
      }};
  return administer(how, request);
}

void print(const json& document) {
  if (document.is_object() && document.contains("link")) {
    std::cout << document["link"].get<std::string>() << '\n';
  } else if (document.is_object() && document.contains("ok")) {
    std::cout << "Done.\n";
  } else {
    for (const auto& each : document.is_array() ? document : json::array({document}))
      std::cout << each["organization"].get<std::string>() << "  " << each["id"].get<std::string>()
                << "  created " << each["created"].get<std::string>()
                << (each["frozen"].get<bool>() ? "  frozen" : "") << '\n';
  }
}

int report(const options& o, const error& why) {
  if (o.json_output)
    std::cout << json{{"error", {{"code", to_string(why.code)}, {"message", why.message}}}}.dump(
                     -1, ' ', false, json::error_handler_t::replace)
              << '\n';
  std::cerr << "keyfold-relay: " << why.message << '\n';
  return static_cast<int>(exit_code_of(why.code));
}

int administer_command(const options& o, const std::string& command) {
  if (command != "list" && !ledger::is_plain_text(o.name, ledger::max_name_size, "/:"))
    return report(
        o, {errc::usage,
            "a name has at most 255 bytes of UTF-8 text without '/', ':' and control characters"});
  const json request{{"command", command}, {"name", o.name}};
  auto running = ask_running(o.data, request);
  const auto result = running ? *running : administer_offline(o, request);
  if (!result) return report(o, result.error());
  o.json_output ? void(std::cout << result->dump() << '\n') : print(*result);
  return 0;
}

/// --json can stand anywhere, also in a line that does not parse otherwise.
bool asks_for_json(int argc, char** argv) {
  return std::any_of(argv + 1, argv + argc,
                     [](const char* a) { return std::string_view(a) == "--json"; });
}

int run(int argc, char** argv) {
  options o;
  int code = 0;
  CLI::App app("Keyfold's relay node", "keyfold-relay");
  app.require_subcommand(1);
  app.fallthrough();
  app.add_flag("--json", o.json_output, "One JSON document on standard output");
  app.add_option("--data", o.data, "The relay's data folder");
  app.set_config("--config", "", "Read options from a TOML file");
  app.allow_config_extras(CLI::config_extras_mode::error);  // a mistyped option is none
  auto* serving = app.add_subcommand("serve", "Run the relay");
  serving->add_option("--listen", o.listen, "tcp://HOST:PORT")->required();
  serving->add_option("--public", o.public_address, "HOST:PORT that stands in addresses");
  serving->add_flag("--open", o.open, "Anyone may create an organization");
  const auto signals = block_ending_signals();
  serving->callback([&] {
    if (auto served = serve(o, signals); !served) code = report(o, served.error());
  });
  auto* org = app.add_subcommand("org", "Administer organizations")->require_subcommand(1);
  for (const auto* command : {"create", "list", "show", "freeze", "thaw"}) {
    auto* sub = org->add_subcommand(command);
    if (std::string_view(command) != "list") sub->add_option("NAME", o.name)->required();
    sub->callback([&code, &o, command] { code = administer_command(o, command); });
  }
  app.add_subcommand("version")->callback([&] {
    std::cout << json{{"version", version()}, {"commit", commit()}}.dump() << '\n';
  });
  app.parse_complete_callback([&] {
    if (o.data.empty() && app.get_subcommand("version")->count() == 0)
      throw CLI::RequiredError("--data");
  });
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
  } catch (const CLI::ParseError& problem) {
    o.json_output = asks_for_json(argc, argv);
    return report(o, {errc::usage, std::string(problem.what()) + "; see keyfold-relay --help"});
  } catch (const std::exception& problem) {
    return report(o, {errc::internal, problem.what()});
  }
  return code;
}

}  // namespace

int main(int argc, char** argv) {
  initialize_crypto();
  spdlog::set_default_logger(spdlog::stderr_logger_mt("relay"));
  spdlog::flush_on(spdlog::level::info);
  try {
    return run(argc, argv);
  } catch (const std::exception& problem) {
    std::cerr << "keyfold-relay: " << problem.what() << '\n';
    return 1;
  }
}
