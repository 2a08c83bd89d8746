#include "net/dealer_link.hpp"

namespace keyfold::net {
namespace {

constexpr int watched = ZMQ_EVENT_CONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |
                        ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                        ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED;
// Tuning
constexpr int messages_a_turn = 64;
constexpr instant stood{10'000};  ///< a link that stood so long was no failure

error error_of(int event, bool was_up) {
  switch (event) {
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
      return {errc::key_refused, "the other end does not admit this device's key"};
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
      return {errc::handshake_failed, "the other end has not the key that was expected"};
    case ZMQ_EVENT_CLOSED:
      return {errc::cannot_connect, "nobody answers there"};
    default:
      if (was_up) return {errc::disconnected, "the connection was lost"};
      return {errc::cannot_connect, "the connection was closed before it could be used"};
  }
}

zmq::const_buffer buffer(bytes_view data) {
  return {data.data(), data.size()};
}

}  // namespace

dealer_link::connection::connection(io_environment& io, const box_public_key& server,
                                    const box_key& key)
    : socket(io.context, zmq::socket_type::dealer),
      events(io.context, socket, watched),
      out(io.options.max_queued, io.wake) {
  set_common_options(socket, io.options);
  const auto timeout = static_cast<int>(io.options.handshake.count());
  socket.set(zmq::sockopt::connect_timeout, timeout);
  socket.set(zmq::sockopt::reconnect_ivl, -1);
  socket.set(zmq::sockopt::curve_serverkey, buffer(server.view()));
  socket.set(zmq::sockopt::curve_publickey, buffer(key.public_key().view()));
  socket.set(zmq::sockopt::curve_secretkey, buffer(key.secret().view()));
}

dealer_link::dealer_link(io_environment& io, link_id id, std::string endpoint,
                         const box_public_key& server, const box_key& key,
                         std::shared_ptr<listener> to, instant now)
    : io_(io),
      id_(id),
      endpoint_(std::move(endpoint)),
      server_(server),
      key_(key),
      to_(std::move(to)),
      backoff_(io.options.first_retry, io.options.last_retry),
      unread_(std::make_shared<byte_meter>(io.wake)),
      since_(now),
      deadline_(now) {}

void dealer_link::connect(instant now) {
  state_ = state::connecting;
  since_ = now;
  deadline_ = now + 2 * io_.options.handshake;  // TCP's part and CURVE's
  try {
    connection_.emplace(io_, server_, key_);
    auto to = endpoint_;
    if (const auto& proxy = io_.options.socks_proxy; !proxy.empty()) {
      auto way = tunnel::open(proxy, endpoint_, io_.options.handshake);
      if (!way) return fail_with(way.error(), now);
      to = way->endpoint();
      connection_->way.emplace(std::move(*way));
    }
    if (to.find('[') != std::string::npos) connection_->socket.set(zmq::sockopt::ipv6, true);
    connection_->socket.connect(to);
    hot = true;
  } catch (const std::exception& e) {
    fail_with({errc::cannot_connect, e.what()}, now);
  }
}

void dealer_link::fail_with(const error& why, instant now) {
  if (state_ == state::up && now - since_ >= stood) backoff_.reset();
  connection_.reset();
  lost_.reset();
  blocked_ = paused_ = false;
  state_ = state::waiting;
  since_ = now;
  deadline_ = now + backoff_.next(io_.random);
  to_->on_down(id_, why);
}

void dealer_link::send(const message& m) {
  if (state_ != state::up) return;  // its listener knows, or will
  if (connection_->out.push(m)) return pump();
  ++io_.counters.cut_links;
  lost_ = {errc::too_slow, "the other end does not read"};
  hot = true;
}

void dealer_link::drop(const error& why, instant now) {
  if (state_ != state::waiting) fail_with(why, now);
}

void dealer_link::pump() {
  const auto [left, sent] = connection_->out.pump(connection_->socket, {});
  blocked_ = left != outbox::state::empty;
  io_.counters.sent += sent;
  hot = hot || sent > 0;
}

bool dealer_link::serve(instant now) {
  if (state_ == state::waiting) return false;
  read_events(now);
  if (state_ == state::waiting) return false;
  if (state_ == state::up && read_messages()) return true;
  if (lost_) {
    const auto why = *lost_;
    fail_with(why, now);
    return false;
  }
  hot = false;
  // Before it is up nothing is read or sent; what libzmq tells the socket meanwhile would keep its descriptor ready.
  if (state_ == state::connecting) static_cast<void>(connection_->socket.get(zmq::sockopt::events));
  if (blocked_) pump();
  return hot;
}

void dealer_link::read_events(instant now) {
  while (const auto event = connection_->events.next()) {
    if (event->what == ZMQ_EVENT_CONNECTED) {
      connection_->fd = event->value;
      connection_->below.came(event->value, now);
    } else if (event->what != ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
      connection_->below.went(connection_->fd);
      const auto refused = connection_->way ? connection_->way->failure() : std::nullopt;
      if (!lost_)
        lost_ = refused ? error{errc::cannot_connect, *refused}
                        : error_of(event->what, state_ == state::up);
    } else if (state_ == state::connecting) {
      state_ = state::up;
      since_ = now;
      deadline_ = now + io_.options.audit;
      to_->on_up(id_, peer{server_, {}});
    }
  }
}

/// True when the turn's budget is used up.
bool dealer_link::read_messages() {
  for (int i = 0; i < messages_a_turn; ++i) {
    paused_ = unread_->full(io_.options.max_unread);
    if (paused_) return false;  // the network waits for our owner
    auto got = receive_frames(connection_->socket, 2);
    if (got.frames.empty()) return false;
    for (const auto& frame : got.frames) connection_->below.handed(connection_->fd, frame.size());
    const auto head = from_frame(std::move(got.frames[0]), unread_, 256);
    const auto bulk =
        got.frames.size() > 1 ? from_frame(std::move(got.frames[1]), unread_) : shared_bytes{};
    auto m = got.too_many ? expected<message>(fail(errc::malformed, "a message of many frames"))
                          : decode_message(head, bulk);
    if (!m) {
      ++io_.counters.refused_frames;
      ++io_.counters.cut_links;
      lost_ = m.error();
      return false;
    }
    ++io_.counters.received;
    to_->on_message(id_, std::move(*m));
  }
  return true;
}

void dealer_link::tick(instant now) {
  if (state_ == state::waiting && now >= deadline_) return connect(now);
  if (state_ == state::connecting && now >= deadline_)
    return fail_with({errc::cannot_connect, "no answer in time"}, now);
  if (state_ != state::up || now < deadline_) return;
  deadline_ = now + io_.options.audit;
  if (!connection_->below.overfull(io_.options.max_unfinished).empty())
    fail_with({errc::flooding, "a message that does not end"}, now);
}

std::optional<instant> dealer_link::due() const {
  return deadline_;
}

void dealer_link::add_descriptors(std::vector<int>& out) {
  if (!connection_) return;
  out.push_back(connection_->socket.get(zmq::sockopt::fd));
  out.push_back(connection_->events.fd());
}

}  // namespace keyfold::net
