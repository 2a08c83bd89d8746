// store/feed/entry: headers, entries and their lists.
//   input := which (1) ‖ bytes
#include "store/feed/entry.hpp"
#include "tests/fuzz/target.hpp"

KEYFOLD_FUZZ_TARGET(feed_entry) {
  using namespace keyfold;
  fuzz::input in(data);
  const auto which = in.byte();
  const auto encoded = in.rest();
  switch (which % 4) {
    case 0:
      return fuzz::require_one_encoding(encoded, feed::decode_header, feed::encode_header);
    case 1:
      return fuzz::require_one_encoding(encoded, feed::decode_seen, feed::encode_seen);
    case 2:
      return fuzz::require_one_encoding(encoded, feed::decode_needed, feed::encode_needed);
    default:
      return fuzz::require_one_encoding(encoded, feed::decode_entry, feed::encode_entry);
  }
}
