// What a device answers to others, which ask it as a replica (actors/workspace_host.cpp).
#include "store/replica/host.hpp"
#include "tests/sim/world.hpp"

namespace keyfold::sim {

/// One request of another device, which may read here.
struct host {
  workspace_shell& s;
  link_number link;
  const std::function<void(answer)>& reply;

  void operator()(const sim::subscribe&) const {
    reply(sim::subscribed{s.engine_->feeds().frontier()});
  }
  /// What needs a newer ledger is tried again once that was asked for, at the device that brings it.
  void operator()(const sim::push& q) const {
    const auto entries = decode_entries(q.entries);
    if (!entries) return reply(sim::refused{entries.error(), {}});
    const auto got = take(s, link, *entries);
    const auto* no = got ? std::get_if<sim::refused>(&*got) : nullptr;
    if (no == nullptr || no->why.code != errc::lacks_records) return reply(got.value_or(failed()));
    s.of_.ledger().refresh(link, [shell = &s, there = std::weak_ptr<int>(s.there_), from = link,
                                  list = *entries, later = reply](bool) {
      if (there.expired() || shell->dead_) return later(failed());
      later(take(*shell, from, list).value_or(failed()));
    });
  }
  static answer failed() {
    return sim::refused{{errc::workspace_unknown, "the workspace has failed here"}, {}};
  }
  /// nullopt: they could not be kept.
  static std::optional<answer> take(workspace_shell& s, link_number from,
                                    const std::vector<feed::entry>& entries) {
    const auto got = s.take_batch(from, entries);
    if (!got) return std::nullopt;
    const auto told = replica::answer_push(s.engine_->feeds(), entries, got->verdicts, got->lacks,
                                           !got->lacks_keys.empty());
    if (told.refusal) return sim::refused{*told.refusal, told.lacks};
    return sim::pushed{told.accepted, {}};
  }
  void operator()(const sim::have& q) const {
    sim::lacking out;
    for (const auto& object : q.objects)
      if (!s.of_.objects.has(object)) out.objects.push_back(object);
    reply(out);
  }
  void operator()(const sim::get& q) const {
    auto data = s.of_.objects.get(q.object);
    reply(data ? answer(sim::object_bytes{std::move(data)})
               : answer(sim::refused{{errc::not_found, "the object is not here"}, {}}));
  }
  template <class Other>
  void operator()(const Other&) const {
    reply(sim::refused{{errc::unknown_kind, "a device does not take this"}, {}});
  }
};

void workspace_shell::serve(link_number link, const device_id& device, const request& what,
                            const std::function<void(answer)>& reply) {
  if (dead_) return reply(host::failed());
  const auto& ledger = ledger_.now->state;
  const auto facts = ledger.find_device(device);
  if (!facts) return reply(sim::refused{{errc::stranger, "no device of this organization"}, {}});
  const auto may = replica::check_reader(ledger, of_.all().workspace, facts->user);
  if (!may && !of_.all().has(bug::removed_are_served, of_))
    return reply(sim::refused{may.error(), {}});
  if (!ledger::may_read(role()))
    return reply(sim::refused{{errc::not_found, "this device has no part in it any more"}, {}});
  std::visit(host{*this, link, reply}, what);
}

}  // namespace keyfold::sim
