// TCP on 127.0.0.1.
#pragma once

#include "store/db/file.hpp"

namespace keyfold::apps::lab {

/// A socket that listens there, non-blocking; `errc::cannot_listen`.
[[nodiscard]] expected<db::file> listen_on(std::uint16_t port);
/// Accepts a connection, non-blocking; none when nobody waits.
[[nodiscard]] db::file accept_from(const db::file& listening);
/// Begins to connect, non-blocking; none when that fails at once.
[[nodiscard]] db::file begin_connect(std::uint16_t port);
/// Whether a connection that was begun stands, once its descriptor can be written.
[[nodiscard]] bool has_connected(const db::file& socket);
/// So many free ports outside the range that the system gives to connections; `errc::cannot_listen`.
[[nodiscard]] expected<std::vector<std::uint16_t>> free_ports(std::size_t count);

}  // namespace keyfold::apps::lab
