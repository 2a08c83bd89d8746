#include "store/mirror/read.hpp"

#include "tests/store/mirror/fixture.hpp"

using namespace keyfold;
using namespace keyfold::mirror;
namespace fs = std::filesystem;

namespace {

content_sink into(std::string& out) {
  return [&out](bytes_view piece) -> expected<void> {
    out += as_text(piece);
    return {};
  };
}

}  // namespace

TEST_CASE("a file is read whole with the facts that base shall remember") {
  disk_fixture m;
  const std::string content(3'000'000, 'x');
  m.write("f", content);
  std::string read;
  const auto seen = get(read_file(m.mirror_root, "f", into(read), much_later));
  CHECK(read == content);
  CHECK(seen == get(look(m.mirror_root, "f")).facts);
}

TEST_CASE("a file that changed just now is to be read again") {
  disk_fixture m;
  m.write("f", "x");
  std::string read;
  const auto now = get(look(m.mirror_root, "f")).facts.ctime_ns;
  CHECK(get(read_file(m.mirror_root, "f", into(read), now + 1)).ctime_ns == 0);
}

TEST_CASE("a file that changes while it is read is refused") {
  disk_fixture m;
  m.write("f", std::string(3'000'000, 'x'));
  bool changed = false;
  const auto change_once = [&](const auto& change) {
    return read_file(
        m.mirror_root, "f",
        [&](bytes_view) -> expected<void> {
          if (!std::exchange(changed, true)) change();
          return {};
        },
        much_later);
  };
  SECTION("written to in place") {
    CHECK(code_of(change_once([&] { m.write("f", "shorter"); })) == errc::changed_while_reading);
  }
  SECTION("grown") {
    CHECK(code_of(change_once([&] { std::ofstream(m / "f", std::ios::app) << "more"; })) ==
          errc::changed_while_reading);
  }
  SECTION("same size") {
    CHECK(code_of(change_once([&] { m.write("f", std::string(3'000'000, 'y')); })) ==
          errc::changed_while_reading);
  }
}

TEST_CASE("what is no file any more, or was never inside, is not read") {
  disk_fixture m;
  std::string read;
  fs::create_symlink("/etc/passwd", m / "link");
  m.make_folder("d");
  CHECK(code_of(read_file(m.mirror_root, "link", into(read), 0)) == errc::unsafe_path);
  CHECK(code_of(read_file(m.mirror_root, "d", into(read), 0)) == errc::changed_while_reading);
  CHECK(code_of(read_file(m.mirror_root, "gone", into(read), 0)) == errc::not_found);
  CHECK(read.empty());
}

TEST_CASE("a sink's failure ends the reading") {
  disk_fixture m;
  m.write("f", "x");
  const auto refuse = [](bytes_view) -> expected<void> { return fail(errc::internal); };
  CHECK(code_of(read_file(m.mirror_root, "f", refuse, 0)) == errc::internal);
}
