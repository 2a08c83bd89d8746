#include "net/router_port.hpp"

#include <sys/resource.h>

#include "net/bodies.hpp"

namespace keyfold::net {
namespace {

// Tuning
constexpr int messages_a_turn = 256;
constexpr std::size_t message_overhead = 256;  ///< charged for each unread message beside its bytes

/// ZMQ_ZAP_ENFORCE_DOMAIN, which zmq.h declares only among drafts though every libzmq 4.3 has it:
/// without a handler that knows the domain, nobody comes in.
constexpr int zap_enforce_domain = 93;

/// A property that libzmq attached to a received frame; empty when it did not.
std::string property(zmq::message_t& frame, const char* name) {
  const char* value = zmq_msg_gets(frame.handle(), name);
  return value == nullptr ? std::string{} : std::string(value);
}

int descriptor(zmq::message_t& frame) {
  return zmq_msg_get(frame.handle(), ZMQ_SRCFD);
}

std::string address(zmq::message_t& frame) {
  auto out = property(frame, "Peer-Address");
  constexpr std::string_view mapped = "::ffff:";
  return out.starts_with(mapped) ? out.substr(mapped.size()) : out;
}

/// Our links never choose their routing id; who does may want to be taken for another.
bool made_by_libzmq(const std::string& route) {
  return route.size() == 5 && route[0] == '\0';
}

/// How many connections there may be. Each takes two descriptors (libzmq's and our duplicate of it); a
/// quarter of those that the process may have, and 64, are left to everything else.
std::size_t connection_limit(std::size_t max) {
  rlimit allowed{};
  if (getrlimit(RLIMIT_NOFILE, &allowed) != 0 || allowed.rlim_cur == RLIM_INFINITY) return max;
  const auto usable = allowed.rlim_cur - allowed.rlim_cur / 4;
  return std::min<std::size_t>(max, usable > 64 ? (usable - 64) / 2 : 0);
}

zmq::const_buffer buffer(bytes_view data) {
  return {data.data(), data.size()};
}

}  // namespace

router_port::router_port(io_environment& io, link_id id, const std::string& endpoint,
                         const box_key& key, authenticator admits, std::shared_ptr<listener> to)
    : io_(io),
      domain_("keyfold-" + std::to_string(id.value)),
      to_(std::move(to)),
      socket_(io.context, zmq::socket_type::router),
      events_(io.context, socket_, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED) {
  set_common_options(socket_, io.options);
  socket_.set(zmq::sockopt::router_mandatory, true);
  socket_.set(zmq::sockopt::curve_server, true);
  socket_.set(zmq::sockopt::curve_secretkey, buffer(key.secret().view()));
  socket_.set(zmq::sockopt::zap_domain, domain_);
  const int enforce = 1;
  if (zmq_setsockopt(socket_.handle(), zap_enforce_domain, &enforce, sizeof enforce) != 0)
    throw zmq::error_t();
  if (endpoint.find('[') != std::string::npos) socket_.set(zmq::sockopt::ipv6, true);
  io_.policies.add(domain_, std::move(admits));
  try {
    socket_.bind(endpoint);
  } catch (const zmq::error_t&) {
    io_.policies.remove(domain_);
    throw;
  }
}

router_port::~router_port() {
  io_.policies.remove(domain_);
}

std::string router_port::endpoint() const {
  return socket_.get(zmq::sockopt::last_endpoint);
}

bool router_port::serve(instant now) {
  read_events(now);
  if (read_messages(now)) return true;
  forget_disconnected();
  hot = false;
  pump_blocked(now);
  return hot;
}

void router_port::read_events(instant now) {
  while (const auto event = events_.next()) {
    if (event->what == ZMQ_EVENT_ACCEPTED) {
      below_.came(event->value, now);
      const auto surplus = below_.surplus(event->value, connection_limit(io_.options.max_peers));
      if (surplus) below_.shut(*surplus);
    } else {
      below_.went(event->value);
      disconnected_.insert(event->value);
    }
  }
}

/// True when the turn's budget is used up.
bool router_port::read_messages(instant now) {
  for (int i = 0; i < messages_a_turn; ++i) {
    auto got = receive_frames(socket_, 3);  // routing id, head, bulk
    if (got.frames.empty()) return false;
    on_frames(std::move(got), now);
  }
  return true;
}

void router_port::on_frames(received_frames got, instant now) {
  if (got.frames.size() < 2) return void(++io_.counters.refused_frames);
  const auto route = got.frames[0].to_string();
  auto* from = find_or_add(route, got.frames[1], now);
  if (from == nullptr) return void(++io_.counters.refused_frames);
  for (const auto& frame : got.frames) below_.handed(from->fd, frame.size());
  if (from->cut) {
    ++io_.counters.refused_frames;
    return answer_cut(*from);
  }
  deliver(*from, std::move(got), now);
}

/// The link of a message; nullptr when its sender may have none.
router_port::peer_link* router_port::find_or_add(const std::string& route, zmq::message_t& head,
                                                 instant now) {
  const auto user_id = property(head, "User-Id");
  const auto found = by_route_.find(route);
  if (found != by_route_.end()) {
    auto* known = found->second.get();
    return user_id == user_id_of(known->who.key) ? known : nullptr;
  }
  const auto key = key_of_user_id(user_id);
  if (!key || !made_by_libzmq(route) || by_route_.size() >= io_.options.max_peers) return nullptr;
  return add(route, *key, head, now);
}

router_port::peer_link* router_port::add(const std::string& route, const box_public_key& key,
                                         zmq::message_t& head, instant now) {
  const int fd = descriptor(head);
  read_events(now);
  if (const auto former = by_fd_.find(fd); former != by_fd_.end()) {
    // The descriptor is in use again, so the connection that had it is gone.
    disconnected_.erase(fd);
    const error why{errc::disconnected, "the connection was lost"};
    forget(*former->second, &why);
  }
  auto link = std::make_unique<peer_link>(peer_link{io_.new_id(), route, peer{key, address(head)},
                                                    fd, outbox(io_.options.max_queued, io_.wake),
                                                    std::make_shared<byte_meter>(io_.wake)});
  auto* out = link.get();
  by_id_.emplace(out->id, out);
  if (fd >= 0) by_fd_.emplace(fd, out);
  by_route_.emplace(route, std::move(link));
  to_->on_up(out->id, out->who);
  return out;
}

void router_port::deliver(peer_link& from, received_frames got, instant now) {
  const auto head = from_frame(std::move(got.frames[1]), from.unread, message_overhead);
  const auto bulk =
      got.frames.size() > 2 ? from_frame(std::move(got.frames[2]), from.unread) : shared_bytes{};
  if (from.unread->bytes() > io_.options.max_unread)
    return cut(from, {errc::flooding, "more messages than the credits allow"}, true, now);
  auto m = got.too_many ? expected<message>(fail(errc::malformed, "a message of many frames"))
                        : decode_message(head, bulk);
  if (!m) {
    ++io_.counters.refused_frames;
    return cut(from, m.error(), true, now);
  }
  ++io_.counters.received;
  to_->on_message(from.id, std::move(*m));
}

/// Tells a peer that still talks to a session that is gone; if it does not read, never mind.
void router_port::answer_cut(peer_link& from) {
  const error why{errc::session_closed, "this session has ended; connect again"};
  if (from.out.empty() && from.out.push(make_refusal(0, refusal::of(why))))
    static_cast<void>(from.out.pump(socket_, as_bytes(from.route)));
  from.out.clear();
}

void router_port::send(link_id link, const message& m, instant now) {
  const auto found = by_id_.find(link);
  if (found == by_id_.end()) return;  // its listener knows, or will
  auto& to = *found->second;
  if (!to.out.push(m))
    return cut(to, {errc::too_slow, "the peer does not read what is sent to it"}, true, now);
  if (!blocked_.contains(link)) pump(to, now);
}

void router_port::pump(peer_link& to, instant now) {
  const auto [left, sent] = to.out.pump(socket_, as_bytes(to.route));
  io_.counters.sent += sent;
  hot = hot || sent > 0;
  if (left == outbox::state::blocked)
    blocked_.insert(to.id);
  else
    blocked_.erase(to.id);
  if (left == outbox::state::unreachable)
    cut(to, {errc::disconnected, "the connection was lost"}, false, now);
}

void router_port::pump_blocked(instant now) {
  const std::vector<link_id> links(blocked_.begin(), blocked_.end());
  for (const auto link : links)
    if (const auto found = by_id_.find(link); found != by_id_.end()) pump(*found->second, now);
}

void router_port::drop(link_id link, const error& why, instant now) {
  if (const auto found = by_id_.find(link); found != by_id_.end())
    cut(*found->second, why, false, now);
}

void router_port::close(link_id link, instant now) {
  const auto found = by_id_.find(link);
  if (found == by_id_.end()) return;
  auto& closed = *found->second;
  closed.cut = true;
  closed.shut_at = now + io_.options.farewell;
  dropped_.insert(&closed);
  closed.out.clear();
  blocked_.erase(link);
  by_id_.erase(found);
}

void router_port::cut(peer_link& link, const error& why, bool penalize, instant now) {
  const auto id = link.id;
  if (penalize) {
    ++io_.counters.cut_links;
    io_.policies.penalize(link.who.key, now + io_.options.penalty);
  }
  close(id, now);
  if (penalize) below_.shut(link.fd);
  to_->on_down(id, why);
}

/// Removes a link; with `why`, its listener is told if it does not know yet.
void router_port::forget(peer_link& link, const error* why) {
  const auto id = link.id;
  const bool tell = !link.cut && why != nullptr;
  blocked_.erase(id);
  dropped_.erase(&link);
  by_id_.erase(id);
  if (const auto at = by_fd_.find(link.fd); at != by_fd_.end() && at->second == &link)
    by_fd_.erase(at);
  by_route_.erase(std::string(link.route));
  if (tell) to_->on_down(id, *why);
}

void router_port::forget_disconnected() {
  const error why{errc::disconnected, "the connection was lost"};
  for (const int fd : std::exchange(disconnected_, {}))
    if (const auto found = by_fd_.find(fd); found != by_fd_.end()) forget(*found->second, &why);
}

void router_port::tick(instant now) {
  if (now < due_at_) return;
  // A look at a connection takes about a microsecond: at most a hundredth of the time goes into that.
  due_at_ = now + std::max(io_.options.audit, instant(below_.size() / 10));
  read_events(now);
  hot = true;  // events may have come that serve() has to look at
  audit(now);
  shut_dropped(now);
}

/// Shuts connections that say nothing, or send what never becomes a message.
void router_port::audit(instant now) {
  for (const int fd : below_.silent_since(now - io_.options.first_words)) below_.shut(fd);
  auto loads = below_.loads();
  for (auto& each : loads) {
    if (each.bytes > io_.options.max_unfinished) {
      end(each.fd, {errc::flooding, "a message that does not end"}, now);
      each.bytes = 0;
    } else if (const auto peer = by_fd_.find(each.fd); peer != by_fd_.end()) {
      each.bytes += peer->second->unread->bytes() + peer->second->out.bytes();
    }
  }
  shed(std::move(loads), now);
}

/// While all connections together hold too much of our memory, ends those that hold the most: of the
/// address that does so first.
void router_port::shed(std::vector<connections::load> loads, instant now) {
  std::map<std::string, std::uint64_t> by_address;
  std::uint64_t held = 0;
  for (const auto& each : loads) {
    held += each.bytes;
    by_address[each.address] += each.bytes;
  }
  if (held <= io_.options.max_held) return;
  std::ranges::sort(loads, std::greater{}, [&](const connections::load& each) {
    return std::pair(by_address[each.address], each.bytes);
  });
  for (const auto& each : loads) {
    if (held <= io_.options.max_held) return;
    end(each.fd, {errc::flooding, "the relay holds too much, and most for this address"}, now);
    held -= each.bytes;
  }
}

/// Ends a connection and its link, if it has one.
void router_port::end(int fd, const error& why, instant now) {
  const auto peer = by_fd_.find(fd);
  if (peer != by_fd_.end() && !peer->second->cut)
    cut(*peer->second, why, true, now);
  else
    below_.shut(fd);
}

void router_port::shut_dropped(instant now) {
  const std::vector<peer_link*> links(dropped_.begin(), dropped_.end());
  for (auto* link : links)
    if (now >= link->shut_at && !below_.shut(link->fd)) forget(*link, nullptr);
}

void router_port::add_descriptors(std::vector<int>& out) {
  out.push_back(socket_.get(zmq::sockopt::fd));
  out.push_back(events_.fd());
}

}  // namespace keyfold::net
