#include "tests/support/vectors.hpp"

#include <fstream>
#include <stdexcept>

namespace keyfold::tests {

nlohmann::json vectors(std::string_view file, const char* group) {
  const auto path = std::string(KEYFOLD_TEST_VECTORS "/").append(file).append(".json");
  std::ifstream in(path);
  if (!in) throw std::runtime_error("cannot read " + path);
  return nlohmann::json::parse(in).at(group);
}

bytes unhex(const nlohmann::json& text) {
  auto out = from_hex(text.get<std::string>());
  if (!out) throw std::runtime_error("not hexadecimal: " + text.dump());
  return std::move(*out);
}

}  // namespace keyfold::tests
