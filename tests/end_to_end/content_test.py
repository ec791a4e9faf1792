#!/usr/bin/python3
"""What happens to the octets of a message: nothing, but for the fields that go in on top and the ones that lie."""
import re
import unittest

import harness
from harness import Dns, Gateway, Sink, SmtpSink, message, stuffed

ZONE = {
    "sender.example": ["TXT v=spf1 ip4:127.0.0.1 -all"],
    "_dmarc.sender.example": ["TXT v=DMARC1; p=reject"],
    "mail.sender.example": ["A 127.0.0.1"],
    "1.0.0.127.in-addr.arpa": ["PTR mail.sender.example."],
}
HEADER = b"From: alice@sender.example\r\nSubject: octets\r\n"

# A second transaction that must never run: a server that takes the octets before it for the end would run it.
SMUGGLED = (b"\r\nMAIL FROM:<admin@bank.example>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n"
            b"From: admin@bank.example\r\n\r\nevil\r\n")
# specs/smtp.md M-19, rows 1 to 11, with the reply at the true end.
SMUGGLING = [
    (b"\n.\n", "550 5.5.2"), (b"\n.\r", "550 5.5.2"), (b"\r.\n", "550 5.5.2"), (b"\r.\r", "550 5.5.2"),
    (b"\n.\r\n", "550 5.5.2"), (b"\r.\r\n", "550 5.5.2"), (b"\r\n.\n", "550 5.5.2"), (b"\r\n.\r", "550 5.5.2"),
    (b"\r\n.\r\r\n", "550 5.5.2"), (b"\r\r\n.\r\r\n", "550 5.5.2"), (b"\r\n\0.\r\n", "550 5.6.0"),
    (b"\r\n.\0\r\n", "550 5.6.0"),
]


