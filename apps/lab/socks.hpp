// The server's part of SOCKS5 (RFC 1928), without authentication: what a client asks for, and the answers. No I/O.
//
//   greeting := 5 u8 count method{count}                              answered by 5 0, or 5 255
//   request  := 5 1 0 address u16 port                                answered by 5 u8 code 0 1 0{6}
//   address  := 1 byte{4} | 4 byte{16} | 3 u8 length byte{length}     IPv4, IPv6, a name
#pragma once

#include <string>

#include "crypto/bytes.hpp"

namespace keyfold::apps::lab {

class socks_client {
 public:
  enum class state : std::uint8_t {
    talking,  ///< more has to come
    asked,    ///< host() and port() are known; it waits for answer()
    failed,   ///< this is no SOCKS5 that we speak; to be closed after what is to be said
  };
  /// Takes what came. What is to be sent in answer is appended to `reply`.
  state take(bytes_view came, bytes& reply);
  [[nodiscard]] const std::string& host() const { return host_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  bool take_greeting(bytes& reply);
  bool take_request(bytes& reply);

  bytes held_;
  bool greeted_ = false;
  state state_ = state::talking;
  std::string host_;
  std::uint16_t port_ = 0;
};

/// Codes of answers.
enum class socks_answer : std::uint8_t {
  granted = 0,
  not_allowed = 2,
  refused = 5,  ///< by the host that was asked for
  no_such_command = 7,
};
[[nodiscard]] bytes encode(socks_answer code);

}  // namespace keyfold::apps::lab
