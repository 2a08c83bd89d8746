// keyfold_sim: runs seeds of the simulator until one breaks a promise, and shows that one shrunk.
//   keyfold_sim [--from SEED] [--seeds N] [--minutes M] [--bug NAME] [--keep-going]      many; without --from new ones
//   keyfold_sim --known                                                     those that the tests run, and some new ones
//   keyfold_sim --seed SEED [--bug NAME] [--whole]                          one, told in words; without --whole shrunk
#include <atomic>
#include <cstring>
#include <functional>
#include <iostream>
#include <mutex>
#include <sstream>
#include <thread>

#include "tests/sim/shrink.hpp"

using namespace keyfold;
using namespace keyfold::sim;

namespace {

struct options {
  std::optional<std::uint64_t> seed;
  std::uint64_t from = 0;  ///< 0: of the time of day
  std::uint64_t seeds = 1000;
  double minutes = 0;
  std::size_t threads = std::max(1u, std::thread::hardware_concurrency());
  bug planted = bug::none;
  bool whole = false;
  bool keep_going = false;
  bool known = false;
};

std::optional<options> read(std::span<char*> words) {
  options out;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string word = words[i];
    if (word == "--whole" || word == "--keep-going" || word == "--known") {
      (word == "--whole" ? out.whole : word == "--known" ? out.known : out.keep_going) = true;
      continue;
    }
    if (++i == words.size()) return std::nullopt;
    const std::string value = words[i];
    if (word == "--seed")
      out.seed = std::stoull(value);
    else if (word == "--from")
      out.from = std::stoull(value);
    else if (word == "--seeds")
      out.seeds = std::stoull(value);
    else if (word == "--minutes")
      out.minutes = std::stod(value);
    else if (word == "--threads")
      out.threads = std::stoul(value);
    else if (word == "--bug") {
      const auto* found = std::find(bug_names.begin(), bug_names.end(), value);
      if (found == bug_names.end()) return std::nullopt;
      out.planted = static_cast<bug>(found - bug_names.begin());
    } else
      return std::nullopt;
  }
  return out;
}

void show(std::uint64_t seed, bug planted) {
  const auto first = run_once(seed, planted);
  std::cout << "seed " << seed << ": " << *first.broken << "\n";
  const auto plan = shrink(seed, planted);
  std::cout << "shrunk to " << plan.size() << " steps:\n";
  std::ostringstream words;
  const auto again = run_plan(seed, planted, plan, &words);
  std::istringstream lines(words.str());
  for (std::string line; std::getline(lines, line);)
    if (line.size() > 11 && line[10] != ' ')
      std::cout << line << "\n";  // without what nodes say to each other
  if (again.broken) std::cout << "  => " << *again.broken << "\n";
  std::cout << "repeat with: scripts/sim --seed " << seed;
  if (planted != bug::none) std::cout << " --bug " << bug_names[static_cast<std::size_t>(planted)];
  std::cout << "\n";
  std::cout << std::flush;
}

int run_one(const options& o) {
  if (!o.whole) {
    const auto got = run_once(*o.seed, o.planted);
    if (got.broken)
      show(*o.seed, o.planted);
    else
      std::cout << "seed " << *o.seed << " breaks nothing (" << got.steps << " steps)\n";
    return got.broken ? 1 : 0;
  }
  const auto got = run_once(*o.seed, o.planted, &std::cout);
  std::cout << "trace " << std::hex << got.hash << std::dec << ", " << got.steps << " steps\n";
  if (got.broken) std::cout << "BROKEN: " << *got.broken << "\n";
  return got.broken ? 1 : 0;
}

/// Seeds that broke a promise once, each by another fault (docs/ARCHITECTURE.md, "The simulator").
constexpr std::uint64_t once_broken[] = {62,   155,  222,  233,    239,    344,   551,  614,
                                         698,  781,  832,  940,    941,    1084,  1393, 1822,
                                         3605, 3813, 5497, 202038, 217391, 500125};
constexpr std::uint64_t always_run = 120;  ///< seeds from 1 on
constexpr std::size_t new_ones = 12;       ///< each time others

std::uint64_t seed_of_today() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(
             std::chrono::duration_cast<std::chrono::milliseconds>(now).count()) *
         100;
}

std::vector<std::uint64_t> known_seeds() {
  std::vector<std::uint64_t> out(std::begin(once_broken), std::end(once_broken));
  for (std::uint64_t seed = 1; seed <= always_run; ++seed) out.push_back(seed);
  std::cout << "new seeds:";
  const auto first = seed_of_today();
  for (std::size_t i = 0; i < new_ones; ++i) {
    out.push_back(first + i);
    std::cout << ' ' << out.back();
  }
  std::cout << std::endl;
  return out;
}

/// Runs `seed_at(0)`, `seed_at(1)`, ... on all threads, until it gives none.
int run_many(const options& o,
             const std::function<std::optional<std::uint64_t>(std::uint64_t)>& seed_at) {
  using clock = std::chrono::steady_clock;
  const auto begun = clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(clock::now() - begun).count(); };
  std::atomic<std::uint64_t> next{0};
  std::atomic<std::uint64_t> steps{0};
  std::atomic<std::uint64_t> done{0};
  std::atomic<std::uint64_t> broken{0};
  std::mutex out;
  const auto work = [&] {
    while (true) {
      const auto seed = seed_at(next++);
      const bool late = o.minutes > 0 && seconds() > o.minutes * 60;
      if (!seed || late || (broken > 0 && !o.keep_going)) return;
      const auto got = run_once(*seed, o.planted);
      steps += got.steps;
      ++done;
      if (!got.broken) continue;
      const std::lock_guard lock(out);
      if (broken++ == 0 && !o.keep_going)
        show(*seed, o.planted);
      else
        std::cout << "seed " << *seed << ": " << *got.broken << std::endl;
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < o.threads; ++i) threads.emplace_back(work);
  for (auto& thread : threads) thread.join();
  std::cout << done << " seeds, " << steps << " steps in " << seconds() << " s ("
            << static_cast<std::uint64_t>(static_cast<double>(steps) / seconds()) << " a second), "
            << broken << " broken\n";
  return broken > 0 ? 1 : 0;
}

int run(const options& o) {
  if (o.seed) return run_one(o);
  if (o.known) {
    const auto seeds = known_seeds();
    return run_many(o, [&](std::uint64_t i) {
      return i < seeds.size() ? std::optional(seeds[i]) : std::nullopt;
    });
  }
  const auto from = o.from != 0 ? o.from : seed_of_today();
  std::cout << "seeds from " << from << std::endl;
  return run_many(o, [&](std::uint64_t i) {
    return o.minutes > 0 || i < o.seeds ? std::optional(from + i) : std::nullopt;
  });
}

}  // namespace

int main(int argc, char** argv) {
  initialize_crypto();
  auto o = read({argv, static_cast<std::size_t>(argc)});
  if (!o) {
    std::cerr << "usage: keyfold_sim [--known] [--seed S [--whole]] [--from SEED] [--seeds N] "
                 "[--minutes M] "
                 "[--threads T]\n"
                 "                   [--keep-going] [--bug NAME]\n";
    return 2;
  }
  return run(*o);
}
