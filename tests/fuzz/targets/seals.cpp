// crypto: what nobody sealed or signed does not open, and keys have one encoding.
#include "crypto/aead.hpp"
#include "crypto/box.hpp"
#include "crypto/sign.hpp"
#include "crypto/stream.hpp"
#include "tests/fuzz/target.hpp"

KEYFOLD_FUZZ_TARGET(seals) {
  using namespace keyfold;
  static const symmetric_key key;
  static const box_key recipient{box_secret_key{}};
  static const signing_key author{signing_seed{}};
  fuzz::require(!open(key, "keyfold/v1/fuzz", {}, data), "a seal is not guessed");
  fuzz::require(!open_box("keyfold/v1/fuzz", recipient, data), "a box is not guessed");
  fuzz::require(!open_stream(key, data), "a stream is not guessed");
  fuzz::require(!open_cell(key, data.size(), data.size() % 2 == 0, data), "a cell is not guessed");
  fuzz::require(!verify(author.public_key(), "keyfold/v1/fuzz", {}, data),
                "a signature is not guessed");
  const auto encode = [](const auto& k) { return k.encode(); };
  fuzz::require_one_encoding(data, signing_public_key::decode, encode);
  fuzz::require_one_encoding(data, box_public_key::decode, encode);
  if (const auto other = box_public_key::decode(data))
    fuzz::require(shared_secret(recipient, *other).has_value(), "a key that decodes can be used");
}
