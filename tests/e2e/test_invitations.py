#!/usr/bin/env python3
"""Code exchanges between two processes: done rightly, and every way in which they end otherwise."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import keyfold
from keyfold import FAILED, UNREACHABLE


class Invitations(keyfold.Case):
    def setUp(self):
        super().setUp()
        self.alice = self.start_organization()
        self.bob = self.world.home("bob")

    def invite(self, email="bob@example.com"):
        invitation = self.alice.run("invite", "user", email)
        self.assertTrue(invitation["link"].startswith("keyfold://"))
        self.assertRegex(invitation["expires"], r"Z$")
        return invitation["token"], invitation["link"]

    def both(self, token, link):
        return self.alice.greet(token), self.bob.join(link)

    def assert_outsider(self, home):
        """Nobody has come in."""
        self.assertEqual(len(self.alice.run("user", "list")), 1)
        self.assertEqual(home.run("org", "list"), [])

    def test_a_person_comes_in_with_the_profile_that_the_greeter_gave(self):
        done = keyfold.exchange_codes(*self.both(*self.invite()), profile="external")
        users = {u["user"]: u for u in self.alice.run("user", "list")}
        self.assertEqual((users[done["user"]]["email"], users[done["user"]]["name"], users[done["user"]]["profile"]),
                         ("bob@example.com", "Bob", "external"))
        self.assertEqual(self.bob.run("org", "info")["organization"], "acme")

    def test_the_greeter_may_correct_e_mail_and_name(self):
        done = keyfold.exchange_codes(*self.both(*self.invite()), profile="member", email="robert@example.com",
                                      name="Robert")
        users = {u["user"]: u for u in self.alice.run("user", "list")}
        self.assertEqual((users[done["user"]]["email"], users[done["user"]]["name"]), ("robert@example.com", "Robert"))

    def test_a_profile_option_is_used_unless_the_answer_names_another(self):
        token, link = self.invite()
        greeter, guest = self.alice.greet(token, "--profile", "administrator"), self.bob.join(link)
        keyfold.compare_codes(greeter, guest)
        greeter.answer(accept=True)
        done = greeter.done()
        guest.done()
        users = {u["user"]: u["profile"] for u in self.alice.run("user", "list")}
        self.assertEqual(users[done["user"]], "administrator")

    def test_what_is_to_be_confirmed_is_shown(self):
        greeter, guest = self.both(*self.invite())
        shown = keyfold.compare_codes(greeter, guest)
        self.assertEqual((shown["email"], shown["name"], shown["device"]), ("bob@example.com", "Bob", "bob-laptop"))
        greeter.answer(accept=False)
        greeter.failed()
        guest.failed()
        self.assert_outsider(self.bob)

    def test_a_second_device_of_a_person_comes_in(self):
        done = keyfold.exchange_codes(*self.both(*self.invite()))
        invitation = self.bob.run("invite", "device")
        desk = self.world.home("desk")
        greeter, guest = self.bob.greet(invitation["token"]), desk.join(invitation["link"], device="bob-desk")
        self.assertEqual(keyfold.compare_codes(greeter, guest)["device"], "bob-desk")
        greeter.answer(accept=True)
        greeter.done()
        second = guest.done()
        self.assertEqual(second["user"], done["user"])
        self.assertNotEqual(second["device"], done["device"])
        self.assertEqual(sorted(d["label"] for d in desk.run("device", "list")), ["bob-desk", "bob-laptop"])

    def test_invitations_are_listed_until_they_are_used(self):
        token, link = self.invite()
        row = next(r for r in self.alice.run("invite", "list") if r["token"] == token)
        self.assertEqual((row["kind"], row["email"]), ("user", "bob@example.com"))
        for field in ("expires", "state"):
            self.assertIn(field, row)
        keyfold.exchange_codes(*self.both(token, link))
        self.assertNotIn(token, [r["token"] for r in self.alice.run("invite", "list")])

    def test_a_guest_who_picks_a_wrong_code_ends_the_attempt_on_both_sides(self):
        greeter, guest = self.both(*self.invite())
        code = greeter.expect("tell")["code"]
        guest.answer(pick=next(c for c in keyfold.offered(guest, code) if c != code))
        self.assertEqual(guest.failed(), "wrong_code")
        self.assertEqual(greeter.failed(), "wrong_code")
        self.assert_outsider(self.bob)

    def test_none_of_these_ends_the_attempt_on_both_sides(self):
        greeter, guest = self.both(*self.invite())
        keyfold.offered(guest, greeter.expect("tell")["code"])
        guest.answer(pick=None)
        self.assertEqual(guest.failed(), "wrong_code")
        self.assertEqual(greeter.failed(), "wrong_code")
        self.assert_outsider(self.bob)

    def test_a_greeter_who_picks_a_wrong_code_ends_the_attempt_on_both_sides(self):
        greeter, guest = self.both(*self.invite())
        code = greeter.expect("tell")["code"]
        keyfold.offered(guest, code)
        guest.answer(pick=code)
        code = guest.expect("tell")["code"]
        greeter.answer(pick=next(c for c in keyfold.offered(greeter, code) if c != code))
        self.assertEqual(greeter.failed(), "wrong_code")
        self.assertEqual(guest.failed(), "wrong_code")
        self.assert_outsider(self.bob)

    def test_a_second_attempt_has_new_codes_and_succeeds(self):
        token, link = self.invite()
        greeter, guest = self.both(token, link)
        first = greeter.expect("tell")["code"]
        keyfold.offered(guest, first)
        guest.answer(pick=None)
        greeter.failed("wrong_code")
        guest.failed("wrong_code")
        keyfold.exchange_codes(*self.both(token, link))
        self.assertEqual(len(self.alice.run("user", "list")), 2)

    def test_after_five_attempts_the_invitation_is_of_no_more_use(self):
        token, link = self.invite()
        for _ in range(5):
            greeter, guest = self.both(token, link)
            keyfold.offered(guest, greeter.expect("tell")["code"])
            guest.answer(pick=None)
            greeter.failed("wrong_code")
            guest.failed("wrong_code")
        greeter, guest = self.both(token, link)
        # One of them counts five and says so; the other may hear of it, or wait in vain.
        self.assertIn("attempts", {greeter.failed(), guest.failed()})
        self.assert_outsider(self.bob)

    def test_a_cancelled_invitation_lets_nobody_in(self):
        token, link = self.invite()
        guest = self.bob.join(link)
        self.alice.run("invite", "cancel", token)
        guest.failed("cancelled", "expired", "used")
        self.assertNotIn(token, [r["token"] for r in self.alice.run("invite", "list") if r["state"] != "cancelled"])
        self.bob.join(link).failed("cancelled", "expired", "used", "not_found", "refused")
        self.assert_outsider(self.bob)

    def test_an_invitation_expires_also_while_the_guest_waits(self):
        for expires_in in ("0s", "32d", "3", "soon"):
            self.alice.run("invite", "user", "bob@example.com", "--expires-in", expires_in, expect=keyfold.USAGE)
        invitation = self.alice.run("invite", "user", "bob@example.com", "--expires-in", "3s")
        guest = self.bob.join(invitation["link"])
        guest.expect_waiting()
        self.assertEqual(guest.failed(), "expired")
        self.assertEqual(self.alice.run("invite", "list"), [])
        self.alice.greet(invitation["token"]).failed("expired", "cancelled", "not_found", "refused")
        self.bob.join(invitation["link"]).failed("expired", "cancelled", "not_found", "refused", "used")
        self.assert_outsider(self.bob)

    def test_an_invitation_lets_in_one_person_only(self):
        token, link = self.invite()
        keyfold.exchange_codes(*self.both(token, link))
        mallory = self.world.home("mallory")
        event = mallory.join(link).failed()
        self.assertIsInstance(event, str)
        self.assertEqual(mallory.run("org", "list"), [])
        self.assertEqual(len(self.alice.run("user", "list")), 2)

    def test_a_guest_who_vanishes_can_come_again(self):
        token, link = self.invite()
        greeter, guest = self.both(token, link)
        keyfold.offered(guest, greeter.expect("tell")["code"])
        guest.process.kill()
        self.bob.kill_agent()
        again = self.bob.join(link)
        keyfold.exchange_codes(greeter, again)
        self.assertEqual(len(self.alice.run("user", "list")), 2)

    def test_of_two_greeters_the_newer_one_goes_on_and_the_older_one_is_told(self):
        token, link = self.invite()
        older = self.alice.greet(token)
        older.expect_waiting()
        newer = self.alice.greet(token)
        self.assertEqual(older.failed(), "replaced")
        keyfold.exchange_codes(newer, self.bob.join(link))

    def test_nobody_but_an_administrator_invites_people(self):
        keyfold.exchange_codes(*self.both(*self.invite()), profile="member")
        self.bob.run("invite", "user", "carol@example.com", expect=FAILED)
        self.bob.run("invite", "device")

    def test_a_greeting_without_a_guest_times_out(self):
        token, _ = self.invite()
        greeter = keyfold.Exchange(self.alice.start("greet", token, "--timeout", "2"), "alice greets")
        self.assertEqual(greeter.failed(), "timeout")

    def test_a_link_of_nonsense_is_refused(self):
        for link in ("keyfold://127.0.0.1:1/", "https://example.com/", "nonsense"):
            process = self.bob.start("join", link, "--device", "d", "--password-file", self.bob.password_file)
            self.assertIn(process.wait(), (FAILED, keyfold.USAGE, UNREACHABLE), link)

    def test_a_link_may_come_from_standard_input(self):
        token, link = self.invite()
        greeter = self.alice.greet(token)
        process = self.bob.start("join", "-", "--device", "laptop", "--name", "Bob",
                                 "--password-file", self.bob.password_file)
        process.popen.stdin.write(link.encode() + b"\n")
        process.popen.stdin.flush()
        keyfold.exchange_codes(greeter, keyfold.Exchange(process, "bob joins"))


if __name__ == "__main__":
    keyfold.main()
