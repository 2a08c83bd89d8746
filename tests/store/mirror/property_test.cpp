// Random users on both sides of a mirror: whatever they do, and whenever, in the end the disk shows
// what the tree shows, and no bytes that were saved are lost.

#include <rapidcheck.h>

#include "tests/store/mirror/model_tree.hpp"

using namespace keyfold;
using namespace keyfold::mirror;
namespace fs = std::filesystem;

namespace {

struct step {
  std::uint8_t what;
  std::uint8_t a, b;
};
std::ostream& operator<<(std::ostream& out, const step& s) {
  return out << '{' << int{s.what} << ", " << int{s.a} << ", " << int{s.b} << '}';
}

const std::array<std::string, 6> names{"a", "b", "c", "d", "e\u0301", "f~"};

class random_users {
 public:
  /// With `told`, only what the watcher and the tree tell is looked at, as in daily work.
  explicit random_users(bool told) : told_(told) {}

  void run(const std::vector<step>& steps) {
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const auto& s = steps[i];
      if (s.what % 20 == 19 && i + 2 < steps.size()) {
        // The next two steps happen while a plan is being applied.
        std::size_t next = i;
        m_.while_applying = [&] {
          if (next < i + 2) local_step(steps[++next]);
        };
        sync();
        m_.while_applying = [] {};
        i = next;
      } else if (s.what % 20 >= 17) {
        sync();
      } else if (s.what % 20 >= 10) {
        remote_step(s);
      } else {
        local_step(s);
      }
    }
    for (int rounds = 0; !sync(); ++rounds) RC_ASSERT(rounds < 20);
    if (told_) RC_ASSERT(m_.sync());  // nothing was overlooked
  }
  void run_remotely(const step& s) { remote_step(s); }
  /// An apply that ends in the midst, as the program does: after so many actions, or so many commits and contents.
  void crash(std::size_t actions, std::size_t effects) {
    struct crashed {};
    const auto count = [&] {
      if (effects-- == 0) throw crashed{};
    };
    get(m_.state.commit(true));
    const bool twins = !m_.find_changes().ignored.empty();  // which the apply may make room for
    auto plan = m_.plan_disk();
    plan.actions.resize(std::min(plan.actions.size(), actions));
    m_.while_applying = count;
    m_.commit = [&]() -> expected<void> {
      KEYFOLD_CHECK(m_.state.commit(true));
      count();
      return {};
    };
    try {
      m_.apply_plan(plan);
    } catch (const crashed&) {
    }
    m_.while_applying = [] {};
    m_.commit = {};
    m_.state.discard();
    RC_ASSERT(get(recover(m_.mirror_root, m_.base)).empty());
    if (!twins) RC_ASSERT(m_.changes() == sentences{});
  }
  void check() {
    // Of two spellings of one name the second stays on disk, and is told.
    const auto ignored = m_.find_changes().ignored;
    const auto is_ignored = [&](const std::string& path) {
      return std::any_of(ignored.begin(), ignored.end(),
                         [&](const auto& item) { return is_within(path, item.path); });
    };
    std::map<std::string, std::string> disk;
    std::set<std::string> kept;
    for (const auto& [path, what] : picture_of(m_)) {
      if (is_ignored(path)) {
        kept.insert(what.substr(what.find(' ') + 1));
        continue;
      }
      std::string normalized;
      for (const auto& name : names_of(path))
        normalized = join(normalized, get(workspace::normalize_name(name)));
      disk[normalized] = what;
    }
    RC_ASSERT(disk == m_.tree.picture());
    for (const auto& bytes : saved_) RC_ASSERT(m_.tree.ever_had(bytes) || kept.contains(bytes));
  }

 private:
  bool sync() { return told_ ? m_.sync_told(watcher_) : m_.sync(); }
  std::vector<std::string> paths(bool folders) const {
    std::vector<std::string> out;
    if (folders) out.emplace_back();
    for (const auto& [path, what] : picture_of(m_)) {
      bool own = false;
      for (const auto& name : names_of(path)) own = own || is_own_name(name);
      if ((what == "folder") == folders && !own) out.push_back(path);
    }
    return out;
  }
  template <class T>
  static std::optional<T> pick(const std::vector<T>& all, std::uint8_t index) {
    if (all.empty()) return std::nullopt;
    return all[index % all.size()];
  }
  /// Bytes of their own length each, so that no two edits can be mistaken for one.
  std::string fresh() {
    ++count_;
    return std::to_string(count_) + std::string(count_, '.');
  }

