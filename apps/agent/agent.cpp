#include "apps/agent/agent.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

#include "actors/ledger.hpp"
#include "actors/rebuild.hpp"
#include "apps/agent/founding.hpp"
#include "apps/agent/joining.hpp"

namespace keyfold::apps {
namespace {

constexpr auto closing_patience = std::chrono::seconds(5);

net::transport_options transport_options(const network_settings& network) {
  net::transport_options out;
  out.last_retry = longest_reconnect;
  out.socks_proxy = network.socks_proxy.value_or("");
  return out;
}

bool names(const std::string& text, const vault::header& header) {
  return text == header.organization_name || text == to_text(header.organization);
}

}  // namespace

agent::agent(home_paths home, network_settings network)
    : home_(std::move(home)),
      network_(std::move(network)),
      system_(config_),
      transport_(std::make_shared<net::transport>(transport_options(network_))) {
  const auto folder = vault::folder::open(home_.vault().string());
  auto files =
      folder ? folder->list(&unreadable_) : expected<std::vector<vault::listed>>(fail(folder));
  if (!files) {
    spdlog::error("the vault cannot be read: {}", files.error().message);
    return;
  }
  for (const auto& path : unreadable_) spdlog::error("the key file {} is damaged", path);
  for (auto& file : *files) places_.push_back({std::move(file.header), {}, {}, {}});
}

agent::~agent() {
  lock(std::nullopt);
}

std::string agent::folder_of(const device_id& device) const {
  return (home_.devices() / to_text(device)).string();
}

std::vector<known_device> agent::devices() {
  const std::lock_guard guard(mutex_);
  std::vector<known_device> out;
  for (const auto& each : places_)
    out.push_back({each.header, each.running,
                   each.services ? each.services->health->trouble() : each.trouble});
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return a.header.organization_name < b.header.organization_name;
  });
  return out;
}

agent::place* agent::find_place(const std::optional<std::string>& organization, error* why) {
  std::vector<place*> found;
  for (auto& each : places_)
    if (!organization || names(*organization, each.header)) found.push_back(&each);
  if (found.size() > 1 && !organization) {
    const auto preferred = load_default(home_);
    for (auto* each : found)
      if (preferred && names(*preferred, each->header)) return each;
  }
  if (found.size() == 1) return found.front();
  *why = found.empty()
             ? (organization && unreadable_.empty()
                    ? error{errc::no_organization, "this home has no organization " + *organization}
                    : no_device())
             : error{errc::ambiguous,
                     "this home has several organizations; choose one with "
                     "--organization, or: keyfold org use NAME"};
  return nullptr;
}

expected<known_device> agent::find(const std::optional<std::string>& organization) {
  const std::lock_guard guard(mutex_);
  error why{};
  const auto* found = find_place(organization, &why);
  if (found == nullptr) return tl::unexpected(why);
  return known_device{found->header, found->running,
                      found->services ? found->services->health->trouble() : found->trouble};
}

expected<actors::device_facts> agent::unlocked(const std::optional<std::string>& organization) {
  KEYFOLD_TRY(const auto device, find(organization));
  if (device.trouble && device.trouble->code == errc::damaged)
    return fail(errc::damaged, device.trouble->message);
  if (!device.running)
    return fail(errc::locked,
                "the device " + device.header.label + " is locked; unlock it with: keyfold unlock");
  return ask<actors::device_facts>(*device.running, actors::get_device{});
}

expected<actors::object_services> agent::services(const device_id& device) {
  const std::lock_guard guard(mutex_);
  for (const auto& each : places_)
    if (each.header.device == device && each.services) return *each.services;
  return fail(errc::locked, "the device is locked");
}

/// An actor that cannot commit ends, and is started again.
error agent::no_answer(const caf::error& from) {
  auto why = actors::to_error(from);
  if (why.code != errc::internal) return why;
  for (const auto& device : devices())
    if (device.trouble) return *device.trouble;
  return why;
}

error agent::no_device() const {
  if (!unreadable_.empty())
    return {errc::damaged,
            "the key file " + unreadable_.front() + " is damaged; see: keyfold doctor"};
  return {errc::no_organization, "this home has no organization; create one or join one"};
}

expected<void> agent::start(place& device, const vault::opened& opened) {
  auto started = try_start(device, opened);
  device.trouble.reset();
  if (started) return started;
  device.trouble = started.error();
  if (started.error().code == errc::damaged) device.trouble->message += "; see: keyfold doctor";
  spdlog::error("the device {} does not start: {}", opened.header.label, device.trouble->message);
  return tl::unexpected(*device.trouble);
}

expected<void> agent::try_start(place& device, const vault::opened& opened) {
  const auto& s = opened.secrets;
  KEYFOLD_TRY(auto services,
              actors::open_object_services(folder_of(opened.header.device), s.local_key));
  KEYFOLD_CHECK(services.objects->set_bound(load_cache_bound(home_)));
  KEYFOLD_TRY(const auto relay, relay_of(s));
  KEYFOLD_TRY(auto running, actors::spawn_device(system_,
                                                 {opened.header.organization,
                                                  s.user,
                                                  opened.header.device,
                                                  opened.header.label,
                                                  box_key(s.user_key),
                                                  signing_key(s.signing),
                                                  box_key(s.link_key),
                                                  relay,
                                                  services,
                                                  {network_.listen, network_.discovery}},
                                                 transport_));
  device.services = std::move(services);
  device.running = std::move(running);
  return {};
}

