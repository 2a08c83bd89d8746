#include "actors/disk.hpp"

#include <spdlog/spdlog.h>

#include "actors/mirror_objects.hpp"

namespace keyfold::actors {
namespace {

using stored = expected<void>;

/// So much may wait for one sync.
constexpr std::size_t max_batch_bytes = 16 * 1024 * 1024;

struct disk_actor_state {
  std::shared_ptr<object::store> objects;
  object::origin origin = object::origin::made;
  std::vector<object::sealed_object> batch;
  std::vector<promise<stored>> waiting;  ///< one for each of the batch
  std::size_t batch_bytes = 0;
};

using self_pointer = disk_actor::stateful_pointer<disk_actor_state>;

void flush(self_pointer self) {
  auto& s = self->state;
  if (s.batch.empty()) return;
  const auto result = s.objects->put(s.batch, s.origin);
  s.batch.clear();
  s.batch_bytes = 0;
  for (auto& answer : std::exchange(s.waiting, {})) answer.deliver(result);
}

expected<shared_bytes> read(const disk_actor_state& s, const object_id& id) {
  KEYFOLD_TRY(auto found, s.objects->get_to_send(id));
  return found ? expected<shared_bytes>(std::move(*found))
               : fail(errc::not_found, "the object is not here");
}

/// The first of a batch sets a message after everything that waits already: then the batch is written.
caf::result<stored> store(self_pointer self, const store_object& request) {
  auto& s = self->state;
  // Copied: the frame that it came in counts as not read until it is let go.
  auto object = object::sealed_object::check(request.object, to_bytes(request.data.view()));
  if (!object) return stored(fail(object));
  auto answer = self->make_response_promise<stored>();
  if (s.batch.empty()) self->send(self, tick{});
  s.batch_bytes += object->size();
  s.batch.push_back(std::move(*object));
  s.waiting.push_back(answer);
  if (s.batch_bytes >= max_batch_bytes) flush(self);
  return answer;
}

disk_actor::behavior_type disk(self_pointer self, std::shared_ptr<object::store> objects,
                               object::origin origin) {
  self->state.objects = std::move(objects);
  self->state.origin = origin;
  return {
      [self](const read_object& request) { return read(self->state, request.object); },
      [self](const store_object& request) { return store(self, request); },
      [](const make_object& request) { return request.from->make(request.object); },
      [self](const objects_held& request) {
        if (auto noted = self->state.objects->note_held(request.objects); !noted)
          spdlog::warn("objects that could go later are kept: {}", noted.error().message);
      },
      [self](nothing_held) {
        if (auto forgotten = self->state.objects->forget_held(); !forgotten)
          spdlog::warn("objects that the relay may have lost can go: {}",
                       forgotten.error().message);
      },
      [self](tick) { flush(self); },
  };
}

}  // namespace

disk_actor spawn_disk(caf::actor_system& system, std::shared_ptr<object::store> objects,
                      object::origin origin) {
  return system.spawn<caf::detached>(disk, std::move(objects), origin);
}

}  // namespace keyfold::actors
