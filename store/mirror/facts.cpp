#include "store/mirror/facts.hpp"

namespace keyfold::mirror {

bool same_inode(const facts& a, const facts& b) {
  if (a.kind != b.kind || a.inode != b.inode) return false;
  if (a.birth_ns != 0 && b.birth_ns != 0) return a.birth_ns == b.birth_ns;
  return a.size == b.size && a.mtime_ns == b.mtime_ns && a.target == b.target;
}

bool unchanged_but_moved(const facts& before, const facts& now) {
  return same_inode(before, now) && before.size == now.size && before.mtime_ns == now.mtime_ns &&
         before.executable == now.executable && before.target == now.target;
}

bool unchanged(const facts& before, const facts& now) {
  return unchanged_but_moved(before, now) && before.ctime_ns == now.ctime_ns;
}

}  // namespace keyfold::mirror
