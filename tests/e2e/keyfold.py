"""Drives the real programs: relays, homes (one installation each), and code exchanges between two processes.

Everything that a test starts is a descendant of the test's process, also an agent that went to the background
(the process is a "subreaper"); it is ended by its process id, and nothing else is. Waiting is done by asking again
until a deadline. The programs are those of KEYFOLD_BIN (default: build/bin)."""

import contextlib
import ctypes
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

from trees import tail

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("KEYFOLD_BIN", ROOT / "build/bin")).resolve()
PROGRAMS = ("keyfold", "keyfold-agent", "keyfold-relay", "keyfold_read_as")
PASSWORD = "correct horse battery staple"
SKIPPED = 77  # ctest's SKIP_RETURN_CODE
TIMEOUT = float(os.environ.get("KEYFOLD_TEST_TIMEOUT", "60"))

DONE, FAILED, USAGE, UNREACHABLE, LOCKED, TIMED_OUT = range(6)


class Failure(AssertionError):
    """A program did not do what the test expects of it."""


def missing_programs():
    return [name for name in PROGRAMS if not os.access(BIN / name, os.X_OK)]


_pause = threading.Event()  # never set: a wait on it is the interval between two looks


def wait_until(condition, what, timeout=TIMEOUT):
    """Asks `condition` again and again; gives its first true answer, and fails after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() >= deadline:
            raise Failure(f"waited {timeout:.0f} s in vain: {what}")
        _pause.wait(0.1)


# -- processes ---------------------------------------------------------------------------------------------------

def become_subreaper():
    """Background agents become our children when the command that started them ends."""
    ctypes.CDLL(None, use_errno=True).prctl(36, 1, 0, 0, 0)  # PR_SET_CHILD_SUBREAPER


def _stat(pid):
    """(parent, state) of a process; None when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = text[text.rindex(")") + 2:].split()
    return int(fields[1]), fields[0]


def descendants():
    """Process ids of all our descendants, children after their parents."""
    parents = {}
    for name in os.listdir("/proc"):
        found = name.isdigit() and _stat(name)
        if found:
            parents.setdefault(found[0], []).append(int(name))
    out, open_ = [], [os.getpid()]
    while open_:
        children = parents.get(open_.pop(), [])
        out += children
        open_ += children
    return out


def alive(pid):
    """Whether the process runs; reaps it when it has ended as our child."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
    found = _stat(pid)
    if found is None or found[1] != "Z":
        return found is not None
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return len(os.listdir(f"/proc/{pid}/task")) > 1  # they hold its sockets until they have ended
    return False


def end(pid, sig=signal.SIGTERM, timeout=10):
    """Ends one process, by force after `timeout` seconds; says whether `sig` was enough."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, sig)
    try:
        wait_until(lambda: not alive(pid), f"process {pid} ends", timeout)
        return True
    except Failure:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: not alive(pid), f"process {pid} is killed", timeout)
        return False


class Process:
    """A program that talks for a while: its standard output line by line, its standard error in a file."""

    def __init__(self, argv, env, log):
        self.argv = [str(a) for a in argv]
        self.log = Path(log)
        with open(self.log, "ab") as err:
            self.popen = subprocess.Popen(self.argv, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                          stderr=err, start_new_session=True)
        self._lines = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.popen.stdout:
            self._lines.put(line.decode("utf-8", "surrogateescape"))
        self._lines.put(None)

    def line(self, timeout=TIMEOUT):
        """The next line; None at the end of the output."""
        try:
            return self._lines.get(timeout=timeout)
        except queue.Empty:
            raise Failure(f"no line within {timeout:.0f} s from {self}") from None

    def event(self, timeout=TIMEOUT):
        """The next line's JSON document; None at the end of the output."""
        line = self.line(timeout)
        if line is None:
            return None
        try:
            return json.loads(line)
        except ValueError:
            raise Failure(f"not JSON: {line!r} from {self}") from None

    def send(self, document):
        self.popen.stdin.write(json.dumps(document).encode() + b"\n")
        self.popen.stdin.flush()

    def wait(self, timeout=TIMEOUT):
        try:
            return self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise Failure(f"does not end: {self}") from None

    def kill(self):
        self.popen.kill()
        self.popen.wait()

    def close(self):
        if self.popen.poll() is None:
            self.kill()
        self.popen.stdin.close()

    def __str__(self):
        return f"{' '.join(self.argv)}\n{tail(self.log)}"


# -- the relay ---------------------------------------------------------------------------------------------------

