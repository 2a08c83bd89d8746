#include "crypto/password.hpp"

#include <sodium.h>

namespace keyfold {

password_parameters password_parameters::fresh(random_source& random) {
  password_parameters out;
  random.fill(out.salt);
  return out;
}

expected<symmetric_key> derive_from_password(const secret_buffer& password,
                                             const password_parameters& parameters) {
  if (parameters.memory_kib < password_min_memory_kib || parameters.passes < password_min_passes)
    return fail(errc::weak_parameters, "password hashing below the minimum cost");
  if (parameters.memory_kib > password_max_memory_kib || parameters.passes > password_max_passes)
    return fail(errc::weak_parameters, "password hashing above the maximum cost");
  const auto text =
      password.empty() ? std::string_view("") : as_text(password.view());  // never null
  symmetric_key out;
  if (crypto_pwhash(out.writable().data(), out.size, text.data(), text.size(),
                    parameters.salt.data(), parameters.passes, parameters.memory_kib * 1024,
                    crypto_pwhash_ALG_ARGON2ID13) != 0)
    return fail(errc::internal,
                "not enough memory to check the password; close other programs and retry");
  return out;
}

}  // namespace keyfold
