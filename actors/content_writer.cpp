#include "actors/content_writer.hpp"

namespace keyfold::actors {
namespace {

constexpr std::size_t batch_size = 16 * 1024 * 1024;  ///< objects that share one sync

}  // namespace

void work_thread::run(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(std::move(work));
  }
  more_.notify_one();
  if (!thread_.joinable())
    thread_ = std::jthread([this](const std::stop_token& stop) { serve(stop); });
}

void work_thread::serve(const std::stop_token& stop) {
  for (;;) {
    std::function<void()> work;
    {
      std::unique_lock lock(mutex_);
      if (!more_.wait(lock, stop, [this] { return !waiting_.empty(); })) return;
      work = std::move(waiting_.front());
      waiting_.pop_front();
    }
    work();
  }
}

expected<std::unique_ptr<content_writer>> content_writer::open(const object_services& services,
                                                               const ledger_snapshot& ledger,
                                                               const workspace_id& workspace,
                                                               stored_listener stored) {
  const auto* fold = ledger.state.workspace(workspace);
  if (fold == nullptr) return fail(errc::workspace_unknown, "there is no such workspace here");
  KEYFOLD_TRY(const auto chunking, ledger.keys.chunking_of(*fold));
  std::vector<object::chunk_class> table(fold->chunk_table().begin(), fold->chunk_table().end());
  return std::unique_ptr<content_writer>(
      new content_writer(services, chunking, std::move(table), workspace, std::move(stored)));
}

content_writer::content_writer(const object_services& services, const symmetric_key& chunking,
                               std::vector<object::chunk_class> table,
                               const workspace_id& workspace, stored_listener stored)
    : services_(services),
      stored_(std::move(stored)),
      gear_(chunking),
      index_(*services_.store, services_.local_key, workspace),
      ingest_(
          {gear_, std::move(table), index_, system_random(),
           [this](object::ingested_object object) { return take(std::move(object)); },
           [this](const object_id& id) { return services_.objects->is_known(id).value_or(false); },
           [this](std::function<void()> work) { sealing_.run(std::move(work)); }}) {}

expected<void> content_writer::take(object::ingested_object object) {
  batch_bytes_ += object.object.size();
  batch_.push_back(std::move(object.object));
  index_changes_.merge(object.index_changes);
  return batch_bytes_ >= batch_size ? store_batch() : expected<void>{};
}

expected<void> content_writer::store_batch() {
  KEYFOLD_CHECK(finish_storing());
  if (batch_.empty()) return {};
  // Shared, since what std::function holds must be copyable.
  const auto work = std::make_shared<std::packaged_task<expected<void>()>>(
      [this, batch = std::exchange(batch_, {}),
       changes = std::exchange(index_changes_, {})]() -> expected<void> {
        KEYFOLD_CHECK(services_.objects->put(batch));
        // Not synced: the index is a cache, and never names an object that is not durable.
        KEYFOLD_CHECK(services_.store->write(changes, false));
        std::vector<object_id> ids;
        for (const auto& o : batch) ids.push_back(o.id());
        if (stored_) stored_(std::move(ids));
        return {};
      });
  batch_bytes_ = 0;
  being_stored_ = work->get_future();
  storing_.run([work] { (*work)(); });
  return {};
}

expected<void> content_writer::finish_storing() {
  if (being_stored_.valid()) stored_before_ = being_stored_.get();
  return stored_before_;
}

expected<std::vector<object::ingested_file>> content_writer::flush() {
  KEYFOLD_TRY(auto files, ingest_.flush());
  KEYFOLD_CHECK(store_batch());
  KEYFOLD_CHECK(finish_storing());
  return files;
}

}  // namespace keyfold::actors
