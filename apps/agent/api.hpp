// The agent's local API (docs/API.md): methods by name, each from parameters to a document.
#pragma once

#include <map>

#include "apps/agent/agent.hpp"
#include "apps/agent/exchanges.hpp"
#include "apps/agent/parameters.hpp"
#include "store/object/reader.hpp"

namespace keyfold::apps {

/// What methods work with. One for the whole program; thread-safe.
struct api_context {
  agent& agent_of;
  exchanges& exchanges_of;
  std::function<void()> stop;  ///< ends the program, after the answer
};

using method = std::function<expected<json>(api_context&, const parameters&)>;
using method_table = std::map<std::string, method>;

/// files.cat: streams the file that a call names into a sink.
using file_stream = std::function<expected<void>(const object::content_sink&)>;
[[nodiscard]] expected<file_stream> open_stream(api_context& context, const parameters& p);

void add_organization_methods(method_table& table);
void add_moving_methods(method_table& table);
void add_mending_methods(method_table& table);
void add_invitation_methods(method_table& table);
void add_workspace_methods(method_table& table);
void add_file_methods(method_table& table);
void add_doctor_methods(method_table& table);
void add_incident_methods(method_table& table);
void add_history_methods(method_table& table);

/// The unlocked device that a call means.
[[nodiscard]] expected<actors::device_facts> device_of(api_context& context, const parameters& p);
/// `errc::unreachable` unless the device's relay is online. Waits a moment while it connects, and not longer than
/// `patience`.
[[nodiscard]] expected<void> require_online(
    api_context& context, const actors::device_facts& device,
    std::chrono::milliseconds patience = std::chrono::hours(1));
/// The same, with the call's timeout as patience.
[[nodiscard]] expected<void> require_online(api_context& context,
                                            const actors::device_facts& device,
                                            const parameters& p);
/// Asks the relay.
[[nodiscard]] expected<net::answer> ask_relay(api_context& context,
                                              const actors::device_facts& device,
                                              const actors::ask& request);
/// Appends a certificate; the ledger as it is then.
[[nodiscard]] expected<actors::ledger_view> append(api_context& context,
                                                   const actors::device_facts& device,
                                                   actors::statement make);
/// The author's side of a statement.
[[nodiscard]] ledger::author author_of(const actors::device_facts& device,
                                       const actors::ledger_snapshot& now, const signing_key& key);

/// A workspace of the device by name or id: `errc::not_found`, `errc::ambiguous`.
struct named_workspace {
  workspace_id id;
  std::string name;
  actors::workspace_actor actor;
};
[[nodiscard]] expected<named_workspace> workspace_of(const actors::device_facts& device,
                                                     const std::string& name_or_id);
/// A user by e-mail or id.
[[nodiscard]] expected<user_id> user_of(const actors::ledger_snapshot& ledger,
                                        const std::string& email_or_id);

/// Times as RFC 3339 in UTC.
[[nodiscard]] std::string time_of_ms(std::uint64_t ms);
[[nodiscard]] std::string time_of_ns(std::int64_t ns);
[[nodiscard]] json ok();
/// {"code","message"}, or null.
[[nodiscard]] json error_document(const std::optional<error>& why);
/// "synced", "local", … as in CLI.md.
[[nodiscard]] std::string file_state_name(actors::file_state state);

}  // namespace keyfold::apps
