// net/beacon: datagrams that anybody in the local network sends, and what a member seals in them.
#include "crypto/aead.hpp"
#include "net/beacon.hpp"
#include "tests/fuzz/target.hpp"

KEYFOLD_FUZZ_TARGET(net_beacon) {
  using namespace keyfold;
  static const std::vector<symmetric_key> groups(2);
  fuzz::require(!net::open_beacon(data, groups, 0), "a beacon is not guessed");
  fuzz::input in(data);
  const auto now = in.number(8);
  auto plaintext = to_bytes(in.rest());
  plaintext.resize(120);
  const auto random = seeded_random(1);
  auto sealed = seal(groups[0], "keyfold/v1/beacon", {}, plaintext, *random);
  sealed.erase(sealed.begin());
  const auto opened = net::open_beacon(sealed, groups, now);
  if (!opened) return;
  fuzz::require(opened->port != 0, "a beacon names a port");
  const auto again = seeded_random(1);
  fuzz::require(net::seal_beacon(groups[0], *opened, *again) == sealed,
                "a beacon has one encoding");
}
