#!/usr/bin/env python3
"""Whole transfers through real programs: a mirror of alice's, a relay, a mirror of bob's, all on this machine.

    KEYFOLD_BIN=build/bin python3 tests/bench/transfer.py [--big MIB] [--small FILES] [--tree FOLDER] [CORPUS...]

CORPUS: small, big, tree; without one all of them.
For each corpus: seconds from one rename() that puts it in place at alice until bob's folder has every file with its
size and time, then whether the bytes are equal; processor seconds and peak resident memory of each program meanwhile.
With the tree also what `keyfold sync` takes on both sides with nothing to do, and after an edit of 4 KiB.
The machine's noise is in them: compare ratios of one run."""

import argparse
import os
import random
import shutil
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

import keyfold
import trees

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_mib(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


def make_big(folder, mib):
    folder.mkdir()
    with open(folder / "big.bin", "wb") as out:
        for _ in range(mib):
            out.write(os.urandom(1 << 20))


def make_small(folder, count):
    chosen = random.Random(1)
    for i in range(count):
        at = folder / f"d{i // 100}"
        if i % 100 == 0:
            at.mkdir(parents=True)
        (at / f"f{i}.bin").write_bytes(chosen.randbytes(chosen.randint(1024, 16384)))


def facts(folder):
    out = {}
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith(".keyfold"):
            stat = path.stat()
            out[str(path.relative_to(folder))] = (stat.st_size, stat.st_mtime_ns)
    return out


def figures(programs, before):
    return "  ".join(f"{role} {cpu_seconds(pid) - before[role]:.1f} CPU s {peak_mib(pid):.0f} MiB"
                     for role, pid in programs.items())


def measure(name, programs, source, target, prepared):
    before = {role: cpu_seconds(pid) for role, pid in programs.items()}
    wanted = facts(prepared)
    started = time.monotonic()
    os.rename(prepared, source / prepared.name)
    keyfold.wait_until(lambda: facts(target / prepared.name) == wanted, f"{name} arrives", 900)
    seconds = time.monotonic() - started
    equal = not trees.differences(trees.snapshot(source / prepared.name), trees.snapshot(target / prepared.name))
    print(f"{name}: {seconds:.1f} s  {'equal' if equal else 'NOT EQUAL'}  {figures(programs, before)}", flush=True)
    return equal


def time_syncs(name, alice, bob, programs, edit=None):
    before = {role: cpu_seconds(pid) for role, pid in programs.items()}
    if edit:
        edit.write_bytes(os.urandom(4096))
    seconds = []
    for home in (alice, bob):
        started = time.monotonic()
        home.sync("bench")
        seconds.append(time.monotonic() - started)
    print(f"sync {name}: A {seconds[0]:.2f} s  B {seconds[1]:.2f} s  {figures(programs, before)}", flush=True)


def start_mirrors(case):
    """A workspace of alice's that bob shares, mirrored by both: the homes, their folders, and the programs' ids."""
    alice, bob = case.start_organization("bob")
    alice.run("workspace", "create", "bench")
    alice.share("bench", bob, "contributor")
    folders = {}
    for home in (alice, bob):
        folders[home] = case.world.folder / f"{home.name}-mirror"
        home.run("workspace", "mirror", "bench", folders[home])
        home.sync("bench")
    return alice, bob, folders, {"A": alice.agent_pid(), "relay": case.relay.process.popen.pid, "B": bob.agent_pid()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--big", type=int, default=1024, help="MiB of the large file")
    parser.add_argument("--small", type=int, default=10_000, help="number of small files, 1 to 16 KiB")
    parser.add_argument("--tree", default="/usr/include", help="the folder to copy for the tree")
    parser.add_argument("corpora", nargs="*", metavar="CORPUS", help="small, big, tree")
    options = parser.parse_args()
    makers = {
        "small": lambda at: make_small(at, options.small),
        "big": lambda at: make_big(at, options.big),
        "tree": lambda at: shutil.copytree(options.tree, at, symlinks=True),
    }

    class Transfer(keyfold.Case):
        def runTest(self):
            alice, bob, folders, programs = start_mirrors(self)
            print(" ".join(f"{role} is {pid}" for role, pid in programs.items()), flush=True)
            good = True
            for name in options.corpora or makers:
                prepared = self.world.folder / name
                makers[name](prepared)
                good = measure(name, programs, folders[alice], folders[bob], prepared) and good
                if name == "tree":
                    time_syncs("of nothing", alice, bob, programs)
                    time_syncs("after 4 KiB", alice, bob, programs, folders[alice] / name / "edited.bin")
            self.assertTrue(good)

    keyfold.unittest.TextTestRunner(verbosity=0).run(Transfer())


if __name__ == "__main__":
    main()
