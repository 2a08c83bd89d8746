// keyfold_sim: runs seeds of the simulator until one breaks a promise, and shows that one shrunk.
//   keyfold_sim [--from SEED] [--seeds N] [--minutes M] [--bug NAME] [--keep-going]      many; without --from new ones
//   keyfold_sim --seed SEED [--bug NAME] [--whole]                          one, told in words; without --whole shrunk
#include <atomic>
#include <cstring>
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
};

std::optional<options> read(std::span<char*> words) {
  options out;
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string word = words[i];
    if (word == "--whole" || word == "--keep-going") {
      (word == "--whole" ? out.whole : out.keep_going) = true;
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

int run_many(const options& o) {
  using clock = std::chrono::steady_clock;
  const auto begun = clock::now();
  std::cout << "seeds from " << o.from << std::endl;
  const auto seconds = [&] { return std::chrono::duration<double>(clock::now() - begun).count(); };
  std::atomic<std::uint64_t> next{o.from};
  std::atomic<std::uint64_t> steps{0};
  std::atomic<std::uint64_t> done{0};
  std::atomic<std::uint64_t> broken{0};
  std::mutex out;
  const auto work = [&] {
    while (true) {
      const auto seed = next++;
      const bool over = o.minutes > 0 ? seconds() > o.minutes * 60 : seed >= o.from + o.seeds;
      if (over || (broken > 0 && !o.keep_going)) return;
      const auto got = run_once(seed, o.planted);
      steps += got.steps;
      ++done;
      if (!got.broken) continue;
      const std::lock_guard lock(out);
      if (broken++ == 0 && !o.keep_going)
        show(seed, o.planted);
      else
        std::cout << "seed " << seed << ": " << *got.broken << std::endl;
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < o.threads; ++i) threads.emplace_back(work);
  for (auto& thread : threads) thread.join();
  std::cout << done << " seeds from " << o.from << ", " << steps << " steps in " << seconds()
            << " s (" << static_cast<std::uint64_t>(static_cast<double>(steps) / seconds())
            << " a second), " << broken << " broken\n";
  return broken > 0 ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  initialize_crypto();
  auto o = read({argv, static_cast<std::size_t>(argc)});
  if (!o) {
    std::cerr << "usage: keyfold_sim [--seed S [--whole]] [--from SEED] [--seeds N] [--minutes M] "
                 "[--threads T]\n"
                 "                   [--keep-going] [--bug NAME]\n";
    return 2;
  }
  if (o->from == 0) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    o->from = static_cast<std::uint64_t>(
                  std::chrono::duration_cast<std::chrono::milliseconds>(now).count()) *
              100;
  }
  return o->seed ? run_one(*o) : run_many(*o);
}
