// What the sockets of one transport share. Only the I/O thread touches it, but for the atomics.
#pragma once

#include <poll.h>

#include <optional>
#include <zmq.hpp>

#include "net/transport.hpp"
#include "net/wake.hpp"
#include "net/zap.hpp"

namespace keyfold::net {

struct io_counters {
  std::atomic<std::uint64_t> sent{0};
  std::atomic<std::uint64_t> received{0};
  std::atomic<std::uint64_t> refused_frames{0};
  std::atomic<std::uint64_t> refused_keys{0};
  std::atomic<std::uint64_t> cut_links{0};
};

struct io_environment {
  io_environment(const transport_options& o, random_source& r) : options(o), random(r) {
    context.set(zmq::ctxopt::max_sockets, 16'384);
    context.set(zmq::ctxopt::io_threads, options.zmq_threads);
  }

  transport_options options;
  random_source& random;
  zmq::context_t context;
  std::shared_ptr<const waker> wake = std::make_shared<const waker>();
  zap_policies policies;
  io_counters counters;
  std::atomic<std::uint64_t> last_id{0};

  [[nodiscard]] link_id new_id() { return {++last_id}; }
};

/// One socket of a transport with its monitor. ZeroMQ signals readiness only at its edges, so a
/// port stays hot, and is served again, until it has found nothing more to do.
class port {
 public:
  virtual ~port() = default;
  /// Reads and writes what is possible now, within a budget; true when there may be more.
  virtual bool serve(instant now) = 0;
  /// Does what is due by time.
  virtual void tick(instant now) = 0;
  /// When tick() is needed; nullopt: no timer runs.
  [[nodiscard]] virtual std::optional<instant> due() const = 0;
  /// True while a peer cannot take what is queued for it.
  [[nodiscard]] virtual bool blocked() const = 0;
  /// The descriptors whose readiness means serve().
  virtual void add_descriptors(std::vector<int>& out) = 0;

  bool hot = true;
};

/// What every socket of ours has, before it is bound or connected.
void set_common_options(zmq::socket_t& socket, const transport_options& options);

}  // namespace keyfold::net
