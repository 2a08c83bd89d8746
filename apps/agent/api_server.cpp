#include "apps/agent/api_server.hpp"

#include <httplib.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <thread>

#include "apps/common/exit_code.hpp"

namespace keyfold::apps {
namespace {

constexpr std::size_t worker_threads = 32;  ///< calls that may wait at once
constexpr std::size_t max_body = 1024 * 1024;
constexpr int longest_queue = 128;  ///< of callers that no worker has taken yet

int http_status(errc code) {
  switch (exit_code_of(code)) {
    case exit_code::unreachable:
      return 503;
    case exit_code::locked:
      return 401;
    case exit_code::timed_out:
      return 408;
    default:
      return code == errc::not_found ? 404 : 400;
  }
}

std::string dump(const json& document) {
  return document.dump(-1, ' ', false, json::error_handler_t::replace);
}

void refuse(httplib::Response& response, const error& why) {
  response.status = http_status(why.code);
  response.set_content(dump({{"error", {{"code", to_string(why.code)}, {"message", why.message}}}}),
                       "application/json");
}

method_table all_methods() {
  method_table table;
  add_organization_methods(table);
  add_moving_methods(table);
  add_mending_methods(table);
  add_invitation_methods(table);
  add_workspace_methods(table);
  add_file_methods(table);
  add_doctor_methods(table);
  add_incident_methods(table);
  add_history_methods(table);
  return table;
}

}  // namespace

/// httplib lets 5 callers wait to be taken, and a sixth is refused: a script that does several things at once would see
/// an agent that does not run.
class patient_server final : public httplib::Server {
 public:
  bool lengthen_queue() { return ::listen(svr_sock_, longest_queue) == 0; }
};

class api_server::implementation {
 public:
  implementation(const home_paths& home, api_context context, socket_path socket)
      : context_(std::move(context)), path_(std::move(socket)), file_(home.data / "agent.sock") {
    server_.new_task_queue = [] { return new httplib::ThreadPool(worker_threads); };
    server_.set_address_family(AF_UNIX);
    server_.set_payload_max_length(max_body);
    server_.set_read_timeout(10);
    server_.set_keep_alive_max_count(1);
    // Names are bounded: the matching of a regular expression takes stack for each character.
    server_.Post(R"(/v1/([a-z.]{1,40}))",
                 [this](const httplib::Request& request, httplib::Response& response) {
                   answer(request.matches[1], request.body, response);
                 });
    server_.set_error_handler([](const httplib::Request&, httplib::Response& response) {
      if (!response.body.empty()) return;  // answer() has said why
      const auto status = response.status;
      refuse(response, {errc::usage, "a call is POST /v1/METHOD, with at most 1 MiB of JSON"});
      response.status = status;
    });
    server_.set_exception_handler(
        [](const httplib::Request&, httplib::Response& response, const std::exception_ptr& thrown) {
          try {
            std::rethrow_exception(thrown);
          } catch (const std::exception& problem) {
            spdlog::error("a call failed: {}", problem.what());
          } catch (...) {
            spdlog::error("a call failed");
          }
          refuse(response, {errc::internal, "the agent could not do this; see its log"});
        });
  }
  ~implementation() {
    std::error_code ignored;  // a stale socket is replaced at the next start
    std::filesystem::remove(file_, ignored);
  }
  implementation(const implementation&) = delete;
  implementation& operator=(const implementation&) = delete;

  expected<void> bind() {
    std::error_code problem;
    std::filesystem::remove(file_, problem);
    const auto before = umask(0177);
    const bool bound = server_.bind_to_port(path_.path().c_str(), 80) && server_.lengthen_queue();
    umask(before);
    if (!bound) return fail(errc::io_failed, "cannot listen on " + file_.string());
    return {};
  }
  void run(const std::function<void()>& serving) {
    serving();  // bound: from here on calls are queued until they are served
    server_.listen_after_bind();
  }
  void stop() { server_.stop(); }

 private:
  void answer(const std::string& name, const std::string& body, httplib::Response& response) {
    const auto document = parse_call(body);
    if (!document) return refuse(response, document.error());
    const parameters p(*document);
    if (name == "files.cat") return stream(p, response);
    const auto found = methods_.find(name);
    if (found == methods_.end())
      return refuse(response, {errc::not_found, "there is no method " + name});
    const auto result = found->second(context_, p);
    if (!result) return refuse(response, result.error());
    response.set_content(dump(*result), "application/json");
  }

  void stream(const parameters& p, httplib::Response& response) {
    auto source = open_stream(context_, p);
    if (!source) return refuse(response, source.error());
    response.set_chunked_content_provider(
        "application/octet-stream", [source = *source](std::size_t, httplib::DataSink& sink) {
          const auto done = source([&](bytes_view data) -> expected<void> {
            if (!sink.write(as_text(data).data(), data.size()))
              return fail(errc::cancelled, "the reader has gone");
            return {};
          });
          if (!done) {
            spdlog::warn("cat: {}", done.error().message);
            return false;  // the broken stream tells the reader that it is not whole
          }
          sink.done();
          return true;
        });
  }

  api_context context_;
  socket_path path_;
  std::filesystem::path file_;
  method_table methods_ = all_methods();
  patient_server server_;
};

expected<std::unique_ptr<api_server>> api_server::bind(const home_paths& home,
                                                       api_context context) {
  KEYFOLD_TRY(auto socket, socket_path::in(home.data, "agent.sock"));
  auto inside = std::make_unique<implementation>(home, std::move(context), std::move(socket));
  KEYFOLD_CHECK(inside->bind());
  return std::unique_ptr<api_server>(new api_server(std::move(inside)));
}

api_server::api_server(std::unique_ptr<implementation> inside) : inside_(std::move(inside)) {}
api_server::~api_server() = default;
void api_server::run(const std::function<void()>& serving) {
  inside_->run(serving);
}
void api_server::stop() {
  inside_->stop();
}

}  // namespace keyfold::apps
