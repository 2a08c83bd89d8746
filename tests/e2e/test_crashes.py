#!/usr/bin/env python3
"""kill -9 of agents and relay at random moments, while people work: nothing is lost, and all come together again.

KEYFOLD_CRASH_SECONDS says for how long (20), KEYFOLD_CRASH_SEED repeats a run's choices."""

import os
import random
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import keyfold
import trees

SECONDS = float(os.environ.get("KEYFOLD_CRASH_SECONDS", "20"))
SEED = os.environ.get("KEYFOLD_CRASH_SEED") or str(random.randrange(10**6))


class Worker(threading.Thread):
    """Works until `stop` is set. What goes wrong stops all, and is raised by check()."""

    def __init__(self, name, stop):
        super().__init__(name=name)
        self.stop, self.error = stop, None

    def run(self):
        try:
            self.work()
        except BaseException as error:
            self.error = error
            self.stop.set()

    def check(self):
        if self.error:
            raise self.error


class Person(Worker):
    """Works in a folder of a mirror that nobody else touches, and remembers what stands in it."""

    def __init__(self, name, area, stop):
        super().__init__(name, stop)
        self.choose = random.Random(f"{SEED} {name}")
        self.area, self.files, self.count = area, {}, 0
        self.area.mkdir()

    def work(self):
        while not self.stop.wait(self.choose.uniform(0, 0.1)):
            self.choose.choices((self.create, self.edit, self.rename, self.delete, self.replace),
                                weights=(6, 3, 2, 1, 2))[0]()

    def bytes(self):
        return self.choose.randbytes(self.choose.choice(5 * (0, 10, 5_000, 70_000, 70_000, 3_000_000) + (9_000_000,)))

    def any_file(self):
        return self.choose.choice(sorted(self.files)) if self.files else None

    def new_name(self):
        self.count += 1
        folder = self.area / f"d{self.choose.randrange(5)}"
        folder.mkdir(exist_ok=True)
        return folder / f"{self.count}.bin"

    def write(self, path, content):
        path.write_bytes(content)
        self.files[path] = content

    def create(self):
        self.write(self.new_name(), self.bytes())

    def edit(self):
        if path := self.any_file():
            self.write(path, self.bytes())

    def rename(self):
        if path := self.any_file():
            target = self.new_name()
            path.rename(target)
            self.files[target] = self.files.pop(path)

    def delete(self):
        if path := self.any_file():
            path.unlink()
            del self.files[path]

    def replace(self):
        """As editors save: a new file, renamed over the old one."""
        if path := self.any_file():
            content, beside = self.bytes(), path.with_suffix(".tmp")
            beside.write_bytes(content)
            beside.rename(path)
            self.files[path] = content


class Putter(Worker):
    """Puts file after file; those that were acknowledged must not be lost."""

    def __init__(self, home, stop):
        super().__init__("puts", stop)
        self.choose = random.Random(f"{SEED} puts")
        self.home, self.acknowledged = home, {}

    def work(self):
        for number in range(10**6):
            if self.stop.wait(0.05):
                return
            content = self.choose.randbytes(2000)
            document = self.home.put_bytes(content, f"papers:/put/{number}.bin", expect=None)
            if "error" not in document:
                self.acknowledged[f"{number}.bin"] = content


