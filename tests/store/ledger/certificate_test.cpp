#include "store/ledger/certificate.hpp"

#include "store/ledger/attachments.hpp"
#include "tests/support/organization.hpp"

using namespace keyfold;
using namespace keyfold::ledger;
using keyfold::tests::organization;

TEST_CASE("every kind of body comes back as it was written") {
  organization o;
  const auto bob = o.add("bob");
  const auto eve = o.add("eve", profile::external);
  const auto papers = o.create_workspace(o.alice);
  o.share(o.alice, papers, bob, role::contributor);
  o.share(o.alice, papers, bob, role::none, {o.head_of(bob, papers)});
  o.rotate(o.alice, papers);
  const auto phone = o.make_person("phone");
  o.push(o.as(bob, [&](auto a) {
    return make_device_added(
        a, {phone.device, phone.signing.public_key(), phone.link.public_key(), "phone"});
  }));
  o.push(o.as(o.alice,
              [&](auto a) { return make_profile_changed(a, bob.user, profile::administrator); }));
  o.revoke(eve);
  o.push(o.as(o.alice, [](auto a) { return make_directory_rotation(a); }));
  o.move(o.alice);
  std::set<std::size_t> kinds;
  for (const auto& r : o.records) {
    const auto b = decode_body(*r.certificate.body);
    REQUIRE(b);
    CHECK(encode_body(*b) == *r.certificate.body);
    kinds.insert(b->what.index());
    const auto c = decode_certificate(encode_certificate(r.certificate));
    REQUIRE(c);
    CHECK(c->hash == r.certificate.hash);
    CHECK(c->header == r.certificate.header);
    CHECK(c->attached == r.certificate.attached);
  }
  CHECK(kinds.size() == 9);
}

TEST_CASE("a kind of a later version, and a reserved one, decode as unknown") {
  for (const std::uint8_t kind : bytes{8, 14, 16, 21, 100}) {
    const auto b = decode_body(bytes{0x94, kind, 0xc3, 5, 0x92, 1, 0x91, 2});
    REQUIRE(b);
    CHECK(std::get<unknown_body>(b->what).kind == kind);
    CHECK(b->critical);
    CHECK(kind_name(b->what) == "kind_" + std::to_string(kind));
  }
  CHECK_FALSE(decode_body(bytes{0x94, 100, 0xc2, 5, 0xc0})->critical);
}

TEST_CASE("a body with a wrong field, a zero id, a bad key or trailing bytes is refused") {
  organization o;
  auto b = decode_body(*o.records[0].certificate.body).value();
  auto& g = std::get<genesis>(b.what);
  const auto broken = [&](auto change) {
    auto copy = b;
    change(std::get<genesis>(copy.what));
    return decode_body(encode_body(copy)).error().code;
  };
  CHECK(broken([](genesis& x) { x.user = {}; }) == errc::malformed);
  CHECK(broken([](genesis& x) { x.user_key = {}; }) == errc::bad_key);
  CHECK(broken([](genesis& x) { x.name = std::string(256, 'x'); }) == errc::malformed);
  CHECK(broken([](genesis& x) { x.addresses.assign(17, "x"); }) == errc::malformed);
  CHECK(broken([](genesis& x) { x.directory_row = bytes(1025); }) == errc::malformed);
  g.name = "fine";
  auto data = encode_body(b);
  data.push_back(0);
  CHECK(decode_body(data).error().code == errc::trailing_bytes);
  CHECK(decode_body(bytes(max_body_size + 1)).error().code == errc::too_large);
  CHECK(decode_body(encode_body({1, profile_changed{g.user, static_cast<profile>(4)}}))
            .error()
            .code == errc::malformed);
  CHECK(decode_body(encode_body({1, profile_changed{g.user, static_cast<profile>(0)}}))
            .error()
            .code == errc::malformed);
  CHECK(decode_body(encode_body({1, role_changed{g.user, static_cast<role>(5), {}, {}, {}}}))
            .error()
            .code == errc::malformed);
}

TEST_CASE("the workspaces of a revocation are ascending, each once") {
  auto random = seeded_random(3);
  const auto user = random->id<user_id>();
  auto one = random->id<workspace_id>();
  auto two = random->id<workspace_id>();
  if (two < one) std::swap(one, two);
  CHECK(decode_body(encode_body({1, user_revoked{user, {{one, {}}, {two, {}}}}})));
  CHECK_FALSE(decode_body(encode_body({1, user_revoked{user, {{two, {}}, {one, {}}}}})));
  CHECK_FALSE(decode_body(encode_body({1, user_revoked{user, {{one, {}}, {one, {}}}}})));
}

TEST_CASE("a header of a later version, too large, or with a wrong scope is refused") {
  organization o;
  const auto& right = o.records[0].certificate.header_bytes;
  auto later = right;
  later[1] = 2;
  CHECK(decode_header(later).error().code == errc::unknown_version);
  CHECK(decode_header(bytes(513)).error().code == errc::too_large);
  writer w;
  w.array(7).uint(1).bin(o.state.id()).uint(1).bin(certificate_hash{}).bin(o.alice.device);
  w.bin(bytes(15)).bin(hash32{});
  CHECK_FALSE(decode_header(std::move(w).take()));
}

