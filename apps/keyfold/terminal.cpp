#include "apps/keyfold/terminal.hpp"

#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>

namespace keyfold::apps {
namespace {

/// Turns the terminal's echo off for as long as it lives.
class hidden_input {
 public:
  hidden_input() {
    if (tcgetattr(STDIN_FILENO, &before_) != 0) return;
    termios hidden = before_;
    hidden.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    changed_ = tcsetattr(STDIN_FILENO, TCSAFLUSH, &hidden) == 0;
  }
  ~hidden_input() {
    if (changed_) tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);
  }
  hidden_input(const hidden_input&) = delete;
  hidden_input& operator=(const hidden_input&) = delete;

 private:
  termios before_{};
  bool changed_ = false;
};

expected<secret_buffer> prompt_password(const char* prompt) {
  const hidden_input hidden;
  std::fputs(prompt, stderr);
  auto line = read_line();
  std::fputc('\n', stderr);
  if (!line || line->empty()) return fail(errc::usage, "no password given");
  secret_buffer out{std::string_view(*line)};
  sodium_memzero(line->data(), line->size());
  return out;
}

}  // namespace

std::optional<std::string> read_line() {
  std::string line;
  if (!std::getline(std::cin, line)) return std::nullopt;
  if (!line.empty() && line.back() == '\r') line.pop_back();
  return line;
}

expected<secret_buffer> read_password(const std::optional<std::string>& file, bool confirm) {
  if (!file) {
    if (isatty(STDIN_FILENO) == 0)
      return fail(errc::usage,
                  "a password is needed; give --password-file FILE (or - for standard input)");
    KEYFOLD_TRY(auto first, prompt_password("Password: "));
    if (!confirm) return first;
    KEYFOLD_TRY(auto second, prompt_password("The same again: "));
    if (!equal_constant_time(first.view(), second.view()))
      return fail(errc::usage, "the two passwords differ; try again");
    return first;
  }
  std::string line;
  if (*file == "-") {
    if (auto next = read_line()) line = std::move(*next);
  } else {
    std::ifstream in(*file);
    if (!in) return fail(errc::usage, "cannot read the password file " + *file);
    std::getline(in, line);
    if (!line.empty() && line.back() == '\r') line.pop_back();
  }
  if (line.empty()) return fail(errc::usage, "the password is empty; its first line must hold it");
  secret_buffer out{std::string_view(line)};
  sodium_memzero(line.data(), line.size());
  return out;
}

expected<bool> ask(const std::string& question) {
  if (isatty(STDIN_FILENO) == 0) return fail(errc::usage, question + " Give --yes to do it.");
  std::fprintf(stderr, "%s [y/N] ", question.c_str());
  const auto line = read_line();
  return line && (*line == "y" || *line == "Y" || *line == "yes");
}

void print_table(const std::vector<std::string>& heading,
                 const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& title : heading) widths.push_back(title.size());
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  const auto print = [&](const std::vector<std::string>& row) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - row[i].size() + 2, ' ');
    }
    std::cout << line << '\n';
  };
  print(heading);
  for (const auto& row : rows) print(row);
}

std::string cell(const json& value) {
  if (value.is_null()) return "-";
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (!value.is_string()) return value.dump();
  auto text = value.get<std::string>();
  std::replace_if(
      text.begin(), text.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return text;
}

}  // namespace keyfold::apps
