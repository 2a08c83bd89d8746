#include "net/frames.hpp"

namespace keyfold::net {
namespace {

struct sent_frame {
  shared_bytes data;
  std::shared_ptr<byte_meter> meter;
};

void release(void*, void* hint) {
  const std::unique_ptr<sent_frame> held(static_cast<sent_frame*>(hint));
  held->meter->remove(held->data.size());
}

struct received_frame {
  received_frame(zmq::message_t f, std::shared_ptr<byte_meter> m, std::size_t c)
      : frame(std::move(f)), meter(std::move(m)), charge(c) {
    meter->add(charge);
  }
  received_frame(const received_frame&) = delete;
  received_frame& operator=(const received_frame&) = delete;
  ~received_frame() { meter->remove(charge); }

  zmq::message_t frame;
  std::shared_ptr<byte_meter> meter;
  std::size_t charge;
};

}  // namespace

zmq::message_t to_frame(const shared_bytes& data, const std::shared_ptr<byte_meter>& meter) {
  auto held = std::make_unique<sent_frame>(sent_frame{data, meter});
  const auto view = data.view();
  // libzmq takes a mutable pointer, and does not write through it.
  zmq::message_t out(const_cast<std::uint8_t*>(view.data()), view.size(), release, held.get());
  (void)held.release();  // libzmq has it now, and calls release()
  meter->add(view.size());
  return out;
}

shared_bytes from_frame(zmq::message_t frame, const std::shared_ptr<byte_meter>& meter,
                        std::size_t overhead) {
  auto held = std::make_shared<received_frame>(std::move(frame), meter, frame.size() + overhead);
  const bytes_view data{static_cast<const std::uint8_t*>(held->frame.data()), held->frame.size()};
  return {data, std::move(held)};
}

received_frames receive_frames(zmq::socket_t& socket, std::size_t max) {
  received_frames out;
  for (bool more = true; more;) {
    zmq::message_t frame;
    if (!socket.recv(frame, zmq::recv_flags::dontwait)) break;
    more = frame.more();
    if (out.frames.size() < max)
      out.frames.push_back(std::move(frame));
    else
      out.too_many = true;
  }
  return out;
}

}  // namespace keyfold::net
