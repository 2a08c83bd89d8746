// The proxies of a lab, one for each device, in one process with one thread. All that its devices connect to is here,
// so a target's port says which end it is. Requests (links.hpp) come over a unix socket, a line each.
#pragma once

#include <list>

#include "apps/common/home.hpp"
#include "apps/lab/links.hpp"
#include "apps/lab/plan.hpp"
#include "apps/lab/proxy_connection.hpp"

namespace keyfold::apps::lab {

class proxy_server {
 public:
  /// Listens for the plan's devices, and for requests at the lab's control socket. `errc::cannot_listen`.
  [[nodiscard]] static expected<proxy_server> bind(const lab_plan& plan, const lab_folder& folder);
  /// Serves until the process ends.
  [[noreturn]] void run();

 private:
  struct door {
    std::string device;
    db::file listening;
  };
  struct requester {
    db::file socket;
    std::string line;
  };
  explicit proxy_server(lab_plan plan) : plan_(std::move(plan)), rules_(plan_.names()) {}

  void turn();
  void serve_requests(requester& from, short events);
  [[nodiscard]] json answer(const std::string& line);
  void drop_cut();
  [[nodiscard]] std::string resolve(const std::string& from, const std::string& host,
                                    std::uint16_t port) const;

  lab_plan plan_;
  link_rules rules_;
  db::file control_;
  std::vector<door> doors_;
  std::list<requester> requesters_;
  std::list<proxy_connection> connections_;
};

/// Asks the proxies of a lab. `errc::unreachable` where they do not run, or what they refuse.
[[nodiscard]] expected<json> ask_proxies(const lab_folder& folder, const json& request);

}  // namespace keyfold::apps::lab
