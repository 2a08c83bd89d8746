#include "net/outbox.hpp"

namespace keyfold::net {
namespace {

// Tuning: enough to keep a fast link busy, little to hold for a slow one.
constexpr std::size_t window = 4 * 1024 * 1024;
// What a message costs us besides its bytes, so that many tiny ones are bounded too.
constexpr std::size_t message_overhead = 256;

}  // namespace

std::size_t outbox::outgoing::cost() const {
  return head.size() + bulk.size() + message_overhead;
}

bool outbox::push(const message& m) {
  outgoing next{encode_head(m), m.bulk};
  if (bytes() + next.cost() > max_) return false;
  queued_ += next.cost();
  queue_.push_back(std::move(next));
  return true;
}

void outbox::clear() {
  queue_.clear();
  queued_ = 0;
}

outbox::pumped outbox::pump(zmq::socket_t& socket, bytes_view routing_id) {
  pumped out{state::empty, 0};
  while (!queue_.empty()) {
    const auto& next = queue_.front();
    try {
      if (in_flight_->full(window) || !send(socket, routing_id, next)) {
        out.left = state::blocked;
        return out;
      }
    } catch (const zmq::error_t&) {  // EHOSTUNREACH: the connection is gone
      out.left = state::unreachable;
      return out;
    }
    queued_ -= next.cost();
    queue_.pop_front();
    ++out.sent;
  }
  return out;
}

bool outbox::send(zmq::socket_t& socket, bytes_view routing_id, const outgoing& m) {
  using zmq::send_flags;
  if (!routing_id.empty()) {
    zmq::message_t to(routing_id.data(), routing_id.size());
    if (!socket.send(std::move(to), send_flags::dontwait | send_flags::sndmore)) return false;
  }
  const auto more = m.bulk.empty() ? send_flags::none : send_flags::sndmore;
  if (!socket.send(to_frame(m.head, in_flight_), send_flags::dontwait | more)) return false;
  // A message's later frames are never refused once its first was taken.
  if (!m.bulk.empty()) socket.send(to_frame(m.bulk, in_flight_), send_flags::dontwait);
  return true;
}

}  // namespace keyfold::net
