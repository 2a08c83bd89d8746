// Answers to other devices, which ask this one as a replica: the same requests as to the relay. Between devices nobody
// subscribes to events; each side pushes what the other lacks.
#include "actors/answers.hpp"
#include "actors/mirror_objects.hpp"
#include "actors/replies.hpp"
#include "actors/workspace_state.hpp"
#include "store/replica/host.hpp"

namespace keyfold::actors {
namespace {

using result = net::answer_or_failure;
using result_promise = promise<result>;

net::feed_position position_of(const ledger::feed_head& h) {
  return {h.device, h.generation, h.seq, h.hash};
}

/// Whether the object is here: in the store, or in the mirror, of which it can be made.
bool can_give(const workspace_state& s, const object_id& object) {
  return s.options.objects.objects->has(object).value_or(false) ||
         (s.maker && s.maker->may_make(object));
}

class host {
 public:
  host(workspace_pointer self, replica::replica_number from) : self_(self), from_(from) {}

  caf::result<result> answer(const net::message& request) {
    switch (request.kind) {
      case net::message_kind::subscribe:
        return with<net::subscribe>(request);
      case net::message_kind::feed_push:
        return with<net::feed_push>(request);
      case net::message_kind::object_have:
        return with<net::object_have>(request);
      case net::message_kind::object_put:
        return with<net::object_put>(request);
      case net::message_kind::object_get:
        return with<net::object_get>(request);
      default:
        return refused({errc::unknown_kind, "a device does not take this"});
    }
  }

 private:
  template <class Body>
  caf::result<result> with(const net::message& request) {
    const auto body = net::decode<Body>(request.body.view());
    if (!body) return refused(body.error());
    return on(*body, request.bulk);
  }

  caf::result<result> on(const net::subscribe&, const shared_bytes&) {
    net::subscribe_answer out;
    for (const auto& head : replica::heads_to_tell(state_of(self_).engine.feeds()))
      out.frontier.push_back(position_of(head));
    return say(out);
  }

  /// What needs a newer ledger is tried again once that was asked for, at the device that brings it.
  caf::result<result> on(const net::feed_push&, const shared_bytes& bulk) {
    const auto entries = decode_entries(bulk);
    if (!entries) return refused(entries.error());
    const auto answer = take(self_, from_, *entries);
    if (!answer) return refused({errc::internal, "this device could not keep the entries"});
    if (!answer->refusal || answer->refusal->code != errc::lacks_records) return told(*answer);
    auto later = self_->make_response_promise<result>();
    const refresh_ledger wanted{state_of(self_).find(from_)->to};
    self_->request(state_of(self_).ledger_of, caf::infinite, wanted)
        .then(
            [self = self_, from = from_, entries = *entries,
             later](const expected<ledger_view>& ledger) mutable {
              if (ledger) take_ledger(self, *ledger);
              const auto again = take(self, from, entries);
              later.deliver(again ? told(*again)
                                  : refused({errc::internal, "the entries could not be kept"}));
            },
            [later](const caf::error& e) mutable { later.deliver(refused(to_error(e))); });
    return later;
  }
  static std::optional<replica::push_answer> take(workspace_pointer self,
                                                  replica::replica_number from,
                                                  const std::vector<feed::entry>& entries) {
    auto& s = state_of(self);
    const auto allowed = s.options.heads->admit(s.engine.feeds(), s.ledger, entries);
    const auto got = take_batch(self, from, std::span(entries).first(allowed));
    if (!got) return std::nullopt;
    return replica::answer_push(s.engine.feeds(), entries, got->verdicts, got->lacks,
                                !got->lacks_keys.empty());
  }
  static result told(const replica::push_answer& answer) {
    if (!answer.refusal) return say(net::feed_push_answer{answer.accepted, {}});
    std::optional<bytes> detail;
    if (!answer.lacks.empty()) {
      net::missing_entries missing{answer.lacks};
      missing.hashes.resize(std::min(missing.hashes.size(), net::max_missing));
      detail = net::encode(missing);
    }
    return refused(*answer.refusal, std::move(detail));
  }

