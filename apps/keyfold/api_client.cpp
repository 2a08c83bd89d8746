#include "apps/keyfold/api_client.hpp"

#include <fcntl.h>
#include <httplib.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>

namespace keyfold::apps {
namespace {

constexpr auto start_deadline = std::chrono::seconds(20);

error error_of(const std::string& body) {
  const auto document = json::parse(body, nullptr, false);
  if (!document.is_object() || !document.contains("error"))
    return {errc::internal, "the agent's answer is not readable"};
  const auto& e = document["error"];
  return {errc_from_string(e.value("code", "")), e.value("message", "")};
}

error no_answer(httplib::Error problem, bool in_time) {
  if (problem == httplib::Error::Read && !in_time)
    return {errc::timed_out, "the agent did not answer in time"};
  if (problem == httplib::Error::Read)
    return {errc::agent_not_running,
            "the agent ended before it answered; whether it did what was asked is not known"};
  return {errc::agent_not_running, "the agent does not answer; start it with: keyfold agent start"};
}

/// What goes to the agent: JSON has no bytes that are not UTF-8, and nothing may be put in their place.
expected<std::string> body_of(const json& parameters) {
  try {
    return parameters.dump();
  } catch (const json::type_error&) {
    return fail(errc::usage, "an argument (or the password) is not UTF-8; write it as UTF-8 text");
  }
}

bool connects(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.c_str(), std::min(path.size(), sizeof address.sun_path - 1));
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return false;
  const bool ok = connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(fd);
  return ok;
}

std::string agent_program() {
  std::error_code problem;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", problem);
  const auto beside = self.parent_path() / "keyfold-agent";
  return !problem && std::filesystem::exists(beside, problem) ? beside.string() : "keyfold-agent";
}

/// Starts the agent apart from this terminal. It closes its end of the pipe given by --ready-fd
/// once it serves; a byte before that means that it could not start.
expected<int> spawn_agent(const home_paths& home, const std::vector<std::string>& options) {
  std::array<int, 2> ready{};
  if (pipe2(ready.data(), O_CLOEXEC) != 0) return fail(errc::io_failed, "cannot make a pipe");
  const auto program = agent_program();
  std::vector<std::string> arguments{program, "run", "--ready-fd", "3"};
  if (home.config == home.data) arguments.insert(arguments.end(), {"--home", home.data.string()});
  arguments.insert(arguments.end(), options.begin(), options.end());
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);

