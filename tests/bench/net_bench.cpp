// How fast two transports of one process talk over CURVE on loopback: bulk bytes under the credit of a
// link, small requests one by one (latency), and small requests 64 at a time.
#include <condition_variable>
#include <cstdio>
#include <mutex>

#include "net/bodies.hpp"
#include "net/transport.hpp"

using namespace keyfold;
using namespace keyfold::net;

namespace {

using steady = std::chrono::steady_clock;

/// Answers each request with an empty reply.
class server : public listener {
 public:
  explicit server(transport& through) : through_(through) {}
  void on_up(link_id, const peer&) override {}
  void on_message(link_id link, message m) override {
    static_cast<void>(through_.send(link, make_reply(m.request_id, empty_body{})));
  }
  void on_down(link_id, const error&) override {}

 private:
  transport& through_;
};

/// Keeps a number of requests under way until all are answered.
class client : public listener {
 public:
  void on_up(link_id, const peer&) override { add(up_); }
  void on_message(link_id, message) override { add(answers_); }
  void on_down(link_id, const error& why) override {
    std::fprintf(stderr, "link down: %s\n", why.message.c_str());
  }
  void await_up() { await(up_, 1); }

  double run(transport& through, link_id link, const message& what, std::size_t count,
             std::size_t under_way) {
    answers_ = 0;
    const auto start = steady::now();
    for (std::size_t sent = 0; sent < count; ++sent) {
      if (sent >= under_way) await(answers_, sent - under_way + 1);
      auto m = what;
      m.request_id = sent + 1;
      static_cast<void>(through.send(link, m));
    }
    await(answers_, count);
    return std::chrono::duration<double>(steady::now() - start).count();
  }

 private:
  void add(std::size_t& counter) {
    {
      const std::lock_guard lock(mutex_);
      ++counter;
    }
    changed_.notify_one();
  }
  void await(const std::size_t& counter, std::size_t value) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return counter >= value; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t up_ = 0;
  std::size_t answers_ = 0;
};

}  // namespace

int main() {
  initialize_crypto();
  const auto relay_key = box_key::generate(system_random());
  const auto alice_key = box_key::generate(system_random());
  transport relay;
  transport agent;
  const auto bound =
      relay.listen("tcp://127.0.0.1:*", relay_key, any_key(), std::make_shared<server>(relay));
  if (!bound) return std::fprintf(stderr, "%s\n", bound.error().message.c_str()), 1;
  const auto alice = std::make_shared<client>();
  const auto link = agent.connect(bound->endpoint, relay_key.public_key(), alice_key, alice);
  if (!link) return std::fprintf(stderr, "%s\n", link.error().message.c_str()), 1;
  alice->await_up();

  constexpr std::size_t object = 2 * 1024 * 1024;
  constexpr std::size_t objects = 256;
  const auto bulk = make_message(object_put{}, 1, bytes(object, 7));
  const auto t1 = alice->run(agent, *link, bulk, objects, 4);
  std::printf("object puts of 2 MiB, 8 MiB of credit   %8.0f MB/s\n", objects * object / t1 / 1e6);

  const auto small = make_message(ping{}, 1);
  constexpr std::size_t single = 5'000;
  const auto t2 = alice->run(agent, *link, small, single, 1);
  std::printf("small requests one by one               %8.0f us each\n", t2 / single * 1e6);

  constexpr std::size_t many = 200'000;
  const auto t3 = alice->run(agent, *link, small, many, 64);
  std::printf("small requests, 64 under way            %8.0f requests/s\n", many / t3);
  return 0;
}
