// A link between two devices of the rig: at both ends the session, the host, pull, push and fetch that ship, and an
// attacker between them, who may be one of the two.
//
//   device: peer_session, host, push ── middle ── peer_session, host, push: device
#pragma once

#include "net/peer_session.hpp"
#include "tests/attack/organization_rig.hpp"

namespace keyfold::attack {

class direct_link {
 public:
  /// What goes on instead of a message to `to`; nullopt: nothing.
  using between =
      std::function<std::optional<net::message>(const device& to, const net::message& m)>;

  direct_link(rig& all, device& one, device& other);
  direct_link(const direct_link&) = delete;
  direct_link& operator=(const direct_link&) = delete;
  ~direct_link();

  /// Both say hello, and hold what the relay told the other against their own ledger: false when one of them does not
  /// want the other, or what he shows.
  bool connect();
  /// Each brings its ledger forward by the other's.
  void exchange_ledgers();
  /// Each asks for the other's frontier, and pushes what that lacks, until both stand still.
  void exchange(workspace_id workspace);
  /// A request of `by`, as it is; a refusal is a failure.
  template <net::has_fields Body>
  expected<net::answer> ask(device& by, const Body& body, bytes bulk = {}) {
    return ask(by, net::client_session::request{Body::kind, net::encode(body), std::move(bulk)});
  }
  expected<net::answer> ask(device& by, net::client_session::request what);
  /// Pushes these entries, whatever `by` holds; how many were accepted.
  expected<std::uint64_t> push(device& by, workspace_id workspace,
                               const std::vector<feed::entry>& entries);
  /// The file's bytes; objects that lack come by this link.
  expected<std::string> read(device& by, workspace_id workspace, const path& at);
  /// What the other said that it holds, and `of` does not.
  [[nodiscard]] std::vector<ledger::feed_head> behind(const device& of, workspace_id workspace);
  /// Why pushing of `of` stands still.
  [[nodiscard]] std::optional<errc> stalled(const device& of, workspace_id workspace);

  between attacker = [](const device&, const net::message& m) { return std::optional(m); };
  std::optional<error> closed;  ///< why the link ended

 private:
  struct part;
  struct end;
  end& of(const device& d);
  void handle(end& at, net::peer_effects effects);
  void handle(end& at, net::peer_effect& effect);
  void run();
  void greet(end& at, const net::hello& hello);
  bool examine(end& at, bytes_view statement, bytes_view signature);
  net::answer_or_failure serve(end& at, const net::message& request);
  net::answer_or_failure take(end& at, const net::feed_push& what, const shared_bytes& bulk);
  static bool entitled(const end& at, workspace_id workspace);
  expected<void> pull_ledger(end& at);
  expected<void> pull_records(end& at, ledger_seq from, std::optional<workspace_id> workspace);
  part& in(end& at, workspace_id workspace);
  void carry_out(end& at, part& p, const replica::pull::effects& effects);
  void carry_out(end& at, part& p, const replica::push::effects& effects);
  replica::push::effects step(end& at, part& p, const replica::push_effect& effect);
  void fetch(end& at, part& p, const replica::fetch::effects& effects);

  rig& all_;
  std::unique_ptr<end> one_;
  std::unique_ptr<end> other_;
  std::deque<std::pair<end*, net::message>> under_way_;
  net::request_token last_token_ = 0;
};

}  // namespace keyfold::attack
