#include "tests/sim/oracle.hpp"

#include <functional>

#include "tests/sim/world.hpp"

namespace keyfold::sim {
namespace {

using workspace::node_kind;
using workspace::shown_entry;
using visit_entry = std::function<void(const std::string& folder, const shown_entry& entry)>;

void visit_below(const workspace::engine& engine, const std::string& path,
                 const shown_entry& folder, const visit_entry& visit, int depth) {
  if (depth > 60) throw broken_promise{"the tree has a cycle at " + path};
  for (const auto& entry : engine.list(folder)) {
    visit(path, entry);
    if (entry.kind == node_kind::folder)
      visit_below(engine, path + "/" + entry.name, entry, visit, depth + 1);
  }
}

void visit_all(const workspace::engine& engine, const visit_entry& visit) {
  if (const auto root = engine.find({})) visit_below(engine, "", *root, visit, 0);
}

std::string short_text(bytes_view id) {
  return to_base32(id).substr(0, 6);
}

/// Every version that shows, with the nodes that show it.
std::map<version_id, std::set<node_id>> shown_versions(const workspace::engine& engine) {
  std::map<version_id, std::set<node_id>> out;
  visit_all(engine, [&](const std::string&, const shown_entry& entry) {
    if (!entry.version) return;
    for (const auto& version : entry.version->same) out[version].insert(entry.node);
  });
  return out;
}

/// The versions written by a device's quarantined entries, as far as their keys are held there.
std::set<version_id> quarantined_versions(device& d) {
  std::set<version_id> out;
  const auto& feeds = d.workspace()->engine().feeds();
  feeds.visit_arrivals(0, [&](const feed::held_entry& held) {
    if (held.standing != feed::standing::quarantined) return true;
    const auto e = feeds.find_entry(held.order.hash);
    const auto* key = d.ledger().now()->keys.workspace_key(d.all().workspace, e->header.epoch);
    const auto opened = key != nullptr ? feed::open_payload(*e, *key) : fail(errc::key_not_held);
    const auto payload = opened ? workspace::decode_payload(*opened) : fail(errc::malformed);
    if (payload)
      for (const auto& o : payload->operations)
        if (const auto* w = std::get_if<workspace::write_operation>(&o)) out.insert(w->version);
    return true;
  });
  return out;
}

using held_entries = std::map<entry_hash, feed::held_entry>;

held_entries entries_of(const workspace::engine& engine) {
  held_entries out;
  engine.feeds().visit_arrivals(0, [&](const feed::held_entry& held) {
    out[held.order.hash] = held;
    return true;
  });
  return out;
}

/// Those of `some` that `others` has not, or judges differently.
std::string difference(const world& w, const held_entries& some, const held_entries& others) {
  std::string out;
  for (const auto& [hash, entry] : some) {
    const auto there = others.find(hash);
    if (there != others.end() && there->second.standing == entry.standing) continue;
    const auto& order = entry.order;
    const auto author = std::ranges::find_if(
        w.devices, [&order](const auto& d) { return d->who.device == order.device; });
    out += " " + (*author)->name() + "'s entry " + std::to_string(order.seq.value) +
           (entry.standing == feed::standing::counts ? " counts" : " is quarantined");
  }
  return out.empty() ? " none" : out;
}

/// The author lost the right to write, now or for a while.
bool has_lost_right(world& w, const deed& one) {
  const auto& author = w.device_at(one.device);
  const auto& ledger = w.relay->core().ledger();
  return author.rebel || !ledger.removals(w.workspace, author.who.user).empty() ||
         !ledger::may_write(ledger.role_at(w.workspace, author.who.user, ledger.head()->seq));
}

/// It shows changes that stay there, since the right to write was taken before they could be sent.
bool keeps_changes(device& d) {
  return !d.workspace()->engine().journal().empty() && !ledger::may_write(d.workspace()->role());
}

}  // namespace

std::vector<std::string> dump(const workspace::engine& engine) {
  std::vector<std::string> out;
  visit_all(engine, [&](const std::string& folder, const shown_entry& entry) {
    auto line = folder + "/" + entry.name + " " + std::to_string(static_cast<int>(entry.kind)) +
                " " + short_text(entry.node.view());
    for (const auto& node : entry.merged) line += " +" + short_text(node.view());
    if (entry.version)
      for (const auto& version : entry.version->same) line += " =" + short_text(version.view());
    if (entry.conflict_copy) line += " copy";
    out.push_back(std::move(line));
  });
  return out;
}

// -- on the way -----------------------------------------------------------------------------------

void oracle::incident(std::size_t device, const std::string& what) {
  world_.say("d" + std::to_string(device) + " notices: " + what);
  if (!world_.has_liars()) throw broken_promise{"d" + std::to_string(device) + ": " + what};
}

void oracle::entry_incident(std::size_t device, const workspace::entry_incident& what) {
  static constexpr std::string_view names[] = {"a damaged payload", "a later version",
                                               "a forked feed", "an invalid entry"};
  incident(device, std::string(names[static_cast<std::size_t>(what.what)]) + " of " +
                       short_text(what.entry.device.view()) + ", " +
                       std::to_string(what.entry.seq.value) +
                       (what.what == workspace::entry_incident::kind::invalid
                            ? " (" + std::string(to_string(what.why)) + ")"
                            : ""));
}

void oracle::report(std::size_t device, const keyfold::incident::report& r) {
  using keyfold::incident::kind;
  const auto what = std::string(keyfold::incident::to_string(r.what));
  if (keyfold::incident::convicts(r.what))
    throw broken_promise{"d" + std::to_string(device) + " convicts without cause: " + what};
  if (r.what == kind::relay_restored && world_.relay->was_restored())
    return world_.say("d" + std::to_string(device) + " notices that the relay was restored");
  incident(device, what);
}

// -- at rest --------------------------------------------------------------------------------------

std::vector<device*> oracle::readers() const {
  std::vector<device*> out;
  const auto& ledger = world_.relay->core().ledger();
  for (const auto& d : world_.devices)
    if (!d->rebel &&
        ledger::may_read(ledger.role_at(world_.workspace, d->who.user, ledger.head()->seq)))
      out.push_back(d.get());
  return out;
}

void oracle::check_finished(device& d) const {
  if (!d.runs()) throw broken_promise{d.name() + " does not run"};
  if (d.ledger().now()->state.head() != world_.relay->core().ledger().head())
    throw broken_promise{d.name() + " has not the whole ledger"};
  if (d.workspace() == nullptr) throw broken_promise{d.name() + " does not see its workspace"};
  if (const auto why = d.workspace()->unfinished()) throw broken_promise{d.name() + ": " + *why};
}

void oracle::check_convergence(const std::vector<device*>& readers) const {
  const auto first = dump(readers.front()->workspace()->engine());
  for (auto* d : readers) {
    const auto other = dump(d->workspace()->engine());
    if (other == first) continue;
    std::string what = d->name() + " shows another tree than " + readers.front()->name();
    for (const auto& line : other)
      if (std::find(first.begin(), first.end(), line) == first.end()) what += "\n      + " + line;
    for (const auto& line : first)
      if (std::find(other.begin(), other.end(), line) == other.end()) what += "\n      - " + line;
    throw broken_promise{what};
  }
}

void oracle::check_standings(const std::vector<device*>& readers) const {
  const auto first = entries_of(readers.front()->workspace()->engine());
  const auto& ledger = world_.relay->core().ledger();
  for (const auto& [hash, held] : first) {
    if (held.standing == feed::standing::counts) continue;
    const auto author = ledger.find_device(held.order.device);
    if (!author || ledger.removals(world_.workspace, author->user).empty())
      throw broken_promise{"an entry is quarantined whose author lost no right"};
  }
  for (auto* d : readers) {
    const auto other = entries_of(d->workspace()->engine());
    const auto same = [](const auto& a, const auto& b) {
      return a.first == b.first && a.second.standing == b.second.standing;
    };
    if (std::equal(first.begin(), first.end(), other.begin(), other.end(), same)) continue;
    throw broken_promise{d->name() + " and " + readers.front()->name() +
                         " do not hold the same entries, or judge them differently:" +
                         difference(world_, other, first) + "; at the other" +
                         difference(world_, first, other)};
  }
}

/// What is shown has the bytes that somebody wrote, all of them here.
void oracle::check_bytes(device& d) const {
  visit_all(d.workspace()->engine(), [&](const std::string& folder, const shown_entry& entry) {
    if (!entry.version) return;
    const auto at = d.name() + ": " + folder + "/" + entry.name;
    const auto known = world_.story.writes.find(entry.version->version);
    if (known == world_.story.writes.end()) throw broken_promise{at + " shows what nobody wrote"};
    const auto& expected_text = known->second.text;
    std::string text;
    if (const auto* link = std::get_if<workspace::symlink_content>(&entry.version->content)) {
      text = to_string(link->target);
    } else {
      if (!d.mirrors) return;
      const auto& content = std::get<workspace::file_content>(entry.version->content);
      for (const auto& chunk : content.chunks) {
        const auto data = d.objects.get(chunk.object);
        if (!data && world_.out_of_reach(chunk.object)) return;
        if (!data) throw broken_promise{at + " has no bytes (" + expected_text + ")"};
        const auto sealed = object::sealed_object::check(chunk.object, *data);
        const auto plain = sealed ? object::open_chunk(chunk, *sealed) : fail(errc::damaged);
        if (!plain) throw broken_promise{at + " does not open: " + plain.error().message};
        text += to_string(*plain);
      }
    }
    if (text != expected_text)
      throw broken_promise{at + " has the bytes '" + text + "', not '" + expected_text + "'"};
  });
}

/// Every version that a user was told is saved shows, unless somebody replaced or deleted it knowingly; and it can be
/// found in any case.
void oracle::check_saved(device& d) const {
  const auto& engine = d.workspace()->engine();
  const auto shown = shown_versions(engine);
  std::set<version_id> covered;
  for (const auto& deed : world_.story.deeds)
    covered.insert(deed.covers.begin(), deed.covers.end());
  // A file that somebody made without the right to is not there, and what others wrote to it shows nowhere.
  std::set<node_id> orphans;
  for (const auto& [version, write] : world_.story.writes)
    if (has_lost_right(world_, world_.story.deeds.at(write.deed))) orphans.insert(write.node);
  std::optional<std::set<version_id>> elsewhere;
  const auto is_elsewhere = [&](const version_id& version) {
    if (!elsewhere) {
      elsewhere.emplace();
      for (const auto& each : world_.devices)
        if (each->workspace() != nullptr) elsewhere->merge(quarantined_versions(*each));
    }
    if (elsewhere->contains(version)) return true;
    return std::any_of(world_.devices.begin(), world_.devices.end(), [&](const auto& each) {
      return each->workspace() != nullptr &&
             each->workspace()->engine().tree().content_of(version).has_value();
    });
  };
  for (const auto& [version, write] : world_.story.writes) {
    const auto& deed = world_.story.deeds.at(write.deed);
    if (!deed.acknowledged) continue;
    const auto& author = world_.device_at(deed.device);
    const auto what =
        "'" + write.text + "', saved by " + author.name() + " at " + seconds_text(deed.at);
    if (has_lost_right(world_, deed)) {
      if (!is_elsewhere(version)) throw broken_promise{what + ", is nowhere any more"};
      continue;
    }
    if (!engine.tree().content_of(version))
      throw broken_promise{what + ", has no history at " + d.name()};
    if (!covered.contains(version) && !shown.contains(version) && !orphans.contains(write.node))
      throw broken_promise{what + ", is not shown at " + d.name() + ", and nobody deleted it"};
  }
}

/// What somebody replaced or deleted knowingly does not show again, unless somebody else touched it meanwhile.
void oracle::check_deleted(device& d) const {
  const auto shown = shown_versions(d.workspace()->engine());
  const auto& deeds = world_.story.deeds;
  const auto lost_right = [&](const deed& one) { return has_lost_right(world_, one); };
  const auto knew = [&](const deed& one, std::size_t i, const deed& other, std::size_t j) {
    if (one.device == other.device) return j < i;
    const auto known = one.knows.find(world_.device_at(other.device).who.device);
    return known != one.knows.end() && other.lamport <= known->second;
  };
  const auto touches = [](const deed& other, const deed& one) {
    return other.touches_anything ||
           std::any_of(other.touches.begin(), other.touches.end(),
                       [&](const node_id& node) { return one.above.contains(node); });
  };
  for (std::size_t i = 0; i < deeds.size(); ++i) {
    const auto& one = deeds[i];
    if (!one.acknowledged || lost_right(one)) continue;
    // What two moved away at once has two copies: the other one may stay.
    const auto back = std::ranges::find_if(one.covers, [&](const version_id& version) {
      const auto found = shown.find(version);
      return found != shown.end() && std::ranges::any_of(found->second, [&](const node_id& node) {
               return one.above.contains(node) || one.touches.contains(node);
             });
    });
    if (back == one.covers.end()) continue;
    bool excused = false;
    for (std::size_t j = 0; j < deeds.size() && !excused; ++j)
      excused =
          j != i && touches(deeds[j], one) && (lost_right(deeds[j]) || !knew(one, i, deeds[j], j));
    if (excused) continue;
    throw broken_promise{"'" + world_.story.writes.at(*back).text + "' shows at " + d.name() +
                         ", though " + world_.device_at(one.device).name() + " has " +
                         (one.deletes ? "deleted" : "replaced") + " it at " + seconds_text(one.at)};
  }
}

/// Who may not read any more got nothing of what was written later.
void oracle::check_removed(device& d) const {
  if (!d.runs() || d.workspace() == nullptr) return;
  const auto& ledger = world_.relay->core().ledger();
  std::optional<ledger_seq> last;
  for (ledger_seq seq{0}; seq <= ledger.head()->seq; seq = seq.next())
    if (ledger::may_read(ledger.role_at(world_.workspace, d.who.user, seq))) last = seq;
  for (const auto& [hash, held] : entries_of(d.workspace()->engine()))
    if (held.order.device != d.who.device && (!last || held.position > *last))
      throw broken_promise{d.name() + " holds an entry that was written after its user's removal"};
}

void oracle::check() {
  if (!world_.relay->runs()) throw broken_promise{"the relay does not run"};
  const auto able = readers();
  for (auto* d : able) check_finished(*d);
  for (const auto& d : world_.devices) check_removed(*d);
  if (able.empty()) return;
  check_standings(able);
  auto even = able;
  std::erase_if(even, [](auto* d) { return keeps_changes(*d); });
  if (!even.empty()) {
    check_convergence(even);
    check_saved(*even.front());
    check_deleted(*even.front());
  }
  for (auto* d : able) check_bytes(*d);
  world_.log.note(world_.events.now(), "judged",
                  {able.size(), dump(able.front()->workspace()->engine()).size()});
}

}  // namespace keyfold::sim
