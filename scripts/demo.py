#!/usr/bin/env python3
"""The demonstration behind scripts/demo: everything in it is really done by the programs of build/bin; what it
says has been looked at, and the first thing that is not so ends it with exit code 1."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests/e2e"))

import keyfold
import trees

SOURCE = Path("/usr/include")
W = "library"


class Narrator:
    """Numbered steps, the commands as one would type them, and what came of them."""

    def __init__(self):
        self.step = 0
        self.began = time.monotonic()

    def title(self, text):
        self.step += 1
        print(f"\n{self.step}. {text}  [{time.monotonic() - self.began:.0f} s]", flush=True)

    def command(self, who, *words):
        print(f"   {who}$ {' '.join(str(w) for w in words)}", flush=True)

    def say(self, text):
        for line in str(text).splitlines():
            print(f"     {line}", flush=True)

    def check(self, true, text):
        if not true:
            raise keyfold.Failure(f"not so: {text}")
        print(f"   \N{CHECK MARK} {text}", flush=True)


tell = Narrator()


class Shown(keyfold.Home):
    """A home whose commands are told."""

    def do(self, *args, **options):
        tell.command(self.name, "keyfold", *args)
        return self.run(*args, **options)

    def show(self, *args):
        """Runs the command for people's eyes, and shows what it prints."""
        tell.command(self.name, "keyfold", *args)
        tell.say(self.run(*args, json=False).decode("utf-8", "replace").rstrip())


def answer(side, who, **document):
    tell.say(f"{who} answers {json.dumps(document)}")
    side.answer(**document)


def compare_codes(greeter, guest, who_greets, who_comes):
    """The two people on the telephone, told as it happens."""
    code = greeter.expect("tell")["code"]
    codes = keyfold.offered(guest, code)
    tell.say(f"{who_greets} says {code}; {who_comes} sees {' '.join(codes)}")
    answer(guest, who_comes, pick=code)
    code = guest.expect("tell")["code"]
    codes = keyfold.offered(greeter, code)
    tell.say(f"{who_comes} says {code}; {who_greets} sees {' '.join(codes)}")
    answer(greeter, who_greets, pick=code)
    shown = greeter.expect("confirm")
    tell.say(f"{who_greets} is asked to let in: {shown['name'] or ''} {shown['email'] or ''} on {shown['device']}")


def let_in(greeter_home, guest_home, kind, device, profile=None):
    args = ["invite", "user", f"{guest_home.name}@example.com"] if kind == "user" else ["invite", "device"]
    invitation = greeter_home.do(*args)
    tell.say(invitation["link"])
    tell.command(greeter_home.name, "keyfold greet", invitation["token"])
    tell.command(guest_home.name, f"keyfold join LINK --device {device}")
    greeter = greeter_home.greet(invitation["token"])
    guest = guest_home.join(invitation["link"], device=device)
    compare_codes(greeter, guest, greeter_home.name, guest_home.name)
    answer(greeter, greeter_home.name, accept=True, **({"profile": profile} if profile else {}))
    greeter.done()
    return guest.done()


def sync(*homes):
    for home in homes:
        began = time.monotonic()
        home.run("sync", W, "--timeout", "600", timeout=620)
        tell.command(home.name, f"keyfold sync {W}", f"   # {time.monotonic() - began:.1f} s")


