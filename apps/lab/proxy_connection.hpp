// One connection through a lab's proxy: a device asks by SOCKS for another end of the lab, and bytes go both ways.
//
//   talking ── request ──► connecting ── the other end accepts ──► open
//      └───────────────────────┴── refused ──► closing (what was answered goes out first)
#pragma once

#include <poll.h>

#include <functional>

#include "apps/lab/passage.hpp"
#include "apps/lab/socks.hpp"
#include "store/db/file.hpp"

namespace keyfold::apps::lab {

class proxy_connection {
 public:
  /// Which end of the lab a host and port is; empty for none, or for one that cannot be reached now.
  using resolver = std::function<std::string(const std::string& host, std::uint16_t port)>;

  proxy_connection(std::string from, db::file client)
      : from_(std::move(from)), client_(std::move(client)) {}

  [[nodiscard]] const std::string& from() const { return from_; }
  /// The other end; empty until it is known.
  [[nodiscard]] const std::string& to() const { return to_; }
  [[nodiscard]] bool open() const { return stage_ == stage::open; }

  /// What to wait for: the client's descriptor, then the other end's.
  void add_to(std::vector<pollfd>& out, instant now) const;
  /// When something has to be done without that.
  [[nodiscard]] std::optional<instant> due() const;
  /// Reads and writes what is possible, given the answers to add_to(); false: it is over.
  bool serve(short client, short server, instant now, instant delay, const resolver& who);

 private:
  enum class stage : std::uint8_t { talking, connecting, open, closing };
  void talk(instant now, const resolver& who);
  void say(const bytes& reply, instant now);
  void refuse(socks_answer code, instant now);
  /// False when the socket has ended.
  static bool read(const db::file& from, passage& to, instant now, instant delay);
  /// False when the socket takes no more, for good.
  static bool write(passage& from, const db::file& to, instant now);

  std::string from_, to_;
  db::file client_, server_;
  stage stage_ = stage::talking;
  socks_client socks_;
  passage up_, down_;  ///< to the other end, to the client
};

}  // namespace keyfold::apps::lab
