#!/usr/bin/env python3
"""The relay is blind: none of what people wrote is in any byte of its folder or of the wire, nor on a stopped device's disk."""

import base64
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import keyfold
import trees
from recorder import Recorder, free_port

WORKSPACE = "quarterly-figures-workspace"
FILE = "takeover-of-initech.txt"
FOLDER = "board-minutes-folder"
CONTENT = "The price is forty-two million, said in confidence. "
PERSON, EMAIL = "Roberta Smithers-Quagmire", "roberta.quagmire@example.org"
LABEL = "robertas-travel-notebook"
TARGET = "symlink-target-of-note"


class Blindness(keyfold.Case):
    def setUp(self):
        super().setUp()
        port = free_port()
        self.wire = Recorder(port)
        self.addCleanup(self.wire.close)
        self.relay = self.world.relay("--open", "--public", f"127.0.0.1:{self.wire.port}", port=port)
        self.alice, self.bob = self.world.home("alice"), self.world.home("bob")
        self.alice.create_organization(self.relay, email="alice.whistler@example.org", person="Alice Whistler")
        invitation = self.alice.run("invite", "user", EMAIL)
        self.link = invitation["link"]
        greeter = self.alice.greet(invitation["token"])
        guest = self.bob.join(self.link, device=LABEL, person=PERSON)
        self.user = keyfold.exchange_codes(greeter, guest)["user"]
        self.work()

    def work(self):
        """Everything of which a trace might stay: names, contents, history, a second epoch."""
        source = self.world.folder / "source" / FOLDER
        source.mkdir(parents=True)
        (source / FILE).write_text(CONTENT)
        (source / "large.txt").write_text(CONTENT * 20000)
        (source / "shortcut").symlink_to(TARGET)
        self.alice.run("workspace", "create", WORKSPACE)
        self.alice.run("put", source, f"{WORKSPACE}:/{FOLDER}")
        self.alice.run("workspace", "share", WORKSPACE, self.user, "--role", "contributor")
        self.alice.sync(WORKSPACE)
        self.bob.hear_of(WORKSPACE)
        self.bob.put_bytes((CONTENT + "Bob agrees.").encode(), f"{WORKSPACE}:/{FOLDER}/{FILE}")
        self.bob.sync(WORKSPACE)
        self.alice.run("workspace", "unshare", WORKSPACE, self.user)
        self.alice.put_bytes(CONTENT.encode(), f"{WORKSPACE}:/after-bob-{FILE}")
        self.alice.sync(WORKSPACE)

    def secrets(self):
        secret = self.link.split("#", 1)[1]
        return trees.needles(WORKSPACE, FILE, FOLDER, CONTENT.strip(), CONTENT[:20], TARGET, PERSON, EMAIL, LABEL,
                             "alice.whistler", "Alice Whistler", "alice-laptop", keyfold.PASSWORD, secret,
                             base64.urlsafe_b64decode(secret + "=" * (-len(secret) % 4)))

    def test_nothing_readable_lies_at_the_relay(self):
        self.relay.stop()
        stored = sum(p.stat().st_size for p in self.relay.data.rglob("*") if p.is_file())
        self.assertGreater(stored, len(CONTENT) * 20000 // 100, "the relay holds too little to be the right folder")
        self.assertEqual(trees.find_in_folder(self.relay.data, self.secrets()), [])
        self.assertEqual(trees.found_in(self.relay.log.read_bytes(), self.secrets()), [])

    def test_nothing_readable_goes_over_the_wire(self):
        streams = self.wire.streams()
        self.assertGreater(sum(map(len, streams)), 10_000, "the wire was not recorded")
        for stream in streams:
            self.assertEqual(trees.found_in(stream, self.secrets()), [])

    def test_nothing_but_the_label_is_readable_on_the_disk_of_a_stopped_device(self):
        for home, label in ((self.alice, "alice-laptop"), (self.bob, LABEL)):
            home.stop_agent()
            shown = {what for what in trees.needles(label)}
            found = [(path, what) for path, what in trees.find_in_folder(home.folder, self.secrets())
                     if what not in shown or "vault" not in path]
            self.assertEqual(found, [], home.name)

    def test_the_link_secret_does_not_reach_the_relay_and_the_token_does(self):
        token = self.link.split("t=", 1)[1].split("#")[0].split("&")[0]
        secret = self.link.split("#", 1)[1]
        self.assertNotEqual(token, secret)
        self.relay.stop()
        self.assertEqual(trees.find_in_folder(self.relay.data, trees.needles(secret)), [])


if __name__ == "__main__":
    keyfold.main()
