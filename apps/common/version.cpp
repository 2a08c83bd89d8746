#include "apps/common/version.hpp"

namespace keyfold::apps {

const char* version() {
  return KEYFOLD_VERSION;
}
const char* commit() {
  return KEYFOLD_COMMIT;
}

}  // namespace keyfold::apps
