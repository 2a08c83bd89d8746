// Reports of what the other cores notice. `when` is in ms since 1970; `from` is who brought it (nullopt: the relay).
#pragma once

#include <functional>

#include "store/incident/incident.hpp"
#include "store/ledger/state.hpp"

namespace keyfold::incident {

/// Two statements of the relay that contradict each other; `e.what` is not none.
[[nodiscard]] report of_relay(const ledger::evidence& e, std::uint64_t when);
/// A record that state::add() refused with `errc::ledger_forked`: against what the state holds. Its receipt was
/// verified there. nullopt for another one.
[[nodiscard]] std::optional<report> of_foreign_record(const ledger::state& state,
                                                      const ledger::record& r, std::uint64_t when);
/// A record that state::add() refused with what is_unsigned() is true for. Its receipt was verified there. `from` is who
/// brought it.
[[nodiscard]] report of_unsigned_record(const ledger::record& r, errc why, std::uint64_t when,
                                        const std::optional<device_id>& from = {});
/// One of state::refused().
[[nodiscard]] report of_refusal(const ledger::state& state, const ledger::refusal& refused,
                                std::uint64_t when);
/// Of attachments, rows and keys.
[[nodiscard]] report of_ledger_incident(const ledger::state& state, const ledger::incident& i,
                                        std::uint64_t when);
/// Two entries at one position of a feed.
[[nodiscard]] report of_fork(const feed::entry& first, const feed::entry& second,
                             std::uint64_t when, const std::optional<device_id>& from = {});

using header_lookup = std::function<std::optional<bytes>(const entry_hash&)>;
/// An entry whose verdict is invalid; `find_header` gives the headers of entries that are held. nullopt where that is
/// nobody's lie of its own: it only follows an invalid one, or is of another workspace.
[[nodiscard]] std::optional<report> of_invalid(const feed::entry& e, errc why,
                                               const header_lookup& find_header, std::uint64_t when,
                                               const std::optional<device_id>& from = {});
/// An entry that does not open, or is no list of operations.
[[nodiscard]] report of_damaged_payload(organization_id organization, workspace_id workspace,
                                        const feed::feed_head& place, errc why, std::uint64_t when,
                                        const std::optional<device_id>& from = {});
/// `first`: the entry with which the device that was restored, or has a copy, goes on.
[[nodiscard]] report of_restored(const feed::entry& first, std::uint64_t when);
/// Entries that others name, and that are not given.
[[nodiscard]] report of_withheld(organization_id organization, workspace_id workspace,
                                 std::span<const entry_hash> entries, std::uint64_t when,
                                 const std::optional<device_id>& from = {});

}  // namespace keyfold::incident
