// Talking to a person or a script: tables, errors, passwords, lines of standard input.
#pragma once

#include <iosfwd>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "crypto/secret.hpp"

namespace keyfold::apps {

using json = nlohmann::json;

/// One line of standard input without its end; nullopt at the end of input.
[[nodiscard]] std::optional<std::string> read_line();

/// The first line of `file` (`-`: the next line of standard input), or what is typed at a prompt on
/// the terminal, twice and equal when `confirm`. `errc::usage` with neither.
[[nodiscard]] expected<secret_buffer> read_password(const std::optional<std::string>& file,
                                                    bool confirm);

/// A yes or no on the terminal; `errc::usage` without a terminal.
[[nodiscard]] expected<bool> ask(const std::string& question);

/// Columns of text, aligned, with a heading.
void print_table(const std::vector<std::string>& heading,
                 const std::vector<std::vector<std::string>>& rows);

/// The text of a document for standard output. A `path` with `path_bytes` (base64) beside it is written with
/// `\\udcXX` for each byte that is not UTF-8 (CLI.md), as Python's surrogateescape does.
[[nodiscard]] std::string dump_document(json document);

/// Text of a JSON value for a table: strings as they are (control characters shown as ?), null as
/// "-".
[[nodiscard]] std::string cell(const json& value);

}  // namespace keyfold::apps
