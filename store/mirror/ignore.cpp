#include "store/mirror/ignore.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <utf8proc.h>

#include <array>
#include <cerrno>
#include <memory>

namespace keyfold::mirror {

namespace {

/// Where bytes that are no UTF-8 are put: no character has these numbers.
constexpr char32_t first_lone_byte = 0xdc00;

std::u32string decode(std::string_view text) {
  std::u32string out;
  const auto* at = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  for (auto left = static_cast<utf8proc_ssize_t>(text.size()); left > 0;) {
    utf8proc_int32_t character = -1;
    auto size = utf8proc_iterate(at, left, &character);
    if (size <= 0) {
      character = static_cast<utf8proc_int32_t>(first_lone_byte + *at);
      size = 1;
    }
    out.push_back(static_cast<char32_t>(character));
    at += size;
    left -= size;
  }
  return out;
}

bool is_in(char32_t c, std::string_view name) {
  const bool upper = c >= 'A' && c <= 'Z', lower = c >= 'a' && c <= 'z',
             digit = c >= '0' && c <= '9';
  if (name == "alpha") return upper || lower;
  if (name == "alnum") return upper || lower || digit;
  if (name == "digit") return digit;
  if (name == "upper") return upper;
  if (name == "lower") return lower;
  if (name == "blank") return c == ' ' || c == '\t';
  if (name == "space") return c == ' ' || (c >= '\t' && c <= '\r');
  if (name == "cntrl") return c < 0x20 || c == 0x7f;
  if (name == "graph") return c > 0x20 && c < 0x7f;
  if (name == "print") return c >= 0x20 && c < 0x7f;
  if (name == "punct") return c > 0x20 && c < 0x7f && !upper && !lower && !digit;
  return (c >= 'A' && c <= 'F') || (c >= 'a' && c <= 'f') || digit;  // xdigit
}

constexpr std::array<std::string_view, 12> classes{"alpha", "alnum", "digit", "upper",
                                                   "lower", "blank", "space", "cntrl",
                                                   "graph", "print", "punct", "xdigit"};

}  // namespace

std::u32string characters_of(std::string_view text) {
  utf8proc_uint8_t* composed = nullptr;
  const auto size =
      utf8proc_map(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                   static_cast<utf8proc_ssize_t>(text.size()), &composed,
                   static_cast<utf8proc_option_t>(UTF8PROC_STABLE | UTF8PROC_COMPOSE));
  const std::unique_ptr<utf8proc_uint8_t, decltype(&std::free)> owner(composed, &std::free);
  if (size < 0) return decode(text);
  return decode({reinterpret_cast<const char*>(composed), static_cast<std::size_t>(size)});
}

// --- reading a pattern
// ---------------------------------------------------------------------------------

/// Reads one line, without its end.
class pattern_reader {
 public:
  using rule = ignore_rules::rule;
  using segment = ignore_rules::segment;

  explicit pattern_reader(std::u32string text) : text_(std::move(text)) {}

  std::optional<rule> read() {
    trim();
    if (text_.empty() || text_.front() == U'#') return std::nullopt;
    rule out;
    out.takes_back = text_.front() == U'!';
    if (out.takes_back) ++at_;
    if (text_.size() > at_ && text_.back() == U'/') {
      out.folders_only = true;
      text_.pop_back();
    }
    out.anchored = text_.find(U'/', at_) != std::u32string::npos;
    if (at_ < text_.size() && text_[at_] == U'/') ++at_;
    if (at_ == text_.size() || !read_segments(out)) return std::nullopt;
    return out;
  }

 private:
  /// Drops a carriage return and spaces at the end, but not an escaped space.
  void trim() {
    if (!text_.empty() && text_.back() == U'\r') text_.pop_back();
    std::size_t end = 0;
    for (std::size_t i = 0; i < text_.size(); ++i) {
      if (text_[i] == U' ') continue;
      if (text_[i] == U'\\') ++i;  // with what it escapes
      end = i + 1;
    }
    text_.resize(std::min(end, text_.size()));
  }

  /// False for what matches nothing.
  bool read_segments(rule& out) {
    out.segments.emplace_back();
    std::size_t from = at_;
    const auto close = [&] {
      const auto written = std::u32string_view(text_).substr(from, at_ - from);
      out.segments.back().many = out.anchored && written.size() > 1 &&
                                 written.find_first_not_of(U'*') == std::u32string_view::npos;
    };
    while (at_ < text_.size()) {
      const bool escaped_slash =
          text_[at_] == U'\\' && at_ + 1 < text_.size() && text_[at_ + 1] == U'/';
      if (text_[at_] == U'/' || escaped_slash) {
        close();
        at_ += escaped_slash ? 2 : 1;
        from = at_;
        out.segments.emplace_back();
        continue;
      }
      if (!read_token(out.segments.back())) return false;
    }
    close();
    // At the end it stands for what is in the folder, not for the folder: at least one name.
    if (out.segments.back().many) {
      out.segments.emplace_back();
      out.segments.back().stars.set(0);
    }
    return true;
  }

