#!/usr/bin/env python3
"""Mirrors of what real folders hold: odd names, odd files, and programs that write in odd ways."""

import os
import shutil
import socket
import sys
import threading
import unicodedata
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import keyfold
import trees
from test_mirror import MirrorCase


class OddFiles(MirrorCase):
    def ignored(self):
        """What alice's status lists as left out: reasons by path."""
        return {row["path"]: row["reason"] for row in self.alice.run("status", "papers")["files"]
                if row["state"] == "ignored"}

    def test_odd_names_travel_as_they_are(self):
        names = [" leading", "trailing ", ".hidden", "...", "-rf", "a\nb", "tab\there", "back\\slash", "quo'te\"s", "*?[x]",
                 "\x01\x7f", "x" * 255, "ä" * 127, "🗝" * 63, "con", "nul.txt", "a:b", "%2e%2e", "~", "#x", "‮gpj.exe"]
        for number, name in enumerate(names):
            (self.a / name).write_text(str(number))
            (self.a / "folder" / name).mkdir(parents=True)
        tree = self.settle()
        self.assertEqual(set(tree), {"folder", *names, *(f"folder/{name}" for name in names)})

    def test_a_decomposed_name_keeps_its_spelling_and_travels_composed(self):
        composed, decomposed = (unicodedata.normalize(form, "café.txt") for form in ("NFC", "NFD"))
        (self.a / decomposed).write_text("coffee")
        for home in (self.alice, self.bob):
            home.sync("papers")
        self.assertEqual(set(trees.snapshot(self.b)), {composed})
        self.assertIn(decomposed, os.listdir(self.a))
        (self.b / composed).write_text("more coffee")
        for home in (self.bob, self.alice):
            home.sync("papers")
        self.assertEqual((self.a / decomposed).read_text(), "more coffee")
        (self.a / composed).write_text("a twin")
        self.alice.sync("papers", expect=None)
        self.assertEqual(list(self.ignored()), [f"/{composed}"])
        self.assertEqual((self.a / composed).read_text(), "a twin")

    def test_a_name_changes_in_case_only(self):
        (self.a / "readme.txt").write_text("read")
        (self.a / "Folder").mkdir()
        (self.a / "Folder" / "x").write_text("x")
        self.settle()
        (self.a / "readme.txt").rename(self.a / "README.txt")
        (self.a / "Folder").rename(self.a / "folder")
        self.assertEqual(set(self.settle()), {"README.txt", "folder", "folder/x"})

    def test_a_file_becomes_a_folder_and_back(self):
        (self.a / "thing").write_text("a file")
        self.settle()
        (self.a / "thing").unlink()
        (self.a / "thing").mkdir()
        (self.a / "thing" / "inside").write_text("a folder now")
        self.assertEqual(set(self.settle()), {"thing", "thing/inside"})
        shutil.rmtree(self.b / "thing")
        (self.b / "thing").write_text("a file again")
        self.assertEqual(self.settle()["thing"][0], "file")

    def test_symlinks_are_data_and_never_followed(self):
        outside = self.world.folder / "outside"
        outside.mkdir()
        (outside / "secret.txt").write_text("not of this workspace")
        targets = {"relative": "file.txt", "absolute": "/etc/hostname", "outwards": "../outside", "dangling": "nowhere",
                   "loop": "loop", "up": "..", "long": "x/" * 1000}
        (self.a / "file.txt").write_text("here")
        for name, target in targets.items():
            (self.a / name).symlink_to(target)
        tree = self.settle()
        self.assertEqual({n: tree[n] for n in targets}, {n: ("symlink", t) for n, t in targets.items()})
        # A folder that becomes a symlink outwards while the other side writes into it.
        (self.a / "sub").mkdir()
        (self.a / "sub" / "x").write_text("x")
        self.settle()
        shutil.rmtree(self.b / "sub")
        (self.b / "sub").symlink_to(outside)
        (self.a / "sub" / "secret.txt").write_text("overwritten?")
        for home in (self.alice, self.bob, self.alice, self.bob):
            home.sync("papers")
        self.assertEqual((outside / "secret.txt").read_text(), "not of this workspace")
        self.assertEqual(sorted(os.listdir(outside)), ["secret.txt"])

    def test_hard_links_are_files_of_their_own_elsewhere(self):
        (self.a / "one").write_text("shared inode")
        os.link(self.a / "one", self.a / "two")
        self.settle()
        self.assertEqual((self.b / "one").stat().st_nlink, 1)
        (self.a / "one").write_text("both change")
        self.settle()
        self.assertEqual(((self.b / "one").read_text(), (self.b / "two").read_text()), ("both change", "both change"))
        (self.a / "two").unlink()
        self.assertEqual(set(self.settle()), {"one"})

    def test_a_sparse_file_has_the_same_bytes(self):
        with open(self.a / "sparse", "wb") as file:
            file.write(b"begin")
            file.seek(20 << 20)
            file.write(b"end")
        self.assertEqual(self.settle()["sparse"][1], (20 << 20) + 3)

    def test_what_is_neither_file_folder_nor_symlink_is_listed_and_left_alone(self):
        os.mkfifo(self.a / "pipe")
        with socket.socket(socket.AF_UNIX) as unix:
            here = os.getcwd()
            os.chdir(self.a)
            try:
                unix.bind("socket")
            finally:
                os.chdir(here)
            (self.a / "good.txt").write_text("good")
            for home in (self.alice, self.bob):
                home.sync("papers")
            self.assertEqual(set(self.ignored()), {"/pipe", "/socket"})
            self.assertEqual(set(trees.snapshot(self.b)), {"good.txt"})

    def test_a_hundred_levels_deep(self):
        deep = self.a
        for level in range(100):
            deep = deep / f"level {level}"
        deep.mkdir(parents=True)
        (deep / "bottom.txt").write_text("deep")
        self.assertEqual(len(self.settle()), 101)

    def test_many_files_in_one_folder(self):
        (self.a / "many").mkdir()
        for number in range(5000):
            (self.a / "many" / f"{number}").write_bytes(b"%d" % number)
        self.assertEqual(len(self.settle()), 5001)

    def test_editors_save_in_their_own_ways(self):
        (self.a / "text").write_text("first")
        self.settle()
        # vim: the old one aside, a new one under its name, then the backup goes.
        (self.a / "text").rename(self.a / "text~")
        (self.a / "text").write_text("second")
        (self.a / "text~").unlink()
        self.assertEqual(set(self.settle()), {"text"})
        # Others: a temporary file beside it, renamed over it.
        (self.a / ".text.swp").write_text("third")
        (self.a / ".text.swp").rename(self.a / "text")
        self.assertEqual(set(self.settle()), {"text"})
        self.assertEqual((self.b / "text").read_text(), "third")
        self.assertEqual(self.bob.run("ls", "papers:/")[0]["versions"], 1)

    def test_no_torn_version_of_a_file_that_is_written_all_the_time_is_published(self):
        path, stop = self.a / "busy", threading.Event()

        def write_on():
            number = 0
            while not stop.is_set():
                number += 1
                beside = self.world.folder / "beside"
                beside.write_bytes(b"%08d" % number * 50_000)
                os.replace(beside, path)

        path.write_bytes(b"%08d" % 0 * 50_000)
        writer = threading.Thread(target=write_on)
        writer.start()
        seen = set()
        try:
            for _ in range(4):
                self.alice.run("sync", "papers", "--timeout", "20", expect=None)
                self.bob.run("sync", "papers", "--timeout", "20", expect=None)
                if (self.b / "busy").exists():
                    content = (self.b / "busy").read_bytes()
                    self.assertEqual(content, content[:8] * 50_000)
                    seen.add(content[:8])
        finally:
            stop.set()
            writer.join()
        self.settle()
        self.assertGreater(len(seen), 1)

    def test_a_file_that_grows_is_published_when_it_rests(self):
        stop = threading.Event()

        def grow():
            with open(self.a / "log", "ab", buffering=0) as log:
                while not stop.wait(0.002):
                    log.write(b"x" * 10_000)

        writer = threading.Thread(target=grow)
        writer.start()
        try:
            for _ in range(3):
                self.alice.run("sync", "papers", "--timeout", "5", expect=None)
        finally:
            stop.set()
            writer.join()
        self.settle()

    def test_a_mirror_within_a_mirror_is_refused(self):
        self.alice.run("workspace", "create", "other")
        (self.a / "inner").mkdir()
        for folder in (self.a / "inner", self.a, self.a.parent):
            self.alice.run("workspace", "mirror", "other", folder, expect=keyfold.FAILED)
        self.assertIsNone(self.alice.workspace("other")["mirror"])


if __name__ == "__main__":
    keyfold.main()