  caf::result<result> on(const net::object_have& r, const shared_bytes&) {
    net::object_have_answer out;
    for (const auto& object : r.objects)
      if (!can_give(state_of(self_), object)) out.lacking.push_back(object);
    return say(out);
  }
  caf::result<result> on(const net::object_put& r, const shared_bytes& bulk) {
    if (!may_write()) return refused({errc::role_insufficient, "no right to write there"});
    auto later = self_->make_response_promise<result>();
    self_->request(state_of(self_).disk, caf::infinite, store_object{r.object, bulk})
        .then(
            [later](const expected<void>& stored) mutable {
              later.deliver(stored ? say_done() : refused(stored.error()));
            },
            [later](const caf::error& e) mutable { later.deliver(refused(to_error(e))); });
    return later;
  }
  caf::result<result> on(const net::object_get& r, const shared_bytes&) {
    if (r.first_cell != 0 || r.cells != 0) return read_range(r);
    const auto& s = state_of(self_);
    if (s.maker && !s.options.objects.objects->has(r.object).value_or(true)) return make(r.object);
    auto later = self_->make_response_promise<result>();
    self_->request(state_of(self_).disk, caf::infinite, read_object{r.object})
        .then(
            [later](const expected<shared_bytes>& data) mutable {
              later.deliver(data ? say(net::object_get_answer{data->size(), {}}, *data)
                                 : refused(data.error()));
            },
            [later](const caf::error& e) mutable { later.deliver(refused(to_error(e))); });
    return later;
  }
  /// An object that went from the store, of the files of the mirror.
  caf::result<result> make(const object_id& object) {
    auto later = self_->make_response_promise<result>();
    const auto& s = state_of(self_);
    self_->request(s.disk, caf::infinite, make_object{s.maker, object})
        .then(
            [later](const expected<made_object>& made) mutable {
              later.deliver(made ? say(net::object_get_answer{(*made)->size(), {}},
                                       shared_bytes((*made)->data(), *made))
                                 : refused(made.error()));
            },
            [later](const caf::error& e) mutable { later.deliver(refused(to_error(e))); });
    return later;
  }
  caf::result<result> read_range(const net::object_get& r) {
    auto range = state_of(self_).options.objects.objects->get_range(
        r.object, r.first_cell, r.cells == 0 ? SIZE_MAX : r.cells);
    if (!range) return refused(range.error());
    if (!*range) return refused({errc::not_found, "the object is not here"});
    return say(net::object_get_answer{(*range)->object_size, (*range)->hashes},
               shared_bytes(std::move((*range)->cells)));
  }

  /// Who may not write has nothing to bring but what others wrote: no contents.
  [[nodiscard]] bool may_write() const {
    const auto& s = state_of(self_);
    const auto& ledger = s.ledger.now->state;
    const auto facts = ledger.find_device(*state_of(self_).find(from_)->device);
    return ledger::may_write(ledger.workspace(s.options.workspace)->role_of(facts->user));
  }

  workspace_pointer self_;
  replica::replica_number from_;
};

}  // namespace

caf::result<net::answer_or_failure> answer_replica(workspace_pointer self,
                                                   const replica_request& request) {
  auto& s = state_of(self);
  const auto* from = s.find(request.from);
  if (from == nullptr || !from->device) return refused({errc::session_closed, "the link has gone"});
  const auto& ledger = s.ledger.now->state;
  const auto facts = ledger.find_device(*from->device);
  if (!facts) return refused({errc::stranger, "no device of this organization"});
  if (auto may = replica::check_reader(ledger, s.options.workspace, facts->user); !may)
    return refused(may.error());
  if (!ledger::may_read(s.role()))
    return refused({errc::not_found, "this device has no part in the workspace any more"});
  return host(self, request.from).answer(request.request);
}

}  // namespace keyfold::actors
