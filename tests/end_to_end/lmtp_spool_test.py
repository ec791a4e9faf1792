#!/usr/bin/python3
"""An LMTP server answers for each recipient by itself, and the client hears one reply: what the spool makes of answers
that differ (RFC 2033 section 4.2, specs M-35). Whoever was answered for with 250 gets the message once, whoever is
deferred gets it later, and of whoever is refused the sender is told, or a dead letter is kept."""
import email
import email.policy
import pathlib
import re
import tempfile

import harness
from downstream_extensions_test import Stub
from harness import Dns, Gateway, Sink, message, poll, run
from spooling import ZONE, SpoolCase, need_spool

MODES = ("outage", "always")
TAKEN, BUSY, FULL = "250 2.1.5 Ok", "450 4.2.1 Mailbox busy", "452 4.2.2 Mailbox full"
GONE, TOO_BIG = "550 5.2.1 Mailbox disabled", "552 5.2.3 Too long for this mailbox"
CAPABILITIES = ("PIPELINING", "8BITMIME", "ENHANCEDSTATUSCODES", "DSN")


class Lmtp(Stub):
    """`verdicts`: what each recipient's answers to the final dot are, one after the other; then he is taken."""

    def __init__(self):
        self.verdicts = {}
        self.taken = []  # (recipient, what was delivered)
        super().__init__(CAPABILITIES, is_lmtp=True)

    def take(self, number, file, current):
        said = [self.verdicts[each].pop(0) if self.verdicts.get(each) else TAKEN for each in current.recipients]
        self.answers["dot"] = list(said)
        self.taken += [(each, current) for each, answer in zip(current.recipients, said) if answer == TAKEN]
        super().take(number, file, current)
        for _ in said[1:]:
            self.say(number, "dot")

    def had_by(self, subject):
        return sorted(recipient for recipient, delivered in list(self.taken)
                      if f"Subject: {subject}\r\n".encode() in delivered.content)


