#!/usr/bin/env python3
"""Sharing between people: roles, what a Reader's edit becomes, what unsharing takes, what sharing again gives."""

import itertools
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import keyfold
import trees
from keyfold import FAILED


class Sharing(keyfold.Case):
    def setUp(self):
        super().setUp()
        self.alice, self.bob = self.start_organization("bob")
        self.alice.run("workspace", "create", "papers")

    def test_what_one_puts_the_other_reads(self):
        self.alice.put_bytes(b"from alice", "papers:/a.txt")
        self.alice.sync("papers")
        row = self.alice.share("papers", self.bob, "contributor")
        self.assertEqual((row["name"], row["role"], row["members"]), ("papers", "contributor", 2))
        for field in ("id", "epoch", "files", "bytes", "state", "mirror", "mount"):
            self.assertIn(field, row)
        self.bob.sync("papers")
        self.assertEqual(self.bob.cat("papers:/a.txt"), b"from alice")
        self.bob.put_bytes(b"from bob", "papers:/b.txt")
        self.bob.sync("papers")
        self.alice.sync("papers")
        self.assertEqual(self.alice.cat("papers:/b.txt"), b"from bob")
        self.assertEqual(self.alice.names("papers:/"), self.bob.names("papers:/"))

    def test_members_are_listed_with_their_roles(self):
        self.alice.share("papers", self.bob, "reader")
        for home in (self.alice, self.bob):
            rows = home.run("workspace", "members", "papers")
            self.assertEqual(sorted((r["email"], r["name"], r["role"]) for r in rows),
                             [("alice@example.com", "Alice", "owner"), ("bob@example.com", "Bob", "reader")])

    def test_status_names_what_is_not_synced_and_all_files_when_asked(self):
        self.alice.put_bytes(b"1", "papers:/one.txt")
        self.alice.sync("papers")
        status = self.alice.run("status", "papers")
        self.assertEqual((status["files"], status["pending"]["up"], status["pending"]["down"]), ([], 0, 0))
        self.assertTrue(status["online"])
        everything = self.alice.run("status", "papers", "--all")["files"]
        self.assertEqual([(f["path"].lstrip("/"), f["state"]) for f in everything], [("one.txt", "synced")])

    def test_edits_on_both_sides_at_once_are_both_kept(self):
        self.alice.put_bytes(b"base", "papers:/notes.txt")
        self.alice.sync("papers")
        self.alice.share("papers", self.bob, "contributor")
        self.bob.sync("papers")
        self.relay.stop()
        self.alice.put_bytes(b"alice's", "papers:/notes.txt")
        self.bob.put_bytes(b"bob's", "papers:/notes.txt")
        self.relay.start()
        for home in (self.alice, self.bob, self.alice):
            home.sync("papers")
        names = self.alice.names("papers:/")
        self.assertEqual(len(names), 2)
        copy = next(n for n in names if n != "notes.txt")
        self.assertRegex(copy, r"^notes \(conflict, [A-Z2-9]{4}, \d{4}-\d\d-\d\d \d\d\.\d\dZ(, \d+)?\)\.txt$")
        for home in (self.alice, self.bob):
            self.assertEqual(home.names("papers:/"), names)
            self.assertEqual({home.cat(f"papers:/{n}") for n in names}, {b"alice's", b"bob's"})

    def test_a_reader_may_not_write_and_his_edits_in_a_mirror_stay_his(self):
        self.alice.put_bytes(b"alice's text", "papers:/text.txt")
        self.alice.sync("papers")
        self.alice.share("papers", self.bob, "reader")
        self.bob.put_bytes(b"x", "papers:/new.txt", expect=FAILED)
        folder = self.world.folder / "bobs"
        self.bob.run("workspace", "mirror", "papers", folder)
        self.bob.sync("papers")
        self.assertEqual((folder / "text.txt").read_bytes(), b"alice's text")
        (folder / "text.txt").write_bytes(b"bob's own words")
        self.bob.sync("papers", expect=FAILED)
        row = next(f for f in self.bob.run("status", "papers")["files"] if f["path"].lstrip("/") == "text.txt")
        self.assertEqual((row["state"], row["reason"]), ("local", "read_only"))
        # It is still said when another folder was looked at since.
        self.alice.run("mkdir", "papers:/other")
        self.alice.put_bytes(b"more", "papers:/other/more.txt")
        keyfold.wait_until((folder / "other" / "more.txt").exists, "bob has the other file")
        (folder / "other" / "his.txt").write_bytes(b"and this is bob's, too")

        def both_are_said():
            said = {f["path"]: f["reason"] for f in self.bob.run("status", "papers")["files"]}
            return said.get("/other/his.txt") == "read_only" and said.get("/text.txt") == "read_only"
        keyfold.wait_until(both_are_said, "status lists both")
        self.assertEqual((folder / "text.txt").read_bytes(), b"bob's own words")
        self.alice.sync("papers")
        self.assertEqual(self.alice.cat("papers:/text.txt"), b"alice's text")

    def test_only_those_who_may_give_roles_give_them(self):
        carol = self.world.home("carol")
        self.alice.invite(carol)
        self.alice.share("papers", self.bob, "contributor")
        keyfold.wait_until(lambda: any(u["email"] == "carol@example.com" for u in self.bob.run("user", "list")),
                           "bob hears of carol")
        self.bob.run("workspace", "share", "papers", "carol@example.com", "--role", "reader", expect=FAILED)
        self.bob.run("workspace", "unshare", "papers", "alice@example.com", expect=FAILED)
        self.alice.share("papers", self.bob, "manager")
        self.bob.run("workspace", "share", "papers", "carol@example.com", "--role", "owner", expect=FAILED)
        self.bob.share("papers", carol, "reader")
        self.alice.run("workspace", "share", "papers", "nobody@example.com", "--role", "reader", expect=FAILED)

    def test_an_external_becomes_at_most_a_contributor(self):
        eve = self.world.home("eve")
        self.alice.invite(eve, "external")
        self.alice.run("workspace", "share", "papers", "eve@example.com", "--role", "manager", expect=FAILED)
        self.alice.share("papers", eve, "contributor")
        eve.run("workspace", "create", "own", expect=FAILED)
        rows = eve.run("workspace", "members", "papers")
        self.assertTrue(all(not r["email"] and not r["name"] for r in rows if r["role"] == "owner"), rows)

    def test_who_lost_the_workspace_reads_nothing_new_and_who_gets_it_again_reads_all(self):
        self.alice.put_bytes(b"old", "papers:/old.txt")
        self.alice.sync("papers")
        self.alice.share("papers", self.bob, "contributor")
        self.bob.sync("papers")
        epoch = self.alice.workspace("papers")["epoch"]
        self.alice.run("workspace", "unshare", "papers", "bob@example.com")
        self.assertGreater(self.alice.workspace("papers")["epoch"], epoch)
        self.assertEqual([m["email"] for m in self.alice.run("workspace", "members", "papers")], ["alice@example.com"])
        self.alice.put_bytes(b"secret of later", "papers:/new.txt")
        self.alice.sync("papers")
        keyfold.wait_until(lambda: self.lost(self.bob), "bob hears that he lost the workspace")
        self.bob.run("cat", "papers:/new.txt", json=False, expect=FAILED)
        self.bob.put_bytes(b"x", "papers:/x.txt", expect=FAILED)
        self.bob.stop_agent()
        self.assertEqual(trees.find_in_folder(self.bob.folder, trees.needles("secret of later")), [])
        self.bob.restart_agent()
        self.alice.share("papers", self.bob, "contributor")
        self.bob.sync("papers")
        self.assertEqual(self.bob.cat("papers:/new.txt"), b"secret of later")
        self.assertEqual(self.bob.cat("papers:/old.txt"), b"old")
        self.bob.put_bytes(b"back again", "papers:/back.txt")
        self.bob.sync("papers")
        self.alice.sync("papers")
        self.assertEqual(self.alice.cat("papers:/back.txt"), b"back again")

    def test_who_writes_without_end_is_unshared_all_the_same(self):
        self.alice.share("papers", self.bob, "contributor")
        stop = threading.Event()

        def write_on():
            for i in itertools.count():
                if stop.is_set() or "error" in self.bob.put_bytes(b"%d" % i, f"papers:/{i}.txt", expect=None):
                    return

        writer = threading.Thread(target=write_on)
        writer.start()
        try:
            keyfold.wait_until(lambda: len(self.alice.names("papers:/")) > 10, "alice sees what bob writes")
            self.alice.run("workspace", "unshare", "papers", "bob@example.com")
        finally:
            stop.set()
            writer.join()
        self.assertEqual(len(self.alice.run("workspace", "members", "papers")), 1)
        self.alice.sync("papers")
        self.assertGreater(len(self.alice.names("papers:/")), 10)

    def test_his_keys_and_the_relays_whole_disk_do_not_open_what_came_after(self):
        self.alice.put_bytes(b"old", "papers:/old.txt")
        self.alice.share("papers", self.bob, "contributor")
        self.bob.sync("papers")
        epoch = self.alice.workspace("papers")["epoch"]
        self.alice.run("workspace", "unshare", "papers", "bob@example.com")
        self.alice.put_bytes(b"new", "papers:/new.txt")
        self.alice.sync("papers")
        self.bob.stop_agent()
        self.relay.stop()
        row, = keyfold.read_as(self.bob, self.relay.data)
        self.assertTrue(all(e <= epoch for e in row["keys"]), row)
        for counts in row["epochs"]:
            closed = counts["epoch"] > epoch
            self.assertEqual((counts["opened"] == 0, counts["closed"] == 0), (closed, not closed), row)
        self.assertEqual(len(row["epochs"]), 2, row)
        row, = keyfold.read_as(self.alice, self.relay.data, stop=True)
        self.assertTrue(all(counts["closed"] == 0 for counts in row["epochs"]), row)

    def lost(self, home):
        row = home.workspace("papers")
        return row is None or row["role"] in (None, "none")

    def test_a_rotation_changes_the_epoch_and_nothing_else(self):
        self.alice.put_bytes(b"1", "papers:/one.txt")
        self.alice.share("papers", self.bob, "contributor")
        epoch = self.alice.workspace("papers")["epoch"]
        self.alice.run("workspace", "rotate", "papers")
        self.assertEqual(self.alice.workspace("papers")["epoch"], epoch + 1)
        self.alice.put_bytes(b"2", "papers:/two.txt")
        self.alice.sync("papers")
        self.bob.sync("papers")
        self.assertEqual((self.bob.cat("papers:/one.txt"), self.bob.cat("papers:/two.txt")), (b"1", b"2"))

    def test_a_workspace_is_named_by_its_id_where_names_clash(self):
        first = self.alice.run("workspace", "create", "twins", expect=None)
        second = self.alice.run("workspace", "create", "twins", expect=None)
        if "id" not in second:
            self.assertIn("error", second)  # refusing the second is as good
            return
        self.alice.put_bytes(b"1", f"{first['id']}:/file")
        self.alice.run("ls", "twins:/", expect=FAILED)
        self.assertEqual(self.alice.names(f"{second['id']}:/"), [])

    def test_what_was_put_while_the_other_was_away_comes_when_he_is_back(self):
        self.alice.share("papers", self.bob, "contributor")
        self.bob.stop_agent()
        for i in range(20):
            self.alice.put_bytes(b"%d" % i, f"papers:/{i}.txt")
        self.alice.sync("papers")
        self.alice.stop_agent()
        self.bob.restart_agent()
        self.bob.sync("papers")
        self.assertEqual([self.bob.cat(f"papers:/{i}.txt") for i in range(20)], [b"%d" % i for i in range(20)])

    def test_a_second_device_of_a_person_has_his_workspaces(self):
        self.alice.share("papers", self.bob, "contributor")
        self.bob.put_bytes(b"on the laptop", "papers:/laptop.txt")
        self.bob.sync("papers")
        invitation = self.bob.run("invite", "device")
        desk = self.world.home("desk")
        greeter, guest = self.bob.greet(invitation["token"]), desk.join(invitation["link"])
        keyfold.compare_codes(greeter, guest)
        greeter.answer(accept=True)
        greeter.done()
        guest.done()
        desk.hear_of("papers", "contributor")
        desk.sync("papers")
        self.assertEqual(desk.cat("papers:/laptop.txt"), b"on the laptop")


if __name__ == "__main__":
    keyfold.main()
