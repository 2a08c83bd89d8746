#!/usr/bin/env python3
"""Disks that are full, read-only, fail, or give back other bytes than they were given, at an agent, in a mirror, at the relay.

Full and read-only disks are small tmpfs; where none may be mounted, these tests are skipped."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import keyfold
from keyfold import DONE, FAILED, TIMED_OUT, UNREACHABLE, wait_until

MIB = 1024 * 1024


def content(number, size):
    """Bytes that differ everywhere from those of any other number."""
    return b"".join(b"%d %d\n" % (number, line) for line in range(size // 10))[:size]


def flip(path, at=100):
    """Another byte, as a failing disk gives it."""
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)
        file.seek(at)
        file.write(bytes([byte[0] ^ 1]))


def object_files(folder):
    return sorted(p for p in Path(folder).rglob("objects/**/*") if p.is_file() and len(p.name) == 52)


class Disk:
    """A small file system of its own."""

    def __init__(self, case, name, size):
        self.folder = case.world.folder / name
        self.folder.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.folder],
                              capture_output=True, text=True)
        if done.returncode != 0:
            case.skipTest(f"no tmpfs can be mounted here: {done.stderr.strip()}")
        case.addCleanup(subprocess.run, ["umount", "-l", self.folder], check=True)

    def remount(self, options):
        subprocess.run(["mount", "-o", f"remount,{options}", self.folder], check=True)

    def fill(self):
        """Not a byte is left."""
        facts = os.statvfs(self.folder)
        with open(self.folder / "ballast", "wb") as file:
            os.posix_fallocate(file.fileno(), 0, facts.f_bavail * facts.f_frsize)

    def free(self):
        (self.folder / "ballast").unlink()


class Case(keyfold.Case):
    def wrong(self, home):
        """The checks of doctor that found something wrong, by their names."""
        return {row["check"]: row for row in home.run("doctor", expect=(DONE, FAILED)) if not row["ok"]}

    def state(self, home, workspace="papers"):
        return home.run("status", workspace)

    def file_state(self, home, path):
        return next((f for f in self.state(home)["files"] if f["path"] == path), None)


class FullDisks(Case):
    def organization(self, alice_on=None, relay_on=None):
        self.relay = self.world.relay("--open", data=relay_on)
        self.alice = self.world.home("alice", folder=alice_on)
        self.bob = self.world.home("bob")
        self.alice.create_organization(self.relay)
        self.alice.invite(self.bob)
        self.alice.run("workspace", "create", "papers")
        self.alice.share("papers", self.bob, "contributor")

    def test_an_agent_on_a_full_disk_acknowledges_nothing_it_loses_and_goes_on_with_room(self):
        disk = Disk(self, "disk", "96m")
        self.organization(alice_on=disk.folder / "alice")
        kept = {"before": content(0, 100_000)}
        self.alice.put_bytes(kept["before"], "papers:/before")
        self.alice.sync("papers")
        disk.fill()
        # A page or so that the database's log has already may still take something.
        for number in range(200):
            size = 500 if number % 2 else 200_000
            answer = self.alice.put_bytes(content(number, size), f"papers:/{number}", expect=(DONE, FAILED))
            if answer.get("ok"):
                kept[str(number)] = content(number, size)
            elif size == 500:
                break
        self.assertEqual(answer["error"]["code"], "disk_full", answer)
        self.assertIn("disk", self.wrong(self.alice))
        self.assertEqual(self.alice.cat("papers:/before"), kept["before"])

        disk.free()
        wait_until(lambda: self.alice.put_bytes(b"after", "papers:/after", expect=(DONE, FAILED)).get("ok"),
                   "alice's agent goes on by itself")
        kept["after"] = b"after"
        self.alice.sync("papers")
        self.assertEqual(self.wrong(self.alice), {})
        self.alice.stop_agent()
        self.alice.restart_agent()
        self.alice.sync("papers")
        self.bob.sync("papers")
        for home in (self.alice, self.bob):
            self.assertEqual(home.names("papers:/"), sorted(kept))
            for name, data in kept.items():
                self.assertEqual(home.cat(f"papers:/{name}"), data, name)

    def test_a_mirror_on_a_full_disk_has_no_torn_file_and_goes_on_with_room(self):
        disk = Disk(self, "disk", "8m")
        self.organization()
        files = {f"{n}.bin": content(n, 3 * MIB) for n in range(5)}
        for name, data in files.items():
            self.alice.put_bytes(data, f"papers:/{name}")
        self.alice.sync("papers")
        mirror = disk.folder / "mirror"
        self.bob.run("workspace", "mirror", "papers", mirror)
        wait_until(lambda: self.state(self.bob)["state"] == "disk_full", "bob's mirror says that the disk is full")
        self.assertIn("mirror papers", self.wrong(self.bob))
        self.assertEqual(self.bob.sync("papers", expect=FAILED)["error"]["code"], "disk_full")
        there = [p for p in mirror.iterdir() if not p.name.startswith(".keyfold")]
        for path in there:
            self.assertEqual(path.read_bytes(), files[path.name], path.name)
        self.assertLess(len(there), len(files))

        disk.remount("size=64m")
        wait_until(lambda: self.state(self.bob)["state"] == "synced", "bob's mirror goes on by itself")
        self.assertEqual({p.name: p.read_bytes() for p in mirror.iterdir() if p.name != ".keyfold"}, files)

    def test_large_files_on_a_full_disk_come_when_it_has_room(self):
        disk = Disk(self, "disk", "8m")
        self.organization()
        # One that never fits, and two that fit one by one, not together.
        files = {f"{n}.bin": content(n, size * MIB) for n, size in enumerate((12, 5, 5))}
        for name, data in files.items():
            self.alice.put_bytes(data, f"papers:/{name}")
        self.alice.sync("papers")
        mirror = disk.folder / "mirror"
        self.bob.run("workspace", "mirror", "papers", mirror)
        wait_until(lambda: self.state(self.bob)["state"] == "disk_full", "bob's mirror says that the disk is full")
        self.assertEqual(self.bob.sync("papers", expect=FAILED)["error"]["code"], "disk_full")
        for path in mirror.glob("*.bin"):
            self.assertEqual(path.read_bytes(), files[path.name], path.name)
        self.assertLess(len(list(mirror.glob("*.bin"))), len(files))

        disk.remount("size=64m")
        wait_until(lambda: self.state(self.bob)["state"] == "synced", "bob's mirror goes on by itself")
        self.bob.sync("papers")
        self.assertEqual({p.name: p.read_bytes() for p in mirror.glob("*.bin")}, files)
        self.assertEqual([p.name for p in (mirror / ".keyfold").iterdir()], ["mirror"])

    def test_a_full_relay_is_said_and_used_again_when_it_has_room(self):
        disk = Disk(self, "disk", "96m")
        self.organization(relay_on=disk.folder / "relay")
        self.alice.put_bytes(b"before", "papers:/before")
        self.alice.sync("papers")
        disk.fill()
        big = content(1, 2 * MIB)
        self.alice.put_bytes(big, "papers:/big")  # it needs only this device
        said = wait_until(lambda: self.wrong(self.alice), "alice's doctor says it")
        self.assertTrue(any("disk is full" in row["message"] or "No space" in row["message"]
                            for row in said.values()), said)
        self.alice.run("sync", "papers", "--timeout", "1", expect=(FAILED, UNREACHABLE, TIMED_OUT))
        disk.free()
        self.alice.sync("papers")
        self.bob.sync("papers")
        self.assertEqual(self.bob.cat("papers:/big"), big)
        self.relay.stop()
        self.relay.start()
        wait_until(lambda: self.wrong(self.alice) == {}, "all is well with alice")
        self.assertEqual(self.alice.cat("papers:/before"), b"before")

    def test_a_read_only_disk_is_said_and_nothing_is_lost(self):
        disk = Disk(self, "disk", "96m")
        self.organization(alice_on=disk.folder / "alice")
        self.alice.put_bytes(b"one", "papers:/one")
        self.alice.stop_agent()
        disk.remount("ro")
        self.assertIn("read-only", self.wrong(self.alice)["disk"]["message"])
        self.alice.unlock(expect=(FAILED, UNREACHABLE))
        disk.remount("rw")
        self.alice.restart_agent()
        self.alice.sync("papers")
        self.assertEqual(self.bob.cat("papers:/one") if self.bob.sync("papers") else None, b"one")

    def test_a_mirror_on_a_read_only_disk_says_so_and_goes_on_when_it_can_write(self):
        disk = Disk(self, "disk", "16m")
        self.organization()
        mirror = disk.folder / "mirror"
        self.bob.run("workspace", "mirror", "papers", mirror)
        self.bob.sync("papers")
        disk.remount("ro")
        self.alice.put_bytes(b"one", "papers:/one")
        self.alice.sync("papers")
        row = wait_until(lambda: self.wrong(self.bob).get("mirror papers"), "bob's doctor says it")
        self.assertIn("read-only", row["message"])
        disk.remount("rw")
        wait_until((mirror / "one").exists, "bob's mirror goes on by itself")


class DamagedObjects(Case):
    def setUp(self):
        super().setUp()
        self.alice, self.bob = self.start_organization("bob")
        self.alice.run("workspace", "create", "papers")
        self.alice.share("papers", self.bob, "contributor")
        self.data = content(7, 300_000)
        self.alice.put_bytes(self.data, "papers:/file")
        self.alice.sync("papers")
        self.bob.sync("papers")

    def damage(self, home, change=flip):
        """While it is stopped: what was stored last is also in its memory."""
        home.stop_agent()
        self.change_objects(home.folder, change)
        home.restart_agent()
        home.sync("papers")

    def damage_relay(self, *homes):
        self.relay.stop()
        self.change_objects(self.relay.data, flip)
        self.relay.start()
        for home in homes:
            home.sync("papers")

    def change_objects(self, folder, change):
        found = object_files(folder)
        self.assertTrue(found, folder)
        for path in found:
            change(path)

    def test_a_damaged_object_is_never_shown_and_fetched_again(self):
        self.damage(self.alice)
        self.assertEqual(self.alice.cat("papers:/file"), self.data)
        row = self.wrong(self.alice)["objects of alice-laptop"]
        self.assertIn("good copies were fetched since", row["message"])
        self.alice.run("doctor", "--mend")
        self.assertEqual(self.wrong(self.alice), {})

    def test_without_the_relay_a_damaged_object_is_said_to_lack(self):
        self.damage(self.alice)
        self.relay.stop()
        target = self.world.folder / "got"
        answer = self.alice.run("get", "papers:/file", target, expect=UNREACHABLE)
        self.assertIn("not here", answer["error"]["message"])
        self.assertFalse(target.exists())
        file = self.file_state(self.alice, "/file")
        self.assertEqual((file["state"], file["reason"]), ("remote", "offline"))
        self.assertIn("objects of alice-laptop", self.wrong(self.alice))
        self.relay.start()
        wait_until(lambda: self.alice.run("get", "papers:/file", target, expect=None).get("ok"), "the file comes")
        self.assertEqual(target.read_bytes(), self.data)

    def test_a_mirror_is_written_from_a_damaged_object_only_after_that_was_fetched_again(self):
        self.assertEqual(self.bob.cat("papers:/file"), self.data)
        self.damage(self.bob)
        mirror = self.world.folder / "mirror"
        self.bob.run("workspace", "mirror", "papers", mirror)
        self.bob.sync("papers")
        wait_until((mirror / "file").exists, "the file is mirrored")
        self.assertEqual((mirror / "file").read_bytes(), self.data)

    def test_a_large_file_is_put_together_though_some_of_its_objects_here_are_damaged(self):
        large = content(8, 24 * MIB)
        self.alice.put_bytes(large, "papers:/large")
        self.alice.sync("papers")
        self.bob.sync("papers")
        self.assertEqual(self.bob.cat("papers:/large"), large)
        self.bob.stop_agent()
        found = [path for path in object_files(self.bob.folder) if path.stat().st_size > MIB]
        self.assertGreater(len(found), 5)
        found[0].unlink()  # it lacks: so there is a draft, which takes the others, damaged or not
        for path in found[1:3]:
            flip(path)
        self.bob.restart_agent()
        mirror = self.world.folder / "mirror"
        self.bob.run("workspace", "mirror", "papers", mirror)
        self.bob.sync("papers")
        wait_until((mirror / "large").exists, "the file is mirrored")
        self.assertEqual((mirror / "large").read_bytes(), large)

    def test_a_missing_object_is_fetched_again(self):
        self.damage(self.alice, Path.unlink)
        self.assertEqual(self.alice.cat("papers:/file"), self.data)

    def test_the_relay_asks_for_what_it_lost_and_a_device_that_has_it_puts_it_again(self):
        self.damage_relay(self.alice, self.bob)
        target = self.world.folder / "got"
        wait_until(lambda: self.bob.run("get", "papers:/file", target, expect=None).get("ok"),
                   "alice has put the object again")
        self.assertEqual(target.read_bytes(), self.data)

    def test_who_has_what_the_relay_lost_is_told_when_he_comes(self):
        self.alice.stop_agent()
        self.damage_relay(self.bob)
        target = self.world.folder / "got"
        for _ in range(2):  # the second one is answered, too
            answer = self.bob.run("get", "papers:/file", target, expect=FAILED)
            self.assertEqual(answer["error"]["code"], "not_found")
        file = self.file_state(self.bob, "/file")
        self.assertEqual((file["state"], file["reason"]), ("remote", "unavailable"))
        self.alice.restart_agent()
        wait_until(lambda: self.bob.run("get", "papers:/file", target, expect=None).get("ok"),
                   "alice has put the object again")
        self.assertEqual(target.read_bytes(), self.data)


class FailingDisks(Case):
    """Calls that fail with EIO, while programs run (failing_disk.cpp)."""

    def setUp(self):
        super().setUp()
        library = keyfold.BIN / "keyfold_failing_disk.so"
        if not library.exists():
            self.skipTest(f"there is no {library}")
        self.rules = self.world.folder / "failing"
        self.faulty = {"LD_PRELOAD": str(library), "KEYFOLD_FAILING_DISK": str(self.rules)}
        self.alice, self.bob = self.start_organization("bob")
        self.alice.run("workspace", "create", "papers")
        self.alice.share("papers", self.bob, "contributor")
        self.alice.put_bytes(content(1, 200_000), "papers:/first")
        self.alice.sync("papers")
        self.bob.sync("papers")

    def fails(self, *calls):
        self.rules.write_text("".join(f"{call}\n" for call in calls))

    def heals(self):
        self.rules.unlink()

    def disk_of(self, home):
        home.stop_agent()
        home.env.update(self.faulty)
        home.restart_agent()
        home.sync("papers")

    def put(self, name, number, **options):
        source = self.world.folder / "source"
        source.write_bytes(content(number, 150_000))
        return self.alice.run("put", source, f"papers:/{name}", **options)

    def failed(self, answer, code="io_failed"):
        self.assertEqual(answer["error"]["code"], code, answer)

    def test_a_device_whose_database_cannot_be_written_says_so_and_goes_on_when_it_can(self):
        self.disk_of(self.alice)
        for number, call in enumerate(("write /db/", "sync /db")):
            with self.subTest(call):
                self.fails(call)
                self.failed(self.put(f"lost-{number}", number, expect=FAILED))
                status = self.alice.run("status", "papers", expect=(DONE, FAILED))
                self.assertEqual((status.get("error") or status["trouble"])["code"], "io_failed")
                device = self.alice.run("agent", "status")["devices"][0]
                self.assertEqual(device["trouble"]["code"], "io_failed")
                self.assertIn("database alice-laptop", self.wrong(self.alice))
                self.heals()
                wait_until(lambda: self.put(f"kept-{number}", 10 + number, expect=None).get("ok"), "it works again", 30)
                self.alice.sync("papers")
                self.bob.sync("papers")
                self.assertEqual(self.bob.cat(f"papers:/kept-{number}"), content(10 + number, 150_000))
                names = {row["name"] for row in self.bob.run("ls", "papers:/")}
                self.assertNotIn(f"lost-{number}", names)  # it was not acknowledged, and is not half there

    def test_a_database_that_cannot_be_read_keeps_the_device_locked_until_it_can(self):
        self.alice.stop_agent()
        self.alice.env.update(self.faulty)
        self.alice.run("agent", "start")
        self.fails("read /db/")
        self.failed(self.alice.unlock(expect=FAILED))
        self.assertFalse(list(self.alice.folder.rglob("*.damaged")))  # a disk that fails is no damaged database
        self.heals()
        self.alice.unlock()
        self.assertEqual(self.alice.cat("papers:/first"), content(1, 200_000))

    def test_an_object_that_cannot_be_read_is_fetched_again(self):
        self.disk_of(self.alice)
        self.fails("read /objects/")
        self.assertEqual(self.alice.cat("papers:/first"), content(1, 200_000))
        self.relay.stop()
        self.heals()
        self.assertEqual(self.alice.cat("papers:/first"), content(1, 200_000))

    def test_objects_that_cannot_be_written_stay_unsaid_to_others(self):
        self.disk_of(self.alice)
        self.fails("write /objects/")
        self.failed(self.put("second", 2, expect=FAILED))
        self.heals()
        self.put("second", 3)
        self.alice.sync("papers")
        self.bob.sync("papers")
        self.assertEqual(self.bob.cat("papers:/second"), content(3, 150_000))

    def test_a_disk_that_does_not_answer_holds_up_nobody_who_does_not_need_it(self):
        mirror = self.world.folder / "mirror"
        self.disk_of(self.alice)
        self.alice.run("workspace", "mirror", "papers", mirror)
        self.alice.sync("papers")
        self.fails("hold /objects/", "hold mirror/")
        with open(self.rules) as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            (mirror / "late").write_bytes(content(9, 100_000))
            answer = self.alice.run("sync", "papers", "--timeout", "2", expect=TIMED_OUT)
            self.failed(answer, "timed_out")
            self.assertEqual(self.state(self.alice)["workspace"], "papers")
            self.assertEqual([row["name"] for row in self.alice.run("ls", "papers:/")], ["first"])
            self.alice.run("mkdir", "papers:/meanwhile")
        self.heals()
        self.alice.sync("papers")
        self.bob.sync("papers")
        self.assertEqual(self.bob.cat("papers:/late"), content(9, 100_000))
        self.assertTrue((mirror / "meanwhile").is_dir())

    def test_a_file_of_the_mirror_that_cannot_be_read_is_listed_and_the_others_go_on(self):
        mirror = self.world.folder / "mirror"
        self.disk_of(self.alice)
        self.alice.run("workspace", "mirror", "papers", mirror)
        self.alice.sync("papers")
        self.fails("read mirror/bad")
        (mirror / "bad").write_bytes(content(4, 5000))
        (mirror / "good").write_bytes(content(5, 5000))
        self.alice.sync("papers", expect=(DONE, FAILED))
        wait_until(lambda: self.file_state(self.alice, "/bad"), "the file is listed")
        row = self.file_state(self.alice, "/bad")
        self.assertEqual((row["state"], row["reason"]), ("ignored", "unreadable"))
        self.bob.sync("papers")
        self.assertEqual(self.bob.cat("papers:/good"), content(5, 5000))
        self.heals()
        self.alice.sync("papers")
        self.bob.sync("papers")
        self.assertEqual(self.bob.cat("papers:/bad"), content(4, 5000))

    def test_a_relay_whose_disk_fails_says_so_loses_nothing_and_goes_on(self):
        self.relay.stop()
        self.relay.process = None
        whole = self.world.environment
        self.world.environment = lambda **more: {**whole(**more), **self.faulty}
        self.relay.start()
        self.world.environment = whole
        self.alice.sync("papers")
        calls = ("write .log", "sync /db", "sync /objects", "write /objects/", "read /db/", "read /objects/")
        for number, call in enumerate(calls):
            with self.subTest(call):
                self.fails(call)
                self.put(f"file-{number}", number)  # it is safe here in any case
                if not call.startswith("read"):
                    answer = self.alice.run("sync", "papers", "--timeout", "2", expect=TIMED_OUT)
                    self.failed(answer, "timed_out")
                    state = self.state(self.alice)
                    self.assertEqual((state["state"], state["trouble"]["code"]), ("stalled", "io_failed"))
                self.heals()
                self.alice.sync("papers")
                self.bob.sync("papers")
                self.assertEqual(self.bob.cat(f"papers:/file-{number}"), content(number, 150_000))
        self.assertIsNone(self.relay.process.popen.poll())


if __name__ == "__main__":
    keyfold.main()
