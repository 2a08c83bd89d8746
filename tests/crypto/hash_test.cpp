#include "crypto/hash.hpp"

#include <catch2/catch.hpp>

#include "tests/support/vectors.hpp"

using namespace keyfold;

TEST_CASE("hashes agree with their vectors") {
  for (const auto& row : tests::vectors("crypto", "hash")) {
    const auto context = row["context"].get<std::string>();
    const auto input = tests::unhex(row["input"]);
    CHECK(to_hex(hash(context, input).view()) == row["hash"].get<std::string>());
  }
}

TEST_CASE("derived keys agree with their vectors") {
  for (const auto& row : tests::vectors("crypto", "derive")) {
    const auto key = symmetric_key::from(tests::unhex(row["key"])).value();
    const auto context = row["context"].get<std::string>();
    const auto derived = derive(key, context, tests::unhex(row["input"]));
    CHECK(to_hex(derived.view()) == row["derived"].get<std::string>());
  }
}

TEST_CASE("Merkle roots agree with their vectors") {
  for (const auto& row : tests::vectors("crypto", "merkle")) {
    std::vector<hash32> leaves;
    for (const auto& leaf : row["leaves"])
      leaves.push_back(hash32::from(tests::unhex(leaf)).value());
    CHECK(to_hex(merkle_root(leaves).view()) == row["root"].get<std::string>());
  }
}

TEST_CASE("pieces hash as the whole, and u64 as its eight bytes") {
  const bytes whole{1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 9};
  hasher h("keyfold/v1/test");
  h.update(bytes{1, 2}).update(bytes{}).update(bytes{3}).update_u64(9);
  CHECK(h.finish() == hash("keyfold/v1/test", whole));
  CHECK(hash("keyfold/v1/test", {bytes_view(whole).first(4), bytes_view(whole).subspan(4)}) ==
        hash("keyfold/v1/test", whole));
}

TEST_CASE("a context cannot be confused with another, nor with the input") {
  const auto input = [](std::string_view text) { return as_bytes(text); };
  CHECK(hash("ab", input("c")) != hash("a", input("bc")));
  CHECK(hash("a", input("x")) != hash("b", input("x")));
  const auto key = symmetric_key{};
  CHECK_FALSE(derive(key, "ab", input("c")) == derive(key, "a", input("bc")));
  CHECK_FALSE(derive(key, "a", input("x")) == derive(key, "b", input("x")));
}

TEST_CASE("an id made of a hash is its first bytes") {
  const bytes data{1, 2, 3};
  const auto full = hash("keyfold/v1/test", data);
  const auto id = hash_as<user_id>("keyfold/v1/test", {data});
  CHECK(std::equal(id.value.begin(), id.value.end(), full.value.begin()));
}

TEST_CASE("a Merkle root changes with each leaf and with their order") {
  std::vector<hash32> leaves(5);
  for (std::size_t i = 0; i < leaves.size(); ++i) leaves[i].value[0] = static_cast<std::uint8_t>(i);
  const auto root = merkle_root(leaves);
  for (auto& leaf : leaves) {
    leaf.value[31] ^= 1;
    CHECK(merkle_root(leaves) != root);
    leaf.value[31] ^= 1;
  }
  std::swap(leaves[1], leaves[2]);
  CHECK(merkle_root(leaves) != root);
}
