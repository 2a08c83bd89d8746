#include "net/endpoints.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <memory>

#include "crypto/codec.hpp"
#include "crypto/padding.hpp"

namespace keyfold::net {
namespace {

constexpr std::uint64_t version = 1;
constexpr std::string_view notice_context = "keyfold/v1/endpoints";
constexpr std::string_view delivery_context = "keyfold/v1/delivery";
constexpr std::uint64_t smallest_delivery = 512;
constexpr std::size_t max_endpoint_text = 64;
constexpr std::string_view scheme = "tcp://";

error bad_endpoint(const std::string& text) {
  return {errc::malformed, "no endpoint: " + text};
}

/// The address in its usual spelling; nullopt for what is none.
std::optional<std::string> normalized(int family, const std::string& text) {
  unsigned char raw[sizeof(in6_addr)];
  char out[INET6_ADDRSTRLEN];
  if (inet_pton(family, text.c_str(), raw) != 1 ||
      inet_ntop(family, raw, out, sizeof out) == nullptr)
    return std::nullopt;
  return out;
}

/// Unspecified and multicast addresses are no host's.
bool is_of_one_host(const std::string& address) {
  in_addr v4{};
  in6_addr v6{};
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) {
    const auto host = ntohl(v4.s_addr);
    return host != INADDR_ANY && host < 0xe0000000U;
  }
  return inet_pton(AF_INET6, address.c_str(), &v6) == 1 && !IN6_IS_ADDR_UNSPECIFIED(&v6) &&
         !IN6_IS_ADDR_MULTICAST(&v6);
}

bool is_loopback_address(const std::string& address) {
  in_addr v4{};
  in6_addr v6{};
  if (inet_pton(AF_INET, address.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  return inet_pton(AF_INET6, address.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

/// Splits ADDRESS:PORT or [ADDRESS]:PORT.
struct host_port {
  std::string host;
  std::string port;
  int family = AF_INET;
};
std::optional<host_port> split(std::string_view text) {
  if (!text.starts_with(scheme)) return std::nullopt;
  text.remove_prefix(scheme.size());
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  host_port out{std::string(text.substr(0, colon)), std::string(text.substr(colon + 1)), AF_INET};
  if (!out.host.starts_with('[')) return out;
  if (out.host.size() < 3 || !out.host.ends_with(']')) return std::nullopt;
  out.host = out.host.substr(1, out.host.size() - 2);
  out.family = AF_INET6;
  return out;
}

std::optional<std::uint16_t> port_of(const std::string& text) {
  std::uint16_t port = 0;
  const auto* end = text.data() + text.size();
  const auto [stop, problem] = std::from_chars(text.data(), end, port);
  if (problem != std::errc{} || stop != end || port == 0) return std::nullopt;
  return port;
}

bytes encode_notice(const endpoint_notice& n) {
  writer w;
  w.array(6).uint(version).bin(n.organization).bin(n.from).bin(n.to).uint(n.time);
  w.array(n.endpoints.size());
  for (const auto& e : n.endpoints) w.str(to_text(e));
  return std::move(w).take();
}

expected<endpoint_notice> decode_notice(bytes_view data) {
  KEYFOLD_TRY(auto in, reader::parse(data, {.max_bytes = 4096}));
  endpoint_notice out;
  in.array(6);
  const auto found = in.uint();
  if (in.good() && found != version)
    return fail(errc::unknown_version, "a notice of a later version; update Keyfold");
  out.organization = in.id<organization_id>();
  out.from = in.id<device_id>();
  out.to = in.id<device_id>();
  out.time = in.uint();
  const auto count = in.array_up_to(max_endpoints);
  for (std::size_t i = 0; i < count && in.good(); ++i) {
    KEYFOLD_TRY(auto e, parse_endpoint(std::string(in.str(max_endpoint_text))));
    out.endpoints.push_back(std::move(e));
  }
  KEYFOLD_CHECK(in.finish());
  return out;
}

/// The length, the bytes, and zeros.
bytes padded(bytes_view data) {
  bytes out;
  append_u64(out, data.size());
  append(out, data);
  out.resize(static_cast<std::size_t>(padme(out.size(), smallest_delivery)));
  return out;
}
expected<bytes> unpadded(bytes_view data) {
  if (data.size() < 8 || read_u64(data) > data.size() - 8)
    return fail(errc::malformed, "a delivery that does not have its form");
  return to_bytes(data.subspan(8, static_cast<std::size_t>(read_u64(data))));
}

}  // namespace

expected<endpoint> parse_endpoint(const std::string& text) {
  const auto parts = split(text);
  if (!parts) return tl::unexpected(bad_endpoint(text));
  const auto address = normalized(parts->family, parts->host);
  const auto port = port_of(parts->port);
  if (!address || !port || !is_of_one_host(*address)) return tl::unexpected(bad_endpoint(text));
  return endpoint{*address, *port};
}

std::string to_text(const endpoint& e) {
  const bool six = e.address.find(':') != std::string::npos;
  return std::string(scheme) + (six ? "[" + e.address + "]" : e.address) + ":" +
         std::to_string(e.port);
}

bool is_loopback(const endpoint& e) {
  return is_loopback_address(e.address);
}

std::vector<endpoint> reachable_at(const std::string& bound,
                                   std::span<const std::string> addresses) {
  const auto parts = split(bound);
  const auto port = parts ? port_of(parts->port) : std::nullopt;
  if (!port) return {};
  std::vector<endpoint> out;
  const auto add = [&](const std::string& address) {
    if (is_of_one_host(address) && out.size() < max_endpoints) out.push_back({address, *port});
  };
  const bool every4 = parts->family == AF_INET && parts->host == "0.0.0.0";
  const bool every = parts->family == AF_INET6 && normalized(AF_INET6, parts->host) == "::";
  if (!every4 && !every) {
    if (const auto one = normalized(parts->family, parts->host)) add(*one);
    return out;
  }
  for (const bool loopback : {false, true})
    for (const auto& address : addresses) {
      const bool six = address.find(':') != std::string::npos;
      if (is_loopback_address(address) == loopback && (every || !six)) add(address);
    }
  return out;
}

std::vector<endpoint> worth_dialling(std::span<const endpoint> told,
                                     std::span<const std::string> addresses, std::size_t max) {
  const auto is_ours = [&](const endpoint& e) {
    return std::find(addresses.begin(), addresses.end(), e.address) != addresses.end();
  };
  const bool only_loopback = std::all_of(told.begin(), told.end(), is_loopback);
  const bool same_machine = std::any_of(
      told.begin(), told.end(), [&](const endpoint& e) { return !is_loopback(e) && is_ours(e); });
  std::vector<endpoint> out;
  // On the same machine loopback is the shortest way.
  for (const bool loopback : {true, false})
    for (const auto& e : told) {
      if (is_loopback(e) != loopback || out.size() >= max) continue;
      if (loopback && !only_loopback && !same_machine) continue;
      if (!loopback && same_machine) continue;
      out.push_back(e);
    }
  return out;
}

std::vector<std::string> own_addresses() {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> held(list, freeifaddrs);
  std::vector<std::string> out;
  for (const auto* at = list; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || (at->ifa_flags & IFF_UP) == 0) continue;
    char text[INET6_ADDRSTRLEN];
    const void* raw = nullptr;
    if (at->ifa_addr->sa_family == AF_INET)
      raw = &reinterpret_cast<const sockaddr_in*>(at->ifa_addr)->sin_addr;
    if (at->ifa_addr->sa_family == AF_INET6) {
      const auto* six = &reinterpret_cast<const sockaddr_in6*>(at->ifa_addr)->sin6_addr;
      if (!IN6_IS_ADDR_LINKLOCAL(six)) raw = six;
    }
    if (raw != nullptr && inet_ntop(at->ifa_addr->sa_family, raw, text, sizeof text) != nullptr)
      out.emplace_back(text);
  }
  return out;
}

expected<bytes> seal_notice(const endpoint_notice& n, const signing_key& author,
                            const box_public_key& to, random_source& random) {
  const auto said = encode_notice(n);
  writer w;
  w.array(2).bin(said).bin(author.sign(notice_context, said));
  return seal_box(delivery_context, to, padded(std::move(w).take()), random);
}

expected<endpoint_notice> open_notice(
    bytes_view delivery, const box_key& own, organization_id organization, device_id self,
    const std::function<std::optional<signing_public_key>(device_id)>& key_of) {
  KEYFOLD_TRY(const auto opened, open_box(delivery_context, own, delivery));
  KEYFOLD_TRY(const auto inner, unpadded(opened.view()));
  KEYFOLD_TRY(auto in, reader::parse(inner, {.max_bytes = 4096}));
  in.array(2);
  const auto said = in.bin(2048);
  const auto signature = in.bin(signature_size);
  KEYFOLD_CHECK(in.finish());
  KEYFOLD_TRY(auto notice, decode_notice(said));
  const auto key = key_of(notice.from);
  if (!key) return fail(errc::stranger, "a notice by no device of the organization");
  KEYFOLD_CHECK(verify(*key, notice_context, said, signature));
  if (notice.organization != organization)
    return fail(errc::wrong_organization, "a notice of another organization");
  if (notice.to != self) return fail(errc::stranger, "a notice for another device");
  return notice;
}

}  // namespace keyfold::net
