#include "net/message.hpp"

#include <array>
#include <cassert>

namespace keyfold::net {
namespace {

using enum message_kind;
using role = message_role;

constexpr std::array kinds{
    kind_facts{hello, role::request, bulk_rule::none, "hello"},
    kind_facts{reply, role::answer, bulk_rule::optional, "reply"},
    kind_facts{refused, role::answer, bulk_rule::none, "refused"},
    kind_facts{ping, role::request, bulk_rule::none, "ping"},
    kind_facts{ledger_pull, role::request, bulk_rule::none, "ledger pull"},
    kind_facts{ledger_append, role::request, bulk_rule::required, "ledger append"},
    kind_facts{ledger_put, role::request, bulk_rule::required, "ledger put"},
    kind_facts{subscribe, role::request, bulk_rule::none, "subscribe"},
    kind_facts{feed_heads, role::request, bulk_rule::none, "feed heads"},
    kind_facts{feed_fence, role::request, bulk_rule::none, "feed fence"},
    kind_facts{feed_push, role::request, bulk_rule::required, "feed push"},
    kind_facts{object_have, role::request, bulk_rule::none, "object have"},
    kind_facts{object_put, role::request, bulk_rule::required, "object put"},
    kind_facts{object_get, role::request, bulk_rule::none, "object get"},
    kind_facts{ledger_advanced, role::event, bulk_rule::none, "ledger advanced"},
    kind_facts{feed_advanced, role::event, bulk_rule::required, "feed advanced"},
    kind_facts{presence, role::event, bulk_rule::none, "presence"},
    kind_facts{invitation, role::event, bulk_rule::none, "invitation"},
    kind_facts{objects_wanted, role::event, bulk_rule::none, "objects wanted"},
    kind_facts{invitation_create, role::request, bulk_rule::none, "invitation create"},
    kind_facts{invitation_list, role::request, bulk_rule::none, "invitation list"},
    kind_facts{invitation_cancel, role::request, bulk_rule::none, "invitation cancel"},
    kind_facts{conduit_open, role::request, bulk_rule::none, "conduit open"},
    kind_facts{conduit_send, role::request, bulk_rule::none, "conduit send"},
    kind_facts{conduit_close, role::request, bulk_rule::none, "conduit close"},
    kind_facts{conduit_event, role::event, bulk_rule::none, "conduit"},
    kind_facts{deliver, role::request, bulk_rule::none, "deliver"},
    kind_facts{delivered, role::event, bulk_rule::none, "delivered"},
    kind_facts{organization_create, role::request, bulk_rule::required, "organization create"},
    kind_facts{organization_adopt, role::request, bulk_rule::optional, "organization adopt"},
};

bool id_fits(const kind_facts& kind, std::uint64_t request_id) {
  if (kind.role == role::event) return request_id == 0;
  return request_id > 0 || kind.kind == refused;
}

bool bulk_fits(const kind_facts& kind, const shared_bytes& bulk) {
  if (kind.bulk == bulk_rule::optional) return true;
  return bulk.empty() == (kind.bulk == bulk_rule::none);
}

expected<void> check_envelope(const message& m) {
  const auto& kind = facts(m.kind);
  if (!id_fits(kind, m.request_id))
    return fail(errc::malformed, "a request id that does not go with the kind");
  if (!bulk_fits(kind, m.bulk))
    return fail(errc::malformed, "a second frame that does not go with the kind");
  return {};
}

template <class Range>
bytes encode_elements(const Range& elements) {
  writer w;
  w.array(elements.size());
  for (const auto& element : elements) w.raw(element);
  return std::move(w).take();
}

}  // namespace

const kind_facts* find_kind(std::uint64_t number) {
  const auto found = std::find_if(kinds.begin(), kinds.end(), [&](const auto& k) {
    return static_cast<std::uint64_t>(k.kind) == number;
  });
  return found == kinds.end() ? nullptr : &*found;
}

const kind_facts& facts(message_kind kind) {
  const auto* found = find_kind(static_cast<std::uint64_t>(kind));
  assert(found != nullptr);
  return *found;
}

bytes encode_head(const message& m) {
  writer w;
  w.array(4).uint(protocol_version).uint(static_cast<std::uint64_t>(m.kind)).uint(m.request_id);
  w.raw(m.body.view());
  return std::move(w).take();
}

expected<void> check_message(const message& m) {
  constexpr std::size_t envelope = 12;  // what encode_head adds to the body, at most
  if (m.body.size() + envelope > max_head_size || m.bulk.size() > max_bulk_size)
    return fail(errc::too_large, "a message beyond the limit of its frames");
  if (m.body.empty()) return fail(errc::malformed, "a message without a body");
  return check_envelope(m);
}

expected<message> decode_message(const shared_bytes& head, const shared_bytes& bulk) {
  if (head.size() > max_head_size || bulk.size() > max_bulk_size)
    return fail(errc::too_large, "a frame beyond its limit");
  KEYFOLD_TRY(auto r, reader::parse(head.view(), {.max_bytes = max_head_size}));
  r.array(4);
  const auto version = r.uint();
  const auto number = r.uint();
  message out;
  out.request_id = r.uint();
  const auto body = r.raw();
  KEYFOLD_CHECK(r.finish());
  if (version != protocol_version)
    return fail(errc::unknown_version, "a message of another version");
  const auto* kind = find_kind(number);
  if (kind == nullptr) return fail(errc::unknown_message, "a message of an unknown kind");
  out.kind = kind->kind;
  out.body = head.part(body);
  out.bulk = bulk;
  KEYFOLD_CHECK(check_envelope(out));
  return out;
}

bytes encode_list(std::span<const bytes_view> elements) {
  return encode_elements(elements);
}
bytes encode_list(std::span<const bytes> elements) {
  return encode_elements(elements);
}

expected<std::vector<bytes_view>> decode_list(bytes_view list, std::size_t max) {
  KEYFOLD_TRY(auto r, reader::parse(list, {.max_bytes = max_bulk_size}));
  const auto count = r.array_up_to(max);
  std::vector<bytes_view> out;
  out.reserve(count);
  for (std::size_t i = 0; i < count; ++i) out.push_back(r.raw());
  KEYFOLD_CHECK(r.finish());
  return out;
}

}  // namespace keyfold::net
