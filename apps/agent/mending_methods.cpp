// org.mend: two lines of the ledger have receipts, no rule decides, and a person does (LEDGER, "Two lines").
#include "actors/rebuild.hpp"
#include "actors/replies.hpp"
#include "apps/agent/api.hpp"
#include "apps/agent/relay_visit.hpp"
#include "store/ledger/lacking.hpp"

namespace keyfold::apps {
namespace {

/// The first position where the relay's record is another than ours; nullopt: one line is the other's beginning.
expected<std::optional<ledger_seq>> find_fork(const relay_asker& relay, const ledger::state& own) {
  if (!own.head()) return std::nullopt;
  KEYFOLD_TRY(const auto last, pull_records(relay, own.head()->seq, 1));
  ledger_seq same{0};  // genesis: the organization's id is that of its root key
  auto other = std::min(last.head, own.head()->seq).next();
  const auto end = other;
  while (same.next() < other) {
    const ledger_seq middle{same.value + (other.value - same.value) / 2};
    KEYFOLD_TRY(const auto there, pull_records(relay, middle, 1));
    if (there.records.empty() || there.records.front().certificate.header.seq != middle)
      return fail(errc::malformed, "the relay does not give its records in order");
    (there.records.front().certificate.hash == *own.hash_at(middle) ? same : other) = middle;
  }
  if (other == end) return std::nullopt;
  return other;
}

/// Both lines, verified, from where they part.
struct two_lines {
  ledger_seq fork;
  ledger::state theirs;
};

expected<two_lines> compare(const relay_asker& relay, const ledger::state& own) {
  KEYFOLD_TRY(const auto fork, find_fork(relay, own));
  if (!fork) return fail(errc::nothing_changed, "there is one line of the ledger: nothing to mend");
  two_lines out{*fork, ledger::state(own.id())};
  for (ledger_seq seq{0}; seq < *fork; seq = seq.next())
    KEYFOLD_CHECK(out.theirs.add(*own.record_at(seq)));
  for (auto from = *fork;;) {
    KEYFOLD_TRY(const auto more, pull_records(relay, from));
    if (more.records.empty()) return out;
    for (const auto& record : more.records) KEYFOLD_CHECK(out.theirs.add(record));
    KEYFOLD_TRY(from, ledger::next_pull(out.theirs, from));
  }
}

json row_of(const ledger::record& record, const ledger::state& s, const ledger::keyring& keys) {
  const auto& header = record.certificate.header;
  const auto body = record.certificate.body ? ledger::decode_body(*record.certificate.body)
                                            : fail(errc::body_missing);
  const auto* device = s.organization().device(header.author);
  const auto* user = device != nullptr ? s.organization().user(device->facts.user) : nullptr;
  const auto handle = user != nullptr ? keys.handle_of(*user) : fail(errc::user_unknown);
  return {{"position", header.seq.value},
          {"kind", body ? json(ledger::kind_name(body->what)) : json(nullptr)},
          {"when", body ? json(time_of_ms(body->time_ms)) : json(nullptr)},
          {"email", handle ? json(handle->email) : json(nullptr)},
          {"device", to_text(header.author)},
          {"term", record.receipt.statement.term}};
}

json rows_from(ledger_seq from, const ledger::state& s, const ledger::keyring& keys) {
  auto out = json::array();
  for (auto seq = from; seq.value < s.size(); seq = seq.next())
    out.push_back(row_of(*s.record_at(seq), s, keys));
  return out;
}

/// Workspaces that stand in our line alone.
std::vector<workspace_id> ours_alone(const ledger::state& own, const ledger::state& theirs) {
  std::vector<workspace_id> out;
  for (const auto& id : own.workspaces())
    if (theirs.positions(id).empty()) out.push_back(id);
  return out;
}

/// Nothing that a person saved may become unreachable: what stands in such a workspace must lie in a mirror.
expected<void> check_nothing_lost(api_context& context, const actors::device_facts& device,
                                  const ledger::state& theirs) {
  std::string names;
  for (const auto& id : ours_alone(device.ledger->state, theirs)) {
    const auto running = device.workspaces.find(id);
    if (running == device.workspaces.end()) continue;
    KEYFOLD_TRY(const auto status, context.agent_of.ask<actors::workspace_status>(
                                       running->second, actors::get_workspace_status{}));
    if (status.total_files == 0 || (status.mirror && status.down == 0 && !status.trouble)) continue;
    const auto* fold = device.ledger->state.workspace(id);
    names += (names.empty() ? "" : ", ") + device.ledger->keys.name_of(*fold).value_or(to_text(id));
  }
  if (names.empty()) return {};
  return fail(errc::only_here, "only in the line that is to be given up: " + names +
                                   "; copy what is in there (keyfold get), then empty them");
}

expected<void> check_self_in(const actors::device_facts& device, const ledger::state& theirs) {
  const auto* self = theirs.organization().device(device.device);
  if (self == nullptr || theirs.organization().user(self->facts.user)->revoked)
    return fail(errc::stranger, "this device has no place in that line: invite it anew there");
  return {};
}

/// The other line takes the place of ours: the database is set aside, and the next one begins with it.
expected<std::string> take_theirs(api_context& context, const actors::device_facts& device,
                                  const two_lines& lines) {
  KEYFOLD_CHECK(check_self_in(device, lines.theirs));
  KEYFOLD_CHECK(check_nothing_lost(context, device, lines.theirs));
  actors::chosen_line line;
  for (ledger_seq seq{0}; seq.value < lines.theirs.size(); seq = seq.next())
    line.ledger.push_back(ledger::encode_record(*lines.theirs.record_at(seq)));
  const auto& own = device.ledger->state;
  for (auto seq = lines.fork; seq.value < own.size(); seq = seq.next())
    line.given_up.push_back(ledger::encode_record(*own.record_at(seq)));
  for (const auto& [id, actor] : device.workspaces) {
    KEYFOLD_TRY(line.changes[id], context.agent_of.ask_flat<std::vector<bytes>>(
                                      actor, actors::get_changes_since{lines.fork}));
  }
  {
    KEYFOLD_TRY(const auto services, context.agent_of.services(device.device));
    KEYFOLD_CHECK(actors::note_chosen_line(*services.store, line));
  }
  for (const auto& known : context.agent_of.devices())
    if (known.header.device == device.device) return context.agent_of.put_aside(known.header);
  return fail(errc::not_found, "the device is not there any more");
}

/// What was given up before, in this database.
json given_up_rows(api_context& context, const actors::device_facts& device) {
  auto out = json::array();
  const auto services = context.agent_of.services(device.device);
  if (!services) return out;
  for (const auto& encoded : actors::given_up(*services->store))
    if (const auto record = ledger::decode_record(encoded))
      out.push_back(row_of(*record, device.ledger->state, device.ledger->keys));
  return out;
}

expected<json> mend_with(api_context& context, const actors::device_facts& device,
                         const std::optional<std::string>& keep, const relay_asker& relay) {
  const auto& own = device.ledger->state;
  KEYFOLD_TRY(const auto lines, compare(relay, own));
  ledger::keyring keys(device.user, device.ledger->keys.user_key());
  (void)keys.update(lines.theirs);
  auto workspaces = json::array();
  for (const auto& id : ours_alone(own, lines.theirs)) {
    const auto* fold = own.workspace(id);
    workspaces.push_back(device.ledger->keys.name_of(*fold).value_or(to_text(id)));
  }
  json out{{"ok", true},
           {"fork", lines.fork.value},
           {"mine", rows_from(lines.fork, own, device.ledger->keys)},
           {"theirs", rows_from(lines.fork, lines.theirs, keys)},
           {"only_mine", workspaces},
           {"kept", keep ? json(*keep) : json(nullptr)}};
  if (keep != "theirs") return out;
  KEYFOLD_TRY(out["aside"], take_theirs(context, device, lines));
  return out;
}

expected<json> mend(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto device, device_of(context, p));
  const auto keep = p.optional_text("keep");
  if (keep && *keep != "mine" && *keep != "theirs")
    return fail(errc::usage, "keep is mine or theirs");
  const auto address = p.optional_text("address");
  if (!address) {
    KEYFOLD_CHECK(require_online(context, device, p));
    const auto done = mend_with(context, device, keep, [&](const actors::ask& request) {
      const auto got = context.agent_of.ask<net::answer_or_failure>(device.link, request);
      return got ? *got : tl::unexpected(net::failure{got.error(), {}});
    });
    if (done || done.error().code != errc::nothing_changed || keep) return done;
    return json{{"ok", true},
                {"fork", nullptr},
                {"mine", json::array()},
                {"theirs", json::array()},
                {"only_mine", json::array()},
                {"kept", nullptr},
                {"given_up", given_up_rows(context, device)}};
  }
  KEYFOLD_TRY(const auto target, target_of(*address, device.ledger->state.organization().name()));
  relay_visit visit(context.agent_of.system(), {context.agent_of.transport(),
                                                target.relay,
                                                device.link_key,
                                                device.organization,
                                                net::hello_mode::member,
                                                {},
                                                {}});
  KEYFOLD_CHECK(visit.greeting());
  return mend_with(context, device, keep,
                   [&](const actors::ask& request) { return visit.ask(request); });
}

}  // namespace

void add_mending_methods(method_table& table) {
  table["org.mend"] = mend;
}

}  // namespace keyfold::apps
