#!/usr/bin/python3
"""Who hears what became of spooled mail: those who may, in a message that every reader and DMARC understand; nobody
else ever."""
import email
import email.policy
import json
import pathlib
import re
import tempfile
import unittest

import harness
from harness import Dns, Gateway, Sink, message, poll, run

try:
    import dkim  # Debian's python3-dkim: shares nothing with the program under test
except ImportError:
    dkim = None

ZONE = {"plain.example": ["A 127.0.0.1", "TXT v=spf1 ip4:127.0.0.1 -all"],
        "other.example": ["A 127.0.0.1", "TXT v=spf1 ?all"],
        "signer.example": ["A 127.0.0.1", "TXT v=spf1 ?all"],
        "_dmarc.example.org": ["TXT v=DMARC1; p=reject"]}
SELECTOR = "gp1._domainkey.example.org"
ALICE = "alice@plain.example"
CAPABILITIES = ("PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "DSN")
REFUSED = {"dot": "550 5.6.0 We do not\tlike it"}
TOLD, DEAD = " notification ", " dead_letter "


class DsnCase(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="gatepost-dsn-")
        cls.addClassCleanup(folder.cleanup)
        cls.key = str(pathlib.Path(folder.name) / "gp1.key")
        made = run("keygen", "--domain", "example.org", "--selector", "gp1", "--out", cls.key)
        assert made.returncode == 0, made.stderr
        cls.record = "".join(re.findall(r'"([^"]*)"', made.stdout.decode()))
        cls.dns = cls.open_for_all(Dns({**ZONE, SELECTOR: ["TXT " + cls.record]}))

    def setUp(self):
        self.sink = self.open(Sink(dict(REFUSED), CAPABILITIES))
        self.world = self.open(Sink())

    def gateway(self, **changes):
        notifications = {"domain": "example.org", "selector": "gp1", "key": self.key, "relay": [self.world.url]}
        wanted = {key: value for key, value in (notifications | changes).items() if value is not None}
        return self.open(Gateway(self.sink.url, self.dns.address, notifications=wanted,
                                 downstream={"spool": "always", "retry": {"first": "1s", "max": "1s"}}))

    def send(self, gateway, reverse_path=ALICE, content=None, mail="", rcpt="", recipient="bob@example.org"):
        with gateway.client() as client:
            client.hello()
            for line in (f"MAIL FROM:<{reverse_path}>{mail}", f"RCPT TO:<{recipient}>{rcpt}", "DATA"):
                reply = client.command(line)
                self.assertIn(reply.code, (250, 354), reply)
            client.send(content or message(ALICE))
            reply = client.command(".")
            self.assertEqual(reply.code, 250, reply)

    def told(self, count=1):
        poll(lambda: len(self.world.messages) >= count, f"{count} notifications")
        self.assertEqual(len(self.world.messages), count)
        return self.world.messages[-1]

    def lines(self, gateway, word):
        return [line for line in gateway.log().splitlines() if word in line]

    def read(self, delivered):
        """The parts, as Python's email package finds them."""
        self.assertEqual(delivered.reverse_path, "")
        report = email.message_from_bytes(delivered.content, policy=email.policy.SMTPUTF8)
        self.assertEqual((report.get_content_type(), report.get_param("report-type")),
                         ("multipart/report", "delivery-status"))
        self.assertEqual(report["Auto-Submitted"], "auto-replied")
        self.assertEqual(report["From"].addresses[0].addr_spec, "MAILER-DAEMON@example.org")
        to = report["To"].addresses[0].addr_spec.encode("utf-8", "surrogateescape").decode()  # raw UTF-8 is kept so
        self.assertEqual(to, delivered.recipients[0])
        self.assertRegex(report["Message-ID"], r"^<[0-9a-z]+@mx\.example\.org>$")
        self.assertEqual(report.defects, [])
        parts = list(report.iter_parts())
        self.assertEqual([defect for part in parts for defect in part.defects], [])
        self.assertEqual(len(parts), 3)
        return parts

    def status(self, part):
        return email.message_from_string("".join(str(each) for each in part.get_payload()))


class Told(DsnCase):
    def test_a_sender_who_was_authenticated_hears_of_it(self):
        gateway = self.gateway()
        self.send(gateway)
        delivered = self.told()
        self.assertEqual(delivered.recipients, [ALICE])
        text, status, returned = self.read(delivered)
        self.assertEqual(text.get_content_type(), "text/plain")
        self.assertIn("bob@example.org", text.get_content())
        self.assertEqual(status.get_content_type(), "message/delivery-status")
        about, bob = status.get_payload()
        self.assertEqual(about["Reporting-MTA"], "dns; mx.example.org")
        self.assertNotIn("Original-Envelope-Id", about)
        self.assertEqual((bob["Final-Recipient"], bob["Action"], bob["Status"]),
                         ("rfc822; bob@example.org", "failed", "5.6.0"))
        self.assertNotIn("Original-Recipient", bob)
        self.assertRegex(bob["Diagnostic-Code"], r"^smtp; 550 5\.6\.0 We do not.*like it$")
        self.assertNotIn("Remote-MTA", bob, "a server behind an edge that has no name")
        self.assertEqual(returned.get_content_type(), "text/rfc822-headers")
        self.assertIn("Subject: a test", returned.get_content())
        self.assertNotIn("Hello.", returned.get_content())
        line = gateway.logged(TOLD)
        self.assertIn("event=failed", line)
        self.assertEqual(self.lines(gateway, DEAD), [])

    def test_it_passes_dmarc_by_its_own_signature(self):
        self.send(self.gateway())
        content = self.told().content
        report = json.loads(run("verify", "--resolver", self.dns.address, "--client-ip", "192.0.2.77", "--helo",
                                "mx.example.org", "--mail-from", "", "--format", "json", "-",
                                standard_input=content).stdout)
        self.assertEqual((report["dmarc"]["result"], report["dmarc"]["dkim_aligned"], report["dmarc"]["spf_aligned"]),
                         ("pass", True, False))
        if dkim:
            record = self.record.encode()
            self.assertTrue(dkim.verify(content, dnsfunc=lambda *_, **__: record))
            self.assertFalse(dkim.verify(content.replace(b"Subject: ", b"Subject: Re: ", 1),
                                         dnsfunc=lambda *_, **__: record))

    def test_what_the_sender_asked_for_is_in_it(self):
        gateway = self.gateway()
        self.send(gateway, mail=" RET=FULL ENVID=QQ+2B31", rcpt=" NOTIFY=FAILURE ORCPT=rfc822;Bob+2Bnews@old.example")
        _, status, returned = self.read(self.told())
        about, bob = status.get_payload()
        self.assertEqual(about["Original-Envelope-Id"], "QQ+31")
        self.assertEqual(bob["Original-Recipient"], "rfc822;Bob+news@old.example")
        self.assertEqual(returned.get_content_type(), "message/rfc822")
        self.assertEqual(returned.get_payload()[0].get_content().strip(), "Hello.")
        self.send(gateway, mail=" RET=HDRS")
        self.assertEqual(self.read(self.told(2))[2].get_content_type(), "text/rfc822-headers")

    def test_eight_bit_mail_is_told_of_in_seven(self):
        self.send(self.gateway(), content=message(ALICE, body="gr\u00fc\u00dfe\r\n", extra="X-Gruss: \u00fc\r\n"),
                  mail=" BODY=8BITMIME RET=FULL")
        delivered = self.told()
        self.assertTrue(delivered.content.isascii())
        returned = self.read(delivered)[2]
        self.assertEqual(returned["Content-Transfer-Encoding"], "quoted-printable")
        self.assertIn("X-Gruss: \u00fc".encode(), returned.get_payload(decode=True))
        self.assertNotIn("BODY=8BITMIME", "".join(line for _, line in self.world.commands))

    def test_internationalized_addresses_stay_what_they_are(self):
        self.send(self.gateway(), reverse_path="zo\u00eb@plain.example", mail=" SMTPUTF8",
                  recipient="j\u00fcrgen@example.org")
        delivered = self.told()
        self.assertEqual(delivered.recipients, ["zo\u00eb@plain.example"])
        self.assertTrue(any("SMTPUTF8" in line for _, line in self.world.commands))
        _, status, returned = self.read(delivered)
        self.assertEqual(status.get_content_type(), "message/global-delivery-status")
        self.assertIn("Final-Recipient: utf-8; j\u00fcrgen@example.org\r\n".encode(), delivered.content)
        self.assertEqual(returned.get_content_type(), "message/global-headers")
        report = run("verify", "--resolver", self.dns.address, "--client-ip", "192.0.2.77", "--mail-from", "",
                     "--format", "json", "-", standard_input=delivered.content)
        self.assertEqual(json.loads(report.stdout)["dmarc"]["result"], "pass")

    def test_a_server_that_confirms_nothing_is_made_up_for(self):  # RFC 3461 section 5.2.2
        gateway = self.gateway()
        self.sink.answers["dot"] = "451 4.3.0 Later"
        self.send(gateway, rcpt=" NOTIFY=SUCCESS,FAILURE")
        gateway.logged(r" delivery .*result=deferred")
        self.sink.capabilities.remove("DSN")
        del self.sink.answers["dot"]
        self.sink.end_connections()
        _, status, _ = self.read(self.told())
        bob = status.get_payload()[1]
        self.assertEqual((bob["Action"], bob["Status"][:2]), ("relayed", "2."))
        self.assertTrue(any(each.is_answered for each in self.sink.messages))


class NotTold(DsnCase):
    def test_nobody_hears_of_what_he_may_not_have_sent(self):
        gateway = self.gateway()
        from_list = message(ALICE, extra="List-Id: <x.plain.example>\r\n")
        rows = [
            ("unauthenticated", {"reverse_path": "innocent@other.example", "content": message("x@other.example")}),
            ("null_path", {"reverse_path": ""}),
            ("list", {"content": from_list}),
            ("list", {"content": message(ALICE, extra="Auto-Submitted: auto-replied\r\n")}),
            ("not_asked", {"rcpt": " NOTIFY=NEVER"}),
            ("not_asked", {"rcpt": " NOTIFY=SUCCESS,DELAY"}),
        ]
        for count, (why, how) in enumerate(rows, 1):
            self.send(gateway, **how)
            line = gateway.logged(DEAD + rf".*total={count}$")
            self.assertIn(f" why={why} ", line)
        dead = poll(lambda: list((gateway.folder / "state/spool/dead").iterdir()), "dead letters")
        self.assertEqual(len(dead), len(rows))
        self.assertTrue(all(b"Hello." in path.read_bytes() for path in dead))
        self.send(gateway)  # one who may, so that we know that nothing else is on its way before it
        self.assertEqual(self.told().recipients, [ALICE])
        poll(lambda: not list((gateway.folder / "state/spool/queue").iterdir()), "an empty queue")

    def test_nobody_hears_of_what_became_of_a_notification(self):
        gateway = self.gateway()
        self.world.answers["rcpt"] = "550 5.1.1 Nobody of that name"
        self.send(gateway)
        line = gateway.logged(DEAD)
        self.assertIn(" why=notification ", line)
        self.assertIn(f" to={ALICE} ", line)
        poll(lambda: not list((gateway.folder / "state/spool/queue").iterdir()), "an empty queue")
        self.assertEqual(len(self.lines(gateway, TOLD)), 1)

    def test_without_a_key_all_are_dead_letters(self):
        for why, changes in (("no_key", {"key": None, "selector": None}), ("off", {"enabled": False})):
            with self.subTest(why):
                gateway = self.gateway(**changes)
                self.send(gateway)
                self.assertIn(f" why={why} ", gateway.logged(DEAD))
                self.assertEqual(self.world.messages, [])


if __name__ == "__main__":
    harness.main()
