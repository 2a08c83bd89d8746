// LevelDB behind db::store. Its statuses stop here.
#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/env.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <mutex>

#include "store/db/keys.hpp"
#include "store/db/kv.hpp"
#include "store/db/leveldb.hpp"
#include "store/db/log_env.hpp"

namespace keyfold::db {
namespace {

// Tuning, no part of any format.
constexpr std::size_t cache_bytes = 16 * 1024 * 1024;
constexpr std::size_t write_buffer_bytes = 8 * 1024 * 1024;
constexpr int bloom_bits_per_key = 10;
// Tables that are open take a descriptor each, so few large ones: the default of 2 MiB would be 1,000 of them for a
// million of a user's files.
constexpr std::size_t table_bytes = 16 * 1024 * 1024;
constexpr int open_files = 256;
/// A database that failed is opened again when so much is free: opening writes what the log holds to tables.
constexpr std::uint64_t space_to_open = 2 * write_buffer_bytes;

namespace fs = std::filesystem;

// Slice compares and copies with memcmp and memcpy, which must not be given a null pointer, not even for no bytes.
leveldb::Slice slice(bytes_view data) {
  if (data.empty()) return {};
  return {reinterpret_cast<const char*>(data.data()), data.size()};
}
bytes_view view_of(const leveldb::Slice& data) {
  return as_bytes({data.data(), data.size()});
}

tl::unexpected<error> failure(const leveldb::Status& status, const std::string& directory) {
  const auto text = status.ToString();
  if (status.IsCorruption())
    return fail(errc::damaged, "the database in " + directory + " is damaged: " + text);
  if (status.IsIOError() && text.find("lock ") != std::string::npos)
    return fail(errc::database_locked,
                "the database in " + directory + " is open in another process");
  // LevelDB keeps of errno only its text.
  for (const int full : {ENOSPC, EDQUOT})
    if (text.find(std::strerror(full)) != std::string::npos)
      return fail(errc::disk_full, "the disk is full: " + directory + " cannot be written");
  return fail(errc::io_failed, "the database in " + directory + " fails: " + text);
}

/// Without the file CURRENT LevelDB would begin a new database over the old one.
expected<void> check_current(const std::string& directory) {
  std::error_code failed;
  if (fs::exists(directory + "/CURRENT", failed)) return {};
  for (fs::directory_iterator at(directory, failed); !failed && at != fs::directory_iterator();
       at.increment(failed)) {
    const auto name = at->path().filename().string();
    if (name.ends_with(".ldb") || name.starts_with("MANIFEST"))
      return fail(errc::damaged,
                  "the database in " + directory + " is damaged: its file CURRENT is missing");
  }
  return {};
}

/// Whether the disk takes bytes again: opening a database closes it first, and would leave nothing to read.
bool takes_bytes(leveldb::Env& environment, const std::string& directory) {
  const auto probe = directory + "/probe.tmp";
  leveldb::WritableFile* made = nullptr;
  if (!environment.NewWritableFile(probe, &made).ok()) return false;
  const std::unique_ptr<leveldb::WritableFile> file(made);
  const bool written = file->Append(std::string(64 * 1024, 'x')).ok() && file->Sync().ok();
  return environment.RemoveFile(probe).ok() && written;
}

bool has_space(const std::string& directory) {
  struct statvfs facts {};
  if (::statvfs(directory.c_str(), &facts) != 0) return false;
  return (facts.f_flag & ST_RDONLY) == 0 && facts.f_bavail * facts.f_frsize >= space_to_open;
}

leveldb::ReadOptions reading() {
  leveldb::ReadOptions out;
  out.verify_checksums = true;
  return out;
}

/// After a write that failed LevelDB refuses all others until it is opened again: that is done before a later write,
/// when the disk has room and nobody else is reading. Until then the database can be read.
class level final : public store {
 public:
  static expected<std::unique_ptr<store>> open(const std::string& directory,
                                               leveldb::Env* environment) {
    std::error_code failed;
    fs::create_directories(directory, failed);
    if (failed)
      return fail(errc::io_failed, "cannot make the folder " + directory + ": " + failed.message());
    std::unique_ptr<level> out(
        new level(directory, environment != nullptr ? *environment : *leveldb::Env::Default()));
    KEYFOLD_CHECK(out->start());
    return out;
  }

  expected<std::optional<bytes>> get(bytes_view key) const override {
    KEYFOLD_TRY(const auto db, opened());
    std::string value;
    const auto status = db->Get(reading(), slice(key), &value);
    if (status.IsNotFound()) return std::nullopt;
    if (!status.ok()) return failure(status, directory_);
    return to_bytes(as_bytes(value));
  }

