// Objects to files: puts a file, or a range of it, together from its content.
//
// Order of checks: the content's list (its chunks, if it is of level 1), rows, sum of lengths, list
// hash; then whether all objects are here; then chunk by chunk: seal, plaintext hash, and only then
// the sink.
#pragma once

#include "store/object/list.hpp"
#include "store/object/opener.hpp"

namespace keyfold::object {

/// Takes plaintext in order; its failure ends the reading.
using content_sink = std::function<expected<void>(bytes_view)>;

/// Chunks in clear that need no object: what is here of them already.
class clear_chunks {
 public:
  virtual ~clear_chunks() = default;
  /// Whether open() is likely to give it.
  [[nodiscard]] virtual bool has(const chunk_ref& chunk) const = 0;
  /// The chunk's plaintext, checked by its hash, valid until the next call; nullopt: it is not here after all.
  [[nodiscard]] virtual std::optional<bytes_view> open(const chunk_ref& chunk) = 0;
  /// The same into `room`, by several threads at once; false: it is not here after all.
  [[nodiscard]] virtual bool read(const chunk_ref& chunk, bytes& room) const = 0;
};

/// A file's resolved list of chunks. Not thread-safe; `objects` must outlive it. Who reads many files
/// gives all the same opener.
class file_reader {
 public:
  /// Resolves and checks the list. `errc::objects_missing`: the list itself lies in objects that
  /// are not here, which are added to `missing`. `errc::bad_chunk_list`, `errc::chunk_mismatch`,
  /// `errc::bad_seal`, …
  [[nodiscard]] static expected<file_reader> open(const file_content& content, opener& objects,
                                                  std::vector<object_id>& missing);

  /// Takes the chunks that these have from there. They must outlive it.
  void prefer(clear_chunks& here) { here_ = &here; }

  [[nodiscard]] std::uint64_t size() const { return ends_.empty() ? 0 : ends_.back(); }
  /// The objects that hold these bytes, ascending, each once; without those whose chunks are preferred from
  /// elsewhere. Bytes beyond the end are none.
  [[nodiscard]] std::vector<object_id> objects_of(std::uint64_t offset, std::uint64_t length) const;
  /// Writes the bytes [offset, offset + length), as far as the file has them, to `sink`. If objects
  /// are not here: `errc::objects_missing`, they are added to `missing`, and nothing was written
  /// (but if one vanishes in between). No byte of a chunk is written before the chunk was checked.
  [[nodiscard]] expected<void> read(std::uint64_t offset, std::uint64_t length,
                                    const content_sink& sink, std::vector<object_id>& missing);
  [[nodiscard]] expected<void> read_all(const content_sink& sink, std::vector<object_id>& missing) {
    return read(0, size(), sink, missing);
  }
  [[nodiscard]] const std::vector<chunk_ref>& chunks() const { return chunks_; }

 private:
  file_reader(opener& objects, std::vector<chunk_ref> chunks);
  /// Numbers of the chunks that hold these bytes: [first, last).
  [[nodiscard]] std::pair<std::size_t, std::size_t> chunks_of(std::uint64_t offset,
                                                              std::uint64_t length) const;

  /// nullopt: neither are its objects here, nor is it elsewhere.
  [[nodiscard]] expected<std::optional<bytes_view>> open_chunk(const chunk_ref& chunk);

  opener* objects_;
  clear_chunks* here_ = nullptr;
  std::vector<chunk_ref> chunks_;
  std::vector<std::uint64_t> ends_;  ///< where each chunk ends in the file
};

/// All objects that a content needs: those it names, and those that its list names (ascending, each
/// once).
[[nodiscard]] expected<std::vector<object_id>> objects_of(const file_content& content,
                                                          opener& objects,
                                                          std::vector<object_id>& missing);

}  // namespace keyfold::object
