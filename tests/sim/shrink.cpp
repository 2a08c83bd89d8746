#include "tests/sim/shrink.hpp"

namespace keyfold::sim {
namespace {

/// What was broken, without the names and numbers in it.
std::string sort_of(const std::string& broken) {
  std::string out;
  bool quoted = false;
  for (const char c : broken.substr(0, broken.find('\n'))) {
    if (c == '\'') quoted = !quoted;
    if (!quoted && (std::isalpha(static_cast<unsigned char>(c)) != 0 || c == ' ')) out += c;
  }
  return out.substr(0, 40);
}

}  // namespace

outcome run_plan(std::uint64_t seed, bug planted, const std::vector<step>& plan,
                 std::ostream* out) {
  return world(seed, planted, out).run(plan);
}

outcome run_once(std::uint64_t seed, bug planted, std::ostream* out) {
  return run_plan(seed, planted, plan_of(seed), out);
}

std::vector<step> shrink(std::uint64_t seed, bug planted, std::size_t most) {
  auto plan = plan_of(seed);
  const auto first = run_plan(seed, planted, plan);
  if (!first.broken) return plan;
  const auto sort = sort_of(*first.broken);
  std::size_t runs = 0;
  const auto still_fails = [&](const std::vector<step>& part) {
    ++runs;
    const auto got = run_plan(seed, planted, part);
    return got.broken && sort_of(*got.broken) == sort;
  };
  for (std::size_t size = (plan.size() + 1) / 2; size > 0; size = size == 1 ? 0 : (size + 1) / 2) {
    bool any = true;
    while (any && runs < most) {
      any = false;
      for (std::size_t from = 0; from < plan.size() && runs < most;) {
        auto part = plan;
        part.erase(part.begin() + static_cast<std::ptrdiff_t>(from),
                   part.begin() + static_cast<std::ptrdiff_t>(std::min(from + size, plan.size())));
        if (still_fails(part)) {
          plan = std::move(part);
          any = true;
        } else {
          from += size;
        }
      }
      if (size > 1) break;
    }
  }
  return plan;
}

}  // namespace keyfold::sim
