#include "tests/sim/cast.hpp"

#include <mutex>
#include <stdexcept>

#include "store/ledger/log.hpp"
#include "store/relay/organization.hpp"

namespace keyfold::sim {
namespace {

/// A step of the making that must go well.
template <class T>
T must(expected<T> result) {
  if (!result) throw std::logic_error("the cast: " + result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// Makes an organization with the relay's own core, as its first device would.
class maker {
 public:
  explicit maker(std::uint64_t shape)
      : random_(seeded_random(0x5151'0000 + shape)),
        root_(signing_key::generate(*random_)),
        made_{ledger::organization_of(root_.public_key()),
              {},
              signing_key::generate(*random_),
              {make_person(*random_, 0)},
              {},
              {},
              {},
              {}},
        founder_(made_.devices.front()),
        known_(made_.organization),
        keys_(founder_.user, founder_.user_key) {}

  std::shared_ptr<const cast> make(std::uint64_t shape) {
    found();
    made_.users.push_back(founder_.user);
    const auto users = 1 + shape % 4;
    for (std::size_t n = 1; n <= users; ++n) add_user(n, shape);
    made_.workspace = *must(append(ledger::make_workspace_created(author(), "papers"))).scope;
    static constexpr ledger::role roles[] = {ledger::role::contributor, ledger::role::owner,
                                             ledger::role::manager, ledger::role::reader};
    for (std::size_t n = 1; n <= users; ++n)
      if (n < users || shape % 3 != 0)  // the last one may get his role during the run
        (void)must(append(ledger::make_role_changed(author(), made_.workspace, made_.users[n],
                                                    roles[(n - 1 + shape / 4) % 4])));
    if (shape % 2 == 0) add_device(0);
    must(state_.commit(true));
    made_.relay = below_.contents();
    for (const auto& who : made_.devices) hand_out(who);
    return std::make_shared<const cast>(std::move(made_));
  }

 private:
  [[nodiscard]] ledger::author author() {
    return {known_, keys_, founder_.device, founder_.signing, now_ += 1000, *random_};
  }
  void found() {
    const auto genesis = must(ledger::make_genesis({"wonderland",
                                                    made_.receipt_key.public_key(),
                                                    {"keyfold://127.0.0.1:7000/?k=x"},
                                                    founder_.user,
                                                    founder_.user_key.public_key(),
                                                    {"alice@example.org", "Alice"},
                                                    founder_.device,
                                                    founder_.link.public_key(),
                                                    "alice's laptop"},
                                                   root_, founder_.signing, now_, *random_));
    relay_ = must(relay::organization::found(state_, genesis, made_.receipt_key, *random_));
    must(relay_->connect(1, founder_.link.public_key()).answer);
    learn();
  }
  void learn() {
    for (const auto& encoded : must(relay_->pull(1, {known_.size()}, {}, 1000)).records)
      (void)must(known_.add(must(ledger::decode_record(encoded))));
    (void)keys_.update(known_);
  }
  expected<ledger::header> append(const expected<ledger::certificate>& c) {
    const auto& made = must(c);
    must(relay_->append(1, ledger::encode_certificate(made)).answer);
    learn();
    return made.header;
  }
  void add_user(std::size_t number, std::uint64_t shape) {
    const auto who = make_person(*random_, number);
    const auto name = "user" + std::to_string(number);
    (void)append(ledger::make_user_added(author(), {who.user,
                                                    ledger::profile::member,
                                                    who.user_key.public_key(),
                                                    {name + "@example.org", name},
                                                    {who.device, who.signing.public_key(),
                                                     who.link.public_key(), name + "'s laptop"}}));
    made_.users.push_back(who.user);
    made_.devices.push_back(who);
    if ((shape + number) % 5 == 0) add_device(number);
  }
  void add_device(std::size_t user) {
    const auto& first = *std::find_if(made_.devices.begin(), made_.devices.end(),
                                      [&](const auto& d) { return d.user_number == user; });
    const auto second = make_person(*random_, user, &first);
    ledger::keyring keys(first.user, first.user_key);
    (void)keys.update(known_);
    const ledger::author by{known_, keys, first.device, first.signing, now_ += 1000, *random_};
    (void)append(ledger::make_device_added(
        by, {second.device, second.signing.public_key(), second.link.public_key(), "second"}));
    made_.devices.push_back(second);
  }
  /// What the relay gives to a device is what its database holds.
  void hand_out(const person& who) {
    const auto session = ++sessions_;
    (void)must(relay_->connect(session, who.link.public_key()).answer);
    ledger::state state(made_.organization);
    disk database([] {});
    db::transaction transaction(database);
    db::prefixed part(transaction, {ledger_part});
    ledger::log log(part);
    for (const auto& encoded : must(relay_->pull(session, {0}, {}, 1000)).records)
      (void)must(ledger::add(state, log, must(ledger::decode_record(encoded))));
    must(transaction.commit(true));
    made_.databases.push_back(database.contents());
    made_.states.push_back(std::make_shared<const ledger::state>(std::move(state)));
  }

  std::unique_ptr<random_source> random_;
  std::uint64_t now_ = epoch_ms - 10'000'000;
  signing_key root_;
  cast made_;
  person founder_;
  ledger::state known_;
  ledger::keyring keys_;
  disk below_{[] {}};
  db::transaction state_{below_};
  std::unique_ptr<relay::organization> relay_;
  relay::session_number sessions_ = 1;
};

}  // namespace

person make_person(random_source& random, std::size_t user_number, const person* of) {
  return {user_number,
          of ? of->user : random.id<user_id>(),
          of ? of->user_key : box_key::generate(random),
          random.id<device_id>(),
          signing_key::generate(random),
          box_key::generate(random)};
}

std::shared_ptr<const cast> cast_of(std::uint64_t shape) {
  static std::mutex mutex;
  static std::map<std::uint64_t, std::shared_ptr<const cast>> made;
  const std::lock_guard lock(mutex);
  auto& found = made[shape % shapes];
  if (!found) found = maker(shape % shapes).make(shape % shapes);
  return found;
}

}  // namespace keyfold::sim