class Crashes(keyfold.Case):
    def setUp(self):
        super().setUp()
        self.choose = random.Random(SEED)
        self.alice, self.bob = self.start_organization("bob")
        print(f"seed {SEED}", end=" ", flush=True)

    def mirror(self, home):
        folder = self.world.folder / f"{home.name}-mirror"
        home.run("workspace", "mirror", "papers", folder)
        home.sync("papers")
        return folder

    def crash(self, stop):
        """Kills one of the three, and starts it again a little later."""
        victim = self.choose.choice((self.alice, self.bob, self.relay))
        if victim is self.relay:
            victim.kill()
        elif victim.agent_pid():
            victim.kill_agent()
        stop.wait(self.choose.uniform(0, 0.5))
        victim.start() if victim is self.relay else victim.restart_agent()

    def test_nothing_is_lost_when_programs_are_killed_at_any_moment(self):
        self.alice.run("workspace", "create", "papers")
        self.alice.run("mkdir", "papers:/put")
        self.alice.share("papers", self.bob, "contributor")
        folders = {home: self.mirror(home) for home in (self.alice, self.bob)}
        stop = threading.Event()
        people = [Person(home.name, folder / home.name, stop) for home, folder in folders.items()]
        putter = Putter(self.alice, stop)
        for worker in (*people, putter):
            worker.start()
        try:
            until = time.monotonic() + SECONDS
            while time.monotonic() < until and not stop.wait(self.choose.uniform(0.1, 1.5)):
                self.crash(stop)
        finally:
            stop.set()
            for worker in (*people, putter):
                worker.join()
        for worker in (*people, putter):
            worker.check()
        for home in (self.alice, self.bob, self.alice):
            home.sync("papers")

        left, right = (trees.snapshot(folder) for folder in folders.values())
        self.assertEqual(trees.differences(left, right), [])
        for person in people:
            there = {path for path in person.area.rglob("*") if path.is_file()}
            self.assertEqual(there, set(person.files))
            for path, content in person.files.items():
                self.assertEqual(path.read_bytes(), content, path)
        for name, content in putter.acknowledged.items():
            self.assertEqual((folders[self.bob] / "put" / name).read_bytes(), content, name)
        self.assertGreater(len(putter.acknowledged), 0)
        print(f"({sum(len(p.files) for p in people)} files, {len(putter.acknowledged)} puts)", end=" ", flush=True)

    def test_a_code_exchange_that_is_cut_anywhere_goes_on_once_all_are_back(self):
        for round_number in range(5):
            carol = self.world.home(f"carol{round_number}")
            before = len(self.alice.run("user", "list"))
            invitation = self.alice.run("invite", "user", f"{carol.name}@example.com")
            greeter, guest = self.alice.greet(invitation["token"]), carol.join(invitation["link"])
            code = greeter.expect("tell")["code"]
            keyfold.offered(guest, code)
            if picked := self.choose.random() < 0.5:
                guest.answer(pick=code)
            victim = self.choose.choice(("greeter", "guest", "relay"))
            if victim == "relay":
                self.relay.kill()
                self.relay.start()
            elif victim == "greeter":
                self.alice.kill_agent()
                self.alice.restart_agent()
                greeter = self.alice.greet(invitation["token"])
            else:
                carol.kill_agent()
                guest = carol.join(invitation["link"])
            code = latest_codes(greeter, guest)
            guest.answer(pick=code)
            code = guest.expect("tell")["code"]
            keyfold.offered(greeter, code)
            greeter.answer(pick=code)
            greeter.expect("confirm")
            greeter.answer(accept=True, profile="member")
            self.assertEqual(greeter.done()["user"], guest.done()["user"], (round_number, victim, picked))
            self.assertEqual(len(self.alice.run("user", "list")), before + 1, (round_number, victim, picked))


def latest_codes(greeter, guest):
    """The code that the greeter shows, once nothing older is on its way and the guest is offered it."""
    code, offered, quiet = None, [], 0
    until = time.monotonic() + keyfold.TIMEOUT
    while code not in offered or quiet < 2:
        quiet += 1
        for side in (greeter, guest):
            try:
                event = side.process.event(timeout=0.3)
            except keyfold.Failure:
                continue
            quiet = 0
            side.seen.append(event)
            if event is None or event["event"] == "failed" or time.monotonic() > until:
                raise keyfold.Failure(f"{side.who}: {side.seen}: {side.process}")
            if side is greeter and event["event"] == "tell":
                code = event["code"]
            if side is guest and event["event"] == "choose":
                offered = event["codes"]
        if time.monotonic() > until:
            raise keyfold.Failure(f"no common codes: {greeter.seen}, {guest.seen}")
    return code


if __name__ == "__main__":
    keyfold.main()
