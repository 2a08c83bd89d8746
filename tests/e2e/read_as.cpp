// What can somebody read who has a device's key file and its password, and a copy of a relay's whole
// disk? Tries every key that he can obtain on every entry that lies there, whatever rights he has.
//
//   keyfold_read_as HOME PASSWORD_FILE RELAY_FOLDER
//
// Prints a JSON array: for each workspace the epochs whose keys he has, and by epoch how many entries
// open. The relay's folder must not be in use. It asks nobody for anything, and does not care where in
// the databases records and entries lie: every value that is one is taken.
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>

#include "crypto/random.hpp"
#include "store/db/kv.hpp"
#include "store/feed/entry.hpp"
#include "store/ledger/keyring.hpp"
#include "store/vault/folder.hpp"

namespace keyfold {
namespace {

namespace fs = std::filesystem;

/// Everything of use on the disk.
struct loot {
  std::map<ledger_seq, ledger::record> records;
  std::map<entry_hash, feed::entry> entries;
};

/// Looks for records and entries in `data`, and in the values inside it.
void search(bytes_view data, loot& found, int depth = 0) {
  if (auto record = ledger::decode_record(data)) {
    found.records.insert_or_assign(record->certificate.header.seq, std::move(*record));
    return;
  }
  if (auto entry = feed::decode_entry(data)) {
    found.entries.insert_or_assign(entry->hash, std::move(*entry));
    return;
  }
  const auto parsed = reader::parse(data);
  if (!parsed || depth == 4) return;
  auto inside = *parsed;
  if (const auto binary = inside.bin(data.size()); inside.good()) {
    search(binary, found, depth + 1);
    return;
  }
  inside = *parsed;
  const auto count = inside.array_up_to(data.size());
  for (std::size_t i = 0; i < count; ++i) search(inside.raw(), found, depth + 1);
}

expected<loot> read_relay(const fs::path& folder) {
  loot out;
  for (const auto& file : fs::recursive_directory_iterator(folder)) {
    if (file.path().filename() != "CURRENT") continue;
    KEYFOLD_TRY(auto database, db::open_leveldb(file.path().parent_path()));
    KEYFOLD_CHECK(database->scan({}, {}, [&](bytes_view, bytes_view value) {
      search(value, out);
      return true;
    }));
  }
  return out;
}

expected<vault::opened> open_vault(const fs::path& home, const secret_buffer& password) {
  KEYFOLD_TRY(auto folder, vault::folder::open(home / "vault"));
  KEYFOLD_TRY(auto files, folder.list());
  if (files.empty()) return fail(errc::not_found, "no key file in " + home.string());
  return folder.unlock(files.front().header.device, password);
}

/// The epoch of the entry opens with one of the keys, whichever.
bool opens(const feed::entry& e, const ledger::keyring& keys) {
  for (const auto epoch : keys.epochs(e.header.workspace))
    if (feed::open_payload(e, *keys.workspace_key(e.header.workspace, epoch))) return true;
  return false;
}

nlohmann::json try_all(const vault::opened& device, const loot& found) {
  ledger::state state(device.header.organization);
  for (const auto& [seq, record] : found.records)
    if (record.certificate.header.organization == device.header.organization && !state.add(record))
      break;
  ledger::keyring keys(device.secrets.user, box_key(device.secrets.user_key));
  keys.update(state);

  std::map<workspace_id, std::map<epoch_number, std::pair<int, int>>> counts;  // opened, closed
  for (const auto& [hash, entry] : found.entries) {
    auto& [opened, closed] = counts[entry.header.workspace][entry.header.epoch];
    ++(opens(entry, keys) ? opened : closed);
  }
  auto out = nlohmann::json::array();
  for (const auto& [workspace, epochs] : counts) {
    nlohmann::json row{{"workspace", to_text(workspace)}, {"keys", nlohmann::json::array()}};
    for (const auto epoch : keys.epochs(workspace)) row["keys"].push_back(epoch.value);
    for (const auto& [epoch, count] : epochs)
      row["epochs"].push_back(
          {{"epoch", epoch.value}, {"opened", count.first}, {"closed", count.second}});
    out.push_back(row);
  }
  return out;
}

expected<void> run(const fs::path& home, const fs::path& password_file, const fs::path& relay) {
  std::string password;
  std::ifstream in(password_file);
  std::getline(in, password);
  KEYFOLD_TRY(auto device, open_vault(home, secret_buffer(std::string_view(password))));
  KEYFOLD_TRY(auto found, read_relay(relay));
  if (found.records.empty()) return fail(errc::not_found, "no ledger in " + relay.string());
  std::cout << try_all(device, found).dump() << '\n';
  return {};
}

}  // namespace
}  // namespace keyfold

int main(int argc, char** argv) {
  keyfold::initialize_crypto();
  if (argc != 4) {
    std::cerr << "usage: keyfold_read_as HOME PASSWORD_FILE RELAY_FOLDER\n";
    return 2;
  }
  if (auto done = keyfold::run(argv[1], argv[2], argv[3]); !done) {
    std::cerr << "keyfold_read_as: " << done.error().message << '\n';
    return 1;
  }
  return 0;
}