  expected<void> scan(bytes_view prefix, bytes_view from, const visitor& visit) const override {
    KEYFOLD_TRY(const auto db, opened());
    const std::unique_ptr<leveldb::Iterator> at(db->NewIterator(reading()));
    const auto start = start_of(prefix, from);
    for (at->Seek(slice(start)); at->Valid() && at->key().starts_with(slice(prefix)); at->Next())
      if (!visit(view_of(at->key()), view_of(at->value()))) break;
    if (!at->status().ok()) return failure(at->status(), directory_);
    return {};
  }

  expected<std::optional<std::pair<bytes, bytes>>> last(bytes_view prefix,
                                                        bytes_view before) const override {
    KEYFOLD_TRY(const auto db, opened());
    const std::unique_ptr<leveldb::Iterator> at(db->NewIterator(reading()));
    seek_below(*at, prefix, before);
    if (!at->status().ok()) return failure(at->status(), directory_);
    if (!at->Valid() || !at->key().starts_with(slice(prefix))) return std::nullopt;
    return std::pair(to_bytes(view_of(at->key())), to_bytes(view_of(at->value())));
  }

  expected<void> write(const batch& changes, bool synced) override {
    leveldb::WriteBatch all;
    for (const auto& [key, value] : changes) {
      if (value)
        all.Put(slice(key), slice(*value));
      else
        all.Delete(slice(key));
    }
    KEYFOLD_CHECK(heal());
    KEYFOLD_TRY(const auto db, opened());
    leveldb::WriteOptions options;
    options.sync = synced;
    const auto status = db->Write(options, &all);
    if (status.ok()) return {};
    auto failed = failure(status, directory_);
    const std::lock_guard guard(mutex_);
    if (!broken_) broken_ = failed.value();
    return failed;
  }

 private:
  level(std::string directory, leveldb::Env& base)
      : directory_(std::move(directory)),
        logs_(std::make_shared<log_facts>()),
        environment_(make_log_env(base, logs_)),
        cache_(leveldb::NewLRUCache(cache_bytes)),
        filter_(leveldb::NewBloomFilterPolicy(bloom_bits_per_key)) {}

  expected<void> start() const {
    KEYFOLD_CHECK(check_current(directory_));
    leveldb::Options options;
    options.env = environment_.get();
    options.create_if_missing = true;
    options.paranoid_checks = true;                 // a hole in the log is said, not skipped over
    options.compression = leveldb::kNoCompression;  // values are ciphertext
    options.block_cache = cache_.get();
    options.filter_policy = filter_.get();
    options.write_buffer_size = write_buffer_bytes;
    options.max_open_files = open_files;
    options.max_file_size = table_bytes;
    leveldb::DB* opened = nullptr;
    const auto status = leveldb::DB::Open(options, directory_, &opened);
    db_.reset(opened);
    if (!status.ok()) return failure(status, directory_);
    return {};
  }

  /// Never null.
  expected<std::shared_ptr<leveldb::DB>> opened() const {
    {
      const std::lock_guard guard(mutex_);
      if (db_) return db_;
    }
    KEYFOLD_CHECK(heal());
    const std::lock_guard guard(mutex_);
    return db_;
  }

  expected<void> heal() const {
    const std::lock_guard guard(mutex_);
    if (!broken_) return {};
    if (logs_->uncertain || db_.use_count() > 1 || !has_space(directory_) ||
        !takes_bytes(*environment_, directory_))
      return tl::unexpected(*broken_);
    db_.reset();
    if (auto started = start(); !started) {
      broken_ = started.error();
      return started;
    }
    broken_.reset();
    return {};
  }

  /// Goes to the last key below `before`, or below the end of `prefix`.
  static void seek_below(leveldb::Iterator& at, bytes_view prefix, bytes_view before) {
    if (const bytes limit = limit_of(prefix, before); !limit.empty()) {
      at.Seek(slice(limit));
      if (at.Valid()) {
        at.Prev();
        return;
      }
    }
    at.SeekToLast();
  }

  const std::string directory_;
  const std::shared_ptr<log_facts> logs_;
  const std::unique_ptr<leveldb::Env> environment_;
  const std::unique_ptr<leveldb::Cache> cache_;
  const std::unique_ptr<const leveldb::FilterPolicy> filter_;
  mutable std::mutex mutex_;
  mutable std::optional<error> broken_;  ///< why nothing can be written
  mutable std::shared_ptr<leveldb::DB>
      db_;  // goes before what it uses; null only where opening again failed
};

}  // namespace

expected<std::unique_ptr<store>> open_leveldb(const std::string& directory) {
  return level::open(directory, nullptr);
}

expected<std::unique_ptr<store>> open_leveldb_in(const std::string& directory,
                                                 leveldb::Env& environment) {
  return level::open(directory, &environment);
}

expected<void> repair_leveldb(const std::string& directory) {
  leveldb::Options options;
  options.compression = leveldb::kNoCompression;
  options.paranoid_checks =
      true;  // of tables: it stumbles over damaged blocks that it takes for good
  const auto status = leveldb::RepairDB(directory, options);
  if (!status.ok()) return failure(status, directory);
  return {};
}

}  // namespace keyfold::db