  bool read_token(segment& out) {
    const auto c = text_[at_++];
    if (c == U'*') {
      out.stars.set(out.size);
      return true;
    }
    if (out.size == ignore_rules::longest_name) return false;  // longer than any name
    if (c == U'[') return read_set(out);
    if (c == U'\\' && at_ == text_.size()) return false;
    if (c == U'?')
      out.any.set(out.size);
    else
      out.literals[c == U'\\' ? text_[at_++] : c].set(out.size);
    ++out.size;
    return true;
  }

  /// After the "[". As git reads it: a "]" that comes first is in the set.
  bool read_set(segment& out) {
    ignore_rules::character_set set;
    set.place = out.size;
    if (at_ < text_.size() && (text_[at_] == U'!' || text_[at_] == U'^')) {
      set.negated = true;
      ++at_;
    }
    std::optional<char32_t> before;  // what a range may begin with
    for (bool first = true;; first = false) {
      if (at_ == text_.size()) return false;
      if (text_[at_] == U']' && !first) break;
      const bool range =
          text_[at_] == U'-' && before && at_ + 1 < text_.size() && text_[at_ + 1] != U']';
      if (range) ++at_;
      if (!range && text_[at_] == U'[' && at_ + 1 < text_.size() && text_[at_ + 1] == U':') {
        const auto named = read_class(set);
        if (!named) return false;
        if (*named) {
          before.reset();
          continue;
        }
      }
      if (text_[at_] == U'\\' && ++at_ == text_.size()) return false;
      const auto c = text_[at_++];
      set.ranges.emplace_back(range ? *before : c, c);
      before = range ? std::nullopt : std::optional(c);
    }
    ++at_;
    out.sets.push_back(std::move(set));
    ++out.size;
    return true;
  }

  /// At "[:". False when no ":]" follows, so that "[" is a character as others; nullopt for an unknown name.
  std::optional<bool> read_class(ignore_rules::character_set& set) {
    const auto end = text_.find(U']', at_ + 2);
    if (end == std::u32string::npos) return std::nullopt;
    if (end < at_ + 3 || text_[end - 1] != U':') return false;
    const std::string name(text_.begin() + static_cast<std::ptrdiff_t>(at_) + 2,
                           text_.begin() + static_cast<std::ptrdiff_t>(end) - 1);
    if (std::find(classes.begin(), classes.end(), name) == classes.end()) return std::nullopt;
    for (char32_t c = 0; c < 0x80; ++c)
      if (is_in(c, name)) set.ranges.emplace_back(c, c);
    at_ = end + 1;
    return true;
  }

  std::u32string text_;
  std::size_t at_ = 0;
};

ignore_rules ignore_rules::parse(std::string_view text, std::size_t most) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  ignore_rules out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    auto found = pattern_reader(characters_of(text.substr(0, end))).read();
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!found) continue;
    if (out.rules_.size() == most) {
      out.cut_ = true;
      break;
    }
    out.rules_.push_back(std::move(*found));
  }
  return out;
}

// --- matching
// ------------------------------------------------------------------------------------------

/// Where in the pattern `c` may stand.
ignore_rules::places ignore_rules::places_of(const segment& s, char32_t c) {
  auto out = s.any;
  if (const auto found = s.literals.find(c); found != s.literals.end()) out |= found->second;
  for (const auto& set : s.sets) {
    const bool within = std::any_of(set.ranges.begin(), set.ranges.end(), [&](const auto& range) {
      return range.first <= c && c <= range.second;
    });
    if (within != set.negated) out.set(set.place);
  }
  return out;
}

bool ignore_rules::matches(const segment& s, std::u32string_view name) {
  if (name.size() < s.size || (name.size() > s.size && s.stars.none())) return false;
  const bool open_end = s.stars.test(s.size);
  places reached;  // bit i: what is read so far is matched by what stands before place i
  reached.set(0);
  for (const auto c : name) {
    reached = ((reached & places_of(s, c)) << 1) | (reached & s.stars);
    if (reached.none()) return false;
    if (open_end && reached.test(s.size)) return true;
  }
  return reached.test(s.size);
}