class Content(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dns = cls.open_for_all(Dns(ZONE))
        cls.sink = cls.open_for_all(Sink())
        cls.gateway = cls.open_for_all(Gateway(cls.sink.url, cls.dns.address, limits={"message_size": "1MiB",
                                                                                      "memory_per_message": "64KiB"}))

    def setUp(self):
        self.sink.messages.clear()

    def client(self):
        client = self.open(self.gateway.client())
        client.hello("mail.sender.example")
        return client

    def relayed(self, content, slowly=False):
        """What the downstream got, without our fields on top, which are checked."""
        client = self.client()
        client.begin()
        send = client.send_slowly if slowly else client.send
        send(stuffed(content) + b".\r\n")
        self.assert_status(client.reply(), "250 2.0.0")
        [delivered] = self.sink.messages
        added = re.match(rb"Authentication-Results: mx\.example\.org;(?:[^\r\n]|\r\n[ \t])*\r\n"
                         rb"Received: from mail\.sender\.example (?:[^\r\n]|\r\n[ \t])*\r\n", delivered.content)
        self.assertTrue(added, delivered.content)
        self.assertEqual(stuffed(delivered.content), delivered.wire, "dots must be stuffed again")
        return delivered.content[added.end():]

    def test_passes_every_octet_on(self):
        cases = [
            ("dots at the beginning of lines", b".\r\n..\r\n...\r\n.a\r\n. \r\n"),
            ("a dot as the only octet", b".\r\n"),
            ("8-bit octets of no character set", bytes(octet for octet in range(1, 256) if octet not in b"\r\n") + b"\r\n"),
            ("a line of 5000 octets", b"x" * 5000 + b"\r\n.\r\n"),
            ("an empty body", b""),
            ("empty lines only", b"\r\n\r\n\r\n"),
            ("blanks at the ends of lines", b" a \t\r\n\t\r\n \r\n"),
            ("what looks like commands", b"QUIT\r\nRSET\r\nMAIL FROM:<x@y>\r\n"),
            ("more than memory_per_message, so from a file", b"0123456789.\r\n.\r\n" * 20000),
        ]
        for reason, body in cases:
            with self.subTest(reason):
                self.setUp()
                content = HEADER + b"\r\n" + body
                self.assertEqual(self.relayed(content), content)

    def test_passes_odd_headers_on(self):
        cases = [
            ("a header without a body", HEADER),
            ("folding of every kind", HEADER + b"X-Folded: a\r\n\t b\r\n \r\n c\r\n\r\nbody\r\n"),
            ("names in any case and blanks before the colon", b"sUBJECT : x\r\n" + HEADER + b"\r\nbody\r\n"),
            ("8-bit text in fields", HEADER + b"X-Name: J\xfcrgen\r\n\r\nbody\r\n"),
            ("fields of others that look like ours", b"Received: from x by mx.example.org; Fri, 01 May 2026 12:00:00 +0000\r\n"
             b"Authentication-Results: mx.other.example; dmarc=pass\r\n" + HEADER + b"\r\nbody\r\n"),
        ]
        for reason, content in cases:
            with self.subTest(reason):
                self.setUp()
                self.assertEqual(self.relayed(content), content)

    def test_passes_it_on_when_it_comes_octet_by_octet(self):
        content = HEADER + b"\r\n.\r\n..dot\r\n\xe4\r\n\r\n"
        self.assertEqual(self.relayed(content, slowly=True), content)

    def test_takes_forged_results_out_and_nothing_else(self):
        forged = [
            b"Authentication-Results: mx.example.org; dmarc=pass header.from=bank.example\r\n",
            b"authentication-results: MX.Example.ORG 1; spf=pass\r\n",
            b"Authentication-Results:\r\n\tmx.example.org;\r\n\tdkim=pass header.d=bank.example\r\n",
            b"Authentication-Results: (a comment) mx.example.org; dmarc=pass\r\n",
            b"Authentication-Results: \"mx.example.org\"; dmarc=pass\r\n",
            b"Authentication-Results : mx.example.org; dmarc=pass\r\n",
        ]
        for field in forged:
            for place in ("on top", "in the middle", "at the end"):
                with self.subTest(field=field, place=place):
                    self.setUp()
                    at = {"on top": 0, "in the middle": HEADER.index(b"Subject"), "at the end": len(HEADER)}[place]
                    rest = HEADER[at:] + b"\r\n.body\r\n"
                    self.assertEqual(self.relayed(HEADER[:at] + field + rest), HEADER[:at] + rest)

    def test_takes_several_forged_fields_out(self):
        forged = b"Authentication-Results: mx.example.org; dmarc=pass\r\n"
        kept = b"Authentication-Results: mx.other.example; dmarc=fail\r\n"
        content = forged + kept + forged + HEADER + forged + b"\r\nbody\r\n"
        self.assertEqual(self.relayed(content), kept + HEADER + b"\r\nbody\r\n")

    def test_smtp_sink_gets_the_same_octets(self):
        sink = self.open(SmtpSink())
        gateway = self.open(Gateway(sink.url, self.dns.address))
        content = HEADER + b"\r\n.dot\r\n..\r\n\xe4\xff\r\n" + b"y" * 3000 + b"\r\n\r\n"
        client = self.open(gateway.client())
        client.hello("mail.sender.example")
        self.assert_status(client.deliver(content), "250 2.0.0")
        [kept] = sink.messages()  # with LF, and one more LF behind the message
        self.assertTrue(kept.endswith(b"\n" + content.replace(b"\r\n", b"\n") + b"\n"), kept[-200:])

    def test_received_says_how_it_came(self):
        client = self.client()
        client.deliver(message())
        [delivered] = self.sink.messages
        received = re.search(rb"Received: ((?:[^\r\n]|\r\n[ \t])*)", delivered.content)[1]
        self.assertRegex(re.sub(rb"\s+", b" ", received),
                         rb"^from mail\.sender\.example \(mail\.sender\.example \[127\.0\.0\.1\]\) by mx\.example\.org "
                         rb"with ESMTP id \w+ for <bob@example\.org>; \w{3}, \d\d? \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4}$")

    def test_smuggling_gets_one_reply_and_nothing_through(self):
        for row, (ending, status) in enumerate(SMUGGLING, 1):
            for slowly in (False, True):
                with self.subTest(row=row, ending=ending, slowly=slowly):
                    self.setUp()
                    client = self.client()
                    client.begin()
                    octets = HEADER + b"\r\nhi" + ending + SMUGGLED + b".\r\n"
                    (client.send_slowly if slowly else client.send)(octets)
                    self.assert_status(client.reply(), status)
                    self.assertEqual(client.rest(), b"", "one reply, then the connection is closed")
                    self.assertEqual(self.sink.messages, [])
        self.assertFalse([line for _, line in self.sink.commands if "bank.example" in line])

    def test_the_true_end_is_found_at_every_border(self):
        content = HEADER + b"\r\nbody\r\n.\r\n"
        client = self.client()
        for at in range(len(content) - 8, len(content)):
            with self.subTest(octets_in_the_first_segment=at):
                self.setUp()
                client.begin()
                client.send(content[:at])
                client.send(content[at:])
                self.assert_status(client.reply(), "250 2.0.0")
                self.assertTrue(self.sink.messages[0].content.endswith(b"\r\n\r\nbody\r\n"))

    def test_an_empty_message_leaves_nobody_out_of_step(self):
        client = self.client()
        client.begin()
        client.send(b".\r\nNOOP\r\n")
        self.assertIn(client.reply().status, ("550 5.6.0", "554 5.6.0"))
        self.assert_status(client.reply(), "250 2.0.0")
        self.assertEqual(self.sink.messages, [])

    def test_refuses_what_is_no_message(self):
        cases = [
            ("first line is no field", b"hello there\r\n\r\nbody\r\n"),
            ("first line is folded", b" Subject: x\r\n" + HEADER + b"\r\nbody\r\n"),
            ("a line over 8192 octets", HEADER + b"\r\n" + b"x" * 9000 + b"\r\n"),
        ]
        for reason, content in cases:
            with self.subTest(reason):
                client = self.client()
                self.assert_status(client.deliver(content), "550 5.6.0")
                self.assert_status(client.command("NOOP"), "250 2.0.0")
                self.assertEqual(self.sink.messages, [])

    def test_refuses_a_message_over_the_size(self):
        client = self.client()
        self.assertIn("SIZE 1048576", client.hello().lines)
        self.assert_status(client.command("MAIL FROM:<alice@sender.example> SIZE=1048577"), "552 5.3.4")
        self.assertEqual(client.command("RCPT TO:<bob@example.org>").code, 503)
        self.assert_status(client.deliver(HEADER + b"\r\n" + b"0123456789\r\n" * 100000), "552 5.3.4")
        self.assertEqual(self.sink.messages, [])
        self.assert_status(client.deliver(message()), "250 2.0.0")

    def test_refuses_a_mail_loop(self):
        received = b"Received: from a by b; Fri, 01 May 2026 12:00:00 +0000\r\n"
        client = self.client()
        self.assert_status(client.deliver(received * 101 + HEADER + b"\r\nbody\r\n"), "554 5.4.6")
        self.assert_status(client.deliver(received * 20 + HEADER + b"\r\nbody\r\n"), "250 2.0.0")
        self.assertEqual(len(self.sink.messages), 1)


if __name__ == "__main__":
    harness.main()
