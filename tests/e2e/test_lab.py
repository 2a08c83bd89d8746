#!/usr/bin/env python3
"""keyfold-lab: it sets labs up, its links can be cut and slowed down, the scenarios that are shipped go as they say, and
nothing of it is left running."""

import json
import os
import stat
import sys
from pathlib import Path

import keyfold
from keyfold import BIN, DONE, FAILED, UNREACHABLE, USAGE, Case, alive, descendants, wait_until

SCENARIOS = keyfold.ROOT / "apps/lab/scenarios"


class Lab:
    def __init__(self, world, name):
        self.world, self.dir = world, world.folder / name

    def argv(self, *args):
        return [BIN / "keyfold-lab", "--dir", self.dir, *args]

    def run(self, *args, json=True, **options):
        options.setdefault("timeout", 180)
        return self.world.run(self.argv(*args) + (["--json"] if json else []), self.world.environment(), json, **options)

    def keyfold(self, device, *args, **options):
        return self.world.run([BIN / "keyfold", "--home", self.dir / device / "home", *args, "--json"],
                              self.world.environment(KEYFOLD_NO_AUTOSTART="1"), **options)

    def file(self, device, path):
        return self.dir / device / "folder" / path

    def pids(self):
        """All processes that it says to run."""
        status = self.run("status")
        rows = [status["relay"], status["proxies"], *status["devices"]]
        return {row["pid"] for row in rows if row["running"]}

    def hears(self, device, path, text):
        file = self.file(device, path)
        wait_until(lambda: file.is_file() and file.read_text() == text, f"{device} has {path}")


def running():
    return {pid for pid in descendants() if alive(pid)}


