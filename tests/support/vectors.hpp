// Golden vectors: tests/vectors/NAME.json. Byte strings stand there in hexadecimal.
#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "crypto/bytes.hpp"

namespace keyfold::tests {

/// The rows of `group` in tests/vectors/`file`.json; throws when there are none.
nlohmann::json vectors(std::string_view file, const char* group);
/// The bytes of a hexadecimal string in a vector; throws when it is none.
bytes unhex(const nlohmann::json& text);

}  // namespace keyfold::tests
