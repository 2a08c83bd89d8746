// store/invitation: a relay that does what the input says with the messages of a greeter and a guest. The two people
// compare codes honestly.
//   input := for each message: what (1) ‖ …
#include "tests/fuzz/target.hpp"
#include "tests/store/invitation/table.hpp"

namespace {

using namespace keyfold;
using namespace keyfold::invitation;
using namespace keyfold::invitation::tests;

bytes tamper(fuzz::input& in, std::vector<bytes>& seen, bytes payload) {
  seen.push_back(payload);
  switch (in.byte() % 8) {
    case 1:  // another byte
      if (!payload.empty()) payload[in.number(2) % payload.size()] ^= in.byte();
      return payload;
    case 2:  // lost
      return {};
    case 3:  // an earlier one, of either side
      return seen[in.byte() % seen.size()];
    case 4:  // something else
      return to_bytes(in.part());
    case 5:  // cut
      payload.resize(in.number(2) % (payload.size() + 1));
      return payload;
    default:
      return payload;
  }
}

}  // namespace

KEYFOLD_FUZZ_TARGET(invitation_relay) {
  fuzz::input in(data);
  const auto options = in.byte();
  table t(options % 2 == 0 ? kind::user : kind::device);
  t.greeter_terms.mailed = options % 4 >= 2;
  if (options % 8 >= 4) t.guest_terms.secret.reset();
  t.pick = [&](party who, const out::show_choose& shown) -> std::optional<sas_code> {
    const auto said = t.at(who == party::greeter ? party::guest : party::greeter).told;
    const bool shows =
        said && std::find(shown.codes.begin(), shown.codes.end(), *said) != shown.codes.end();
    return shows ? said : std::nullopt;
  };
  std::vector<bytes> seen;
  t.relay = [&](party, bytes payload) { return tamper(in, seen, std::move(payload)); };
  t.sit(party::greeter);
  t.sit(party::guest);
  for (int steps = 0; steps < 8; ++steps) {
    t.run();
    if (in.empty() || !t.pass_time()) break;
    if (in.byte() % 4 == 1) t.leave(party::guest), t.sit(party::guest);
  }
  for (const auto who : {party::greeter, party::guest})
    fuzz::require(t.at(who).stored.reveals <= max_reveals && t.at(who).reveals <= max_reveals,
                  "a relay gets at most so many tries");
  const auto& guest = t.at(party::guest);
  fuzz::require(t.ledger.size() <= 1, "one invitation lets in one");
  for (const auto& [keys, admitted] : t.ledger)
    fuzz::require(guest.keys && keys == guest.keys->public_keys(), "and it is the guest");
  if (guest.admitted)
    fuzz::require(t.ledger.size() == 1 && guest.admitted->root_key == t.root.public_key() &&
                      guest.admitted->user == t.ledger.front().second.user,
                  "the guest learns what the greeter said");
}
