#!/usr/bin/env python3
"""Mirrors that leave things out: ignore files, built-in rules, editors; few inotify watches; other file systems."""

import os
import shutil
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import keyfold
import trees
from test_mirror import MirrorCase

RULES = ".keyfoldignore"
MANY = int(os.environ.get("KEYFOLD_TEST_MANY_FILES", "0"))


class IgnoreCase(MirrorCase):
    @staticmethod
    def ignored(home):
        """What a home's status lists as left out: reasons by path."""
        return {row["path"]: row["reason"] for row in home.run("status", "papers")["files"]
                if row["state"] == "ignored"}

    def sync_both(self):
        for home in (self.alice, self.bob, self.alice):
            home.sync("papers")

    @staticmethod
    def names(folder):
        return {name for name in trees.snapshot(folder)}


class Ignoring(IgnoreCase):
    def test_an_ignore_file_holds_on_both_sides_and_what_it_lets_go_goes_up(self):
        (self.a / RULES).write_text("*.log\n/build/\n")
        (self.a / "x.log").write_text("alice's")
        (self.a / "build/deep").mkdir(parents=True)
        (self.a / "build/deep/out").write_text("made")
        (self.a / "text").write_text("travels")
        self.sync_both()
        self.assertEqual(self.names(self.b), {RULES, "text"})
        self.assertEqual(self.ignored(self.alice), {"/x.log": "ignore_file", "/build": "ignore_file"})
        (self.b / "y.log").write_text("bob's")
        self.sync_both()
        self.assertEqual(self.ignored(self.bob), {"/y.log": "ignore_file"})
        self.assertNotIn("y.log", self.names(self.a))
        # An edit in the midst of what is left out makes nothing travel.
        (self.a / "build/deep/out").write_text("made anew")
        (self.a / "text").write_text("travels on")
        keyfold.wait_until(lambda: (self.b / "text").read_text() == "travels on", "the edit comes by itself")
        self.assertEqual(self.ignored(self.alice), {"/x.log": "ignore_file", "/build": "ignore_file"})
        # Bob lets it all go; on both devices that is noticed without a sync.
        (self.b / RULES).write_text("nothing\n")
        keyfold.wait_until(lambda: (self.a / "y.log").exists(), "bob's own goes up")
        keyfold.wait_until(lambda: (self.b / "x.log").exists() and (self.b / "build/deep/out").exists(),
                           "alice's device has heard of the rules, and what they let go goes up")
        self.assertEqual(len(self.settle()), 7)
        self.assertEqual(self.ignored(self.alice), {})
        (self.a / "build/deep/more").write_text("watched again")
        keyfold.wait_until(lambda: (self.b / "build/deep/more").exists(), "the folder is watched again")

    def test_a_nearer_ignore_file_comes_first(self):
        (self.a / "sub/deep").mkdir(parents=True)
        (self.a / RULES).write_text("*.log\n")
        (self.a / "sub" / RULES).write_text("!keep.log\n/only\n")
        for name in ("keep.log", "sub/keep.log", "sub/deep/keep.log", "sub/other.log", "only", "sub/only", "sub/deep/only"):
            (self.a / name).write_text(name)
        self.sync_both()
        self.assertEqual(self.names(self.b), {RULES, f"sub/{RULES}", "sub", "sub/deep", "sub/keep.log",
                                              "sub/deep/keep.log", "only", "sub/deep/only"})

    def test_temporary_files_are_listed_and_can_be_taken_back(self):
        names = ["text~", ".text.swp", ".~lock.a.odt#", "~$a.docx", ".DS_Store", "Thumbs.db", "film.crdownload"]
        for name in names:
            (self.a / name).write_text(name)
        (self.a / "a.part").write_text("not one of them")
        self.sync_both()
        self.assertEqual(self.names(self.b), {"a.part"})
        self.assertEqual(self.ignored(self.alice), {f"/{name}": "ignore_default" for name in names})
        (self.a / RULES).write_text("!*~\n")
        self.sync_both()
        self.assertEqual(self.names(self.b), {"a.part", RULES, "text~"})

    def test_what_is_synced_stays_synced(self):
        for name in ("notes.log", "old.log"):
            (self.a / name).write_text("synced")
        self.settle()
        (self.a / RULES).write_text("*.log\n")
        self.assertEqual(len(self.settle()), 3)
        self.assertEqual(self.ignored(self.alice), {})
        (self.a / "notes.log").write_text("alice's words")
        self.settle()
        (self.b / "notes.log").write_text("bob's words")
        (self.b / "old.log").rename(self.b / "older.log")
        self.settle()
        self.assertEqual((self.a / "notes.log").read_text(), "bob's words")
        self.assertEqual((self.a / "older.log").read_text(), "synced")
        (self.b / "older.log").unlink()
        self.assertEqual(set(self.settle()), {RULES, "notes.log"})

    def test_what_others_add_under_an_ignored_name_comes_and_nothing_is_lost(self):
        (self.a / RULES).write_text("*.log\n")
        (self.a / "mine.log").write_text("alice's")
        (self.a / "same.log").write_text("the same bytes")
        self.sync_both()
        for name, content in (("mine", b"bob's"), ("same", b"the same bytes"), ("new", b"bob's")):
            self.bob.put_bytes(content, f"papers:/{name}.log")
        tree = self.settle()
        self.assertEqual((self.b / "new.log").read_text(), "bob's")
        self.assertEqual(len(tree), 5, tree)
        self.assertEqual({(self.a / n).read_text() for n in tree if n.startswith("mine")}, {"alice's", "bob's"})

    def test_a_folder_deleted_elsewhere_goes_but_for_what_is_ignored_in_it(self):
        (self.a / "sub/deep").mkdir(parents=True)
        (self.a / "sub/deep/text").write_text("text")
        (self.a / "other").write_text("stays")
        self.settle()
        (self.a / "sub/deep/text~").write_text("only here")
        self.alice.sync("papers")
        self.bob.run("rm", "-r", "papers:/sub")
        self.sync_both()
        self.assertEqual(self.names(self.b), {"other"})
        self.assertEqual(self.names(self.a), {"other", "sub", "sub/deep", "sub/deep/text~"})
        self.assertEqual(self.bob.run("ls", "papers:/")[0]["name"], "other")
        (self.a / "sub/deep/text").write_text("a new one")
        self.sync_both()
        self.assertEqual((self.b / "sub/deep/text").read_text(), "a new one")

    def test_a_backup_that_an_editor_leaves_is_not_what_the_file_becomes(self):
        """Each save is one more version of one file, and what is put beside it stays here."""
        (self.a / "text").write_text("0")
        self.settle()

        def vim(text):
            (self.a / ".text.swp").write_text("swap")
            (self.a / "text").rename(self.a / "text~")
            (self.a / "text").write_text(text)

        def gedit(text):
            (self.a / ".goutputstream-A1B2C3").write_text(text)
            (self.a / ".goutputstream-A1B2C3").rename(self.a / "text")

        def word(text):
            (self.a / "~$text").write_text("owner")
            (self.a / "text").rename(self.a / ".#text")
            (self.a / "~$new").write_text(text)
            (self.a / "~$new").rename(self.a / "text")

        def emacs(text):
            shutil.copy(self.a / "text", self.a / "text~")
            (self.a / "#text#").write_text(text)
            (self.a / "text").write_text(text)
            (self.a / "#text#").unlink()

        for number, save in enumerate((vim, gedit, word, emacs)):
            save(f"saved by {save.__name__}")
            self.sync_both()
            self.assertEqual(self.names(self.b), {"text"}, save.__name__)
            self.assertEqual((self.b / "text").read_text(), f"saved by {save.__name__}")
            self.assertEqual(self.bob.run("ls", "papers:/")[0]["versions"], 1)
        self.assertEqual(set(self.ignored(self.alice)), {"/.text.swp", "/text~", "/.#text", "/~$text"})

    def test_an_ignore_file_beyond_the_limit_is_told(self):
        (self.a / RULES).write_text("*.log\n" + "".join(f"name-{i}\n" for i in range(3000)))
        for name in ("x.log", "name-0", "name-2999"):
            (self.a / name).write_text(name)
        self.sync_both()
        self.assertEqual(self.names(self.b), {RULES, "name-2999"})
        self.assertEqual(self.ignored(self.alice),
                         {f"/{RULES}": "ignore_limit", "/x.log": "ignore_file", "/name-0": "ignore_file"})


