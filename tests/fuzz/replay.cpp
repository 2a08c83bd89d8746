// Runs a fuzz target over files, with any compiler: the corpora under the unit tests' sanitizers, or a finding under a
// debugger.
//   keyfold_fuzz_replay --list
//   keyfold_fuzz_replay TARGET FILE|FOLDER...      each file of a folder
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "crypto/random.hpp"
#include "tests/fuzz/target.hpp"

namespace {

using namespace keyfold;
namespace fs = std::filesystem;

bytes content_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + file.string());
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<fs::path> files_of(const std::vector<std::string>& arguments) {
  std::vector<fs::path> out;
  for (const auto& argument : arguments) {
    if (!fs::is_directory(argument)) {
      out.emplace_back(argument);
      continue;
    }
    for (const auto& each : fs::directory_iterator(argument)) out.push_back(each.path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

int replay(const fuzz::target& target, const std::vector<fs::path>& files) {
  if (files.empty()) {
    std::cerr << "replay: no files for " << target.name << '\n';
    return 1;
  }
  target.run({});
  for (const auto& file : files) {
    std::cerr << file.filename().string()
              << std::endl;  // the last line names the file that ended the program
    const auto data = content_of(file);
    target.run(data);
  }
  std::cout << target.name << ": " << files.size() << " files\n";
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  initialize_crypto();
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    if (arguments == std::vector<std::string>{"--list"}) {
      for (const auto& each : fuzz::targets()) std::cout << each.name << '\n';
      return 0;
    }
    for (const auto& each : fuzz::targets())
      if (arguments.size() > 1 && arguments[0] == each.name)
        return replay(each, files_of({arguments.begin() + 1, arguments.end()}));
  } catch (const std::exception& problem) {
    std::cerr << "replay: " << problem.what() << '\n';
    return 1;
  }
  std::cerr << "usage: keyfold_fuzz_replay --list | TARGET FILE|FOLDER...\n";
  return 2;
}
