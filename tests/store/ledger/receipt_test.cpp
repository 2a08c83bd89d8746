#include "store/ledger/receipt.hpp"

#include "tests/support/organization.hpp"

using namespace keyfold;
using namespace keyfold::ledger;
using keyfold::tests::organization;

namespace {

struct relay_words {
  std::unique_ptr<random_source> random = seeded_random(11);
  signing_key key = signing_key::generate(*random);
  organization_id organization = random->id<organization_id>();
  incarnation_id now = random->id<incarnation_id>();
  incarnation_id later = random->id<incarnation_id>();
  certificate_hash white = random->id<certificate_hash>();
  certificate_hash black = random->id<certificate_hash>();

  [[nodiscard]] statement receipt(std::uint64_t seq, certificate_hash hash, std::uint64_t counter,
                                  incarnation_id in) const {
    return {organization, 0, {seq}, hash, counter, in, {}};
  }
  [[nodiscard]] statement hello(std::uint64_t seq, certificate_hash hash, std::uint64_t counter,
                                incarnation_id in) const {
    auto out = receipt(seq, hash, counter, in);
    out.nonce.emplace().value.fill(9);
    return out;
  }
};

}  // namespace

TEST_CASE("a statement comes back as it was signed") {
  relay_words w;
  for (const auto& said : {w.receipt(4, w.white, 9, w.now), w.hello(4, w.white, 9, w.now)}) {
    const auto sealed = sign_statement(said, w.key);
    const auto back =
        verify_statement(sealed.statement_bytes, sealed.signature, w.key.public_key());
    REQUIRE(back);
    CHECK(back->statement == said);
  }
}

TEST_CASE("a receipt does not pass as a hello, nor a hello as a receipt") {
  relay_words w;
  auto said = sign_statement(w.hello(4, w.white, 9, w.now), w.key);
  said.statement.nonce.reset();
  const auto as_receipt = encode_statement(said.statement);
  CHECK(verify_statement(as_receipt, said.signature, w.key.public_key()).error().code ==
        errc::bad_receipt);
}

TEST_CASE("a statement signed by another relay is refused") {
  relay_words w;
  const auto other = signing_key::generate(*w.random);
  const auto said = sign_statement(w.receipt(4, w.white, 9, w.now), other);
  CHECK(verify_statement(said.statement_bytes, said.signature, w.key.public_key()).error().code ==
        errc::bad_receipt);
}

TEST_CASE("two hashes at one position convict the relay, in whatever incarnation") {
  relay_words w;
  CHECK(compare(w.receipt(4, w.white, 9, w.now), w.receipt(4, w.black, 12, w.now)) ==
        contradiction::forked);
  CHECK(compare(w.receipt(4, w.white, 9, w.now), w.hello(4, w.black, 2, w.later)) ==
        contradiction::forked);
  CHECK(convicts(contradiction::forked));
}

TEST_CASE("a step back within one incarnation convicts the relay") {
  relay_words w;
  CHECK(compare(w.receipt(4, w.white, 9, w.now), w.hello(3, w.black, 10, w.now)) ==
        contradiction::stepped_back);
  CHECK(compare(w.hello(3, w.black, 10, w.now), w.receipt(4, w.white, 9, w.now)) ==
        contradiction::stepped_back);
  CHECK(convicts(contradiction::stepped_back));
}

TEST_CASE("a counter used for two statements convicts the relay") {
  relay_words w;
  CHECK(compare(w.receipt(4, w.white, 9, w.now), w.receipt(5, w.black, 9, w.now)) ==
        contradiction::stepped_back);
  CHECK(compare(w.receipt(4, w.white, 9, w.now), w.receipt(4, w.white, 9, w.now)) ==
        contradiction::none);
}

TEST_CASE("a lower head under another incarnation is a restored relay, and no conviction") {
  relay_words w;
  CHECK(compare(w.receipt(4, w.white, 9, w.now), w.hello(3, w.black, 2, w.later)) ==
        contradiction::restored);
  CHECK_FALSE(convicts(contradiction::restored));
  // An old receipt proves nothing about now.
  CHECK(compare(w.receipt(4, w.white, 9, w.now), w.receipt(3, w.black, 2, w.later)) ==
        contradiction::none);
}

TEST_CASE("a ledger that grows, and an organization that is founded, raise no alarm") {
  relay_words w;
  CHECK(compare(w.receipt(4, w.white, 9, w.now), w.hello(7, w.black, 20, w.now)) ==
        contradiction::none);
  CHECK(compare(w.receipt(4, w.white, 9, w.now), w.hello(4, w.white, 20, w.later)) ==
        contradiction::none);
  CHECK(compare(w.hello(0, {}, 1, w.now), w.receipt(0, w.white, 2, w.now)) == contradiction::none);
  CHECK(compare(w.receipt(0, w.white, 2, w.now), w.hello(0, {}, 3, w.now)) ==
        contradiction::stepped_back);
}

TEST_CASE("a record comes back as it was, and its receipt is for its certificate") {
  organization o;
  o.add("bob");
  const auto back = decode_record(encode_record(o.records[1]));
  REQUIRE(back);
  CHECK(back->certificate.hash == o.records[1].certificate.hash);
  CHECK(encode_record(*back) == encode_record(o.records[1]));
  CHECK(check_receipt(*back, o.relay.public_key()));
  const record mixed{o.records[1].certificate, o.records[0].receipt};
  CHECK(check_receipt(mixed, o.relay.public_key()).error().code == errc::bad_receipt);
  CHECK(check_receipt(*back, o.root.public_key()).error().code == errc::bad_receipt);
}

TEST_CASE("the relay's word is held against the records") {
  organization o;
  o.add("bob");
  const auto say = [&](statement s) {
    return o.state.evidence_against(sign_statement(s, o.relay));
  };
  statement hello = o.records[1].receipt.statement;
  hello.nonce.emplace().value.fill(1);
  hello.counter += 5;
  CHECK_FALSE(say(hello));
  auto forked = hello;
  forked.hash.value[0] ^= 1;
  CHECK(say(forked)->what == contradiction::forked);
  auto back = hello;
  back.seq = {0};
  back.hash = o.records[0].certificate.hash;
  CHECK(say(back)->what == contradiction::stepped_back);
  back.incarnation.value[0] ^= 1;
  CHECK(say(back)->what == contradiction::restored);
}
