#!/usr/bin/env python3
"""Two lines of the ledger, and a person who decides."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import keyfold
from keyfold import FAILED, USAGE, wait_until


class Mend(keyfold.Case):
    """After a backup Alice goes on, and the relay forgets it; then Bob, who knew nothing of it, goes on otherwise."""

    def setUp(self):
        super().setUp()
        self.alice, self.bob = self.start_organization("bob")
        self.alice.run("workspace", "create", "papers")
        self.alice.share("papers", self.bob, "contributor")
        self.alice.put_bytes(b"before", "papers:/before.txt")
        self.alice.sync("papers")
        self.bob.sync("papers")
        self.bob.stop_agent()
        self.relay.back_up()
        self.alice.run("workspace", "create", "alice's")
        self.alice.put_bytes(b"precious", "alice's:/x.txt")
        self.alice.put_bytes(b"after", "papers:/after.txt")
        for workspace in ("alice's", "papers"):
            self.alice.sync(workspace)
        self.alice.put_bytes(b"unsent", "papers:/unsent.txt")
        self.alice.stop_agent()
        self.relay.bring_back()
        self.bob.restart_agent()
        self.bob.run("workspace", "create", "bob's")
        self.bob.put_bytes(b"from bob", "papers:/bob.txt")
        self.bob.sync("papers")
        self.alice.restart_agent()
        wait_until(lambda: self.trouble(self.alice) == "ledger_forked", "alice is told of two lines")

    def trouble(self, home):
        said = home.run("agent", "status")["devices"][0]["trouble"]
        return said and said["code"]

    def names(self, home):
        return {w["name"] for w in home.run("workspace", "list")}

    def test_the_evidence_is_shown(self):
        shown = self.alice.run("org", "mend")
        self.assertEqual([r["kind"] for r in shown["mine"]], ["workspace_created"])
        self.assertEqual(shown["mine"][0]["email"], "alice@example.com")
        self.assertEqual([(r["email"], r["position"]) for r in shown["theirs"]],
                         [("bob@example.com", shown["fork"])])
        self.assertEqual(shown["only_mine"], ["alice's"])
        self.assertIsNone(shown["kept"])
        nothing = self.bob.run("org", "mend")  # his line is the relay's
        self.assertIsNone(nothing["fork"])
        self.alice.run("org", "mend", "--keep", "theirs", expect=USAGE)  # nobody to be asked

    def test_the_relays_line_is_taken_and_no_file_is_lost(self):
        refused = self.alice.run("org", "mend", "--keep", "theirs", "--yes", expect=FAILED)
        self.assertEqual(refused["error"]["code"], "only_here")
        self.assertEqual(self.alice.cat("alice's:/x.txt"), b"precious")
        saved = self.world.folder / "saved.txt"
        self.alice.run("get", "alice's:/x.txt", saved)
        self.alice.run("rm", "alice's:/x.txt")
        done = self.alice.run("org", "mend", "--keep", "theirs", "--yes")
        self.assertEqual(done["kept"], "theirs")
        self.assertTrue(Path(done["aside"]).is_dir())
        self.alice.unlock()
        wait_until(lambda: self.alice.sync("papers", expect=None).get("ok"), "alice syncs")
        self.bob.sync("papers")
        for home in (self.alice, self.bob):
            self.assertEqual(home.names("papers:/"), ["after.txt", "before.txt", "bob.txt", "unsent.txt"])
            self.assertEqual(home.cat("papers:/after.txt"), b"after")
            self.assertEqual(home.cat("papers:/unsent.txt"), b"unsent")
            self.assertEqual(home.cat("papers:/bob.txt"), b"from bob")
        self.assertIsNone(self.trouble(self.alice))
        self.assertEqual(self.names(self.alice), {"papers"})
        given_up = self.alice.run("org", "mend")["given_up"]
        self.assertEqual([r["kind"] for r in given_up], ["workspace_created"])
        self.alice.run("workspace", "create", "alice's")  # the ledger goes on
        self.alice.run("put", saved, "alice's:/x.txt")
        self.alice.sync("alice's")

    def test_ones_own_line_is_kept_and_goes_to_another_relay(self):
        kept = self.alice.run("org", "mend", "--keep", "mine")
        self.assertEqual(kept["kept"], "mine")
        new = self.world.relay("--open", name="new")
        self.alice.run("org", "move", new.address, expect=USAGE)
        self.alice.run("org", "move", new.address, "--yes")
        wait_until(lambda: self.alice.sync("alice's", expect=None).get("ok"), "alice syncs at the new relay")
        self.assertIsNone(self.trouble(self.alice))
        refused = self.bob.run("org", "move", new.address, expect=FAILED)
        self.assertEqual(refused["error"]["code"], "ledger_forked")
        shown = self.bob.run("org", "mend", new.address)
        # Of a workspace that is not his he sees that there is one, and who made it.
        self.assertEqual([r["kind"] for r in shown["theirs"]], [None, "relay_set"])
        self.bob.run("org", "mend", new.address, "--keep", "theirs", "--yes")
        self.bob.unlock()
        wait_until(lambda: self.bob.sync("papers", expect=None).get("ok"), "bob syncs at the new relay")
        self.alice.sync("papers")
        for home in (self.alice, self.bob):
            self.assertEqual(home.names("papers:/"), ["after.txt", "before.txt", "bob.txt", "unsent.txt"])


if __name__ == "__main__":
    keyfold.main()
