#include "apps/lab/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <sstream>

namespace keyfold::apps::lab {
namespace {

constexpr std::size_t most_bytes = 4096;
constexpr std::chrono::milliseconds last_patience{5'000};

// By number, since glibc 2.36 declares these two without C linkage.
int open_process(pid_t id) {
  return static_cast<int>(syscall(SYS_pidfd_open, id, 0));
}
void send_signal(int handle, int number) {
  syscall(SYS_pidfd_send_signal, handle, number, nullptr, 0);
}

int milliseconds_to(deadline until) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
      until - std::chrono::steady_clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000'000));
}

/// False when nothing can be read before `until`.
bool readable(int fd, deadline until) {
  pollfd wait{fd, POLLIN, 0};
  return poll(&wait, 1, milliseconds_to(until)) > 0;
}

/// The first line of a file of the system's, whose size it does not tell.
std::string line_of(const std::string& path) {
  std::ifstream in(path);
  std::string out;
  std::getline(in, out);
  return out;
}

/// When a process started, in ticks since the system did: the 22nd field of its stat.
std::uint64_t start_of(pid_t id) {
  const auto text = line_of("/proc/" + std::to_string(id) + "/stat");
  const auto name_end = text.rfind(')');  // the name may hold anything
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int field = 3; field < 22; ++field) fields >> skipped;
  std::uint64_t out = 0;
  fields >> out;
  return out;
}

/// Which run of the system this is.
std::string boot() {
  return line_of("/proc/sys/kernel/random/boot_id");
}

std::vector<char*> pointers(std::vector<std::string>& arguments) {
  std::vector<char*> out;
  out.reserve(arguments.size() + 1);
  for (auto& each : arguments) out.push_back(each.data());
  out.push_back(nullptr);
  return out;
}

/// In the child: the program, in our place.
[[noreturn]] void become(std::vector<std::string> arguments, int input, int output,
                         const std::filesystem::path& log) {
  const int error = open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, S_IRUSR | S_IWUSR);
  dup2(input, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  if (error >= 0) dup2(error, STDERR_FILENO);
  std::signal(SIGPIPE, SIG_DFL);  // which we ignore
  auto argv = pointers(arguments);
  execvp(argv[0], argv.data());
  _exit(127);
}

struct pipe_ends {
  db::file read, write;
};
expected<pipe_ends> make_pipe() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) return db::fail_from_errno("cannot make a pipe");
  return pipe_ends{db::file(ends[0]), db::file(ends[1])};
}

/// A line that `fd` says, from `held` on; nullopt at the end.
expected<std::optional<std::string>> read_line(int fd, std::string& held, deadline until) {
  for (;;) {
    if (const auto end = held.find('\n'); end != std::string::npos) {
      auto line = held.substr(0, end);
      held.erase(0, end + 1);
      return std::optional(std::move(line));
    }
    if (!readable(fd, until)) return fail(errc::timed_out, "no answer in time");
    std::array<char, most_bytes> piece{};
    const auto got = read(fd, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::optional<std::string>();
    held.append(piece.data(), static_cast<std::size_t>(got));
  }
}

}  // namespace

void pause_a_little() {
  constexpr int interval = 50;  // milliseconds
  poll(nullptr, 0, interval);
}

deadline in(std::chrono::milliseconds time) {
  return std::chrono::steady_clock::now() + time;
}

// -- processes ------------------------------------------------------------------------------------

std::optional<process> process::with_id(pid_t id) {
  if (id <= 1) return std::nullopt;
  db::file handle(open_process(id));
  if (!handle) return std::nullopt;
  process out(id, std::move(handle));
  if (out.wait(in(std::chrono::milliseconds(0)))) return std::nullopt;
  return out;
}

