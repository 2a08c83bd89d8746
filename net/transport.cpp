#include "net/transport.hpp"

#include <condition_variable>
#include <future>
#include <mutex>
#include <thread>
#include <variant>

#include "net/bodies.hpp"
#include "net/dealer_link.hpp"
#include "net/router_port.hpp"

namespace keyfold::net {
namespace {

instant now() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<instant>(since);
}

// Tuning: a link whose peer is behind is tried at least so often; mostly libzmq wakes us before.
constexpr instant retry_blocked{20};

}  // namespace

authenticator any_key() {
  return [](const box_public_key&) { return true; };
}

void set_common_options(zmq::socket_t& socket, const transport_options& options) {
  const auto ms = [](std::chrono::milliseconds t) { return static_cast<int>(t.count()); };
  socket.set(zmq::sockopt::linger, 0);
  constexpr std::int64_t sealed = 1024;  // what CURVE adds to a frame, and more
  socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(max_bulk_size) + sealed);
  socket.set(zmq::sockopt::handshake_ivl, ms(options.handshake));
  socket.set(zmq::sockopt::heartbeat_ivl, ms(options.heartbeat));
  socket.set(zmq::sockopt::heartbeat_timeout, ms(3 * options.heartbeat));
  socket.set(zmq::sockopt::heartbeat_ttl, ms(3 * options.heartbeat));
  socket.set(zmq::sockopt::sndhwm, 1000);  // the outbox bounds bytes
  socket.set(zmq::sockopt::rcvhwm, 16);    // so a connection holds at most 16 large messages for us
}

/// The I/O thread with its sockets, and the queue by which other threads tell it what to do.
class transport::core {
 public:
  core(const transport_options& options, random_source& random)
      : io_(options, random), zap_(io_.context, zmq::socket_type::rep) {
    zap_.set(zmq::sockopt::linger, 0);
    zap_.bind(zap_endpoint);
    thread_ = std::thread([this] { run(); });
  }

  ~core() {
    stopping_ = true;
    io_.wake->wake();
    thread_.join();
  }

  core(const core&) = delete;
  core& operator=(const core&) = delete;

  /// Something for the I/O thread to do; its cost counts against the queue's bound.
  using task = std::function<void(instant)>;
  bool post(task what, std::size_t cost, bool always = false) {
    bool first = false;
    {
      const std::lock_guard lock(mutex_);
      const bool full = commands_.size() >= io_.options.max_commands ||
                        command_bytes_ + cost > io_.options.max_command_bytes;
      if (full && !always) return false;
      command_bytes_ += cost;
      first = commands_.empty();
      commands_.push_back(std::move(what));
    }
    if (first) io_.wake->wake();  // the others come along
    return true;
  }

  bound listen(const std::string& endpoint, const box_key& key, authenticator admits,
               std::shared_ptr<listener> to) {
    const auto id = io_.new_id();
    auto made =
        std::make_unique<router_port>(io_, id, endpoint, key, std::move(admits), std::move(to));
    auto actual = made->endpoint();
    routers_.emplace(id, std::move(made));
    return {id, std::move(actual)};
  }

  void connect(link_id id, const std::string& endpoint, const box_public_key& server,
               const box_key& key, std::shared_ptr<listener> to, instant at) {
    dealers_.emplace(
        id, std::make_unique<dealer_link>(io_, id, endpoint, server, key, std::move(to), at));
  }

  void send(link_id link, const message& m, instant at) {
    if (const auto dealer = dealers_.find(link); dealer != dealers_.end())
      dealer->second->send(m);
    else if (auto* router = router_of(link))
      router->send(link, m, at);
  }

  void drop(link_id link, const error& why, instant at) {
    if (const auto dealer = dealers_.find(link); dealer != dealers_.end())
      dealer->second->drop(why, at);
    else if (auto* router = router_of(link))
      router->drop(link, why, at);
  }

  void close(link_id link, instant at) {
    if (dealers_.erase(link) > 0 || routers_.erase(link) > 0) return;
    if (auto* router = router_of(link)) router->close(link, at);
  }

  io_environment io_;

 private:
  router_port* router_of(link_id link) {
    for (auto& [id, router] : routers_)
      if (router->has(link)) return router.get();
    return nullptr;
  }

  template <class Use>
  void for_each_port(Use use) {
    for (auto& [id, p] : routers_) use(*p);
    for (auto& [id, p] : dealers_) use(*p);
  }

  void run() {
    while (!stopping_) {
      io_.wake->clear();
      run_commands();
      bool busy = serve_zap();
      const auto at = now();
      for_each_port([&](port& p) {
        p.tick(at);
        if (p.hot || p.blocked()) busy = p.serve(at) || busy;
      });
      if (!busy) wait();
    }
    dealers_.clear();
    routers_.clear();
    zap_.close();
  }

