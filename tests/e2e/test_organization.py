#!/usr/bin/env python3
"""Organizations, agents and passwords: creation, exit codes, locking, what is not reachable."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import keyfold
from keyfold import BIN, FAILED, LOCKED, TIMED_OUT, UNREACHABLE, USAGE


class Creation(keyfold.Case):
    def test_anyone_creates_an_organization_at_an_open_relay(self):
        relay = self.world.relay("--open")
        alice = self.world.home("alice")
        made = alice.create_organization(relay, "acme")
        self.assertTrue(made["ok"])
        info = alice.run("org", "info")
        self.assertEqual(info["organization"], "acme")
        self.assertEqual((info["users"], info["devices"]), (1, 1))
        for field in ("relay", "root", "external_allowed", "bytes", "history_bytes"):
            self.assertIn(field, info)
        users = alice.run("user", "list")
        self.assertEqual([(u["email"], u["name"], u["profile"], u["revoked"], u["devices"]) for u in users],
                         [("alice@example.com", "Alice", "administrator", False, 1)])
        devices = alice.run("device", "list")
        self.assertEqual([(d["label"], d["this"], d["purpose"]) for d in devices],
                         [("alice-laptop", True, "standard")])

    def test_a_creation_link_works_once_and_a_closed_relay_takes_nobody_else(self):
        relay = self.world.relay()
        alice, bob = self.world.home("alice"), self.world.home("bob")
        self.assertEqual(self.create(alice, "acme", relay.address, FAILED)["error"].keys(), {"code", "message"})
        link = relay.run("org", "create", "acme")["link"]
        self.create(alice, "acme", link)
        self.create(bob, "acme", link, FAILED)
        self.assertIn("acme", json.dumps(relay.run("org", "list")))

    def test_a_name_is_given_once(self):
        relay = self.world.relay("--open")
        self.create(self.world.home("alice"), "acme", relay.address)
        self.create(self.world.home("bob"), "acme", relay.address, FAILED)

    def test_a_home_may_have_several_organizations_of_which_one_is_the_default(self):
        relay = self.world.relay("--open")
        alice = self.world.home("alice")
        self.create(alice, "acme", relay.address)
        self.create(alice, "globex", relay.address)
        rows = {row["organization"]: row for row in alice.run("org", "list")}
        self.assertEqual(set(rows), {"acme", "globex"})
        self.assertEqual(sum(row["default"] for row in rows.values()), 1)
        for row in rows.values():
            self.assertFalse(row["locked"])
        for name in ("acme", "globex"):
            alice.run("org", "use", name)
            self.assertEqual(alice.run("org", "info")["organization"], name)
        self.assertEqual(alice.run("org", "info", "-o", "acme")["organization"], "acme")
        alice.run("org", "use", "initech", expect=FAILED)

    def test_a_home_whose_path_is_too_long_for_a_socket_works(self):
        relay = self.world.relay("--open")
        alice = self.world.home("alice", folder=self.world.folder / ("long" * 30) / "home")
        alice.create_organization(relay)
        self.assertEqual(alice.run("org", "info")["organization"], "acme")

    def test_two_homes_do_not_disturb_each_other(self):
        relay = self.world.relay("--open")
        alice, bob = self.world.home("alice"), self.world.home("bob")
        self.create(alice, "acme", relay.address)
        self.create(bob, "globex", relay.address)
        self.assertNotEqual(alice.agent_pid(), bob.agent_pid())
        bob.stop_agent()
        self.assertEqual(alice.run("org", "info")["organization"], "acme")

    def create(self, home, name, relay, expect=keyfold.DONE):
        return home.run("org", "create", name, "--relay", relay, "--email", f"{home.name}@example.com", "--name",
                        home.name, "--device", "laptop", "--password-file", home.password_file, expect=expect)


class Usage(keyfold.Case):
    def test_the_version_is_told(self):
        version = self.world.home("alice").run("version")
        self.assertEqual(version.keys() & {"version", "commit"}, {"version", "commit"})

    def test_wrong_usage_exits_2(self):
        alice = self.world.home("alice")
        for args in (["nonsense"], ["org", "create"], ["org"], ["workspace", "share", "w", "bob", "--role", "king"],
                     ["greet", "T", "--profile", "king"], ["sync", "w", "--timeout", "soon"], ["ls", "--nonsense"]):
            with self.subTest(args):
                alice.run(*args, json=False, expect=USAGE)
        alice.run("cat", "w:/file", expect=USAGE)  # no --json there
        alice.run("put", "/etc/hostname", "no-workspace", json=False, expect=USAGE)

    def test_without_terminal_and_password_file_a_password_is_wrong_usage(self):
        relay = self.world.relay("--open")
        alice = self.world.home("alice")
        alice.run("org", "create", "acme", "--relay", relay.address, "--email", "a@example.com", "--name", "A",
                  "--device", "laptop", json=False, expect=USAGE)

    def test_a_password_may_come_from_standard_input(self):
        relay = self.world.relay("--open")
        alice = self.world.home("alice")
        alice.run("org", "create", "acme", "--relay", relay.address, "--email", "a@example.com", "--name", "A",
                  "--device", "laptop", "--password-file", "-", stdin="secret words\n")
        alice.stop_agent()
        alice.run("agent", "start")
        alice.run("unlock", "--password-file", "-", stdin="secret words\n")
        alice.run("org", "info")

    def test_json_may_stand_before_the_command_and_home_is_an_option(self):
        alice = self.start_organization()
        argv = [BIN / "keyfold", "--json", "--home", alice.folder, "org", "list"]
        rows = self.world.run(argv, self.world.environment())
        self.assertEqual(rows[0]["organization"], "acme")


class Agent(keyfold.Case):
    def test_a_wrong_password_exits_4_and_the_right_one_opens(self):
        alice = self.start_organization()
        alice.stop_agent()
        wrong = self.world.folder / "wrong"
        wrong.write_text("incorrect\n")
        alice.run("unlock", "--password-file", wrong, expect=LOCKED)
        alice.run("workspace", "create", "papers", expect=LOCKED)
        alice.unlock()
        alice.run("workspace", "create", "papers")

    def test_a_locked_device_answers_nothing(self):
        alice = self.start_organization()
        alice.run("workspace", "create", "papers")
        alice.run("lock")
        for args in (["ls", "papers:/"], ["workspace", "list"], ["user", "list"], ["put", "/etc/hostname", "papers:/h"]):
            alice.run(*args, expect=LOCKED)
        self.assertTrue(alice.run("org", "list")[0]["locked"])
        alice.unlock()
        self.assertEqual(alice.names("papers:/"), [])

    def test_the_agents_status_is_told_and_stopped_ones_too(self):
        alice = self.start_organization()
        status = alice.run("agent", "status")
        self.assertTrue(status["running"])
        self.assertEqual(Path(status["home"]).resolve(), alice.folder.resolve())
        self.assertIsInstance(status["listen"], list)
        device = status["devices"][0]
        self.assertEqual((device["organization"], device["label"], device["locked"]), ("acme", "alice-laptop", False))
        keyfold.wait_until(lambda: alice.run("agent", "status")["devices"][0]["relay"] == "online", "alice is online")
        alice.stop_agent()
        self.assertFalse(alice.run("agent", "status", expect=None)["running"])

    def test_without_autostart_nothing_starts_an_agent(self):
        alice = self.start_organization()
        alice.stop_agent()
        alice.run("org", "list", expect=UNREACHABLE, env={"KEYFOLD_NO_AUTOSTART": "1"})
        self.assertFalse(alice.run("agent", "status", expect=None)["running"])
        alice.run("org", "list")
        self.assertTrue(alice.run("agent", "status")["running"])

    def test_agent_start_is_done_also_when_it_runs(self):
        alice = self.start_organization()
        pid = alice.agent_pid()
        alice.run("agent", "start")
        self.assertEqual(alice.agent_pid(), pid)

    def test_the_socket_is_for_its_owner_only(self):
        alice = self.start_organization()
        sockets = [p for p in alice.folder.rglob("*.sock")]
        for path in sockets:
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)


class RelayDown(keyfold.Case):
    def test_what_needs_the_ledger_exits_3_and_what_does_not_is_done(self):
        alice = self.start_organization()
        alice.run("workspace", "create", "papers")
        alice.sync("papers")
        self.relay.stop()
        keyfold.wait_until(lambda: alice.run("agent", "status")["devices"][0]["relay"] == "offline", "alice is offline")
        alice.run("invite", "user", "bob@example.com", expect=UNREACHABLE)
        alice.put_bytes(b"written offline", "papers:/offline.txt")
        alice.run("mkdir", "papers:/folder")
        alice.run("mv", "papers:/offline.txt", "papers:/folder/moved.txt")
        self.assertEqual(alice.cat("papers:/folder/moved.txt"), b"written offline")
        self.assertFalse(alice.run("status", "papers")["online"])
        alice.run("sync", "papers", "--timeout", "2", expect=(UNREACHABLE, TIMED_OUT))
        self.relay.start()
        alice.sync("papers")
        self.assertEqual(alice.run("status", "papers")["files"], [])

    def test_no_organization_comes_of_a_relay_that_is_not_there(self):
        relay = self.world.relay("--open")
        relay.stop()
        alice = self.world.home("alice")
        alice.run("org", "create", "acme", "--relay", relay.address, "--email", "a@example.com", "--name", "A",
                  "--device", "laptop", "--password-file", alice.password_file, "--timeout", "5",
                  expect=(UNREACHABLE, TIMED_OUT))
        self.assertEqual(alice.run("org", "list"), [])
        relay.start()
        alice.create_organization(relay)

    def test_a_relay_that_is_killed_keeps_what_it_acknowledged(self):
        alice = self.start_organization()
        alice.run("workspace", "create", "papers")
        alice.put_bytes(b"kept", "papers:/kept.txt")
        alice.sync("papers")
        self.relay.kill()
        self.relay.start()
        bob = self.world.home("bob")
        alice.invite(bob)
        alice.share("papers", bob, "reader")
        bob.sync("papers")
        self.assertEqual(bob.cat("papers:/kept.txt"), b"kept")


if __name__ == "__main__":
    keyfold.main()
