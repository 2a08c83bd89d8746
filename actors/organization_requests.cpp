#include <spdlog/spdlog.h>

#include "actors/answers.hpp"
#include "actors/conduit.hpp"
#include "actors/organization_state.hpp"

namespace keyfold::actors {

static_assert(ledger::max_readable_told <= net::max_readable_scopes);
static_assert(relay::max_lacking_scopes <= net::max_lacking_scopes);
namespace {

net::feed_position position_of(const feed::feed_head& h) {
  return {h.device, h.generation, h.seq, h.hash};
}
feed::feed_head head_of(const net::feed_position& p) {
  return {p.device, p.generation, p.seq, p.hash};
}

std::vector<net::ledger_lack> rows_of(const std::vector<ledger::lack>& lacking) {
  std::vector<net::ledger_lack> out;
  for (const auto& row : lacking) out.push_back({row.scope, row.first});
  return out;
}

/// One request: decoded bodies come to the overload of their kind.
class handler {
 public:
  handler(organization_pointer self, const session_request& request, answer_promise answer)
      : self_(self),
        s_(state_of(self)),
        request_(request),
        from_(request.peer.number),
        answer_(std::move(answer)) {}

  void run() {
    switch (request_.request.kind) {
      case net::message_kind::ping:
        return deliver(net::answer_or_failure(net::answer{net::encode(net::empty_body{}), {}}));
      case net::message_kind::ledger_pull:
        return with<net::ledger_pull>();
      case net::message_kind::ledger_append:
        return with<net::ledger_append>();
      case net::message_kind::ledger_put:
        return with<net::ledger_put>();
      case net::message_kind::subscribe:
        return with<net::subscribe>();
      case net::message_kind::feed_heads:
        return with<net::feed_heads>();
      case net::message_kind::feed_fence:
        return with<net::feed_fence>();
      case net::message_kind::feed_push:
        return with<net::feed_push>();
      case net::message_kind::object_have:
        return with<net::object_have>();
      case net::message_kind::object_put:
        return with<net::object_put>();
      case net::message_kind::object_get:
        return with<net::object_get>();
      case net::message_kind::invitation_create:
        return with<net::invitation_create>();
      case net::message_kind::invitation_list:
        return with<net::invitation_list>();
      case net::message_kind::invitation_cancel:
        return with<net::invitation_cancel>();
      case net::message_kind::conduit_open:
        return with<net::conduit_open>();
      case net::message_kind::deliver:
        return with<net::deliver>();
      case net::message_kind::conduit_send:
        return at_conduit<net::conduit_send>();
      case net::message_kind::conduit_close:
        return at_conduit<net::conduit_close>();
      default:
        return deliver(refused({errc::unknown_kind, "the relay does not take this here"}));
    }
  }

 private:
  template <class Body>
  void with() {
    const auto body = net::decode<Body>(request_.request.body.view());
    body ? on(*body) : deliver(refused(body.error()));
  }

  /// The answer, and what others are told, once all that led to it is durable.
  void deliver(net::answer_or_failure result, relay::effects effects = {}) {
    when_durable(self_, [self = self_, answer = answer_, result = std::move(result),
                         effects = std::move(effects)](const expected<void>& durable) mutable {
      answer.deliver(durable ? std::move(result) : refused(durable.error()));
      if (durable) tell(self, effects);
    });
  }
  template <class T, class Say>
  void deliver_answered(relay::answered<T> result, Say make) {
    if (!result.answer) return deliver(refused(result.answer.error()), std::move(result.effects));
    if constexpr (std::is_void_v<T>)
      deliver(make(), std::move(result.effects));
    else
      deliver(make(*result.answer), std::move(result.effects));
  }

  // -- ledger