  const pid_t child = fork();
  if (child < 0) return fail(errc::io_failed, "cannot start a process");
  if (child == 0) {
    setsid();
    if (fork() != 0) _exit(0);
    const int null = open("/dev/null", O_RDWR);
    const int log = open(home.log().c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    const int end = fcntl(ready[1], F_DUPFD, 10);  // 3 may be the pipe itself
    dup2(null, 0);
    dup2(null, 1);
    dup2(log >= 0 ? log : null, 2);
    dup2(end, 3);
    close(end);
    close_range(4, ~0U, 0);
    execvp(argv[0], argv.data());
    const char failed = 'x';
    (void)!write(3, &failed, 1);
    _exit(127);
  }
  close(ready[1]);
  waitpid(child, nullptr, 0);
  return ready[0];
}

/// Held by who starts an agent, so that two who do so at once do not meet in one home. Waits for it.
/// Without the file (a full disk, say) it holds nothing: the agent then says what is wrong, and its own
/// database lock still lets only one of them live.
class start_lock {
 public:
  explicit start_lock(const home_paths& home)
      : file_(open((home.data / "agent.start.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    while (file_ >= 0 && flock(file_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  start_lock(const start_lock&) = delete;
  start_lock& operator=(const start_lock&) = delete;
  ~start_lock() {
    if (file_ >= 0) close(file_);
  }

 private:
  int file_;
};

}  // namespace

expected<json> api_client::check_home(const std::vector<std::string>& options) {
  const auto program = agent_program();
  std::vector<std::string> arguments{program, "check"};
  if (home_.config == home_.data)
    arguments.insert(arguments.end(), {"--home", home_.data.string()});
  arguments.insert(arguments.end(), options.begin(), options.end());
  std::vector<char*> argv;
  argv.reserve(arguments.size() + 1);
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  std::array<int, 2> output{};
  if (pipe2(output.data(), O_CLOEXEC) != 0) return fail(errc::io_failed, "cannot make a pipe");
  const pid_t child = fork();
  if (child < 0) return fail(errc::io_failed, "cannot start a process");
  if (child == 0) {
    dup2(output[1], STDOUT_FILENO);
    execvp(argv[0], argv.data());
    _exit(127);
  }
  close(output[1]);
  std::string said;
  std::array<char, 4096> piece{};
  for (ssize_t n = 0; (n = read(output[0], piece.data(), piece.size())) > 0;)
    said.append(piece.data(), static_cast<std::size_t>(n));
  close(output[0]);
  waitpid(child, nullptr, 0);
  auto document = json::parse(said, nullptr, false);
  if (!document.is_array())
    return fail(errc::agent_not_running,
                program + " could not look at the home; see what it said above");
  return document;
}

bool api_client::running() {
  const auto socket = socket_path::in(home_.data, "agent.sock");
  return socket && connects(socket->path());
}

expected<void> api_client::start(const std::vector<std::string>& options) {
  if (running()) return {};
  KEYFOLD_CHECK(make_home(home_));
  const start_lock lock(home_);
  if (running()) return {};
  KEYFOLD_TRY(const int ready, spawn_agent(home_, options));
  pollfd wait{ready, POLLIN, 0};
  const auto count =
      poll(&wait, 1, static_cast<int>(std::chrono::milliseconds(start_deadline).count()));
  char failed = 0;
  const bool died = count > 0 && read(ready, &failed, 1) == 1;
  close(ready);
  if (count <= 0)
    return fail(errc::timed_out, "the agent did not start in time; see " + home_.log().string());
  if (died || !running())
    return fail(errc::agent_not_running, "the agent could not start; see " + home_.log().string());
  return {};
}

expected<void> api_client::ensure_running() {
  if (running()) return {};
  if (!autostart_)
    return fail(errc::agent_not_running,
                "the agent does not run; start it with: keyfold agent start");
  return start({});
}

expected<json> api_client::call(const std::string& method, const json& parameters,
                                std::chrono::seconds timeout) {
  KEYFOLD_TRY(const auto body, body_of(parameters));
  KEYFOLD_CHECK(ensure_running());
  KEYFOLD_TRY(const auto socket, socket_path::in(home_.data, "agent.sock"));
  httplib::Client client(socket.path());
  client.set_address_family(AF_UNIX);
  const auto patience = timeout + std::chrono::seconds(5);
  client.set_read_timeout(patience);
  const auto deadline = std::chrono::steady_clock::now() + patience;
  const auto answer = client.Post("/v1/" + method, body, "application/json");
  if (!answer) {
    const bool in_time = std::chrono::steady_clock::now() < deadline;
    return tl::unexpected(no_answer(answer.error(), in_time));
  }
  if (answer->status != 200) return tl::unexpected(error_of(answer->body));
  auto document = json::parse(answer->body, nullptr, false);
  if (document.is_discarded()) return fail(errc::internal, "the agent's answer is not readable");
  return document;
}

expected<void> api_client::stream(const std::string& method, const json& parameters,
                                  const std::function<bool(bytes_view)>& sink) {
  KEYFOLD_TRY(const auto body, body_of(parameters));
  KEYFOLD_CHECK(ensure_running());
  KEYFOLD_TRY(const auto socket, socket_path::in(home_.data, "agent.sock"));
  httplib::Client client(socket.path());
  client.set_address_family(AF_UNIX);
  client.set_read_timeout(std::chrono::seconds(300));
  httplib::Request request;
  request.method = "POST";
  request.path = "/v1/" + method;
  request.body = body;
  request.headers = {{"Content-Type", "application/json"}};
  int status = 0;
  std::string refusal;
  request.response_handler = [&](const httplib::Response& response) {
    status = response.status;
    return true;
  };
  request.content_receiver = [&](const char* data, std::size_t size, std::uint64_t, std::uint64_t) {
    if (status == 200) return sink(as_bytes({data, size}));
    refusal.append(data, size);
    return refusal.size() < 65'536;
  };
  const auto answer = client.send(request);
  if (status != 0 && status != 200) return tl::unexpected(error_of(refusal));
  if (!answer) return fail(errc::io_failed, "the content broke off; see: keyfold status");
  return {};
}

}  // namespace keyfold::apps
