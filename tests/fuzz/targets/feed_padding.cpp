// store/feed/entry: the padded plaintext of an entry, which a member can seal as he likes.
//   input := the plaintext
#include "crypto/aead.hpp"
#include "crypto/padding.hpp"
#include "store/feed/entry.hpp"
#include "tests/fuzz/target.hpp"

KEYFOLD_FUZZ_TARGET(feed_padding) {
  using namespace keyfold;
  static const symmetric_key epoch_key;
  static const feed::entry place;
  bytes associated;
  append(associated, place.header.workspace.view());
  append(associated, place.header.device.view());
  append(associated, place.header.generation.view());
  append_u64(associated, place.header.seq.value);
  auto e = place;
  e.ciphertext = seal(derive(epoch_key, "keyfold/v1/entry-key", e.header.salt.view()),
                      "keyfold/v1/entry-payload", associated, data, system_random());
  const auto payload = feed::open_payload(e, epoch_key);
  if (!payload) return;
  bytes again;
  for (int shift = 24; shift >= 0; shift -= 8)
    again.push_back(static_cast<std::uint8_t>(payload->size() >> shift));
  append(again, *payload);
  again.resize(padme(again.size(), 256));
  fuzz::require(again == to_bytes(data), "a payload has one padded form");
  fuzz::require(payload->size() <= feed::max_payload_size, "a payload is bounded");
}
