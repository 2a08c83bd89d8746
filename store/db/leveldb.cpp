// LevelDB behind db::store. Its statuses stop here.
#include <leveldb/cache.h>
#include <leveldb/db.h>
#include <leveldb/filter_policy.h>
#include <leveldb/write_batch.h>

#include <filesystem>

#include "store/db/keys.hpp"
#include "store/db/kv.hpp"

namespace keyfold::db {
namespace {

// Tuning, no part of any format.
constexpr std::size_t cache_bytes = 16 * 1024 * 1024;
constexpr std::size_t write_buffer_bytes = 8 * 1024 * 1024;
constexpr int bloom_bits_per_key = 10;
constexpr int open_files = 256;

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
  return fail(errc::io_failed, "the database in " + directory + " fails: " + text);
}

leveldb::ReadOptions reading() {
  leveldb::ReadOptions out;
  out.verify_checksums = true;
  return out;
}

class level final : public store {
 public:
  static expected<std::unique_ptr<store>> open(const std::string& directory) {
    std::error_code failed;
    std::filesystem::create_directories(directory, failed);
    if (failed)
      return fail(errc::io_failed, "cannot make the folder " + directory + ": " + failed.message());
    std::unique_ptr<level> out(new level(directory));
    leveldb::Options options;
    options.create_if_missing = true;
    options.paranoid_checks = true;                 // a hole in the log is said, not skipped over
    options.compression = leveldb::kNoCompression;  // values are ciphertext
    options.block_cache = out->cache_.get();
    options.filter_policy = out->filter_.get();
    options.write_buffer_size = write_buffer_bytes;
    options.max_open_files = open_files;
    leveldb::DB* opened = nullptr;
    const auto status = leveldb::DB::Open(options, directory, &opened);
    out->db_.reset(opened);
    if (!status.ok()) return failure(status, directory);
    return out;
  }

  expected<std::optional<bytes>> get(bytes_view key) const override {
    std::string value;
    const auto status = db_->Get(reading(), slice(key), &value);
    if (status.IsNotFound()) return std::nullopt;
    if (!status.ok()) return failure(status, directory_);
    return to_bytes(as_bytes(value));
  }

  expected<void> scan(bytes_view prefix, bytes_view from, const visitor& visit) const override {
    auto options = reading();
    options.fill_cache = false;
    const std::unique_ptr<leveldb::Iterator> at(db_->NewIterator(options));
    const auto start = start_of(prefix, from);
    for (at->Seek(slice(start)); at->Valid() && at->key().starts_with(slice(prefix)); at->Next())
      if (!visit(view_of(at->key()), view_of(at->value()))) break;
    if (!at->status().ok()) return failure(at->status(), directory_);
    return {};
  }

  expected<std::optional<std::pair<bytes, bytes>>> last(bytes_view prefix,
                                                        bytes_view before) const override {
    const std::unique_ptr<leveldb::Iterator> at(db_->NewIterator(reading()));
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
    leveldb::WriteOptions options;
    options.sync = synced;
    if (const auto status = db_->Write(options, &all); !status.ok())
      return failure(status, directory_);
    return {};
  }

 private:
  explicit level(std::string directory)
      : directory_(std::move(directory)),
        cache_(leveldb::NewLRUCache(cache_bytes)),
        filter_(leveldb::NewBloomFilterPolicy(bloom_bits_per_key)) {}

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
  const std::unique_ptr<leveldb::Cache> cache_;
  const std::unique_ptr<const leveldb::FilterPolicy> filter_;
  std::unique_ptr<leveldb::DB> db_;  // goes before what it uses
};

}  // namespace

expected<std::unique_ptr<store>> open_leveldb(const std::string& directory) {
  return level::open(directory);
}

}  // namespace keyfold::db
