// org.move: the organization goes to another relay; or this device follows it there (LEDGER, "Another relay").
#include "actors/replies.hpp"
#include "apps/agent/api.hpp"
#include "apps/agent/relay_visit.hpp"
#include "store/ledger/forward.hpp"
#include "store/ledger/lacking.hpp"

namespace keyfold::apps {
namespace {

constexpr net::instant upload_timeout{120'000};

actors::link_options visit_of(api_context& context, const actors::device_facts& device,
                              const relay_target& target, net::hello_mode mode) {
  const auto key =
      mode == net::hello_mode::member ? device.link_key : box_key::generate(system_random());
  return {context.agent_of.transport(), target.relay, key, device.organization, mode, {}, {}};
}

// -- following ------------------------------------------------------------------------------------

/// The relay has the organization already: take its ledger, in which an Administrator must have named it. From our head
/// on, so that another line shows; verified as it comes.
expected<void> follow(api_context& context, const actors::device_facts& device, relay_visit& relay,
                      const net::hello_answer& greeting) {
  auto now = device.ledger;
  for (auto from = now->state.head() ? now->state.head()->seq : ledger_seq{0};;) {
    KEYFOLD_TRY(auto more, pull_records([&](const auto& r) { return relay.ask(r); }, from));
    if (more.records.empty()) break;
    KEYFOLD_TRY(now, context.agent_of.ask_flat<actors::ledger_view>(
                         device.ledger_of, actors::take_records{std::move(more.records)}));
    KEYFOLD_TRY(from, ledger::next_pull(now->state, from));
  }
  const auto& organization = now->state.organization();
  if (!organization.founded())
    return fail(errc::organization_unknown, "that relay does not have the organization");
  const auto said =
      ledger::verify_statement(greeting.statement, greeting.signature, organization.receipt_key());
  if (!said || organization.term() == 0)
    return fail(errc::bad_receipt, "no Administrator has made that the organization's relay");
  return {};
}

// -- moving ---------------------------------------------------------------------------------------

/// The new relay, which takes the ledger record by record.
class adopting_relay {
 public:
  adopting_relay(relay_visit& relay, organization_id organization,
                 const std::optional<invitation::creation_token>& token)
      : relay_(relay) {
    base_.organization = organization;
    if (token) base_.creation_token = to_base64url(token->view());
  }

  /// Everything that it lacks of `own`; true when it serves the organization from then on.
  expected<bool> upload(const ledger::state& own) {
    if (!head_) KEYFOLD_CHECK(put({ledger::encode_record(*own.record_at({0}))}));
    ledger::forward forward;
    while (!whole_) {
      const auto records = forward.next(own, *head_, {});
      if (records.empty()) break;
      KEYFOLD_CHECK(put(records));
    }
    return whole_;
  }
  /// Its own receipt for the certificate that names it.
  expected<ledger::record> append(const ledger::certificate& relay_set) {
    auto request = base_;
    request.relay_set = ledger::encode_certificate(relay_set);
    KEYFOLD_TRY(const auto got, send(request, {}));
    KEYFOLD_TRY(auto receipt, ledger::decode_receipt(got.bulk.view()));
    return ledger::record{relay_set, std::move(receipt)};
  }
  [[nodiscard]] bool whole() const { return whole_; }

 private:
  expected<void> put(const std::vector<bytes>& records) {
    KEYFOLD_CHECK(send(base_, net::encode_list(records)));
    return {};
  }
  expected<net::answer> send(const net::organization_adopt& request, shared_bytes bulk) {
    auto got = relay_.ask(actors::ask_for(request, std::move(bulk), upload_timeout));
    KEYFOLD_TRY(const auto said, actors::read_answer<net::organization_adopt_answer>(got));
    head_ = said.head;
    whole_ = said.whole;
    return *std::move(got);
  }

  relay_visit& relay_;
  net::organization_adopt base_;
  std::optional<ledger_seq> head_;
  bool whole_ = false;
};

bool is_present(const ledger::state& s, const signing_public_key& receipt_key) {
  return s.organization().term() > 0 && s.organization().receipt_key() == receipt_key;
}

/// The certificate gets its receipt from the present relay, as its last word; or, when that is given up, from the new one.
expected<actors::ledger_view> append_relay_set(api_context& context,
                                               const actors::device_facts& device,
                                               adopting_relay& there,
                                               const signing_public_key& receipt_key,
                                               const std::string& address, bool force) {
  const auto make = [device, receipt_key, address](const actors::ledger_snapshot& now) {
    return ledger::make_relay_set(author_of(device, now, device.key), receipt_key, {address});
  };
  const auto& trouble = device.ledger->trouble;  // it has another line: its word is not wanted
  if (device.relay.state == actors::link_state::online && !trouble)
    return append(context, device, make);
  if (!force) {
    const auto why = trouble ? trouble : device.relay.why;
    return fail(errc::relay_gone,
                device.relay.endpoint + ": " + (why ? why->message : "it is not connected"));
  }
  KEYFOLD_TRY(const auto certificate, make(*device.ledger));
  KEYFOLD_TRY(auto record, there.append(certificate));
  return context.agent_of.ask_flat<actors::ledger_view>(device.ledger_of,
                                                        actors::take_records{{std::move(record)}});
}

expected<void> move_there(api_context& context, const actors::device_facts& device,
                          const relay_target& target, bool force) {
  const auto& before = device.ledger->state;
  const auto* self =
      before.organization().founded() ? before.organization().user(device.user) : nullptr;
  if (self == nullptr || self->profile() != ledger::profile::administrator)
    return fail(errc::not_administrator,
                "that relay does not have the organization, and only an Administrator moves it");
  relay_visit relay(context.agent_of.system(),
                    visit_of(context, device, target, net::hello_mode::creator));
  KEYFOLD_TRY(const auto greeting, relay.greeting());
  if (!greeting.receipt_key) return fail(errc::malformed, "the relay did not say its receipt key");
  KEYFOLD_TRY(const auto key, signing_public_key::decode(*greeting.receipt_key));
  adopting_relay there(relay, device.organization, target.token);
  KEYFOLD_TRY(bool whole, there.upload(before));
  if (!is_present(before, key)) {
    KEYFOLD_TRY(const auto now, append_relay_set(context, device, there, key,
                                                 invitation::format(target.relay), force));
    KEYFOLD_TRY(whole, there.upload(now->state));
  }
  if (!whole) return fail(errc::internal, "the new relay did not take the whole ledger; try again");
  return {};
}

expected<json> move_organization(api_context& context, const parameters& p) {
  KEYFOLD_TRY(const auto device, device_of(context, p));
  KEYFOLD_TRY(const auto address, p.text("address"));
  KEYFOLD_TRY(const auto target, target_of(address, device.ledger->state.organization().name()));
  if (target.relay == device.relay_address && device.relay.state == actors::link_state::online)
    return fail(errc::nothing_changed, "that is the organization's relay");
  bool joined = false;
  {
    relay_visit relay(context.agent_of.system(),
                      visit_of(context, device, target, net::hello_mode::member));
    const auto greeting = relay.greeting();
    if (!greeting && greeting.error().code != errc::organization_unknown) return fail(greeting);
    joined = greeting.has_value();
    if (joined) KEYFOLD_CHECK(follow(context, device, relay, *greeting));
  }
  if (!joined) KEYFOLD_CHECK(move_there(context, device, target, p.flag("force")));
  return json{{"ok", true}, {"relay", invitation::host_and_port(target.relay)}, {"joined", joined}};
}

}  // namespace

void add_moving_methods(method_table& table) {
  table["org.move"] = move_organization;
}

}  // namespace keyfold::apps
