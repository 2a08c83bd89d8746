// Other devices of the organization: who may connect, where they can be reached, and what they bring.
#include <spdlog/spdlog.h>

#include "actors/device_state.hpp"
#include "actors/device_store.hpp"
#include "actors/replies.hpp"
#include "store/ledger/beacon_keys.hpp"

namespace keyfold::actors {
namespace {

constexpr std::chrono::seconds look_again{30};
constexpr std::size_t max_remembered = 6;

// Settings of the device:
//   'D' 'l'           -> the port that was listened on last: others may remember it
//   'D' 'e' ‖ device  -> [endpoint: str*]: where it was reached or said it can be
bytes port_key() {
  auto key = prefix_of(part::settings);
  key.push_back('l');
  return key;
}
bytes endpoints_key(const device_id& device) {
  auto key = prefix_of(part::settings);
  key.push_back('e');
  append(key, device.view());
  return key;
}

/// Small, and nothing is lost with it: no sync.
void remember(const device_actor_state& s, bytes key, bytes value) {
  const db::batch change{{std::move(key), std::move(value)}};
  if (auto stored = s.options->objects.store->write(change, false); !stored)
    spdlog::warn("device {}: {}", to_text(s.options->device), stored.error().message);
}

void remember_endpoints(const device_actor_state& s, const device_id& device,
                        const std::vector<net::endpoint>& endpoints) {
  const auto count = std::min(endpoints.size(), max_remembered);
  writer w;
  w.array(count);
  for (std::size_t i = 0; i < count; ++i) w.str(net::to_text(endpoints[i]));
  remember(s, endpoints_key(device), std::move(w).take());
}

std::vector<net::endpoint> remembered_endpoints(const device_actor_state& s,
                                                const device_id& device) {
  const auto stored = s.options->objects.store->get(endpoints_key(device));
  std::vector<net::endpoint> out;
  if (!stored || !*stored) return out;
  auto in = reader::parse(**stored);
  if (!in) return out;
  const auto count = in->array_up_to(max_remembered);
  for (std::size_t i = 0; i < count && in->good(); ++i)
    if (auto e = net::parse_endpoint(std::string(in->str(64)))) out.push_back(*std::move(e));
  return out;
}

// -- listening

/// The same port as before where it is free: who was told of it finds this device without anybody's help.
std::optional<std::string> with_old_port(const device_actor_state& s, const std::string& listen) {
  if (!listen.ends_with(":0") && !listen.ends_with(":*")) return std::nullopt;
  const auto stored = s.options->objects.store->get(port_key());
  if (!stored || !*stored) return std::nullopt;
  return listen.substr(0, listen.rfind(':') + 1) + to_string(**stored);
}

expected<net::transport::bound> bind_socket(const device_actor_state& s,
                                            const std::string& endpoint) {
  const auto admits = [directory = s.directory](const box_public_key& key) {
    return directory->admits(key);
  };
  return s.transport->listen(endpoint, s.options->link_key, admits, s.directory);
}

/// Says in the local network that this device listens there, and hears who else does.
void start_discovery(device_pointer self, std::uint16_t port) {
  auto& s = self->state;
  const auto heard = [to = caf::actor_cast<caf::actor_addr>(device_actor(self))](
                         const device_id& device, const std::string& endpoint) {
    const auto at = net::parse_endpoint(endpoint);  // none with a zone: it means nothing elsewhere
    const auto owner = caf::actor_cast<caf::actor>(to);
    if (at && owner) caf::anon_send(owner, neighbour_heard{device, *at});
  };
  auto started = net::discovery::start({{}, s.options->device, port}, heard);
  if (started)
    s.discovery = *std::move(started);
  else
    spdlog::warn("device {}: no discovery in the local network: {}", to_text(s.options->device),
                 started.error().message);
}

// -- telling where we are

bool shares_with(const device_actor_state& s, const user_id& user) {
  if (user == s.options->user) return true;
  for (const auto& [id, child] : s.workspaces) {
    const auto* fold = s.current->state.workspace(id);
    if (ledger::may_read(fold->role_of(user)) && ledger::may_read(fold->role_of(s.options->user)))
      return true;
  }
  return false;
}

void tell(device_pointer self, const device_id& device, const other_device& other) {
  const auto& s = self->state;
  if (!s.listening || s.told.empty() || !other.shares || !s.present.contains(device)) return;
  const auto& o = *s.options;
  const net::endpoint_notice notice{o.organization, o.device, device,
                                    static_cast<std::uint64_t>(wall_now().count()), s.told};
  const auto sealed = net::seal_notice(notice, o.key, other.key, system_random());
  if (!sealed) return spdlog::warn("device {}: {}", to_text(device), sealed.error().message);
  self->request(s.link, caf::infinite, ask_for(net::deliver{device, *sealed}))
      .then([](const net::answer_or_failure&) {}, [](const caf::error&) {});  // it may have gone
}

void dial(device_pointer self, const other_device& other) {
  if (other.replica || other.told.empty() || !other.shares) return;
  self->send(other.peer, dial_peer{net::worth_dialling(other.told, net::own_addresses())});
}

// -- what peers bring

bool knows_more(const device_actor_state& s, const net::hello_answer& greeting) {
  const auto said = ledger::decode_statement(greeting.statement);
  return said && said->seq > s.current->state.head()->seq;
}

other_device* find_other(device_actor_state& s, const device_id& device) {
  const auto found = s.others.find(device);
  return found == s.others.end() ? nullptr : &found->second;
}

void add_other(device_pointer self, const device_id& device, const ledger::device_facts& facts) {
  auto& s = self->state;
  const auto& o = *s.options;
  other_device other;
  other.user = facts.user;
  other.key = facts.link_key;
  other.peer = spawn_peer(
      self->system(), {s.transport, o.organization, o.device, o.link_key, device, facts.link_key},
      s.current, device_actor(self));
  other.told = remembered_endpoints(s, device);
  s.others.emplace(device, std::move(other));
}

void refresh_from(device_pointer self, const device_id& device) {
  const auto* other = find_other(self->state, device);
  if (other == nullptr || self->state.rebuilding) return;
  self->request(self->state.ledger, caf::infinite, refresh_ledger{other->peer})
      .then([](const expected<ledger_view>&) {}, [](const caf::error&) {});
}

}  // namespace

device_actor_state::~device_actor_state() {
  if (socket) transport->close(*socket);
  for (const auto& [id, child] : workspaces) stop(child);
  for (const auto& [token, child] : greeters) stop(child);
  for (const auto& [id, other] : others) stop(other.peer);
  stop(ledger);
  stop(disk);
  stop(link);
}

replica::replica_number add_replica(device_pointer self, const replica_actor& to,
                                    const std::optional<device_id>& device) {
  auto& s = self->state;
  const replica_online said{++s.last_replica, to, device};
  s.replicas.emplace(said.number, said);
  for (const auto& [id, child] : s.workspaces) self->send(child, said);
  return said.number;
}

void remove_replica(device_pointer self, replica::replica_number number, const error& why) {
  auto& s = self->state;
  s.replicas.erase(number);
  for (const auto& [id, child] : s.workspaces) self->send(child, replica_offline{number, why});
}

void start_listening(device_pointer self) {
  auto& s = self->state;
  const auto& listen = s.options->network.listen;
  if (listen == "none") return;
  s.directory = std::make_shared<peer_directory>();
  s.directory->serve(s.transport);
  const auto old = with_old_port(s, listen);
  auto bound = old ? bind_socket(s, *old) : bind_socket(s, listen);
  if (!bound && old) bound = bind_socket(s, listen);
  if (!bound) {
    spdlog::error("device {}: other devices cannot dial it: {}", to_text(s.options->device),
                  bound.error().message);
    return;
  }
  s.socket = bound->socket;
  s.listening = bound->endpoint;
  s.told = net::reachable_at(bound->endpoint, net::own_addresses());
  const auto port = bound->endpoint.substr(bound->endpoint.rfind(':') + 1);
  remember(s, port_key(), to_bytes(as_bytes(port)));
  if (s.options->network.discovery)
    start_discovery(self, static_cast<std::uint16_t>(std::stoul(port)));
  self->delayed_send(self, look_again, tick{});
}

void review_peers(device_pointer self) {
  auto& s = self->state;
  const auto& organization = s.current->state.organization();
  std::map<box_public_key, peer_actor> known;
  for (const auto& [device, record] : organization.devices()) {
    const bool revoked = organization.user(record.facts.user)->revoked.has_value();
    if (device == s.options->device || revoked) continue;
    if (!s.others.contains(device)) add_other(self, device, record.facts);
    auto& other = s.others.at(device);
    known.emplace(other.key, other.peer);
    const bool shared = std::exchange(other.shares, shares_with(s, other.user));
    if (shared || !other.shares) continue;
    tell(self, device, other);
    dial(self, other);
  }
  if (s.directory) s.directory->set(std::move(known));
  if (s.discovery) {
    auto keys = ledger::beacon_keys_of(s.current->state, s.current->keys);
    s.discovery->set_groups(std::move(keys.mine), std::move(keys.accepted));
  }
  for (const auto& [device, other] : s.others) self->send(other.peer, ledger_changed{s.current});
}

void peer_came(device_pointer self, const peer_online& came) {
  auto& s = self->state;
  auto* other = find_other(s, came.device);
  if (other == nullptr) return;
  if (!examine(s, came.greeting.statement, came.greeting.signature, came.device))
    return self->send(other->peer,
                      hang_up{{errc::ledger_forked, "the relay showed us two ledgers"}});
  spdlog::info("device {} is linked", to_text(came.device));
  if (came.endpoint) {  // it comes first from now on
    std::erase(other->told, *came.endpoint);
    other->told.insert(other->told.begin(), *came.endpoint);
    remember_endpoints(s, came.device, other->told);
  }
  if (!other->replica) other->replica = add_replica(self, other->peer, came.device);
  if (knows_more(s, came.greeting)) refresh_from(self, came.device);
}

void peer_went(device_pointer self, const peer_offline& gone) {
  auto* other = find_other(self->state, gone.device);
  if (other == nullptr || !other->replica) return;
  spdlog::info("device {} is not linked any more: {}", to_text(gone.device), gone.why.message);
  remove_replica(self, *std::exchange(other->replica, std::nullopt), gone.why);
}

void peer_advanced(device_pointer self, const peer_ledger_advanced& told) {
  auto& s = self->state;
  const auto* other = find_other(s, told.device);
  if (other == nullptr) return;
  if (!examine(s, told.said.statement, told.said.signature, told.device))
    return self->send(other->peer,
                      hang_up{{errc::ledger_forked, "the relay showed us two ledgers"}});
  refresh_from(self, told.device);
}

caf::result<net::answer_or_failure> forward(device_pointer self, const peer_request& request) {
  auto& s = self->state;
  const auto* other = find_other(s, request.device);
  const auto workspace = s.workspaces.find(request.workspace);
  const auto refuse = [](const error& why) {
    return net::answer_or_failure(tl::unexpected(net::failure{why, {}}));
  };
  if (other == nullptr || !other->replica)
    return refuse({errc::session_closed, "the link has just been made; ask again"});
  if (s.rebuilding || workspace == s.workspaces.end())
    return refuse({errc::workspace_unknown, "the workspace is not here"});
  return self->delegate(workspace->second, replica_request{*other->replica, request.request});
}

void take_presence(device_pointer self, const net::presence& said) {
  auto& s = self->state;
  for (const auto& [id, child] : s.workspaces)
    self->send(child, device_at_relay{said.device, said.online});
  if (!said.online) {
    s.present.erase(said.device);
    return;
  }
  s.present.emplace(said.device, wall_now());
  const auto* other = find_other(s, said.device);
  if (other == nullptr) return;  // until the ledger tells who that is
  tell(self, said.device, *other);
  dial(self, *other);
}

void take_delivery(device_pointer self, const net::delivered& said) {
  auto& s = self->state;
  const auto& o = *s.options;
  const auto key_of = [&](const device_id& device) -> std::optional<signing_public_key> {
    const auto facts = s.current->state.find_device(device);
    if (!facts || s.current->state.organization().user(facts->user)->revoked) return std::nullopt;
    return facts->signing_key;
  };
  const auto notice = net::open_notice(said.payload, o.link_key, o.organization, o.device, key_of);
  if (!notice) return spdlog::warn("a delivery is refused: {}", notice.error().message);
  auto* other = find_other(s, notice->from);
  if (other == nullptr || notice->time <= other->told_at) return;
  other->told_at = notice->time;
  if (other->told == notice->endpoints) return;
  other->told = notice->endpoints;
  remember_endpoints(s, notice->from, other->told);
  dial(self, *other);
}

void take_neighbour(device_pointer self, const neighbour_heard& heard) {
  auto* other = find_other(self->state, heard.device);
  if (other == nullptr || other->replica) return;
  std::erase(other->told, heard.at);
  other->told.insert(other->told.begin(), heard.at);
  if (other->told.size() > net::max_endpoints) other->told.resize(net::max_endpoints);
  // Where it was heard it can be reached, whatever else it may have told.
  self->send(other->peer, dial_peer{{heard.at}});
}

void look_after_endpoints(device_pointer self) {
  auto& s = self->state;
  self->delayed_send(self, look_again, tick{});
  auto now = net::reachable_at(*s.listening, net::own_addresses());
  if (now == s.told) return;
  s.told = std::move(now);
  for (const auto& [device, other] : s.others) tell(self, device, other);
}

std::vector<known_peer> peers_of(const device_actor_state& s) {
  std::vector<known_peer> out;
  for (const auto& [device, other] : s.others) {
    const auto present = s.present.find(device);
    known_peer row{device, other.user, {}, {}};
    if (other.replica) row.direct = other.peer;
    if (present != s.present.end()) row.relayed_since = present->second;
    if (row.direct || present != s.present.end()) out.push_back(std::move(row));
  }
  return out;
}

}  // namespace keyfold::actors
