// Two devices and the link between them: the cores, composed as the agent's actors peer and workspace compose them.
#include "tests/attack/direct_link.hpp"

#include "store/replica/host.hpp"

namespace keyfold::attack {
namespace {

constexpr net::instant now{0};
constexpr replica::replica_number there = 1;

net::answer_or_failure refused(const error& why, std::optional<bytes> detail = {}) {
  return tl::unexpected(net::failure{why, std::move(detail)});
}
template <class Body>
net::answer_or_failure say(const Body& body, bytes bulk = {}) {
  return net::answer{net::encode(body), std::move(bulk)};
}

/// Who has that link key, if he may be here.
expected<user_id> check_device(const ledger::state& s, const person& who) {
  const auto facts = s.find_device(who.device);
  if (!facts || facts->link_key != who.link.public_key())
    return fail(errc::stranger, "no device of this organization");
  if (s.organization().user(facts->user)->revoked)
    return fail(errc::user_is_revoked, "this user has been revoked");
  return facts->user;
}

expected<std::vector<feed::entry>> decode_entries(bytes_view bulk) {
  KEYFOLD_TRY(const auto list, net::decode_list(bulk));
  std::vector<feed::entry> out;
  for (const auto encoded : list) {
    KEYFOLD_TRY(auto e, feed::decode_entry(encoded));
    out.push_back(std::move(e));
  }
  return out;
}

}  // namespace

/// What one end knows of the other in one workspace.
struct direct_link::part {
  part(device& self, workspace_id id)
      : workspace(id),
        pull(self.engine(id).feeds()),
        push(self.engine(id).feeds(), self.engine(id).journal(), self.who.device,
             [](const object_id&) { return std::nullopt; }, {.objects_first = false}) {}

  workspace_id workspace;
  replica::pull pull;
  replica::push push;
  replica::fetch fetch;
  std::optional<errc> stalled;
};

struct direct_link::end {
  end(device& at, device& far)
      : self(at),
        other(far),
        session(
            [&at](const net::hello&, const net::hello_answer& got) -> expected<void> {
              KEYFOLD_TRY(const auto said, ledger::decode_statement(got.statement));
              if (said.organization != at.ledger.id())
                return fail(errc::wrong_organization, "a greeting of another organization");
              return {};
            },
            now) {}

