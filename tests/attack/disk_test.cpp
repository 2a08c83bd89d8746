// What lies on disks, and what a member's names may do to another's (THREATS A3, A21, A22).
#include "store/mirror/apply.hpp"
#include "store/vault/key_file.hpp"
#include "tests/attack/forgery.hpp"
#include "tests/support/temp_dir.hpp"

using namespace keyfold;
using namespace keyfold::attack;
namespace fs = std::filesystem;

namespace {

/// Entries of `by` that say what no program of ours would: one operation of that form.
feed::entry forge_operation(rig& r, device& by, const std::function<void(writer&)>& operation) {
  auto d = draft_of(by, r.papers, *r.random);
  writer payload;
  payload.array(3).uint(std::uint64_t{1}).array(0).array(1);
  operation(payload);
  d.payload = std::move(payload).take();
  return sign(by.who, by.keys, d, *r.random);
}

/// A folder on disk beside which nothing may appear.
struct mirrored {
  test::temp_dir around;
  mirror::marker own;
  mirror::root root;
  std::unique_ptr<db::store> store = db::memory_store();
  db::transaction state{*store};
  mirror::base base{state, {}};

  mirrored(workspace_id workspace, random_source& random)
      : own{workspace, random.id<mirror::mirror_id>()},
        root(mirror::root::create(around / "mirror", own).value()) {}

  /// Writes what the device's tree shows.
  mirror::apply_report apply(rig& r, device& of) {
    auto& tree = of.engine(r.papers).tree();
    const auto list = [&](std::span<const node_id> merged) {
      std::vector<mirror::shown_item> out;
      for (const auto& entry : tree.list(merged))
        if (auto item = mirror::shown_of(entry)) out.push_back(std::move(*item));
      return out;
    };
    const auto plan = mirror::plan_disk_whole(base, list);
    ignored += plan.ignored.size();
    const mirror::content_source stream = [](const mirror::shown_item& item,
                                             const mirror::content_sink& sink) {
      return sink(as_bytes(std::string(item.size, 'x')));
    };
    return mirror::apply(root, base, plan, {stream}, *r.random).value();
  }
  /// All paths around and in the mirror, its own files apart.
  [[nodiscard]] std::set<std::string> paths() const {
    std::set<std::string> out;
    for (const auto& each : fs::recursive_directory_iterator(around.path())) {
      auto name = fs::relative(each.path(), around.path()).string();
      if (name.find("/.keyfold") == std::string::npos) out.insert(std::move(name));
    }
    return out;
  }
  std::size_t ignored = 0;
};

/// A key file with its header's parameters written anew.
bytes with_parameters(const bytes& key_file, std::uint64_t memory_kib, std::uint64_t passes) {
  auto file = reader::parse(key_file).value();
  file.array(2);
  const auto header_bytes = to_bytes(file.bin(4096));
  const auto sealed = to_bytes(file.bin(4096));
  const auto h = vault::read_header(key_file).value();
  writer header;
  header.array(7).uint(std::uint64_t{1}).str(h.organization_name).bin(h.organization).bin(h.device);
  header.str(h.label).uint(std::uint64_t{1}).array(4).str("argon2id13").uint(memory_kib);
  header.uint(passes).bin(bytes_view(h.parameters.salt));
  writer out;
  out.array(2).bin(std::move(header).take()).bin(sealed);
  return std::move(out).take();
}

}  // namespace

