#!/usr/bin/env python3
"""A mirror of very many small files: whether it arrives, what it takes, and what starting again takes then.

    KEYFOLD_BIN=build/bin python3 tests/bench/many.py [--files N]

Files of 64 to 1,024 bytes, 100 in a folder, from a mirror of alice's through a relay to one of bob's, all on this
machine. Prints seconds, processor seconds and peak resident memory (the agent's bound: 400 MiB); then for each agent
the time from its start to ready (bound: 10 s), and until `keyfold sync` finds nothing to do. A million of them (the
default) need some 20 GiB of disk."""

import argparse
import os
import random
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

import keyfold
from transfer import cpu_seconds, figures, peak_mib, start_mirrors


def make(folder, count):
    chosen = random.Random(1)
    for i in range(count):
        at = folder / f"{i // 10000}" / f"{i // 100}"
        if i % 100 == 0:
            at.mkdir(parents=True)
        (at / f"f{i}").write_bytes(chosen.randbytes(chosen.randint(64, 1024)))


def listing(folder):
    """Number of files, and a hash of their paths, sizes and times."""
    count, total = 0, 0
    for base, _, names in os.walk(folder):
        for name in names:
            stat = os.stat(os.path.join(base, name))
            count += 1
            total = (total + hash((os.path.relpath(base, folder), name, stat.st_size, stat.st_mtime_ns))) % (1 << 64)
    return count, total


def time_restart(home):
    home.stop_agent()
    home.run("agent", "start")
    started = time.monotonic()
    home.unlock(timeout=900)
    ready = time.monotonic() - started
    started = time.monotonic()
    home.run("sync", "bench", "--timeout", "900", timeout=915)
    synced = time.monotonic() - started
    pid = home.agent_pid()
    print(f"{home.name} again: ready after {ready:.1f} s, synced {synced:.1f} s later  "
          f"{cpu_seconds(pid):.1f} CPU s {peak_mib(pid):.0f} MiB", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=1_000_000)
    options = parser.parse_args()

    class Many(keyfold.Case):
        def runTest(self):
            alice, bob, folders, programs = start_mirrors(self)
            prepared = self.world.folder / "many"
            make(prepared, options.files)
            wanted = listing(prepared)
            before = {role: cpu_seconds(pid) for role, pid in programs.items()}
            started = time.monotonic()
            os.rename(prepared, folders[alice] / "many")
            for home in (alice, bob):
                home.run("sync", "bench", "--timeout", "7200", timeout=7300)
                print(f"{home.name} synced after {time.monotonic() - started:.0f} s  {figures(programs, before)}",
                      flush=True)
            keyfold.wait_until(lambda: listing(folders[bob] / "many") == wanted, "all files arrive", 3600)
            print(f"{options.files} files: {time.monotonic() - started:.0f} s  {figures(programs, before)}", flush=True)
            for home in (alice, bob):
                time_restart(home)

    result = keyfold.unittest.TextTestRunner(verbosity=0).run(Many())
    sys.exit(0 if result.wasSuccessful() else 1)


if __name__ == "__main__":
    main()
