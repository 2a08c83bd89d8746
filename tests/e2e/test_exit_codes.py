#!/usr/bin/env python3
"""Bad input to every command: the table of CLI.md's exit codes, how errors are told, and that nothing changes by them.

One organization serves the whole table. Each row is run with and without --json."""

import concurrent.futures
import json
import os
import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import keyfold
from keyfold import BIN, DONE, FAILED, LOCKED, TIMED_OUT, UNREACHABLE, USAGE

LONG = "n" * 300
TOKEN = "A" * 26  # one that nobody has
NO_TEXT = b"caf\xe9"
# What nobody should be shown.
TRACES = ("exception", "terminate", "std::", "Segmentation", "Assertion", "json.", "basic_string", "errno")

# Each command with what it needs at least; one word less, or one more, is wrong usage.
COMMANDS = [
    ["org", "create", "acme", ("--relay", "R"), ("--email", "E"), ("--name", "N"), ("--device", "D")],
    ["org", "list"], ["org", "use", "acme"], ["org", "info"],
    ["invite", "user", "bob@example.com"], ["invite", "device"], ["invite", "list"], ["invite", "cancel", TOKEN],
    ["greet", TOKEN], ["join", "LINK", ("--device", "D")],
    ["agent", "start"], ["agent", "run"], ["agent", "stop"], ["agent", "status"], ["unlock"], ["lock"],
    ["workspace", "create", "w"], ["workspace", "list"], ["workspace", "members", "w"],
    ["workspace", "share", "w", "bob@example.com", ("--role", "reader")], ["workspace", "unshare", "w", "u"],
    ["workspace", "rotate", "w"], ["workspace", "mirror", "w", "folder"], ["workspace", "unmirror", "w"],
    ["ls", "w:/"], ["cat", "w:/f"], ["put", "f", "w:/f"], ["get", "w:/f", "f"], ["mkdir", "w:/d"],
    ["mv", "w:/a", "w:/b"], ["rm", "w:/f"], ["status", "w"], ["sync", "w"], ["user", "list"], ["device", "list"],
    ["version"], ["doctor"], ["workspace", "history", "w"], ["workspace", "restore", "w", "/f"],
]
OPTIONAL = {"mirror", "status", "version", "doctor", "restore"}  # their last word may be missing
NOT_THERE = ["nonsense", "audit", "forget", "workspace rename", "user revoke",
             "device recovery", "auth change"]


def flat(words):
    return [part for word in words for part in (word if isinstance(word, tuple) else (word,))]


def misuses():
    for command in COMMANDS:
        words = [w for w in command if isinstance(w, str)]
        yield flat(command) + ["--nonsense"]
        yield flat(command) + ["one", "too-many"]
        names = 1 if command[0] in ("greet", "join", "ls", "cat", "put", "get", "mkdir", "mv", "rm", "status", "sync",
                                    "unlock", "lock", "version", "doctor") else 2
        for i in range(names, len(command)):
            if not OPTIONAL & set(words[:2]):
                yield flat(command[:i] + command[i + 1:])
        if names == 2:
            yield words[:1]
    yield []
    for name in NOT_THERE:
        yield name.split()


