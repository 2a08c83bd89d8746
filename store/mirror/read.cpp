#include "store/mirror/read.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace keyfold::mirror {

namespace {

constexpr std::size_t piece_size = std::size_t{1024} * 1024;
/// Coarser than any kernel's file times: two changes further apart never carry the same time.
constexpr std::int64_t coarsest_tick_ns = 20'000'000;

}  // namespace

expected<facts> read_file(const root& r, const local_path& path, const content_sink& sink,
                          std::int64_t now_ns) {
  // O_NONBLOCK: what was a file at the scan may be a fifo by now.
  KEYFOLD_TRY(const auto file, r.open_path(path, O_RDONLY | O_NONBLOCK));
  KEYFOLD_TRY(const auto before, look(file.get()));
  if (before.facts.kind != node_kind::file || before.odd != oddity::none)
    return fail(errc::changed_while_reading, path + " is no file any more");

  bytes piece(piece_size);
  std::uint64_t size = 0;
  for (;;) {
    const auto n = ::read(file.get(), piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    // Whatever ails the disk there, other files need not wait for this one.
    if (n < 0) return fail(errc::unreadable, "cannot read " + path + ": " + std::strerror(errno));
    if (n == 0) break;
    size += static_cast<std::uint64_t>(n);
    if (size > before.facts.size) break;  // it grows: no need to read on
    KEYFOLD_CHECK(sink(bytes_view(piece).first(static_cast<std::size_t>(n))));
  }
  KEYFOLD_TRY(auto after, look(file.get()));
  if (size != before.facts.size || !unchanged(before.facts, after.facts))
    return fail(errc::changed_while_reading, path + " changed while it was read");
  if (after.facts.ctime_ns + coarsest_tick_ns > now_ns) after.facts.ctime_ns = 0;
  return std::move(after.facts);
}

}  // namespace keyfold::mirror
