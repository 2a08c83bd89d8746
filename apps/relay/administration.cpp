#include "apps/relay/administration.hpp"

#include <httplib.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "apps/common/home.hpp"

namespace keyfold::apps {
namespace {

constexpr const char* socket_name = "control.sock";

json document_of(const relay::registered& r) {
  const auto seconds = static_cast<std::time_t>(r.created.count() / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> created{};
  std::strftime(created.data(), created.size(), "%Y-%m-%dT%H:%M:%SZ", &parts);
  return {{"organization", r.name},
          {"id", to_text(r.id)},
          {"frozen", r.frozen},
          {"created", created.data()}};
}

json error_document(const error& why) {
  return {{"error", {{"code", to_string(why.code)}, {"message", why.message}}}};
}

expected<json> show(const administration& how, const std::string& name) {
  KEYFOLD_TRY(const auto all, how.list());
  for (const auto& each : all)
    if (each.name == name || to_text(each.id) == name) return document_of(each);
  return fail(errc::organization_unknown, "this relay has no organization named " + name);
}

}  // namespace

expected<json> administer(const administration& how, const json& request) {
  const auto command = request.value("command", "");
  const auto name = request.value("name", "");
  if (command == "list") {
    KEYFOLD_TRY(const auto all, how.list());
    auto out = json::array();
    for (const auto& each : all) out.push_back(document_of(each));
    return out;
  }
  if (command == "show") return show(how, name);
  if (command == "create") {
    KEYFOLD_TRY(const auto link, how.make_link(name));
    return json{{"link", link}};
  }
  if (command == "freeze" || command == "thaw") {
    KEYFOLD_CHECK(how.freeze(name, command == "freeze"));
    return json{{"ok", true}};
  }
  return fail(errc::usage, "there is no command " + command);
}

class control_server::implementation {
 public:
  implementation(const std::string& data, administration how, socket_path socket)
      : how_(std::move(how)),
        path_(std::move(socket)),
        file_(std::filesystem::path(data) / socket_name) {
    server_.set_address_family(AF_UNIX);
    server_.set_keep_alive_max_count(1);
    server_.Post("/", [this](const httplib::Request& request, httplib::Response& response) {
      const auto asked = json::parse(request.body, nullptr, false);
      const auto result = asked.is_object()
                              ? administer(how_, asked)
                              : expected<json>(fail(errc::usage, "the body is no JSON object"));
      if (!result) response.status = 400;
      response.set_content((result ? *result : error_document(result.error())).dump(),
                           "application/json");
    });
  }
  ~implementation() {
    if (thread_.joinable()) {
      server_.stop();
      thread_.join();
    }
    std::error_code ignored;  // a stale socket is replaced at the next start
    std::filesystem::remove(file_, ignored);
  }
  implementation(const implementation&) = delete;
  implementation& operator=(const implementation&) = delete;

  expected<void> start() {
    std::error_code ignored;
    std::filesystem::remove(file_, ignored);
    const auto before = umask(0177);
    const bool bound = server_.bind_to_port(path_.path().c_str(), 80);
    umask(before);
    if (!bound) return fail(errc::io_failed, "cannot listen on " + file_.string());
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();  // stop() before that would be lost
    return {};
  }

 private:
  administration how_;
  socket_path path_;
  std::filesystem::path file_;
  httplib::Server server_;
  std::thread thread_;
};

expected<std::unique_ptr<control_server>> control_server::start(const std::string& data,
                                                                administration how) {
  KEYFOLD_TRY(auto socket, socket_path::in(data, socket_name));
  auto inside = std::make_unique<implementation>(data, std::move(how), std::move(socket));
  KEYFOLD_CHECK(inside->start());
  return std::unique_ptr<control_server>(new control_server(std::move(inside)));
}

control_server::control_server(std::unique_ptr<implementation> inside)
    : inside_(std::move(inside)) {}
control_server::~control_server() = default;

std::optional<expected<json>> ask_running(const std::string& data, const json& request) {
  const auto socket = socket_path::in(data, socket_name);
  if (!socket) return std::nullopt;
  httplib::Client client(socket->path());
  client.set_address_family(AF_UNIX);
  const auto answer = client.Post("/", request.dump(), "application/json");
  if (!answer) return std::nullopt;
  const auto document = json::parse(answer->body, nullptr, false);
  if (answer->status == 200) return expected<json>(document);
  if (!document.is_object() || !document.contains("error"))
    return expected<json>(fail(errc::internal, "the relay's answer is not readable"));
  return expected<json>(fail(errc_from_string(document["error"].value("code", "")),
                             document["error"].value("message", "")));
}

}  // namespace keyfold::apps
