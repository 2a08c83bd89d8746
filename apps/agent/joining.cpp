#include "apps/agent/joining.hpp"

#include "crypto/aead.hpp"
#include "crypto/codec.hpp"
#include "crypto/password.hpp"
#include "store/db/file.hpp"

namespace keyfold::apps {
namespace {

// joining file := [1, memory KiB, passes, salt, sealed]     associated: token
// sealed plaintext := [progress: bin, user secret|nil, signing seed, link secret] or [progress: bin]
constexpr std::string_view seal_context = "keyfold/v1/joining-file";
constexpr std::size_t max_file_size = 16 * 1024;

/// What a guest has stored of an invitation that he has begun to follow.
struct begun {
  invitation::progress progress;
  std::optional<invitation::guest_keys> keys;
};

/// The file of one invitation in the vault. One thread at a time.
class joining_file {
 public:
  joining_file(const home_paths& home, const invitation_token& token)
      : path_((home.vault() / (to_text(token) + ".joining")).string()), token_(token) {}

  /// Reads what is stored, and derives the key that save() uses.
  expected<void> open(const secret_buffer& password);
  expected<void> save();
  expected<void> remove();

  begun content;

 private:
  expected<void> read(bytes_view file, const secret_buffer& password);
  expected<void> decode(bytes_view plaintext);

  std::string path_;
  invitation_token token_;
  password_parameters parameters_;
  symmetric_key key_;
};

expected<void> joining_file::open(const secret_buffer& password) {
  const auto file = db::read_file(path_, max_file_size);
  if (file) return read(*file, password);
  if (file.error().code != errc::not_found) return fail(file);
  parameters_ = password_parameters::fresh(system_random());
  KEYFOLD_TRY(key_, derive_from_password(password, parameters_));
  return {};
}

expected<void> joining_file::read(bytes_view file, const secret_buffer& password) {
  KEYFOLD_TRY(auto r, reader::parse(file));
  r.array(5);
  if (r.uint() != 1) r.break_off();
  parameters_.memory_kib = r.uint();
  parameters_.passes = r.uint();
  const auto salt = r.bin(parameters_.salt.size());
  const auto sealed = r.bin(max_file_size);
  KEYFOLD_CHECK(r.finish());
  if (salt.size() != parameters_.salt.size()) return fail(errc::malformed, path_ + " is damaged");
  std::copy(salt.begin(), salt.end(), parameters_.salt.begin());
  KEYFOLD_TRY(key_, derive_from_password(password, parameters_));
  const auto plaintext = keyfold::open(key_, seal_context, token_.view(), sealed);
  if (!plaintext)
    return fail(errc::wrong_password,
                "this invitation was begun here with another password; give the same one");
  return decode(plaintext->view());
}

expected<void> joining_file::decode(bytes_view plaintext) {
  KEYFOLD_TRY(auto r, reader::parse(plaintext));
  const auto fields = r.array_up_to(4);
  KEYFOLD_TRY(content.progress, invitation::progress::decode(r.bin(max_file_size)));
  if (fields == 4) {
    const auto user = r.optional_bin(box_secret_key::size);
    KEYFOLD_TRY(const auto seed, signing_seed::from(r.bin(signing_seed::size)));
    KEYFOLD_TRY(const auto link, box_secret_key::from(r.bin(box_secret_key::size)));
    std::optional<box_key> user_key;
    if (user) {
      KEYFOLD_TRY(const auto secret, box_secret_key::from(*user));
      user_key.emplace(secret);
    }
    content.keys = invitation::guest_keys{user_key, signing_key(seed), box_key(link)};
  }
  return r.finish();
}

expected<void> joining_file::remove() {
  std::error_code problem;
  std::filesystem::remove(path_, problem);
  if (problem) return fail(errc::io_failed, "cannot remove " + path_ + ": " + problem.message());
  return {};
}

expected<void> joining_file::save() {
  writer inner;
  inner.array(content.keys ? 4 : 1).bin(content.progress.encode());
  if (content.keys) {
    content.keys->user ? inner.bin(content.keys->user->secret().view()) : inner.nil();
    inner.bin(content.keys->signing.seed().view()).bin(content.keys->link.secret().view());
  }
  const secret_buffer plaintext(std::move(inner).take());
  writer out;
  out.array(5).uint(1).uint(parameters_.memory_kib).uint(parameters_.passes).bin(parameters_.salt);
  out.bin(seal(key_, seal_context, token_.view(), plaintext.view(), system_random()));
  return db::replace_file(path_, std::move(out).take());
}

vault::header header_of(const joining& what, const invitation::invitation_link& link,
                        const invitation::admission& admitted) {
  vault::header out;
  out.organization_name = admitted.organization_name;
  out.organization = link.organization;
  out.device = admitted.device;
  out.label = what.device;
  return out;
}

expected<vault::secrets> secrets_of(const invitation::invitation_link& link,
                                    const invitation::admission& admitted,
                                    const invitation::guest_keys& keys) {
  const auto user_key = keys.user ? std::optional(keys.user->secret()) : admitted.user_secret;
  if (!user_key) return fail(errc::malformed, "the greeter did not give the user's key");
  return vault::secrets{admitted.root_key,  invitation::host_and_port(link.relay),
                        link.relay.key,     admitted.user,
                        *user_key,          keys.signing.seed(),
                        keys.link.secret(), system_random().key()};
}

actors::guest_storage storage_of(const std::shared_ptr<joining_file>& file, const joining& what,
                                 const invitation::invitation_link& link,
                                 const admitted_device& admitted) {
  return {[file](const invitation::progress& progress) {
            file->content.progress = progress;
            return file->save();
          },
          [file](const invitation::guest_keys& keys) {
            file->content.keys = keys;
            return file->save();
          },
          [=](const invitation::admission& admission,
              const invitation::guest_keys& keys) -> expected<void> {
            KEYFOLD_TRY(const auto secrets, secrets_of(link, admission, keys));
            KEYFOLD_CHECK(admitted(header_of(what, link, admission), secrets, what.password));
            return file->remove();
          }};
}

}  // namespace

expected<actors::exchange_actor> start_joining(caf::actor_system& system,
                                               const std::shared_ptr<net::transport>& transport,
                                               const home_paths& home, const joining& what,
                                               const admitted_device& admitted) {
  KEYFOLD_TRY(const auto link, invitation::parse_invitation(what.link));
  const auto file = std::make_shared<joining_file>(home, link.token);
  KEYFOLD_CHECK(file->open(what.password));
  invitation::guest::options options;
  options.terms = {link.organization, link.token, link.kind, link.secret, false};
  options.progress = file->content.progress;
  options.give_up = actors::wall_now() + what.timeout;
  options.label = what.device;
  if (!what.person.empty()) options.name = what.person;
  options.keys = file->content.keys;
  return actors::spawn_guest(system, std::move(options), link, transport,
                             storage_of(file, what, link, admitted));
}

}  // namespace keyfold::apps
