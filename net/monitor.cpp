#include "net/monitor.hpp"

#include <atomic>
#include <cstdint>
#include <cstring>
#include <string>

#include "net/frames.hpp"

namespace keyfold::net {

monitor::monitor(zmq::context_t& context, zmq::socket_t& socket, int events)
    : socket_(socket), events_(context, zmq::socket_type::pair) {
  static std::atomic<std::uint64_t> last{0};
  const auto address = "inproc://keyfold-monitor-" + std::to_string(++last);
  events_.set(zmq::sockopt::linger, 0);
  events_.set(zmq::sockopt::rcvhwm, 0);  // else libzmq's own threads would wait for us
  if (zmq_socket_monitor(socket.handle(), address.c_str(), events) != 0) throw zmq::error_t();
  events_.connect(address);
}

monitor::~monitor() {
  zmq_socket_monitor(socket_.handle(), nullptr, 0);
}

std::optional<monitor::event> monitor::next() {
  // event := u16 what ‖ u32 value (both in host order), address
  auto got = receive_frames(events_, 2);
  if (got.frames.empty() || got.frames[0].size() != 6) return std::nullopt;
  std::uint16_t what = 0;
  std::uint32_t value = 0;
  const auto* data = static_cast<const char*>(got.frames[0].data());
  std::memcpy(&what, data, sizeof what);
  std::memcpy(&value, data + sizeof what, sizeof value);
  return event{what, static_cast<int>(value)};
}

}  // namespace keyfold::net
