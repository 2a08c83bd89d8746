#include "tests/store/invitation/table.hpp"

#include <algorithm>

#include "store/invitation/about.hpp"

namespace keyfold::invitation::tests {
namespace {

constexpr std::array both{party::greeter, party::guest};

}  // namespace

table::table(kind k, std::uint64_t seed)
    : random(seeded_random(seed)),
      user_key(box_key::generate(*random)),
      root(signing_key::generate(*random)) {
  greeter_terms.organization =
      hash_as<organization_id>("keyfold/v1/organization", {root.public_key().view()});
  greeter_terms.token = random->id<invitation_token>();
  greeter_terms.kind = k;
  greeter_terms.secret = make_link_secret(random->key(), greeter_terms.token);
  guest_terms = greeter_terms;
  pick = [this](party who, const out::show_choose& shown) -> std::optional<sas_code> {
    const auto said = at(other(who)).told;
    if (std::find(shown.codes.begin(), shown.codes.end(), *said) == shown.codes.end())
      return std::nullopt;
    return said;
  };
}

void table::sit(party who) {
  auto& s = at(who);
  s.effects.clear();
  s.told.reset();
  s.choosing.reset();
  s.failed.reset();
  s.done.reset();
  side_options common{who == party::greeter ? greeter_terms : guest_terms,
                      s.stored,
                      expires,
                      {},
                      restart_after_wrong_code};
  if (who == party::greeter)
    s.machine = std::make_unique<greeter>(greeter::options{
        common, common.terms.kind == kind::user ? "bob@example.org" : "", ledger::profile::member});
  else
    s.machine = std::make_unique<guest>(
        guest::options{common, "bob's laptop", "bob@work.example", "Bob", s.keys});
  for (auto& e : s.machine->start()) s.effects.push_back(std::move(e));
}

void table::leave(party who) {
  auto& s = at(who);
  s.machine.reset();
  s.effects.clear();
  if (std::exchange(s.here, false)) give(other(who), in::peer_left{attempt});
}

void table::give(party who, const input& event) {
  auto& s = at(who);
  if (!s.machine) return;
  for (auto& e : s.machine->handle(event, now, *random)) s.effects.push_back(std::move(e));
}

void table::run() {
  for (int steps = 0; steps < 10'000; ++steps) {
    bool moved = false;
    for (const auto who : both) {
      auto& s = at(who);
      if (s.effects.empty()) continue;
      moved = true;
      const auto e = std::move(s.effects.front());
      s.effects.pop_front();
      if (before(who, e))
        carry_out(who, e);
      else
        leave(who);
    }
    if (!moved && !people_act()) return;
  }
  throw std::runtime_error("they never come to an end");
}

bool table::people_act() {
  for (const auto who : both) {
    auto& s = at(who);
    if (!s.choosing || !at(other(who)).told) continue;
    const auto shown = *std::exchange(s.choosing, std::nullopt);
    give(who, in::picked{shown.attempt, pick(who, shown)});
    return true;
  }
  return false;
}

bool table::pass_time() {
  std::optional<timestamp> next;
  for (const auto who : both)
    if (at(who).machine)
      if (const auto limit = at(who).machine->next_timeout(); limit && (!next || *limit < *next))
        next = limit;
  if (!next) return false;
  now = *next;
  for (const auto who : both) give(who, in::tick{});
  return true;
}

void table::append_now() {
  auto request = std::move(*held_);
  held_.reset();
  admission a{random->id<user_id>(),
              random->id<device_id>(),
              request.profile,
              root.public_key(),
              "wonderland",
              {{7 + appended.size()}, random->id<certificate_hash>()},
              {"keyfold://relay:1/?k=x"},
              {}};
  if (request.kind == kind::device) a.user_secret = user_key.secret();
  ledger.emplace_back(request.keys, a);
  appended.push_back(std::move(request));
  give(party::greeter, in::appended{a});
}

void table::answer_look_up(const out::look_up& question) {
  in::looked_up result{question.keys, {}, false};
  for (const auto& [keys, admitted] : ledger) {
    if (keys == question.keys)
      result.found = admitted;
    else if (keys.signing == question.keys.signing || keys.link == question.keys.link)
      result.taken = true;
  }
  give(party::greeter, result);
}

void table::carry_out(party who, const effect& e) {
  auto& s = at(who);
  auto& peer = at(other(who));
  if (std::holds_alternative<out::open_conduit>(e)) {
    ++attempt;
    s.here = true;
    give(who, in::opened{attempt, peer.here});
    if (peer.here) give(other(who), in::restarted{attempt});
  } else if (const auto* send = std::get_if<out::send>(&e)) {
    if (send->attempt != attempt || !s.here) return;
    wire.push_back(send->payload);
    if (const auto what = kind_of(send->payload); what && *what == message_kind::reveal)
      ++s.reveals;
    auto payload = relay(who, send->payload);
    if (!payload.empty() && peer.here) give(other(who), in::received{attempt, std::move(payload)});
  } else if (std::holds_alternative<out::close_conduit>(e)) {
    if (std::exchange(s.here, false)) give(other(who), in::peer_left{attempt});
  } else if (const auto* store = std::get_if<out::store_progress>(&e)) {
    s.stored = progress::decode(store->progress.encode()).value();
  } else if (const auto* kept = std::get_if<out::store_keys>(&e)) {
    s.keys = kept->keys;
  } else if (const auto* in_ = std::get_if<out::store_admission>(&e)) {
    s.admitted = in_->admitted;
  } else if (const auto* tell = std::get_if<out::show_tell>(&e)) {
    s.told = tell->code;
  } else if (const auto* choose = std::get_if<out::show_choose>(&e)) {
    s.choosing = *choose;
  } else if (const auto* confirm = std::get_if<out::show_confirm>(&e)) {
    auto reply = answer;
    reply.attempt = confirm->attempt;
    give(who, reply);
  } else if (const auto* ended = std::get_if<out::attempt_ended>(&e)) {
    s.told.reset();
    s.choosing.reset();
    s.ended.push_back(ended->why);
    if (ended->refusal) s.refusals.push_back(*ended->refusal);
  } else if (const auto* question = std::get_if<out::look_up>(&e)) {
    answer_look_up(*question);
  } else if (const auto* request = std::get_if<out::append>(&e)) {
    held_ = request->request;
    if (refuse_append)
      give(who, in::append_failed{{errc::internal, "no"}});
    else if (!hold_append)
      append_now();
  } else if (std::holds_alternative<out::close_invitation>(e)) {
    invitation_closed = true;
  } else if (const auto* done = std::get_if<out::done>(&e)) {
    s.done = *done;
  } else if (const auto* failed = std::get_if<out::failed>(&e)) {
    s.failed = *failed;
    if (failed->refusal) s.refusals.push_back(*failed->refusal);
    if (std::exchange(s.here, false)) give(other(who), in::peer_left{attempt});
  }
}

}  // namespace keyfold::invitation::tests
