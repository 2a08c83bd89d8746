// store/vault/key_file: key files, and the secrets in them under a key that is known here.
//   input := which (1) ‖ file, or: size of the header (2) ‖ header ‖ secrets
#include "crypto/aead.hpp"
#include "store/vault/key_file.hpp"
#include "tests/fuzz/target.hpp"

KEYFOLD_FUZZ_TARGET(vault_key_file) {
  using namespace keyfold;
  static const symmetric_key key;
  fuzz::input in(data);
  if (in.byte() % 2 == 0) {
    const auto file = in.rest();
    const auto opened = vault::open_key_file(file, key);
    fuzz::require(!opened, "a key file is not guessed");
    if (const auto header = vault::read_header(file))
      fuzz::require(header->label.size() <= vault::max_text_size, "its texts are bounded");
    return;
  }
  const auto header = in.part();
  writer w;
  w.array(2).bin(header).bin(seal(key, "keyfold/v1/key-file", header, in.rest(), system_random()));
  const auto file = std::move(w).take();
  const auto opened = vault::open_key_file(file, key);
  if (!opened) return;
  fuzz::require(opened->secrets.relay_address.size() <= vault::max_text_size,
                "its texts are bounded");
  const auto again = vault::read_header(file);
  fuzz::require(again && again->device == opened->header.device, "the header is the same in clear");
}
