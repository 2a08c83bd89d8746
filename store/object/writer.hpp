// Files to objects: chunks what it is fed, leaves out what the workspace has already, bundles the
// rest.
//
//   bytes ──chunker──► chunk ──hash──► known? ──yes──► refer to it
//                                        └─no─► open bundle ──full──► seal ──► sink(object, index
//                                        changes)
//
// A file's content can name an object only once its bundle is sealed: contents come in batches at
// flush().
#pragma once

#include <deque>
#include <functional>
#include <future>
#include <unordered_map>

#include "store/object/chunk_index.hpp"

namespace keyfold::object {

/// A sealed object, and what to write to the chunk index once it is stored.
struct ingested_object {
  sealed_object object;
  db::batch index_changes;
};

/// A file whose content is complete.
struct ingested_file {
  std::uint64_t token = 0;  ///< as given to begin()
  file_content content;     ///< mtime and executable as given to end()
  std::vector<object_id>
      needed;  ///< every object it needs, those that a level 1 list names too; ascending
};

/// What an ingest uses of its surroundings.
struct ingest_surroundings {
  const gear_table& gear;
  std::vector<chunk_class> table;
  const chunk_index& index;
  random_source& random;
  /// Takes an object; called on the ingest's thread. Its failure makes the ingest fail. What it
  /// took before a flush() ended should be in the index then, or equal chunks are sealed twice.
  std::function<expected<void>(ingested_object)> sink;
  /// False for an object that is neither here nor known to be at a replica: its chunks are sealed
  /// anew.
  std::function<bool(const object_id&)> usable;
  /// Runs a sealing, now or on another thread; at most `max_sealing` are under way. If it drops
  /// one, the ingest fails with `errc::cancelled`.
  std::function<void(std::function<void()>)> run = [](const std::function<void()>& work) {
    work();
  };
};

/// One thread at a time. Holds the open chunk, the open bundle, at most `max_sealing` bundles that
/// are being sealed, and about 110 bytes for each chunk of the files since the last flush(). After
/// a failure it is of no further use.
class ingest {
 public:
  static constexpr std::size_t max_sealing = 4;

  explicit ingest(ingest_surroundings surroundings);
  ingest(const ingest&) = delete;
  ingest& operator=(const ingest&) = delete;

  /// Chunks of objects that somebody else made, perhaps: until the next flush they are referred to where they are met
  /// again, if they are usable now. Of the latest 30,000 at least.
  void know(std::span<const chunk_ref> chunks);
  /// Begins a file that will have `size` bytes; `token` comes back with its content.
  [[nodiscard]] expected<void> begin(std::uint64_t token, std::uint64_t size);
  /// The next bytes of it, in pieces of any size.
  [[nodiscard]] expected<void> feed(bytes_view data);
  /// Ends it; `errc::changed_while_reading` when it had other than `size` bytes: the file is then
  /// forgotten, and the ingest goes on.
  [[nodiscard]] expected<void> end(std::int64_t mtime_ns, bool executable);
  /// Forgets the file that was begun.
  void abandon();

  /// Seals what is open, hands out all objects, and gives the files since the last flush in order
  /// of ending.
  [[nodiscard]] expected<std::vector<ingested_file>> flush();
  /// Bytes fed since the last flush: callers flush after some hundreds of MiB.
  [[nodiscard]] std::uint64_t fed() const { return fed_; }

 private:
  static constexpr std::uint32_t known_object = UINT32_MAX;
  /// A chunk, whose object's id is known once bundle number `bundle` of this batch is sealed.
  struct placed {
    chunk_ref chunk;
    std::uint32_t bundle = known_object;
  };
  struct open_file {
    std::uint64_t token = 0;
    std::uint64_t size = 0;
    std::uint64_t fed = 0;
    std::vector<placed> chunks;
  };
  struct whole_file {
    std::uint64_t token;
    file_content content;
    std::vector<placed> chunks;
  };
  struct open_bundle {
    symmetric_key key;
    bytes chunks;
    std::vector<chunk_ref> refs;
  };
  struct sealing {
    std::future<sealed_object> object;
    std::vector<chunk_ref> refs;
  };
  using recent_chunks = std::unordered_map<hash32, placed>;

  expected<void> cut(std::vector<placed>& chunks, bytes_view data, chunker& borders);
  expected<void> close_chunk(std::vector<placed>& chunks, bytes_view plaintext);
  expected<placed> place(bytes_view plaintext);
  expected<std::optional<placed>> find(const hash32& plaintext_hash);
  void remember(const placed& chunk);
  expected<void> seal_open_bundle();
  expected<void> finish_sealing(std::size_t allowed);
  expected<void> seal_all();
  std::vector<chunk_ref> resolved(const std::vector<placed>& chunks) const;
  /// The chunks of the content's encoded list, if it is so long; else none.
  expected<std::vector<placed>> place_list(const file_content& content);
  void finish(ingested_file& file, const std::vector<placed>& list) const;

  ingest_surroundings around_;
  std::optional<open_file> file_;
  std::optional<chunker> borders_;
  bytes chunk_;  ///< the open chunk's bytes so far
  open_bundle bundle_;
  std::deque<sealing> sealing_;
  std::vector<object_id> sealed_;  ///< ids of this batch's bundles, by number
  std::vector<whole_file> files_;
  /// Chunks that the index may not show yet: the newer and the older half of a bounded memory.
  recent_chunks recent_;
  recent_chunks older_;
  std::uint64_t fed_ = 0;
};

}  // namespace keyfold::object