TEST_CASE("A3: a key file with a cheaper password hash is refused before it is tried", "[A3]") {
  const auto random = seeded_random(3);
  const vault::header h{"Cooperative", random->id<organization_id>(), random->id<device_id>(),
                        "alice's laptop", password_parameters::fresh(*random)};
  vault::secrets s;
  s.root_key = signing_key::generate(*random).public_key();
  s.relay_address = "127.0.0.1:7000";
  s.relay_key = box_key::generate(*random).public_key();
  s.user_key = box_key::generate(*random).secret();
  s.signing = signing_key::generate(*random).seed();
  s.link_key = box_key::generate(*random).secret();
  s.local_key = random->key();
  const secret_buffer password("correct horse battery staple");
  const auto file = vault::seal_key_file(h, s, password, *random).value();
  CHECK(with_parameters(file, h.parameters.memory_kib, h.parameters.passes) == file);  // control
  CHECK(vault::open_key_file(file, password));
  CHECK(vault::open_key_file(with_parameters(file, 8, 1), password).error().code ==
        errc::weak_parameters);
  CHECK(vault::open_key_file(with_parameters(file, 64 * 1024 - 1, 3), password).error().code ==
        errc::weak_parameters);
  // And a dearer one, which would eat the memory of who tries.
  CHECK(vault::open_key_file(with_parameters(file, 1U << 30U, 3), password).error().code ==
        errc::weak_parameters);
}

TEST_CASE("A21: names that are paths are refused where they are read, and no file appears",
          "[A21]") {
  rig r;
  mirrored m(r.papers, *r.random);
  test::write_file(m.around / "outside", "untouched");
  const auto named = [&](const std::string& name) {
    return forge_operation(r, r.bob, [&](writer& w) {
      w.array(6).uint(std::uint64_t{1}).boolean(true).bin(bytes(16, 5)).uint(std::uint64_t{2});
      w.bin(bytes(16, 0)).str(name);
    });
  };
  SECTION("control: a plain name appears") {
    r.carol.receive(r.papers, std::array{named("plain")});
    (void)m.apply(r, r.carol);
    CHECK(m.paths() == std::set<std::string>{"mirror", "mirror/plain", "outside"});
  }
  for (const std::string& name :
       {std::string(".."), std::string("."), std::string(), std::string("../outside"),
        std::string("/etc/keyfold"), std::string("a/b"), std::string("nul\0byte", 8),
        std::string(256, 'n'), std::string("\xff\xfe")}) {
    INFO("name " << name);
    auto& fresh = r.devices.emplace_back(r, r.carol.who, r.relay->id);
    REQUIRE(fresh.connect(*r.relay));
    REQUIRE(fresh.pull_ledger());
    fresh.receive(r.papers, std::array{named(name)});
    REQUIRE(fresh.noticed.entries.size() == 1);
    CHECK(fresh.noticed.entries.front().what == workspace::entry_incident::kind::payload_damaged);
    CHECK(fresh.names(r.papers).empty());
    (void)m.apply(r, fresh);
  }
  for (const auto& each : m.paths())
    CHECK((each == "mirror" || each == "outside" || each == "mirror/plain"));
  CHECK(test::read_file(m.around / "outside") == "untouched");
}

TEST_CASE(
    "A21: Keyfold's own names, and names that differ by case or normalization, take nothing over",
    "[A21]") {
  rig r;
  mirrored m(r.papers, *r.random);
  const auto marker = test::read_file(m.around / "mirror/.keyfold/mirror");
  std::vector<feed::entry> entries;
  std::uint8_t nonce = 0;
  for (const auto* name : {".keyfold", ".keyfold-tmp-1", "A", "a", "caf\xc3\xa9", "cafe\xcc\x81"})
    entries.push_back(forge_operation(r, r.bob, [&](writer& w) {
      w.array(6)
          .uint(std::uint64_t{1})
          .boolean(true)
          .bin(bytes(16, ++nonce))
          .uint(std::uint64_t{2});
      w.bin(bytes(16, 0)).str(name);
    }));
  for (const auto& e : entries) r.carol.receive(r.papers, std::array{e});
  CHECK(r.carol.names(r.papers).size() == 6);
  (void)m.apply(r, r.carol);
  CHECK(m.ignored >= 1);  // listed, not written
  CHECK(test::read_file(m.around / "mirror/.keyfold/mirror") == marker);
  CHECK(m.paths().contains("mirror/A"));
  CHECK(m.paths().contains("mirror/a"));
}

