#!/usr/bin/env python3
"""A device that may keep only few objects: what it has in its mirror need not lie beside it a second time."""

import os
import random
import shutil
import signal

import keyfold
import trees

MIB = 1024 * 1024


def object_bytes(home):
    """What lies in the home's object folders."""
    return sum(path.stat().st_size for path in home.folder.rglob("objects/?/?/*") if path.is_file())


def relay_bytes(test):
    return sum(path.stat().st_size for path in test.relay.data.rglob("*/?/?/*") if path.is_file())


def bound(home, cache_mib, relay_only=False):
    """Takes effect when the device is unlocked again."""
    settings = next(home.folder.rglob("config.toml"))
    home.stop_agent()
    with open(settings, "a") as out:
        out.write(f"\n[objects]\ncache_mib = {cache_mib}\nrelay_only = {str(relay_only).lower()}\n")
    home.restart_agent()


def edited(content, seed):
    """The content with 1,000 bytes inserted and 1,000 others changed."""
    more = random.Random(seed).randbytes(2000)
    at = len(content) // 3
    return content[:at] + more[:1000] + content[at:2 * at] + more[1000:] + content[2 * at + 1000:]


def write(path, content):
    """At once: half of it is never there to be seen."""
    beside = path.with_name(f".{path.name}.swp")  # left out by a built-in rule
    beside.write_bytes(content)
    beside.rename(path)


