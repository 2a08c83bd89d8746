// store/ledger/sealing, store/invitation/about: what members seal for each other may be any bytes.
//   input := which (1) ‖ plaintext
#include "crypto/aead.hpp"
#include "crypto/hash.hpp"
#include "store/invitation/about.hpp"
#include "store/ledger/sealing.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using namespace keyfold;

bytes sealed(std::string_view context, bytes_view associated, bytes_view plaintext) {
  return seal(derive({}, context), context, associated, plaintext, system_random());
}

void check_handle(bytes_view plaintext) {
  const auto handle =
      ledger::open_handle({}, {}, {{}, sealed("keyfold/v1/handle", user_id{}.view(), plaintext)});
  if (!handle) return;
  fuzz::require(ledger::is_plain_text(handle->email, ledger::max_email_size) &&
                    ledger::is_plain_text(handle->name, ledger::max_person_name_size),
                "a handle is text that a person can read");
  writer w;
  w.array(2).str(handle->email).str(handle->name);
  fuzz::require(std::move(w).take() == to_bytes(plaintext), "a handle has one encoding");
}

void check_name(bytes_view plaintext) {
  const auto name = ledger::open_workspace_name(
      {}, {}, sealed("keyfold/v1/workspace-name", workspace_id{}.view(), plaintext));
  if (!name) return;
  fuzz::require(name == as_text(plaintext) && !name->empty() && name->size() <= 255 &&
                    name->find_first_of("/:\n\x7f") == std::string::npos,
                "a workspace's name can be typed");
}

void check_label(bytes_view plaintext) {
  static const box_key recipient{box_secret_key{}};
  const auto box = seal_box("keyfold/v1/label", recipient.public_key(), plaintext, system_random());
  const auto label = ledger::open_label(recipient, *box);
  if (label)
    fuzz::require(ledger::is_plain_text(*label, ledger::max_label_size), "a label is plain text");
}

void check_about(bytes_view plaintext) {
  const auto box = sealed("keyfold/v1/invitation-about", invitation_token{}.view(), plaintext);
  const auto about = invitation::open_about(box, {}, {});
  if (!about) return;
  const auto again =
      invitation::open_about(invitation::seal_about(*about, {}, {}, system_random()), {}, {});
  fuzz::require(again && *again == *about,
                "what an invitation is about is sealed as it was opened");
}

}  // namespace

KEYFOLD_FUZZ_TARGET(sealed_texts) {
  fuzz::input in(data);
  const auto which = in.byte();
  const auto plaintext = in.rest();
  switch (which % 4) {
    case 0:
      return check_handle(plaintext);
    case 1:
      return check_name(plaintext);
    case 2:
      return check_label(plaintext);
    default:
      return check_about(plaintext);
  }
}