def diff(left, right):
    """diff -r --no-dereference; what it says, nothing if the same. Keyfold's own marker files are not content."""
    done = subprocess.run(["diff", "-r", "--no-dereference", "-x", ".keyfold*", left, right],
                          capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def check_same(mirrors, *others):
    names = list(mirrors)
    for other in [*names[1:], *others]:
        folder = mirrors.get(other, other)
        tell.command("demo", f"diff -r --no-dereference {names[0]}/{W}", folder)
        said = diff(mirrors[names[0]], folder)
        if said:
            tell.say(said[:2000])
        tell.check(not said, "no difference")
        gone = trees.differences(trees.snapshot(mirrors[names[0]]), trees.snapshot(folder))
        for line in gone:
            tell.say(line)
        tell.check(not gone, "exec bits, mtimes to the nanosecond, symlinks and empty folders are the same, too")


def demonstrate(world):
    tell.title("A relay, and an organization with its first Administrator")
    relay = world.relay("--open")
    tell.command("relay", f"keyfold-relay serve --listen tcp://127.0.0.1:{relay.port} --data {relay.data} --open")
    tell.say(relay.address)
    alice, bob, desk = (Shown(world, name, listen="tcp://127.0.0.1:0") for name in ("alice", "bob", "desk"))
    tell.command("alice", "keyfold org create acme --relay ADDRESS --email alice@example.com --name Alice ...")
    alice.create_organization(relay, "acme")
    alice.show("org", "info")

    tell.title("Alice lets Bob in: they compare codes over the telephone")
    let_in(alice, bob, "user", "bob-laptop", "member")
    tell.title("Alice lets her second device in, in the same way")
    let_in(alice, desk, "device", "alice-desk")
    alice.show("user", "list")
    alice.show("device", "list")

    tell.title(f"A real tree is shared: {SOURCE}")
    mirrors = {home.name: world.folder / f"{home.name}-{W}" for home in (alice, bob, desk)}
    alice.do("workspace", "create", W)
    tell.command("alice", f"cp -a {SOURCE} {mirrors['alice']}")
    subprocess.run(["cp", "-a", SOURCE, mirrors["alice"]], check=True)
    alice.do("workspace", "mirror", W, mirrors["alice"])
    alice.do("workspace", "share", W, "bob@example.com", "--role", "contributor")
    for home in (bob, desk):
        home.hear_of(W)
        home.do("workspace", "mirror", W, mirrors[home.name])
    sync(alice, bob, desk)
    tree = trees.snapshot(mirrors["alice"])
    files = [d for d in tree.values() if d[0] == "file"]
    tell.check(len(files) > 1000, f"{len(files)} files, {sum(d[1] for d in files) / 1e6:.0f} MB, "
               f"{sum(d[0] == 'symlink' for d in tree.values())} symlinks, "
               f"{sum(d[0] == 'folder' for d in tree.values())} folders are shared")
    check_same(mirrors, SOURCE)
    bob.show("workspace", "list")

    tell.title("An edit on each device")
    for home in (alice, bob, desk):
        (mirrors[home.name] / f"from-{home.name}.txt").write_text(f"{home.name} was here\n")
        tell.command(home.name, f"echo ... > {W}/from-{home.name}.txt")
    sync(alice, bob, desk, alice, bob)
    tell.say("\n".join(sorted(p.name for p in mirrors["bob"].glob("from-*"))))
    check_same(mirrors)

    tell.title("The relay is killed: the devices, which are linked directly, go on without it")
    for home in (alice, bob, desk):
        keyfold.wait_until(lambda: sum(row["link"] == "direct" for row in home.run("peers")) == 2,
                           f"{home.name} is linked with both others")
    alice.show("peers")
    tell.command("relay", "kill -KILL", relay.process.popen.pid)
    relay.kill()
    for home, others in ((alice, (bob, desk)), (bob, (alice, desk))):
        name = f"no-relay-{home.name}.txt"
        began = time.monotonic()
        (mirrors[home.name] / name).write_text("written without a relay\n")
        tell.command(home.name, f"echo ... > {W}/{name}")
        for other in others:
            keyfold.wait_until(lambda: (mirrors[other.name] / name).exists(), f"{other.name} has {name}")
        tell.check(time.monotonic() - began < 2, f"both others have it after {time.monotonic() - began:.1f} s")
    alice.do("sync", W, expect=keyfold.UNREACHABLE)
    alice.do("sync", W, "--peer")
    tell.command("relay", "keyfold-relay serve ...")
    relay.start()
    sync(alice, bob, desk, alice)
    check_same(mirrors)

    conflict(alice, bob, desk, mirrors)
    revocation(world, relay, alice, bob, mirrors)
    return relay, (alice, bob, desk), mirrors


def conflict(alice, bob, desk, mirrors):
    tell.title("A conflicting edit, made while Bob's device is offline")
    for home in (alice, bob, desk):
        sync(home)
    (mirrors["alice"] / "notes.txt").write_text("The first version.\n")
    sync(alice, bob, desk)
    tell.command("bob", "keyfold agent stop")
    bob.stop_agent()
    (mirrors["bob"] / "notes.txt").write_text("Bob's version.\n")
    (mirrors["alice"] / "notes.txt").write_text("Alice's version.\n")
    tell.command("bob", f"echo \"Bob's version.\" > {W}/notes.txt")
    tell.command("alice", f"echo \"Alice's version.\" > {W}/notes.txt")
    sync(alice)
    tell.command("bob", "keyfold agent start; keyfold unlock")
    bob.restart_agent()
    sync(bob, alice, desk)
    for name, folder in mirrors.items():
        found = sorted(folder.glob("notes*.txt"))
        tell.say(f"{name}: " + "; ".join(f"{p.name!r} = {p.read_text().strip()!r}" for p in found))
        tell.check(len(found) == 2 and any("(conflict, " in p.name for p in found) and
                   {p.read_text() for p in found} == {"Bob's version.\n", "Alice's version.\n"},
                   f"{name} has both versions, one as a conflict copy")
    check_same(mirrors)


def revocation(world, relay, alice, bob, mirrors):
    tell.title("Bob is unshared; what is written after that he cannot read, not even with the relay's whole disk")
    epoch = alice.workspace(W)["epoch"]
    alice.do("workspace", "unshare", W, "bob@example.com")
    tell.check(alice.workspace(W)["epoch"] > epoch, "the workspace has a new key")
    secret = "what Alice wrote after Bob had gone"
    (mirrors["alice"] / "after.txt").write_text(secret + "\n")
    tell.command("alice", f"echo '{secret}' > {W}/after.txt")
    sync(alice)
    keyfold.wait_until(lambda: (bob.workspace(W) or {"role": "none"})["role"] in (None, "none"), "bob hears of it")
    bob.run("cat", f"{W}:/after.txt", json=False, expect=keyfold.FAILED)
    tell.command("bob", f"keyfold cat {W}:/after.txt", "   # refused")
    tell.check(not (mirrors["bob"] / "after.txt").exists(), "it is not in his folder")

    copy = world.folder / "stolen-relay-disk"
    relay.stop()
    shutil.copytree(relay.data, copy)
    relay.start()
    bob.stop_agent()
    tell.command("bob", f"cp -a {relay.data} {copy}")
    tell.command("bob", "keyfold_read_as", bob.folder, bob.password_file, copy, "  # tries all his keys on all of it")
    rows = keyfold.read_as(bob, copy)
    for row in rows:
        tell.say(json.dumps(row))
    old = [e for row in rows for e in row["epochs"] if e["epoch"] <= epoch]
    new = [e for row in rows for e in row["epochs"] if e["epoch"] > epoch]
    tell.check(old and all(e["closed"] == 0 for e in old), "what he could read before opens with his keys")
    tell.check(new and all(e["opened"] == 0 and e["closed"] > 0 for e in new), "no entry written after that opens")
    tell.check(not trees.find_in_folder(copy, trees.needles(secret, "after.txt")), "nor is a word of it on that disk")
    shutil.rmtree(copy)

    tell.title("Bob gets the workspace again, and reads it")
    bob.restart_agent()
    alice.do("workspace", "share", W, "bob@example.com", "--role", "contributor")
    bob.hear_of(W, "contributor")
    sync(bob)
    tell.check(bob.cat(f"{W}:/after.txt").decode() == secret + "\n", f"bob reads: {secret}")
    bob.do("workspace", "mirror", W, mirrors["bob"], expect=None)
    sync(bob, alice)
    check_same(mirrors)


def farewell(world, relay, homes, mirrors, keep):
    print("\nAll of this was done by the programs in build/bin. To go on by hand:" if keep else
          "\nAll of this was done by the programs in build/bin, and is gone now. To try by hand:")
    if keep:
        print(f"  export PATH={keyfold.BIN}:$PATH")
        for home in homes:
            print(f"  KEYFOLD_HOME={home.folder} keyfold status {W}      # {home.name}, mirror {mirrors[home.name]}")
        print(f"  the password of all is: {keyfold.PASSWORD}")
        print(f"  the relay is process {relay.process.popen.pid}; its data: {relay.data}")
        print(f"  to end: stop each agent (keyfold agent stop), kill the relay, rm -r {world.folder}")
        return
    print(f"""  export PATH={keyfold.BIN}:$PATH
  keyfold-relay serve --listen tcp://127.0.0.1:7443 --data /tmp/relay --open &      # prints its ADDRESS
  export KEYFOLD_HOME=/tmp/alice
  keyfold org create acme --relay ADDRESS --email alice@example.com --name Alice --device laptop
  keyfold workspace create papers && keyfold workspace mirror papers ~/Papers
  keyfold invite user bob@example.com        # prints a LINK and what to type to greet
  KEYFOLD_HOME=/tmp/bob keyfold join LINK --device bobs-laptop --name Bob
  keyfold workspace share papers bob@example.com --role contributor
or run scripts/demo --keep, which leaves everything running.""")


def main():
    keep = sys.argv[1:] == ["--keep"]
    if sys.argv[1:] and not keep:
        print("usage: scripts/demo [--keep]", file=sys.stderr)
        return keyfold.USAGE
    missing = keyfold.missing_programs()
    if missing:
        print(f"demo: not built: {', '.join(missing)} in {keyfold.BIN}", file=sys.stderr)
        return 1
    world = keyfold.World()
    try:
        farewell(world, *demonstrate(world), keep)
    except (keyfold.Failure, subprocess.CalledProcessError, KeyboardInterrupt) as failure:
        print(f"\ndemo: {failure}\n{world.logs()}", file=sys.stderr)
        keep = False
        return 1
    finally:
        if not keep:
            world.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
