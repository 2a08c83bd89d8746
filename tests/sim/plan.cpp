#include "tests/sim/plan.hpp"

#include <array>

#include "crypto/random.hpp"

namespace keyfold::sim {
namespace {

constexpr std::array<std::string_view, static_cast<std::size_t>(kind::rest) + 1> kind_names = {
    "write",
    "edit",
    "move",
    "replace",
    "remove",
    "make folder",
    "restore",
    "look",
    "grant",
    "take role",
    "revoke",
    "add device",
    "rotate",
    "crash",
    "crash at effect",
    "cut",
    "block",
    "unblock",
    "disk full",
    "disk fails",
    "bad reads",
    "disk good",
    "clock jumps",
    "slow network",
    "relay crash",
    "relay crash at effect",
    "relay disk fails",
    "relay restored",
    "relay lies",
    "rebel",
    "rest"};

struct weight {
  kind what;
  std::uint64_t share;
};
constexpr weight user_weights[] = {{kind::write, 26},  {kind::edit, 26},   {kind::move, 14},
                                   {kind::replace, 4}, {kind::remove, 12}, {kind::make_folder, 8},
                                   {kind::restore, 4}, {kind::look, 6}};
constexpr weight ledger_weights[] = {{kind::grant, 10},
                                     {kind::take_role, 7},
                                     {kind::revoke, 2},
                                     {kind::add_device, 4},
                                     {kind::rotate, 3}};
constexpr weight fault_weights[] = {{kind::crash, 8},
                                    {kind::crash_at_effect, 12},
                                    {kind::cut, 12},
                                    {kind::block, 10},
                                    {kind::unblock, 8},
                                    {kind::disk_full, 3},
                                    {kind::disk_fails, 3},
                                    {kind::disk_good, 8},
                                    {kind::clock_jumps, 4},
                                    {kind::slow_network, 3},
                                    {kind::relay_crash, 4},
                                    {kind::relay_crash_at_effect, 6},
                                    {kind::relay_disk_fails, 2},
                                    {kind::relay_restored, 8},
                                    {kind::disk_bad_reads, 3}};
constexpr weight lie_weights[] = {{kind::relay_lies, 10}, {kind::rebel, 2}};

template <std::size_t N>
kind pick(const weight (&weights)[N], random_source& random) {
  std::uint64_t sum = 0;
  for (const auto& w : weights) sum += w.share;
  auto at = random.below(sum);
  for (const auto& w : weights) {
    if (at < w.share) return w.what;
    at -= w.share;
  }
  return weights[0].what;
}

}  // namespace

temper temper_of(std::uint64_t seed) {
  const auto random = seeded_random(seed ^ 0x7e3b'e200);
  temper out;
  out.faults = random->below(8) != 0;
  out.lies = random->below(4) == 0;
  out.steps = 6 + random->below(40);
  out.rounds = 1 + random->below(2);
  return out;
}

std::vector<step> plan_of(std::uint64_t seed) {
  const auto temper = temper_of(seed);
  const auto random = seeded_random(seed ^ 0x91a4'0000);
  // Some runs are hasty, some slow; some hardly touch the ledger, or break everything.
  const auto pace = 1 + random->below(3000);
  const auto ledger_share = random->below(25);
  const auto fault_share = temper.faults ? random->below(40) : 0;
  const auto lie_share = temper.lies ? 2 + random->below(15) : 0;
  std::vector<step> out;
  instant now{0};
  for (std::size_t round = 0; round < temper.rounds; ++round) {
    for (std::size_t i = 0; i < temper.steps; ++i) {
      now += instant{static_cast<std::int64_t>(random->below(pace))};
      step s{now, kind::look, random->below(1000), random->below(1'000'000),
             random->below(1'000'000)};
      const auto share = random->below(100);
      if (share < ledger_share)
        s.what = pick(ledger_weights, *random);
      else if (share < ledger_share + fault_share)
        s.what = pick(fault_weights, *random);
      else if (share < ledger_share + fault_share + lie_share)
        s.what = pick(lie_weights, *random);
      else
        s.what = pick(user_weights, *random);
      out.push_back(s);
    }
    now += instant{static_cast<std::int64_t>(random->below(3000))};
    out.push_back({now, kind::rest, 0, 0, 0});
  }
  return out;
}

std::string to_text(const step& s) {
  return seconds_text(s.at) + "  " + std::string(kind_names.at(static_cast<std::size_t>(s.what))) +
         " (device " + std::to_string(s.device) + ", " + std::to_string(s.a) + ", " +
         std::to_string(s.b) + ")";
}

}  // namespace keyfold::sim
