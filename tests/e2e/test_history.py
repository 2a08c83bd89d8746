#!/usr/bin/env python3
"""Getting back: earlier versions, deleted files and folders; who changed what and when."""

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import keyfold
import trees
from keyfold import FAILED, UNREACHABLE, USAGE

FIELDS = {"version", "kind", "size", "mtime", "when", "user", "name", "device", "label", "change", "path", "current"}
TIME = r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$"


class History(keyfold.Case):
    def setUp(self):
        super().setUp()
        self.alice, self.bob = self.start_organization("bob")
        self.alice.run("workspace", "create", "papers")

    def share(self, role="contributor"):
        self.alice.sync("papers")
        self.alice.share("papers", self.bob, role)
        self.bob.sync("papers")

    def history(self, home, *args):
        document = home.run("workspace", "history", "papers", *args)
        self.assertEqual(set(document), {"workspace", "path", "versions", "deleted", "more"})
        for row in document["versions"] + document["deleted"]:
            self.assertLessEqual(FIELDS, set(row))
        return document

    def test_an_old_version_is_listed_read_restored_and_reaches_the_other(self):
        alice, bob = self.alice, self.bob
        for content in (b"one", b"two two", b"three three three"):
            alice.put_bytes(content, "papers:/notes.txt")
        self.share()
        document = self.history(bob, "/notes.txt")
        rows = document["versions"]
        self.assertEqual((document["workspace"], document["path"], document["more"]), ("papers", "/notes.txt", False))
        self.assertEqual([(r["change"], r["size"], r["current"]) for r in rows],
                         [("written", 17, True), ("written", 7, False), ("created", 3, False)])
        for row in rows:
            self.assertEqual((row["kind"], row["path"], row["name"]), ("file", "/notes.txt", "Alice"))
            self.assertRegex(row["when"], TIME)
            self.assertRegex(row["mtime"], TIME)
        self.assertEqual({r["label"] for r in self.history(alice, "/notes.txt")["versions"]}, {"alice-laptop"})
        self.assertEqual(rows, self.history(bob, "notes.txt")["versions"])
        self.assertEqual(rows, bob.run("workspace", "history", "papers:/notes.txt")["versions"])
        oldest = rows[2]["version"]
        # Its bytes are not at bob's: they come from the relay.
        self.assertEqual(bob.run("cat", "papers:/notes.txt", "--version", oldest, json=False), b"one")
        target = self.world.folder / "old.txt"
        bob.run("get", "papers:/notes.txt", target, "--version", rows[1]["version"])
        self.assertEqual(target.read_bytes(), b"two two")
        done = bob.run("workspace", "restore", "papers", "/notes.txt", "--version", oldest)
        self.assertEqual((done["ok"], done["path"]), (True, "/notes.txt"))
        self.assertNotIn(done["version"], [r["version"] for r in rows])
        bob.sync("papers")
        alice.sync("papers")
        self.assertEqual(alice.cat("papers:/notes.txt"), b"one")
        newest = self.history(alice, "/notes.txt")["versions"][0]
        self.assertEqual((newest["change"], newest["version"], newest["name"], newest["current"]),
                         ("restored", done["version"], "Bob", True))

    def test_a_deleted_file_and_a_deleted_folder_come_back_in_a_mirror(self):
        alice, bob = self.alice, self.bob
        folder = self.world.folder / "mirror"
        (folder / "docs/inner").mkdir(parents=True)
        (folder / "docs/a.txt").write_text("a")
        (folder / "docs/inner/b.txt").write_text("b")
        (folder / "c.txt").write_text("c")
        alice.run("workspace", "mirror", "papers", folder)
        self.share()
        before = trees.snapshot(folder)
        shutil.rmtree(folder / "docs")
        (folder / "c.txt").unlink()
        alice.sync("papers")
        bob.sync("papers")
        self.assertEqual(bob.names("papers:/"), [])
        deleted = self.history(bob)["deleted"]
        self.assertEqual({(r["path"], r["kind"], r["change"], r["name"]) for r in deleted},
                         {("/c.txt", "file", "deleted", "Alice"), ("/docs", "folder", "deleted", "Alice")})
        bob.run("workspace", "restore", "papers", "/c.txt")
        bob.run("workspace", "restore", "papers", "docs")
        bob.sync("papers")
        self.assertEqual(bob.cat("papers:/docs/inner/b.txt"), b"b")
        alice.sync("papers")
        self.assertEqual(trees.differences(before, trees.snapshot(folder)), [])
        self.assertEqual(self.history(alice)["deleted"], [])

    def test_one_file_of_a_deleted_folder_comes_back_alone(self):
        alice = self.alice
        alice.run("mkdir", "papers:/docs")
        for name in ("a", "b"):
            alice.put_bytes(name.encode(), f"papers:/docs/{name}")
        alice.run("rm", "-r", "papers:/docs")
        self.assertEqual({r["path"] for r in self.history(alice, "/docs")["deleted"]}, {"/docs/a", "/docs/b"})
        alice.run("workspace", "restore", "papers", "/docs/a")
        self.assertEqual(alice.names("papers:/docs"), ["a"])
        self.assertEqual(alice.cat("papers:/docs/a"), b"a")

    def test_a_renamed_file_has_its_history_under_both_names(self):
        alice = self.alice
        alice.put_bytes(b"1", "papers:/old")
        alice.run("mv", "papers:/old", "papers:/new")
        for path in ("/old", "/new"):
            rows = self.history(alice, path)["versions"]
            self.assertEqual([(r["change"], r["path"], r["from"]) for r in rows],
                             [("renamed", "/new", "/old"), ("created", "/old", None)])

    def test_a_reader_reads_history_and_may_not_restore(self):
        for content in (b"1", b"2"):
            self.alice.put_bytes(content, "papers:/a")
        self.share("reader")
        oldest = self.history(self.bob, "/a")["versions"][-1]["version"]
        self.assertEqual(self.bob.run("cat", "papers:/a", "--version", oldest, json=False), b"1")
        refused = self.bob.run("workspace", "restore", "papers", "/a", "--version", oldest, expect=FAILED)
        self.assertEqual(refused["error"]["code"], "role_insufficient")
        self.assertEqual(self.bob.cat("papers:/a"), b"2")

    def test_what_is_not_there_is_refused_with_a_sentence(self):
        alice = self.alice
        alice.put_bytes(b"1", "papers:/a")
        never = self.history(alice, "/a")["versions"][0]["version"]
        for args in (("history", "papers", "/never"), ("restore", "papers", "/never"),
                     ("restore", "papers", "/a", "--version", "B" * 26), ("restore", "papers", "/a", "--version", "v1"),
                     ("restore", "papers", "/never", "--version", never)):
            refused = alice.run("workspace", *args, expect=FAILED)
            self.assertEqual(refused["error"]["code"], "not_found")
            self.assertTrue(refused["error"]["message"])
        for args in (("restore", "papers", "/a"), ("restore", "papers"), ("history", "papers:/a", "/a"),
                     ("history", "papers", "/a", "--limit", "0"), ("history",)):
            alice.run("workspace", *args, expect=USAGE)
        alice.run("cat", "papers:/a", "--version", "B" * 26, json=False, expect=FAILED)

    def test_history_is_bounded_and_shown_as_a_table(self):
        alice = self.alice
        for i in range(5):
            alice.put_bytes(b"%d" % i, "papers:/a")
        document = self.history(alice, "--limit", "3")
        self.assertEqual((len(document["versions"]), document["more"]), (3, True))
        table = alice.run("workspace", "history", "papers", "/a", json=False).decode()
        for text in ("WHEN", "Alice (alice-laptop)", "created", document["versions"][0]["version"]):
            self.assertIn(text, table)

    def test_content_that_cannot_be_fetched_now_is_said_to_be_unreachable(self):
        for content in (b"old " * 30_000, b"new"):
            self.alice.put_bytes(content, "papers:/a")
        self.share()
        oldest = self.history(self.bob, "/a")["versions"][-1]["version"]
        self.relay.stop()
        keyfold.wait_until(lambda: not self.bob.run("status", "papers")["online"], "bob notices that the relay is gone")
        target = self.world.folder / "old"
        refused = self.bob.run("get", "papers:/a", target, "--version", oldest, expect=UNREACHABLE)
        self.assertEqual(refused["error"]["code"], "unreachable")
        self.bob.run("workspace", "restore", "papers", "/a", "--version", oldest)  # a change like any other
        row = self.bob.run("ls", "papers:/a")[0]
        self.assertEqual(row["size"], 120_000)
        self.relay.start()
        self.bob.sync("papers")
        self.assertEqual(self.bob.cat("papers:/a"), b"old " * 30_000)


if __name__ == "__main__":
    keyfold.main()