/// Only the last "**" is ever tried anew: what stands before it has matched as early as it can, which leaves the
/// most to the rest. So it takes at most segments x names steps.
bool ignore_rules::matches(const rule& r, std::span<const std::u32string> path) {
  if (!r.anchored) return matches(r.segments.front(), path.back());
  std::size_t part = 0, name = 0;
  std::optional<std::size_t> many;
  std::size_t resumed = 0;  // the names that it stands for end here
  while (name < path.size()) {
    const bool more = part < r.segments.size();
    if (more && r.segments[part].many) {
      many = part++;
      resumed = name;
    } else if (more && matches(r.segments[part], path[name])) {
      ++part;
      ++name;
    } else if (many) {
      part = *many + 1;
      name = ++resumed;
    } else {
      return false;
    }
  }
  while (part < r.segments.size() && r.segments[part].many) ++part;
  return part == r.segments.size();
}

std::optional<bool> ignore_rules::judge(std::span<const std::u32string> path,
                                        bool is_folder) const {
  for (auto each = rules_.rbegin(); each != rules_.rend(); ++each)
    if ((is_folder || !each->folders_only) && matches(*each, path)) return !each->takes_back;
  return std::nullopt;
}

// --- the rules of a folder
// -----------------------------------------------------------------------------

// Only names that nobody gives to a file of his own: a temporary file that travels does less harm than a
// file that does not. So neither `*.tmp`, `*.bak` and `*.part` are here, nor `._*` (what macOS keeps of a
// file where the file system cannot is the user's data too).
std::string_view default_ignore_text() {
  return R"(# editors
?*~
.*.sw[g-p]
.sw[g-p]
.#?*
\#?*#
.*.kate-swp
.goutputstream-??????
?*___jb_tmp___
?*___jb_old___
# offices
~$?*
.~lock.?*#
# downloads under way
?*.crdownload
?*.filepart
# file systems
.nfs[0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f][0-9a-f]*
.fuse_hidden[0-9a-f]*
# systems
.DS_Store
.apdisk
Thumbs.db
[Dd]esktop.ini
# all of these were files; of folders only:
!*/
.Trash-[0-9]*/
.Trashes/
.Spotlight-V100/
.fseventsd/
.TemporaryItems/
$RECYCLE.BIN/
System Volume Information/
/lost+found/
)";
}

void ignore_chain::enter(const local_path& folder) {
  const auto names = names_of(folder);
  std::size_t kept = 0;
  while (kept < names.size() && kept + 1 < levels_.size() && levels_[kept + 1].name == names[kept])
    ++kept;
  if (levels_.empty()) descend("", "");
  levels_.resize(kept + 1);
  names_.resize(kept);
  local_path at;
  for (std::size_t i = 0; i < names.size(); ++i) {
    at = join(at, names[i]);
    if (i >= kept) descend(at, names[i]);
  }
}

void ignore_chain::descend(const local_path& folder, const std::string& name) {
  level next;
  next.name = name;
  std::size_t rules = 0;
  for (const auto& above : levels_) rules += above.rules.size();
  if (!levels_.empty()) {
    next.outside = judge(name, true);
    names_.push_back(characters_of(name));
  }
  if (!next.outside) {
    const auto file = read_(folder);
    next.rules = ignore_rules::parse(file.text, most_ignore_rules - rules);
    next.cut = file.cut || next.rules.cut();
    if (file.unreadable) next.outside = ignore_reason::unreadable;
  }
  levels_.push_back(std::move(next));
}

std::optional<ignore_reason> ignore_chain::judge(std::string_view name, bool is_folder) const {
  static const auto defaults = ignore_rules::parse(default_ignore_text());
  if (levels_.back().outside) return levels_.back().outside;
  if (name == ignore_file_name && !is_folder) return std::nullopt;
  auto path = names_;
  path.push_back(characters_of(name));
  for (auto depth = levels_.size(); depth-- > 0;) {
    const auto verdict = levels_[depth].rules.judge(std::span(path).subspan(depth), is_folder);
    if (verdict) return *verdict ? std::optional(ignore_reason::ignore_file) : std::nullopt;
  }
  return defaults.judge(path, is_folder).value_or(false)
             ? std::optional(ignore_reason::ignore_default)
             : std::nullopt;
}

ignore_file read_ignore_file_of(const root& r, const local_path& folder) {
  ignore_file out;
  const auto file = r.open_path(join(folder, ignore_file_name), O_RDONLY | O_NONBLOCK);
  if (!file) {
    out.unreadable = file.error().code != errc::not_found && file.error().code != errc::unsafe_path;
    return out;
  }
  const auto seen = look(file->get());
  if (seen && (seen->facts.kind != node_kind::file || seen->odd != oddity::none)) return out;
  std::string text(ignore_file_size + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const auto n = ::read(file->get(), text.data() + size, text.size() - size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) out.unreadable = true;
    if (n <= 0) break;
    size += static_cast<std::size_t>(n);
  }
  text.resize(size);
  if (size > ignore_file_size) {
    out.cut = true;
    text.pop_back();
    text.resize(text.rfind('\n') + 1);  // none: nothing is left
  }
  out.text = std::move(text);
  return out;
}

}  // namespace keyfold::mirror