class Labs(Case):
    def setUp(self):
        if not os.access(BIN / "keyfold-lab", os.X_OK):
            self.skipTest(f"not built yet: keyfold-lab in {BIN}")
        super().setUp()

    def test_a_lab_is_set_up_runs_the_scenarios_and_leaves_nothing(self):
        lab = Lab(self.world, "lab")
        status = lab.run("up", "--users", "2", "--devices", "2")
        self.assertEqual([d["name"] for d in status["devices"]], ["a1", "a2", "b1", "b2"])
        for device in status["devices"]:
            self.assertTrue(device["running"] and device["relay"] == "online" and not device["locked"], device)
            self.assertTrue(Path(device["home"]).is_dir() and Path(device["folder"]).is_dir())
        self.assertTrue(status["complete"] and status["relay"]["running"] and status["links"] == [])
        self.assertEqual(stat.S_IMODE(os.stat(status["password_file"]).st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(lab.dir).st_mode), 0o700)
        self.assertEqual({m["role"] for m in lab.keyfold("a1", "workspace", "members", "shared")},
                         {"owner", "contributor"})
        self.assertEqual(lab.pids(), running())

        self.power(lab)
        self.links(lab)
        for scenario in sorted(SCENARIOS.glob("*.toml")):
            with self.subTest(scenario=scenario.stem):
                done = lab.run("run", scenario)
                self.assertTrue(done["ok"], done)

        self.assertIn("a1", lab.run("down")["ended"])
        self.assertEqual(running(), set())
        again = lab.run("up")  # what lies there goes on
        self.assertEqual([d["relay"] for d in again["devices"]], ["online"] * 4)
        self.assertTrue(lab.run("down", "--remove")["removed"])
        self.assertFalse(lab.dir.exists())
        self.assertEqual(running(), set())

    def power(self, lab):
        """Agents and relay end and start as told, and only they."""
        before = lab.pids()
        lab.run("kill", "b1")
        lab.run("kill", "b1", expect=FAILED)
        self.assertEqual(len(before - lab.pids()), 1)
        lab.run("stop", "b2")
        lab.run("relay", "stop")
        lab.run("relay", "stop", expect=FAILED)
        self.assertEqual(len(before - running()), 3)
        self.assertEqual(lab.run("status")["relay"]["running"], False)
        lab.run("relay", "start")
        for device in ("b1", "b2"):
            lab.run("start", device)
        self.assertEqual(len(lab.pids()), len(before))
        self.assertEqual(lab.keyfold("b1", "agent", "status")["devices"][0]["locked"], False)

    def links(self, lab):
        """A cut link carries nothing until it is healed; a slow one carries everything later."""
        def relay(device):
            return lab.keyfold(device, "agent", "status")["devices"][0]["relay"]
        said = lab.run("partition", "b1")
        self.assertIn({"a": "b1", "b": "relay", "cut": True, "delay_ms": 0}, said["links"])
        wait_until(lambda: relay("b1") == "offline", "b1 is cut off")
        lab.file("a1", "cut.txt").write_text("news")
        lab.hears("b2", "cut.txt", "news")
        self.assertFalse(lab.file("b1", "cut.txt").exists())
        doctor = lab.keyfold("b1", "doctor", expect=FAILED)
        self.assertTrue(any("SOCKS proxy" in row["message"] and not row["ok"] for row in doctor), doctor)
        self.assertEqual(lab.run("heal", "b1")["links"], [])
        lab.hears("b1", "cut.txt", "news")
        lab.run("delay", "a", "relay", "30")
        lab.file("a1", "cut.txt").write_text("more news")
        lab.hears("b1", "cut.txt", "more news")
        self.assertEqual(len(lab.run("status")["links"]), 2)
        self.assertEqual(lab.run("heal")["links"], [])

    def test_labs_side_by_side_do_not_disturb_each_other_and_a_broken_one_is_cleared_away(self):
        # Deeper than the path of a socket may be.
        long = Lab(self.world, "/".join(["a-folder-with-a-long-name"] * 5))
        long.dir.parent.mkdir(parents=True)
        long.run("up", "--users", "1", "--devices", "1")
        others = running()

        broken = Lab(self.world, "broken")
        up = self.world.spawn([*broken.argv("up"), "--json"], self.world.environment(), self.world.folder / "up.log")
        while "joins" not in up.event()["step"]:
            pass
        up.kill()
        self.assertTrue(running() - others)
        broken.run("up", expect=FAILED)
        self.assertTrue(broken.run("down", "--remove")["ok"])
        wait_until(lambda: running() == others, "only the other lab runs")
        self.assertFalse(broken.dir.exists())

        self.assertEqual(long.pids(), others)
        self.assertTrue(long.run("down")["ok"])
        self.assertEqual(running(), set())

    def test_wrong_commands_are_refused(self):
        lab = Lab(self.world, "lab")
        for args in (["status"], ["down"], ["partition", "a1"], ["start", "a1"], ["run", SCENARIOS / "slow_link.toml"]):
            lab.run(*args, expect=FAILED)
        for args in ([], ["nonsense"], ["up", "--users", "0"], ["up", "--users", "27"], ["up", "--devices", "10"],
                     ["up", "--role", "king"], ["delay", "a1", "b1"], ["delay", "a1", "b1", "-1"], ["relay", "burn"]):
            lab.run(*args, expect=USAGE)
        lab.dir.mkdir()
        (lab.dir / "mine.txt").write_text("something else")
        lab.run("up", expect=FAILED)
        lab.run("down", "--remove", expect=FAILED)
        self.assertEqual([p.name for p in lab.dir.iterdir()], ["mine.txt"])
        # A lab of which nothing runs.
        (lab.dir / "lab.json").write_text(json.dumps(
            {"format": 1, "complete": True, "relay_port": 1, "relay_address": "",
             "devices": [{"name": "a1", "socks_port": 2, "listen_port": 3, "id": ""}]}))
        lab.run("partition", "a1", expect=UNREACHABLE)
        lab.run("partition", "c1", expect=USAGE)
        wrong = self.world.folder / "wrong.toml"
        wrong.write_text('title = "T"\ndevices = ["a1"]\nfolder = "f"\nsteps = [\n  { nonsense = 1 },\n]\n')
        self.assertIn("line 5", lab.run("run", wrong, expect=USAGE)["error"]["message"])
        self.assertEqual(lab.run("status", expect=DONE)["proxies"]["running"], False)


if __name__ == "__main__":
    sys.exit(keyfold.main())