  /// The user himself does away with what is at `path`: only what the tree has must survive that.
  void user_destroys(const std::string& path) {
    for (const auto& [each, what] : picture_of(m_))
      if (is_within(each, path)) {
        const auto bytes = what.substr(what.find(' ') + 1);
        if (!m_.tree.ever_had(bytes)) saved_.erase(bytes);
      }
  }
  void save(const std::string& path) {
    if (fs::is_directory(fs::symlink_status(m_ / path))) return;
    user_destroys(path);
    if (fs::is_symlink(fs::symlink_status(m_ / path))) m_.remove(path);
    const auto bytes = fresh();
    m_.write(path, bytes);
    saved_.insert(bytes);
  }
  void rename(const std::string& from, const std::string& to) {
    if (from == to || from.empty() || is_within(to, from) || is_within(from, to)) return;
    const bool folder = fs::is_directory(fs::symlink_status(m_ / from));
    if (m_.exists(to) && (folder || fs::is_directory(fs::symlink_status(m_ / to)))) return;
    user_destroys(to);
    m_.move(from, to);
  }

  void local_step(const step& s) {
    const auto folder = *pick(paths(true), s.a);
    const auto file = pick(paths(false), s.a);
    const auto path = join(folder, names[s.b % names.size()]);
    switch (s.what % 10) {
      case 0:
        return save(path);
      case 1:
        if (file) save(*file);
        return;
      case 2:  // as editors do
        if (file && !fs::is_symlink(m_ / *file)) {
          save(*file + ".tmp");
          rename(*file + ".tmp", *file);
        }
        return;
      case 3:
        if (file) {
          user_destroys(*file);
          m_.remove(*file);
        }
        return;
      case 4:
        if (!folder.empty() && s.b % 3 == 0) {
          user_destroys(folder);
          m_.remove(folder);
        }
        return;
      case 5:
        if (!m_.exists(path)) m_.make_folder(path);
        return;
      case 6:
        if (file) rename(*file, join(*pick(paths(true), s.b), names[s.b % names.size()]));
        return;
      case 7:
        return rename(folder, join(*pick(paths(true), s.b), names[s.b % names.size()]));
      case 8:
        if (file && !fs::is_symlink(m_ / *file))
          fs::permissions(m_ / *file, fs::perms::owner_exec,
                          s.b % 2 == 0 ? fs::perm_options::add : fs::perm_options::remove);
        return;
      default:
        if (!m_.exists(path)) fs::create_symlink("to-" + fresh(), m_ / path);
    }
  }

  void remote_step(const step& s) {
    auto folders = m_.tree.shown(true);
    folders.insert(folders.begin(), workspace::root_node);
    const auto folder = *pick(folders, s.a);
    const auto file = pick(m_.tree.shown(false), s.a);
    const auto name = get(workspace::normalize_name(names[s.b % names.size()]));
    switch (s.what % 20) {
      case 10:
        m_.tree.write(m_.tree.create(node_kind::file, folder, name), {}, fresh(), s.b,
                      s.b % 2 == 0);
        return;
      case 11:
        if (file) m_.tree.write(*file, m_.tree.versions(*file), fresh(), s.b, s.b % 2 == 0);
        return;
      case 12:  // by somebody who knew of none of the versions
        if (file) m_.tree.write(*file, {}, fresh(), s.b);
        return;
      case 13:
        if (file) m_.tree.remove(*file);
        return;
      case 14:
        m_.tree.create(node_kind::folder, folder, name);
        return;
      case 15:
        if (file) m_.tree.move(*file, *pick(folders, s.b), name);
        return;
      default:
        if (folder == workspace::root_node) return;
        if (s.b % 4 == 0)
          m_.tree.remove(folder);
        else
          m_.tree.move(folder, *pick(folders, s.b), name);
    }
  }

  const bool told_;
  mirrored m_;
  watcher watcher_ = get(watcher::open(m_.mirror_root));
  std::set<std::string> saved_;
  std::size_t count_ = 0;
};

}  // namespace

namespace rc {
template <>
struct Arbitrary<step> {
  static Gen<step> arbitrary() {
    const auto byte = gen::inRange<int>(0, 256);
    return gen::map(gen::tuple(byte, byte, byte), [](const std::tuple<int, int, int>& t) {
      return step{static_cast<std::uint8_t>(std::get<0>(t)),
                  static_cast<std::uint8_t>(std::get<1>(t)),
                  static_cast<std::uint8_t>(std::get<2>(t))};
    });
  }
};
}  // namespace rc

TEST_CASE("whatever users do on both sides, disk and tree become equal and no bytes are lost") {
  const bool told = GENERATE(false, true);
  CAPTURE(told);
  CHECK(rc::check([told](const std::vector<step>& steps) {
    random_users users(told);
    users.run(steps);
    users.check();
  }));
}

TEST_CASE("what an apply did before a crash is not taken for the user's doing") {
  CHECK(rc::check([](const std::vector<step>& steps, const std::vector<step>& remote) {
    random_users users(false);
    users.run(steps);
    for (auto s : remote) {
      s.what = static_cast<std::uint8_t>(10 + s.what % 7);
      users.run_remotely(s);
    }
    users.crash(*rc::gen::inRange<std::size_t>(0, 40), *rc::gen::inRange<std::size_t>(0, 40));
    users.run({});
    users.check();
  }));
}
