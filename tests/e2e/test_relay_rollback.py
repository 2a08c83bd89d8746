#!/usr/bin/env python3
"""A relay that is restored from a backup: the devices bring its ledger, feeds and objects forward again from their own
copies, and nothing is lost. Where it took another change first, nothing is overwritten, and that is said."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import keyfold
from keyfold import FAILED, wait_until


class Rollback(keyfold.Case):
    def setUp(self):
        super().setUp()
        self.alice, self.bob = self.start_organization("bob")
        self.alice.run("workspace", "create", "papers")
        self.alice.share("papers", self.bob, "contributor")
        self.alice.put_bytes(b"before", "papers:/before.txt")
        self.alice.sync("papers")
        self.bob.sync("papers")

    def join(self, name):
        home = self.world.home(name)
        self.alice.invite(home)
        return home

    def assertNoticed(self, *homes):
        """Whoever was there first saw that the relay was behind; for the others it had caught up."""
        kinds = {row["kind"] for home in homes for row in home.run("incidents")}
        self.assertIn("relay_restored", kinds)

    def test_everything_that_came_after_the_backup_is_brought_again(self):
        self.relay.back_up()
        carol = self.join("carol")
        self.alice.run("workspace", "create", "plans")
        self.alice.share("plans", carol, "contributor")
        self.bob.run("workspace", "create", "bob's")  # of which alice holds everything but may read nothing
        self.bob.put_bytes(b"of bob alone", "bob's:/own.txt")
        big = bytes(range(256)) * 20_000
        carol.put_bytes(big, "plans:/carol.bin")
        carol.put_bytes(b"carol was here", "plans:/carol.txt")
        carol.sync("plans")
        self.bob.put_bytes(b"after", "papers:/after.txt")
        for home, workspace in ((self.bob, "bob's"), (self.bob, "papers"), (self.alice, "papers"),
                                (self.alice, "plans")):
            home.sync(workspace)
        self.assertEqual(self.alice.cat("plans:/carol.bin"), big)  # so that she has the objects
        self.assertEqual(self.alice.cat("plans:/carol.txt"), b"carol was here")
        carol.stop_agent()  # the author is gone

        self.relay.bring_back()
        for home, workspace in ((self.alice, "papers"), (self.alice, "plans"), (self.bob, "papers"),
                                (self.bob, "bob's")):
            wait_until(lambda: home.sync(workspace, expect=None).get("ok"), f"{home.name} syncs {workspace}")
        self.assertNoticed(self.alice, self.bob)

        # The ledger goes on: somebody new is let in, and gets all of it from the relay alone.
        dave = self.join("dave")
        for owner, workspace in ((self.alice, "papers"), (self.alice, "plans"), (self.bob, "bob's")):
            wait_until(lambda: any(u["email"] == "dave@example.com" for u in owner.run("user", "list")),
                       f"{owner.name} hears of dave")
            owner.share(workspace, dave, "reader")
        self.assertEqual({u["email"].split("@")[0] for u in dave.run("user", "list")},
                         {"alice", "bob", "carol", "dave"})
        self.alice.stop_agent()
        self.bob.stop_agent()
        for workspace in ("papers", "plans", "bob's"):
            dave.sync(workspace)
        self.assertEqual(dave.cat("papers:/before.txt"), b"before")
        self.assertEqual(dave.cat("papers:/after.txt"), b"after")
        self.assertEqual(dave.cat("bob's:/own.txt"), b"of bob alone")
        self.assertEqual(dave.cat("plans:/carol.txt"), b"carol was here")
        self.assertEqual(dave.cat("plans:/carol.bin"), big)

        # And she whom the copy did not know comes back.
        carol.restart_agent()
        carol.put_bytes(b"back again", "plans:/back.txt")
        carol.sync("plans")
        dave.sync("plans")
        self.assertEqual(dave.cat("plans:/back.txt"), b"back again")

    def test_objects_come_from_whoever_has_them(self):
        """The author is gone; who was first to return lacks the contents; the other has them."""
        erin = self.join("erin")
        self.alice.share("papers", erin, "contributor")
        self.relay.back_up()
        erin.put_bytes(b"seen by bob alone" * 10_000, "papers:/erin.txt")
        erin.sync("papers")
        self.bob.sync("papers")
        self.assertEqual(len(self.bob.cat("papers:/erin.txt")), 170_000)
        self.alice.sync("papers")
        self.bob.stop_agent()
        erin.stop_agent()
        self.relay.bring_back()
        wait_until(lambda: self.alice.sync("papers", expect=None).get("ok"), "alice syncs")
        self.alice.run("cat", "papers:/erin.txt", json=False, expect=FAILED)
        self.bob.restart_agent()
        self.bob.sync("papers")
        wait_until(lambda: len(self.alice.cat("papers:/erin.txt", expect=None)) == 170_000, "alice reads it")

    def test_a_relay_that_took_another_change_first_overwrites_nothing(self):
        self.relay.back_up()
        self.bob.stop_agent()  # he knows the older ledger only
        self.alice.run("workspace", "create", "alice's")
        self.alice.put_bytes(b"precious", "alice's:/x.txt")
        self.alice.sync("alice's")
        self.alice.stop_agent()
        self.relay.bring_back()
        self.bob.restart_agent()
        self.bob.run("workspace", "create", "another")  # an honest fork
        self.alice.restart_agent()

        def is_said():
            device = self.alice.run("agent", "status")["devices"][0]
            return device["trouble"] and device["trouble"]["code"] == "ledger_forked"
        wait_until(is_said, "alice's agent says that there are two lines")
        self.assertEqual(self.alice.cat("alice's:/x.txt"), b"precious")
        self.assertEqual({w["name"] for w in self.alice.run("workspace", "list")}, {"papers", "alice's"})
        refused = self.alice.run("workspace", "create", "third", expect=FAILED)
        self.assertEqual(refused["error"]["code"], "ledger_forked")
        found = self.alice.run("doctor", expect=FAILED)
        self.assertTrue(any("two lines" in f["message"] for f in found if not f["ok"]), found)
        self.alice.run("mkdir", "papers:/still")  # what is here can be worked with


if __name__ == "__main__":
    keyfold.main()