TEST_CASE("A21: a symlink in a folder's place leads nowhere", "[A21]") {
  rig r;
  mirrored m(r.papers, *r.random);
  const auto outside = m.around / "elsewhere";
  fs::create_directory(outside);
  CHECK(r.bob.put(r.papers, {"old"}, "x"));
  r.bob.sync(r.papers);
  CHECK(
      r.bob.engine(r.papers).make_folder(r.bob.engine(r.papers).free_place(path{"docs"}).value()));
  r.bob.sync(r.papers);
  r.carol.sync(r.papers);
  (void)m.apply(r, r.carol);
  REQUIRE(m.paths().contains("mirror/docs"));
  const bool swapped = GENERATE(false, true);
  if (swapped) {  // by whoever may write in the mirror, while bob writes beneath the folder
    fs::remove(m.around / "mirror/docs");
    fs::create_directory_symlink(outside, m.around / "mirror/docs");
  }
  CHECK(r.bob.put(r.papers, {"docs", "new"}, "x"));
  r.bob.sync(r.papers);
  r.carol.sync(r.papers);
  const auto report = m.apply(r, r.carol);
  CHECK(fs::is_empty(outside));
  CHECK(report.skipped.empty() != swapped);
  CHECK(fs::exists(m.around / "mirror/docs/new") != swapped);
  if (!swapped) return;
  CHECK(m.root.open_path("docs/new", 0).error().code == errc::unsafe_path);
}

TEST_CASE("A22: a stolen disk of a device or of the relay shows no plaintext, name or key",
          "[A22]") {
  rig r;
  const std::string content = "a sentence that stands in the file alone";
  CHECK(r.bob.put(r.papers, {"salaries.ods"}, content));
  CHECK(r.bob.engine(r.papers).make_folder(
      r.bob.engine(r.papers).free_place(path{"confidential"}).value()));
  r.settle();
  CHECK(r.carol.read(r.papers, {"salaries.ods"}) == content);
  std::vector<bytes> secrets;
  const auto text = [&](std::string_view s) { secrets.push_back(to_bytes(as_bytes(s))); };
  for (const auto* each : {"salaries", "confidential", "papers", "bob@example.org", "bob's laptop"})
    text(each);
  text(content);
  for (auto* each : r.members()) {
    for (const auto epoch : each->keys.epochs(r.papers))
      secrets.push_back(to_bytes(each->keys.workspace_key(r.papers, epoch)->view()));
    secrets.push_back(to_bytes(each->keys.directory_key({0})->view()));
    secrets.push_back(to_bytes(each->who.key.secret().view()));
    secrets.push_back(to_bytes(each->who.link.secret().view()));
    secrets.push_back(to_bytes(each->who.signing.seed().view()));
    secrets.push_back(to_bytes(each->local_key.view()));
  }
  std::optional<workspace::shown_entry> found =
      r.carol.engine(r.papers).find(path{"salaries.ods"}).value();
  for (const auto& chunk : std::get<workspace::file_content>(found->version->content).chunks)
    secrets.push_back(to_bytes(chunk.key.view()));

  auto relays = everything_in(*r.relay->disk);
  for (const auto& [id, data] : r.relay->objects) append(relays, data);
  CHECK(contains(relays, r.bob.who.device.view()));  // control: what the relay knows is found
  const auto network = r.wire;
  for (const auto& secret : secrets) {
    CHECK_FALSE(contains(relays, secret));
    CHECK_FALSE(contains(network, secret));
    for (auto* each : r.members()) CHECK_FALSE(contains(everything_in(*each->disk), secret));
  }
  // Control: with the device's local key all of it is there.
  CHECK(contains(everything_in(*r.carol.sealed), as_bytes("salaries.ods")));
}
