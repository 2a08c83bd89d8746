// Real sockets on loopback for tests: what a listener heard, to be awaited, and raw ZeroMQ clients
// that say what no link of ours would.
#pragma once

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <zmq.hpp>

#include "net/bodies.hpp"
#include "net/transport.hpp"

namespace keyfold::net {

/// Keeps what it hears; tests await it.
class recorder : public listener {
 public:
  struct up {
    link_id link;
    peer who;
  };
  struct down {
    link_id link;
    error why;
  };
  struct arrived {
    link_id link;
    net::message message;
  };

  void on_up(link_id link, const peer& who) override {
    record([&] { ups_.push_back({link, who}); });
  }
  void on_message(link_id link, net::message m) override {
    record([&] { messages_.push_back({link, std::move(m)}); });
  }
  void on_down(link_id link, const error& why) override {
    record([&] { downs_.push_back({link, why}); });
  }

  /// The next of its kind that was not taken yet; nullopt when none comes before the deadline.
  std::optional<up> next_up() { return next(ups_); }
  std::optional<down> next_down() { return next(downs_); }
  std::optional<arrived> next_message() { return next(messages_); }
  /// Skips what comes before one for that reason.
  bool await_down(errc code) {
    while (const auto d = next_down())
      if (d->why.code == code) return true;
    return false;
  }
  std::size_t ups() {
    const std::lock_guard lock(mutex_);
    return ups_.size();
  }

 private:
  template <class Change>
  void record(Change change) {
    {
      const std::lock_guard lock(mutex_);
      change();
    }
    changed_.notify_all();
  }
  template <class T>
  std::optional<T> next(std::deque<T>& from) {
    std::unique_lock lock(mutex_);
    const auto deadline = std::chrono::seconds(20);
    if (!changed_.wait_for(lock, deadline, [&] { return !from.empty(); })) return std::nullopt;
    auto out = std::move(from.front());
    from.pop_front();
    return out;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<up> ups_;
  std::deque<down> downs_;
  std::deque<arrived> messages_;
};

/// Answers every request with its own bulk.
class echo : public recorder {
 public:
  explicit echo(transport& through) : through_(through) {}
  void on_message(link_id link, net::message m) override {
    static_cast<void>(through_.send(link, make_reply(m.request_id, empty_body{}, m.bulk)));
    recorder::on_message(link, {m.kind, m.request_id, {}, {}});
  }

 private:
  transport& through_;
};

/// A bare DEALER with CURVE, for frames that are no messages.
class raw_client {
 public:
  raw_client(const std::string& endpoint, const box_public_key& server, const box_key& key,
             const std::string& routing_id = {})
      : socket_(context_, zmq::socket_type::dealer) {
    const auto buffer = [](bytes_view b) { return zmq::const_buffer(b.data(), b.size()); };
    socket_.set(zmq::sockopt::linger, 0);
    socket_.set(zmq::sockopt::rcvhwm, 1);  // what is not received stays on the way
    socket_.set(zmq::sockopt::rcvtimeo, 20'000);
    socket_.set(zmq::sockopt::sndtimeo, 20'000);
    if (!routing_id.empty()) socket_.set(zmq::sockopt::routing_id, routing_id);
    socket_.set(zmq::sockopt::curve_serverkey, buffer(server.view()));
    socket_.set(zmq::sockopt::curve_publickey, buffer(key.public_key().view()));
    socket_.set(zmq::sockopt::curve_secretkey, buffer(key.secret().view()));
    socket_.connect(endpoint);
  }
  void send(const std::vector<bytes>& frames) {
    for (std::size_t i = 0; i < frames.size(); ++i)
      socket_.send(zmq::buffer(frames[i]),
                   i + 1 < frames.size() ? zmq::send_flags::sndmore : zmq::send_flags::none);
  }
  void send(const net::message& m) {
    if (m.bulk.empty())
      send({encode_head(m)});
    else
      send({encode_head(m), to_bytes(m.bulk.view())});
  }
  /// The next message; nullopt after 20 s of nothing.
  std::optional<net::message> receive() {
    zmq::message_t head, bulk;
    if (!socket_.recv(head)) return std::nullopt;
    if (head.more()) static_cast<void>(socket_.recv(bulk));
    const auto copy = [](const zmq::message_t& f) {
      const auto* data = static_cast<const std::uint8_t*>(f.data());
      return shared_bytes(bytes(data, data + f.size()));
    };
    auto m = decode_message(copy(head), copy(bulk));
    return m ? std::optional(*m) : std::nullopt;
  }

 private:
  zmq::context_t context_;
  zmq::socket_t socket_;
};

}  // namespace keyfold::net
