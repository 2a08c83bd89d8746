// A device's objects in memory: what an ingest needs and what a reader reads from.
#pragma once

#include <catch2/catch.hpp>
#include <map>

#include "store/db/sealed.hpp"
#include "store/object/reader.hpp"
#include "store/object/writer.hpp"

namespace keyfold::object::test {

inline bytes random_bytes(std::uint64_t seed, std::size_t size) {
  bytes out(size);
  seeded_random(seed)->fill(out);
  return out;
}

class memory_source final : public source {
 public:
  expected<bool> has(const object_id& id) override { return objects.contains(id); }
  expected<std::optional<cell_range>> get(const object_id& id, cell_span cells) override {
    const auto at = objects.find(id);
    if (at == objects.end()) return std::nullopt;
    ++reads;
    const auto& o = at->second;
    const auto begin = cells.first * sealed_cell_size;
    if (begin >= o.size()) return fail(errc::malformed);
    const auto size = std::min(cells.count * sealed_cell_size, o.size() - begin);
    return cell_range{o.size(), cells.first, to_bytes(o.data().subspan(begin, size)), o.hashes()};
  }
  expected<bool> is_intact(const object_id& id) override { return objects.contains(id); }
  std::map<object_id, sealed_object> objects;
  std::size_t reads = 0;
};

/// Small chunk sizes up to 1 MiB of file, so that tests are quick.
inline std::vector<chunk_class> quick_table() {
  return {{1 << 20, 256, 1024, 4096}, {UINT64_MAX, 65'536, 262'144, 1'048'576}};
}

struct rig {
  std::unique_ptr<random_source> random = seeded_random(1);
  std::unique_ptr<db::store> below = db::memory_store();
  std::unique_ptr<db::store> sealed = db::sealed_store(*below, random->key(), *random);
  chunk_index index{*sealed, random->key(), random->id<workspace_id>()};
  gear_table gear{random->key()};
  memory_source objects;
  std::vector<std::size_t> sizes;  ///< of the objects, as they came

  ingest_surroundings surroundings() {
    ingest_surroundings out{gear, quick_table(), index, *random, {}, {}};
    out.sink = [this](const ingested_object& o) -> expected<void> {
      sizes.push_back(o.object.size());
      objects.objects.emplace(o.object.id(), o.object);
      return sealed->write(o.index_changes, false);
    };
    return out;
  }

  static void add(ingest& in, std::uint64_t token, bytes_view data, std::size_t piece = 100'000) {
    REQUIRE(in.begin(token, data.size()));
    for (; !data.empty(); data = data.subspan(std::min(piece, data.size())))
      REQUIRE(in.feed(data.first(std::min(piece, data.size()))));
    REQUIRE(in.end(static_cast<std::int64_t>(token), token % 2 == 1));
  }

  /// Ingests one file by itself.
  ingested_file store(bytes_view data) {
    ingest in(surroundings());
    add(in, 7, data);
    auto files = in.flush();
    REQUIRE(files);
    REQUIRE(files->size() == 1);
    return files->front();
  }

  /// The bytes [offset, offset + length) of a content.
  expected<bytes> read(const file_content& content, std::uint64_t offset = 0,
                       std::uint64_t length = UINT64_MAX,
                       std::vector<object_id>* missing = nullptr) {
    std::vector<object_id> ignored;
    auto& list = missing == nullptr ? ignored : *missing;
    opener from(objects);
    KEYFOLD_TRY(auto file, file_reader::open(content, from, list));
    bytes out;
    KEYFOLD_CHECK(file.read(
        offset, length,
        [&](bytes_view data) -> expected<void> {
          append(out, data);
          return {};
        },
        list));
    return out;
  }
};

}  // namespace keyfold::object::test
