#include "net/wake.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <system_error>

namespace keyfold::net {

waker::waker() : fd_(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
  if (fd_ < 0) throw std::system_error(errno, std::generic_category(), "eventfd");
}

waker::~waker() {
  ::close(fd_);
}

void waker::wake() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written =
      ::write(fd_, &one, sizeof one);  // fails only when it is awake
}

void waker::clear() const {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(fd_, &count, sizeof count);
}

}  // namespace keyfold::net
