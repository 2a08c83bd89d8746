// A store whose values are encrypted, so that a stolen disk shows nothing (DESIGN 10, THREATS A22).
//
//   stored value := sealed      key derive(local key, "local-values"), associated: the pair's key
//
// A value moved to another key does not open. Keys stay readable: they must be ids or keyed hashes.
#pragma once

#include "crypto/random.hpp"
#include "store/db/kv.hpp"

namespace keyfold::db {

/// Encrypts what goes to `below`, which must outlive it. `local_key` is the device's; `random` must
/// be safe to use from all threads that write. A value that does not open is `errc::damaged`.
[[nodiscard]] std::unique_ptr<store> sealed_store(store& below, const symmetric_key& local_key,
                                                  random_source& random);

}  // namespace keyfold::db