class Systems(IgnoreCase):
    def test_a_mirror_on_another_file_system(self):
        shm = Path("/dev/shm")
        if not os.access(shm, os.W_OK) or shm.stat().st_dev == self.bob.folder.stat().st_dev:
            self.skipTest("/dev/shm is not another file system that can be written")
        elsewhere = Path(tempfile.mkdtemp(prefix="keyfold-", dir=shm))
        self.addCleanup(shutil.rmtree, elsewhere, ignore_errors=True)
        self.bob.run("workspace", "unmirror", "papers")
        self.b = elsewhere / "mirror"
        self.bob.run("workspace", "mirror", "papers", self.b)
        (self.a / "sub").mkdir()
        (self.a / "sub/text").write_text("one")
        (self.a / "link").symlink_to("sub/text")
        (self.a / "large").write_bytes(os.urandom(3_000_000))
        self.settle()
        (self.b / "sub/text").write_text("two")
        (self.b / "sub").rename(self.b / "renamed")
        self.settle()
        self.assertEqual((self.a / "renamed/text").read_text(), "two")
        (self.a / "renamed/text").write_text("three")
        (self.a / "link").unlink()
        keyfold.wait_until(lambda: (self.b / "renamed/text").read_text() == "three", "the edit comes by itself")
        self.assertEqual(set(self.settle()), {"renamed", "renamed/text", "large"})
        self.bob.stop_agent()
        (self.b / "renamed/text").write_text("four")
        self.bob.restart_agent()
        self.settle()
        self.assertEqual((self.a / "renamed/text").read_text(), "four")

    def test_too_few_watches_are_said_and_nothing_is_missed(self):
        self.alice.stop_agent()
        # The agent in a user namespace of its own, whose limit is ours to set.
        limited = ["unshare", "--user", "--map-root-user", "sh", "-c",
                   'echo 3 > /proc/sys/user/max_inotify_watches && exec "$@"', "sh"]
        start = [keyfold.BIN / "keyfold", "agent", "start", "--json"]
        try:
            self.world.run([*limited, "true"], self.alice.env, as_json=False)
        except keyfold.Failure as refused:
            self.skipTest(f"the system gives no user namespace: {refused}")
        for number in range(5):
            (self.a / f"folder {number}").mkdir()
        self.world.run([*limited, *start], self.alice.env)
        self.alice.unlock()
        trouble = keyfold.wait_until(lambda: self.alice.run("status", "papers")["trouble"], "the trouble is said")
        self.assertEqual(trouble["code"], "watch_limit")
        self.assertRegex(trouble["message"], r"sysctl fs\.inotify\.max_user_watches=\d+")
        for number in range(5):
            (self.a / f"folder {number}/text").write_text(f"{number}")
        self.assertEqual(len(self.settle()), 10)
        self.assertNotEqual(self.alice.run("status", "papers")["state"], "watch_limit")

    @unittest.skipUnless(MANY, "long: set KEYFOLD_TEST_MANY_FILES to a number of files, such as 50000")
    def test_many_files_in_one_folder(self):
        """Says how long each part took, and the agents' peak memory; allows ten minutes for each."""
        def timed(what, act):
            began = time.monotonic()
            act()
            peaks = [self.peak(home) for home in (self.alice, self.bob)]
            print(f"\n  {what}: {time.monotonic() - began:.1f} s; peak memory {peaks} MiB", flush=True)

        def sync(*homes):
            for home in homes:
                home.run("sync", "papers", "--timeout", "600", timeout=615)

        (self.a / "many").mkdir()
        for number in range(MANY):
            (self.a / f"many/{number:06}").write_bytes(b"content of %d\n" % number)
        timed(f"{MANY} files up", lambda: sync(self.alice))
        timed("and down", lambda: sync(self.bob))
        self.assertEqual(trees.differences(trees.snapshot(self.a), trees.snapshot(self.b)), [])
        timed("nothing to do", lambda: sync(self.alice))
        (self.b / "many/000001").write_text("one edit")
        timed("one edit, by itself", lambda: keyfold.wait_until(
            lambda: (self.a / "many/000001").read_text() == "one edit", "the edit comes", 600))
        (self.a / "many").rename(self.a / "renamed")
        timed("the folder renamed", lambda: sync(self.alice, self.bob))
        self.assertEqual(trees.differences(trees.snapshot(self.a), trees.snapshot(self.b)), [])

    @staticmethod
    def peak(home):
        """An agent's largest memory so far, in MiB."""
        for line in Path(f"/proc/{home.agent_pid()}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // 1024
        return 0


if __name__ == "__main__":
    keyfold.main()
