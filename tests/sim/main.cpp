// initd-sim [--seed N | --seeds A..B | --fresh COUNT] [--steps N] [--trace] [--twice] [--first]
// [--races | --converge [--crash W,E,P]] [--digest HEX]
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string_view>

#include "tests/sim/convergence.h"
#include "tests/sim/simulation.h"

namespace {

using init::sim::Options;
using init::sim::Simulation;
using init::sim::Verdict;

struct Arguments {
  std::uint64_t first = 0, last = 99;
  std::uint32_t steps = 1000;
  bool trace = false, twice = false, converge = false, simple = false, races = false;
  std::uint64_t patience = 20;  // failures after which it ends
  init::sim::Crash crash;
  std::uint64_t digest = 0;  // what all worlds together are expected to come to; 0 = anything
};

bool parse(int argc, char** argv, Arguments& arguments) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    const char* value = i + 1 < argc ? argv[i + 1] : "";
    char* end = nullptr;
    if (word == "--trace") {
      arguments.trace = true;
    } else if (word == "--converge") {  // S10 instead of the rest
      arguments.converge = true;
    } else if (word == "--crash") {  // WHEN,EVENT,PART as --converge shows it
      arguments.crash.when = static_cast<init::sim::Crash::When>(std::strtoul(value, &end, 10));
      arguments.crash.event = std::strtoull(end + 1, &end, 10);
      arguments.crash.part = std::strtoull(end + 1, &end, 10);
      ++i;
    } else if (word == "--digest") {
      arguments.digest = std::strtoull(value, &end, 16);
      ++i;
    } else if (word == "--races") {  // each seed one race, instead of the rest
      arguments.races = true;
    } else if (word == "--first") {  // the first failure is enough
      arguments.patience = 1;
    } else if (word == "--simple") {
      arguments.simple = true;
    } else if (word == "--twice") {
      arguments.twice = true;
    } else if (word == "--seed") {
      arguments.first = arguments.last = std::strtoull(value, &end, 10);
      ++i;
    } else if (word == "--seeds") {
      arguments.first = std::strtoull(value, &end, 10);
      if (std::string_view(end).substr(0, 2) != "..") return false;
      arguments.last = std::strtoull(end + 2, &end, 10);
      ++i;
    } else if (word == "--fresh") {  // seeds that nobody has seen: by the clock
      arguments.first = static_cast<std::uint64_t>(std::time(nullptr)) * 1000;
      arguments.last = arguments.first + std::strtoull(value, &end, 10) - 1;
      ++i;
    } else if (word == "--steps") {
      arguments.steps = static_cast<std::uint32_t>(std::strtoul(value, &end, 10));
      ++i;
    } else {
      return false;
    }
  }
  return true;
}

// With --trace: one world with one crash, told step by step.
int converge(const Arguments& arguments) {
  if (arguments.trace) {
    return Simulation({arguments.first, 0, true, arguments.simple}).play(arguments.crash).failure.empty() ? 0
                                                                                                          : 1;
  }
  std::uint64_t runs = 0, failures = 0;
  for (std::uint64_t seed = arguments.first; seed <= arguments.last && failures < arguments.patience;
       ++seed) {
    const std::string what = init::sim::check_convergence(seed, arguments.simple, runs);
    if (what.empty()) continue;
    ++failures;
    std::printf("seed %llu: %s   (initd-sim --converge --seed %llu --trace --crash ...)\n",
                static_cast<unsigned long long>(seed), what.c_str(), static_cast<unsigned long long>(seed));
  }
  std::printf("%llu runs, %llu failures\n", static_cast<unsigned long long>(runs),
              static_cast<unsigned long long>(failures));
  return failures == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  if (!parse(argc, argv, arguments)) {
    std::fputs("usage: initd-sim [--seed N | --seeds A..B | --fresh COUNT] [--steps N] [--trace] [--twice]\n",
               stderr);
    return 2;
  }
  const auto number = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf("seeds %llu..%llu\n", number(arguments.first), number(arguments.last));
  if (arguments.converge) return converge(arguments);
  std::uint64_t events = 0, failures = 0, digest = 0;
  for (std::uint64_t seed = arguments.first; seed <= arguments.last; ++seed) {
    Options options{seed, arguments.steps, arguments.trace, arguments.simple, arguments.races};
    const auto play = [&] {
      Simulation simulation(options);
      return arguments.races ? simulation.race() : simulation.run();
    };
    Verdict verdict = play();
    events += verdict.events;
    digest = digest * 0x100000001b3U ^ verdict.digest;
    // The same seed once more: the same actions, or something is not a function of the events.
    const bool again = arguments.twice || seed % 16 == 0;
    options.trace = false;
    if (again && play().actions != verdict.actions) verdict.failure = "two runs differ";
    if (verdict.failure.empty()) continue;
    ++failures;
    std::printf("seed %llu: %s   (initd-sim%s --seed %llu --steps %u --trace)\n", number(seed),
                verdict.failure.c_str(), arguments.races ? " --races" : "", number(seed), arguments.steps);
    if (failures == arguments.patience) break;
  }
  std::printf("%llu events, %llu failures, digest %016llx\n", number(events), number(failures),
              number(digest));
  if (arguments.digest != 0 && digest != arguments.digest) {
    std::printf(
        "seed %llu and on: they go otherwise than they did; if that is meant, write their digest down anew\n",
        number(arguments.first));
    return 1;
  }
  return failures == 0 ? 0 : 1;
}
