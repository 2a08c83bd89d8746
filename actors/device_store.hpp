// Where things lie in a device's database: one prefix a part, so that no two parts meet.
//
//   'L' ledger    'D' settings of the device    'O' object index    'I' invitation progress
//   'W' workspace id: feeds, journal, tree      'M' workspace id: the mirror's base    'C'
//   workspace id: chunk index    'N' incidents    0x00 the version of all of these (store/db/format.hpp)
#pragma once

#include "crypto/ids.hpp"

namespace keyfold::actors {

enum class part : std::uint8_t {
  ledger = 'L',
  settings = 'D',
  objects = 'O',
  invitations = 'I',
  workspace = 'W',
  mirror = 'M',
  incidents = 'N',
};

[[nodiscard]] inline bytes prefix_of(part p) {
  return {static_cast<std::uint8_t>(p)};
}
[[nodiscard]] inline bytes prefix_of(part p, workspace_id workspace) {
  bytes out = prefix_of(p);
  append(out, workspace.view());
  return out;
}

}  // namespace keyfold::actors
