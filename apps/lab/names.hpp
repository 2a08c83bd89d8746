// The ends of a lab's links: its devices, a letter for the user and a number (a1, a2, b1), and `relay`.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "crypto/error.hpp"

namespace keyfold::apps::lab {

inline constexpr unsigned most_users = 26;
inline constexpr unsigned most_devices = 9;  ///< of one user
inline constexpr auto relay_name = "relay";

/// a1, a2, … b1, …: as many as that.
[[nodiscard]] std::vector<std::string> device_names(unsigned users, unsigned devices);

/// What `text` means among `devices`: names, users' letters (all of their devices), `relay` and `all`
/// (every device), with commas between; each end once. `errc::usage`.
[[nodiscard]] expected<std::vector<std::string>> ends_of(const std::string& text,
                                                         const std::vector<std::string>& devices);

/// The two ends of a link, in the order of their names.
using link_ends = std::pair<std::string, std::string>;
[[nodiscard]] link_ends link_between(const std::string& a, const std::string& b);
/// Every link from one of `a` to one of `b`; an empty `b` means every end that is not in `a`.
[[nodiscard]] std::vector<link_ends> links_between(const std::vector<std::string>& a,
                                                   const std::vector<std::string>& b,
                                                   const std::vector<std::string>& devices);

}  // namespace keyfold::apps::lab
