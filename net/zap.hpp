// The ZeroMQ Authentication Protocol (RFC 27): who may connect to which listening socket.
//
//   request := version "1.0", request id, domain, address, identity, mechanism, credentials…
//   reply   := version "1.0", request id, status code, status text, user id, metadata
//
// libzmq asks in-process, at inproc://zeromq.zap.01, for every CURVE handshake with one of our
// ROUTERs. A domain is one listening socket. The user id of an admitted peer is its key in
// hexadecimal; it comes with each of its messages as the property "User-Id". Anything but CURVE is
// refused.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "crypto/box.hpp"
#include "net/session.hpp"

namespace keyfold::net {

inline constexpr const char* zap_endpoint = "inproc://zeromq.zap.01";

/// The rules of all listening sockets, and the keys that have to wait. For the I/O thread alone.
class zap_policies {
 public:
  void add(const std::string& domain, std::function<bool(const box_public_key&)> admits);
  void remove(const std::string& domain);
  /// Refuses handshakes of `key` until then. Holds at most 10,000 keys; beyond, the earliest goes.
  void penalize(const box_public_key& key, instant until);

  /// The reply to a request's frames, admitted or refused. Never fails: what is no request is
  /// refused.
  struct verdict {
    bool admitted = false;
    std::vector<bytes> frames;
  };
  [[nodiscard]] verdict answer(const std::vector<bytes_view>& request, instant now);

 private:
  expected<box_public_key> admit(const std::vector<bytes_view>& request, instant now);

  std::map<std::string, std::function<bool(const box_public_key&)>, std::less<>> domains_;
  std::map<box_public_key, instant> penalties_;
};

/// The key of a peer whose messages have this User-Id. `errc::malformed` or `bad_text`.
[[nodiscard]] expected<box_public_key> key_of_user_id(std::string_view user_id);
[[nodiscard]] std::string user_id_of(const box_public_key& key);

}  // namespace keyfold::net