std::optional<process> process::recorded(const std::filesystem::path& record) {
  const auto read = db::read_file(record.string(), most_bytes);
  if (!read) return std::nullopt;
  const auto noted = json::parse(read->begin(), read->end(), nullptr, false);
  if (!noted.is_object() || !noted.value("pid", json()).is_number_integer()) return std::nullopt;
  auto found = with_id(noted["pid"].get<pid_t>());
  // Looked at once the number cannot change its meaning.
  if (!found || noted.value("boot", "") != boot() ||
      noted.value("started", std::uint64_t{0}) != start_of(found->id()))
    return std::nullopt;
  return found;
}

void process::signal(int number) const {
  send_signal(handle_.get(), number);
}

bool process::wait(deadline until) const {
  if (!readable(handle_.get(), until)) return false;
  waitpid(id_, nullptr, WNOHANG);  // where it is a child of ours
  return true;
}

void process::end(std::chrono::milliseconds patience) const {
  signal(SIGTERM);
  if (wait(in(patience))) return;
  signal(SIGKILL);
  (void)wait(in(last_patience));
}

expected<void> write_record(const std::filesystem::path& record, pid_t id) {
  const json noted{{"pid", id}, {"started", start_of(id)}, {"boot", boot()}};
  return db::replace_file(record.string(), as_bytes(noted.dump() + "\n"));
}

expected<json> start_in_background(const std::vector<std::string>& arguments,
                                   const std::filesystem::path& record,
                                   const std::filesystem::path& log, deadline until) {
  KEYFOLD_TRY(auto output, make_pipe());
  const db::file nothing(open("/dev/null", O_RDONLY | O_CLOEXEC));
  const pid_t id = fork();
  if (id < 0) return db::fail_from_errno("cannot start a process");
  if (id == 0) {
    setsid();
    if (!write_record(record, getpid())) _exit(126);
    become(arguments, nothing.get(), output.write.get(), log);
  }
  output.write = db::file();
  std::string held;
  const auto line = read_line(output.read.get(), held, until);
  const auto said = line && *line ? json::parse(**line, nullptr, false) : json();
  if (said.is_object()) return said;
  if (const auto started = process::with_id(id)) started->end(std::chrono::milliseconds(0));
  waitpid(id, nullptr, WNOHANG);
  if (!line) return fail(line.error().code, arguments.front() + ": " + line.error().message);
  return fail(errc::cancelled, arguments.front() + " did not start; see " + log.string());
}

// -- children -------------------------------------------------------------------------------------

expected<child> child::start(const std::vector<std::string>& arguments,
                             const std::filesystem::path& log) {
  KEYFOLD_TRY(auto input, make_pipe());
  KEYFOLD_TRY(auto output, make_pipe());
  const pid_t parent = getpid();
  const pid_t id = fork();
  if (id < 0) return db::fail_from_errno("cannot start a process");
  if (id == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(126);
    become(arguments, input.read.get(), output.write.get(), log);
  }
  return child(id, db::file(open_process(id)), std::move(input.write), std::move(output.read));
}

child::child(child&& other) noexcept
    : id_(std::exchange(other.id_, 0)),
      handle_(std::move(other.handle_)),
      input_(std::move(other.input_)),
      output_(std::move(other.output_)),
      held_(std::move(other.held_)) {}

child::~child() {
  if (id_ == 0) return;
  kill(id_, SIGKILL);
  waitpid(id_, nullptr, 0);
}

expected<void> child::say(const std::string& line) {
  return db::write_all(input_, as_bytes(line + "\n"));
}

expected<std::optional<std::string>> child::line(deadline until) {
  return read_line(output_.get(), held_, until);
}

expected<int> child::wait(deadline until) {
  if (!readable(handle_.get(), until)) return fail(errc::timed_out, "a program does not end");
  int status = 0;
  waitpid(std::exchange(id_, 0), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

std::string program(const std::string& name) {
  std::error_code problem;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", problem);
  const auto beside = self.parent_path() / name;
  return !problem && std::filesystem::exists(beside, problem) ? beside.string() : name;
}

}  // namespace keyfold::apps::lab