class Relay:
    """A relay whose address stays the same over restarts."""

    def __init__(self, world, *options, name="relay", data=None, port=0):
        self.world, self.options, self.port = world, options, port
        self.data = Path(data or world.folder / name)
        self.log = world.folder / f"{name}.log"
        self.address = None
        self.process = None

    def start(self):
        argv = [BIN / "keyfold-relay", "serve", "--listen", f"tcp://127.0.0.1:{self.port}", "--data", self.data,
                "--json", *self.options]
        self.process = self.world.spawn(argv, self.world.environment(), self.log)
        ready = self.process.event()
        if not ready or ready.get("event") != "ready":
            raise Failure(f"the relay's first line is {ready!r}: {self.process}")
        if not ready["address"].startswith("keyfold://"):
            raise Failure(f"not an address: {ready['address']}")
        if self.address is None:
            self.address = ready["address"]
            if "--public" not in self.options:
                self.port = int(self.address.split("//")[1].split("/")[0].rsplit(":", 1)[1])
        elif self.address != ready["address"]:
            raise Failure(f"the address changed over a restart: {self.address}, {ready['address']}")
        return self

    def stop(self):
        """SIGTERM, which must do within 5 seconds."""
        if not end(self.process.popen.pid, timeout=6):
            raise Failure(f"the relay does not stop within 5 s: {self.process}")
        if self.process.popen.wait() != 0:
            raise Failure(f"the relay stopped with {self.process.popen.returncode}: {self.process}")

    def kill(self):
        self.process.kill()

    def back_up(self):
        """A copy of its data, made while it is stopped."""
        self.stop()
        self.copy = self.world.folder / f"{self.data.name}.copy"
        shutil.copytree(self.data, self.copy)
        self.start()

    def bring_back(self):
        """It is again what it was when it was backed up."""
        self.stop()
        shutil.rmtree(self.data)
        shutil.copytree(self.copy, self.data)
        self.start()

    def run(self, *args, expect=DONE):
        argv = [BIN / "keyfold-relay", *args, "--data", self.data, "--json"]
        return self.world.run(argv, self.world.environment(), expect=expect)


# -- homes -------------------------------------------------------------------------------------------------------

class Home:
    """One installation: its folder, and commands that run in it."""

    def __init__(self, world, name, folder=None, password=PASSWORD, listen="none"):
        """`listen`: where other devices can dial it; none: everything goes through the relay."""
        self.world, self.name = world, name
        self.folder = Path(folder or world.folder / name)
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "config.toml").exists():
            (self.folder / "config.toml").write_text(f'[network]\nlisten = "{listen}"\ndiscovery = false\n')
        self.password_file = world.folder / f"{name}.password"
        self.password_file.write_text(password + "\n")
        self.env = world.environment(KEYFOLD_HOME=str(self.folder))
        self.log = world.folder / f"{name}.log"

    def run(self, *args, json=True, expect=DONE, stdin=None, timeout=None, env=None):
        """Runs `keyfold ARGS`; gives its last JSON document (with json=False: its standard output as bytes).
        `expect` is an exit code or several; None: any."""
        argv = [BIN / "keyfold", *args] + (["--json"] if json else [])
        return self.world.run(argv, {**self.env, **(env or {})}, json, expect, stdin, timeout, home=self)

    def start(self, *args):
        """Starts `keyfold ARGS --json`, which talks for a while."""
        return self.world.spawn([BIN / "keyfold", *args, "--json"], self.env, self.log)

    # The agent.
    def agent_pid(self):
        status = self.run("agent", "status", expect=None)
        return status.get("pid") if status.get("running") else None

    def unlock(self, **options):
        return self.run("unlock", "--password-file", self.password_file, **options)

    def stop_agent(self):
        pid = self.agent_pid()
        self.run("agent", "stop")
        if pid:
            wait_until(lambda: not alive(pid), f"the agent of {self.name} ends", 15)

    def kill_agent(self):
        """kill -9, as a crash or a power failure would."""
        pid = self.agent_pid()
        if not pid:
            raise Failure(f"the agent of {self.name} does not run")
        end(pid, signal.SIGKILL)

    def restart_agent(self):
        self.run("agent", "start")
        self.unlock()

    # Getting in.
    def create_organization(self, relay, organization="acme", email=None, person=None):
        address = relay.address if isinstance(relay, Relay) else relay
        return self.run("org", "create", organization, "--relay", address,
                        "--email", email or f"{self.name}@example.com", "--name", person or self.name.capitalize(),
                        "--device", f"{self.name}-laptop", "--password-file", self.password_file)

    def greet(self, token, *options):
        return Exchange(self.start("greet", token, "--timeout", str(int(TIMEOUT)), *options), f"{self.name} greets")

    def join(self, link, device=None, person=None):
        return Exchange(self.start("join", link, "--device", device or f"{self.name}-laptop",
                                   "--name", person or self.name.capitalize(), "--timeout", str(int(TIMEOUT)),
                                   "--password-file", self.password_file), f"{self.name} joins")

    def invite(self, guest, profile="member", email=None, **join_options):
        """Invites the person of another home and does the whole code exchange; gives his user id."""
        invitation = self.run("invite", "user", email or f"{guest.name}@example.com")
        greeter, joiner = self.greet(invitation["token"]), guest.join(invitation["link"], **join_options)
        return exchange_codes(greeter, joiner, profile)["user"]

    # Workspaces.
    def sync(self, workspace, **options):
        """Nothing is on its way afterwards."""
        return self.run("sync", workspace, "--timeout", str(int(TIMEOUT)), timeout=TIMEOUT + 15, **options)

    def workspace(self, name):
        """The row of `workspace list`; None when it does not list it."""
        return next((w for w in self.run("workspace", "list") if w["name"] == name), None)

    def hear_of(self, name, role=None):
        def heard():
            row = self.workspace(name)
            return row if row and (role is None or row["role"] == role) else None
        return wait_until(heard, f"{self.name} hears of workspace {name} as {role or 'a member'}")

    def share(self, name, guest, role):
        self.run("workspace", "share", name, f"{guest.name}@example.com", "--role", role)
        return guest.hear_of(name, role)

    def names(self, path):
        return sorted(row["name"] for row in self.run("ls", path))

    def cat(self, path, **options):
        return self.run("cat", path, json=False, **options)

    def put_bytes(self, content, path, **options):
        source = self.world.folder / f"{self.name}.put"
        source.write_bytes(content)
        return self.run("put", source, path, **options)


