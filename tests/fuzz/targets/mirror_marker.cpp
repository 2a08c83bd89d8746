// store/mirror/root: the file `.keyfold` in a mirror, which anybody can write.
#include "store/mirror/root.hpp"
#include "tests/fuzz/target.hpp"

KEYFOLD_FUZZ_TARGET(mirror_marker) {
  using namespace keyfold;
  fuzz::require_one_encoding(data, mirror::decode_marker, mirror::encode_marker);
}
