// Reads a file of a mirror for publishing, so that no torn version leaves the device: the facts
// before and after must agree.
#pragma once

#include "store/mirror/apply.hpp"

namespace keyfold::mirror {

/// Streams the file's bytes into `sink`, beneath the root and through no symlink, and gives the
/// facts that base shall remember: ctime is 0 (read it again) when the file changed so recently
/// that a further change could carry the same time. `errc::changed_while_reading` (try again
/// later), `errc::not_found`, `errc::unreadable`, `errc::unsafe_path`; or the sink's failure.
[[nodiscard]] expected<facts> read_file(const root& r, const local_path& path,
                                        const content_sink& sink, std::int64_t now_ns);

}  // namespace keyfold::mirror
