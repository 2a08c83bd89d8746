// What users do at a device, and what the chronicle keeps of it.
#include "tests/sim/user.hpp"

#include "store/object/list.hpp"
#include "tests/sim/world.hpp"

namespace keyfold::sim {
namespace {

using workspace::node_kind;
using workspace::shown_entry;

constexpr std::string_view file_names[] = {"a", "b", "c", "d.txt", "e.txt", "f", "Recovered"};
constexpr int max_frontier_races = 6;

std::string joined(const std::vector<std::string>& path) {
  std::string out;
  for (const auto& name : path) out += "/" + name;
  return out.empty() ? "/" : out;
}

}  // namespace

user::user(device& at, const step& what)
    : device_(at), step_(what), shell_(*at.workspace()), engine_(shell_.engine()) {}

void user::look_around() {
  auto& seen = device_.seen;
  seen.clear();
  const auto root = engine_.find({});
  if (!root) return;
  seen.push_back({{}, *root});
  for (std::size_t i = 0; i < seen.size() && seen.size() < 400; ++i) {
    if (seen[i].entry.kind != node_kind::folder) continue;
    for (auto& child : engine_.list(seen[i].entry)) {
      auto path = seen[i].path;
      path.push_back(child.name);
      device_.paths_seen.insert(path);
      seen.push_back({std::move(path), std::move(child)});
    }
  }
}

const seen_item* user::pick(bool folders, bool files, std::uint64_t by) const {
  std::vector<const seen_item*> fitting;
  for (const auto& item : device_.seen)
    if (item.entry.kind == node_kind::folder ? folders : files) fitting.push_back(&item);
  return fitting.empty() ? nullptr : fitting[by % fitting.size()];
}

deed user::begin() const {
  deed out;
  out.device = device_.number;
  out.at = device_.all().events.now();
  out.knows = shell_.known();
  return out;
}

/// The change is in the journal; it is saved once it is committed.
void user::journalled(deed d) {
  engine_.journal().visit([&](const feed::pending_entry& entry) {
    d.lamport = entry.order.lamport;
    return true;
  });
  deeds_.push_back(device_.all().story.begin(std::move(d)));
}

/// The versions that show as one with it; none when it is not shown there any more.
std::vector<version_id> user::same_as(const workspace::item& what) const {
  for (const auto& branch : engine_.tree().branches(what.node))
    if (std::binary_search(branch.same.begin(), branch.same.end(), what.version))
      return branch.same;
  return {};
}

void user::add_above(const std::vector<std::string>& path, deed& d) const {
  for (std::size_t depth = 1; depth <= path.size(); ++depth)
    if (const auto there = engine_.find(std::span(path).first(depth)))
      d.above.insert(there->merged.begin(), there->merged.end());
}

/// All in a folder, as far as `seen` says so.
void user::cover_folder(std::span<const node_id> merged,
                        const workspace::engine::seen_by_user& seen, deed& d) const {
  d.above.insert(merged.begin(), merged.end());
  for (const auto& entry : engine_.tree().list(merged)) {
    d.above.insert(entry.node);
    if (entry.kind == node_kind::folder) {
      cover_folder(entry.merged, seen, d);
    } else if (entry.version && (!seen || seen(item_of(entry)))) {
      d.covers.insert(entry.version->same.begin(), entry.version->same.end());
    }
  }
}

expected<workspace::node_content> user::make_content(std::string& text) {
  auto& random = device_.content_random();
  text = random.below(12) == 0 ? "twin " + std::to_string(random.below(3))
                               : device_.name() + "#" + std::to_string(++device_.contents);
  if (random.below(12) == 0) return workspace::symlink_content{to_bytes(as_bytes(text)), 0};
  const auto key = random.key();
  const auto sealed = object::seal_object(key, to_bytes(as_bytes(text)));
  KEYFOLD_CHECK(
      device_.objects.put(sealed.id(), std::make_shared<const bytes>(to_bytes(sealed.data()))));
  KEYFOLD_CHECK(device_.objects.sync());
  device_.own_objects.insert(sealed.id());
  workspace::file_content out;
  out.size = text.size();
  out.mtime_ns = static_cast<std::int64_t>(random.below(1'000'000)) * 1'000'000;
  out.chunks.push_back({sealed.id(), key, 0, out.size, object::hash_chunk(as_bytes(text))});
  out.list_hash = object::hash_list(out.size, out.chunks);
  return out;
}

void user::note_written(const workspace::item& made, const std::string& text) {
  auto& story = device_.all().story;
  story.writes[made.version] = {text, made.node, story.deeds.size()};
}

bool user::write(std::uint64_t a, std::uint64_t b) {
  const auto* folder = pick(true, false, a);
  if (folder == nullptr) return false;
  auto path = folder->path;
  path.emplace_back(file_names[b % std::size(file_names)]);
  std::string text;
  const auto content = make_content(text);
  if (!content) return false;
  auto d = begin();
  if (const auto there = engine_.find(path); there && there->version) {
    d.covers = {there->version->same.begin(), there->version->same.end()};
    d.above.insert(there->node);
    add_above(path, d);
  }
  const auto made = engine_.write_at(path, *content);
  if (!made) return false;
  d.touches.insert(made->node);
  note_written(*made, text);
  device_.all().say(device_.name() + " writes '" + text + "' to " + joined(path));
  journalled(std::move(d));
  return true;
}

bool user::edit(std::uint64_t a) {
  const auto* item = pick(false, true, a);
  if (item == nullptr) return false;
  std::string text;
  const auto content = make_content(text);
  if (!content) return false;
  auto d = begin();
  const auto over = item_of(item->entry);
  const auto same = same_as(over);  // of what is not there any more this is a copy
  d.covers = {same.begin(), same.end()};
  d.above.insert(over.node);
  add_above(item->path, d);
  const auto made = engine_.write(over, *content);
  if (!made) return false;
  d.touches.insert(made->node);
  note_written(*made, text);
  device_.all().say(device_.name() + " edits " + joined(item->path) + ": '" + text + "'");
  journalled(std::move(d));
  return true;
}

bool user::move(std::uint64_t a, std::uint64_t b) {
  const auto* item = pick(true, true, a);
  const auto* folder = pick(true, false, b);
  if (item == nullptr || folder == nullptr || item->path.empty()) return false;
  const std::string name(file_names[(a + b) % std::size(file_names)]);
  auto d = begin();
  const auto what = item_of(item->entry);
  if (what.version.is_zero()) {
    deed inside;
    cover_folder(item->entry.merged, {}, inside);
    d.touches = inside.above;
  } else {
    const auto same = same_as(what);
    const auto branches = engine_.tree().branches(what.node);
    if (!branches.empty() && branches.front().same != same)  // a copy: its twins go
      d.covers = {same.begin(), same.end()};
    d.above.insert(what.node);
    d.touches.insert(what.node);
  }
  const auto moved = engine_.move(what, {folder->entry.node, name});
  if (!moved) return false;
  d.covers.erase(moved->version);
  d.touches.insert(moved->node);
  device_.all().say(device_.name() + " moves " + joined(item->path) + " to " +
                    joined(folder->path) + " as " + name);
  journalled(std::move(d));
  return true;
}

bool user::replace(std::uint64_t a, std::uint64_t b) {
  const auto* from = pick(false, true, a);
  const auto* to = pick(false, true, b);
  if (from == nullptr || to == nullptr || from == to) return false;
  const auto what = engine_.find(from->path);
  const auto there = engine_.find(to->path);
  if (!what || !there || !what->version || !there->version) return false;
  auto d = begin();
  for (const auto* each : {&*what, &*there}) {
    d.covers.insert(each->version->same.begin(), each->version->same.end());
    d.above.insert(each->node);
    d.touches.insert(each->node);
  }
  add_above(from->path, d);
  add_above(to->path, d);
  const auto before = engine_.tree().current_versions(there->node);
  if (!engine_.move_at(from->path, to->path, true)) return false;
  if (item_of(*what) == item_of(*there)) return false;
  // Its content goes on there as a new version.
  const auto& writes = device_.all().story.writes;
  const auto known = writes.find(what->version->version);
  for (const auto& version : engine_.tree().current_versions(there->node))
    if (std::find(before.begin(), before.end(), version) == before.end() && known != writes.end())
      note_written({there->node, version}, known->second.text);
  device_.all().say(device_.name() + " moves " + joined(from->path) + " over " + joined(to->path));
  journalled(std::move(d));
  return true;
}

bool user::remove(std::uint64_t a, std::uint64_t b) {
  const auto* item = pick(true, true, a);
  if (item == nullptr || item->path.empty()) return false;
  auto d = begin();
  add_above(item->path, d);
  bool done = false;
  if (b % 3 == 0) {  // by its path, whatever stands there now
    const auto there = engine_.find(item->path);
    if (!there) return false;
    if (there->kind == node_kind::folder)
      cover_folder(there->merged, {}, d);
    else if (there->version)
      d.covers = {there->version->same.begin(), there->version->same.end()};
    d.above.insert(there->node);
    done = engine_.remove_at(item->path, true).has_value();
  } else {
    const auto what = item_of(item->entry);
    std::set<std::pair<node_id, version_id>> known;
    for (const auto& each : device_.seen)
      if (each.entry.version)
        for (const auto& version : each.entry.version->same)
          known.insert({each.entry.node, version});
    const auto seen = [&](const workspace::item& asked) {
      return known.contains({asked.node, asked.version});
    };
    d.above.insert(what.node);
    if (what.version.is_zero()) {
      const auto path = engine_.tree().path_of(what.node);
      const auto there = path ? engine_.tree().find(*path) : std::nullopt;
      if (there && there->kind == node_kind::folder) {
        add_above(*path, d);
        cover_folder(there->merged, seen, d);
      }
    } else {
      const auto same = same_as(what);
      d.covers = {same.begin(), same.end()};
    }
    if (device_.all().has(bug::deletes_unseen, device_))
      done = engine_.remove(what, [](const workspace::item&) { return true; }).has_value();
    else
      done = engine_.remove(what, seen).has_value();
  }
  if (!done) return false;
  device_.all().say(device_.name() + " deletes " + joined(item->path));
  d.deletes = true;
  journalled(std::move(d));
  return true;
}

bool user::make_folder(std::uint64_t a, std::uint64_t b) {
  const auto* folder = pick(true, false, a);
  if (folder == nullptr) return false;
  auto d = begin();
  const std::string name(file_names[b % std::size(file_names)]);
  const auto made = engine_.make_folder({folder->entry.node, name});
  if (!made) return false;
  d.touches.insert(*made);
  d.touches.insert(folder->entry.node);
  device_.all().say(device_.name() + " makes the folder " + joined(folder->path) + " / " + name);
  journalled(std::move(d));
  return true;
}

bool user::restore(std::uint64_t a) {
  if (device_.paths_seen.empty()) return false;
  const auto& path = *std::next(device_.paths_seen.begin(),
                                static_cast<std::ptrdiff_t>(a % device_.paths_seen.size()));
  const auto past = engine_.find_past(path, {});
  if (!past) return false;
  auto d = begin();
  d.touches_anything = true;
  const auto known = device_.all().story.writes.find(past->version);
  const auto made = engine_.restore(path, *past);
  if (!made) return false;
  if (past->content && known != device_.all().story.writes.end() && made->version != past->version)
    note_written(*made, known->second.text);
  device_.all().say(device_.name() + " brings back " + joined(path));
  journalled(std::move(d));
  return true;
}

void user::act() {
  const auto what = step_.what;
  if (what >= kind::grant) return change_ledger();
  if (what == kind::look || step_.a % 10 < 7) look_around();
  auto a = step_.a;
  auto b = step_.b;
  bool any = one(what, a, b);
  if (step_.b % 5 == 0) {  // more at once, saved together
    a /= 7;
    b /= 7;
    any = one(static_cast<kind>(b % (static_cast<std::uint64_t>(kind::make_folder) + 1)), a, b) ||
          any;
  }
  if (!any) return;
  const auto saved = [&story = device_.all().story, deeds = deeds_] {
    for (const auto d : deeds) story.deeds[d].acknowledged = true;
  };
  if (device_.all().has(bug::acknowledges_unsaved, device_)) {
    saved();
    return device_.after(instant{700}, [&d = device_] {
      if (d.workspace() != nullptr) (void)d.workspace()->commit();
    });
  }
  if (shell_.commit()) saved();
}

bool user::one(kind what, std::uint64_t a, std::uint64_t b) {
  switch (what) {
    case kind::write:
      return write(a / 10, b);
    case kind::edit:
      return edit(a / 10);
    case kind::move:
      return move(a / 10, b);
    case kind::replace:
      return replace(a / 10, b);
    case kind::remove:
      return remove(a / 10, b);
    case kind::make_folder:
      return make_folder(a / 10, b);
    case kind::restore:
      return restore(a / 10);
    default:
      return false;
  }
}

// -- the ledger -----------------------------------------------------------------------------------

namespace {

/// A statement that takes a right needs the heads of its user's feeds, as the relay has them.
struct removal_try {
  device& by;
  user_id user;
  std::function<expected<ledger::certificate>(const ledger_snapshot&,
                                              std::vector<ledger::signed_head>)>
      make;
  int tries = 0;

