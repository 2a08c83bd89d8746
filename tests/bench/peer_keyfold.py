"""Keyfold for the side-by-side benchmark: a mirror of alice's -> a blind relay -> a mirror of bob's.

    BENCH_ADAPTERS=tests/bench/peer_keyfold.py KEYFOLD_BIN=build/bin python3 BENCH/run.py --peers keyfold,syncthing-enc

The programs run as a user would run them: agents in the background, started by the first command, with their
default settings; people are let in by the code exchange. Nothing is poked: the watcher finds each change."""

import os
import subprocess
import sys
import time
from pathlib import Path

from common import Peer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

import keyfold


class Keyfold(Peer):
    name = "keyfold"
    title = "Keyfold A -> blind relay -> B"
    encrypted = "end to end (relay sees ciphertext)"
    continuous = True
    fsync = "one syncfs a batch, before files get their names"
    latency_modes = ("watch",)
    listen = "none"

    def check(self):
        missing = keyfold.missing_programs()
        return f"not built: {', '.join(missing)} in {keyfold.BIN}" if missing else None

    def version(self):
        out = subprocess.run([keyfold.BIN / "keyfold", "version"], capture_output=True, text=True, check=True)
        return out.stdout.strip()

    def setup(self):
        self.world = keyfold.World(self.work / "world")
        self.relay = self.world.relay("--open")
        self.homes = [self.world.home(name, listen=self.listen) for name in ("alice", "bob")]
        alice, bob = self.homes
        alice.create_organization(self.relay)
        alice.invite(bob)
        alice.run("workspace", "create", "bench")
        alice.share("bench", bob, "contributor")
        for home, folder in ((alice, self.a), (bob, self.b)):
            home.run("workspace", "mirror", "bench", folder)
            home.sync("bench")
        self.pids = {"relay": self.relay.process.popen.pid, "A": alice.agent_pid(), "B": bob.agent_pid()}

    def procs(self):
        return self.pids

    def alive(self):
        return all(keyfold.alive(pid) for pid in self.pids.values())

    def settle(self):
        """Off the clock: whatever is known to either is with the other."""
        for home in self.homes:
            home.run("sync", "bench", "--timeout", "600", timeout=615)

    def wire(self):
        """Bytes in the relay's TCP connections, both ways: A -> relay and relay -> B, with what each answers."""
        lines = subprocess.run(["ss", "-tinHO", "state", "established", f"( sport = :{self.relay.port} )"],
                               capture_output=True, text=True, check=True).stdout
        words = [word.partition(":") for word in lines.split()]
        return sum(int(value) for name, _, value in words if name in ("bytes_sent", "bytes_received"))

    def poke(self, rel):
        pass

    def teardown(self):
        for home in self.homes:
            home.stop_agent()
        self.relay.stop()


class KeyfoldDirect(Keyfold):
    """The relay has let both in, and is gone: the devices are linked directly."""

    name = "keyfold-direct"
    title = "Keyfold A -> B directly, no relay"
    encrypted = "end to end"
    listen = "tcp://127.0.0.1:0"

    def setup(self):
        super().setup()
        for home in self.homes:
            keyfold.wait_until(lambda: any(row["link"] == "direct" for row in home.run("peers")),
                               f"{home.name} is linked")
        port = self.homes[0].run("agent", "status")["listen"][0].rsplit(":", 1)[1]
        other = self.homes[1].run("agent", "status")["listen"][0].rsplit(":", 1)[1]
        self.ports = (port, other)
        self.relay.stop()
        del self.pids["relay"]

    def settle(self):
        for home in self.homes:
            home.run("sync", "bench", "--peer", "--timeout", "600", timeout=615)

    def wire(self):
        """Bytes of the link, both ways, as the dialled side counts them."""
        lines = "".join(subprocess.run(["ss", "-tinHO", "state", "established", f"( sport = :{port} )"],
                                       capture_output=True, text=True, check=True).stdout for port in self.ports)
        words = [word.partition(":") for word in lines.split()]
        return sum(int(value) for name, _, value in words if name in ("bytes_sent", "bytes_received"))

    def teardown(self):
        for home in self.homes:
            home.stop_agent()


PEERS = [Keyfold, KeyfoldDirect]
