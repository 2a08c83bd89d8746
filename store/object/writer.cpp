#include "store/object/writer.hpp"

#include <cassert>
#include <set>

#include "store/object/list.hpp"

namespace keyfold::object {
namespace {

constexpr std::size_t remembered_chunks = 32'768;  ///< in each half of what ingest remembers

expected<sealed_object> result_of(std::future<sealed_object>& sealing) {
  try {
    return sealing.get();
  } catch (const std::future_error&) {
    return fail(errc::cancelled, "nobody sealed an object");
  }
}

}  // namespace

ingest::ingest(ingest_surroundings surroundings) : around_(std::move(surroundings)) {}

expected<void> ingest::begin(std::uint64_t token, std::uint64_t size) {
  assert(!file_);
  KEYFOLD_TRY(const auto sizes, sizes_for(around_.table, size));
  file_ = open_file{token, size, 0, {}};
  borders_.emplace(around_.gear, sizes);
  return {};
}

expected<void> ingest::feed(bytes_view data) {
  assert(file_);
  file_->fed += data.size();
  fed_ += data.size();
  if (file_->fed > file_->size) return {};  // end() will refuse it
  return cut(file_->chunks, data, *borders_);
}

expected<void> ingest::end(std::int64_t mtime_ns, bool executable) {
  assert(file_);
  if (file_->fed != file_->size) {
    abandon();
    return fail(errc::changed_while_reading,
                "a file that became longer or shorter while it was read");
  }
  if (!chunk_.empty()) KEYFOLD_CHECK(close_chunk(file_->chunks, std::exchange(chunk_, {})));
  whole_file whole{file_->token, {}, std::move(file_->chunks)};
  whole.content.size = file_->size;
  whole.content.mtime_ns = mtime_ns;
  whole.content.executable = executable;
  files_.push_back(std::move(whole));
  abandon();
  return {};
}

void ingest::abandon() {
  file_.reset();
  borders_.reset();
  chunk_.clear();
}

expected<void> ingest::cut(std::vector<placed>& chunks, bytes_view data, chunker& borders) {
  while (!data.empty()) {
    const auto [taken, border] = borders.feed(data);
    const auto piece = data.first(taken);
    data = data.subspan(taken);
    if (border && chunk_.empty()) {
      KEYFOLD_CHECK(close_chunk(chunks, piece));  // as it lies, without a copy
      continue;
    }
    append(chunk_, piece);
    if (!border) continue;
    KEYFOLD_CHECK(close_chunk(chunks, chunk_));
    chunk_.clear();
  }
  return {};
}

expected<void> ingest::close_chunk(std::vector<placed>& chunks, bytes_view plaintext) {
  KEYFOLD_TRY(auto chunk, place(plaintext));
  chunks.push_back(std::move(chunk));
  return {};
}

expected<std::optional<ingest::placed>> ingest::find(const hash32& plaintext_hash) {
  for (const auto* memory : {&recent_, &older_})
    if (const auto at = memory->find(plaintext_hash); at != memory->end()) return at->second;
  KEYFOLD_TRY(const auto known, around_.index.find(plaintext_hash));
  if (!known || (around_.usable && !around_.usable(known->object))) return std::nullopt;
  return placed{*known, known_object};
}

expected<ingest::placed> ingest::place(bytes_view plaintext) {
  const auto plaintext_hash = hash_chunk(plaintext);
  KEYFOLD_TRY(auto known, find(plaintext_hash));
  if (known && known->chunk.length == plaintext.size()) return std::move(*known);
  if (bundle_.chunks.size() + plaintext.size() > bundle_size) KEYFOLD_CHECK(seal_open_bundle());
  if (bundle_.chunks.empty()) {
    bundle_.key = around_.random.key();
    bundle_.chunks.reserve(std::max(plaintext.size(), bundle_size + bundle_size / 16));
  }
  placed out{{{}, bundle_.key, bundle_.chunks.size(), plaintext.size(), plaintext_hash},
             static_cast<std::uint32_t>(sealed_.size() + sealing_.size())};
  append(bundle_.chunks, plaintext);
  bundle_.refs.push_back(out.chunk);
  remember(out);
  return out;
}

void ingest::know(std::span<const chunk_ref> chunks) {
  for (const auto& chunk : chunks)
    if (!around_.usable || around_.usable(chunk.object)) remember({chunk, known_object});
}

void ingest::remember(const placed& chunk) {
  if (recent_.size() >= remembered_chunks) older_ = std::exchange(recent_, {});
  recent_.insert_or_assign(chunk.chunk.plaintext_hash, chunk);
}

expected<void> ingest::seal_open_bundle() {
  if (bundle_.chunks.empty()) return {};
  KEYFOLD_CHECK(finish_sealing(max_sealing - 1));
  auto bundle = std::exchange(bundle_, {});
  // Shared, since what std::function holds must be copyable.
  const auto work = std::make_shared<std::packaged_task<sealed_object()>>(
      [key = bundle.key, chunks = std::move(bundle.chunks)]() mutable {
        return seal_object(key, std::move(chunks));
      });
  sealing_.push_back({work->get_future(), std::move(bundle.refs)});
  around_.run([work] { (*work)(); });
  return {};
}

expected<void> ingest::finish_sealing(std::size_t allowed) {
  while (sealing_.size() > allowed) {
    auto refs = std::move(sealing_.front().refs);
    KEYFOLD_TRY(auto object, result_of(sealing_.front().object));
    sealing_.pop_front();
    ingested_object out{std::move(object), {}};
    sealed_.push_back(out.object.id());
    for (auto& chunk : refs) {
      chunk.object = out.object.id();
      around_.index.add(out.index_changes, chunk);
    }
    KEYFOLD_CHECK(around_.sink(std::move(out)));
  }
  return {};
}

expected<void> ingest::seal_all() {
  KEYFOLD_CHECK(seal_open_bundle());
  return finish_sealing(0);
}

std::vector<chunk_ref> ingest::resolved(const std::vector<placed>& chunks) const {
  std::vector<chunk_ref> out;
  out.reserve(chunks.size());
  for (const auto& [chunk, bundle] : chunks) {
    out.push_back(chunk);
    if (bundle != known_object) out.back().object = sealed_[bundle];
  }
  return out;
}

expected<std::vector<ingested_file>> ingest::flush() {
  assert(!file_);
  KEYFOLD_CHECK(seal_all());
  std::vector<ingested_file> out;
  std::vector<std::vector<placed>> lists;  // by file; empty at level 0
  for (auto& whole : std::exchange(files_, {})) {
    ingested_file file{whole.token, std::move(whole.content), {}};
    file.content.chunks = resolved(whole.chunks);
    file.content.list_hash = hash_list(file.content.size, file.content.chunks);
    KEYFOLD_TRY(auto list, place_list(file.content));
    out.push_back(std::move(file));
    lists.push_back(std::move(list));
  }
  KEYFOLD_CHECK(seal_all());
  for (std::size_t i = 0; i < out.size(); ++i) finish(out[i], lists[i]);
  sealed_.clear();
  recent_.clear();
  older_.clear();
  fed_ = 0;
  return out;
}

expected<std::vector<ingest::placed>> ingest::place_list(const file_content& content) {
  std::vector<placed> out;
  if (content.chunks.size() * list_row_size <= max_direct_list) return out;
  chunker borders(around_.gear, list_chunk_sizes);
  KEYFOLD_CHECK(cut(out, encode_list(content.chunks), borders));
  if (!chunk_.empty()) KEYFOLD_CHECK(close_chunk(out, std::exchange(chunk_, {})));
  if (out.size() > max_direct_chunks) return fail(errc::too_large, "a file too large to be stored");
  return out;
}

void ingest::finish(ingested_file& file, const std::vector<placed>& list) const {
  std::set<object_id> needed;
  for (const auto& chunk : file.content.chunks) needed.insert(chunk.object);
  if (!list.empty()) {
    file.content.level = 1;
    file.content.chunks = resolved(list);
    for (const auto& chunk : file.content.chunks) needed.insert(chunk.object);
  }
  file.needed.assign(needed.begin(), needed.end());
}

}  // namespace keyfold::object
