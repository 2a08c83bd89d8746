// Processes of a lab: those that go on in the background, each with a record that tells it from a later one with its
// number, and commands that are waited for.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "store/db/file.hpp"

namespace keyfold::apps::lab {

using json = nlohmann::json;
using deadline = std::chrono::steady_clock::time_point;
[[nodiscard]] deadline in(std::chrono::milliseconds time);
/// The interval between two looks at what has no event to await.
void pause_a_little();

/// A process that runs; its number cannot come to mean another one as long as this lives.
class process {
 public:
  /// nullopt when none has that number, or it has ended.
  [[nodiscard]] static std::optional<process> with_id(pid_t id);
  /// The one that a record names, if it still runs.
  [[nodiscard]] static std::optional<process> recorded(const std::filesystem::path& record);
  [[nodiscard]] pid_t id() const { return id_; }
  void signal(int number) const;
  /// False when it has not ended by then.
  [[nodiscard]] bool wait(deadline until) const;
  /// Asks it to end, and makes it after `patience`.
  void end(std::chrono::milliseconds patience) const;

 private:
  process(pid_t id, db::file handle) : id_(id), handle_(std::move(handle)) {}
  pid_t id_;
  db::file handle_;
};

/// Notes that process `id` is the one of that record.
[[nodiscard]] expected<void> write_record(const std::filesystem::path& record, pid_t id);

/// Starts a program that goes on when this one has ended, with its record (there before the program is) and its
/// standard error in `log`. Gives its first line of standard output, a JSON document: it is ready then.
/// `errc::timed_out`, or `errc::cancelled` when it ended before.
[[nodiscard]] expected<json> start_in_background(const std::vector<std::string>& arguments,
                                                 const std::filesystem::path& record,
                                                 const std::filesystem::path& log, deadline until);

/// A program that we wait for, and may talk with in lines; it is ended with us.
class child {
 public:
  /// `log` gets its standard error.
  [[nodiscard]] static expected<child> start(const std::vector<std::string>& arguments,
                                             const std::filesystem::path& log);
  child(child&& other) noexcept;
  child& operator=(child&&) = delete;
  ~child();

  [[nodiscard]] expected<void> say(const std::string& line);
  /// The next line of its standard output, without the end; nullopt when there are no more.
  /// `errc::timed_out`.
  [[nodiscard]] expected<std::optional<std::string>> line(deadline until);
  /// Waits for its end; gives its exit code, 128 and more for a signal. `errc::timed_out`.
  [[nodiscard]] expected<int> wait(deadline until);

 private:
  child(pid_t id, db::file handle, db::file input, db::file output)
      : id_(id), handle_(std::move(handle)), input_(std::move(input)), output_(std::move(output)) {}
  pid_t id_;  ///< 0: it has ended
  db::file handle_, input_, output_;
  std::string held_;
};

/// The path of a program that lies beside this one, else its name.
[[nodiscard]] std::string program(const std::string& name);

}  // namespace keyfold::apps::lab