  void run_commands() {
    std::vector<task> commands;
    {
      const std::lock_guard lock(mutex_);
      commands.swap(commands_);
      command_bytes_ = 0;
    }
    const auto at = now();
    for (auto& command : commands) command(at);
  }

  /// Answers every handshake that waits.
  bool serve_zap() {
    for (;;) {
      auto got = receive_frames(zap_, 8);
      if (got.frames.empty()) return false;
      std::vector<bytes_view> request;
      for (const auto& frame : got.frames)
        request.emplace_back(static_cast<const std::uint8_t*>(frame.data()), frame.size());
      const auto verdict = io_.policies.answer(request, now());
      if (!verdict.admitted) ++io_.counters.refused_keys;
      for (std::size_t i = 0; i < verdict.frames.size(); ++i) {
        const auto& frame = verdict.frames[i];
        const bool last = i + 1 == verdict.frames.size();
        zap_.send(zmq::buffer(frame), last ? zmq::send_flags::none : zmq::send_flags::sndmore);
      }
    }
  }

  /// Sleeps until a socket, a command or a timer needs us.
  void wait() {
    std::vector<int> fds{io_.wake->fd(), zap_.get(zmq::sockopt::fd)};
    std::vector<std::pair<port*, std::size_t>> owners;  // port, end of its descriptors in fds
    std::optional<instant> due;
    const auto at = now();
    for_each_port([&](port& p) {
      p.add_descriptors(fds);
      owners.emplace_back(&p, fds.size());
      if (const auto d = p.due()) due = due ? std::min(*due, *d) : *d;
      if (p.blocked()) due = due ? std::min(*due, at + retry_blocked) : at + retry_blocked;
    });
    std::vector<pollfd> polled;
    polled.reserve(fds.size());
    for (const int fd : fds) polled.push_back({fd, POLLIN, 0});
    const auto timeout = due ? std::clamp(*due - at, instant{0}, instant{60'000}) : instant{60'000};
    ::poll(polled.data(), polled.size(), static_cast<int>(timeout.count()));
    std::size_t i = 2;
    for (auto& [p, end] : owners)
      for (; i < end; ++i) p->hot = p->hot || polled[i].revents != 0;
  }

  zmq::socket_t zap_;
  std::unordered_map<link_id, std::unique_ptr<router_port>> routers_;
  std::unordered_map<link_id, std::unique_ptr<dealer_link>> dealers_;
  std::mutex mutex_;
  std::vector<task> commands_;
  std::size_t command_bytes_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

transport::transport(const transport_options& options, random_source& random)
    : core_(std::make_unique<core>(options, random)) {}

transport::~transport() = default;

expected<transport::bound> transport::listen(const std::string& endpoint, const box_key& key,
                                             authenticator admits, std::shared_ptr<listener> to) {
  // Shared, since the I/O thread may still be within set_value() when the caller is gone.
  const auto done = std::make_shared<std::promise<expected<bound>>>();
  auto result = done->get_future();
  core_->post(
      [this, done, endpoint, key, admits = std::move(admits), to = std::move(to)](instant) {
        try {
          done->set_value(core_->listen(endpoint, key, admits, to));
        } catch (const zmq::error_t& e) {
          done->set_value(fail(errc::cannot_listen, endpoint + ": " + e.what()));
        }
      },
      0, true);
  return result.get();
}

expected<link_id> transport::connect(const std::string& endpoint, const box_public_key& server,
                                     const box_key& key, std::shared_ptr<listener> to) {
  const auto id = core_->io_.new_id();
  const bool posted =
      core_->post([core = core_.get(), id, endpoint, server, key, to = std::move(to)](
                      instant at) { core->connect(id, endpoint, server, key, to, at); },
                  0);
  if (!posted) return fail(errc::queue_full, "the I/O thread is behind");
  return id;
}

expected<void> transport::send(link_id link, const message& m) {
  KEYFOLD_CHECK(check_message(m));
  const bool posted =
      core_->post([core = core_.get(), link, m](instant at) { core->send(link, m, at); }, m.size());
  if (!posted) return fail(errc::queue_full, "the I/O thread is behind");
  return {};
}

void transport::drop(link_id link, const error& why) {
  core_->post([core = core_.get(), link, why](instant at) { core->drop(link, why, at); }, 0, true);
}

void transport::close(link_id link) {
  core_->post([core = core_.get(), link](instant at) { core->close(link, at); }, 0, true);
}

transport::statistics transport::stats() const {
  const auto& c = core_->io_.counters;
  return {c.sent, c.received, c.refused_frames, c.refused_keys, c.cut_links};
}

}  // namespace keyfold::net
