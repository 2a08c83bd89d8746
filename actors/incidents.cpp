#include "actors/incidents.hpp"

#include <spdlog/spdlog.h>

#include "actors/caf.hpp"

namespace keyfold::actors {

void notice(const std::shared_ptr<incident::book>& book, const incident::report& r) {
  const auto fresh = book ? book->put(r) : expected<bool>(true);
  if (!fresh) spdlog::error("an incident could not be kept: {}", fresh.error().message);
  if (fresh && !*fresh) return;
  const auto level = incident::convicts(r.what) ? spdlog::level::err : spdlog::level::warn;
  spdlog::log(level, "incident {} ({}): {}", to_text(incident::id_of(r)),
              incident::to_string(r.what), incident::message_of(r));
}

std::uint64_t report_time() {
  return static_cast<std::uint64_t>(wall_now().count());
}

}  // namespace keyfold::actors
