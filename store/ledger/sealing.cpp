#include "store/ledger/sealing.hpp"

#include <utf8proc.h>

#include "crypto/aead.hpp"
#include "crypto/hash.hpp"

namespace keyfold::ledger {
namespace {

constexpr std::string_view row_context = "keyfold/v1/row";
constexpr std::string_view label_context = "keyfold/v1/label";
constexpr std::string_view handle_context = "keyfold/v1/handle";
constexpr std::string_view earlier_context = "keyfold/v1/earlier";
constexpr std::string_view name_context = "keyfold/v1/workspace-name";
constexpr std::string_view chunking_context = "keyfold/v1/chunking";
constexpr std::size_t max_workspace_name_size = 255;

bytes_view target_bytes(const key_target& target) {
  static constexpr workspace_id directory{};
  return target ? target->view() : directory.view();
}

bytes with_epoch(const key_target& target, epoch_number epoch) {
  auto out = to_bytes(target_bytes(target));
  append_u64(out, epoch.value);
  return out;
}

box_key box_from(const symmetric_key& secret) {
  box_secret_key out;
  std::copy(secret.view().begin(), secret.view().end(), out.writable().begin());
  return box_key(out);
}

}  // namespace

hash32 commitment_of(const key_target& target, epoch_number epoch, const symmetric_key& key) {
  return hash("keyfold/v1/commitment", {with_epoch(target, epoch), key.view()});
}

box_key directory_box(const symmetric_key& directory_key) {
  return box_from(derive(directory_key, "keyfold/v1/directory-box"));
}

expected<bytes> make_row(const symmetric_key& epoch_key, user_id user,
                         const box_public_key& user_key) {
  const auto ephemeral = box_from(derive(epoch_key, "keyfold/v1/row-ephemeral", user.view()));
  return seal_box(row_context, user_key, ephemeral, epoch_key.view());
}

expected<symmetric_key> open_row(const box_key& user_key, bytes_view row) {
  KEYFOLD_TRY(const auto key, open_box(row_context, user_key, row));
  return symmetric_key::from(key.view());
}

bytes seal_earlier(const symmetric_key& newer, const key_target& target, epoch_number epoch,
                   const symmetric_key& earlier, random_source& random) {
  return seal(derive(newer, earlier_context), earlier_context, with_epoch(target, epoch),
              earlier.view(), random);
}

expected<symmetric_key> open_earlier(const symmetric_key& newer, const key_target& target,
                                     epoch_number epoch, bytes_view sealed) {
  KEYFOLD_TRY(const auto key, open(derive(newer, earlier_context), earlier_context,
                                   with_epoch(target, epoch), sealed));
  return symmetric_key::from(key.view());
}

expected<void> check_handle(const human_handle& handle) {
  if (!is_plain_text(handle.email, max_email_size) || handle.email.find('@') == std::string::npos)
    return fail(errc::bad_handle, "an e-mail address has an @ and at most 254 bytes");
  if (!is_plain_text(handle.name, max_person_name_size))
    return fail(errc::bad_handle, "a name has 1 to 254 bytes of text");
  return {};
}

expected<sealed_handle> seal_handle(const symmetric_key& directory_key, epoch_number epoch,
                                    user_id user, const human_handle& handle,
                                    random_source& random) {
  KEYFOLD_CHECK(check_handle(handle));
  writer w;
  w.array(2).str(handle.email).str(handle.name);
  return sealed_handle{epoch, seal(derive(directory_key, handle_context), handle_context,
                                   user.view(), std::move(w).take(), random)};
}

expected<human_handle> open_handle(const symmetric_key& directory_key, user_id user,
                                   const sealed_handle& handle) {
  KEYFOLD_TRY(const auto plain, open(derive(directory_key, handle_context), handle_context,
                                     user.view(), handle.sealed));
  KEYFOLD_TRY(auto in, reader::parse(plain.view()));
  in.array(2);
  human_handle out;
  out.email = in.str(max_email_size);
  out.name = in.str(max_person_name_size);
  KEYFOLD_CHECK(in.finish());
  KEYFOLD_CHECK(check_handle(out));
  return out;
}

expected<sealed_label> seal_label(const box_public_key& directory, epoch_number epoch,
                                  const box_public_key& user_key, std::string_view label,
                                  random_source& random) {
  if (!is_plain_text(label, max_label_size))
    return fail(errc::bad_label, "a device's label has 1 to 128 bytes of text");
  KEYFOLD_TRY(auto to_directory, seal_box(label_context, directory, as_bytes(label), random));
  KEYFOLD_TRY(auto to_user, seal_box(label_context, user_key, as_bytes(label), random));
  return sealed_label{epoch, std::move(to_directory), std::move(to_user)};
}

expected<std::string> open_label(const box_key& key, bytes_view box) {
  KEYFOLD_TRY(const auto plain, open_box(label_context, key, box));
  if (!is_plain_text(as_text(plain.view()), max_label_size))
    return fail(errc::bad_label, "a device's label that is no text");
  return keyfold::to_string(plain.view());
}

expected<bytes> seal_workspace_name(const symmetric_key& first_key, workspace_id workspace,
                                    std::string_view name, random_source& random) {
  if (!is_plain_text(name, max_workspace_name_size, "/:"))
    return fail(errc::bad_workspace_name,
                "a workspace's name has 1 to 255 bytes of text without '/' and ':'");
  return seal(derive(first_key, name_context), name_context, workspace.view(), as_bytes(name),
              random);
}

expected<std::string> open_workspace_name(const symmetric_key& first_key, workspace_id workspace,
                                          bytes_view sealed) {
  KEYFOLD_TRY(const auto plain,
              open(derive(first_key, name_context), name_context, workspace.view(), sealed));
  if (!is_plain_text(as_text(plain.view()), max_workspace_name_size, "/:"))
    return fail(errc::bad_workspace_name, "a workspace's name that is no text");
  return keyfold::to_string(plain.view());
}

bytes seal_chunking(const symmetric_key& first_key, workspace_id workspace,
                    const symmetric_key& secret, random_source& random) {
  return seal(derive(first_key, chunking_context), chunking_context, workspace.view(),
              secret.view(), random);
}

expected<symmetric_key> open_chunking(const symmetric_key& first_key, workspace_id workspace,
                                      bytes_view sealed) {
  KEYFOLD_TRY(const auto plain, open(derive(first_key, chunking_context), chunking_context,
                                     workspace.view(), sealed));
  return symmetric_key::from(plain.view());
}

bool is_plain_text(std::string_view text, std::size_t max, std::string_view forbidden) {
  if (text.empty() || text.size() > max) return false;
  auto left = as_bytes(text);
  while (!left.empty()) {
    utf8proc_int32_t code = 0;
    const auto used =
        utf8proc_iterate(left.data(), static_cast<utf8proc_ssize_t>(left.size()), &code);
    const bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    const bool turns = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
    if (used <= 0 || control || turns) return false;
    if (code < 0x80 && forbidden.find(static_cast<char>(code)) != std::string_view::npos)
      return false;
    left = left.subspan(static_cast<std::size_t>(used));
  }
  return true;
}

}  // namespace keyfold::ledger
