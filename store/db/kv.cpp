#include "store/db/kv.hpp"
