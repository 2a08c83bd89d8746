#!/usr/bin/env python3
"""A relay that tells two stories, or an old one: noticed, kept, exported, and checked by somebody who knows nothing."""

import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import keyfold
from keyfold import FAILED, LOCKED, USAGE, wait_until


class Incidents(keyfold.Case):
    def setUp(self):
        super().setUp()
        self.alice, self.bob = self.start_organization("bob")

    def incidents(self, home, kind=None):
        return [row for row in home.run("incidents") if kind in (None, row["kind"])]

    def fork(self):
        """Alice's workspace and Bob's stand at the same position, each with the relay's receipt."""
        self.bob.stop_agent()
        self.relay.back_up()
        self.alice.run("workspace", "create", "hers")
        self.alice.stop_agent()
        self.relay.bring_back()
        self.bob.restart_agent()
        self.bob.run("workspace", "create", "his")
        self.alice.restart_agent()
        return wait_until(lambda: self.incidents(self.alice, "relay_forked"), "alice notices the fork")[0]

    def test_a_relay_that_forks_is_convicted_before_somebody_who_knows_the_root_key_alone(self):
        self.assertEqual(self.incidents(self.alice), [])
        found = self.fork()
        self.assertEqual((found["about"], found["organization"], found["convicts"]), ("relay", "acme", True))
        self.assertIn("two", found["message"])
        wrong = [row["check"] for row in self.alice.run("doctor", expect=FAILED) if not row["ok"]]
        self.assertIn("incidents of alice-laptop", wrong)

        file = self.world.folder / "evidence"
        self.alice.run("incidents", "export", found["id"], file)
        root = self.alice.run("org", "info")["root"]
        self.relay.stop()
        nobody = self.world.home("nobody")
        said = nobody.run("incidents", "verify", file, "--root", root)
        self.assertEqual((said["kind"], said["convicts"], said["root"], said["known"]),
                         ("relay_forked", ["relay"], root, None))
        self.assertEqual(said["id"], found["id"])
        self.assertEqual(nobody.run("incidents", "verify", file)["root"], root)
        self.assertIsNone(nobody.agent_pid())
        self.assertEqual(self.alice.run("incidents", "verify", file)["known"], "acme")
        text = nobody.run("incidents", "verify", file, json=False).decode()
        self.assertIn("convicts relay", text)

        other = root[:-1] + ("A" if root[-1] != "A" else "E")
        refused = nobody.run("incidents", "verify", file, "--root", other, expect=FAILED)
        self.assertEqual(refused["error"]["code"], "wrong_root")
        whole = file.read_bytes()
        for at in (0, len(whole) // 2, len(whole) - 1):
            file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1:])
            nobody.run("incidents", "verify", file, expect=FAILED)
        file.write_bytes(b"")
        nobody.run("incidents", "verify", file, expect=FAILED)
        nobody.run("incidents", "verify", self.world.folder / "nothing", expect=FAILED)

    def test_what_is_kept_outlives_the_agent_and_is_kept_once(self):
        found = self.fork()
        self.relay.stop()
        self.relay.start()
        self.alice.restart_agent()
        wait_until(lambda: self.alice.run("agent", "status")["devices"][0]["relay"] == "online", "alice is connected")
        rows = self.incidents(self.alice, "relay_forked")
        self.assertEqual([(row["id"], row["when"]) for row in rows], [(found["id"], found["when"])])
        self.alice.run("lock")
        self.alice.run("incidents", expect=LOCKED)
        self.alice.unlock()
        self.alice.run("incidents", "export", "A" * 26, self.world.folder / "x", expect=FAILED)
        self.alice.run("incidents", "export", found["id"], expect=USAGE)

    def test_a_relay_restored_from_a_backup_is_noticed_and_nobody_convicted(self):
        self.bob.stop_agent()
        self.relay.back_up()
        self.alice.run("workspace", "create", "later")
        self.relay.bring_back()
        found = wait_until(lambda: self.incidents(self.alice, "relay_restored"), "alice notices the backup")[0]
        self.assertFalse(found["convicts"])
        self.assertEqual([row for row in self.incidents(self.alice) if row["convicts"]], [])
        rows = {row["check"]: row for row in self.alice.run("doctor", expect=None)}
        self.assertTrue(rows["incidents of alice-laptop"]["ok"])
        refused = self.alice.run("incidents", "export", found["id"], self.world.folder / "evidence", expect=FAILED)
        self.assertEqual(refused["error"]["code"], "no_contradiction")

    def test_honest_races_and_restarts_leave_no_incident(self):
        rounds, series = 8, 2

        def create(home, which):
            for number in range(rounds):
                home.run("workspace", "create", f"{home.name} {which} {number}")

        for which in range(series):
            threads = [threading.Thread(target=create, args=(home, which)) for home in (self.alice, self.bob)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.relay.stop()
            self.relay.start()
            self.bob.stop_agent()
            self.bob.restart_agent()
        for home in (self.alice, self.bob):
            wait_until(lambda: home.run("agent", "status")["devices"][0]["relay"] == "online", "it is connected")
            self.assertEqual(len(home.run("workspace", "list")), rounds * series)
            self.assertEqual(self.incidents(home), [])


if __name__ == "__main__":
    keyfold.main()