def read_as(home, relay_folder, stop=False):
    """What the home's keys open of all that lies in a relay's folder, which nobody may be using (read_as.cpp).
    The home's agent must be stopped; `stop`: stops it."""
    if stop:
        home.stop_agent()
    argv = [BIN / "keyfold_read_as", home.folder, home.password_file, relay_folder]
    return home.world.run(argv, home.env, home=home)


# -- code exchanges ----------------------------------------------------------------------------------------------

class Exchange:
    """One side of a code exchange: a process that speaks the line protocol of `greet` and `join`."""

    def __init__(self, process, who):
        self.process, self.who, self.seen = process, who, []

    def expect(self, kind):
        """The next event besides `waiting`, which must be `kind`."""
        while True:
            event = self.process.event()
            self.seen.append(event)
            if event is None or event.get("event") == kind:
                break
            if event.get("event") != "waiting":
                break
        if event is None or event.get("event") != kind:
            raise Failure(f"{self.who}: expected {kind!r}, saw {self.seen}: {self.process}")
        return event

    def expect_waiting(self):
        event = self.process.event()
        self.seen.append(event)
        if not event or event.get("event") != "waiting":
            raise Failure(f"{self.who}: expected 'waiting', saw {self.seen}: {self.process}")

    def answer(self, **document):
        self.process.send(document)

    def failed(self, *reasons):
        """It ends as failed, for one of `reasons` (none given: any), as its last document and with exit code 1."""
        event = self.expect("failed")
        code = self.process.wait()
        if reasons and event["reason"] not in reasons:
            raise Failure(f"{self.who}: failed for {event['reason']!r}, expected {reasons}: {self.process}")
        wanted = TIMED_OUT if event["reason"] == "timeout" else FAILED
        if code != wanted or self.process.line() is not None:
            raise Failure(f"{self.who}: after 'failed' exit code {code}: {self.process}")
        return event["reason"]

    def done(self):
        event = self.expect("done")
        if self.process.wait() != DONE:
            raise Failure(f"{self.who}: done, but exit code {self.process.popen.returncode}: {self.process}")
        return event


def offered(exchange, code):
    """The codes of the side's `choose`, which must be four different ones with `code` among them."""
    codes = exchange.expect("choose")["codes"]
    if len(set(codes)) != 4 or code not in codes:
        raise Failure(f"{exchange.who}: choices {codes} for {code}")
    return codes


def compare_codes(greeter, guest):
    """The two people tell each other their codes, and pick rightly; gives what the greeter is to confirm."""
    code = greeter.expect("tell")["code"]
    offered(guest, code)
    guest.answer(pick=code)
    code = guest.expect("tell")["code"]
    offered(greeter, code)
    greeter.answer(pick=code)
    return greeter.expect("confirm")


def exchange_codes(greeter, guest, profile="member", **corrections):
    """The whole exchange, rightly done; gives the guest's `done`."""
    compare_codes(greeter, guest)
    greeter.answer(accept=True, profile=profile, **corrections)
    ends = greeter.done(), guest.done()
    if ends[0]["user"] != ends[1]["user"] or ends[0]["device"] != ends[1]["device"]:
        raise Failure(f"both sides are done, but with another user or device: {ends}")
    return ends[1]


