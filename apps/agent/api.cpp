#include "apps/agent/api.hpp"

#include <ctime>

#include "actors/replies.hpp"

namespace keyfold::apps {
namespace {

/// A little more than the longest wait between two attempts to connect.
constexpr auto connecting_patience = longest_reconnect + std::chrono::seconds(1);

std::string format_time(std::time_t seconds, const std::string& fraction) {
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> out{};
  std::strftime(out.data(), out.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  return out.data() + fraction + "Z";
}

}  // namespace

json ok() {
  return {{"ok", true}};
}

json error_document(const std::optional<error>& why) {
  if (!why) return nullptr;
  return {{"code", to_string(why->code)}, {"message", why->message}};
}

expected<actors::device_facts> device_of(api_context& context, const parameters& p) {
  KEYFOLD_TRY(auto device, context.agent_of.unlocked(p.organization()));
  // One that has just joined has no ledger yet: what is asked now is meant to be answered from it.
  const bool knows_itself = device.ledger->state.organization().device(device.device) != nullptr;
  if (knows_itself || !require_online(context, device, p)) return device;
  auto ledger =
      context.agent_of.ask_flat<actors::ledger_view>(device.ledger_of, actors::refresh_ledger{});
  if (ledger) device.ledger = *std::move(ledger);
  return device;
}

expected<void> require_online(api_context& context, const actors::device_facts& device,
                              const parameters& p) {
  return require_online(context, device, p.duration("timeout", connecting_patience));
}

expected<void> require_online(api_context& context, const actors::device_facts& device,
                              std::chrono::milliseconds patience) {
  // The link answers a ping when it is open, and holds it back while it connects.
  auto& agent = context.agent_of;
  KEYFOLD_TRY(const auto facts,
              agent.ask<actors::link_facts>(device.link, actors::get_link_facts{}));
  if (facts.state == actors::link_state::online) return {};
  const actors::ask ping{{net::message_kind::ping,
                          net::encode(net::ping{}),
                          {},
                          std::min<std::chrono::milliseconds>(patience, connecting_patience)}};
  KEYFOLD_TRY(const auto answer, agent.ask<net::answer_or_failure>(device.link, ping));
  if (answer) return {};
  const auto why = facts.why ? ": " + facts.why->message : "";
  return fail(errc::unreachable, "the relay " + facts.endpoint + " cannot be reached" + why);
}

expected<net::answer> ask_relay(api_context& context, const actors::device_facts& device,
                                const actors::ask& request) {
  KEYFOLD_CHECK(require_online(context, device));
  KEYFOLD_TRY(auto answer, context.agent_of.ask<net::answer_or_failure>(device.link, request));
  if (!answer) return tl::unexpected(answer.error().why);
  return *answer;
}

expected<actors::ledger_view> append(api_context& context, const actors::device_facts& device,
                                     actors::statement make) {
  KEYFOLD_CHECK(require_online(context, device));
  // Up to date first: what the caller named may have come to others' attention meanwhile.
  KEYFOLD_CHECK(
      context.agent_of.ask_flat<actors::ledger_view>(device.ledger_of, actors::refresh_ledger{}));
  return context.agent_of.ask_flat<actors::ledger_view>(device.ledger_of,
                                                        actors::append_statement{std::move(make)});
}

ledger::author author_of(const actors::device_facts& device, const actors::ledger_snapshot& now,
                         const signing_key& key) {
  return {now.state,
          now.keys,
          device.device,
          key,
          static_cast<std::uint64_t>(actors::wall_now().count()),
          system_random()};
}

expected<named_workspace> workspace_of(const actors::device_facts& device,
                                       const std::string& name_or_id) {
  std::vector<named_workspace> found;
  const auto& ledger = *device.ledger;
  for (const auto& [id, actor] : device.workspaces) {
    const auto* fold = ledger.state.workspace(id);
    if (fold == nullptr || !ledger::may_read(fold->role_of(device.user))) continue;
    const auto name = ledger.keys.name_of(*fold).value_or(to_text(id));
    if (to_text(id) == name_or_id) return named_workspace{id, name, actor};
    if (name == name_or_id) found.push_back({id, name, actor});
  }
  if (found.size() == 1) return found.front();
  if (found.empty())
    return fail(errc::not_found,
                "there is no workspace " + name_or_id + "; see: keyfold workspace list");
  return fail(errc::ambiguous, "several workspaces are named " + name_or_id +
                                   "; give the id: keyfold workspace list");
}

expected<user_id> user_of(const actors::ledger_snapshot& ledger, const std::string& email_or_id) {
  std::vector<user_id> found;
  for (const auto& [id, user] : ledger.state.organization().users()) {
    if (to_text(id) == email_or_id) return id;
    const auto handle = ledger.keys.handle_of(user);
    if (handle && handle->email == email_or_id && !user.revoked) found.push_back(id);
  }
  if (found.size() == 1) return found.front();
  if (found.empty())
    return fail(errc::not_found, "there is no user " + email_or_id + "; see: keyfold user list");
  return fail(errc::ambiguous,
              "several users have the e-mail " + email_or_id + "; give the id: keyfold user list");
}

std::string time_of_ms(std::uint64_t ms) {
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03u", static_cast<unsigned>(ms % 1000));
  return format_time(static_cast<std::time_t>(ms / 1000), fraction.data());
}

std::string time_of_ns(std::int64_t ns) {
  constexpr std::int64_t second = 1'000'000'000;
  const auto rest = ((ns % second) + second) % second;
  std::array<char, 16> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%09lld", static_cast<long long>(rest));
  return format_time(static_cast<std::time_t>((ns - rest) / second), fraction.data());
}

}  // namespace keyfold::apps