TEST_CASE("a certificate whose body is not its header's is refused") {
  organization o;
  auto c = o.records[0].certificate;
  c.body->back() ^= 1;
  CHECK(decode_certificate(encode_certificate(c)).error().code == errc::body_mismatch);
}

TEST_CASE("a certificate to which nothing is attached has one encoding") {
  organization o;
  const auto& c = o.records[0].certificate;
  auto encoded = encode_certificate(c);
  REQUIRE(encoded.back() == 0xc0);  // nil
  encoded.pop_back();
  append(encoded, bytes{0x93, 0xc0, 0xc0, 0xc0});
  CHECK(decode_certificate(encoded).error().code == errc::malformed);
}

TEST_CASE("a flipped bit anywhere in a signed certificate is noticed") {
  organization o;
  const auto bob = o.add("bob");
  const auto before = o.records[0];
  const auto data = encode_certificate(o.records[1].certificate);
  for (std::size_t at = 0; at < data.size(); at += 7) {
    auto flipped = data;
    flipped[at] ^= 0x10;
    const auto c = decode_certificate(flipped);
    if (!c) continue;
    state s(o.state.id());
    REQUIRE(s.add(before));
    CHECK_FALSE(s.check(*c));
  }
}

TEST_CASE("rows, earlier keys and frontiers come back, ascending and once") {
  auto random = seeded_random(4);
  std::vector<key_row> rows;
  for (int i = 0; i < 5; ++i) rows.push_back({random->id<user_id>(), bytes{1, 2}});
  const auto decoded = decode_rows(encode_rows(rows));
  REQUIRE(decoded);
  CHECK(std::is_sorted(decoded->begin(), decoded->end(),
                       [](const auto& a, const auto& b) { return a.user < b.user; }));
  CHECK_FALSE(decode_rows(encode_rows({rows[0], rows[0]})));
  CHECK(decode_earlier(encode_earlier({{{2}, {}}, {{1}, {}}}))->front().epoch.value == 1);
  CHECK_FALSE(decode_earlier(encode_earlier({{{1}, {}}, {{1}, {}}})));
  organization o;
  const auto papers = o.create_workspace(o.alice);
  const auto head = o.head_of(o.alice, papers);
  const auto frontier = encode_frontier({head, head, o.head_of(o.alice, papers, 3)});
  REQUIRE(frontier);
  CHECK(decode_frontier(*frontier)->size() == 2);
  CHECK_FALSE(encode_frontier({{bytes{1}, {}}}));
  CHECK(decode_frontier(empty_frontier())->empty());
}

TEST_CASE("a frontier counts only heads that the user's devices signed for that workspace") {
  organization o;
  const auto bob = o.add("bob");
  const auto papers = o.create_workspace(o.alice);
  const auto other = o.create_workspace(o.alice, "other");
  const auto good = o.head_of(bob, papers);
  auto forged = o.head_of(bob, papers, 7);
  forged.signature = o.alice.signing.sign("keyfold/v1/entry", forged.header_bytes);
  const auto data =
      encode_frontier({good, forged, o.head_of(o.alice, papers), o.head_of(bob, other)});
  const auto devices = [&](device_id id) { return o.state.find_device(id); };
  const auto checked = check_frontier(data.value(), o.state.id(), papers, bob.user, devices);
  CHECK(checked.heads == std::vector{organization::place_of(good)});
  CHECK(checked.bad == 3);
  CHECK(check_frontier(bytes{1}, o.state.id(), papers, bob.user, devices).bad == 1);
}

TEST_CASE("attachments are held against the body") {
  organization o;
  const auto bob = o.add("bob");
  const auto papers = o.create_workspace(o.alice);
  o.share(o.alice, papers, bob, role::contributor);
  const auto taken =
      o.share(o.alice, papers, bob, role::none, {o.head_of(bob, papers)}).certificate;
  const auto b = decode_body(*taken.body).value();
  const auto code = [&](const std::function<void(attachments&)>& change, bool complete = true) {
    auto changed = taken.attached;
    change(changed);
    const auto result = check_attachments(b, changed, complete);
    return result ? errc::unknown : result.error().code;
  };
  CHECK(code([](attachments&) {}) == errc::unknown);
  CHECK(code([](attachments& a) { a.rows.reset(); }) == errc::attachment_missing);
  CHECK(code([](attachments& a) { a.earlier.reset(); }) == errc::attachment_missing);
  CHECK(code([](attachments& a) { a.frontier.reset(); }) == errc::attachment_missing);
  CHECK(code([](attachments& a) { a = {}; }, false) == errc::unknown);
  CHECK(code([](attachments& a) { a.rows = encode_rows({}); }) == errc::attachment_mismatch);
  CHECK(code([](attachments& a) { a.rows->back() ^= 1; }) == errc::attachment_mismatch);
  CHECK(code([](attachments& a) { a.earlier->back() ^= 1; }) == errc::attachment_mismatch);
  CHECK(code([](attachments& a) { a.frontier->back() ^= 1; }) == errc::attachment_mismatch);
  const body other{1, profile_changed{bob.user, profile::member}};
  CHECK_FALSE(check_attachments(other, taken.attached, false));
}