expected<std::size_t> agent::unlock(const std::optional<std::string>& organization,
                                    const secret_buffer& password) {
  const std::lock_guard guard(mutex_);
  KEYFOLD_TRY(const auto folder, vault::folder::open(home_.vault().string()));
  error why = no_device();
  std::size_t count = 0;
  for (auto& each : places_) {
    if (organization && !names(*organization, each.header)) continue;
    // Also where it runs already: a wrong password is told, not passed over.
    const auto opened = folder.unlock(each.header.device, password);
    const auto started = !opened        ? expected<void>(fail(opened))
                         : each.running ? expected<void>{}
                                        : start(each, *opened);
    if (started)
      ++count;
    else
      why = started.error();
  }
  if (count == 0) return tl::unexpected(why);
  return count;
}

void agent::lock(const std::optional<std::string>& organization) {
  const std::lock_guard guard(mutex_);
  for (auto& each : places_)
    if (each.running && (!organization || names(*organization, each.header))) (void)close(each);
}

bool agent::close(place& device) {
  caf::scoped_actor self(system_);
  self->monitor(*device.running);
  self->send_exit(*device.running, caf::exit_reason::user_shutdown);
  self->receive([](const caf::down_msg&) {});
  device.running.reset();
  const auto closed = device.services->closed;
  device.services.reset();
  // Its actors end one after the other; until then the database cannot be opened again.
  if (closed.wait_for(closing_patience) == std::future_status::ready) return true;
  spdlog::warn("the device {} takes long to close", device.header.label);
  return false;
}

finding agent::set_aside(const vault::header& device) {
  const std::lock_guard guard(mutex_);
  for (auto& each : places_) {
    if (each.header.device != device.device) continue;
    if (each.running && !close(each))
      return {"database " + device.label, false, "it is damaged, and still in use",
              "keyfold agent stop, then: keyfold doctor --mend"};
    each.trouble.reset();
  }
  return set_aside_database(home_, device);
}

expected<std::string> agent::put_aside(const vault::header& device) {
  const std::lock_guard guard(mutex_);
  for (auto& each : places_)
    if (each.header.device == device.device && each.running && !close(each))
      return fail(errc::busy, "the database is still in use; keyfold agent stop, then try again");
  return actors::set_aside_database(folder_of(device.device), actors::wall_now());
}

finding agent::examine_closed(const vault::header& device, const checkup_options& o) {
  const std::lock_guard guard(mutex_);
  auto found = examine_database(home_, device, o);
  for (auto& each : places_) {
    if (each.header.device != device.device || each.running) continue;
    // What opening does not show, but a start did: a ledger that does not verify, say.
    if (found.ok && each.trouble && each.trouble->code == errc::damaged)
      found = o.mend ? set_aside_database(home_, device)
                     : database_finding(device, tl::unexpected(*each.trouble));
    if (o.mend) each.trouble.reset();
  }
  return found;
}

expected<void> agent::admit(const vault::header& header, const vault::secrets& secrets,
                            const secret_buffer& password,
                            const std::optional<ledger::record>& genesis) {
  KEYFOLD_TRY(const auto folder, vault::folder::open(home_.vault().string()));
  KEYFOLD_CHECK(folder.save(header, secrets, password, system_random()));
  if (genesis) {
    KEYFOLD_TRY(const auto services,
                actors::open_object_services(folder_of(header.device), secrets.local_key));
    KEYFOLD_CHECK(actors::found_ledger(*services.store, header.organization, *genesis));
  }
  const std::lock_guard guard(mutex_);
  // The first organization of a home is the default, until the user says otherwise.
  if (!load_default(home_)) KEYFOLD_CHECK(save_default(home_, header.organization_name));
  places_.push_back({header, {}, {}, {}});
  return start(places_.back(), {header, secrets});
}

expected<agent::founded> agent::create_organization(const founding& what) {
  KEYFOLD_TRY(const auto made, found_organization(system_, transport_, what));
  KEYFOLD_CHECK(admit(made.header, made.secrets, what.password, made.genesis));
  return founded{made.header.organization, made.secrets.user, made.header.device};
}

expected<actors::exchange_actor> agent::join(const joining& what) {
  const auto admitted = [this](const vault::header& header, const vault::secrets& secrets,
                               const secret_buffer& password) {
    return admit(header, secrets, password, std::nullopt);
  };
  return start_joining(system_, transport_, home_, what, admitted);
}

expected<void> agent::set_default(const std::string& organization) {
  KEYFOLD_TRY(const auto device, find(organization));
  return save_default(home_, device.header.organization_name);
}

std::optional<std::string> agent::default_organization() {
  const auto device = find(std::nullopt);
  return device ? std::optional(device->header.organization_name) : std::nullopt;
}

}  // namespace keyfold::apps
