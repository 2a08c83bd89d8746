// What an actor does when it notices an incident: says it in the log, and keeps it.
#pragma once

#include <memory>

#include "store/incident/book.hpp"
#include "store/incident/make.hpp"

namespace keyfold::actors {

/// Logs the incident and keeps it, unless it is known already. The book may be missing (in tests). A disk that fails
/// here is logged alone: whatever was noticed will be noticed again.
void notice(const std::shared_ptr<incident::book>& book, const incident::report& r);

/// The wall clock, as reports say it.
[[nodiscard]] std::uint64_t report_time();

}  // namespace keyfold::actors