  void on(const net::ledger_pull& r) {
    const auto pulled = s_.core->pull(from_, r.from, r.workspace, r.max);
    if (!pulled) return deliver(refused(pulled.error()));
    const net::ledger_pull_answer said{pulled->head, pulled->records.size(),
                                       rows_of(s_.core->lacks()), pulled->readable};
    deliver(pulled->records.empty() ? say(said) : say(said, net::encode_list(pulled->records)));
  }
  void on(const net::ledger_append&) {
    deliver_answered(
        s_.core->append(from_, request_.request.bulk.view()),
        [](const bytes& receipt) { return say(net::empty_body{}, shared_bytes(receipt)); });
  }
  void on(const net::ledger_put&) {
    const auto list = net::decode_list(request_.request.bulk.view());
    if (!list) return deliver(refused(list.error()));
    std::vector<bytes> records;
    for (const auto record : *list) records.push_back(to_bytes(record));
    deliver_answered(s_.core->put(from_, records), [this](const relay::organization::placed& p) {
      return say(net::ledger_pull_answer{p.head, p.taken, rows_of(s_.core->lacks())});
    });
  }

  void on(const net::deliver& r) {
    deliver_answered(s_.core->hand_on(from_, r.to, r.payload, wall_now()), say_done);
  }

  // -- feeds

  void on(const net::subscribe& r) {
    std::vector<feed::feed_head> frontier;
    for (const auto& p : r.frontier) frontier.push_back(head_of(p));
    auto subscribed = s_.core->subscribe(from_, r.workspace, std::move(frontier));
    deliver_answered(std::move(subscribed), [](const std::vector<feed::feed_head>& heads) {
      net::subscribe_answer out;
      for (const auto& head : heads) out.frontier.push_back(position_of(head));
      return say(out);
    });
  }
  void on(const net::feed_heads& r) {
    const auto heads = s_.core->heads(from_, r.workspace, r.user);
    deliver(heads ? say(net::empty_body{}, shared_bytes(*heads)) : refused(heads.error()));
  }
  void on(const net::feed_fence& r) {
    const auto heads =
        s_.core->fence(from_, {s_.options.id, r.workspace, r.user, {r.head.seq, r.head.hash}},
                       r.signature, wall_now());
    deliver(heads ? say(net::empty_body{}, shared_bytes(*heads)) : refused(heads.error()));
  }
  void on(const net::feed_push& r) {
    const auto list = net::decode_list(request_.request.bulk.view());
    if (!list) return deliver(refused(list.error()));
    std::vector<bytes> entries;
    for (const auto entry : *list) entries.push_back(to_bytes(entry));
    relay::organization::push_refusal refusal;
    auto pushed = s_.core->push(from_, r.workspace, entries, wall_now(), refusal);
    if (!pushed.answer) {
      std::optional<bytes> detail;
      if (!refusal.lacks.empty()) detail = net::encode(net::missing_entries{refusal.lacks});
      return deliver(refused(pushed.answer.error(), std::move(detail)), std::move(pushed.effects));
    }
    deliver(say(net::feed_push_answer{pushed.answer->accepted, pushed.answer->wanted}),
            std::move(pushed.effects));
  }

  // -- objects

  void on(const net::object_have& r) {
    const auto lacking = s_.core->lacking(from_, r.workspace, r.objects);
    deliver(lacking ? say(net::object_have_answer{*lacking}) : refused(lacking.error()));
  }
  void on(const net::object_put& r) {
    const auto wanted =
        s_.core->check_put(from_, r.workspace, r.object, request_.request.bulk.size());
    if (!wanted) return deliver(refused(wanted.error()));
    if (!*wanted) return deliver(say_done());
    self_->request(s_.disk, caf::infinite, store_object{r.object, request_.request.bulk})
        .then(
            [self = self_, answer = answer_, r](const expected<void>& stored) mutable {
              if (!stored) {
                answer.deliver(refused(stored.error()));
                return;
              }
              state_of(self).core->object_stored(r.workspace, r.object);
              when_durable(self, [answer](const expected<void>& durable) mutable {
                answer.deliver(durable ? say_done() : refused(durable.error()));
              });
            },
            [answer = answer_](const caf::error& e) mutable {
              answer.deliver(refused(to_error(e)));
            });
  }
  void on(const net::object_get& r) {
    const auto allowed = s_.core->check_get(from_, r.workspace, r.object);
    if (!allowed) return deliver(refused(allowed.error()));
    if (r.cells != 0 || r.first_cell != 0) return read_range(r);
    self_->request(s_.disk, caf::infinite, read_object{r.object})
        .then(
            [self = self_, answer = answer_, r](const expected<shared_bytes>& data) mutable {
              if (!data) lost(self, r, data.error());
              answer.deliver(data ? say(net::object_get_answer{data->size(), {}}, *data)
                                  : refused(data.error()));
            },
            [answer = answer_](const caf::error& e) mutable {
              answer.deliver(refused(to_error(e)));
            });
  }
  void read_range(const net::object_get& r) {
    auto range = s_.objects->get_range(r.object, r.first_cell, r.cells == 0 ? SIZE_MAX : r.cells);
    if (range && *range)
      return deliver(say(net::object_get_answer{(*range)->object_size, (*range)->hashes},
                         shared_bytes(std::move((*range)->cells))));
    const auto why = range ? error{errc::not_found, "the object is not here"} : range.error();
    lost(self_, r, why);
    deliver(refused(why));
  }
  /// An object that the index names and the disk does not have is wanted again.
  static void lost(organization_pointer self, const net::object_get& r, const error& why) {
    if (why.code != errc::damaged && why.code != errc::not_found) return;
    spdlog::error("object {}: {}", to_text(r.object), why.message);
    const auto effects = state_of(self).core->object_lost(r.workspace, r.object);
    when_durable(self, [self, effects](const expected<void>& durable) {
      if (durable) tell(self, effects);
    });
  }

