#include "apps/keyfold/terminal.hpp"

#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "crypto/random.hpp"

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
  secret_buffer out(bytes(line->begin(), line->end()));
  // NOLINTNEXTLINE(clang-analyzer-cplusplus.InnerPointer): nothing has touched the string in between
  sodium_memzero(line->data(), line->size());
  return out;
}

/// Length of the well-formed UTF-8 sequence at the front of `text`; 0 when there is none.
std::size_t utf8_length(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto lead = byte(0);
  const std::size_t length = lead < 0x80    ? 1
                             : lead >= 0xf0 ? 4
                             : lead >= 0xe0 ? 3
                             : lead >= 0xc2 ? 2
                                            : 0;
  if (length == 0 || lead > 0xf4 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  const bool overlong = (lead == 0xe0 && byte(1) < 0xa0) || (lead == 0xf0 && byte(1) < 0x90);
  const bool outside = (lead == 0xed && byte(1) >= 0xa0) || (lead == 0xf4 && byte(1) >= 0x90);
  return overlong || outside ? 0 : length;
}

/// `raw` with `mark` and two hexadecimal digits for each byte that is not UTF-8.
std::string mark_bad_bytes(std::string_view raw, const std::string& mark) {
  std::string out;
  while (!raw.empty()) {
    const auto length = utf8_length(raw);
    out +=
        length > 0 ? std::string(raw.substr(0, length)) : mark + to_hex(as_bytes(raw.substr(0, 1)));
    raw.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

void mark_paths(json& value, const std::string& mark) {
  if (value.is_object() && value.contains("path_bytes"))
    if (const auto raw = from_base64url(value["path_bytes"].get<std::string>()))
      value["path"] = mark_bad_bytes(as_text(*raw), mark);
  if (value.is_structured())
    for (auto& each : value) mark_paths(each, mark);
}

}  // namespace

std::string dump_document(json document) {
  // JSON text can carry what a JSON string of well-formed text cannot: so the escapes are put in afterwards.
  std::array<std::uint8_t, 16> random{};
  system_random().fill(random);
  const auto mark = to_base32(random);
  mark_paths(document, mark);
  auto text = document.dump(-1, ' ', false, json::error_handler_t::replace);
  for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at))
    text.replace(at, mark.size(), "\\udc");
  return text;
}

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
  widths.reserve(heading.size());
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
