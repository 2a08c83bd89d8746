// Contents on their way into a workspace: chunked, sealed and stored, so that an operation may name them.
#pragma once

#include <condition_variable>
#include <deque>
#include <future>
#include <thread>

#include "actors/interfaces.hpp"
#include "actors/objects.hpp"
#include "store/object/writer.hpp"

namespace keyfold::actors {

/// Does what it is given in order, on a thread that begins with the first. Its end waits for what is under way, and
/// drops the rest.
class work_thread {
 public:
  void run(std::function<void()> work);

 private:
  void serve(const std::stop_token& stop);

  std::mutex mutex_;
  std::condition_variable_any more_;
  std::deque<std::function<void()>> waiting_;
  std::jthread thread_;  // last: it uses the others
};

/// An object::ingest into the local store, sealing on a thread of its own and storing on another. One thread at a time;
/// blocks on the disk. Once storing has failed all else fails with it: files that ended may name what was lost.
class content_writer {
 public:
  /// Told of objects that have become durable, on the thread that stores.
  using stored_listener = std::function<void(std::vector<object_id>)>;
  /// `errc::workspace_unknown` or `errc::key_not_held` when this user cannot read the workspace.
  [[nodiscard]] static expected<std::unique_ptr<content_writer>> open(
      const object_services& services, const ledger_snapshot& ledger, const workspace_id& workspace,
      stored_listener stored = {});
  [[nodiscard]] object::ingest& ingest() { return ingest_; }
  /// The files that ended since the last flush; all their objects are durable.
  [[nodiscard]] expected<std::vector<object::ingested_file>> flush();

 private:
  content_writer(const object_services& services, const symmetric_key& chunking,
                 std::vector<object::chunk_class> table, const workspace_id& workspace,
                 stored_listener stored);
  expected<void> take(object::ingested_object object);
  /// Begins to store what has come, when what was begun before is stored.
  expected<void> store_batch();
  expected<void> finish_storing();

  object_services services_;
  stored_listener stored_;
  object::gear_table gear_;
  object::chunk_index index_;
  std::vector<object::sealed_object> batch_;
  db::batch index_changes_;
  std::size_t batch_bytes_ = 0;
  std::future<expected<void>> being_stored_;  ///< of the batch under way, if any
  expected<void> stored_before_;
  work_thread storing_;                        // after what its work uses
  work_thread sealing_;
  object::ingest ingest_;  // last: it refers to all of the above
};

}  // namespace keyfold::actors
