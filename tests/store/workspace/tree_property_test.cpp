// Promises 1 and 2 of DESIGN 2, for random histories of a few devices that sync now and then.
#include <rapidcheck.h>

#include <catch2/catch.hpp>

#include "tests/store/workspace/model.hpp"

using namespace keyfold;
using namespace keyfold::tests;
using namespace keyfold::workspace;

namespace {

struct step {
  std::uint8_t device, action, target, place, name;
};
std::ostream& operator<<(std::ostream& out, const step& s) {
  return out << '{' << +s.device << ',' << +s.action << ',' << +s.target << ',' << +s.place << ','
             << +s.name << '}';
}

/// Turns random numbers into what honest devices could have done, each knowing what it has synced.
class story {
 public:
  static constexpr std::size_t devices = 3;

  void run(const std::vector<step>& steps) {
    for (const auto& s : steps) take(s);
  }
  world history;

 private:
  void take(const step& s) {
    const std::size_t device = s.device % devices;
    const auto files = nodes(device, false);
    const auto folders = nodes(device, true);
    const auto pick = [](const std::vector<node_id>& from, std::uint8_t n) {
      return n % (from.size() + 1) == 0 ? root_node : from[n % (from.size() + 1) - 1];
    };
    const auto parent = pick(folders, s.place);
    auto all = folders;
    all.insert(all.end(), files.begin(), files.end());
    switch (s.action % 12) {
      case 0:
      case 1:
        return history.sync(device, (device + 1 + s.target % (devices - 1)) % devices);
      case 2:
        return learn_one(device, s);
      case 3:
      case 4:
        add(device, {create(node_kind::folder, parent, s.name)});
        return;
      case 5:
      case 6: {
        const auto made = create(node_kind::file, parent, s.name);
        const auto node = make_node_id(test_workspace, device_number(device), made.nonce);
        add(device, {made, write(node, {}, s)});
        return;
      }
      case 7:
      case 8:
        if (files.empty()) return;
        return write_over(device, files[s.target % files.size()], s);
      case 9:
        if (all.empty()) return;
        add(device, {move_operation{all[s.target % all.size()], parent, name_of(s.name)}});
        return;
      case 10:
        if (all.empty()) return;
        add(device, {delete_operation{all[s.target % all.size()]}});
        return;
      default:
        if (files.empty()) return;
        return part(device, files[s.target % files.size()], parent, s);
    }
  }
  void add(std::size_t device, std::vector<operation> operations) {
    if (history.entries.size() % 2 == 0) operations.emplace_back(time_operation{nonces_});
    history.add(device, std::move(operations));
  }
  void learn_one(std::size_t device, const step& s) {
    if (!history.entries.empty()) history.learn(device, s.target % history.entries.size());
  }
  create_operation create(node_kind kind, node_id parent, std::uint8_t name) {
    return {id_of<node_id>(20, ++nonces_).value, kind, parent, name_of(name)};
  }
  static std::string name_of(std::uint8_t n) {
    static const std::vector<std::string> names{"a", "b", "a.txt", "Recovered"};
    return names[n % names.size()];
  }
  operation write(node_id node, std::vector<version_id> replaces, const step& s) {
    return make_file_write(node, id_of<version_id>(21, ++versions_), std::move(replaces),
                           s.name % 5, 60'000LL * (s.place % 3));
  }
  void write_over(std::size_t device, node_id node, const step& s) {
    auto current = current_versions(device, node);
    if (s.place % 3 == 0 && current.size() > 1) current.pop_back();
    add(device, {write(node, current, s)});
  }
  void part(std::size_t device, node_id node, node_id parent, const step& s) {
    const auto current = current_versions(device, node);
    if (current.size() < 2) return;
    const auto version = current[s.name % current.size()];
    if (s.place % 2 == 0)
      add(device, {drop_operation{node, {version}}});
    else
      add(device, {split_operation{node, version, id_of<node_id>(20, ++nonces_).value, parent,
                                   name_of(s.name)}});
  }
  std::vector<node_id> nodes(std::size_t device, bool folders) {
    std::vector<node_id> out;
    for (const auto i : history.known(device)) {
      const auto& e = history.entries[i];
      for (const auto& o : e.operations) {
        if (const auto* c = std::get_if<create_operation>(&o);
            c != nullptr && (c->kind == node_kind::folder) == folders)
          out.push_back(make_node_id(test_workspace, e.order.device, c->nonce));
        if (const auto* s = std::get_if<split_operation>(&o); s != nullptr && !folders)
          out.push_back(make_node_id(test_workspace, e.order.device, s->nonce));
      }
    }
    return out;
  }
  std::vector<version_id> current_versions(std::size_t device, node_id node) {
    tree_fixture seen(history);
    for (const auto i : history.known(device)) seen.apply(history.entries[i]);
    return seen->current_versions(node);
  }
  std::uint64_t nonces_ = 0;
  std::uint64_t versions_ = 0;
};

rc::Gen<std::vector<step>> any_steps() {
  const auto byte = rc::gen::arbitrary<std::uint8_t>();
  const auto one = rc::gen::apply(
      [](std::uint8_t d, std::uint8_t a, std::uint8_t t, std::uint8_t p, std::uint8_t n) {
        return step{d, a, t, p, n};
      },
      byte, byte, byte, byte, byte);
  return rc::gen::container<std::vector<step>>(one);
}

std::set<std::size_t> all_of(const world& w) {
  std::set<std::size_t> out;
  for (std::size_t i = 0; i < w.entries.size(); ++i) out.insert(i);
  return out;
}

std::vector<std::size_t> any_order(std::size_t count) {
  std::vector<std::size_t> out(count);
  for (std::size_t i = 0; i < count; ++i) out[i] = i;
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  const auto random = seeded_random(seed);
  for (std::size_t i = count; i > 1; --i) std::swap(out[i - 1], out[random->below(i)]);
  return out;
}

void same_as_model(tree_fixture& shown, const model& expected) {
  const auto now = dump(*shown);
  const auto wanted = expected.dump();
  if (now != wanted) {
    for (const auto& line : now) RC_LOG() << "tree  " << line << std::endl;
    for (const auto& line : wanted) RC_LOG() << "model " << line << std::endl;
  }
  RC_ASSERT(now == wanted);
  RC_ASSERT(shown->count().files == expected.count().files);
  RC_ASSERT(shown->count().bytes == expected.count().bytes);
}

void check(const char* what, const std::function<void()>& property) {
  INFO(what);
  CHECK(rc::check(what, property));
}

}  // namespace

TEST_CASE("any order of arrival shows what the naive model shows") {
  check("any order of arrival", [] {
    story s;
    s.run(*any_steps());
    const auto& entries = s.history.entries;
    const model expected(s.history, all_of(s.history));
    tree_fixture causal(s.history);
    for (const auto& e : entries) causal.apply(e);
    same_as_model(causal, expected);
    tree_fixture shuffled(s.history);
    for (const auto i : any_order(entries.size())) shuffled.apply(entries[i]);
    same_as_model(shuffled, expected);
  });
}

TEST_CASE(
    "after entries are taken out the tree shows what it shows without them, and nothing is left of "
    "all") {
  check("retract", [] {
    story s;
    s.run(*any_steps());
    const auto& entries = s.history.entries;
    tree_fixture shown(s.history);
    for (const auto i : any_order(entries.size())) shown.apply(entries[i]);
    auto left = all_of(s.history);
    const auto going = any_order(entries.size());
    const auto half = going.size() / 2;
    for (std::size_t i = 0; i < half; ++i) {
      shown.retract(entries[going[i]]);
      left.erase(going[i]);
    }
    same_as_model(shown, model(s.history, left));
    for (std::size_t i = 0; i < half; ++i) shown.apply(entries[going[i]]);
    same_as_model(shown, model(s.history, all_of(s.history)));
    for (const auto i : going) shown.retract(entries[i]);
    RC_ASSERT(dump(*shown).empty());
    RC_ASSERT(shown.keys() <= 2);  // the records of the root and of Recovered/
  });
}

TEST_CASE("no version that nobody replaced, dropped or knowingly deleted becomes unreachable") {
  check("no byte is lost", [] {
    story s;
    s.run(*any_steps());
    const model now(s.history, all_of(s.history));
    const auto shown = now.shown_versions();
    for (const auto& [version, written] : now.open_versions()) {
      if (shown.contains(version)) continue;
      bool knowingly = false;
      for (std::size_t i = 0; i < s.history.entries.size() && !knowingly; ++i) {
        const auto& e = s.history.entries[i];
        if (!std::holds_alternative<delete_operation>(e.operations.front())) continue;
        auto before = e.past;
        before.erase(i);
        knowingly = model(s.history, before).shown_versions().contains(version) &&
                    !model(s.history, e.past).shown_versions().contains(version);
      }
      RC_ASSERT(knowingly);
    }
  });
}

TEST_CASE("every folder whose children differ is reported as changed") {
  check("changed folders", [] {
    story s;
    s.run(*any_steps());
    const auto& entries = s.history.entries;
    tree_fixture shown(s.history);
    std::vector<node_id> folders{root_node, recovered_node};
    for (const auto& e : entries)
      for (const auto& o : e.operations)
        if (const auto* c = std::get_if<create_operation>(&o);
            c != nullptr && c->kind == node_kind::folder)
          folders.push_back(make_node_id(test_workspace, e.order.device, c->nonce));
    const auto snapshot = [&] {
      std::map<node_id, std::vector<std::string>> out;
      for (const auto& folder : folders) {
        if (!shown->path_of(folder)) continue;
        auto& lines = out[folder];
        for (const auto& e : shown->list(std::vector{folder})) lines.push_back(line_of("", e));
      }
      return out;
    };
    auto before = snapshot();
    const auto compare = [&](const tree_changes& changes) {
      const auto after = snapshot();
      for (const auto& [folder, lines] : after)
        if (before.contains(folder) && before[folder] != lines)
          RC_ASSERT(changes.folders.contains(folder));
      before = after;
    };
    const auto order = any_order(entries.size());
    for (const auto i : order) compare(shown.apply(entries[i]));
    for (const auto i : order) compare(shown.retract(entries[i]));
  });
}

TEST_CASE("every shown name leads to its node, and back") {
  check("paths", [] {
    story s;
    s.run(*any_steps());
    tree_fixture shown(s.history);
    for (const auto& e : s.history.entries) shown.apply(e);
    const std::function<void(std::vector<std::string>, std::vector<node_id>)> walk =
        [&](const std::vector<std::string>& path, const std::vector<node_id>& folders) {
          for (const auto& e : shown->list(folders)) {
            auto here = path;
            here.push_back(e.name);
            const auto found = shown->find(here);
            RC_ASSERT(found.has_value());
            RC_ASSERT(line_of("", *found) == line_of("", e));
            if (!e.conflict_copy) {
              const auto back = shown->path_of(e.node);
              RC_ASSERT(back.has_value());
              RC_ASSERT(*back == here);
            }
            if (e.kind == node_kind::folder) walk(here, e.merged);
          }
        };
    walk({}, {root_node});
  });
}

TEST_CASE("signing an entry changes nothing that is shown, and later changes come to the same") {
  check("signing", [] {
    story s;
    s.run(*any_steps());
    const auto& entries = s.history.entries;
    // The same history, in which one entry is known unsigned first.
    if (entries.empty()) return;
    const auto one = *rc::gen::inRange<std::size_t>(0, entries.size());
    class unsigned_world final : public feed::causality {
     public:
      unsigned_world(const world& w, const entry_order& real) : world_(w), real_(real) {}
      [[nodiscard]] entry_order fix(entry_order o) const {
        return o.device == real_.device && o.seq == real_.seq ? real_ : o;
      }
      bool knows(const entry_order& a, const entry_order& b) const override {
        return world_.knows(fix(a), fix(b));
      }
      void unknown_to(const entry_order& a,
                      const std::function<void(const entry_order&)>& visit) const override {
        world_.unknown_to(fix(a), [&](const entry_order& o) {
          if (o == real_ && !is_signed) {
            auto zero = o;
            zero.hash = {};
            visit(zero);
          } else {
            visit(o);
          }
        });
      }
      bool is_signed = false;

     private:
      const world& world_;
      entry_order real_;
    } causes(s.history, entries[one].order);
    tree_fixture shown(causes);
    const auto order = any_order(entries.size());
    auto pending = entries[one];
    pending.order.hash = {};
    for (const auto i : order) shown.apply(i == one ? pending : entries[i]);
    same_as_model(shown, model(s.history, all_of(s.history)));
    shown->sign(pending.order, entries[one].order);
    causes.is_signed = true;
    same_as_model(shown, model(s.history, all_of(s.history)));
    for (const auto i : order) shown.retract(entries[i]);
    RC_ASSERT(shown.keys() <= 2);
  });
}
