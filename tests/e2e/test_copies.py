#!/usr/bin/env python3
"""A device that comes back from a backup of its home, and two copies of one device that run at the same time."""

import shutil
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import keyfold
from keyfold import wait_until


class Copies(keyfold.Case):
    """Alice's laptop has a backup of its home; after it she wrote more, which Bob has."""

    def setUp(self):
        super().setUp()
        self.alice, self.bob = self.start_organization("bob")
        self.alice.run("workspace", "create", "papers")
        self.alice.share("papers", self.bob, "contributor")
        self.put(self.alice, "before")
        self.alice.stop_agent()
        self.backup = self.world.folder / "backup"
        shutil.copytree(self.alice.folder, self.backup, symlinks=True)
        self.alice.restart_agent()

    def put(self, home, name, text=None):
        home.put_bytes((text or name).encode(), f"papers:/{name}.txt")
        home.sync("papers")

    def restore(self):
        self.alice.stop_agent()
        shutil.rmtree(self.alice.folder)
        shutil.copytree(self.backup, self.alice.folder, symlinks=True)

    def has_all(self, home, *names):
        def there():
            return home.names("papers:/") == sorted(f"{name}.txt" for name in names)
        wait_until(there, f"{home.name} lists {names}")
        for name in names:  # one copy at a time is at the relay
            wait_until(lambda: home.cat(f"papers:/{name}.txt", expect=None) == name.encode(), f"{home.name} reads {name}")

    def incidents(self, home):
        return {row["kind"] for row in home.run("incidents")}

    def test_a_restored_device_takes_its_own_changes_back_and_goes_on(self):
        self.put(self.alice, "lost")
        self.bob.sync("papers")
        self.restore()
        self.alice.restart_agent()
        self.has_all(self.alice, "before", "lost")
        self.put(self.alice, "later")
        self.put(self.bob, "answer")
        self.alice.sync("papers")
        for home in (self.alice, self.bob):
            self.has_all(home, "answer", "before", "later", "lost")
        self.assertEqual(self.incidents(self.alice), {"device_restored"})
        self.assertEqual(self.incidents(self.bob), set())

    def test_what_a_restored_device_writes_before_it_hears_of_others_is_kept_beside_what_it_had_written(self):
        self.put(self.alice, "lost")
        self.bob.sync("papers")
        self.relay.stop()
        self.restore()
        self.alice.restart_agent()
        self.alice.put_bytes(b"alone", "papers:/alone.txt")
        self.assertEqual(self.alice.names("papers:/"), ["alone.txt", "before.txt"])
        self.relay.start()
        for home in (self.alice, self.bob):
            wait_until(lambda: home.sync("papers", expect=None).get("ok"), f"{home.name} syncs")
            self.has_all(home, "alone", "before", "lost")

    def test_two_running_copies_of_a_device_lose_nothing(self):
        twin = self.world.home("twin", folder=self.world.folder / "twin")
        shutil.copytree(self.backup, twin.folder, symlinks=True, dirs_exist_ok=True)
        self.relay.stop()
        twin.restart_agent()
        self.alice.put_bytes(b"one", "papers:/one.txt")
        twin.put_bytes(b"two", "papers:/two.txt")
        self.relay.start()
        for home in (self.alice, twin, self.bob):
            self.has_all(home, "before", "one", "two")
        self.assertIn("device_restored", self.incidents(self.alice) | self.incidents(twin))
        self.alice.put_bytes(b"three", "papers:/three.txt")
        twin.put_bytes(b"four", "papers:/four.txt")
        for home in (self.alice, twin, self.bob):
            self.has_all(home, "before", "four", "one", "three", "two")


if __name__ == "__main__":
    keyfold.main()
