// store: rows of databases, as a damaged disk could give them.
//   input := which (1) ‖ row
#include "store/feed/records.hpp"
#include "store/mirror/base.hpp"
#include "store/relay/registry.hpp"
#include "store/workspace/record.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using namespace keyfold;
namespace records = keyfold::feed::records;

/// What is read from under `key` and written again is read as the same from then on.
template <class Load, class Save>
void require_to_settle(bytes_view key, bytes_view row, Load load, Save save) {
  const auto below = db::memory_store();
  db::transaction state(*below);
  state.put(key, row);
  const auto first = load(state);
  if (!first) return;
  save(state, *first);
  const auto written = state.get(key);
  const auto second = load(state);
  fuzz::require(second.has_value(), "what was written is read");
  save(state, *second);
  fuzz::require(state.get(key) == written, "as what it was");
}

void check_feed_row(std::uint8_t which, bytes_view row) {
  const entry_hash hash;
  const auto save = [](auto& state, const auto& record) { records::save(state, record); };
  switch (which) {
    case 0:
      return require_to_settle(
          records::branch_key(1), row, [](auto& s) { return records::load_branch(s, 1); }, save);
    case 1:
      return require_to_settle(
          records::key('m', hash), row, [&](auto& s) { return records::load_meta(s, hash); }, save);
    case 2:
      return require_to_settle(
          records::key('j'), row, [](auto& s) { return records::load_journal(s); }, save);
    case 3:
      return require_to_settle(
          records::key('n', 1), row, [](auto& s) { return records::load_pending(s, 1); },
          [](auto& s, const auto& p) { records::save(s, 1, p); });
    case 4:
      return require_to_settle(
          records::operation_key(1, 1), row,
          [](auto& s) { return records::decode_operation(*s.get(records::operation_key(1, 1))); },
          [](auto& s, const auto& o) { records::save(s, 1, 1, o); });
    default:
      return require_to_settle(
          records::key('a', 1), row,
          [](auto& s) { return records::decode_arrival(*s.get(records::key('a', 1))); },
          [](auto& s, const auto& a) { records::save(s, 1, a); });
  }
}

void check_relay_row(std::uint8_t which, bytes_view row) {
  const auto below = db::memory_store();
  db::transaction state(*below);
  bytes key{'o'};
  append(key, organization_id{}.view());
  if (which == 0) key = bytes{'k'};
  state.put(key, row);
  if (which == 0) return void(relay::load_identity(state, system_random()));
  relay::registry registry(state, false);
  (void)registry.list();
}

}  // namespace

KEYFOLD_FUZZ_TARGET(stored_rows) {
  fuzz::input in(data);
  const auto which = static_cast<std::uint8_t>(in.byte() % 10);
  const auto row = in.rest();
  if (which < 6) return check_feed_row(which, row);
  if (which < 8) return check_relay_row(static_cast<std::uint8_t>(which - 6), row);
  const auto below = db::memory_store();
  db::transaction state(*below);
  if (which == 8) {
    bytes key{'r'};
    append_u64(key, 1);
    state.put(key, row);
    const mirror::base base(state, {});
    if (const auto found = base.get({1}))
      fuzz::require(found->name.size() <= 255 && found->local.size() <= 255, "names are bounded");
    return;
  }
  const node_id node{{1}};
  state.put(workspace::key_of(workspace::table::records, node), row);
  workspace::record_cache cache(state);
  fuzz::require(cache.find(node).name.size() <= 255, "names are bounded");
}
