#include "store/invitation/pairing.hpp"

#include <cassert>

#include "crypto/codec.hpp"
#include "crypto/padding.hpp"
#include "store/invitation/messages.hpp"

namespace keyfold::invitation {
namespace {

constexpr std::string_view commit_context = "keyfold/v1/commit";
constexpr std::string_view mac_context = "keyfold/v1/commit-mac";
constexpr std::string_view transcript_context = "keyfold/v1/transcript";
constexpr std::string_view pairing_context = "keyfold/v1/pairing";
constexpr std::string_view message_context = "keyfold/v1/exchange";
constexpr std::size_t smallest_message = 512;  // the sizes of ok and ack tell nothing

bytes u64_bytes(std::uint64_t value) {
  bytes out;
  append_u64(out, value);
  return out;
}

/// A link secret as a key: padded with zeros.
symmetric_key key_of(const link_secret& secret) {
  symmetric_key out;
  std::copy(secret.view().begin(), secret.view().end(), out.writable().begin());
  return out;
}

}  // namespace

pairing::pairing(party own, const symmetric_key& secret, const hash32& transcript)
    : transcript_(transcript),
      greeter_code_(sas_from(derive(secret, "keyfold/v1/greeter-sas"))),
      guest_code_(sas_from(derive(secret, "keyfold/v1/guest-sas"))) {
  out_.key = derive(secret, "keyfold/v1/greeter-key");
  in_.key = derive(secret, "keyfold/v1/guest-key");
  if (own == party::guest) std::swap(out_, in_);
}

bytes pairing::seal(bytes_view message, random_source& random) {
  bytes padded(4);
  for (std::size_t i = 0; i < 4; ++i)
    padded[i] = static_cast<std::uint8_t>(message.size() >> (24 - 8 * i));
  append(padded, message);
  padded.resize(padme(padded.size(), smallest_message));
  const secret_buffer plain(std::move(padded));  // admit carries a secret key
  return keyfold::seal(out_.key, message_context, u64_bytes(out_.next++), plain.view(), random);
}

expected<secret_buffer> pairing::open(bytes_view sealed) {
  KEYFOLD_TRY(const auto padded,
              keyfold::open(in_.key, message_context, u64_bytes(in_.next), sealed));
  const auto plain = padded.view();
  std::size_t size = 0;
  for (std::size_t i = 0; i < 4 && i < plain.size(); ++i) size = size << 8 | plain[i];
  if (plain.size() < 4 || size > plain.size() - 4)
    return fail(errc::malformed, "a message without its length");
  ++in_.next;
  return secret_buffer(to_bytes(plain.subspan(4, size)));
}

handshake::handshake(party own, const terms& t, std::uint64_t attempt, random_source& random)
    : own_(own), terms_(t), attempt_(attempt), key_(box_key::generate(random)) {
  mine_.key = key_.public_key();
  mine_.nonce = random.id<hash32>();
  mine_.commitment = commitment_of(own_, mine_.key, mine_.nonce);
}

party handshake::other() const {
  return own_ == party::greeter ? party::guest : party::greeter;
}

hash32 handshake::commitment_of(party who, const box_public_key& key, const hash32& nonce) const {
  const std::array role{static_cast<std::uint8_t>(who)};
  return hash(commit_context,
              {role, terms_.token.view(), u64_bytes(attempt_), key.encode(), nonce.view()});
}

symmetric_key handshake::mac_of(party who, const offer& o) const {
  bytes material{static_cast<std::uint8_t>(who)};
  append(material, terms_.token.view());
  append_u64(material, attempt_);
  append(material, o.key.encode());
  append(material, o.commitment.view());
  return derive(key_of(*terms_.secret), mac_context, material);
}

bytes handshake::commit() const {
  writer w;
  w.array(4).uint(static_cast<std::uint64_t>(message_kind::commit));
  w.bin(mine_.key.encode()).bin(mine_.commitment);
  terms_.secret ? w.bin(mac_of(own_, mine_).view()) : w.nil();
  return std::move(w).take();
}

expected<void> handshake::take_commit(bytes_view payload) {
  KEYFOLD_TRY(auto r, reader::parse(payload));
  r.array(4);
  if (r.uint() != static_cast<std::uint64_t>(message_kind::commit)) r.break_off();
  const auto key = r.bin(33);
  offer theirs;
  theirs.commitment = r.id<hash32>();
  const auto mac = r.optional_bin(32);
  KEYFOLD_CHECK(r.finish());
  KEYFOLD_TRY(theirs.key, box_public_key::decode(key));
  if (theirs.key == mine_.key || theirs.commitment == mine_.commitment)
    return fail(errc::reflected_message, "the relay sent our own message back");
  if (terms_.secret && !mac && !terms_.mailed)
    return fail(errc::missing_mac, "the other side does not have the link's secret");
  if (terms_.secret && mac && !equal_constant_time(*mac, mac_of(other(), theirs).view()))
    return fail(errc::bad_mac, "the other side does not have the link's secret");
  with_secret_ = terms_.secret && mac;
  theirs_ = theirs;
  return {};
}

bytes handshake::reveal() const {
  assert(theirs_ && "revealing before the other side has committed itself");
  writer w;
  w.array(2).uint(static_cast<std::uint64_t>(message_kind::reveal)).bin(mine_.nonce);
  return std::move(w).take();
}

hash32 handshake::transcript(const offer& theirs) const {
  const auto& greeter = own_ == party::greeter ? mine_ : theirs;
  const auto& guest = own_ == party::greeter ? theirs : mine_;
  const std::array kind_byte{static_cast<std::uint8_t>(terms_.kind)};
  return hash(transcript_context,
              {terms_.organization.view(), terms_.token.view(), kind_byte, greeter.key.encode(),
               greeter.commitment.view(), greeter.nonce.view(), guest.key.encode(),
               guest.commitment.view(), guest.nonce.view(), u64_bytes(attempt_)});
}

expected<pairing> handshake::take_reveal(bytes_view payload) const {
  assert(theirs_);
  KEYFOLD_TRY(auto r, reader::parse(payload));
  r.array(2);
  if (r.uint() != static_cast<std::uint64_t>(message_kind::reveal)) r.break_off();
  auto theirs = *theirs_;
  theirs.nonce = r.id<hash32>();
  KEYFOLD_CHECK(r.finish());
  if (commitment_of(other(), theirs.key, theirs.nonce) != theirs.commitment)
    return fail(errc::bad_commitment, "the other side did not keep to its commitment");
  KEYFOLD_TRY(const auto shared, shared_secret(key_, theirs.key));
  const auto script = transcript(theirs);
  secret_buffer material([&] {
    bytes out;
    if (with_secret_) append(out, terms_.secret->view());
    append(out, script.view());
    return out;
  }());
  return pairing(own_, derive(shared, pairing_context, material.view()), script);
}

}  // namespace keyfold::invitation
