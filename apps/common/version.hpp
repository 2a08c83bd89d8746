// What this build is.
#pragma once

namespace keyfold::apps {

[[nodiscard]] const char* version();  ///< "0.1.0"
[[nodiscard]] const char*
commit();  ///< of the source, 12 hexadecimal digits; empty outside a checkout

}  // namespace keyfold::apps
