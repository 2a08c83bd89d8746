#!/usr/bin/env python3
"""Work on files without mirror or mount, on one device; and nothing is lost by kill -9."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import keyfold
import trees
from keyfold import FAILED


def make_tree(folder):
    """A small tree with everything that travels."""
    (folder / "letters/2026").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "letters/2026/to bob.txt").write_text("dear bob\n")
    (folder / "letters/ünïcode.txt").write_text("dear ünïcode\n")
    (folder / "nothing.bin").write_bytes(b"")
    (folder / "large.bin").write_bytes(bytes(range(256)) * 20000)
    (folder / "run.sh").write_text("#!/bin/sh\necho hello\n")
    (folder / "run.sh").chmod(0o755)
    (folder / "link").symlink_to("letters/2026/to bob.txt")
    (folder / "dangling").symlink_to("../nowhere")
    os.utime(folder / "run.sh", ns=(0, 1_234_567_890_123_456_789))
    return folder


class Files(keyfold.Case):
    def setUp(self):
        super().setUp()
        self.alice = self.start_organization()
        self.alice.run("workspace", "create", "papers")

    def test_a_file_that_was_put_is_listed_read_and_fetched(self):
        alice = self.alice
        done = alice.put_bytes(b"hello world", "papers:/hello.txt")
        self.assertTrue(done["ok"])
        row = alice.run("ls", "papers:/")[0]
        self.assertEqual((row["name"], row["kind"], row["size"], row["executable"]), ("hello.txt", "file", 11, False))
        self.assertRegex(row["mtime"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$")
        for field in ("versions", "state"):
            self.assertIn(field, row)
        self.assertEqual(alice.cat("papers:/hello.txt"), b"hello world")
        target = self.world.folder / "fetched.txt"
        alice.run("get", "papers:/hello.txt", target)
        self.assertEqual(target.read_bytes(), b"hello world")

    def test_a_folder_comes_back_as_it_was_put(self):
        source = make_tree(self.world.folder / "source")
        self.alice.run("put", source, "papers:/tree")
        target = self.world.folder / "target"
        self.alice.run("get", "papers:/tree", target)
        self.assertEqual(trees.differences(trees.snapshot(source), trees.snapshot(target)), [])

    def test_folders_are_made_things_moved_and_removed(self):
        alice = self.alice
        alice.run("mkdir", "papers:/a")
        alice.put_bytes(b"1", "papers:/a/one.txt")
        alice.run("mv", "papers:/a/one.txt", "papers:/a/uno.txt")
        self.assertEqual(alice.names("papers:/a"), ["uno.txt"])
        alice.run("mkdir", "papers:/b")
        alice.run("mv", "papers:/a", "papers:/b/a")
        self.assertEqual(alice.cat("papers:/b/a/uno.txt"), b"1")
        alice.run("rm", "papers:/b", expect=FAILED)
        self.assertEqual(alice.cat("papers:/b/a/uno.txt"), b"1")
        alice.run("rm", "-r", "papers:/b")
        self.assertEqual(alice.names("papers:/"), [])

    def test_what_is_fetched_does_not_follow_a_symlink_that_was_fetched_before(self):
        alice = self.alice
        victim = self.world.folder / "victim"
        victim.mkdir()
        evil = self.world.folder / "evil"
        evil.mkdir()
        (evil / "x").symlink_to(victim)
        alice.run("put", evil, "papers:/evil")
        out = self.world.folder / "out"
        alice.run("get", "papers:/evil", out)
        self.assertTrue((out / "x").is_symlink())
        alice.run("get", "papers:/evil", out)  # again: the symlink is replaced by itself
        alice.run("rm", "papers:/evil/x")
        alice.run("mkdir", "papers:/evil/x")
        alice.put_bytes(b"key", "papers:/evil/x/authorized_keys")
        alice.run("get", "papers:/evil", out, expect=FAILED)
        self.assertEqual(list(victim.iterdir()), [])

    def test_a_file_put_again_has_its_new_bytes(self):
        for content in (b"first", b"second, which is longer", b""):
            self.alice.put_bytes(content, "papers:/file")
            self.assertEqual(self.alice.cat("papers:/file"), content)
        self.assertEqual(self.alice.names("papers:/"), ["file"])

    def test_what_is_not_there_is_refused(self):
        alice = self.alice
        alice.run("ls", "papers:/nowhere", expect=FAILED)
        alice.run("cat", "papers:/nowhere", json=False, expect=FAILED)
        alice.run("rm", "papers:/nowhere", expect=FAILED)
        alice.run("mv", "papers:/nowhere", "papers:/elsewhere", expect=FAILED)
        alice.run("ls", "no-such-workspace:/", expect=FAILED)
        alice.run("put", self.world.folder / "nowhere", "papers:/x", expect=FAILED)

    def test_names_that_would_leave_the_workspace_are_refused(self):
        for name in ("..", ".", "a/../../b"):
            self.alice.put_bytes(b"x", f"papers:/{name}", expect=(FAILED, keyfold.USAGE))
        self.assertEqual(self.alice.names("papers:/"), [])

    def test_workspace_names_that_no_path_can_name_are_refused(self):
        for name in ("a/b", "a:b", "a\nb", ""):
            self.alice.run("workspace", "create", name, expect=(FAILED, keyfold.USAGE))

    def test_nothing_is_lost_when_the_agent_is_killed(self):
        alice = self.alice
        for i in range(5):
            alice.put_bytes(b"content %d" % i, f"papers:/{i}.txt")
            alice.kill_agent()
            alice.restart_agent()
            for j in range(i + 1):
                self.assertEqual(alice.cat(f"papers:/{j}.txt"), b"content %d" % j)
        alice.sync("papers")
        self.assertEqual(alice.run("status", "papers")["files"], [])

    def test_an_agent_killed_during_a_put_shows_whole_files_or_none(self):
        alice = self.alice
        source = self.world.folder / "many"
        source.mkdir()
        for i in range(300):
            (source / f"{i:03}.txt").write_bytes(b"%d " % i * 1000)
        process = alice.start("put", source, "papers:/many")
        keyfold.wait_until(lambda: process.popen.poll() is not None or alice.run("ls", "papers:/"), "the put has begun")
        alice.kill_agent()
        process.wait()
        alice.restart_agent()
        alice.run("put", source, "papers:/many")
        target = self.world.folder / "target"
        alice.run("get", "papers:/many", target)
        self.assertEqual(trees.differences(trees.snapshot(source), trees.snapshot(target)), [])


if __name__ == "__main__":
    keyfold.main()
