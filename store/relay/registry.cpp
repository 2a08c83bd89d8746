#include "store/relay/registry.hpp"

#include "crypto/codec.hpp"
#include "crypto/hash.hpp"
#include "store/ledger/sealing.hpp"

namespace keyfold::relay {
namespace {

constexpr std::string_view name_context = "keyfold/v1/relay-name";
constexpr std::string_view token_context = "keyfold/v1/relay-creation-token";
const bytes identity_key{'k'};

bytes row_key(char part, bytes_view rest) {
  bytes out{static_cast<std::uint8_t>(part)};
  append(out, rest);
  return out;
}

bytes name_key(std::string_view name) {
  return row_key('n', hash(name_context, as_bytes(name)).view());
}

bytes token_key(const invitation::creation_token& token) {
  return row_key('t', hash(token_context, token.view()).view());
}

expected<registered> decode(organization_id id, bytes_view value) {
  KEYFOLD_TRY(auto r, reader::parse(value));
  registered out{id, {}, false, {}};
  r.array(4);
  r.uint();
  out.name = r.str(ledger::max_name_size);
  out.frozen = r.boolean();
  out.created = timestamp(static_cast<timestamp::rep>(r.uint_up_to(INT64_MAX)));
  KEYFOLD_CHECK(r.finish());
  return out;
}

identity make_identity(db::view& state, random_source& random) {
  identity out{box_key::generate(random), signing_key::generate(random)};
  writer w;
  w.array(3).uint(1).bin(out.link.secret().view()).bin(out.receipt_key.seed().view());
  state.put(identity_key, std::move(w).take());
  return out;
}

expected<identity> decode_identity(bytes_view value) {
  KEYFOLD_TRY(auto r, reader::parse(value));
  r.array(3);
  if (r.uint() != 1 && r.good()) return fail(errc::unknown_version, "keys of a later version");
  const auto link = r.bin(32);
  const auto seed = r.bin(32);
  KEYFOLD_CHECK(r.finish());
  KEYFOLD_TRY(const auto link_secret, box_secret_key::from(link));
  KEYFOLD_TRY(const auto receipt_seed, signing_seed::from(seed));
  return identity{box_key(link_secret), signing_key(receipt_seed)};
}

}  // namespace

expected<identity> load_identity(db::view& state, random_source& random) {
  const auto stored = state.get(identity_key);
  if (!stored) return make_identity(state, random);
  auto out = decode_identity(*stored);
  if (!out) return fail(errc::damaged, "the relay's own keys cannot be read; bring back a backup");
  return out;
}

bytes registry::part_of(organization_id id) {
  return row_key('d', id.view());
}

void registry::put(const registered& r) {
  writer w;
  w.array(4).uint(1).str(r.name).boolean(r.frozen).uint(
      static_cast<std::uint64_t>(r.created.count()));
  state_.put(row_key('o', r.id.view()), std::move(w).take());
}

std::vector<registered> registry::list() const {
  std::vector<registered> out;
  state_.scan(row_key('o', {}), {}, [&](bytes_view key, bytes_view value) {
    organization_id id;
    if (key.size() != 1 + organization_id::size) return true;
    std::copy(key.begin() + 1, key.end(), id.value.begin());
    if (auto row = decode(id, value)) out.push_back(std::move(*row));
    return true;
  });
  return out;
}

std::optional<registered> registry::find(organization_id id) const {
  const auto stored = state_.get(row_key('o', id.view()));
  if (!stored) return std::nullopt;
  auto row = decode(id, *stored);
  if (!row) return std::nullopt;
  return std::move(*row);
}

std::optional<registered> registry::find(std::string_view name) const {
  const auto stored = state_.get(name_key(name));
  if (!stored || stored->size() != organization_id::size) return std::nullopt;
  organization_id id;
  std::copy(stored->begin(), stored->end(), id.value.begin());
  return find(id);
}

expected<invitation::creation_token> registry::create_token(std::string_view name, timestamp now,
                                                            random_source& random) {
  if (!ledger::is_plain_text(name, ledger::max_name_size, "/:"))
    return fail(errc::bad_organization_name, "not a name that an organization may have");
  if (find(name)) return fail(errc::organization_exists, "there is an organization of that name");
  const auto token = random.id<invitation::creation_token>();
  writer w;
  w.array(3).uint(1).str(name).uint(
      static_cast<std::uint64_t>((now + creation_token_life).count()));
  state_.put(token_key(token), std::move(w).take());
  return token;
}

expected<void> registry::check_token(std::string_view name_wanted,
                                     const std::optional<invitation::creation_token>& token,
                                     timestamp now) const {
  if (!token) {
    if (open_) return {};
    return fail(errc::creation_refused, "this relay wants a creation link of its operator");
  }
  const auto stored = state_.get(token_key(*token));
  if (!stored)
    return fail(errc::creation_refused, "the creation link has been used, or was never given");
  KEYFOLD_TRY(auto r, reader::parse(*stored));
  r.array(3);
  r.uint();
  const auto name = r.str(ledger::max_name_size);
  const auto expires = r.uint_up_to(INT64_MAX);
  KEYFOLD_CHECK(r.finish());
  if (name != name_wanted)
    return fail(errc::creation_refused, "the creation link is for another name");
  if (timestamp(static_cast<timestamp::rep>(expires)) <= now)
    return fail(errc::creation_refused, "the creation link has expired");
  return {};
}

expected<registry::created> registry::create(const creation& request, const std::string& address,
                                             const signing_key& receipt_key, timestamp now,
                                             random_source& random) {
  KEYFOLD_CHECK(creations_.take(address, now));
  KEYFOLD_CHECK(check_token(request.name, request.token, now));
  KEYFOLD_TRY(const auto genesis, ledger::decode_certificate(request.genesis));
  const auto id = genesis.header.organization;
  if (find(id) || find(request.name))
    return fail(errc::organization_exists, "there is an organization of that name already");
  if (list().size() >= max_organizations)
    return fail(errc::creation_refused, "this relay has as many organizations as it takes");
  KEYFOLD_TRY(const auto founding, genesis_of(genesis));
  if (founding.name != request.name)
    return fail(errc::creation_refused, "the genesis certificate has another name");
  db::prefixed part(state_, part_of(id));
  KEYFOLD_TRY(const auto founded, organization::found(part, genesis, receipt_key, random));
  put({id, request.name, false, now});
  state_.put(name_key(request.name), id.view());
  if (request.token) state_.erase(token_key(*request.token));
  return created{id, founded->genesis_receipt()};
}

/// A move is a creation: somebody must be allowed to, and the name must be free.
expected<void> registry::begin_move(const move& request, const std::string& address,
                                    timestamp now) {
  KEYFOLD_CHECK(creations_.take(address, now));
  if (request.records.empty()) return fail(errc::ledger_gap, "a ledger without its genesis");
  KEYFOLD_TRY(const auto first, ledger::decode_record(request.records.front()));
  KEYFOLD_TRY(const auto founding, genesis_of(first.certificate));
  KEYFOLD_CHECK(check_token(founding.name, request.token, now));
  if (find(founding.name))
    return fail(errc::organization_exists, "there is an organization of that name already");
  std::size_t begun = 0;
  state_.scan(row_key('a', {}), {}, [&](bytes_view, bytes_view) { return ++begun < max_moves; });
  if (begun >= max_moves || list().size() >= max_organizations)
    return fail(errc::creation_refused, "this relay has as many organizations as it takes");
  state_.put(row_key('a', request.id.view()), {});
  return {};
}

expected<adoption*> registry::open_move(organization_id id) {
  if (!moving_ || moving_->id != id) {
    auto opened = std::make_unique<moving>(state_, id);
    KEYFOLD_TRY(opened->core, adoption::open(opened->part, id));
    moving_ = std::move(opened);
  }
  return moving_->core.get();
}

expected<registry::moved> registry::adopt(const move& request, const std::string& address,
                                          const signing_key& receipt_key, timestamp now,
                                          random_source& random) {
  if (request.records.size() > max_put_records)
    return fail(errc::too_large, "too many records at once");
  if (find(request.id)) return fail(errc::organization_exists, "the organization is here already");
  if (!state_.get(row_key('a', request.id.view())))
    KEYFOLD_CHECK(begin_move(request, address, now));
  KEYFOLD_TRY(auto* coming, open_move(request.id));
  moved out;
  KEYFOLD_TRY(out.taken, coming->take(request.records));
  if (request.relay_set) {
    KEYFOLD_TRY(out.receipt, coming->append(*request.relay_set, receipt_key, random));
  }
  if (!coming->ledger().head()) return fail(errc::ledger_gap, "a ledger without its genesis");
  out.head = coming->ledger().head()->seq;
  out.whole = coming->is_whole(receipt_key.public_key());
  if (!out.whole) return out;
  const auto& name = coming->ledger().organization().name();
  if (find(name))
    return fail(errc::organization_exists, "there is an organization of that name already");
  put({request.id, name, false, now});
  state_.put(name_key(name), request.id.view());
  state_.erase(row_key('a', request.id.view()));
  if (request.token) state_.erase(token_key(*request.token));
  moving_.reset();
  return out;
}

expected<ledger::signed_statement> registry::greet_creator(organization_id id, const hash32& nonce,
                                                           const signing_key& receipt_key,
                                                           random_source& random) const {
  if (find(id)) return fail(errc::organization_exists, "the organization is here already");
  // The organization does not exist, so there is no counter of its own yet; nothing is ever held
  // against a statement about a head of zero under an incarnation used once.
  ledger::statement said;
  said.organization = id;
  said.incarnation = random.id<incarnation_id>();
  said.nonce = nonce;
  return ledger::sign_statement(said, receipt_key);
}

expected<void> registry::set_frozen(organization_id id, bool frozen) {
  auto row = find(id);
  if (!row) return fail(errc::organization_unknown, "there is no such organization");
  row->frozen = frozen;
  put(*row);
  return {};
}

}  // namespace keyfold::relay
