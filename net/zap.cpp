#include "net/zap.hpp"

namespace keyfold::net {
namespace {

constexpr std::size_t max_penalties = 10'000;
enum request_frame : std::size_t { version, request_id, domain, address, identity, mechanism, key };

expected<box_public_key> key_of_raw(bytes_view raw) {
  bytes encoded{0x02};  // the algorithm's byte of a box public key; CURVE sends the 32 bytes alone
  append(encoded, raw);
  return box_public_key::decode(encoded);
}

}  // namespace

void zap_policies::add(const std::string& name, std::function<bool(const box_public_key&)> admits) {
  domains_[name] = std::move(admits);
}

void zap_policies::remove(const std::string& name) {
  domains_.erase(name);
}

void zap_policies::penalize(const box_public_key& key, instant until) {
  penalties_[key] = until;
  if (penalties_.size() <= max_penalties) return;
  penalties_.erase(std::min_element(penalties_.begin(), penalties_.end(),
                                    [](auto& a, auto& b) { return a.second < b.second; }));
}

expected<box_public_key> zap_policies::admit(const std::vector<bytes_view>& request, instant now) {
  if (request.size() != 7 || as_text(request[version]) != "1.0")
    return fail(errc::malformed, "not a ZAP request");
  if (as_text(request[mechanism]) != "CURVE")
    return fail(errc::unknown_algorithm, "only CURVE is spoken here");
  KEYFOLD_TRY(auto peer, key_of_raw(request[key]));
  const auto policy = domains_.find(as_text(request[domain]));
  if (policy == domains_.end()) return fail(errc::key_refused, "nobody listens in that domain");
  const auto penalty = penalties_.find(peer);
  if (penalty != penalties_.end()) {
    if (now < penalty->second) return fail(errc::key_refused, "its last link was cut; try later");
    penalties_.erase(penalty);
  }
  if (!policy->second(peer)) return fail(errc::key_refused, "an unknown key");
  return peer;
}

zap_policies::verdict zap_policies::answer(const std::vector<bytes_view>& request, instant now) {
  const auto peer = admit(request, now);
  const auto text = [](std::string_view t) { return to_bytes(as_bytes(t)); };
  verdict out;
  out.admitted = peer.has_value();
  out.frames = {text("1.0"),
                request.size() > request_id ? to_bytes(request[request_id]) : bytes{},
                text(peer ? "200" : "400"),
                text(peer ? "OK" : peer.error().message),
                text(peer ? user_id_of(*peer) : std::string{}),
                {}};
  return out;
}

expected<box_public_key> key_of_user_id(std::string_view user_id) {
  KEYFOLD_TRY(auto raw, from_hex(user_id));
  return key_of_raw(raw);
}

std::string user_id_of(const box_public_key& key) {
  return to_hex(key.view());
}

}  // namespace keyfold::net