class Programs(unittest.TestCase):
    """What the tables share: a world for the whole class, and what holds for every error."""

    program = "keyfold"

    @classmethod
    def setUpClass(cls):
        missing = keyfold.missing_programs()
        if missing:
            raise unittest.SkipTest(f"not built yet: {', '.join(missing)} in {BIN}")
        cls.world = keyfold.World()
        cls.addClassCleanup(cls.world.close)

    def execute(self, args, env, stdin=b""):
        argv = [str(BIN / self.program).encode(), *(os.fsencode(str(a) if not isinstance(a, bytes) else a) for a in args)]
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            try:
                code = subprocess.run(argv, env=env, input=stdin, stdout=out, stderr=err, timeout=30).returncode
            except subprocess.TimeoutExpired:
                code = "still running"
            out.seek(0)
            err.seek(0)
            return code, out.read(), err.read().decode("utf-8", "replace")

    def faults(self, given, code, env, stdin=b"", talks=False):
        """What is wrong with how a command refuses `given`; nothing, if it does so as CLI.md says. `talks`: it prints
        events, and the last one is the refusal."""
        out = []
        found, stdout, stderr = self.execute(given, env, stdin)

        def fault(what):
            out.append(f"{given}: {what}; exit {found}, stdout {stdout[:300]!r}, stderr {stderr[:300]!r}")
        if found != code:
            fault(f"expected exit code {code}")
        said = stderr.strip()
        if not said.startswith(f"{self.program}: ") or len(said) < len(self.program) + 6:
            fault("no sentence on standard error")
        if any(trace in said for trace in TRACES):
            fault("a trace of the inside")
        if "--json" not in given:
            if stdout and not talks:
                fault("something on standard output")
            return out
        try:
            documents = keyfold.parse_documents(stdout.decode())
        except ValueError:
            documents = []
        if not documents or (len(documents) > 1 and not talks):
            fault("not one JSON document")
            return out
        error = documents[-1].get("error")
        told = error and set(error) == {"code", "message"} and error["code"] and error["message"]
        if not told and not (talks and documents[-1].get("event") == "failed" and error is None):
            fault("no error in the document")
        return out

    def check(self, rows, code, env=None, workers=8, **how):
        """Runs rows beside each other, and shows all that are not refused as they should be."""
        with concurrent.futures.ThreadPoolExecutor(workers) as pool:
            lines = [line for row in rows for line in ([*row], [*row, "--json"], ["--json", *row])]
            found = pool.map(lambda line: self.faults(line, code, env or self.env, **how), lines)
            faults = [fault for each in found for fault in each]
        self.assertFalse(faults, "\n" + "\n".join(faults))


