#include "store/db/log_env.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "store/db/file.hpp"

namespace keyfold::db {
namespace {

using leveldb::Status;

class log_file final : public leveldb::WritableFile {
 public:
  log_file(std::unique_ptr<leveldb::WritableFile> below, std::string path,
           std::shared_ptr<log_facts> facts)
      : below_(std::move(below)), path_(std::move(path)), facts_(std::move(facts)) {}

  Status Append(const leveldb::Slice& data) override {
    size_ += data.size();
    return failed_.ok() ? note(below_->Append(data)) : failed_;
  }
  Status Flush() override { return failed_.ok() ? note(below_->Flush()) : failed_; }
  Status Sync() override {
    if (!failed_.ok()) return failed_;
    auto synced = note(below_->Sync());
    if (synced.ok()) synced_ = size_;
    return synced;
  }
  Status Close() override { return below_->Close(); }

 private:
  Status note(Status status) {
    if (status.ok()) return status;
    failed_ = status;
    if (::truncate(path_.c_str(), static_cast<off_t>(synced_)) != 0) facts_->uncertain = true;
    return status;
  }

  const std::unique_ptr<leveldb::WritableFile> below_;
  const std::string path_;
  const std::shared_ptr<log_facts> facts_;
  std::uint64_t size_ = 0;
  std::uint64_t synced_ = 0;
  Status failed_;
};

class table_file final : public leveldb::RandomAccessFile {
 public:
  table_file(file opened, std::string path) : file_(std::move(opened)), path_(std::move(path)) {}

  Status Read(std::uint64_t offset, std::size_t size, leveldb::Slice* out,
              char* scratch) const override {
    ssize_t got = 0;
    do got = ::pread(file_.get(), scratch, size, static_cast<off_t>(offset));
    while (got < 0 && errno == EINTR);
    if (got < 0)
      return Status::IOError(
          path_, std::strerror(errno));  // NOLINT(concurrency-mt-unsafe): glibc's is safe
    *out = leveldb::Slice(scratch, static_cast<std::size_t>(got));
    return Status::OK();
  }

 private:
  const file file_;
  const std::string path_;
};

class log_env final : public leveldb::EnvWrapper {
 public:
  log_env(leveldb::Env& base, std::shared_ptr<log_facts> facts)
      : EnvWrapper(&base), facts_(std::move(facts)) {}

  Status NewWritableFile(const std::string& path, leveldb::WritableFile** out) override {
    auto made = target()->NewWritableFile(path, out);
    if (made.ok() && path.ends_with(".log"))
      *out = new log_file(std::unique_ptr<leveldb::WritableFile>(*out), path, facts_);
    return made;
  }

  Status NewRandomAccessFile(const std::string& path, leveldb::RandomAccessFile** out) override {
    *out = nullptr;
    file opened(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    // The other's failure, which says whether the file is missing.
    if (!opened) return target()->NewRandomAccessFile(path, out);
    *out = new table_file(std::move(opened), path);
    return Status::OK();
  }

 private:
  const std::shared_ptr<log_facts> facts_;
};

}  // namespace

std::unique_ptr<leveldb::Env> make_log_env(leveldb::Env& base, std::shared_ptr<log_facts> facts) {
  return std::make_unique<log_env>(base, std::move(facts));
}

}  // namespace keyfold::db
