# Sourced by the other scripts: goes to the repository's root, and sets the compiler cache up.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Paths below the root are cached as relative ones: every clone and worktree shares the cache.
export CCACHE_BASEDIR="$PWD" CCACHE_NOHASHDIR=1
if ! mkdir -p "${CCACHE_DIR:-${XDG_CACHE_HOME:-${HOME:-/nowhere}/.cache}/ccache}" 2>/dev/null; then
  export CCACHE_DISABLE=1 # no folder to write to: build without it
fi

# configure_and_build PRESET FOLDER [TARGET...]
configure_and_build() {
  local preset=$1 folder=$2
  shift 2
  local log
  log=$(mktemp)
  if ! cmake --preset "$preset" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
  ninja -C "$folder" "$@"
}
