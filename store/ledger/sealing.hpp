// How names, labels, secrets and keys are sealed, and how keys are committed to (FORMATS 1). Each
// seal has its open.
#pragma once

#include "store/ledger/attachments.hpp"

namespace keyfold::ledger {

/// What a key is of: a workspace, or (nullopt) the directory.
using key_target = std::optional<workspace_id>;

/// commitment := hash("commitment", target ‖ u64 epoch ‖ key)
[[nodiscard]] hash32 commitment_of(const key_target& target, epoch_number epoch,
                                   const symmetric_key& key);

/// The X25519 pair of a directory epoch.
[[nodiscard]] box_key directory_box(const symmetric_key& directory_key);

/// A row is a function of the key and the user: any holder of the key remakes it. `errc::bad_key`.
[[nodiscard]] expected<bytes> make_row(const symmetric_key& epoch_key, user_id user,
                                       const box_public_key& user_key);
/// `errc::bad_seal` or `errc::malformed`; whether it is the right key, the commitment tells.
[[nodiscard]] expected<symmetric_key> open_row(const box_key& user_key, bytes_view row);

[[nodiscard]] bytes seal_earlier(const symmetric_key& newer, const key_target& target,
                                 epoch_number epoch, const symmetric_key& earlier,
                                 random_source& random);
[[nodiscard]] expected<symmetric_key> open_earlier(const symmetric_key& newer,
                                                   const key_target& target, epoch_number epoch,
                                                   bytes_view sealed);

inline constexpr std::size_t max_email_size = 254;
inline constexpr std::size_t max_person_name_size = 254;
inline constexpr std::size_t max_label_size = 128;

struct human_handle {
  std::string email;
  std::string name;
  bool operator==(const human_handle&) const = default;
};
/// `errc::bad_handle` unless both are UTF-8 without control characters, of 1 to 254 bytes, and the
/// e-mail has an '@'.
[[nodiscard]] expected<void> check_handle(const human_handle& handle);
[[nodiscard]] expected<sealed_handle> seal_handle(const symmetric_key& directory_key,
                                                  epoch_number epoch, user_id user,
                                                  const human_handle& handle,
                                                  random_source& random);
[[nodiscard]] expected<human_handle> open_handle(const symmetric_key& directory_key, user_id user,
                                                 const sealed_handle& handle);

/// `errc::bad_label` unless UTF-8 without control characters, of 1 to 128 bytes.
[[nodiscard]] expected<sealed_label> seal_label(const box_public_key& directory, epoch_number epoch,
                                                const box_public_key& user_key,
                                                std::string_view label, random_source& random);
/// Opens one of the label's two boxes with the fitting key.
[[nodiscard]] expected<std::string> open_label(const box_key& key, bytes_view box);

/// `errc::bad_workspace_name` unless UTF-8 of 1 to 255 bytes without '/', ':' and control
/// characters.
[[nodiscard]] expected<bytes> seal_workspace_name(const symmetric_key& first_key,
                                                  workspace_id workspace, std::string_view name,
                                                  random_source& random);
[[nodiscard]] expected<std::string> open_workspace_name(const symmetric_key& first_key,
                                                        workspace_id workspace, bytes_view sealed);
[[nodiscard]] bytes seal_chunking(const symmetric_key& first_key, workspace_id workspace,
                                  const symmetric_key& secret, random_source& random);
[[nodiscard]] expected<symmetric_key> open_chunking(const symmetric_key& first_key,
                                                    workspace_id workspace, bytes_view sealed);

/// UTF-8 of 1 to `max` bytes without control characters, without those that turn the direction of
/// writing around (a person must see what he confirms), and without any of `forbidden`.
[[nodiscard]] bool is_plain_text(std::string_view text, std::size_t max,
                                 std::string_view forbidden = {});

}  // namespace keyfold::ledger
