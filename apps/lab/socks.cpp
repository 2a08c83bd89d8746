#include "apps/lab/socks.hpp"

#include <algorithm>
#include <array>

namespace keyfold::apps::lab {
namespace {

constexpr std::uint8_t version = 5;
constexpr std::uint8_t ipv4 = 1, name = 3, ipv6 = 4;
constexpr std::size_t longest = 4 + 1 + 255 + 2;  ///< more is said by nobody before an answer

std::string ipv4_text(bytes_view a) {
  return std::to_string(a[0]) + "." + std::to_string(a[1]) + "." + std::to_string(a[2]) + "." +
         std::to_string(a[3]);
}

/// Not shortened, but for the one that matters here.
std::string ipv6_text(bytes_view a) {
  std::array<std::uint8_t, 16> loopback{};
  loopback.back() = 1;
  if (std::equal(a.begin(), a.end(), loopback.begin())) return "::1";
  std::string out;
  for (std::size_t i = 0; i < a.size(); i += 2) out += (i > 0 ? ":" : "") + to_hex(a.subspan(i, 2));
  return out;
}

}  // namespace

socks_client::state socks_client::take(bytes_view came, bytes& reply) {
  append(held_, came);
  if (state_ == state::talking && !greeted_ && !take_greeting(reply)) return state_;
  if (state_ == state::talking && !take_request(reply)) return state_;
  if (state_ == state::asked && !held_.empty()) state_ = state::failed;  // it speaks out of turn
  return state_;
}

/// True when it is done.
bool socks_client::take_greeting(bytes& reply) {
  if (!held_.empty() && held_[0] != version) state_ = state::failed;
  if (state_ == state::failed || held_.size() < 2) return false;
  const std::size_t size = std::size_t{2} + held_[1];
  if (held_.size() < size) return false;
  const bool open = std::find(held_.begin() + 2, held_.begin() + static_cast<std::ptrdiff_t>(size),
                              0) != held_.begin() + static_cast<std::ptrdiff_t>(size);
  append(reply, bytes{version, static_cast<std::uint8_t>(open ? 0 : 255)});
  if (!open) state_ = state::failed;
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(size));
  return greeted_ = open;
}

bool socks_client::take_request(bytes& reply) {
  if (held_.size() > longest) state_ = state::failed;
  if (state_ == state::failed || held_.size() < 5) return false;
  const auto type = held_[3];
  if (held_[0] != version || held_[1] != 1 || (type != ipv4 && type != ipv6 && type != name)) {
    append(reply, encode(socks_answer::no_such_command));
    state_ = state::failed;
    return false;
  }
  const std::size_t begin = type == name ? 5 : 4;
  const std::size_t length = type == ipv4 ? 4 : type == ipv6 ? 16 : held_[4];
  if (held_.size() < begin + length + 2) return false;
  const auto address = bytes_view(held_).subspan(begin, length);
  host_ = type == ipv4   ? ipv4_text(address)
          : type == ipv6 ? ipv6_text(address)
                         : to_string(address);
  port_ = static_cast<std::uint16_t>(held_[begin + length] * 256 + held_[begin + length + 1]);
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(begin + length + 2));
  state_ = state::asked;
  return true;
}

bytes encode(socks_answer code) {
  return {version, static_cast<std::uint8_t>(code), 0, ipv4, 0, 0, 0, 0, 0, 0};
}

}  // namespace keyfold::apps::lab
