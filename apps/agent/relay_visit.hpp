// A link of one's own to a relay, for one errand: to create an organization there, or to move one.
#pragma once

#include <future>

#include "actors/link.hpp"

namespace keyfold::apps {

/// Connects at once; ends with the errand. Its calls block, for threads that serve a call.
class relay_visit {
 public:
  relay_visit(caf::actor_system& system, actors::link_options options);
  ~relay_visit();
  relay_visit(const relay_visit&) = delete;
  relay_visit& operator=(const relay_visit&) = delete;

  /// What the relay said to our hello, or why it did not. Once. `errc::unreachable` after a while.
  [[nodiscard]] expected<net::hello_answer> greeting();
  [[nodiscard]] net::answer_or_failure ask(const actors::ask& request);

 private:
  caf::scoped_actor self_;
  std::future<expected<net::hello_answer>> greeting_;
  caf::actor owner_;
  actors::link_actor link_;
};

/// Asks a relay, one's own or one that is visited.
using relay_asker = std::function<net::answer_or_failure(const actors::ask&)>;

/// Records as a relay gives them: decoded, and nothing of them is verified.
struct given_records {
  ledger_seq head;
  std::vector<ledger::record> records;
};
inline constexpr std::uint64_t records_per_pull = 500;
/// At most `max` records of the organization from `from` on.
[[nodiscard]] expected<given_records> pull_records(const relay_asker& relay, ledger_seq from,
                                                   std::uint64_t max = records_per_pull);

/// A relay, and the right to bring an organization of that name there, if it needs one.
struct relay_target {
  invitation::relay_address relay;
  std::optional<invitation::creation_token> token;
};
/// Of an address or a creation link. `errc::bad_link`, or `errc::usage` for a creation link for another name.
[[nodiscard]] expected<relay_target> target_of(const std::string& text,
                                               const std::string& organization);

}  // namespace keyfold::apps
