#include "apps/lab/proxy_server.hpp"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "apps/lab/loopback.hpp"

namespace keyfold::apps::lab {
namespace {

constexpr std::size_t longest_line = 64 * 1024;

instant clock_now() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<instant>(since);
}

/// The lab's control socket, bound (`here`) or connected; the path may be long.
expected<db::file> control(const lab_folder& folder, bool here) {
  KEYFOLD_TRY(const auto path, socket_path::in(folder.root, control_socket));
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  std::memcpy(at.sun_path, path.path().c_str(), path.path().size());
  const int mode = here ? SOCK_NONBLOCK : 0;
  db::file out(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | mode, 0));
  const auto* generic = reinterpret_cast<const sockaddr*>(&at);
  if (here) unlink(path.path().c_str());
  const bool good = here ? bind(out.get(), generic, sizeof at) == 0 && listen(out.get(), 16) == 0
                         : connect(out.get(), generic, sizeof at) == 0;
  if (good) return out;
  if (here) return fail(errc::cannot_listen, std::string("the control socket: ") + strerror(errno));
  return fail(errc::unreachable, "the lab's proxies do not run; start them with: keyfold-lab up");
}

bool is_loopback(const std::string& host) {
  return host.starts_with("127.") || host == "::1" || host == "localhost";
}

}  // namespace

expected<proxy_server> proxy_server::bind(const lab_plan& plan, const lab_folder& folder) {
  proxy_server out(plan);
  for (const auto& each : plan.devices) {
    KEYFOLD_TRY(auto listening, listen_on(each.socks_port));
    out.doors_.push_back({each.name, std::move(listening)});
  }
  KEYFOLD_TRY(out.control_, control(folder, true));
  return out;
}

void proxy_server::run() {
  for (;;) turn();
}

void proxy_server::turn() {
  std::vector<pollfd> fds{{control_.get(), POLLIN, 0}};
  for (const auto& each : doors_) fds.push_back({each.listening.get(), POLLIN, 0});
  for (const auto& each : requesters_) fds.push_back({each.socket.get(), POLLIN, 0});
  auto now = clock_now();
  std::optional<instant> due;
  for (const auto& each : connections_) {
    each.add_to(fds, now);
    // What may go already waits for its socket, not for the time.
    if (const auto d = each.due(); d && *d > now) due = due ? std::min(*due, *d) : *d;
  }
  const auto patience = due ? static_cast<int>((*due - now).count()) : -1;
  if (poll(fds.data(), fds.size(), patience) < 0) return;
  now = clock_now();

  const auto asked = fds.cbegin() + 1 + static_cast<std::ptrdiff_t>(doors_.size());
  auto event = asked + static_cast<std::ptrdiff_t>(requesters_.size());
  for (auto each = connections_.begin(); each != connections_.end(); event += 2) {
    const auto delay = rules_.between(each->from(), each->to()).delay;
    const auto who = [&](const std::string& host, std::uint16_t port) {
      return resolve(each->from(), host, port);
    };
    const bool stays = each->serve(event[0].revents, event[1].revents, now, delay, who);
    each = stays ? std::next(each) : connections_.erase(each);
  }
  event = asked;
  for (auto each = requesters_.begin(); each != requesters_.end(); ++event) {
    serve_requests(*each, event->revents);
    each = each->socket ? std::next(each) : requesters_.erase(each);
  }
  for (std::size_t i = 0; i < doors_.size(); ++i)
    if (fds[i + 1].revents != 0)
      if (auto client = accept_from(doors_[i].listening))
        connections_.emplace_back(doors_[i].device, std::move(client));
  if (fds[0].revents != 0)
    if (db::file asks(accept4(control_.get(), nullptr, nullptr, SOCK_CLOEXEC)); asks)
      requesters_.push_back({std::move(asks), {}});
}

/// One that has its answer, or is gone, has no socket afterwards.
void proxy_server::serve_requests(requester& from, short events) {
  if (events == 0) return;
  std::array<char, 4096> piece{};
  const auto got = recv(from.socket.get(), piece.data(), piece.size(), MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got > 0) from.line.append(piece.data(), static_cast<std::size_t>(got));
  const auto end = from.line.find('\n');
  if (end == std::string::npos && got > 0 && from.line.size() < longest_line) return;
  if (end != std::string::npos) {
    const auto said = answer(from.line.substr(0, end)).dump() + "\n";
    (void)!send(from.socket.get(), said.data(), said.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
  }
  from.socket = db::file();
}

json proxy_server::answer(const std::string& line) {
  const auto done = rules_.obey(json::parse(line, nullptr, false));
  if (!done)
    return {{"error", {{"code", to_string(done.error().code)}, {"message", done.error().message}}}};
  drop_cut();
  auto open = json::array();
  for (const auto& each : connections_)
    if (each.open()) open.push_back({{"from", each.from()}, {"to", each.to()}});
  return {{"ok", true}, {"links", rules_.list()}, {"connections", open}};
}

void proxy_server::drop_cut() {
  connections_.remove_if(
      [&](const auto& each) { return rules_.between(each.from(), each.to()).cut; });
}

std::string proxy_server::resolve(const std::string& from, const std::string& host,
                                  std::uint16_t port) const {
  std::string to;
  if (port == plan_.relay_port) to = relay_name;
  for (const auto& each : plan_.devices)
    if (port == each.listen_port && each.name != from) to = each.name;
  return is_loopback(host) && !rules_.between(from, to).cut ? to : std::string();
}

expected<json> ask_proxies(const lab_folder& folder, const json& request) {
  KEYFOLD_TRY(const auto socket, control(folder, false));
  const auto line = request.dump() + "\n";
  std::string said;
  std::array<char, 4096> piece{};
  ssize_t got = send(socket.get(), line.data(), line.size(), MSG_NOSIGNAL);
  while (got > 0 && said.find('\n') == std::string::npos) {
    got = recv(socket.get(), piece.data(), piece.size(), 0);
    if (got > 0) said.append(piece.data(), static_cast<std::size_t>(got));
  }
  auto document = json::parse(said, nullptr, false);
  if (!document.is_object()) return fail(errc::unreachable, "the lab's proxies do not answer");
  if (!document.contains("error")) return document;
  const auto& e = document["error"];
  return fail(errc_from_string(e.value("code", "")), e.value("message", ""));
}

}  // namespace keyfold::apps::lab