  static void go(const std::shared_ptr<removal_try>& t) {
    const auto link = t->by.relay();
    if (!link || ++t->tries > max_frontier_races) return;
    if (t->tries == 1) return ask(t, {});
    t->by.ledger().refresh(*link, [t](bool well) {
      if (!well) return;
      const auto& state = t->by.ledger().now()->state;
      ask(t, ledger::fence{state.id(), t->by.all().workspace, t->user, *state.head()});
    });
  }
  static void ask(const std::shared_ptr<removal_try>& t,
                  const std::optional<ledger::fence>& fence) {
    const auto link = t->by.relay();
    if (!link) return;
    auto signature = fence ? ledger::sign_fence(*fence, t->by.who.signing) : bytes{};
    t->by.ask(*link, sim::heads{t->user, fence, std::move(signature)}, [t](const answer& got) {
      if (const auto* no = std::get_if<sim::refused>(&got); no && no->why.code == errc::stale_head)
        return go(t);
      const auto* said = std::get_if<sim::signed_heads>(&got);
      auto heads = said ? ledger::decode_frontier(said->frontier) : fail(errc::malformed);
      if (!heads) return;
      t->by.ledger().append(
          [t, heads = *heads](const ledger_snapshot& now) { return t->make(now, heads); },
          [t](const expected<void>& done) {
            if (!done && done.error().code == errc::frontier_behind) go(t);
          });
    });
  }
};

}  // namespace

void user::change_role(const user_id& whom, ledger::role to) {
  auto& d = device_;
  const auto workspace = d.all().workspace;
  const auto make = [&d, workspace, whom, to](const ledger_snapshot& now,
                                              std::vector<ledger::signed_head> heads) {
    return ledger::make_role_changed(d.author(now), workspace, whom, to, std::move(heads));
  };
  if (ledger::takes_write(d.ledger().now()->state, workspace, whom, to))
    return removal_try::go(std::make_shared<removal_try>(removal_try{d, whom, make}));
  d.ledger().append([make](const ledger_snapshot& now) { return make(now, {}); },
                    [](const expected<void>&) {});
}

void user::change_ledger() {
  auto& d = device_;
  auto& w = d.all();
  if (!d.relay() || d.rebel) return;
  const auto number = step_.a % w.users.size();
  const auto whom = w.users[number];
  switch (step_.what) {
    case kind::grant: {
      static constexpr ledger::role roles[] = {ledger::role::contributor, ledger::role::reader,
                                               ledger::role::manager, ledger::role::owner,
                                               ledger::role::contributor};
      w.say(d.name() + " gives user " + std::to_string(number) + " role " +
            std::to_string(static_cast<int>(roles[step_.b % 5])));
      return change_role(whom, roles[step_.b % 5]);
    }
    case kind::take_role:
      w.say(d.name() + " takes the role of user " + std::to_string(number));
      return change_role(whom, step_.b % 3 == 0 ? ledger::role::reader : ledger::role::none);
    case kind::revoke: {
      w.say(d.name() + " revokes user " + std::to_string(number));
      const auto make = [&d, whom](const ledger_snapshot& now,
                                   std::vector<ledger::signed_head> heads) {
        return ledger::make_user_revoked(d.author(now), whom,
                                         {{d.all().workspace, std::move(heads)}});
      };
      return removal_try::go(std::make_shared<removal_try>(removal_try{d, whom, make}));
    }
    case kind::add_device: {
      if (w.devices.size() > 8) return;
      auto made = make_person(d.content_random(), d.who.user_number, &d.who);
      w.say(d.name() + " adds a device of its user");
      d.ledger().append(
          [&d, made](const ledger_snapshot& now) {
            return ledger::make_device_added(d.author(now), {made.device, made.signing.public_key(),
                                                             made.link.public_key(), "another"});
          },
          [&w, &d, made](const expected<void>& done) {
            if (done) w.add_device(made, *d.ledger().now()->state.record_at({0}));
          });
      return;
    }
    default:
      w.say(d.name() + " rotates the key");
      d.ledger().append(
          [&d](const ledger_snapshot& now) {
            return ledger::make_key_rotated(d.author(now), d.all().workspace);
          },
          [](const expected<void>&) {});
  }
}

void device::act(const step& what) {
  if (workspace() != nullptr) user(*this, what).act();
}

}  // namespace keyfold::sim