  device& self;
  device& other;
  net::peer_session session;
  std::optional<net::hello_answer> greeting;
  std::map<net::request_token, net::answer_or_failure> answers;
  std::map<workspace_id, std::unique_ptr<part>> parts;
};

direct_link::direct_link(rig& all, device& one, device& other)
    : all_(all),
      one_(std::make_unique<end>(one, other)),
      other_(std::make_unique<end>(other, one)) {}
direct_link::~direct_link() = default;

direct_link::end& direct_link::of(const device& d) {
  return &one_->self == &d ? *one_ : *other_;
}
direct_link::part& direct_link::in(end& at, workspace_id workspace) {
  auto& found = at.parts[workspace];
  if (!found) {
    found = std::make_unique<part>(at.self, workspace);
    (void)found->fetch.replica_up(there);
  }
  return *found;
}

std::vector<ledger::feed_head> direct_link::behind(const device& d, workspace_id workspace) {
  return in(of(d), workspace).pull.behind();
}
std::optional<errc> direct_link::stalled(const device& d, workspace_id workspace) {
  return in(of(d), workspace).stalled;
}

// -- the session

void direct_link::run() {
  while (!under_way_.empty() && !closed) {
    auto [to, m] = std::move(under_way_.front());
    under_way_.pop_front();
    const auto passed = attacker(to->self, m);
    if (!passed) continue;
    const auto heard = net::decode_message(shared_bytes(net::encode_head(*passed)), passed->bulk);
    if (!heard) {
      closed = heard.error();
      return;
    }
    handle(*to, to->session.received(*heard, now));
  }
}

void direct_link::handle(end& at, net::peer_effects effects) {
  for (auto& effect : effects) handle(at, effect);
}

void direct_link::handle(end& at, net::peer_effect& effect) {
  if (auto* sent = std::get_if<net::effect::send>(&effect))
    under_way_.emplace_back(&of(at.other), std::move(sent->m));
  if (auto* answered = std::get_if<net::effect::answered>(&effect))
    at.answers.emplace(answered->token, std::move(answered->result));
  if (auto* greeted = std::get_if<net::effect::greeted>(&effect))
    at.greeting = std::move(greeted->answer);
  if (const auto* greeting = std::get_if<net::effect::greeting>(&effect))
    greet(at, greeting->hello);
  if (const auto* asked = std::get_if<net::effect::requested>(&effect))
    handle(at, at.session.reply(asked->m.request_id, serve(at, asked->m)));
  if (const auto* ended = std::get_if<net::effect::closed>(&effect); ended != nullptr && !closed)
    closed = ended->why;
}

void direct_link::greet(end& at, const net::hello& hello) {
  auto may = check_device(at.self.ledger, at.other.who);
  if (may && hello.organization != at.self.ledger.id())
    may = fail(errc::wrong_organization, "a greeting to another organization");
  if (!may) return handle(at, at.session.reject(may.error()));
  const auto& receipt = at.self.ledger.record_at(at.self.ledger.head()->seq)->receipt;
  handle(at, at.session.accept({net::protocol_version, receipt.statement_bytes, receipt.signature,
                                std::nullopt}));
}

/// False when the relay's word that the other brought convicts it: it shows two ledgers.
bool direct_link::examine(end& at, bytes_view statement, bytes_view signature) {
  const auto said =
      ledger::verify_statement(statement, signature, at.self.ledger.organization().receipt_key());
  if (!said) {
    at.self.noticed.refused.push_back(said.error());
    return false;
  }
  bool believed = true;
  for (const auto& found : at.self.witness.heard(at.self.ledger, *said)) {
    auto report = incident::of_relay(found, 1);
    report.from = at.other.who.device;
    at.self.noticed.reports.push_back(std::move(report));
    believed = believed && found.what != ledger::contradiction::forked;
  }
  return believed;
}

bool direct_link::connect() {
  for (auto* at : {one_.get(), other_.get()}) {
    // Each listens under its own key, and its ZAP admits known keys alone.
    if (const auto may = check_device(at->self.ledger, at->other.who); !may) closed = may.error();
    if (closed) return false;
    net::hello hello;
    hello.organization = at->self.ledger.id();
    hello.nonce = all_.random->id<hash32>();
    const auto head = *at->self.ledger.head();
    hello.head = net::ledger_head{head.seq, head.hash};
    handle(*at, at->session.up(hello, now));
  }
  run();
  for (auto* at : {one_.get(), other_.get()}) {
    if (closed || !at->session.open()) return false;
    if (!examine(*at, at->greeting->statement, at->greeting->signature))
      closed = error{errc::ledger_forked, "the relay showed us two ledgers"};
  }
  return !closed;
}

expected<net::answer> direct_link::ask(device& by, net::client_session::request what) {
  if (closed) return fail(errc::disconnected, "the link has gone");
  auto& at = of(by);
  const auto token = ++last_token_;
  KEYFOLD_TRY(auto effects, at.session.ask(token, std::move(what), now));
  handle(at, std::move(effects));
  run();
  const auto got = at.answers.extract(token);
  if (got.empty()) return fail(errc::timed_out, "no answer");
  if (got.mapped()) return *got.mapped();
  by.noticed.refused.push_back(got.mapped().error().why);
  return tl::unexpected(got.mapped().error().why);
}

// -- answering

net::answer_or_failure direct_link::serve(end& at, const net::message& m) {
  auto& self = at.self;
  const auto user = check_device(self.ledger, at.other.who);
  if (!user) return refused(user.error());
  if (m.kind == net::message_kind::ledger_pull) {
    const auto r = net::decode<net::ledger_pull>(m.body.view());
    if (!r) return refused(r.error());
    const auto pulled = ledger::pull_for(self.ledger, *user, r->from, r->workspace, r->max);
    if (!pulled) return refused(pulled.error());
    return say(net::ledger_pull_answer{pulled->head, pulled->records.size(), {}, pulled->readable},
               pulled->records.empty() ? bytes{} : net::encode_list(pulled->records));
  }
  const auto allowed = [&](workspace_id workspace) {
    return replica::check_reader(self.ledger, workspace, *user);
  };
  if (m.kind == net::message_kind::subscribe) {
    const auto r = net::decode<net::subscribe>(m.body.view());
    if (!r) return refused(r.error());
    if (const auto may = allowed(r->workspace); !may) return refused(may.error());
    net::subscribe_answer out;
    for (const auto& h : replica::heads_to_tell(self.engine(r->workspace).feeds()))
      out.frontier.push_back({h.device, h.generation, h.seq, h.hash});
    return say(out);
  }
  if (m.kind == net::message_kind::feed_push) {
    const auto r = net::decode<net::feed_push>(m.body.view());
    if (!r) return refused(r.error());
    if (const auto may = allowed(r->workspace); !may) return refused(may.error());
    return take(at, *r, m.bulk);
  }
  if (m.kind == net::message_kind::object_get) {
    const auto r = net::decode<net::object_get>(m.body.view());
    if (!r) return refused(r.error());
    if (const auto may = allowed(r->workspace); !may) return refused(may.error());
    const auto& held = self.objects(r->workspace).objects;
    const auto found = held.find(r->object);
    if (found == held.end()) return refused({errc::not_found, "the object is not here"});
    return say(net::object_get_answer{found->second.size(), {}}, to_bytes(found->second.data()));
  }
  return refused({errc::unknown_kind, "a device does not take this"});
}

/// What needs a newer ledger is tried again once that was asked for, at the device that brings it.
net::answer_or_failure direct_link::take(end& at, const net::feed_push& what,
                                         const shared_bytes& bulk) {
  const auto entries = decode_entries(bulk.view());
  if (!entries) return refused(entries.error());
  const auto& feeds = at.self.engine(what.workspace).feeds();
  const auto once = [&] {
    const auto count = at.self.heads.admit(feeds, at.self.ledger, *entries);
    const auto got = at.self.receive(what.workspace, std::span(*entries).first(count));
    for (const auto& e : *entries)
      if (feeds.holds(e.hash)) in(at, what.workspace).push.came_from_replica(e.hash);
    return replica::answer_push(feeds, *entries, got.verdicts, got.lacks, !got.lacks_keys.empty());
  };
  auto answer = once();
  if (answer.refusal && answer.refusal->code == errc::lacks_records && pull_ledger(at))
    answer = once();
  if (!answer.refusal) return say(net::feed_push_answer{answer.accepted, {}});
  std::optional<bytes> detail;
  if (!answer.lacks.empty()) detail = net::encode(net::missing_entries{answer.lacks});
  return refused(*answer.refusal, std::move(detail));
}

// -- asking

expected<void> direct_link::pull_records(end& at, ledger_seq from,
                                         std::optional<workspace_id> workspace) {
  KEYFOLD_TRY(const auto got, ask(at.self, net::ledger_pull{from, workspace, 500}));
  if (got.bulk.empty()) return {};
  KEYFOLD_TRY(const auto list, net::decode_list(got.bulk.view()));
  for (const auto encoded : list) {
    KEYFOLD_TRY(const auto record, ledger::decode_record(encoded));
    const auto taken = at.self.take(record);
    if (taken) continue;
    const auto why = taken.error().code;
    auto& reports = at.self.noticed.reports;
    if (auto foreign = incident::of_foreign_record(at.self.ledger, record, 1);
        foreign && why == errc::ledger_forked)
      reports.push_back(std::move(*foreign));
    if (ledger::is_unsigned(why))
      reports.push_back(incident::of_unsigned_record(record, why, 1, at.other.who.device));
    return fail(taken);
  }
  return {};
}

/// From the last record that is held: a fork shows in the first answer.
expected<void> direct_link::pull_ledger(end& at) {
  const auto done = [&]() -> expected<void> {
    auto& ledger = at.self.ledger;
    for (std::uint64_t before = 0; before != ledger.size();) {
      before = ledger.size();
      KEYFOLD_CHECK(pull_records(at, ledger.head()->seq, std::nullopt));
    }
    for (const auto& workspace : ledger.lacking_bodies(at.self.who.user))
      if (const auto missing = ledger.first_lacking(workspace))
        KEYFOLD_CHECK(pull_records(at, *missing, workspace));
    return {};
  }();
  if (!done) at.self.noticed.refused.push_back(done.error());
  for (const auto& found : at.self.witness.advanced(at.self.ledger))
    at.self.noticed.reports.push_back(incident::of_relay(found, 1));
  return done;
}

void direct_link::exchange_ledgers() {
  for (auto* at : {one_.get(), other_.get()}) (void)pull_ledger(*at);
}

/// Entries are exchanged while both may read there.
bool direct_link::entitled(const end& at, workspace_id workspace) {
  const auto& ledger = at.self.ledger;
  return replica::check_reader(ledger, workspace, at.self.who.user) &&
         replica::check_reader(ledger, workspace, at.other.who.user);
}

void direct_link::exchange(workspace_id workspace) {
  exchange_ledgers();
  for (auto* at : {one_.get(), other_.get()}) {
    if (!entitled(*at, workspace)) continue;
    auto& p = in(*at, workspace);
    p.stalled.reset();
    if (p.push.online()) carry_out(*at, p, p.push.retry());
    carry_out(*at, p, p.pull.connected());
  }
}

void direct_link::carry_out(end& at, part& p, const replica::pull::effects& effects) {
  for (const auto& effect : effects) {
    const auto* asked = std::get_if<replica::subscribe>(&effect);
    if (asked == nullptr) continue;
    const auto got = ask(at.self, net::subscribe{p.workspace, {}});
    const auto answer = got ? net::decode<net::subscribe_answer>(got->body.view()) : fail(got);
    if (!answer) {
      p.pull.disconnected();
      continue;
    }
    std::vector<ledger::feed_head> heads;
    for (const auto& h : answer->frontier) heads.push_back({h.device, h.generation, h.seq, h.hash});
    p.pull.subscribed(heads);
    if (!p.push.online()) carry_out(at, p, p.push.connected(std::move(heads)));
  }
}

void direct_link::carry_out(end& at, part& p, const replica::push::effects& effects) {
  std::deque<replica::push_effect> todo(effects.begin(), effects.end());
  for (int steps = 0; !todo.empty(); ++steps) {
    REQUIRE(steps < 10'000);
    const auto effect = std::move(todo.front());
    todo.pop_front();
    for (auto& next : step(at, p, effect)) todo.push_back(std::move(next));
  }
}

replica::push::effects direct_link::step(end& at, part& p, const replica::push_effect& effect) {
  if (const auto* stands = std::get_if<replica::stalled>(&effect)) p.stalled = stands->reason.code;
  if (std::holds_alternative<replica::sign_next>(effect)) {
    (void)at.self.sign_all(p.workspace);
    return p.push.sign_answered();
  }
  if (std::holds_alternative<replica::sync_ledger>(effect) && pull_ledger(at))
    return p.push.ledger_advanced();
  const auto* batch = std::get_if<replica::push_entries>(&effect);
  if (batch == nullptr) return {};
  const auto token = last_token_ + 1;
  std::vector<entry_hash> lacks;
  const auto note_detail = [&](const net::failure& why) {
    if (!why.detail) return;
    const auto missing = net::decode<net::missing_entries>(*why.detail);
    if (missing) lacks = missing->hashes;
  };
  auto asked = at.session.ask(
      token,
      {net::message_kind::feed_push, net::encode(net::feed_push{p.workspace, std::nullopt}),
       net::encode_list(batch->entries)},
      now);
  last_token_ = token;
  if (!asked) return p.push.push_refused(asked.error(), {});
  handle(at, std::move(*asked));
  run();
  const auto got = at.answers.extract(token);
  if (got.empty()) return p.push.push_refused({errc::timed_out, "no answer"}, {});
  if (!got.mapped()) {
    note_detail(got.mapped().error());
    return p.push.push_refused(got.mapped().error().why, lacks);
  }
  const auto answer = net::decode<net::feed_push_answer>(got.mapped()->body.view());
  return answer ? p.push.push_answered(answer->accepted, answer->wanted)
                : p.push.push_refused(answer.error(), {});
}

expected<std::uint64_t> direct_link::push(device& by, workspace_id workspace,
                                          const std::vector<feed::entry>& entries) {
  std::vector<bytes> encoded;
  for (const auto& e : entries) encoded.push_back(feed::encode_entry(e));
  KEYFOLD_TRY(const auto got,
              ask(by, net::feed_push{workspace, std::nullopt}, net::encode_list(encoded)));
  KEYFOLD_TRY(const auto answer, net::decode<net::feed_push_answer>(got.body.view()));
  return answer.accepted;
}

expected<std::string> direct_link::read(device& by, workspace_id workspace, const path& at) {
  KEYFOLD_TRY(const auto found, by.engine(workspace).find(at));
  const auto* content =
      found.version ? std::get_if<workspace::file_content>(&found.version->content) : nullptr;
  if (content == nullptr) return fail(errc::not_found, "no file");
  auto& here = of(by);
  auto& p = in(here, workspace);
  for (const auto& chunk : content->chunks)
    if (!by.objects(workspace).objects.contains(chunk.object))
      fetch(here, p, p.fetch.want(chunk.object, 4096, 1));
  return by.read(workspace, at);
}

void direct_link::fetch(end& at, part& p, const replica::fetch::effects& effects) {
  for (const auto& effect : effects) {
    if (const auto* gone = std::get_if<replica::object_unavailable>(&effect))
      at.self.noticed.unavailable.push_back(gone->object);
    const auto* get = std::get_if<replica::get_object>(&effect);
    if (get == nullptr) continue;
    const auto got = ask(at.self, net::object_get{p.workspace, get->object, 0, 0});
    if (!got) {
      fetch(at, p, p.fetch.lacks(get->replica, get->object));
      continue;
    }
    auto checked = object::sealed_object::check(get->object, to_bytes(got->bulk.view()));
    if (checked)
      at.self.objects(p.workspace).objects.emplace(get->object, *checked);
    else
      at.self.noticed.refused.push_back(checked.error());
    fetch(at, p, p.fetch.got(get->replica, get->object, checked.has_value()));
  }
}

}  // namespace keyfold::attack