class Table(Programs):
    """Commands in the home of alice (an Owner) and bob (a Reader), with one workspace."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        world = cls.world
        cls.relay = world.relay("--open")
        cls.alice, cls.bob = world.home("alice"), world.home("bob")
        cls.alice.create_organization(cls.relay)
        cls.env = cls.alice.env
        cls.alice.run("workspace", "create", "papers")
        cls.alice.put_bytes(b"hello", "papers:/file")
        cls.alice.run("mkdir", "papers:/folder")
        cls.alice.put_bytes(b"inside", "papers:/folder/inside")
        cls.alice.invite(cls.bob)
        cls.alice.share("papers", cls.bob, "reader")
        cls.alice.sync("papers")
        cls.bob.sync("papers")
        cls.link = cls.alice.run("invite", "user", "carol@example.com")
        files = world.folder / "files"
        (files / "tree").mkdir(parents=True)
        (files / "plain").write_text("plain\n")
        (files / "empty").write_bytes(b"")
        (files / "latin1").write_bytes(b"p\xe4ssword\n")
        (files / "wrong").write_text("not the password\n")
        cls.files = files
        cls.pid = cls.alice.agent_pid()

    def state(self):
        def shown(*command):
            rows = self.alice.run(*command)
            return [{key: row[key] for key in row if key not in ("state", "relay")} for row in rows]
        return [shown("workspace", "list"), shown("ls", "papers:/"), shown("ls", "papers:/folder"), shown("org", "list"),
                shown("user", "list"), shown("device", "list"), shown("invite", "list"),
                shown("workspace", "members", "papers"), sorted(p.name for p in self.files.rglob("*"))]

    def setUp(self):
        self.before = self.state()

    def tearDown(self):
        self.assertEqual(self.state(), self.before, "something changed by what was refused")
        self.assertEqual(self.alice.agent_pid(), self.pid, "the agent was started again")

    def with_password(self, *args, file=None):
        return [*args, "--password-file", self.alice.password_file if file is None else file]

    def test_lines_that_do_not_parse_are_wrong_usage(self):
        self.check(misuses(), USAGE)

    def test_cat_has_no_json(self):
        for args in (["--json", "cat", "papers:/file"], ["cat", "papers:/file", "--json"]):
            code, stdout, _ = self.execute(args, self.env)
            self.assertEqual(code, USAGE)
            self.assertEqual(json.loads(stdout)["error"]["code"], "usage")

    def test_arguments_that_cannot_be_what_they_must_are_wrong_usage(self):
        f = self.files
        paths = ["papers", "papers:x", ":/x", "/x", "", "papers:/..", "papers:/a/../b", f"papers:/{LONG}",
                 b"papers:/" + NO_TEXT]
        rows = [["ls", p] for p in paths]
        rows += [["put", f / "plain", p] for p in paths] + [["get", p, f / "new"] for p in paths]
        rows += [["rm", "-r", p] for p in paths] + [["mkdir", p] for p in paths]
        rows += [["mv", p, "papers:/x"] for p in paths] + [["mv", "papers:/file", p] for p in paths]
        rows += [["mv", "papers:/file", "other:/file"], ["put", "", "papers:/x"], ["get", "papers:/file", ""],
                 ["put", bytes(f / "plain") + NO_TEXT, "papers:/x"], ["put", "/dev/null", "papers:/x"]]
        rows += [["workspace", "create", name] for name in
                 ("", "a/b", "a:b", "a\nb", "a\x7f", "a\x85b", "\u202eb", LONG, NO_TEXT)]
        rows += [[*command, "--timeout", t] for command in (["sync", "papers"], ["ls", "papers:/"])
                 for t in ("nan", "-1", "inf", "1e10", "soon", "", "0x")]
        rows += [["invite", "user", e] for e in ("bob", "", "b\nb@example.com", LONG + "@example.com", NO_TEXT + b"@x")]
        rows += [["invite", "device", "--expires-in", t] for t in ("0s", "5", "1y", "-5m", "32d", "9" * 30 + "d", "nan")]
        rows += [["greet", t] for t in ("", "NOT-A-TOKEN", TOKEN[1:], TOKEN + "A", NO_TEXT)]
        rows += [["invite", "cancel", t] for t in ("", "0", TOKEN + "A")]
        rows += [["greet", TOKEN, "--profile", "king"], ["workspace", "share", "papers", "bob@example.com", "--role", "king"],
                 ["workspace", "share", "papers", "", "--role", "reader"], ["workspace", "unshare", "papers", ""],
                 ["workspace", "mirror", "papers", ""], ["workspace", "mirror", "papers"],
                 ["workspace", "mirror", "papers", f / "m", "--restore"],
                 ["workspace", "mirror", "papers", "--accept-deletes", "--restore"],
                 ["status", ""], ["sync", ""], ["workspace", "members", ""], ["org", "use", ""],
                 ["agent", "start", "--listen", "everywhere"],
                 ["agent", "start", "--listen", "tcp://127.0.0.1:99999"], ["agent", "run", "--listen", ""], ["--home", "", "org", "list"],
                 ["org", "list", "--home", ""]]
        self.check(rows, USAGE)

    def test_links_and_people_that_cannot_be_are_wrong_usage(self):
        link, address = self.link["link"], self.relay.address
        bad = ["", "x", "http://example.com/", "keyfold://", address + "x", address.replace("?k=", "?k=A"),
               link[:-1], link.replace("&t=", "&T="), link + "#", f"keyfold://{LONG}:1/?k=x", NO_TEXT]
        rows = [self.with_password("join", l, "--device", "d") for l in [*bad, address]]
        rows += [self.with_password("join", link, "--device", d) for d in ("", LONG, "a\nb", NO_TEXT)]
        rows += [self.with_password("join", link, "--device", "d", "--name", n) for n in (LONG, "a\nb")]
        whole = {"--relay": address, "--email": "a@example.com", "--name": "A", "--device": "d"}
        def create(name="new", **other):
            options = {**whole, **{f"--{k}": v for k, v in other.items()}}
            return self.with_password("org", "create", name, *(part for pair in options.items() for part in pair))
        rows += [create(relay=l) for l in [*bad, link]]
        rows += [create(name) for name in ("", "a/b", "a:b", "a\nb", LONG)]
        rows += [create(email=e) for e in ("", "nobody", "a\n@b", LONG + "@b")]
        rows += [create(device=d) for d in ("", LONG, "a\nb")]
        self.check(rows, USAGE)

    def test_passwords_that_are_not_there_are_wrong_usage(self):
        f = self.files
        for file in (f / "nowhere", f / "empty", f / "tree", f / "latin1", "", "-"):
            self.check([self.with_password("unlock", file=file), self.with_password("join", "LINK", "--device", "d", file=file),
                        self.with_password("org", "create", "new", "--relay", self.relay.address, "--email", "a@b",
                                           "--name", "A", "--device", "d", file=file)], USAGE)
        self.check([["unlock"], ["join", self.link["link"], "--device", "d"], ["join", "-", "--device", "d"]], USAGE)

    def test_what_is_not_there_or_not_allowed_is_refused(self):
        f = self.files
        rows = [[*c, "nowhere"] for c in (["status"], ["sync"], ["workspace", "members"], ["workspace", "rotate"],
                                          ["workspace", "unmirror"])]
        rows += [["ls", "nowhere:/"], ["put", f / "plain", "nowhere:/x"], ["get", "nowhere:/x", f / "new"],
                 ["mkdir", "nowhere:/x"], ["mv", "nowhere:/x", "nowhere:/y"], ["rm", "nowhere:/x"],
                 ["workspace", "mirror", "nowhere", f / "m"], ["workspace", "mirror", "papers", "--restore"],
                 ["workspace", "share", "nowhere", "bob@example.com", "--role", "reader"],
                 ["workspace", "share", "papers", "nobody@example.com", "--role", "reader"],
                 ["workspace", "share", "papers", TOKEN, "--role", "reader"],
                 ["workspace", "unshare", "papers", "nobody@example.com"],
                 ["workspace", "unshare", "papers", "alice@example.com"],  # the last Owner
                 ["org", "use", "nowhere"], ["org", "use", NO_TEXT.decode("latin1")], ["lock", "-o", "nowhere"],
                 ["workspace", "list", "-o", "nowhere"], ["workspace", "list", "-o", ""], ["ls", "papers:/", "-o", TOKEN],
                 ["invite", "cancel", TOKEN], ["agent", "run"]]
        rows += [["ls", "papers:/nowhere"], ["rm", "papers:/nowhere"], ["rm", "papers:/folder"], ["rm", "papers:/"],
                 ["rm", "-r", "papers:/"], ["rm", "papers:/file/x"], ["mv", "papers:/nowhere", "papers:/x"],
                 ["mv", "papers:/folder", "papers:/folder/inner"], ["mv", "papers:/", "papers:/x"],
                 ["mv", "papers:/file", "papers:/nowhere/x"], ["mv", "papers:/file", "papers:/file/x"],
                 ["mkdir", "papers:/file"], ["mkdir", "papers:/file/x"], ["ls", "papers:/file/x"],
                 ["put", f / "nowhere", "papers:/x"], ["put", f / "plain", "papers:/file/x"],
                 ["put", f / "tree", "papers:/file"], ["put", f"/{LONG}", "papers:/x"],
                 ["get", "papers:/nowhere", f / "new"], ["get", "papers:/folder", f / "plain"],
                 ["get", "papers:/file", f / "nowhere/x"], ["get", "papers:/file", f / "plain/x"],
                 ["get", "papers:/file", f"/proc/{LONG}"], ["workspace", "mirror", "papers", f / "plain"],
                 ["workspace", "mirror", "papers", f / "plain/below"]]
        rows.append(self.with_password("unlock", "-o", "nowhere"))
        rows.append(self.with_password("org", "create", "acme", "--relay", self.relay.address, "--email", "a@example.com",
                                       "--name", "A", "--device", "d"))
        self.check(rows, FAILED)
        self.check([["greet", TOKEN]], FAILED, talks=True)
        for path in ("papers:/nowhere", "papers:/folder", "papers:/", "nowhere:/x"):
            code, stdout, stderr = self.execute(["cat", path], self.env)
            self.assertEqual((code, stdout), (FAILED, b""), stderr)
        code, stdout, stderr = self.execute(["cat", b"papers:/" + NO_TEXT], self.env)
        self.assertEqual((code, stdout), (USAGE, b""), stderr)

    def test_a_reader_and_member_is_refused_what_is_not_his(self):
        f = self.files
        self.check([["put", f / "plain", "papers:/x"], ["mkdir", "papers:/x"], ["rm", "papers:/file"],
                    ["mv", "papers:/file", "papers:/x"], ["workspace", "rotate", "papers"],
                    ["workspace", "share", "papers", "carol@example.com", "--role", "reader"],
                    ["workspace", "unshare", "papers", "alice@example.com"],
                    ["workspace", "share", "papers", "bob@example.com", "--role", "owner"],
                    ["invite", "user", "carol@example.com"], ["invite", "cancel", self.link["token"]]],
                   FAILED, env=self.bob.env)

    def test_two_dashes_end_the_options(self):
        code, _, stderr = self.execute(["ls", "--", "papers:/folder"], self.env)
        self.assertEqual(code, DONE, stderr)
        self.check([["ls", "--", "-x"]], USAGE)

    def test_without_an_agent_that_may_be_started_nothing_is_reached(self):
        home = self.world.home("nobody")
        self.check([["org", "list"], ["workspace", "list"], ["ls", "papers:/"], ["status"], ["lock"],
                    self.with_password("unlock")], UNREACHABLE, env={**home.env, "KEYFOLD_NO_AUTOSTART": "1"})
        self.assertEqual([path.name for path in home.folder.iterdir()], ["config.toml"])  # the test's own

    def test_a_home_without_an_organization_refuses_what_needs_one(self):
        home = self.world.home("empty")
        self.assertEqual(home.run("org", "list"), [])
        self.check([["workspace", "list"], ["ls", "papers:/"], ["status"], ["user", "list"], ["org", "info"],
                    self.with_password("unlock"), ["org", "use", "acme"]], FAILED, env=home.env)

    def test_a_home_that_cannot_be_one_is_refused(self):
        for folder in (self.files / "plain", "/proc/nowhere"):
            self.check([["org", "list"], ["agent", "start"], ["workspace", "list", "--home", folder]], FAILED,
                       env={**self.env, "KEYFOLD_HOME": str(folder)})

    def test_a_locked_device_and_a_wrong_password_exit_4(self):
        self.check([self.with_password("unlock", file=self.files / "wrong")], LOCKED)
        self.alice.run("lock")
        try:
            f = self.files
            self.check([["workspace", "list"], ["workspace", "create", "new"], ["workspace", "members", "papers"],
                        ["workspace", "share", "papers", "bob@example.com", "--role", "reader"],
                        ["workspace", "mirror", "papers", f / "m"], ["workspace", "unmirror", "papers"],
                        ["ls", "papers:/"], ["put", f / "plain", "papers:/x"], ["get", "papers:/file", f / "new"],
                        ["mkdir", "papers:/x"], ["mv", "papers:/file", "papers:/x"], ["rm", "papers:/file"], ["status"],
                        ["status", "papers"], ["sync", "papers"], ["user", "list"], ["device", "list"], ["org", "info"],
                        ["invite", "user", "x@example.com"], ["invite", "device"], ["invite", "list"],
                        ["invite", "cancel", TOKEN], self.with_password("unlock", file=f / "wrong")], LOCKED)
            self.check([["greet", TOKEN]], LOCKED, talks=True)
            code, stdout, _ = self.execute(["cat", "papers:/file"], self.env)
            self.assertEqual((code, stdout), (LOCKED, b""))
        finally:
            self.alice.unlock()

    def test_what_waits_in_vain_exits_5(self):
        self.check([["greet", self.link["token"], "--timeout", "1"]], TIMED_OUT, talks=True,
                   workers=1)  # a second one would replace the first
        self.check([self.with_password("join", self.link["link"], "--device", "d", "--timeout", "1")], TIMED_OUT,
                   env=self.world.home("carol").env, talks=True, workers=1)
        relay = self.relay.process.popen.pid
        os.kill(relay, signal.SIGSTOP)  # it is there, and does not answer
        try:
            self.check([["sync", "papers", "--timeout", "1"], ["invite", "list", "--timeout", "1"]], TIMED_OUT)
        finally:
            os.kill(relay, signal.SIGCONT)

    def test_with_the_relay_gone_the_ledger_is_not_reached_and_files_are_worked_on(self):
        f, alice = self.files, self.alice
        self.relay.stop()
        try:
            keyfold.wait_until(lambda: alice.run("agent", "status")["devices"][0]["relay"] == "offline", "alice is offline")
            self.check([[*c, "--timeout", "1"] for c in (
                ["workspace", "create", "new"], ["workspace", "share", "papers", "bob@example.com", "--role", "owner"],
                ["workspace", "unshare", "papers", "bob@example.com"], ["workspace", "rotate", "papers"],
                ["invite", "user", "x@example.com"], ["invite", "device"], ["invite", "list"],
                ["invite", "cancel", self.link["token"]], ["sync", "papers"])], UNREACHABLE)
            self.check([["greet", self.link["token"], "--timeout", "1"]], UNREACHABLE, talks=True, workers=1)
            self.check([self.with_password("org", "create", "new", "--relay", self.relay.address, "--email", "a@b",
                                           "--name", "A", "--device", "d")], UNREACHABLE)
            alice.run("put", f / "plain", "papers:/offline")
            alice.run("mkdir", "papers:/made")
            alice.run("mv", "papers:/offline", "papers:/made/moved")
            self.assertEqual(alice.cat("papers:/made/moved"), b"plain\n")
            alice.run("get", "papers:/made/moved", f / "tree/got")
            (f / "tree/got").unlink()
            alice.run("rm", "-r", "papers:/made")
            for command in (["status", "papers"], ["workspace", "list"], ["user", "list"], ["org", "info"]):
                alice.run(*command)
        finally:
            self.relay.start()
        alice.sync("papers")


class RelayTable(Programs):
    program = "keyfold-relay"

    def test_bad_input_to_the_relay(self):
        folder = self.world.folder
        (folder / "plain").write_text("plain\n")
        (folder / "config.toml").write_text("nonsense = 1\n")
        relay = self.world.relay("--open")
        data, env = relay.data, self.world.environment()
        relay.run("org", "create", "acme")
        rows = [[], ["nonsense"], ["serve"], ["serve", "--data", data], ["org"], ["org", "--data", data],
                ["org", "nonsense", "--data", data], ["serve", "--listen", "tcp://127.0.0.1:0"], ["org", "list"],
                ["org", "list", "--data", data, "too-many"], ["org", "list", "--data", ""], ["--nonsense"],
                ["serve", "--listen", "tcp://0.0.0.0:0", "--data", folder / "never"],
                ["serve", "--listen", "tcp://127.0.0.1:0", "--data", folder / "never", "--config", folder / "config.toml"],
                ["serve", "--listen", "tcp://127.0.0.1:0", "--data", folder / "never", "--config", folder / "nowhere"]]
        rows += [["serve", "--listen", l, "--data", folder / "never"] for l in
                 ("", "nonsense", "127.0.0.1:7443", "tcp://:1", "tcp://127.0.0.1:x", "tcp://127.0.0.1:-1", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:99999", "ipc://x", "http://127.0.0.1:0")]
        for command in ("create", "show", "freeze", "thaw"):
            rows += [["org", command, "--data", data], ["org", command, "a", "b", "--data", data]]
            rows += [["org", command, name, "--data", data] for name in ("", "a/b", "a:b", "a\nb", LONG, NO_TEXT)]
        self.check(rows, USAGE, env=env)
        self.assertFalse((folder / "never").exists())
        # One after the other, since each opens the same data.
        for address in ("nowhere", "a:b", ":1", "x:0"):
            self.check([["serve", "--listen", "tcp://127.0.0.1:0", "--data", folder / "new", "--public", address]], USAGE,
                       env=env, workers=1)
        rows = [["org", command, "nowhere", "--data", data] for command in ("show", "freeze", "thaw")]
        rows += [["org", "list", "--data", folder / "nowhere"], ["org", "list", "--data", folder / "plain"],
                 ["serve", "--listen", "tcp://127.0.0.1:0", "--data", folder / "plain"],
                 ["serve", "--listen", "tcp://127.0.0.1:0", "--data", data],  # one runs there
                 ["serve", "--listen", f"tcp://127.0.0.1:{relay.port}", "--data", folder / "second"],
                 ["serve", "--listen", "tcp://192.0.2.1:7443", "--data", folder / "third"]]
        self.check(rows, FAILED, env=env)
        self.assertFalse((folder / "nowhere").exists())
        relay.stop()
        self.check([["org", "create", "globex", "--data", data]], UNREACHABLE, env=env, workers=1)
        self.check([["org", "show", "nowhere", "--data", data]], FAILED, env=env, workers=1)
        self.assertEqual(relay.run("org", "list"), [])


if __name__ == "__main__":
    keyfold.main()
