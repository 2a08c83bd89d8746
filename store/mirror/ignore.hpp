// Which new things in a mirror stay on this device: rules in the syntax of .gitignore, read from the files
// `.keyfoldignore` of the mirror and of its folders, above built-in ones for temporary files of editors and
// systems (pure).
//
//   line    := "" | "#" TEXT | ["!"] pattern       spaces at its end do not count, but for `\ `
//   pattern := ["/"] segment *("/" segment) ["/"]  ending with "/": folders only
//   segment := "**" | *(character | "?" | "*" | "[" ["!"] set "]" | "\" character)
//
// A pattern with a "/" at its beginning or within is matched from the folder of its file on; any other
// against the name alone, at any depth. The last rule that matches decides, and that of the nearest
// folder before those above it; "!" takes back. What lies in a folder that is left out cannot be taken
// back. As in git, but that "?" and sets match a character rather than a byte, and names and patterns
// are compared composed (NFC).
//
// What is in the workspace already stays in it, whatever the rules say: local_planner asks them about new
// things only. Nor do they keep anything away that comes from others.
//
// No library: libgit2 answers for a repository and reads the files by itself, at any size; fnmatch(3) depends
// on the locale, does not know "**", and may take exponential time. Here no rules take long: a name is
// read once for each pattern.
#pragma once

#include <bitset>
#include <functional>
#include <map>
#include <optional>
#include <set>

#include "store/mirror/scan.hpp"

namespace keyfold::mirror {

/// Only so much of an ignore file counts, in bytes, up to the last whole line.
inline constexpr std::size_t ignore_file_size = std::size_t{64} * 1024;
/// So many rules may hold for one folder: those of its file and of the files above it.
inline constexpr std::size_t most_ignore_rules = 2000;

/// A name as characters, composed; a byte that is not UTF-8 is a character of its own.
[[nodiscard]] std::u32string characters_of(std::string_view text);

/// The rules of one ignore file.
class ignore_rules {
 public:
  /// Every text is one; a line that is no pattern, such as one with a "[" that is not closed, matches nothing.
  [[nodiscard]] static ignore_rules parse(std::string_view text,
                                          std::size_t most = most_ignore_rules);

  /// What the last rule that matches says: true to leave it out, false to take it; nullopt if none
  /// does. `path` are the names from the file's folder on, at least one.
  [[nodiscard]] std::optional<bool> judge(std::span<const std::u32string> path,
                                          bool is_folder) const;
  [[nodiscard]] std::size_t size() const { return rules_.size(); }
  /// True when there were more than may be.
  [[nodiscard]] bool cut() const { return cut_; }

 private:
  static constexpr std::size_t longest_name = 255;  ///< characters; no name has more
  using places = std::bitset<longest_name + 1>;
  struct character_set {
    std::size_t place = 0;
    bool negated = false;
    std::vector<std::pair<char32_t, char32_t>> ranges;  ///< both ends are in it
  };
  /// A pattern for one name: what stands at its places 0, 1, ... but for the stars, which are kept apart. All
  /// ways to match are followed at once, a bit each (see matches), so that no pattern takes long.
  struct segment {
    bool many = false;  ///< "**": any number of names
    std::size_t size = 0;
    std::map<char32_t, places> literals;  ///< where a character stands
    places any;                           ///< where any may stand
    std::vector<character_set> sets;
    places stars;  ///< before which a "*" stands; `size`: at the end
  };
  struct rule {
    bool takes_back = false;
    bool folders_only = false;
    bool anchored = false;
    std::vector<segment> segments;
  };
  friend class pattern_reader;

  [[nodiscard]] static places places_of(const segment& s, char32_t c);
  [[nodiscard]] static bool matches(const segment& s, std::u32string_view name);
  [[nodiscard]] static bool matches(const rule& r, std::span<const std::u32string> path);

  std::vector<rule> rules_;
  bool cut_ = false;
};

/// The built-in rules, as the text of an ignore file.
[[nodiscard]] std::string_view default_ignore_text();

/// What a folder's ignore file says.
struct ignore_file {
  std::string text;         ///< at most ignore_file_size bytes; empty where there is no file
  bool cut = false;         ///< the file is longer
  bool unreadable = false;  ///< it is there: then nothing new in its folder may leave
};
using read_ignore_file = std::function<ignore_file(const local_path& folder)>;

/// The rules that hold in one folder at a time. Files are read once for each folder entered, and again
/// when it is entered after another that does not lie within it; so folders are best entered in the
/// order of a scan.
class ignore_chain {
 public:
  explicit ignore_chain(read_ignore_file read) : read_(std::move(read)) {}

  void enter(const local_path& folder);
  /// Why something new of that name in the folder entered stays here; nullopt: it travels.
  [[nodiscard]] std::optional<ignore_reason> judge(std::string_view name, bool is_folder) const;
  /// True when the entered folder's own file was longer than what counts of it.
  [[nodiscard]] bool cut() const { return levels_.back().cut; }

 private:
  struct level {
    std::string name;    ///< of the folder on disk; "" for the root
    ignore_rules rules;  ///< of its own file
    bool cut = false;
    std::optional<ignore_reason> outside;  ///< why nothing new in it travels
  };
  void descend(const local_path& folder, const std::string& name);

  read_ignore_file read_;
  std::vector<level> levels_;
  std::vector<std::u32string> names_;  ///< of the folder entered, outermost first
};

/// Reads a folder's ignore file beneath the root; no symlink is followed, and what is no file counts as none.
[[nodiscard]] ignore_file read_ignore_file_of(const root& r, const local_path& folder);

}  // namespace keyfold::mirror
