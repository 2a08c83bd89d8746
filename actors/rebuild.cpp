#include "actors/rebuild.hpp"

#include <spdlog/spdlog.h>

#include <ctime>
#include <filesystem>

#include "actors/device_store.hpp"
#include "crypto/codec.hpp"
#include "crypto/random.hpp"
#include "store/db/file.hpp"
#include "store/db/leveldb.hpp"
#include "store/db/sealed.hpp"
#include "store/workspace/engine.hpp"

namespace keyfold::actors {
namespace {

namespace fs = std::filesystem;

// Among the settings: 'R' -> [1, from, changes, trouble]; workspace ‖ 's' ‖ u64 -> a change; workspace ‖ 'r' -> done.
// Of a chosen line: 'F' ‖ u64 seq -> its record; workspace ‖ 'f' ‖ u64 -> a change. 'G' ‖ u64 seq -> a record given up.
constexpr std::uint8_t rebuilding_setting = 'R';
constexpr std::uint8_t saved_setting = 's';
constexpr std::uint8_t done_setting = 'r';
constexpr std::uint8_t line_setting = 'F';
constexpr std::uint8_t line_change_setting = 'f';
constexpr std::uint8_t given_up_setting = 'G';
constexpr std::size_t number_size = 8;

constexpr std::string_view aside_prefix = "damaged-";
constexpr const char* searched_mark = "searched";
constexpr const char* begun_mark =
    "search-begun";  ///< left by a search over which the program ended
constexpr const char* copy_folder = "repair";
constexpr std::size_t batch_bytes = 16 * 1024 * 1024;
constexpr std::size_t max_text = 4096;

bytes setting(std::uint8_t which) {
  auto key = prefix_of(part::settings);
  key.push_back(which);
  return key;
}
bytes setting(const workspace_id& workspace, std::uint8_t which) {
  auto key = prefix_of(part::settings, workspace);
  key.push_back(which);
  return key;
}

bytes encode(const rebuilding& r) {
  writer w;
  w.array(4).uint(1).str(r.from).uint(r.changes).str(r.trouble);
  return std::move(w).take();
}

std::string time_text(std::chrono::milliseconds now) {
  const auto seconds = static_cast<std::time_t>(now.count() / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> out{};
  std::strftime(out.data(), out.size(), "%Y%m%dT%H%M%SZ", &parts);
  return out.data();
}

/// The database's files under other names: a repair moves and adds files, and changes none.
expected<void> link_files(const fs::path& from, const fs::path& to) {
  std::error_code failed;
  fs::remove_all(to, failed);
  fs::create_directories(to, failed);
  for (fs::directory_iterator at(from, failed); !failed && at != fs::directory_iterator();
       at.increment(failed)) {
    const auto name = at->path().filename().string();
    if (name == "LOCK" || name.starts_with("LOG") || !at->is_regular_file(failed)) continue;
    std::error_code other_volume;  // or a file system without links
    fs::create_hard_link(at->path(), to / name, other_volume);
    if (other_volume) fs::copy_file(at->path(), to / name, failed);
    if (failed) break;
  }
  if (failed) return fail(errc::io_failed, "cannot copy the damaged database: " + failed.message());
  return {};
}

/// The mirrors' folders and ids.
expected<void> save_settings(db::store& from, db::store& into) {
  db::batch found;
  KEYFOLD_CHECK(from.scan(prefix_of(part::settings), {}, [&](bytes_view key, bytes_view value) {
    if (key.size() == 1 + workspace_id::size + 1 && (key.back() == 'm' || key.back() == 'i'))
      found.emplace(to_bytes(key), to_bytes(value));
    return true;
  }));
  return into.write(found, true);
}

/// Objects that lay in the database itself; each is checked by its id.
expected<void> save_objects(db::store& from, object::store& into) {
  auto prefix = prefix_of(part::objects);
  prefix.push_back('d');
  std::vector<object::sealed_object> batch;
  std::size_t size = 0;
  std::optional<error> failed;
  const auto flush = [&] {
    if (auto stored = into.put(batch); !stored) failed = stored.error();
    batch.clear();
    size = 0;
  };
  KEYFOLD_CHECK(from.scan(prefix, {}, [&](bytes_view key, bytes_view value) {
    const auto id = object_id::from(key.subspan(prefix.size()));
    const auto length = object::object_size_of(value.size());
    auto o = id && length ? object::sealed_object::check(*id, to_bytes(value.first(*length)))
                          : fail(errc::damaged);
    if (!o) return true;
    size += o->size();
    batch.push_back(std::move(*o));
    if (size >= batch_bytes) flush();
    return !failed;
  }));
  if (!failed) flush();
  if (failed) return tl::unexpected(*failed);
  return {};
}

/// All workspaces with anything in the database: found by stepping from one to the next.
std::vector<workspace_id> workspaces_of(const db::view& store) {
  std::vector<workspace_id> out;
  const auto prefix = prefix_of(part::workspace);
  bytes from;
  for (bool more = true; more;) {
    more = false;
    store.scan(prefix, from, [&](bytes_view key, bytes_view) {
      if (key.size() < prefix.size() + workspace_id::size) return true;
      out.push_back(*workspace_id::from(key.subspan(prefix.size(), workspace_id::size)));
      from = prefix_of(part::workspace, out.back());
      from.insert(from.end(), 64, 0xff);
      more = true;
      return false;
    });
  }
  return out;
}

/// What is there under `prefix ‖ u64`, in order.
expected<std::vector<std::pair<std::uint64_t, bytes>>> numbered(const db::store& store,
                                                                const bytes& prefix) {
  std::vector<std::pair<std::uint64_t, bytes>> out;
  KEYFOLD_CHECK(store.scan(prefix, {}, [&](bytes_view key, bytes_view value) {
    if (key.size() == prefix.size() + number_size)
      out.emplace_back(read_u64(key.last(number_size)), to_bytes(value));
    return true;
  }));
  return out;
}

bytes numbered_key(bytes prefix, std::uint64_t number) {
  append_u64(prefix, number);
  return prefix;
}

/// The line that a person has chosen becomes the ledger.
expected<void> save_line(const db::store& from, db::store& into) {
  db::batch found;
  KEYFOLD_TRY(const auto line, numbered(from, setting(line_setting)));
  for (const auto& [seq, record] : line)
    found.emplace(numbered_key(prefix_of(part::ledger), seq), record);
  KEYFOLD_TRY(const auto lost, numbered(from, setting(given_up_setting)));
  for (const auto& [seq, record] : lost)
    found.emplace(numbered_key(setting(given_up_setting), seq), record);
  return into.write(found, true);
}

expected<std::uint64_t> save_changes(db::store& from, db::store& into) {
  std::uint64_t count = 0;
  db::batch found;
  db::transaction damaged(from);
  for (const auto& workspace : workspaces_of(damaged)) {
    db::prefixed state(damaged, prefix_of(part::workspace, workspace));
    std::uint64_t number = 0;
    const auto keep = [&](bytes change) {
      found.emplace(numbered_key(setting(workspace, saved_setting), number++), std::move(change));
      ++count;
    };
    KEYFOLD_TRY(const auto signed_ones, numbered(from, setting(workspace, line_change_setting)));
    for (const auto& [_, change] : signed_ones) keep(change);
    for (auto& change : workspace::engine::saved_journal(state)) keep(std::move(change));
  }
  KEYFOLD_CHECK(damaged.commit(false));  // writes nothing; says whether reading failed
  KEYFOLD_CHECK(into.write(found, true));
  return count;
}

/// Searches one database that was set aside.
expected<std::uint64_t> search(const fs::path& aside, const fs::path& copy,
                               const symmetric_key& local_key, db::store& into,
                               object::store& objects) {
  KEYFOLD_CHECK(link_files(aside / "db", copy));
  KEYFOLD_CHECK(db::repair_leveldb(copy.string()));
  KEYFOLD_TRY(const auto plain, db::open_leveldb(copy.string()));
  const auto from = db::sealed_store(*plain, local_key, nonce_source());
  KEYFOLD_CHECK(save_settings(*from, into));
  KEYFOLD_CHECK(save_line(*from, into));
  KEYFOLD_CHECK(save_objects(*from, objects));
  return save_changes(*from, into);
}

}  // namespace

expected<std::string> set_aside_database(const std::string& folder, std::chrono::milliseconds now) {
  std::error_code failed;
  if (!fs::exists(folder + "/db", failed))
    return fail(errc::not_found, "there is no database in " + folder);
  auto aside = folder + "/" + std::string(aside_prefix) + time_text(now);
  for (int again = 2; fs::exists(aside, failed); ++again)
    aside = folder + "/" + std::string(aside_prefix) + time_text(now) + "-" + std::to_string(again);
  KEYFOLD_CHECK(db::make_private_folder(aside));
  fs::rename(folder + "/db", aside + "/db", failed);
  if (failed) return fail(errc::io_failed, "cannot move " + folder + "/db: " + failed.message());
  return aside;
}

std::optional<rebuilding> find_rebuilding(const db::store& store) {
  const auto stored = store.get(setting(rebuilding_setting));
  if (!stored || !*stored) return std::nullopt;
  auto r = reader::parse(**stored);
  if (!r) return std::nullopt;
  rebuilding out;
  r->array(4);
  (void)r->uint();
  out.from = r->str(max_text);
  out.changes = r->uint();
  out.trouble = r->str(max_text);
  return r->finish() ? std::optional(out) : std::nullopt;
}

expected<void> save_from_damaged(const std::string& folder, const symmetric_key& local_key,
                                 db::store& into, object::store& objects) {
  std::vector<fs::path> found;
  std::error_code failed;
  for (fs::directory_iterator at(folder, failed); !failed && at != fs::directory_iterator();
       at.increment(failed)) {
    const auto name = at->path().filename().string();
    if (name.starts_with(aside_prefix) && !fs::exists(at->path() / searched_mark))
      found.push_back(at->path());
  }
  if (failed) return fail(errc::io_failed, "cannot list " + folder + ": " + failed.message());
  std::sort(found.begin(), found.end());
  const fs::path copy = fs::path(folder) / copy_folder;
  for (const auto& aside : found) {
    rebuilding done{aside.string(), 0, {}};
    const bool ended_badly = fs::exists(aside / begun_mark, failed);
    KEYFOLD_CHECK(db::replace_file((aside / begun_mark).string(), {}));
    const auto changes = ended_badly ? fail(errc::damaged, "the program ended over what it holds")
                                     : search(aside, copy, local_key, into, objects);
    fs::remove_all(copy, failed);
    if (changes) done.changes = *changes;
    if (!changes) done.trouble = changes.error().message.substr(0, max_text);
    KEYFOLD_CHECK(objects.adopt_files());
    // Written first: where we are cut off, the search is done once more, and finds the same.
    KEYFOLD_CHECK(into.write({{setting(rebuilding_setting), encode(done)}}, true));
    KEYFOLD_CHECK(db::replace_file((aside / searched_mark).string(), {}));
    spdlog::warn("the damaged database {} was searched: {} unsent changes saved{}", aside.string(),
                 done.changes, done.trouble.empty() ? "" : "; " + done.trouble);
  }
  return {};
}

expected<void> note_chosen_line(db::store& store, const chosen_line& line) {
  KEYFOLD_CHECK(forget_chosen_line(store));
  db::batch out;
  std::uint64_t number = 0;
  for (const auto& record : line.ledger)
    out.emplace(numbered_key(setting(line_setting), number++), record);
  number = line.ledger.size();
  for (const auto& record : line.given_up)
    out.emplace(numbered_key(setting(given_up_setting), number++), record);
  for (const auto& [workspace, changes] : line.changes) {
    number = 0;
    for (const auto& change : changes)
      out.emplace(numbered_key(setting(workspace, line_change_setting), number++), change);
  }
  return store.write(out, true);
}

expected<void> forget_chosen_line(db::store& store) {
  db::batch out;
  KEYFOLD_TRY(const auto line, numbered(store, setting(line_setting)));
  if (line.empty()) return {};
  for (const auto& [seq, _] : line)
    out.emplace(numbered_key(setting(line_setting), seq), std::nullopt);
  const auto length = prefix_of(part::settings).size() + workspace_id::size + 1 + number_size;
  KEYFOLD_CHECK(store.scan(prefix_of(part::settings), {}, [&](bytes_view key, bytes_view) {
    if (key.size() == length && key[length - number_size - 1] == line_change_setting)
      out.emplace(to_bytes(key), std::nullopt);
    return true;
  }));
  return store.write(out, true);
}

std::vector<bytes> given_up(const db::store& store) {
  std::vector<bytes> out;
  const auto found = numbered(store, setting(given_up_setting));
  if (!found) return out;
  for (const auto& [_, record] : *found) out.push_back(record);
  return out;
}

bool is_rebuilding(const db::store& store, const workspace_id& workspace) {
  if (!find_rebuilding(store)) return false;
  const auto done = store.get(setting(workspace, done_setting));
  return done && !*done;
}

std::vector<bytes> saved_changes(const db::view& store, const workspace_id& workspace) {
  std::vector<bytes> out;
  store.scan(setting(workspace, saved_setting), {}, [&](bytes_view, bytes_view value) {
    out.push_back(to_bytes(value));
    return true;
  });
  return out;
}

void finish_rebuilding(db::view& store, const workspace_id& workspace) {
  std::vector<bytes> keys;
  store.scan(setting(workspace, saved_setting), {}, [&](bytes_view key, bytes_view) {
    keys.push_back(to_bytes(key));
    return true;
  });
  for (const auto& key : keys) store.erase(key);
  store.put(setting(workspace, done_setting), {});
}

}  // namespace keyfold::actors
