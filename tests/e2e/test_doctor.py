#!/usr/bin/env python3
"""keyfold doctor: what it says of a home that is well and of damaged ones, and what it mends."""

import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import keyfold
from keyfold import DONE, FAILED, UNREACHABLE, wait_until


class Doctor(keyfold.Case):
    def doctor(self, home, *options):
        return {row["check"]: row for row in home.run("doctor", *options, expect=(DONE, FAILED))}

    def wrong(self, home, *options):
        return {name: row for name, row in self.doctor(home, *options).items() if not row["ok"]}

    def databases(self, home):
        return sorted((home.folder / "devices").glob("*/db"))

    def test_a_home_that_is_well(self):
        alice = self.start_organization()
        alice.run("workspace", "create", "papers")
        alice.run("workspace", "mirror", "papers", self.world.folder / "mirror")
        alice.sync("papers")
        rows = alice.run("doctor", "--deep")
        self.assertTrue(all(row["ok"] and row["mend"] is None for row in rows), rows)
        for check in ("home", "disk", "agent", "key file alice-laptop", "database alice-laptop",
                      "relay of alice-laptop", "ledger of alice-laptop", "objects of alice-laptop", "mirror papers"):
            self.assertIn(check, [row["check"] for row in rows])

    def test_what_is_not_there_is_said_without_an_agent(self):
        nobody = self.world.home("nobody")
        env = {"KEYFOLD_NO_AUTOSTART": "1"}
        rows = nobody.run("doctor", expect=FAILED, env=env)
        self.assertEqual([row["check"] for row in rows if not row["ok"]], ["home", "agent"])
        alice = self.start_organization()
        alice.stop_agent()
        self.assertEqual(list(self.wrong(alice)), ["agent"])
        self.assertIsNone(alice.agent_pid())

    def test_a_locked_device_and_a_relay_that_is_gone(self):
        alice = self.start_organization()
        alice.run("lock")
        self.assertEqual(self.wrong(alice)["device alice-laptop"]["mend"], "keyfold unlock")
        alice.unlock()
        wait_until(lambda: self.wrong(alice) == {}, "all is well again")
        self.relay.stop()
        wait_until(lambda: "relay of alice-laptop" in self.wrong(alice), "doctor says that the relay is gone")

    def test_network_settings_that_cannot_be_keep_the_agent_from_starting(self):
        alice = self.start_organization()
        self.assertIn("directly", self.doctor(alice)["network settings"]["message"])
        alice.stop_agent()
        settings = alice.folder / "config.toml"
        settings.write_text('[network]\nsocks_proxy = "socks5://127.0.0.1:1080"\n')
        alice.run("agent", "start", expect=UNREACHABLE)
        self.assertIn("[network] socks_proxy is HOST:PORT", (alice.folder / "agent.log").read_text())
        env = {"KEYFOLD_NO_AUTOSTART": "1"}
        wrong = {row["check"]: row for row in alice.run("doctor", expect=FAILED, env=env) if not row["ok"]}
        self.assertIn("config.toml", wrong["network settings"]["mend"])
        # A proxy that is not there: nothing goes another way.
        settings.write_text('[network]\nsocks_proxy = "127.0.0.1:1"\n')
        alice.restart_agent()
        wait_until(lambda: "SOCKS proxy 127.0.0.1:1" in self.wrong(alice)["relay of alice-laptop"]["message"],
                   "doctor names the proxy")
        settings.unlink()
        alice.stop_agent()
        alice.run("agent", "start", "--listen", "none", "--no-discovery")
        alice.unlock()
        wait_until(lambda: self.wrong(alice) == {}, "all is well again")

    def test_modes_are_mended(self):
        alice = self.start_organization()
        alice.folder.chmod(0o755)
        key = next((alice.folder / "vault").glob("*.key"))
        key.chmod(0o644)
        self.assertIn("chmod", self.wrong(alice)["permissions"]["mend"])
        self.assertEqual(self.wrong(alice, "--mend"), {})
        self.assertEqual((alice.folder.stat().st_mode & 0o777, key.stat().st_mode & 0o777), (0o700, 0o600))

    def test_a_damaged_key_file_has_a_name_and_does_no_harm_to_others(self):
        alice = self.start_organization()
        alice.stop_agent()
        key = next((alice.folder / "vault").glob("*.key"))
        whole = key.read_bytes()
        for damaged in (b"", whole[:20], b"\0" * len(whole)):
            key.write_bytes(damaged)
            self.assertIn("is damaged", self.wrong(alice)["key file"]["message"])
            answer = alice.unlock(expect=FAILED)
            self.assertEqual(answer["error"]["code"], "damaged")
            self.assertIn("key file", self.wrong(alice))
            alice.stop_agent()
        # A bit in what is sealed looks like a wrong password: nothing can tell these apart.
        key.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        self.assertIn("key file was changed", alice.unlock(expect=keyfold.LOCKED)["error"]["message"])
        key.write_bytes(whole)
        alice.unlock()

    def damaged_home(self, damage):
        """Alice with a mirror, a change that nobody has heard of, and a damaged database; gives the mirror's folder."""
        alice, bob = self.start_organization("bob")
        self.alice, self.bob = alice, bob
        alice.run("workspace", "create", "papers")
        alice.share("papers", bob, "contributor")
        mirror = self.world.folder / "mirror"
        alice.run("workspace", "mirror", "papers", mirror)
        (mirror / "folder").mkdir()
        for name in ("same", "edited", "folder/big"):
            (mirror / name).write_bytes(name.encode() * 30_000)
        alice.sync("papers")
        alice.run("workspace", "create", "notes")
        alice.put_bytes(b"sent", "notes:/sent")
        alice.sync("notes")
        self.relay.stop()
        alice.put_bytes(b"never sent", "notes:/unsent")  # no mirror has it
        end = alice.agent_pid()
        keyfold.end(end, signal.SIGKILL)
        for folder in self.databases(alice):
            damage(folder)
        (mirror / "edited").write_bytes(b"edited while nothing ran")
        (mirror / "new").write_bytes(b"made while nothing ran")
        self.relay.start()
        return mirror

    def check_damage_is_said(self, alice):
        alice.run("agent", "start")
        answer = alice.unlock(expect=FAILED)
        self.assertEqual(answer["error"]["code"], "damaged")
        self.assertIn("keyfold doctor", answer["error"]["message"])
        device = alice.run("agent", "status")["devices"][0]
        self.assertEqual((device["locked"], device["trouble"]["code"]), (True, "damaged"))
        self.assertEqual(alice.run("workspace", "list", expect=FAILED)["error"]["code"], "damaged")
        row = self.wrong(alice)["database alice-laptop"]
        self.assertIn("doctor --mend", row["mend"])

    def mend(self, home):
        row = self.wrong(home, "--mend")[f"database {home.name}-laptop"]
        self.assertIn("keyfold unlock", row["mend"])
        home.unlock()
        wait_until(lambda: home.run("agent", "status")["devices"][0]["relay"] == "online", f"{home.name} is online")

    def snapshot(self, mirror):
        return {str(p.relative_to(mirror)): p.read_bytes()
                for p in mirror.rglob("*") if p.is_file() and ".keyfold" not in p.parts}

    def check_nothing_lost(self, mirror, unsent):
        alice, bob = self.alice, self.bob
        wait_until(lambda: alice.run("sync", "papers", expect=None).get("ok"), "alice is synced")
        self.assertEqual(self.wrong(alice), {})
        bob.run("workspace", "mirror", "papers", self.world.folder / "bobs")
        bob.sync("papers")
        alice.sync("papers")
        here = self.snapshot(mirror)
        self.assertEqual(here, self.snapshot(self.world.folder / "bobs"))
        versions = [data for name, data in here.items() if name.startswith("edited")]
        self.assertEqual(sorted(versions), sorted([b"edited while nothing ran", b"edited" * 30_000]))
        self.assertEqual(here["same"], b"same" * 30_000)
        self.assertEqual(here["folder/big"], b"folder/big" * 30_000)
        self.assertEqual(here["new"], b"made while nothing ran")
        self.assertEqual(len(here), 5, sorted(here))
        alice.sync("notes")
        self.assertEqual(alice.names("notes:/"), ["sent", "unsent"] if unsent else ["sent"])
        self.assertEqual(alice.cat("notes:/sent"), b"sent")
        if unsent:
            self.assertEqual(alice.cat("notes:/unsent"), b"never sent")
        # And goes on as before.
        (mirror / "later").write_bytes(b"later")
        alice.sync("papers")
        bob.sync("papers")
        self.assertEqual(self.snapshot(mirror), self.snapshot(self.world.folder / "bobs"))
        alice.stop_agent()
        alice.restart_agent()
        alice.sync("papers")

    def test_a_damaged_database_is_rebuilt_and_unsent_changes_are_saved(self):
        def damage(folder):
            next(folder.glob("MANIFEST-*")).write_bytes(b"damaged" * 100)
        mirror = self.damaged_home(damage)
        self.check_damage_is_said(self.alice)
        self.mend(self.alice)
        self.check_nothing_lost(mirror, unsent=True)
        # A new file is made, and written.
        self.assertIn("2 unsent changes were saved", self.doctor(self.alice)["rebuilding of alice-laptop"]["message"])

    def test_saved_changes_wait_for_the_right_to_make_them(self):
        alice, bob = self.start_organization("bob")
        alice.run("workspace", "create", "notes")
        alice.share("notes", bob, "contributor")
        bob.sync("notes")
        self.relay.stop()
        bob.put_bytes(b"never sent", "notes:/unsent")
        bob.kill_agent()
        for folder in self.databases(bob):
            next(folder.glob("MANIFEST-*")).write_bytes(b"damaged" * 100)
        self.relay.start()
        alice.sync("notes")
        alice.run("workspace", "share", "notes", "bob@example.com", "--role", "reader")
        self.mend(bob)
        bob.hear_of("notes", "reader")
        log = next(bob.folder.rglob("agent.log"))
        wait_until(lambda: "cannot be made" in log.read_text(), "bob's device has tried to make them")
        self.assertEqual(bob.names("notes:/"), [])
        alice.share("notes", bob, "contributor")
        bob.stop_agent()
        bob.restart_agent()
        wait_until(lambda: bob.names("notes:/") == ["unsent"], "the change is made")
        bob.sync("notes")
        alice.sync("notes")
        self.assertEqual(alice.cat("notes:/unsent"), b"never sent")

    def test_a_database_that_is_gone_costs_no_file_of_the_mirror(self):
        def damage(folder):
            for path in folder.iterdir():
                path.write_bytes(b"damaged" * 1000)
        mirror = self.damaged_home(damage)
        self.check_damage_is_said(self.alice)
        self.mend(self.alice)
        wait_until(lambda: self.alice.workspace("papers"), "alice has heard of her workspace again")
        # Which folder was the mirror stood in the database: the user says it again.
        wait_until(lambda: self.wrong(self.alice) == {}, "what the relay has is here again")
        self.alice.run("workspace", "mirror", "papers", mirror)
        self.check_nothing_lost(mirror, unsent=False)

    def test_without_an_agent_a_damaged_database_is_set_aside_too(self):
        def damage(folder):
            (folder / "CURRENT").unlink()
        mirror = self.damaged_home(damage)
        self.assertIn("CURRENT is missing", self.wrong(self.alice)["database alice-laptop"]["message"])
        self.mend(self.alice)
        self.check_nothing_lost(mirror, unsent=True)

    def test_damage_that_shows_while_the_agent_runs_is_said_and_mended(self):
        alice = self.start_organization()
        alice.run("workspace", "create", "papers")
        for number in range(40):
            alice.put_bytes(b"%d" % number * 9000, f"papers:/{number}")
        alice.sync("papers")
        alice.stop_agent()
        alice.restart_agent()  # what the log held lies in a table now
        agent = alice.agent_pid()
        for folder in self.databases(alice):
            for table in folder.glob("*.ldb"):
                with open(table, "r+b") as file:  # in place: the agent has it mapped, and no disk shortens a file
                    data = bytearray(file.read())
                    for at in range(0, len(data) - 4096, 512):  # all blocks, and not the index at the end
                        data[at] ^= 0xff
                    file.seek(0)
                    file.write(data)
        alice.run("ls", "papers:/", expect=None)

        def damage_is_said():
            row = self.doctor(alice, "--deep").get("database alice-laptop")
            return row if row and not row["ok"] else None
        self.assertIn("damaged", wait_until(damage_is_said, "doctor says it")["message"])
        self.assertEqual(alice.run("ls", "papers:/", expect=FAILED)["error"]["code"], "damaged")
        self.assertEqual(alice.agent_pid(), agent)  # it is still that one
        self.mend(alice)
        alice.sync("papers")
        self.assertEqual(alice.cat("papers:/7"), b"7" * 9000)


if __name__ == "__main__":
    keyfold.main()
