#!/usr/bin/env python3
"""Two mirrors of one workspace: whatever is done in one folder is in the other, and no byte is lost."""

import os
import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import keyfold
import trees
from test_files import make_tree

NS = 1_700_000_000_123_456_789


class MirrorCase(keyfold.Case):
    """Alice and Bob, each with a mirror of one workspace."""

    def setUp(self):
        super().setUp()
        self.alice, self.bob = self.start_organization("bob")
        self.alice.run("workspace", "create", "papers")
        self.alice.share("papers", self.bob, "contributor")
        self.a, self.b = self.world.folder / "mirror-a", self.world.folder / "mirror-b"
        self.a.mkdir()
        self.alice.run("workspace", "mirror", "papers", self.a)
        self.bob.run("workspace", "mirror", "papers", self.b)  # makes its folder

    def settle(self):
        """Both have everything of the other, and show the same."""
        for home in (self.alice, self.bob, self.alice):
            home.sync("papers")
        self.assertEqual(trees.differences(trees.snapshot(self.a), trees.snapshot(self.b)), [])
        return trees.snapshot(self.a)


class Mirrors(MirrorCase):
    def test_a_tree_with_all_that_travels_comes_to_the_other_side(self):
        make_tree(self.a / "tree")
        tree = self.settle()
        self.assertEqual(tree["tree/empty"], ("folder",))
        self.assertEqual(tree["tree/dangling"], ("symlink", "../nowhere"))
        self.assertEqual(tree["tree/run.sh"][3:], ("x", 1_234_567_890_123_456_789))

    def test_a_folder_with_content_is_joined(self):
        self.alice.run("workspace", "unmirror", "papers")
        (self.b / "same.txt").write_text("the same bytes")
        (self.b / "other.txt").write_text("bob's bytes")
        self.bob.sync("papers")
        joined = self.world.folder / "joined"
        joined.mkdir()
        (joined / "same.txt").write_text("the same bytes")
        (joined / "other.txt").write_text("alice's bytes")
        (joined / "own.txt").write_text("only alice's")
        self.a = joined
        self.alice.run("workspace", "mirror", "papers", joined)
        tree = self.settle()
        self.assertEqual(len(tree), 4, tree)
        self.assertEqual({(self.b / n).read_text() for n in tree if n.startswith("other")},
                         {"bob's bytes", "alice's bytes"})

    def test_edits_go_both_ways(self):
        (self.a / "from-a.txt").write_text("a")
        (self.b / "from-b.txt").write_text("b")
        self.settle()
        (self.b / "from-a.txt").write_text("a, and b")
        (self.a / "from-b.txt").write_text("b, and a")
        self.settle()
        self.assertEqual((self.a / "from-a.txt").read_text(), "a, and b")
        self.assertEqual((self.b / "from-b.txt").read_text(), "b, and a")

    def test_changes_go_over_by_themselves(self):
        (self.a / "watched.txt").write_text("seen by inotify")
        keyfold.wait_until(lambda: (self.b / "watched.txt").exists(), "the file comes without a sync")
        self.assertEqual((self.b / "watched.txt").read_text(), "seen by inotify")

    def test_files_and_folders_are_renamed_and_moved(self):
        make_tree(self.a / "tree")
        self.settle()
        (self.a / "tree/letters").rename(self.a / "tree/mail")
        (self.a / "tree/run.sh").rename(self.a / "go.sh")
        tree = self.settle()
        self.assertIn("tree/mail/2026/to bob.txt", tree)
        self.assertNotIn("tree/letters", tree)
        self.assertIn("go.sh", tree)

    def test_files_are_deleted_and_folders_too(self):
        make_tree(self.a / "tree")
        for i in range(10):
            (self.a / f"stays-{i}.txt").write_text("stays")
        self.settle()
        (self.b / "tree/large.bin").unlink()
        shutil.rmtree(self.b / "tree/letters")
        tree = self.settle()
        self.assertNotIn("tree/large.bin", tree)
        self.assertNotIn("tree/letters", tree)
        self.assertIn("tree/run.sh", tree)

    def test_exec_bit_and_mtime_change_without_the_bytes(self):
        file = self.a / "script"
        file.write_text("#!/bin/sh\n")
        self.settle()
        file.chmod(0o755)
        os.utime(file, ns=(NS, NS))
        self.assertEqual(self.settle()["script"][3:], ("x", NS))
        (self.b / "script").chmod(0o644)
        os.utime(self.b / "script", ns=(NS + 1, NS + 1))
        self.assertEqual(self.settle()["script"][3:], ("-", NS + 1))

    def test_a_symlink_is_retargeted_and_becomes_a_file_and_back(self):
        (self.a / "link").symlink_to("here")
        self.settle()
        (self.a / "link").unlink()
        (self.a / "link").symlink_to("there")
        self.assertEqual(self.settle()["link"], ("symlink", "there"))
        (self.b / "link").unlink()
        (self.b / "link").write_text("a file now")
        self.assertEqual(self.settle()["link"][0], "file")
        (self.a / "link").unlink()
        (self.a / "link").mkdir()
        self.assertEqual(self.settle()["link"], ("folder",))

    def test_empty_folders_come_and_go(self):
        (self.a / "one/two/three").mkdir(parents=True)
        self.assertEqual(self.settle()["one/two/three"], ("folder",))
        (self.b / "one/two/three").rmdir()
        self.assertNotIn("one/two/three", self.settle())

    def test_a_large_file_is_edited_in_the_middle(self):
        data = bytearray(os.urandom(5_000_000))
        (self.a / "large").write_bytes(data)
        self.settle()
        data[2_500_000:2_500_010] = b"0123456789"
        (self.b / "large").write_bytes(data)
        self.settle()
        self.assertEqual((self.a / "large").read_bytes(), data)

    def test_edits_made_while_the_agents_do_not_run_are_found(self):
        for i in range(10):
            (self.a / f"{i}.txt").write_text(f"{i}")
        self.settle()
        self.bob.stop_agent()
        (self.b / "0.txt").write_text("edited by bob")
        (self.b / "1.txt").unlink()
        (self.b / "2.txt").rename(self.b / "two.txt")
        (self.b / "new.txt").write_text("new")
        self.bob.restart_agent()
        tree = self.settle()
        self.assertEqual((self.a / "0.txt").read_text(), "edited by bob")
        self.assertEqual({"1.txt", "2.txt", "two.txt", "new.txt"} & set(tree), {"two.txt", "new.txt"})

    def test_a_conflict_made_offline_is_a_conflict_copy_on_both_sides(self):
        (self.a / "notes.txt").write_text("base")
        self.settle()
        self.bob.stop_agent()
        (self.b / "notes.txt").write_text("bob's words")
        (self.a / "notes.txt").write_text("alice's words")
        self.alice.sync("papers")
        self.bob.restart_agent()
        tree = self.settle()
        self.assertEqual(len(tree), 2, tree)
        copy = next(n for n in tree if n != "notes.txt")
        self.assertRegex(copy, r"^notes \(conflict, [A-Z2-9]{4}, \d{4}-\d\d-\d\d \d\d\.\d\dZ\)\.txt$")
        self.assertEqual({(self.a / n).read_text() for n in tree}, {"bob's words", "alice's words"})
        (self.a / copy).unlink()
        self.assertEqual(list(self.settle()), ["notes.txt"])

    def test_a_delete_that_did_not_know_of_an_edit_loses_to_it(self):
        (self.a / "contested.txt").write_text("base")
        (self.a / "other.txt").write_text("other")
        self.settle()
        self.bob.stop_agent()
        (self.b / "contested.txt").unlink()
        (self.a / "contested.txt").write_text("edited meanwhile")
        self.alice.sync("papers")
        self.bob.restart_agent()
        self.settle()
        self.assertEqual((self.b / "contested.txt").read_text(), "edited meanwhile")

    def test_a_crash_in_the_middle_of_a_sync_loses_nothing(self):
        for i in range(200):
            (self.a / f"{i:03}.txt").write_text(f"content of {i}\n" * 50)
        process = self.alice.start("sync", "papers")
        keyfold.wait_until(lambda: (self.b / "000.txt").exists() or process.popen.poll() is not None, "it has begun")
        self.alice.kill_agent()
        self.bob.kill_agent()
        self.relay.kill()
        process.wait()
        self.relay.start()
        self.alice.restart_agent()
        self.bob.restart_agent()
        self.assertEqual(len(self.settle()), 200)
        self.assertEqual((self.b / "199.txt").read_text(), "content of 199\n" * 50)

    def test_most_files_gone_stops_and_asks(self):
        for i in range(100):
            (self.a / f"{i:03}.txt").write_text(f"{i}")
        self.settle()
        for i in range(100):
            (self.a / f"{i:03}.txt").unlink()
        self.alice.run("sync", "papers", "--timeout", "5", expect=None)
        self.bob.sync("papers", expect=None)
        self.assertEqual(len(trees.snapshot(self.b)), 100)
        self.alice.run("workspace", "mirror", "papers", "--restore")
        self.assertEqual(len(self.settle()), 100)
        for i in range(100):
            (self.a / f"{i:03}.txt").unlink()
        self.alice.run("sync", "papers", "--timeout", "5", expect=None)
        self.alice.run("workspace", "mirror", "papers", "--accept-deletes")
        self.assertEqual(self.settle(), {})

    def test_a_mirror_that_vanishes_deletes_nothing(self):
        make_tree(self.a / "tree")
        self.settle()
        before = trees.snapshot(self.b)
        self.alice.stop_agent()
        shutil.rmtree(self.a)
        self.alice.restart_agent()
        self.alice.run("sync", "papers", "--timeout", "5", expect=None)
        self.bob.sync("papers", expect=None)
        self.assertEqual(trees.differences(before, trees.snapshot(self.b)), [])

    def test_names_that_are_not_utf8_are_listed_and_left_alone(self):
        raw = os.fsencode(self.a) + b"/bad-\xff.txt"
        with open(raw, "wb") as file:
            file.write(b"stays here")
        (self.a / "good.txt").write_text("good")
        for home in (self.alice, self.bob):
            home.sync("papers", expect=None)
        rows = [f for f in self.alice.run("status", "papers")["files"] if f["state"] == "ignored"]
        self.assertEqual([r["path"].lstrip("/") for r in rows], ["bad-\udcff.txt"])
        self.assertTrue(rows[0]["reason"])
        self.assertTrue(os.path.exists(raw))
        self.assertEqual(list(trees.snapshot(self.b)), ["good.txt"])

    def test_unmirror_leaves_the_folder_as_it_is(self):
        (self.a / "file.txt").write_text("stays")
        self.settle()
        self.bob.run("workspace", "unmirror", "papers")
        self.assertIsNone(self.bob.workspace("papers")["mirror"])
        self.assertEqual((self.b / "file.txt").read_text(), "stays")
        self.assertEqual([n for n in os.listdir(self.b) if n.startswith(".keyfold")], [])

    def test_what_the_command_line_does_shows_in_the_mirror(self):
        self.alice.put_bytes(b"put", "papers:/put.txt")
        self.alice.run("mkdir", "papers:/made")
        self.alice.run("mv", "papers:/put.txt", "papers:/made/moved.txt")
        self.settle()
        self.assertEqual((self.b / "made/moved.txt").read_bytes(), b"put")
        self.bob.run("rm", "-r", "papers:/made")
        self.assertNotIn("made", self.settle())


if __name__ == "__main__":
    keyfold.main()
