#include "store/vault/key_file.hpp"

#include <catch2/catch.hpp>

#include "tests/support/vectors.hpp"

using namespace keyfold;
using namespace keyfold::vault;

namespace {

const secret_buffer password("correct horse battery staple");

header alices_header(random_source& random) {
  return {"Cooperative", random.id<organization_id>(), random.id<device_id>(), "alice's laptop",
          password_parameters::fresh(random)};
}

secrets alices_secrets(random_source& random) {
  secrets out;
  out.root_key = signing_key::generate(random).public_key();
  out.relay_address = "relay.example:7777";
  out.relay_key = box_key::generate(random).public_key();
  out.user = random.id<user_id>();
  out.user_key = box_key::generate(random).secret();
  out.signing = signing_key::generate(random).seed();
  out.link_key = box_key::generate(random).secret();
  out.local_key = random.key();
  return out;
}

bool same(const secrets& a, const secrets& b) {
  return a.root_key == b.root_key && a.relay_address == b.relay_address &&
         a.relay_key == b.relay_key && a.user == b.user && a.user_key == b.user_key &&
         a.signing == b.signing && a.link_key == b.link_key && a.local_key == b.local_key;
}

}  // namespace

TEST_CASE("a key file opens with its password and with no other") {
  const auto random = seeded_random(1);
  const auto h = alices_header(*random);
  const auto s = alices_secrets(*random);
  const auto data = seal_key_file(h, s, password, *random);
  REQUIRE(data);
  const auto opened = open_key_file(*data, password);
  REQUIRE(opened);
  CHECK(same(opened->secrets, s));
  CHECK(opened->header.device == h.device);
  const auto wrong = open_key_file(*data, secret_buffer("correct horse battery stable"));
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().code == errc::wrong_password);
}

TEST_CASE("the header of a key file is read without the password") {
  const auto random = seeded_random(2);
  const auto h = alices_header(*random);
  const auto data = seal_key_file(h, alices_secrets(*random), password, *random);
  REQUIRE(data);
  const auto read = read_header(*data);
  REQUIRE(read);
  CHECK(read->organization_name == h.organization_name);
  CHECK(read->organization == h.organization);
  CHECK(read->device == h.device);
  CHECK(read->label == h.label);
  CHECK(read->parameters.salt == h.parameters.salt);
}

TEST_CASE("A5: a key file with any bit flipped does not open, even for who has the key") {
  const auto random = seeded_random(3);
  const auto h = alices_header(*random);
  auto data = seal_key_file(h, alices_secrets(*random), password, *random);
  REQUIRE(data);
  const auto key = derive_from_password(password, h.parameters);
  REQUIRE(key);
  REQUIRE(open_key_file(*data, *key));
  for (std::size_t i = 0; i < data->size() * 8; ++i) {
    (*data)[i / 8] ^= static_cast<std::uint8_t>(1 << i % 8);
    CHECK_FALSE(open_key_file(*data, *key));
    (*data)[i / 8] ^= static_cast<std::uint8_t>(1 << i % 8);
  }
  for (std::size_t size = 0; size < data->size(); ++size)
    CHECK_FALSE(open_key_file(bytes_view(*data).first(size), *key));
  data->push_back(0);
  CHECK_FALSE(open_key_file(*data, *key));
}

TEST_CASE("A3: password hashing below the minimum cost is refused, sealing and opening") {
  const auto random = seeded_random(4);
  auto h = alices_header(*random);
  const auto s = alices_secrets(*random);
  auto data = seal_key_file(h, s, password, *random);
  REQUIRE(data);
  const bytes passes_and_salt{0x03, 0xc4, 16};  // where the header says 3 passes
  const auto at =
      std::search(data->begin(), data->end(), passes_and_salt.begin(), passes_and_salt.end());
  REQUIRE(at != data->end());
  *at = 1;
  CHECK(read_header(*data)->parameters.passes == 1);
  CHECK(open_key_file(*data, password).error().code == errc::weak_parameters);
  *at = 17;
  CHECK(open_key_file(*data, password).error().code == errc::weak_parameters);
  h.parameters.memory_kib = password_min_memory_kib - 1;
  CHECK(seal_key_file(h, s, password, *random).error().code == errc::weak_parameters);
}

TEST_CASE("a key file of a later version, method or password hash is refused by name") {
  const auto random = seeded_random(5);
  auto data = seal_key_file(alices_header(*random), alices_secrets(*random), password, *random);
  REQUIRE(data);
  const auto after = [&](std::string_view characters, std::size_t skip) {
    const auto text = as_bytes(characters);
    const auto at = std::search(data->begin(), data->end(), text.begin(), text.end());
    REQUIRE(at != data->end());
    return at + static_cast<std::ptrdiff_t>(skip);
  };
  const auto version = after("\x97\x01", 1);
  *version = 2;
  CHECK(read_header(*data).error().code == errc::unknown_version);
  *version = 1;
  const auto method = after("alice's laptop", 14);
  *method = 2;
  CHECK(read_header(*data).error().code == errc::unknown_algorithm);
  *method = 1;
  *after("argon2id13", 9) = '4';
  CHECK(read_header(*data).error().code == errc::unknown_algorithm);
}

TEST_CASE("texts beyond the limit do not go into a key file") {
  const auto random = seeded_random(6);
  auto h = alices_header(*random);
  h.label = std::string(max_text_size + 1, 'a');
  CHECK(seal_key_file(h, alices_secrets(*random), password, *random).error().code ==
        errc::too_large);
}

TEST_CASE("the key file vectors open") {
  for (const auto& row : tests::vectors("keyfile", "password")) {
    const auto data = tests::unhex(row["file"]);
    const auto opened = open_key_file(data, secret_buffer(row["password"].get<std::string>()));
    REQUIRE(opened);
    const auto is = [&](bytes_view actual, const char* field) {
      CHECK(to_hex(actual) == row[field].get<std::string>());
    };
    CHECK(opened->header.organization_name == row["organization_name"].get<std::string>());
    CHECK(opened->header.label == row["label"].get<std::string>());
    CHECK(opened->secrets.relay_address == row["relay_address"].get<std::string>());
    is(opened->header.organization.view(), "organization");
    is(opened->header.device.view(), "device");
    is(opened->header.parameters.salt, "salt");
    is(opened->secrets.root_key.view(), "root");
    is(opened->secrets.relay_key.view(), "relay_key");
    is(opened->secrets.user.view(), "user");
    is(opened->secrets.user_key.view(), "user_key");
    is(opened->secrets.signing.view(), "signing");
    is(opened->secrets.link_key.view(), "link");
    is(opened->secrets.local_key.view(), "local");
  }
}
