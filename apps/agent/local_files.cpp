#include "apps/agent/local_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>

#include "actors/content_writer.hpp"
#include "store/db/file.hpp"
#include "store/mirror/former.hpp"
#include "store/object/local_source.hpp"

namespace keyfold::apps {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t piece_size = 1024 * 1024;
constexpr std::uint64_t fetched_at_once = 16 * 1024 * 1024;
constexpr std::uint64_t flush_bytes = 256 * 1024 * 1024;
constexpr std::size_t flush_files = 5000;

std::int64_t ns_of(const timespec& t) {
  return t.tv_sec * std::int64_t{1'000'000'000} + t.tv_nsec;
}

tl::unexpected<error> fail_local(const std::string& doing) {
  return db::fail_from_errno(doing);
}

/// Walks local files into a workspace; what it has gathered is put in batches.
class importer {
 public:
  importer(const content_access& access, std::unique_ptr<actors::content_writer> contents)
      : access_(access), contents_(std::move(contents)) {}

  expected<void> add(const std::string& local, const actors::path& at) {
    struct stat facts {};
    if (lstat(local.c_str(), &facts) != 0) return fail_local("cannot read " + local);
    if (S_ISDIR(facts.st_mode)) return add_folder(local, at);
    if (at.empty())
      return fail(errc::usage, "give the name that the file shall have in the workspace");
    if (S_ISREG(facts.st_mode)) return add_file(local, at);
    if (S_ISLNK(facts.st_mode)) return add_symlink(local, at, facts);
    return fail(errc::usage, local + " is neither a file, a folder nor a symlink");
  }

  expected<void> flush() {
    KEYFOLD_TRY(const auto files, contents_->flush());
    for (const auto& file : files)
      batch_.contents.push_back({open_.at(file.token), file.content, file.needed});
    open_.clear();
    if (batch_.contents.empty() && batch_.folders.empty()) return {};
    KEYFOLD_TRY(auto put, access_.agent_of.ask<expected<void>>(
                              access_.workspace.actor, std::exchange(batch_, {}), access_.timeout));
    return put;
  }

  [[nodiscard]] const copied& total() const { return total_; }

 private:
  expected<void> add_folder(const std::string& local, const actors::path& at) {
    if (!at.empty()) batch_.folders.push_back(at);
    std::error_code problem;
    for (const auto& entry : fs::directory_iterator(local, problem)) {
      auto name = workspace::normalize_name(entry.path().filename().string());
      if (!name) return fail(errc::bad_name, entry.path().string() + ": " + name.error().message);
      auto below = at;
      below.push_back(std::move(*name));
      if (!entry.is_symlink() && (entry.is_fifo() || entry.is_socket() || entry.is_other()))
        continue;
      KEYFOLD_CHECK(add(entry.path().string(), below));
    }
    if (problem) return fail(errc::io_failed, "cannot list " + local + ": " + problem.message());
    return {};
  }

  expected<void> add_file(const std::string& local, const actors::path& at) {
    const db::file file(::open(local.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    struct stat before {};
    if (!file || fstat(file.get(), &before) != 0) return fail_local("cannot read " + local);
    auto& ingest = contents_->ingest();
    KEYFOLD_CHECK(ingest.begin(next_token_, static_cast<std::uint64_t>(before.st_size)));
    bytes piece(piece_size);
    for (;;) {
      const auto n = ::read(file.get(), piece.data(), piece.size());
      if (n < 0) return fail_local("cannot read " + local);
      if (n == 0) break;
      KEYFOLD_CHECK(ingest.feed(bytes_view(piece).first(static_cast<std::size_t>(n))));
    }
    struct stat after {};
    if (fstat(file.get(), &after) != 0 || ns_of(after.st_mtim) != ns_of(before.st_mtim))
      return fail(errc::changed_while_reading, local + " changed while it was read; try again");
    KEYFOLD_CHECK(ingest.end(ns_of(before.st_mtim), (before.st_mode & S_IXUSR) != 0));
    open_.emplace(next_token_++, at);
    ++total_.files;
    total_.bytes += static_cast<std::uint64_t>(before.st_size);
    return ingest.fed() >= flush_bytes || open_.size() >= flush_files ? flush() : expected<void>{};
  }

  expected<void> add_symlink(const std::string& local, const actors::path& at,
                             const struct stat& facts) {
    std::error_code problem;
    const auto target = fs::read_symlink(local, problem);
    if (problem) return fail(errc::io_failed, "cannot read " + local + ": " + problem.message());
    batch_.contents.push_back(
        {at,
         workspace::symlink_content{to_bytes(as_bytes(target.string())), ns_of(facts.st_mtim)},
         {}});
    ++total_.files;
    return {};
  }

  const content_access& access_;
  std::unique_ptr<actors::content_writer> contents_;
  actors::put_entries batch_;
  std::map<std::uint64_t, actors::path> open_;
  std::uint64_t next_token_ = 0;
  copied total_;
};

std::array<timespec, 2> times_of(std::int64_t mtime_ns) {
  constexpr std::int64_t second = 1'000'000'000;
  const auto rest = ((mtime_ns % second) + second) % second;
  return {timespec{0, UTIME_OMIT}, timespec{(mtime_ns - rest) / second, rest}};
}

/// A name in an open folder. Everything below the path that the user gave is named so, and no symlink is
/// followed: what was fetched before must not lead what is fetched now elsewhere (THREATS A21).
struct local_name {
  int folder;
  std::string name;
};

/// Runs `make` for a temporary name beside the target, then renames it into the target's place.
template <class Make>
expected<void> replace(const local_name& at, Make make) {
  const auto temporary = ".keyfold-tmp-" + to_text(system_random().id<version_id>());
  expected<void> made = make(temporary);
  if (made && ::renameat(at.folder, temporary.c_str(), at.folder, at.name.c_str()) != 0)
    made = fail_local("cannot write " + at.name);
  if (!made) ::unlinkat(at.folder, temporary.c_str(), 0);
  return made;
}

expected<void> write_file(const content_access& access, const actors::path& from,
                          const workspace::file_content& content, const local_name& at) {
  return replace(at, [&](const std::string& temporary) -> expected<void> {
    const mode_t mode = content.executable ? 0777 : 0666;
    const db::file file(
        ::openat(at.folder, temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
    if (!file) return fail_local("cannot write " + at.name);
    KEYFOLD_CHECK(read_file(access, from, content,
                            [&](bytes_view data) { return db::write_all(file, data); }));
    if (futimens(file.get(), times_of(content.mtime_ns).data()) != 0 || fsync(file.get()) != 0)
      return fail_local("cannot write " + at.name);
    return {};
  });
}

expected<void> write_symlink(const workspace::symlink_content& content, const local_name& at) {
  return replace(at, [&](const std::string& temporary) -> expected<void> {
    const auto target = to_string(content.target);
    if (::symlinkat(target.c_str(), at.folder, temporary.c_str()) != 0 ||
        utimensat(at.folder, temporary.c_str(), times_of(content.mtime_ns).data(),
                  AT_SYMLINK_NOFOLLOW) != 0)
      return fail_local("cannot make the symlink " + at.name);
    return {};
  });
}

/// `follow`: the path that the user gave himself may be a symlink to a folder.
expected<db::file> make_folder_at(const local_name& at, bool follow) {
  if (::mkdirat(at.folder, at.name.c_str(), 0777) != 0 && errno != EEXIST)
    return fail_local("cannot make the folder " + at.name);
  const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | (follow ? 0 : O_NOFOLLOW);
  db::file folder(::openat(at.folder, at.name.c_str(), flags));
  if (!folder)
    return fail_local("cannot open the folder " + at.name + " (a symlink is not followed)");
  return folder;
}

expected<void> export_entry(const content_access& access, const actors::path& at,
                            const workspace::shown_entry& entry, const local_name& local,
                            bool follow, copied& total) {
  if (entry.kind != workspace::node_kind::folder) {
    if (!entry.version) return {};
    ++total.files;
    if (const auto* file = std::get_if<workspace::file_content>(&entry.version->content)) {
      total.bytes += file->size;
      return write_file(access, at, *file, local);
    }
    return write_symlink(std::get<workspace::symlink_content>(entry.version->content), local);
  }
  KEYFOLD_TRY(const auto folder, make_folder_at(local, follow));
  KEYFOLD_TRY(const auto children, access.agent_of.ask_flat<std::vector<actors::listed_entry>>(
                                       access.workspace.actor, actors::list_folder{at}));
  for (const auto& child : children) {
    auto below = at;
    below.push_back(child.shown.name);
    KEYFOLD_CHECK(
        export_entry(access, below, child.shown, {folder.get(), child.shown.name}, false, total));
  }
  return {};
}

}  // namespace

expected<copied> import_local(const content_access& access, const actors::path& at,
                              const std::string& local) {
  auto target = at;
  const auto there = access.agent_of.ask_flat<actors::listed_entry>(access.workspace.actor,
                                                                    actors::find_entry{at});
  // A file put "to a folder" goes into it; a folder is merged with the one that is there, so that a copy
  // that was cut off can be done again.
  std::error_code problem;
  const bool is_folder = fs::is_directory(fs::symlink_status(local, problem));
  if (there && there->shown.kind == workspace::node_kind::folder && !is_folder) {
    KEYFOLD_TRY(auto name,
                workspace::normalize_name(fs::path(local).lexically_normal().filename().string()));
    target.push_back(std::move(name));
  }
  KEYFOLD_TRY(auto contents,
              actors::content_writer::open(access.services, *access.ledger, access.workspace.id));
  importer into(access, std::move(contents));
  KEYFOLD_CHECK(into.add(local, target));
  KEYFOLD_CHECK(into.flush());
  return into.total();
}

namespace {

/// Copies an entry that stands at `at`, or stood there.
expected<copied> export_shown(const content_access& access, const actors::path& at,
                              const workspace::shown_entry& entry, const std::string& local) {
  copied total;
  auto target = local;
  std::error_code problem;
  const bool into = entry.kind != workspace::node_kind::folder && fs::is_directory(local, problem);
  if (into && !at.empty()) target += "/" + at.back();
  const auto path = fs::path(target).lexically_normal();
  const auto name = path.has_filename() ? path.filename() : path.parent_path().filename();
  const auto above = path.has_filename() ? path.parent_path() : path.parent_path().parent_path();
  KEYFOLD_TRY(const auto folder, db::open_folder(above.string()));
  KEYFOLD_CHECK(export_entry(access, at, entry, {folder.get(), name.empty() ? "." : name.string()},
                             true, total));
  return total;
}

/// Runs `read`, and again after what it says is missing was fetched.
template <class Read>
auto with_objects(const content_access& access, Read read)
    -> decltype(read(std::declval<std::vector<object_id>&>())) {
  const auto deadline = actors::monotonic_now() + access.timeout;
  for (;;) {
    std::vector<object_id> missing;
    auto done = read(missing);
    if (done || done.error().code != errc::objects_missing) return done;
    const auto left = deadline - actors::monotonic_now();
    if (left.count() <= 0) return fail(errc::timed_out, "the content did not come in time");
    KEYFOLD_TRY(const auto fetched,
                access.agent_of.ask<expected<void>>(
                    access.workspace.actor, actors::want_objects{std::move(missing)}, left));
    KEYFOLD_CHECK(fetched);
  }
}

/// What the mirror has at that path, if there is one: chunks that lie in its file need no object.
std::optional<mirror::former_file> mirrored_file(const content_access& access,
                                                 const actors::path& at,
                                                 std::span<const workspace::chunk_ref> chunks) {
  const auto root = access.mirror ? mirror::root::open(*access.mirror)
                                  : expected<mirror::root>(fail(errc::not_found));
  if (!root) return std::nullopt;
  mirror::local_path path;
  for (const auto& name : at) path = mirror::join(path, name);
  auto file = mirror::former_file::open(*root, path, chunks);
  return file ? std::optional(std::move(*file)) : std::nullopt;
}

}  // namespace

expected<copied> export_local(const content_access& access, const actors::path& at,
                              const std::string& local) {
  KEYFOLD_TRY(const auto entry, access.agent_of.ask_flat<actors::listed_entry>(
                                    access.workspace.actor, actors::find_entry{at}));
  return export_shown(access, at, entry.shown, local);
}

expected<copied> export_version(const content_access& access, const actors::path& at,
                                const version_id& version, const std::string& local) {
  KEYFOLD_TRY(const auto thing, access.agent_of.ask_flat<workspace::past_thing>(
                                    access.workspace.actor, actors::find_past{at, version}));
  if (!thing.content)
    return fail(errc::is_a_folder, "a folder has no content of its own; restore it first");
  workspace::shown_entry entry;
  entry.name = at.back();
  entry.kind = std::holds_alternative<workspace::symlink_content>(*thing.content)
                   ? workspace::node_kind::symlink
                   : workspace::node_kind::file;
  entry.version.emplace().content = *thing.content;
  return export_shown(access, at, entry, local);
}

expected<void> read_file(const content_access& access, const actors::path& at,
                         const workspace::file_content& content, const object::content_sink& sink) {
  object::local_source source(*access.services.objects);
  object::opener objects(source);
  KEYFOLD_TRY(auto reader, with_objects(access, [&](std::vector<object_id>& missing) {
                return object::file_reader::open(content, objects, missing);
              }));
  auto mirrored = mirrored_file(access, at, reader.chunks());
  if (mirrored) reader.prefer(*mirrored);
  std::uint64_t done = 0;
  const object::content_sink counted = [&](bytes_view data) -> expected<void> {
    done += data.size();
    return sink(data);
  };
  // In parts, and on from where it stopped: the room for objects need not hold all of the file at once.
  while (done < reader.size())
    KEYFOLD_CHECK(with_objects(access, [&](std::vector<object_id>& missing) {
      return reader.read(done, fetched_at_once, counted, missing);
    }));
  return {};
}

expected<std::vector<object_id>> more_objects_of(const content_access& access,
                                                 const workspace::node_content& content) {
  const auto* file = std::get_if<workspace::file_content>(&content);
  if (file == nullptr || file->level == 0) return std::vector<object_id>{};
  object::local_source source(*access.services.objects);
  object::opener objects(source);
  return with_objects(access, [&](std::vector<object_id>& missing) {
    return object::objects_of(*file, objects, missing);
  });
}

expected<workspace::file_content> find_file(const content_access& access, const actors::path& at,
                                            const std::optional<version_id>& version) {
  if (version) {
    KEYFOLD_TRY(auto thing, access.agent_of.ask_flat<workspace::past_thing>(
                                access.workspace.actor, actors::find_past{at, *version}));
    if (!thing.content) return fail(errc::is_a_folder, "that is a folder");
    auto* past = std::get_if<workspace::file_content>(&*thing.content);
    if (past == nullptr) return fail(errc::not_found, "that has no content to read");
    return std::move(*past);
  }
  KEYFOLD_TRY(const auto entry, access.agent_of.ask_flat<actors::listed_entry>(
                                    access.workspace.actor, actors::find_entry{at}));
  if (entry.shown.kind == workspace::node_kind::folder)
    return fail(errc::is_a_folder, "that is a folder");
  const auto* file = entry.shown.version
                         ? std::get_if<workspace::file_content>(&entry.shown.version->content)
                         : nullptr;
  if (file == nullptr) return fail(errc::not_found, "that has no content to read");
  return *file;
}

}  // namespace keyfold::apps
