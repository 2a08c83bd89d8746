#!/usr/bin/env python3
"""An organization moves to another relay: while the old one runs, when it is gone, and for devices that were away."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import keyfold
from keyfold import FAILED, USAGE, wait_until


class Move(keyfold.Case):
    def setUp(self):
        super().setUp()
        self.alice, self.bob = self.start_organization("bob")
        self.alice.run("workspace", "create", "papers")
        self.alice.share("papers", self.bob, "contributor")
        self.alice.put_bytes(b"from alice" * 1000, "papers:/a.txt")
        self.alice.sync("papers")
        self.bob.sync("papers")
        self.bob.put_bytes(b"from bob", "papers:/b.txt")
        self.bob.sync("papers")
        self.alice.sync("papers")
        self.new = self.world.relay("--open", name="new")
        self.place = self.new.address.split("//")[1].split("/")[0]

    def goes_to_the_new_relay(self, home):
        def is_there():
            row = home.run("org", "list")[0]
            return row["relay"] == "online" and home.run("org", "info")["relay"] == self.place
        wait_until(is_there, f"{home.name} is at the new relay")

    def assertAllThere(self, home):
        self.assertEqual(home.names("papers:/"), ["a.txt", "b.txt"])
        self.assertEqual(home.cat("papers:/a.txt"), b"from alice" * 1000)
        self.assertEqual(home.cat("papers:/b.txt"), b"from bob")

    def assertNewRelayHasAll(self):
        """Somebody invited there gets everything from it alone."""
        for home in (self.alice, self.bob):
            wait_until(lambda: home.sync("papers", expect=None).get("ok"), f"{home.name} syncs")
        carol = self.world.home("carol")
        invitation = self.alice.run("invite", "user", "carol@example.com")
        self.assertIn(self.place, invitation["link"])
        self.alice.run("invite", "cancel", invitation["token"])
        self.alice.invite(carol)
        self.alice.share("papers", carol, "reader")
        self.alice.stop_agent()
        self.bob.stop_agent()
        carol.sync("papers")
        self.assertAllThere(carol)
        self.assertEqual(carol.run("org", "info")["relay"], self.place)

    def test_all_follow_while_the_old_relay_runs(self):
        moved = self.alice.run("org", "move", self.new.address)
        self.assertEqual((moved["ok"], moved["relay"], moved["joined"]), (True, self.place, False))
        for home in (self.alice, self.bob):
            self.goes_to_the_new_relay(home)
        self.relay.stop()
        self.assertNewRelayHasAll()

    def test_a_device_that_was_away_learns_of_it_from_the_old_relay(self):
        self.bob.stop_agent()
        self.alice.run("org", "move", self.new.address)
        self.goes_to_the_new_relay(self.alice)
        self.bob.restart_agent()
        self.goes_to_the_new_relay(self.bob)
        self.bob.restart_agent()  # and knows it from then on
        self.goes_to_the_new_relay(self.bob)
        self.assertNewRelayHasAll()

    def test_the_old_relay_is_gone(self):
        self.relay.stop()
        wait_until(lambda: self.alice.run("org", "list")[0]["relay"] != "online", "alice misses the relay")
        self.bob.put_bytes(b"", "papers:/later.txt")
        self.bob.run("rm", "papers:/later.txt")
        refused = self.alice.run("org", "move", self.new.address, expect=USAGE)  # nobody to be asked
        self.assertIn("error", refused)
        self.alice.run("org", "move", self.new.address, "--yes")
        self.goes_to_the_new_relay(self.alice)
        # Nobody tells bob: he follows by the address.
        done = self.bob.run("org", "move", self.new.address)
        self.assertTrue(done["joined"])
        self.goes_to_the_new_relay(self.bob)
        self.assertEqual(self.bob.run("org", "move", self.new.address, expect=FAILED)["error"]["code"],
                         "nothing_changed")
        self.assertNewRelayHasAll()

    def test_only_an_administrator_moves(self):
        refused = self.bob.run("org", "move", self.new.address, expect=FAILED)
        self.assertEqual(refused["error"]["code"], "not_administrator")
        self.bob.sync("papers")

    def test_a_relay_that_is_not_open_wants_a_creation_link(self):
        closed = self.world.relay(name="closed")
        refused = self.alice.run("org", "move", closed.address, expect=FAILED)
        self.assertEqual(refused["error"]["code"], "creation_refused")
        link = closed.run("org", "create", "acme")["link"]
        self.alice.run("org", "move", link)
        self.place = closed.address.split("//")[1].split("/")[0]
        self.goes_to_the_new_relay(self.bob)

    def test_two_lines_are_noticed(self):
        """The old relay had given a receipt that the Administrator never heard of, and is gone."""
        self.alice.stop_agent()
        self.bob.run("workspace", "create", "bob's")
        self.bob.stop_agent()
        self.relay.stop()
        self.alice.restart_agent()
        self.alice.run("org", "move", self.new.address, "--yes")
        self.goes_to_the_new_relay(self.alice)
        self.bob.restart_agent()
        refused = self.bob.run("org", "move", self.new.address, expect=FAILED)
        self.assertEqual(refused["error"]["code"], "ledger_forked")
        self.assertEqual({w["name"] for w in self.bob.run("workspace", "list")}, {"papers", "bob's"})
        self.assertEqual(self.bob.cat("papers:/b.txt"), b"from bob")


if __name__ == "__main__":
    keyfold.main()
