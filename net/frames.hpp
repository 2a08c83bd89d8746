// ZeroMQ frames to and from shared bytes, without copies.
#pragma once

#include <zmq.hpp>

#include "crypto/shared_bytes.hpp"
#include "net/wake.hpp"

namespace keyfold::net {

/// A frame that shares `data`; counted in `meter` until libzmq has let go of it.
[[nodiscard]] zmq::message_t to_frame(const shared_bytes& data,
                                      const std::shared_ptr<byte_meter>& meter);
/// The bytes of a received frame; counted in `meter`, with `overhead`, until their last share is
/// gone.
[[nodiscard]] shared_bytes from_frame(zmq::message_t frame,
                                      const std::shared_ptr<byte_meter>& meter,
                                      std::size_t overhead = 0);

/// The next message's frames, without waiting; empty when there is none. Frames beyond `max` are
/// read and dropped; `too_many` tells.
struct received_frames {
  std::vector<zmq::message_t> frames;
  bool too_many = false;
};
[[nodiscard]] received_frames receive_frames(zmq::socket_t& socket, std::size_t max);

}  // namespace keyfold::net
