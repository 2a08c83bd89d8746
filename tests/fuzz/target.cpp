#include "tests/fuzz/target.hpp"

#include <cstdlib>
#include <iostream>

namespace keyfold::fuzz {

std::vector<target>& targets() {
  static std::vector<target> all;
  return all;
}

void require(bool holds, std::string_view promise) {
  if (holds) return;
  std::cerr << "broken: " << promise << std::endl;
  std::abort();
}

}  // namespace keyfold::fuzz
