// The entry that libFuzzer calls; linked with one target.
#include "crypto/random.hpp"
#include "tests/fuzz/target.hpp"

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  keyfold::initialize_crypto();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  keyfold::fuzz::targets().front().run({data, size});
  return 0;
}
