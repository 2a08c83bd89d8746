#!/usr/bin/env python3
"""Devices that see each other keep syncing without a relay, and roles hold among them."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import keyfold
import trees

LOOPBACK = "tcp://127.0.0.1:0"


class DirectCase(keyfold.Case):
    listen = LOOPBACK

    def linked(self, home, count=1):
        """The rows of `peers` once that many devices are linked directly."""
        def enough():
            rows = [row for row in home.run("peers") if row["link"] == "direct"]
            return rows if len(rows) == count else None
        return keyfold.wait_until(enough, f"{home.name} is linked with {count} devices")

    def unlinked(self, home):
        keyfold.wait_until(lambda: not [r for r in home.run("peers") if r["link"] == "direct"],
                           f"{home.name} is linked with nobody")

    def offline(self, *homes):
        for home in homes:
            keyfold.wait_until(lambda: home.run("agent", "status")["devices"][0]["relay"] != "online",
                               f"{home.name} notices that the relay is gone")


class Direct(DirectCase):
    def setUp(self):
        super().setUp()
        self.alice, self.bob = self.start_organization("bob")
        self.alice.run("workspace", "create", "papers")
        self.alice.share("papers", self.bob, "contributor")
        self.a, self.b = self.world.folder / "mirror-a", self.world.folder / "mirror-b"
        self.alice.run("workspace", "mirror", "papers", self.a)
        self.bob.run("workspace", "mirror", "papers", self.b)

    def same(self):
        keyfold.wait_until(lambda: not trees.differences(trees.snapshot(self.a), trees.snapshot(self.b)),
                           "both mirrors are the same")

    def test_two_devices_go_on_without_the_relay_and_bring_it_forward_later(self):
        row = self.linked(self.alice)[0]
        self.assertEqual(row["user"], self.bob.user)
        self.assertEqual(row["label"], "bob-laptop")
        self.assertTrue(row["endpoint"])
        self.linked(self.bob)
        self.relay.stop()
        self.offline(self.alice, self.bob)

        (self.a / "from-alice.txt").write_text("written without a relay")
        keyfold.wait_until(lambda: (self.b / "from-alice.txt").exists(), "it comes directly")
        (self.b / "from-bob.txt").write_text("and back")
        (self.b / "big.bin").write_bytes(os.urandom(9_000_000))  # comes in pieces
        self.bob.run("sync", "papers", "--peer", "--timeout", "60")
        self.alice.run("sync", "papers", "--peer", "--timeout", "60")
        self.same()
        self.assertEqual((self.a / "from-bob.txt").read_text(), "and back")
        self.alice.run("sync", "papers", expect=keyfold.UNREACHABLE)
        status = self.alice.run("status", "papers")
        self.assertFalse(status["online"])
        self.assertEqual(status["pending"]["up"], 0, status)
        self.assertEqual([r["has_all"] for r in status["replicas"] if r["device"]], [True])

        self.relay.start()
        self.alice.sync("papers")
        self.bob.sync("papers")
        # Whoever comes through the relay alone finds all of it there.
        carol = self.world.home("carol")
        self.alice.invite(carol)
        self.alice.share("papers", carol, "reader")
        carol.sync("papers")
        self.assertEqual(carol.cat("papers:/from-bob.txt"), b"and back")
        self.assertEqual(len(carol.cat("papers:/big.bin")), 9_000_000)

    def test_devices_find_each_other_again_without_a_relay(self):
        self.linked(self.alice)
        self.relay.stop()
        self.bob.stop_agent()
        self.unlinked(self.alice)
        self.bob.restart_agent()
        self.linked(self.alice)
        (self.b / "after.txt").write_text("both remember where the other was")
        keyfold.wait_until(lambda: (self.a / "after.txt").exists(), "it comes directly")
        # And after a crash.
        self.alice.kill_agent()
        self.unlinked(self.bob)
        self.alice.restart_agent()
        self.linked(self.bob)
        (self.a / "again.txt").write_text("as before")
        keyfold.wait_until(lambda: (self.b / "again.txt").exists(), "it comes directly")

    def test_both_edit_at_once_and_nothing_is_lost(self):
        (self.a / "list.txt").write_text("milk")
        self.alice.sync("papers")
        self.bob.sync("papers")
        self.relay.stop()
        self.bob.stop_agent()
        (self.a / "list.txt").write_text("milk, wine")
        (self.b / "list.txt").write_text("milk, beer")
        self.bob.restart_agent()
        self.linked(self.bob)
        self.bob.run("sync", "papers", "--peer")
        self.alice.run("sync", "papers", "--peer")
        self.same()
        contents = sorted(path.read_text() for path in self.a.iterdir() if path.is_file())
        self.assertEqual(contents, ["milk, beer", "milk, wine"])


class FromAMirror(DirectCase):
    def test_a_device_gives_what_stands_in_its_mirror_though_it_has_no_objects_of_it(self):
        alice, bob, carol = self.start_organization("bob", "carol")
        alice.run("workspace", "create", "papers")
        alice.share("papers", bob, "contributor")
        alice.share("papers", carol, "reader")
        mirror = self.world.folder / "mirror-b"
        bob.run("workspace", "mirror", "papers", mirror)
        contents = {name: os.urandom(size) for name, size in (("big", 9_000_000), ("edited", 6_000_000))}
        for name, content in contents.items():
            alice.put_bytes(content, f"papers:/{name}")
        alice.sync("papers")
        bob.sync("papers")  # large files come in pieces, and no object is stored
        self.assertEqual({path.name: path.read_bytes() for path in mirror.iterdir() if path.is_file()}, contents)
        carol.sync("papers")
        alice.stop_agent()
        self.relay.stop()
        self.linked(carol)
        keyfold.wait_until(lambda: carol.cat("papers:/big", expect=None) == contents["big"], "bob makes the objects")
        # What was edited meanwhile is not what it was: bob says that he lacks it.
        (mirror / "edited").write_bytes(b"by bob")
        bob.run("sync", "papers", "--peer", "--timeout", "60")
        keyfold.wait_until(lambda: carol.cat("papers:/edited", expect=None) == b"by bob", "the edit comes")


    def test_a_reader_is_sent_everything_and_writes_nothing(self):
        alice, carol = self.start_organization("carol")
        alice.run("workspace", "create", "papers")
        alice.share("papers", carol, "reader")
        self.linked(alice)
        self.relay.stop()
        alice.put_bytes(b"for all", "papers:/list.txt")
        keyfold.wait_until(lambda: "list.txt" in carol.names("papers:/"), "the reader sees it")
        self.assertEqual(carol.cat("papers:/list.txt"), b"for all")
        carol.put_bytes(b"mine", "papers:/mine.txt", expect=keyfold.FAILED)
        self.assertEqual(alice.names("papers:/"), ["list.txt"])

    def test_who_has_no_role_is_linked_and_learns_nothing(self):
        alice, bob, dave = self.start_organization("bob", "dave")
        alice.run("workspace", "create", "papers")
        alice.share("papers", bob, "contributor")
        self.linked(alice)
        self.relay.stop()
        alice.put_bytes(b"secret", "papers:/list.txt")
        keyfold.wait_until(lambda: "list.txt" in bob.names("papers:/"), "bob sees it")
        self.assertEqual(dave.run("workspace", "list"), [])

    def test_who_was_removed_is_given_nothing_new_by_anybody(self):
        alice, bob, carol = self.start_organization("bob", "carol")
        alice.run("workspace", "create", "papers")
        alice.share("papers", bob, "contributor")
        alice.share("papers", carol, "contributor")
        self.linked(alice, 2)
        alice.run("workspace", "unshare", "papers", "carol@example.com")
        bob.hear_of("papers")
        keyfold.wait_until(lambda: len(bob.run("workspace", "members", "papers")) == 2, "bob knows")
        self.relay.stop()
        alice.put_bytes(b"after carol", "papers:/new.txt")
        keyfold.wait_until(lambda: "new.txt" in bob.names("papers:/"), "bob sees it")
        self.assertIsNone(carol.workspace("papers"))


class OneUser(DirectCase):
    def test_the_ledger_comes_from_a_device_when_the_relay_is_gone(self):
        alice, bob = self.start_organization("bob")
        alice.run("workspace", "create", "papers")
        alice.share("papers", bob, "contributor")
        self.linked(bob)
        bob.stop_agent()
        alice.run("workspace", "create", "plans")
        alice.run("workspace", "share", "plans", "bob@example.com", "--role", "reader")
        alice.put_bytes(b"later", "plans:/plan.txt")
        self.relay.stop()
        bob.restart_agent()
        self.linked(bob)
        bob.hear_of("plans", "reader")
        keyfold.wait_until(lambda: "plan.txt" in bob.names("plans:/"), "its files come as well")
        self.assertEqual(bob.cat("plans:/plan.txt"), b"later")


if __name__ == "__main__":
    keyfold.main()