class DifferingAnswers(SpoolCase):
    """One gateway for each mode, each with a downstream and a way out of its own."""

    @classmethod
    def setUpClass(cls):
        need_spool()
        cls.dns = cls.open_for_all(Dns(ZONE))
        folder = tempfile.TemporaryDirectory(prefix="gatepost-lmtp-")
        cls.addClassCleanup(folder.cleanup)
        key = str(pathlib.Path(folder.name) / "gp1.key")
        made = run("keygen", "--domain", "example.org", "--selector", "gp1", "--out", key)
        assert made.returncode == 0, made.stderr
        cls.worlds = {}
        cls.sinks, cls.gateways = {}, {}
        for mode in MODES:
            cls.sinks[mode], cls.worlds[mode] = cls.open_for_all(Lmtp()), cls.open_for_all(Sink())
            cls.gateways[mode] = cls.open_for_all(Gateway(
                cls.sinks[mode].url, cls.dns.address, workers=1,
                notifications={"domain": "example.org", "selector": "gp1", "key": key, "relay": [cls.worlds[mode].url]},
                downstream={"spool": mode, "retry": {"first": "1s", "max": "1s"}}))

    def setUp(self):
        for mode in MODES:
            self.sinks[mode].verdicts.clear()
            self.sinks[mode].taken.clear()
            self.worlds[mode].messages.clear()

    def send_to(self, gateway, verdicts, never=()):
        """One message to all of `verdicts`; the last reply. Those of `never` come with NOTIFY=NEVER."""
        with gateway.client() as client:
            client.hello("mail.sender.example")
            client.command("MAIL FROM:<alice@sender.example>")
            for each in verdicts:
                reply = client.command(f"RCPT TO:<{each}>" + (" NOTIFY=NEVER" if each in never else ""))
                self.assertEqual(reply.code, 250, reply)
            self.assertEqual(client.command("DATA").code, 354)
            client.send(message("alice@sender.example", subject=self.subject) + b".\r\n")
            return client.reply()

    def begin(self, mode, verdicts):
        """`verdicts` by local part; returns them by address. An address has the test's name, so nothing is known of it."""
        self.subject = self.id().rpartition(".")[2] + "." + mode
        addresses = {f"{local}.{self.subject}@example.org": list(answers) for local, answers in verdicts.items()}
        self.sinks[mode].verdicts.update({address: list(answers) for address, answers in addresses.items()})
        return addresses

    def address(self, local):
        return f"{local}.{self.subject}@example.org"

    def settles(self, mode):
        self.empties(self.gateways[mode], "queue")
        self.assertFalse(self.spool(self.gateways[mode], "corrupt"))

    def failed_recipients(self, mode):
        """{recipient: status} of all notifications that were sent; each must tell of a failure, and go to the sender."""
        found = {}
        for delivered in list(self.worlds[mode].messages):
            self.assertEqual((delivered.reverse_path, delivered.recipients), ("", ["alice@sender.example"]))
            report = email.message_from_bytes(delivered.content, policy=email.policy.SMTPUTF8)
            for part in list(report.iter_parts())[1].get_payload()[1:]:
                self.assertEqual(part["Action"], "failed")
                recipient = part["Final-Recipient"].removeprefix("rfc822; ")
                self.assertNotIn(recipient, found, "told twice")
                found[recipient] = part["Status"]
        return found

    def test_taken_deferred_and_refused(self):
        for mode in MODES:
            with self.subTest(mode):
                verdicts = self.begin(mode, {"ann": [TAKEN], "ben": [BUSY, FULL], "cat": [GONE, GONE],
                                             "dan": [TOO_BIG, TOO_BIG], "eve": [TAKEN]})
                reply = self.send_to(self.gateways[mode], verdicts, never=[self.address("dan")])
                self.assert_status(reply, "250 2.0.0")
                self.settles(mode)
                self.assertEqual(self.sinks[mode].had_by(self.subject), [self.address(each) for each in ("ann", "ben", "eve")])
                self.assertEqual(self.failed_recipients(mode), {self.address("cat"): "5.2.1"})
                dead = self.gateways[mode].logged(rf" dead_letter .*to={re.escape(self.address('dan'))}")
                self.assertIn(" why=not_asked ", dead)
                self.assertIn("552 5.2.3", dead)

    def test_taken_and_deferred(self):
        for mode in MODES:
            with self.subTest(mode):
                verdicts = self.begin(mode, {"ann": [BUSY], "ben": [TAKEN]})
                self.assert_status(self.send_to(self.gateways[mode], verdicts), "250 2.0.0")
                self.settles(mode)
                self.assertEqual(self.sinks[mode].had_by(self.subject), [self.address("ann"), self.address("ben")])
                self.assertEqual(self.worlds[mode].messages, [])

    def test_deferred_and_refused(self):
        """Nobody has it: with outage the client keeps all of it, as the living downstream wants."""
        verdicts = self.begin("outage", {"ann": [GONE], "ben": [BUSY]})
        self.assert_status(self.send_to(self.gateways["outage"], verdicts), "450 4.2.1")
        self.assertFalse(self.spool(self.gateways["outage"], "queue"))
        self.assertEqual(self.sinks["outage"].had_by(self.subject), [])
        verdicts = self.begin("always", {"ann": [GONE], "ben": [BUSY]})
        self.assert_status(self.send_to(self.gateways["always"], verdicts), "250 2.0.0")
        self.settles("always")
        self.assertEqual(self.sinks["always"].had_by(self.subject), [self.address("ben")])
        self.assertEqual(self.failed_recipients("always"), {self.address("ann"): "5.2.1"})

    def test_all_refused(self):
        verdicts = self.begin("outage", {"ann": [TOO_BIG], "ben": [GONE]})
        self.assert_status(self.send_to(self.gateways["outage"], verdicts), "552 5.2.3")
        self.assertFalse(self.spool(self.gateways["outage"], "queue"))
        verdicts = self.begin("always", {"ann": [TOO_BIG], "ben": [GONE]})
        self.assert_status(self.send_to(self.gateways["always"], verdicts), "250 2.0.0")
        self.settles("always")
        self.assertEqual(self.failed_recipients("always"), {self.address("ann"): "5.2.3", self.address("ben"): "5.2.1"})
        for mode in MODES:
            self.assertEqual(self.sinks[mode].taken, [])

    def test_all_deferred(self):
        verdicts = self.begin("outage", {"ann": [FULL], "ben": [BUSY]})
        self.assert_status(self.send_to(self.gateways["outage"], verdicts), "452 4.2.2")
        self.assertFalse(self.spool(self.gateways["outage"], "queue"))
        self.assertEqual(self.sinks["outage"].taken, [])
        verdicts = self.begin("always", {"ann": [FULL], "ben": [BUSY]})
        self.assert_status(self.send_to(self.gateways["always"], verdicts), "250 2.0.0")
        self.settles("always")
        self.assertEqual(self.sinks["always"].had_by(self.subject), [self.address("ann"), self.address("ben")])
        self.assertEqual(self.worlds["always"].messages, [])

    def test_without_a_spool_each_recipient_comes_alone(self):
        """So that each has a reply of his own: there is but one for all of a message."""
        stub = self.open(Lmtp())
        gateway = self.open(Gateway(stub.url, self.dns.address, workers=1))
        open_ones = {"ann@example.org": [TAKEN], "ben@example.org": [BUSY, TAKEN], "cat@example.org": [GONE]}
        stub.verdicts.update(open_ones)
        heard = {each: [] for each in open_ones}
        with gateway.client() as client:
            client.hello("mail.sender.example")
            while open_ones:
                client.command("MAIL FROM:<alice@sender.example>")
                first, *others = list(open_ones)
                self.assertEqual(client.command(f"RCPT TO:<{first}>").code, 250)
                for each in others:
                    self.assert_status(client.command(f"RCPT TO:<{each}>"), "452 4.5.3")
                client.command("DATA")
                client.send(message("alice@sender.example", subject="alone") + b".\r\n")
                heard[first].append(client.reply().status)
                if heard[first][-1][0] != "4":
                    del open_ones[first]
        self.assertEqual(heard, {"ann@example.org": ["250 2.1.5"], "ben@example.org": ["450 4.2.1", "250 2.1.5"],
                                 "cat@example.org": ["550 5.2.1"]})
        self.assertEqual(stub.had_by("alone"), ["ann@example.org", "ben@example.org"])

    def test_who_was_taken_is_not_sent_to_after_a_crash(self):
        for mode in MODES:
            with self.subTest(mode):
                gateway = self.gateways[mode]
                verdicts = self.begin(mode, {"ann": [TAKEN], "ben": [BUSY] * 1000, "cat": [GONE, GONE]})
                self.assert_status(self.send_to(gateway, verdicts), "250 2.0.0")
                # The last word on cat is in the journal, whatever numbers she and ann have there.
                done = 2 if mode == "always" else 1
                file = poll(lambda: self.spool(gateway, "queue"), "ben waits")[0]
                poll(lambda: len({number for line in re.findall(rb"(?m)^try \w+ \d+ \d+ \d+ \S+ ([0-9,]+) ", file.read_bytes())
                                  for number in line.split(b",")}) == done, "the journal has who is done")
                poll(lambda: self.worlds[mode].messages, "alice is told of cat")
                self.kill(gateway)
                self.sinks[mode].verdicts.clear()
                self.restart(gateway)
                self.settles(mode)
                self.assertEqual(self.sinks[mode].had_by(self.subject), [self.address("ann"), self.address("ben")])
                self.assertEqual(self.failed_recipients(mode), {self.address("cat"): "5.2.1"})


if __name__ == "__main__":
    harness.main()
