#include "store/ledger/state.hpp"

#include "store/ledger/rules.hpp"

namespace keyfold::ledger {
namespace {

expected<void> check_extends(const certificate& c, organization_id organization,
                             const std::optional<position>& head) {
  if (c.header.organization != organization)
    return fail(errc::wrong_organization, "a certificate of another organization");
  const auto next = head ? head->seq.next() : ledger_seq{0};
  const auto prev = head ? head->hash : certificate_hash{};
  if (c.header.seq != next || c.header.prev != prev)
    return fail(errc::stale_head, "a certificate that does not extend the head; pull first");
  return {};
}

/// The part of `all` that the held ones lack, one attachment at a time.
std::vector<attachments> singly(const attachments& all, const attachments& held) {
  std::vector<attachments> out;
  if (all.rows && !held.rows) out.push_back({all.rows, {}, {}});
  if (all.earlier && !held.earlier) out.push_back({{}, all.earlier, {}});
  if (all.frontier && all.frontier != held.frontier) out.push_back({{}, {}, all.frontier});
  return out;
}

/// Joins a frontier attachment to the one held (of user revoked: parts to parts). True when there
/// is news.
bool join_frontier(std::optional<bytes>& held, const bytes& news, bool parts) {
  auto joined = news;
  if (held && parts) {
    auto all = decode_parts(*held).value_or(frontier_parts{});
    all.merge(decode_parts(news).value_or(frontier_parts{}));
    joined = encode_parts(all);
  }
  if (held && (!parts || *held == joined)) return false;
  held = std::move(joined);
  return true;
}

}  // namespace

state::state(organization_id organization)
    : id_(organization), organization_(std::make_unique<organization_fold>()) {}

state::state(const state& other)
    : id_(other.id_),
      organization_(std::make_unique<organization_fold>(*other.organization_)),
      records_(other.records_),
      scopes_(other.scopes_) {
  for (auto& [id, scope] : scopes_) scope.fold.rebind(*organization_);
}

state& state::operator=(const state& other) {
  if (this != &other) *this = state(other);
  return *this;
}

// Adding.

expected<addition> state::add(const record& r) {
  const auto& c = r.certificate;
  if (c.header.organization != id_)
    return fail(errc::wrong_organization, "a record of another organization");
  if (c.body && hash_of_body(*c.body) != c.header.body_hash)
    return fail(errc::body_mismatch, "a record whose body is not the one its header names");
  if (c.header.seq.value > records_.size())
    return fail(errc::ledger_gap, "a record beyond the head; those between are missing");
  return c.header.seq.value < records_.size() ? fill(r) : append(r);
}

expected<addition> state::append(const record& r) {
  const auto& c = r.certificate;
  if (!c.header.scope && !c.body)
    return fail(errc::body_missing, "an organization's certificate without its body");
  if (records_.empty()) KEYFOLD_CHECK(check_genesis(c));
  KEYFOLD_CHECK(check_relay(r));
  if (!records_.empty() && r.receipt.statement.term < organization_->term())
    return fail(errc::ledger_forked,
                "an earlier relay's receipt for what another relay orders now");
  if (!check_extends(c, id_, head()))
    return fail(errc::ledger_forked, "the relay gave a receipt for what extends another head");
  KEYFOLD_CHECK(check_signed(c));

  addition out;
  out.advanced = true;
  stored s;
  s.record = r;
  s.record.certificate.attached = {};
  take_body(s);
  take_attachments(s, c.attached, out);
  if (c.header.scope) {
    auto& scope = scope_of(*c.header.scope);
    scope.positions.push_back(c.header.seq);
    fold_workspace(scope, s);
  } else {
    fold_organization(s);
  }
  out.refused = s.refused;
  records_.push_back(std::make_shared<const stored>(std::move(s)));
  return out;
}

expected<addition> state::fill(const record& r) {
  const auto& c = r.certificate;
  auto held = at(c.header.seq);
  if (c.hash != held.record.certificate.hash) {
    KEYFOLD_CHECK(check_relay(r));
    return fail(errc::ledger_forked, "there are receipts for two certificates at one position");
  }
  addition out;
  if (c.body && !held.record.certificate.body) {
    held.record.certificate.body = c.body;
    take_body(held);
    out.filled = true;
  }
  const bool body_came = out.filled;
  if (take_attachments(held, c.attached, out)) out.filled = true;
  if (out.filled) records_[c.header.seq.value] = std::make_shared<const stored>(std::move(held));
  if (body_came) refold(scope_of(*c.header.scope));
  out.refused = at(c.header.seq).refused;
  return out;
}

/// The receipt is of a relay of this organization: of a term that stands in the ledger; of term 0
/// for genesis; or of the next term, for a `relay set` by an Administrator, by the key that it names.
expected<void> state::check_relay(const record& r) const {
  const auto& terms = organization_->terms();
  const auto term = r.receipt.statement.term;
  if (term < terms.size()) return check_receipt(r, terms[term].receipt_key);
  const auto& c = r.certificate;
  if (term == terms.size() && c.body && !c.header.scope) {
    const auto b = decode_body(*c.body);
    const auto* founding = b ? std::get_if<genesis>(&b->what) : nullptr;
    if (terms.empty() && founding != nullptr) return check_receipt(r, founding->receipt_key);
    const auto* moved = b ? std::get_if<relay_set>(&b->what) : nullptr;
    if (!terms.empty() && moved != nullptr && check_signed(c) &&
        rules::check_organization(*organization_, c.header, *b))
      return check_receipt(r, moved->receipt_key);
  }
  return fail(errc::bad_receipt, "a receipt of a term that the ledger does not know");
}

expected<void> state::check_genesis(const certificate& c) const {
  if (!c.body) return fail(errc::body_missing, "a genesis without its body");
  KEYFOLD_TRY(const auto b, decode_body(*c.body));
  const auto* what = std::get_if<genesis>(&b.what);
  if (what == nullptr || c.header.seq.value != 0 || c.header.scope || !c.header.prev.is_zero())
    return fail(errc::genesis_misplaced, "a ledger that does not begin with a genesis");
  KEYFOLD_CHECK(check_genesis_signatures(c, *what));
  return rules::check(c.header, *what);
}

/// Who is to have signed: needs the header and the organization's fold before it.
expected<void> state::check_author(const certificate& c) const {
  if (c.header.seq.value == 0) return {};  // genesis was checked whole
  KEYFOLD_CHECK(rules::find_author(*organization_, c.header));
  return {};
}

/// Whether he has. A receipt does not cover signatures, so whoever passes a record on may exchange
/// one: held without effect, it would be without effect here for ever, and nowhere else. So it is
/// none of this ledger until it comes with the right one. (What somebody unknown signed has no
/// effect whatever the signature.)
expected<void> state::check_signed(const certificate& c) const {
  if (c.header.seq.value == 0 || !check_author(c)) return {};
  return check_signature(c, organization_->device(c.header.author)->facts.signing_key);
}

expected<body> state::check_body(const certificate& c) const {
  KEYFOLD_TRY(auto b, decode_body(*c.body));
  KEYFOLD_CHECK(rules::check_scope(c.header, b.what));
  return b;
}

void state::take_body(stored& s) const {
  const auto& c = s.record.certificate;
  if (const auto known = check_author(c); !known) {
    s.flaw = known.error();
    return;
  }
  if (!c.body) return;
  auto b = check_body(c);
  if (b)
    s.body = std::move(*b);
  else
    s.flaw = b.error();
}

bool state::take_attachments(stored& s, const attachments& offered, addition& out) const {
  if (!s.body) return false;
  const bool parts = std::holds_alternative<user_revoked>(s.body->what);
  auto& held = s.record.certificate.attached;
  bool news = false;
  for (const auto& one : singly(offered, held)) {
    if (!check_attachments(*s.body, one, false)) {
      const auto& header = s.record.certificate.header;
      out.incidents.push_back(
          {incident_kind::attachment_mismatch, header.seq, header.scope, {}, {}});
      continue;
    }
    if (one.rows) held.rows = one.rows;
    if (one.earlier) held.earlier = one.earlier;
    const bool joined = one.frontier && join_frontier(held.frontier, *one.frontier, parts);
    if (joined) read_frontiers(s, out);
    news = news || joined || one.rows || one.earlier;
  }
  return news;
}

void state::read_frontiers(stored& s, addition& out) const {
  const auto& c = s.record.certificate;
  const auto* changed = std::get_if<role_changed>(&s.body->what);
  const auto* revoked = std::get_if<user_revoked>(&s.body->what);
  if (changed == nullptr && revoked == nullptr) return;  // no other kind has a frontier
  const auto user = changed != nullptr ? changed->user : revoked->user;
  auto parts = changed != nullptr ? frontier_parts{{*c.header.scope, *c.attached.frontier}}
                                  : decode_parts(*c.attached.frontier).value_or(frontier_parts{});
  const auto devices = [&](device_id id) -> std::optional<device_facts> {
    auto found = find_device(id);
    if (found && found->added >= c.header.seq) found.reset();
    return found;
  };
  for (const auto& [workspace, part] : parts) {
    if (s.frontiers.contains(workspace)) continue;
    auto checked = check_frontier(part, id_, workspace, user, devices);
    if (checked.bad > 0)
      out.incidents.push_back({incident_kind::bad_frontier, c.header.seq, workspace, user, {}});
    s.frontiers.emplace(workspace, std::move(checked.heads));
  }
}

// Folding.

void state::fold_organization(stored& s) {
  const auto& header = s.record.certificate.header;
  s.refused = s.flaw;
  if (!s.refused)
    if (const auto allowed = rules::check_organization(*organization_, header, *s.body); !allowed)
      s.refused = allowed.error();
  if (s.refused) return;
  s.effective = true;
  organization_->apply(header, *s.body);
  if (const auto* revoked = std::get_if<user_revoked>(&s.body->what))
    for (auto& [id, scope] : scopes_) scope.fold.apply_revocation(header.seq, *revoked);
}

void state::fold_workspace(scope_state& scope, stored& s) const {
  const auto& header = s.record.certificate.header;
  s.effective = false;
  s.refused = s.flaw;
  if (s.flaw || scope.missing) return;
  if (!s.body) {
    scope.missing = header.seq;
    return;
  }
  const auto allowed = rules::check_workspace(*organization_, scope.fold, header, *s.body);
  if (!allowed) {
    s.refused = allowed.error();
    return;
  }
  s.effective = true;
  scope.fold.apply(header, *s.body);
}

/// Replays a workspace's certificates, and the revocations between them, in ledger order.
void state::refold(scope_state& scope) {
  scope.fold = workspace_fold(scope.fold.id(), *organization_);
  scope.missing.reset();
  const auto& revocations = organization_->revocations();
  auto next = revocations.begin();
  const auto revoke_until = [&](ledger_seq seq) {
    for (; next != revocations.end() && next->first < seq; ++next)
      scope.fold.apply_revocation(next->first, std::get<user_revoked>(at(next->first).body->what));
  };
  for (const auto seq : scope.positions) {
    revoke_until(seq);
    auto anew = at(seq);
    fold_workspace(scope, anew);
    records_[seq.value] = std::make_shared<const stored>(std::move(anew));
  }
  revoke_until({records_.size()});
}

state::scope_state& state::scope_of(workspace_id id) {
  return scopes_.try_emplace(id, workspace_fold(id, *organization_)).first->second;
}

expected<void> state::check(const certificate& c) const {
  KEYFOLD_CHECK(check_extends(c, id_, head()));
  if (!c.body) return fail(errc::body_missing, "a certificate without its body");
  if (hash_of_body(*c.body) != c.header.body_hash)
    return fail(errc::body_mismatch, "a certificate's body that is not the one its header names");
  if (records_.empty()) return check_genesis(c);
  KEYFOLD_CHECK(check_author(c));
  KEYFOLD_CHECK(check_signed(c));
  KEYFOLD_TRY(const auto b, check_body(c));
  if (std::holds_alternative<unknown_body>(b.what))
    return fail(errc::unknown_kind, "a certificate of a kind that is not known here");
  if (read_only(c.header.scope))
    return fail(errc::update_needed, "read-only here until Keyfold is updated");
  if (!c.header.scope) return rules::check_organization(*organization_, c.header, b);
  const auto scope = scopes_.find(*c.header.scope);
  if (scope == scopes_.end())
    return rules::check_workspace(*organization_, workspace_fold(*c.header.scope, *organization_),
                                  c.header, b);
  if (scope->second.missing)
    return fail(errc::body_missing, "the workspace's certificates are not all here");
  return rules::check_workspace(*organization_, scope->second.fold, c.header, b);
}

}  // namespace keyfold::ledger
