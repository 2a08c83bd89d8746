// The limit of open files.
#pragma once

namespace keyfold::apps {

/// As many open files as the system lets us have: connections, and the tables of a database, take one each. False when
/// it stays as it was.
[[nodiscard]] bool raise_descriptor_limit();

}  // namespace keyfold::apps