class ObjectCache(keyfold.Case):
    def pair(self):
        """alice and bob with a mirror each of one workspace."""
        alice, bob = self.start_organization("bob")
        alice.run("workspace", "create", "docs")
        alice.share("docs", bob, "contributor")
        folders = []
        for home in (alice, bob):
            folders.append(self.world.folder / f"{home.name}-mirror")
            home.run("workspace", "mirror", "docs", folders[-1])
        return alice, bob, *folders

    def sync(self, *homes):
        for home in homes:
            home.sync("docs")

    def assert_synced(self, home):
        self.assertEqual(home.run("status", "docs")["files"], [])

    def test_a_mirror_with_little_room_for_objects(self):
        alice, bob, a, b = self.pair()
        bound(bob, 4)
        first = random.Random(1).randbytes(24 * MIB)
        write(a / "big", first)
        for i in range(200):
            (a / f"small-{i}").write_bytes(random.Random(i).randbytes(5000))
        self.sync(alice, bob)
        self.assertEqual(trees.differences(trees.snapshot(a), trees.snapshot(b)), [])
        self.assertLess(object_bytes(bob), 6 * MIB)
        self.assertGreater(object_bytes(alice), 24 * MIB)  # its author keeps it
        self.assert_synced(bob)

        # An edit elsewhere arrives, though its former objects are gone.
        write(a / "big", edited(first, 2))
        self.sync(alice, bob)
        self.assertEqual((b / "big").read_bytes(), edited(first, 2))
        # One here sends what is new alone.
        before = relay_bytes(self)
        write(b / "big", edited(edited(first, 2), 3))
        self.sync(bob, alice)
        self.assertEqual((a / "big").read_bytes(), edited(edited(first, 2), 3))
        self.assertLess(relay_bytes(self) - before, 8 * MIB)
        # And what was removed is fetched again when it is asked for.
        self.assertEqual(bob.cat("docs:/small-7"), random.Random(7).randbytes(5000))
        self.assertLess(object_bytes(bob), 14 * MIB)  # its own edit stays

    def test_a_file_larger_than_the_room_for_objects(self):
        alice, bob, a, b = self.pair()
        bound(bob, 4)
        content = random.Random(1).randbytes(96 * MIB)
        write(a / "big", content)
        self.sync(alice, bob)
        self.assertEqual((b / "big").read_bytes(), content)
        self.assertLess(object_bytes(bob), 6 * MIB)
        # What stands in the mirror is read from there, without the relay too.
        self.relay.stop()
        keyfold.wait_until(lambda: bob.run("status", "docs")["state"] == "offline", "bob is offline")
        self.assertEqual(bob.cat("docs:/big"), content)
        self.relay.start()
        keyfold.wait_until(lambda: bob.run("status", "docs")["state"] == "synced", "bob is online")
        # Without a mirror it comes by and by.
        bob.run("workspace", "unmirror", "docs")
        self.assertEqual(bob.cat("docs:/big"), content)
        self.assertLess(object_bytes(bob), 24 * MIB)

    def test_a_large_file_goes_on_where_the_agent_was_killed(self):
        alice, bob, a, b = self.pair()
        content = random.Random(1).randbytes(192 * MIB)
        write(a / "big", content)
        alice.sync("docs")

        def draft():
            return next((path.stat() for path in b.glob(".keyfold/draft-*")), None)

        pid = bob.agent_pid()
        keyfold.wait_until(lambda: draft() and draft().st_blocks * 512 > 16 * MIB, "much has come")
        keyfold.end(pid, signal.SIGKILL)
        before = draft()
        self.assertIsNotNone(before, "it was killed too late")
        self.assertFalse((b / "big").exists())
        bob.restart_agent()
        self.sync(bob)
        self.assertEqual((b / "big").read_bytes(), content)
        self.assertEqual((b / "big").stat().st_ino, before.st_ino)
        self.assertIsNone(draft())

    def test_what_the_relay_lost_is_made_again_of_what_stands_in_a_mirror(self):
        alice, bob, a, b = self.pair()
        bound(bob, 1)
        contents = {f"f{i}": random.Random(i).randbytes(size)
                    for i, size in enumerate([400_000, 12 * MIB, 5_000_000, 900_000])}
        for name, content in contents.items():
            write(a / name, content)
        self.sync(alice, bob)
        self.assertLess(object_bytes(bob), 2 * MIB)
        # alice is gone for good, and the relay's disk too, but for its database.
        alice.stop_agent()
        self.relay.stop()
        for path in self.relay.data.rglob("objects/?/?/*"):
            path.unlink()
        self.relay.start()
        second = self.world.home("bobs-second")
        bob.sync("docs")
        invitation = bob.run("invite", "device")
        greeter, guest = bob.greet(invitation["token"]), second.join(invitation["link"])
        keyfold.compare_codes(greeter, guest)
        greeter.answer(accept=True)
        greeter.done()
        guest.done()
        second.hear_of("docs")
        keyfold.wait_until(lambda: all(second.cat(f"docs:/{name}", expect=None) == content
                                       for name, content in contents.items()), "all can be read again")

    def test_a_large_file_whose_place_is_taken_waits_for_it_and_holds_up_nothing(self):
        alice, bob, a, b = self.pair()
        os.mkfifo(b / "big")  # nothing that travels
        bob.sync("docs")
        content = random.Random(1).randbytes(8 * MIB)
        write(a / "big", content)
        self.sync(alice, bob)
        draft = next(b.glob(".keyfold/draft-*")).stat()
        for i in range(20):  # more than may be under way at once
            write(a / f"other-{i}", content[i:] + content[:i])
        self.sync(alice, bob)
        self.assertEqual((b / "other-19").read_bytes(), content[19:] + content[:19])
        (b / "big").unlink()
        self.sync(bob)
        self.assertEqual((b / "big").read_bytes(), content)
        self.assertEqual((b / "big").stat().st_ino, draft.st_ino)

    def test_a_large_file_of_a_deleted_folder_is_given_up(self):
        alice, bob, a, b = self.pair()
        (a / "folder").mkdir()
        write(a / "folder" / "big", random.Random(1).randbytes(64 * MIB))
        alice.sync("docs")
        keyfold.wait_until(lambda: list(b.glob(".keyfold/draft-*")) or (b / "folder/big").exists(), "it comes")
        shutil.rmtree(a / "folder")
        self.sync(alice, bob)
        self.assertFalse((b / "folder").exists())
        bob.sync("docs")
        self.assertEqual([path.name for path in (b / ".keyfold").iterdir()], ["mirror"])

    def test_a_draft_of_what_is_not_wanted_any_more_goes(self):
        alice, bob, a, b = self.pair()
        bob.stop_agent()
        write(a / "big", random.Random(1).randbytes(32 * MIB))
        alice.sync("docs")
        (b / ".keyfold" / f"draft-{'A' * 26}").write_bytes(b"left")
        write(a / "big", b"small")
        alice.sync("docs")
        bob.restart_agent()
        self.sync(bob)
        self.assertEqual((b / "big").read_bytes(), b"small")
        self.assertEqual([path.name for path in (b / ".keyfold").iterdir()], ["mirror"])

    def test_without_a_mirror_what_was_removed_shows_as_remote_and_comes_back(self):
        alice, bob = self.start_organization("bob")
        alice.run("workspace", "create", "docs")
        alice.share("docs", bob, "contributor")
        bound(bob, 1)
        contents = {f"f{i}": random.Random(i).randbytes(900_000) for i in range(4)}
        for name, content in contents.items():
            alice.put_bytes(content, f"docs:/{name}")
        self.sync(alice, bob)
        for name, content in contents.items():
            self.assertEqual(bob.cat(f"docs:/{name}"), content)
        self.assertLess(object_bytes(bob), 2 * MIB)
        states = {row["path"]: row["state"] for row in bob.run("status", "docs")["files"]}
        self.assertEqual(states.get("/f0"), "remote")
        self.assertEqual(bob.cat("docs:/f0"), contents["f0"])

    def test_what_was_made_here_goes_only_by_leave_and_when_the_relay_has_it(self):
        alice, _, a, _ = self.pair()
        bound(alice, 1, relay_only=True)
        self.relay.stop()
        content = random.Random(1).randbytes(12 * MIB)
        write(a / "big", content)
        keyfold.wait_until(lambda: object_bytes(alice) > 12 * MIB, "the file is sealed")
        self.relay.start()
        self.sync(alice)
        keyfold.wait_until(lambda: object_bytes(alice) < 3 * MIB, "objects go")
        self.assert_synced(alice)
        os.utime(a / "big", (1, 1))
        write(a / "big", edited(content, 4))
        self.sync(alice)
        alice.run("workspace", "unmirror", "docs")
        self.assertEqual(alice.cat("docs:/big"), edited(content, 4))


if __name__ == "__main__":
    keyfold.main()
