// Fetching wanted objects from whichever replica answers: the most urgent first, within a window a
// replica, elsewhere when one lacks it. A pure core: events in, effects out.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <variant>
#include <vector>

#include "crypto/ids.hpp"

namespace keyfold::replica {

/// Names a connected replica; chosen by the caller, not used again for another connection.
using replica_number = std::uint64_t;

/// Of the replicas that have room for a request, a near one is asked before a far one.
enum class rank : std::uint8_t { near, far };

/// Bounds of the requests under way at one replica.
struct fetch_tuning {
  std::size_t requests = 8;
  std::size_t window = 8 * 1024 * 1024;
  std::size_t lookahead =
      256;  ///< objects passed over in search of one that a free replica may have
};

struct get_object {
  replica_number replica;
  object_id object;
};
/// No connected replica has it. It stays wanted, and is asked for wherever it may be later.
struct object_unavailable {
  object_id object;
};
using fetch_effect = std::variant<get_object, object_unavailable>;

class fetch {
 public:
  explicit fetch(const fetch_tuning& tuning = {}) : tuning_(tuning) {}

  using effects = std::vector<fetch_effect>;
  /// Wants an object of about `size` bytes; a greater `urgency` goes first. Wanting it again raises
  /// its urgency, and where it was not to be had, it is asked for again.
  [[nodiscard]] effects want(const object_id& object, std::size_t size, std::uint64_t urgency);
  /// Nobody wants it any more; a request under way may still be answered.
  [[nodiscard]] effects unwant(const object_id& object);
  [[nodiscard]] effects replica_up(replica_number replica, rank where = rank::near);
  [[nodiscard]] effects replica_down(replica_number replica);
  /// The answer came; `good`: it has the object's id. A replica that gave other bytes is not asked
  /// for it again.
  [[nodiscard]] effects got(replica_number replica, const object_id& object, bool good);
  /// The replica does not have it, or the request failed or timed out.
  [[nodiscard]] effects lacks(replica_number replica, const object_id& object);
  /// The replica may have got what it lacked (it said so, or time has passed): it is asked again.
  [[nodiscard]] effects maybe_has(replica_number replica);

  [[nodiscard]] bool wants(const object_id& object) const { return wanted_.contains(object); }
  /// Every connected replica was asked for it, in vain.
  [[nodiscard]] bool is_unavailable(const object_id& object) const;
  [[nodiscard]] std::size_t wanted() const { return wanted_.size(); }

 private:
  struct want_state {
    std::size_t size = 0;
    std::uint64_t urgency = 0;
    std::uint64_t since = 0;              ///< breaks ties: first come, first served
    std::optional<replica_number> asked;  ///< where a request is under way
    bool unavailable = false;             ///< every replica lacks it: not in the queue
  };
  struct replica_state {
    rank where = rank::near;
    std::map<object_id, std::size_t> under_way;
    std::size_t bytes = 0;
    std::set<object_id> lacking;
    std::set<object_id> wrong;  ///< of which it gave other bytes
  };
  using queue_key =
      std::tuple<std::uint64_t, std::uint64_t, object_id>;  ///< urgency inverted, since, object

  [[nodiscard]] static queue_key key_of(const object_id& object, const want_state& want);
  void settle(replica_number replica, const object_id& object);
  std::optional<replica_number> choose(const object_id& object, std::size_t size,
                                       bool& lacking) const;
  [[nodiscard]] bool any_room() const;
  void requeue_unavailable();
  effects plan();

  fetch_tuning tuning_;
  std::map<object_id, want_state> wanted_;
  std::set<queue_key> queue_;  ///< wanted, not asked for, and perhaps somewhere
  std::map<replica_number, replica_state> replicas_;
  std::uint64_t next_since_ = 0;
};

}  // namespace keyfold::replica
