#!/usr/bin/python3
"""Who is there: a file and a folder of recipients decide in the session, with the downstream there or away."""
import os

import harness
from harness import Dns, Gateway, Sink, message, poll

PLAIN = message("x@plain.example")
ZONE = {"plain.example": ["A 127.0.0.1"]}


class RecipientsCase(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dns = cls.open_for_all(Dns(ZONE))

    def gateway(self, sink, files=(), **recipients):
        gateway = self.open(Gateway(sink.url, self.dns.address, listening=False, recipients=recipients, workers=1))
        for name, text in files:
            (gateway.folder / name).write_text(text)
        return gateway

    def rcpt(self, gateway, *recipients):
        """The status of each, each in a transaction of its own."""
        answers = []
        with gateway.client() as client:
            client.hello()
            for recipient in recipients:
                client.command("MAIL FROM:<x@plain.example>")
                answers.append(client.command(f"RCPT TO:<{recipient}>").status)
                client.command("RSET")
        return answers


class File(RecipientsCase):
    USERS = "# users\nalice@example.org OK\n@example.net\n"

    def test_refuses_who_is_not_listed_without_asking(self):
        sink = self.open(Sink())
        gateway = self.gateway(sink, [("users", self.USERS)], file="users")
        gateway.start()
        answers = self.rcpt(gateway, "alice@example.org", "Alice+tag@example.org", "bob@example.org", "any@example.net",
                            "Postmaster", "postmaster@example.org", "bob@other.example")
        self.assertEqual(answers, ["250 2.1.5", "250 2.1.5", "550 5.1.1", "250 2.1.5", "250 2.1.5", "250 2.1.5", "550 5.7.1"])
        self.assertNotIn("bob", "".join(line for _, line in sink.commands))

    def test_refuses_while_the_downstream_is_away(self):
        sink = self.open(Sink())
        gateway = self.gateway(sink, [("users", self.USERS)], file="users")
        sink.close()
        gateway.start()
        self.assertEqual(self.rcpt(gateway, "alice@example.org", "bob@example.org"), ["451 4.4.1", "550 5.1.1"])

    def test_what_is_listed_is_asked_all_the_same(self):
        sink = self.open(Sink({"rcpt": "550 5.1.1 Gone"}))
        gateway = self.gateway(sink, [("users", self.USERS)], file="users")
        gateway.start()
        self.assertEqual(self.rcpt(gateway, "alice@example.org"), ["550 5.1.1"])

    def test_is_read_again_when_it_changes(self):
        sink = self.open(Sink())
        gateway = self.gateway(sink, [("users", self.USERS)], file="users")
        gateway.start()
        self.assertEqual(self.rcpt(gateway, "bob@example.org"), ["550 5.1.1"])
        new = gateway.folder / "users.new"
        new.write_text(self.USERS + "bob@example.org\n")
        os.replace(new, gateway.folder / "users")
        gateway.logged("recipients state=read entries=3")
        self.assertEqual(self.rcpt(gateway, "bob@example.org"), ["250 2.1.5"])
        (gateway.folder / "users").write_text("alice@example.org\nwhat?\n")
        line = harness.fields_of(gateway.logged("recipients state=refused"))
        self.assertIn("users:2: 'what?' is no address", line["why"])
        self.assertEqual(self.rcpt(gateway, "bob@example.org"), ["250 2.1.5"])

    def test_a_reload_with_a_bad_file_changes_nothing(self):
        sink = self.open(Sink())
        gateway = self.gateway(sink, [("users", self.USERS)], file="users")
        gateway.start()
        (gateway.folder / "users").write_text("what?\n")
        gateway.signal(harness.signal.SIGHUP)
        gateway.logged("reload .*state=refused")
        self.assertEqual(self.rcpt(gateway, "alice@example.org", "bob@example.org"), ["250 2.1.5", "550 5.1.1"])

    def test_check_tells_what_is_wrong_with_it(self):
        gateway = self.gateway(self.open(Sink()), [("users", "alice@example.org\n@\n")], file="users")
        for expected in (b"users:2: '@' is no address", b"users: is no file"):
            found = harness.run("check", "--config", str(gateway.file))
            self.assertEqual(found.returncode, 78)
            self.assertIn(expected, found.stderr)
            (gateway.folder / "users").unlink(missing_ok=True)


class Folder(RecipientsCase):
    def test_decides_who_is_there(self):
        sink = self.open(Sink())
        gateway = self.gateway(sink, folder="vmail/%d/%n")
        (gateway.folder / "vmail/example.org/alice").mkdir(parents=True)
        gateway.start()
        answers = self.rcpt(gateway, "alice@example.org", "ALICE+x@example.org", "bob@example.org",
                            '"../example.org/alice"@example.org', "postmaster@example.org", "new@example.net")
        self.assertEqual(answers, ["250 2.1.5", "250 2.1.5", "550 5.1.1", "550 5.1.1", "250 2.1.5", "250 2.1.5"],
                         "where there is no folder for the domain, the downstream is asked")
        (gateway.folder / "vmail/example.org/bob").mkdir()
        self.assertEqual(self.rcpt(gateway, "bob@example.org"), ["250 2.1.5"], "at once")

    def test_a_folder_that_is_gone_refuses_nobody(self):
        sink = self.open(Sink())
        gateway = self.gateway(sink, folder="vmail/%n")
        gateway.start()
        self.assertEqual(self.rcpt(gateway, "alice@example.org"), ["250 2.1.5"])


class NoList(RecipientsCase):
    def test_the_downstream_decides(self):
        sink = self.open(Sink({"rcpt": ["550 5.1.1 No such user"]}))
        gateway = self.gateway(sink)
        gateway.start()
        self.assertEqual(self.rcpt(gateway, "bob@example.org", "bob@example.org"), ["550 5.1.1", "250 2.1.5"],
                         "while it is there it is asked each time")
        poll(lambda: len([line for _, line in sink.commands if line.startswith("RCPT")]) == 2, "both questions")


if __name__ == "__main__":
    harness.main()
