#include "store/db/format.hpp"

namespace keyfold::db {

expected<void> check_format(store& database, std::uint8_t version) {
  const bytes key{0};
  KEYFOLD_TRY(const auto found, database.get(key));
  if (!found) return database.write({{key, bytes{version}}}, true);
  if (*found == bytes{version}) return {};
  return fail(errc::unknown_version,
              "the data was written by another version of Keyfold, which keeps it in another form");
}

}  // namespace keyfold::db
