// The one main() of the unit tests: Catch2 after libsodium.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include "crypto/random.hpp"

int main(int argc, char** argv) {
  keyfold::initialize_crypto();
  return Catch::Session().run(argc, argv);
}
