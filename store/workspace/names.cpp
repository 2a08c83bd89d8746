#include "store/workspace/names.hpp"

#include <array>
#include <chrono>
#include <cstdio>

#include "store/workspace/operation.hpp"

namespace keyfold::workspace {
namespace {

constexpr std::size_t longest_character = 4;
constexpr std::size_t device_characters = 4;
constexpr std::size_t node_characters = 8;

/// Where EXT begins; the name's size when there is none.
std::size_t extension_of(std::string_view name) {
  constexpr std::string_view tar = ".tar";
  const auto dot = name.rfind('.');
  if (dot == name.npos || dot == 0) return name.size();
  const auto before = name.substr(0, dot);
  if (before.size() > tar.size() && before.ends_with(tar)) return dot - tar.size();
  return dot;
}

std::string with_suffix(std::string_view name, std::string_view suffix) {
  auto border = extension_of(name);
  if (name.size() - border + suffix.size() + longest_character > max_name_size)
    border = name.size();
  auto stem = name.substr(0, border);
  const auto extension = name.substr(border);
  const auto room = max_name_size - suffix.size() - extension.size();
  if (stem.size() > room) {
    auto cut = room;
    while (cut > 0 && (static_cast<unsigned char>(stem[cut]) & 0xc0U) == 0x80U) --cut;
    stem = stem.substr(0, cut);
  }
  std::string out(stem);
  out += suffix;
  out += extension;
  return out;
}

std::string minute_of(std::int64_t ms) {
  using namespace std::chrono;
  const auto time = sys_time<milliseconds>(milliseconds(ms));
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(time - day);
  std::array<char, 64> text{};
  const auto size = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02u %02d.%02dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

}  // namespace

std::string conflict_name(std::string_view name, device_id author, std::int64_t written_ms,
                          std::uint64_t number) {
  auto suffix =
      " (conflict, " + to_text(author).substr(0, device_characters) + ", " + minute_of(written_ms);
  if (number > 1) suffix += ", " + std::to_string(number);
  return with_suffix(name, suffix + ")");
}

std::string nameless_file(node_id node) {
  return "file " + to_text(node).substr(0, node_characters);
}

std::string numbered_name(std::string_view name, std::uint64_t number) {
  return with_suffix(name, " (" + std::to_string(number) + ")");
}

bool may_be_made_up(std::string_view name) {
  const auto open = name.find(" (");
  return open != name.npos && name.find(')', open) != name.npos;
}

}  // namespace keyfold::workspace