# -- a test's world ----------------------------------------------------------------------------------------------

class World:
    """A folder (a temporary one unless named) with relays and homes; close() ends every process that came of it."""

    def __init__(self, folder=None):
        become_subreaper()
        self.folder = Path(folder or tempfile.mkdtemp(prefix="keyfold-"))
        self.folder.mkdir(exist_ok=True)
        self.processes = []
        self.commands = []

    def environment(self, **more):
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("KEYFOLD_", "XDG_"))}
        user = self.folder / "user"
        user.mkdir(exist_ok=True)
        return {**keep, "HOME": str(user), "LC_ALL": "C.UTF-8", "KEYFOLD_BIN": str(BIN), **more}

    def relay(self, *options, **named):
        return Relay(self, *options, **named).start()

    def home(self, name, **options):
        return Home(self, name, **options)

    def spawn(self, argv, env, log):
        process = Process(argv, env, log)
        self.processes.append(process)
        return process

    def run(self, argv, env, as_json=True, expect=DONE, stdin=None, timeout=None, home=None):
        argv = [str(a) for a in argv]
        began = time.monotonic()
        # Files, not pipes: a background agent may hold the streams that it inherited.
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            child = subprocess.Popen(argv, env=env, stdin=subprocess.PIPE, stdout=out, stderr=err)
            with contextlib.suppress(BrokenPipeError):
                child.stdin.write((stdin or "").encode())
                child.stdin.close()
            try:
                code = child.wait(timeout or TIMEOUT)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()
                code = "timeout"
            out.seek(0)
            err.seek(0)
            stdout, stderr = out.read(), err.read().decode("utf-8", "replace")
        self.commands.append(f"[{home.name if home else 'relay'}] {' '.join(argv[1:])} -> {code}"
                             f" ({time.monotonic() - began:.1f} s)")

        def fail(why):
            raise Failure(f"{why}\n  {' '.join(argv)}\n  exit code {code}\n  stdout: "
                          f"{stdout[-2000:].decode('utf-8', 'replace')}\n  stderr: {stderr[-2000:]}")
        expected = (expect,) if isinstance(expect, int) else expect
        if code == "timeout" or (expected is not None and code not in expected):
            fail(f"expected exit code {expect}")
        if code != DONE and not stderr.strip():
            fail("an error without a sentence on standard error")
        if not as_json:
            return stdout
        try:
            documents = parse_documents(stdout.decode("utf-8", "surrogateescape"))
        except ValueError:
            fail("standard output is not JSON")
        if not documents:
            fail("no JSON document on standard output")
        if any("event" not in d for d in documents[:-1]):
            fail("more than one JSON document on standard output")
        return documents[-1]

    def logs(self):
        """What a person wants to see when a test fails: the last commands, and the end of every log."""
        parts = ["last commands:", *self.commands[-25:]]
        for path in sorted(self.folder.rglob("*.log")):
            if path.stat().st_size and not path.stem.isdigit():  # those are databases'
                parts += [f"--- {path.relative_to(self.folder)}", tail(path)]
        return "\n".join(parts)

    def close(self):
        for process in self.processes:
            process.close()
        for pid in reversed(descendants()):
            end(pid, signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)


def parse_documents(text):
    decoder, out, at = json.JSONDecoder(), [], 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        document, at = decoder.raw_decode(text, at)
        out.append(document)
    return out


class Case(unittest.TestCase):
    """A test with a world of its own, whose logs are shown when it fails."""

    def setUp(self):
        missing = missing_programs()
        if missing:
            self.skipTest(f"not built yet: {', '.join(missing)} in {BIN}")
        self.world = World()
        self.addCleanup(self.world.close)

    def tearDown(self):
        result = self._outcome.result
        if any(test is self for test, _ in result.failures + result.errors):
            print(f"\n===== {self.id()}\n{self.world.logs()}\n=====", file=sys.stderr)

    listen = "none"  # of its homes

    def start_organization(self, *members, **profiles):
        """A relay, alice's organization, and a home for each further name, let in as a Member or as said."""
        self.relay = self.world.relay("--open")
        alice = self.world.home("alice", listen=self.listen)
        alice.create_organization(self.relay)
        homes = [alice]
        for name in members:
            home = self.world.home(name, listen=self.listen)
            home.user = alice.invite(home, profiles.get(name, "member"))
            homes.append(home)
        return homes if members else alice


def main():
    """Runs the tests of the calling script; exits 77 (skipped) where the programs are not built."""
    missing = missing_programs()
    if missing:
        print(f"skipped: {', '.join(missing)} not in {BIN}")
        sys.exit(SKIPPED)
    unittest.main(verbosity=2)
