#include "net/beacon.hpp"

#include "crypto/aead.hpp"
#include "crypto/codec.hpp"

namespace keyfold::net {
namespace {

constexpr std::string_view context = "keyfold/v1/beacon";
constexpr std::uint8_t seal_algorithm = 0x12;  ///< the byte of a seal that does not travel
constexpr std::size_t plaintext_size = beacon_size + 1 - aead_overhead;

bytes encode(const beacon& b) {
  writer w;
  w.array(4).uint(1).bin(b.device).uint(b.port).uint(b.time_ms);
  const auto message = std::move(w).take();
  bytes out{static_cast<std::uint8_t>(message.size())};
  append(out, message);
  out.resize(plaintext_size);
  return out;
}

expected<beacon> decode(bytes_view plaintext) {
  const std::size_t size = plaintext[0];
  if (size >= plaintext.size()) return fail(errc::malformed);
  const auto padding = plaintext.subspan(1 + size);
  if (std::any_of(padding.begin(), padding.end(), [](auto b) { return b != 0; }))
    return fail(errc::malformed);
  KEYFOLD_TRY(auto r, reader::parse(plaintext.subspan(1, size)));
  r.array(4);
  const auto version = r.uint();
  if (r.good() && version != 1) return fail(errc::unknown_version);
  beacon out;
  out.device = r.id<device_id>();
  out.port = static_cast<std::uint16_t>(r.uint_up_to(0xffff));
  out.time_ms = r.uint();
  if (out.port == 0 || out.device.is_zero()) r.break_off();
  KEYFOLD_CHECK(r.finish());
  return out;
}

}  // namespace

bytes seal_beacon(const symmetric_key& group, const beacon& b, random_source& random) {
  auto out = seal(group, context, {}, encode(b), random);
  out.erase(out.begin());
  return out;
}

expected<beacon> open_beacon(bytes_view datagram, std::span<const symmetric_key> groups,
                             std::uint64_t now_ms) {
  if (datagram.size() != beacon_size) return fail(errc::malformed);
  bytes sealed{seal_algorithm};
  append(sealed, datagram);
  for (const auto& group : groups.first(std::min(groups.size(), max_beacon_keys))) {
    const auto plaintext = open(group, context, {}, sealed);
    if (!plaintext) continue;
    KEYFOLD_TRY(auto out, decode(plaintext->view()));
    const auto [earlier, later] = std::minmax(out.time_ms, now_ms);
    if (later - earlier > max_clock_difference_ms) return fail(errc::clock_differs);
    return out;
  }
  return fail(errc::bad_seal);
}

}  // namespace keyfold::net
