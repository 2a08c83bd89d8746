// How fast one core chunks, hashes, seals, checks and opens objects. Prints MB/s; not a test.
#include <chrono>
#include <cstdio>

#include "store/db/kv.hpp"
#include "store/object/writer.hpp"

using namespace keyfold;
using namespace keyfold::object;

namespace {

constexpr std::size_t data_size = 64 * 1024 * 1024;
constexpr int rounds = 5;

/// Runs `work` over `data_size` bytes some times; prints the best.
template <class Work>
void measure(const char* name, Work work) {
  double best = 0;
  for (int i = 0; i < rounds; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    best = std::max(best, static_cast<double>(data_size) / 1e6 / took.count());
  }
  std::printf("%-10s %8.0f MB/s\n", name, best);
}

volatile std::uint8_t kept = 0;  // so that no work is optimized away

void measure_chunking(const gear_table& gear, bytes_view data) {
  measure("chunk", [&] {
    chunker borders(gear, {});
    std::size_t chunks = 0;
    for (auto left = data; !left.empty();) {
      const auto step = borders.feed(left);
      left = left.subspan(step.taken);
      ++chunks;
    }
    kept = static_cast<std::uint8_t>(chunks);
  });
}

void measure_objects(bytes_view data) {
  const auto key = system_random().key();
  std::vector<sealed_object> objects;
  measure("hash", [&] { kept = hash_chunk(data).value[0]; });
  measure("seal", [&] {
    objects.clear();
    for (std::size_t at = 0; at < data.size(); at += bundle_size)
      objects.push_back(seal_object(key, to_bytes(data.subspan(at, bundle_size))));
  });
  measure("check", [&] {
    for (const auto& o : objects) kept = sealed_object::check(o.id(), to_bytes(o.data())) ? 1 : 0;
  });
  measure("open", [&] {
    std::size_t at = 0;
    for (const auto& o : objects) {
      const chunk_ref whole{o.id(), key, 0, bundle_size, hash_chunk(data.subspan(at, bundle_size))};
      kept = open_chunk(whole, o) ? 1 : 0;
      at += bundle_size;
    }
  });
}

void measure_ingest(const gear_table& gear, bytes_view data) {
  measure("ingest", [&] {
    const auto index_store = db::memory_store();
    const chunk_index index(*index_store, system_random().key(), {});
    ingest_surroundings around{
        gear, {{UINT64_MAX, 65'536, 262'144, 1'048'576}}, index, system_random(), {}, {}};
    around.sink = [](const ingested_object&) -> expected<void> { return {}; };
    ingest in(std::move(around));
    if (!in.begin(0, data.size()) || !in.feed(data) || !in.end(0, false) || !in.flush())
      std::puts("failed");
  });
}

}  // namespace

int main() {
  initialize_crypto();
  bytes data(data_size);
  system_random().fill(data);
  const gear_table gear(system_random().key());
  measure_chunking(gear, data);
  measure_objects(data);
  measure_ingest(gear, data);
}
