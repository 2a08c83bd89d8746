#include "store/db/sealed.hpp"

#include "crypto/aead.hpp"
#include "crypto/hash.hpp"

namespace keyfold::db {
namespace {

constexpr std::string_view value_context = "keyfold/v1/local-value";

class sealed final : public store {
 public:
  sealed(store& below, const symmetric_key& local_key, random_source& random)
      : below_(below), key_(derive(local_key, "keyfold/v1/local-values")), random_(random) {}

  expected<std::optional<bytes>> get(bytes_view key) const override {
    KEYFOLD_TRY(const auto value, below_.get(key));
    if (!value) return std::nullopt;
    KEYFOLD_TRY(const auto plain, unseal(key, *value));
    return to_bytes(plain.view());
  }

  expected<void> scan(bytes_view prefix, bytes_view from, const visitor& visit) const override {
    std::optional<error> failure;
    KEYFOLD_CHECK(below_.scan(prefix, from, [&](bytes_view key, bytes_view value) {
      const auto plain = unseal(key, value);
      if (!plain) failure = plain.error();
      return plain && visit(key, plain->view());
    }));
    if (failure) return tl::unexpected<error>(std::move(*failure));
    return {};
  }

  expected<std::optional<std::pair<bytes, bytes>>> last(bytes_view prefix,
                                                        bytes_view before) const override {
    KEYFOLD_TRY(auto found, below_.last(prefix, before));
    if (!found) return std::nullopt;
    KEYFOLD_TRY(const auto plain, unseal(found->first, found->second));
    found->second = to_bytes(plain.view());
    return found;
  }

  expected<void> write(const batch& changes, bool synced) override {
    batch out;
    for (const auto& [key, value] : changes)
      out.emplace_hint(
          out.end(), key,
          value ? std::optional(seal(key_, value_context, key, *value, random_)) : std::nullopt);
    return below_.write(out, synced);
  }

 private:
  expected<secret_buffer> unseal(bytes_view key, bytes_view value) const {
    auto plain = open(key_, value_context, key, value);
    if (!plain) return fail(errc::damaged, "a value of the local database does not open");
    return plain;
  }

  store& below_;
  symmetric_key key_;
  random_source& random_;
};

}  // namespace

std::unique_ptr<store> sealed_store(store& below, const symmetric_key& local_key,
                                    random_source& random) {
  return std::make_unique<sealed>(below, local_key, random);
}

}  // namespace keyfold::db
