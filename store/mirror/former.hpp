// The chunks of a file's former version, out of the file that is still on disk: what the next version
// shares with it need not come from objects.
#pragma once

#include <atomic>
#include <memory>
#include <unordered_map>

#include "store/mirror/root.hpp"
#include "store/object/reader.hpp"

namespace keyfold::mirror {

class former_file final : public object::clear_chunks {
 public:
  /// `chunks`: what base says that the file at `path` has. Fails as root::open_path does.
  [[nodiscard]] static expected<former_file> open(const root& r, const local_path& path,
                                                  std::span<const workspace::chunk_ref> chunks);

  [[nodiscard]] bool has(const workspace::chunk_ref& chunk) const override;
  [[nodiscard]] std::optional<bytes_view> open(const workspace::chunk_ref& chunk) override;
  [[nodiscard]] bool read(const workspace::chunk_ref& chunk, bytes& room) const override;
  /// True when the file turned out not to be what `chunks` said: it gives nothing from then on.
  [[nodiscard]] bool differs() const { return *differs_; }

 private:
  explicit former_file(file_descriptor file) : file_(std::move(file)) {}

  file_descriptor file_;
  std::unordered_map<hash32, std::uint64_t> offsets_;  ///< by the hash of the chunk's plaintext
  bytes chunk_;                                        ///< the last one opened
  std::unique_ptr<std::atomic<bool>> differs_ = std::make_unique<std::atomic<bool>>(false);
};

}  // namespace keyfold::mirror
