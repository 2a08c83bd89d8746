#include "net/tunnel.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <cstring>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "crypto/bytes.hpp"
#include "net/wake.hpp"

namespace keyfold::net {
namespace {

constexpr std::uint8_t version = 5, no_authentication = 0, connect_command = 1;
constexpr std::size_t piece_size = 64 * 1024;
constexpr std::size_t longest_name = 255;

class socket_handle {
 public:
  explicit socket_handle(int fd = -1) : fd_(fd) {}
  socket_handle(socket_handle&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  socket_handle& operator=(socket_handle&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~socket_handle() {
    if (fd_ >= 0) ::close(fd_);
  }
  [[nodiscard]] int get() const { return fd_; }
  explicit operator bool() const { return fd_ >= 0; }

 private:
  int fd_;
};

/// HOST:PORT, an IPv6 address in brackets.
struct host_and_port {
  std::string host, port;
};
host_and_port split(const std::string& text) {
  const auto colon = text.rfind(':');
  auto host = text.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  return {std::move(host), colon == std::string::npos ? "" : text.substr(colon + 1)};
}

/// request := 5 1 0 address u16 port;  address := 1 byte{4} | 4 byte{16} | 3 u8 length byte{length}
bytes request_for(const host_and_port& target) {
  bytes out{version, connect_command, 0};
  std::array<std::uint8_t, 16> address{};
  if (inet_pton(AF_INET, target.host.c_str(), address.data()) == 1) {
    out.push_back(1);
    append(out, bytes_view(address).first(4));
  } else if (inet_pton(AF_INET6, target.host.c_str(), address.data()) == 1) {
    out.push_back(4);
    append(out, address);
  } else {
    out.push_back(3);
    out.push_back(static_cast<std::uint8_t>(target.host.size()));
    append(out, as_bytes(target.host));
  }
  std::uint16_t port = 0;
  std::from_chars(target.port.data(), target.port.data() + target.port.size(), port);
  out.push_back(static_cast<std::uint8_t>(port >> 8));
  out.push_back(static_cast<std::uint8_t>(port & 255));
  return out;
}

std::string meaning_of(std::uint8_t answer) {
  switch (answer) {
    case 2:
      return "does not allow it";
    case 3:
    case 4:
      return "does not reach the other end";
    case 5:
      return "finds nobody there";
    default:
      return "refuses (" + std::to_string(answer) + ")";
  }
}

bool would_block() {
  return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
}

/// Bytes of one direction that are read and not written yet.
struct direction {
  int from, to;
  std::vector<std::uint8_t> held = std::vector<std::uint8_t>(piece_size);
  std::size_t begin = 0, end = 0;

  [[nodiscard]] bool empty() const { return begin == end; }
  /// Reads when there is nothing to write, writes what there is; false at the end of either.
  bool move() {
    if (empty()) {
      const auto got = ::recv(from, held.data(), held.size(), 0);
      if (got <= 0) return got < 0 && would_block();
      begin = 0;
      end = static_cast<std::size_t>(got);
    }
    const auto sent = ::send(to, held.data() + begin, end - begin, MSG_NOSIGNAL);
    if (sent < 0) return would_block();
    begin += static_cast<std::size_t>(sent);
    return true;
  }
};

void send_at_once(int fd) {
  const int yes = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

}  // namespace

/// What the thread works with; it lives as long as the thread or the tunnel, whichever is longer.
class tunnel::worker {
 public:
  worker(socket_handle listening, std::string proxy, const std::string& target,
         std::chrono::milliseconds patience)
      : listening_(std::move(listening)),
        proxy_(std::move(proxy)),
        target_(split(target.substr(target.find("//") + 2))),
        until_(std::chrono::steady_clock::now() + patience) {}

  void run() {
    auto way = through_proxy();
    if (!way) {
      listening_ = socket_handle();  // whoever has connected sees the end
      return;
    }
    if (!await(listening_.get(), POLLIN)) return;
    socket_handle here(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    listening_ = socket_handle();
    if (!here) return;
    send_at_once(here.get());
    pass(here.get(), way.get());
  }
  void stop() {
    stopping_ = true;
    stop_.wake();
  }
  std::optional<std::string> failure() {
    const std::lock_guard lock(mutex_);
    return failure_;
  }

 private:
  socket_handle fail(const std::string& why) {
    const std::lock_guard lock(mutex_);
    failure_ = "the SOCKS proxy " + proxy_ + " " + why;
    return socket_handle();
  }

  /// False when it is to stop, or the time is over.
  bool await(int fd, short event) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        until_ - std::chrono::steady_clock::now());
    std::array<pollfd, 2> fds{{{fd, event, 0}, {stop_.fd(), POLLIN, 0}}};
    const auto patience = std::max<std::int64_t>(left.count(), 0);
    return ::poll(fds.data(), fds.size(), static_cast<int>(patience)) > 0 && !stopping_ &&
           fds[0].revents != 0;
  }
  bool read(int fd, std::uint8_t* to, std::size_t count) {
    while (count > 0) {
      if (!await(fd, POLLIN)) return false;
      const auto got = ::recv(fd, to, count, 0);
      if (got == 0 || (got < 0 && !would_block())) return false;
      if (got < 0) continue;
      to += got;
      count -= static_cast<std::size_t>(got);
    }
    return true;
  }
  /// A few bytes, which the kernel takes at once.
  static bool write(int fd, bytes_view what) {
    return ::send(fd, what.data(), what.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(what.size());
  }

  socket_handle reach_proxy() {
    const auto at = split(proxy_);
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    if (::getaddrinfo(at.host.c_str(), at.port.c_str(), &hints, &found) != 0)
      return fail("is not known");
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
    int problem = ETIMEDOUT;
    for (const auto* each = found; each != nullptr; each = each->ai_next) {
      socket_handle out(::socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      if (::connect(out.get(), each->ai_addr, each->ai_addrlen) != 0) {
        problem = errno;
        if (problem != EINPROGRESS || !await(out.get(), POLLOUT)) continue;
      }
      socklen_t size = sizeof problem;
      ::getsockopt(out.get(), SOL_SOCKET, SO_ERROR, &problem, &size);
      if (problem == 0) return out;
    }
    if (problem == EINPROGRESS) problem = ETIMEDOUT;
    return fail(std::string("does not answer: ") + std::strerror(problem));
  }

  /// A connection of the proxy's to the target; none, and the reason is known.
  socket_handle through_proxy() {
    if (target_.host.empty() || target_.host.size() > longest_name) return fail("cannot be asked");
    auto way = reach_proxy();
    if (!way) return way;
    send_at_once(way.get());
    // greeting := 5 u8 count method{count}, answered by 5 method
    std::array<std::uint8_t, 5> said{};
    if (!write(way.get(), bytes{version, 1, no_authentication}) || !read(way.get(), said.data(), 2))
      return fail("does not answer");
    if (said[0] != version || said[1] != no_authentication) return fail("wants a password");
    // answer := 5 u8 code 0 address u16 port
    if (!write(way.get(), request_for(target_)) || !read(way.get(), said.data(), said.size()))
      return fail("does not answer");
    if (said[0] != version || said[1] != 0) return fail(meaning_of(said[1]));
    const std::size_t address = said[3] == 1 ? 4 : said[3] == 4 ? 16 : std::size_t{1} + said[4];
    bytes rest(address + 2 - 1);  // of which one byte is here already
    if (!read(way.get(), rest.data(), rest.size())) return fail("does not answer");
    return way;
  }

  void pass(int here, int there) {
    direction up{here, there}, down{there, here};
    for (;;) {
      const auto wanted = [](const direction& in, const direction& out) {
        return static_cast<short>((in.empty() ? POLLIN : 0) | (out.empty() ? 0 : POLLOUT));
      };
      std::array<pollfd, 3> fds{
          {{here, wanted(up, down), 0}, {there, wanted(down, up), 0}, {stop_.fd(), POLLIN, 0}}};
      if (::poll(fds.data(), fds.size(), -1) < 0 && errno != EINTR) return;
      if (stopping_ || !up.move() || !down.move()) return;
    }
  }

  socket_handle listening_;
  std::string proxy_;
  host_and_port target_;
  std::chrono::steady_clock::time_point until_;
  waker stop_;
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;
  std::optional<std::string> failure_;
};

expected<tunnel> tunnel::open(const std::string& proxy, const std::string& target,
                              std::chrono::milliseconds patience) {
  socket_handle listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  auto* generic = reinterpret_cast<sockaddr*>(&at);
  if (!listening || ::bind(listening.get(), generic, size) != 0 ||
      ::listen(listening.get(), 1) != 0 || ::getsockname(listening.get(), generic, &size) != 0)
    return fail(errc::cannot_connect,
                std::string("no way to the SOCKS proxy: ") + std::strerror(errno));
  auto work = std::make_shared<worker>(std::move(listening), proxy, target, patience);
  std::thread([work] { work->run(); }).detach();  // looking up a name may take long
  return tunnel("tcp://127.0.0.1:" + std::to_string(ntohs(at.sin_port)), std::move(work));
}

tunnel::~tunnel() {
  if (thread_) thread_->stop();
}

std::optional<std::string> tunnel::failure() const {
  return thread_->failure();
}

}  // namespace keyfold::net