  // -- invitations and conduits

  void on(const net::invitation_create& r) {
    relay::invitation_row row;
    row.token = r.token;
    row.kind = static_cast<invitation::kind>(r.what);
    row.expires =
        relay::timestamp(static_cast<std::int64_t>(std::min<std::uint64_t>(r.expires, INT64_MAX)));
    row.epoch = r.epoch;
    row.sealed_about = r.sealed_about;
    deliver_answered(s_.core->create_invitation(from_, std::move(row), wall_now()), say_done);
    schedule_expiry(self_);
  }
  void on(const net::invitation_list&) {
    const auto listed = s_.core->list_invitations(from_, wall_now());
    if (!listed) return deliver(refused(listed.error()));
    net::invitation_list_answer out;
    for (const auto& each : *listed)
      out.rows.push_back({each.row.token, static_cast<net::invitation_kind>(each.row.kind),
                          static_cast<std::uint64_t>(each.row.expires.count()), each.row.epoch,
                          each.row.sealed_about, each.guest_present});
    deliver(say(out));
  }
  void on(const net::invitation_cancel& r) {
    deliver_answered(s_.core->cancel_invitation(from_, r.token), say_done);
  }
  void on(const net::conduit_open& r) {
    const auto admitted =
        r.role == net::conduit_role::greeter
            ? s_.core->admit_greeter(from_, r.token, wall_now())
            : s_.core->admit_guest(from_, request_.peer.address, r.token, wall_now());
    if (!admitted) return deliver(refused(admitted.error()));
    const auto session = s_.sessions.find(from_);
    if (session == s_.sessions.end())
      return deliver(refused({errc::stranger, "the session is not known here"}));
    auto& conduit = s_.conduits[r.token];
    if (!conduit)
      conduit = spawn_conduit(self_->system(), r.token, caf::actor_cast<organization_actor>(self_));
    // The conduit answers by itself, so that no event of it comes before its answer.
    answer_.delegate(conduit, take_seat{static_cast<relay::party>(r.role), from_, session->second});
  }
  template <class Body>
  void at_conduit() {
    const auto body = net::decode<Body>(request_.request.body.view());
    if (!body) return deliver(refused(body.error()));
    if (const auto may = s_.core->check_speaker(from_); !may) return deliver(refused(may.error()));
    const auto conduit = s_.conduits.find(body->token);
    if (conduit == s_.conduits.end())
      return deliver(refused({errc::conduit_not_open, "this session has no conduit open there"}));
    answer_.delegate(conduit->second, conduit_request{from_, request_.request});
  }

  organization_pointer self_;
  organization_state& s_;
  const session_request& request_;
  relay::session_number from_;
  answer_promise answer_;
};

}  // namespace

void handle(organization_pointer self, const session_request& request, answer_promise answer) {
  handler(self, request, std::move(answer)).run();
}

}  // namespace keyfold::actors
