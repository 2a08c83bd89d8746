// A way through a SOCKS5 proxy (RFC 1928, without authentication), for one connection.
//
//   libzmq ── TCP on loopback ──► the tunnel's thread ── TCP ──► proxy ──► the other end
//
// libzmq has SOCKS of its own, but version 4.3.4 ends the program when a proxy refuses or is down.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "crypto/error.hpp"

namespace keyfold::net {

class tunnel {
 public:
  /// Begins to ask `proxy` (HOST:PORT) for `target` (tcp://HOST:PORT), which it has to grant within `patience`.
  /// Blocks nowhere. `errc::cannot_connect`.
  [[nodiscard]] static expected<tunnel> open(const std::string& proxy, const std::string& target,
                                             std::chrono::milliseconds patience);
  tunnel(tunnel&&) noexcept = default;
  tunnel& operator=(tunnel&&) = delete;
  /// Ends what goes through it; does not wait for that.
  ~tunnel();

  /// Where to connect to instead of the target; takes one connection.
  [[nodiscard]] const std::string& endpoint() const { return endpoint_; }
  /// Why the proxy did not let us through, once that is known; the connection ends after that.
  [[nodiscard]] std::optional<std::string> failure() const;

 private:
  class worker;
  tunnel(std::string endpoint, std::shared_ptr<worker> thread)
      : endpoint_(std::move(endpoint)), thread_(std::move(thread)) {}
  std::string endpoint_;
  std::shared_ptr<worker> thread_;
};

}  // namespace keyfold::net
