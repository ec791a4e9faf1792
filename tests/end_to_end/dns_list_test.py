#!/usr/bin/python3
"""DNS lists of clients, and clients that talk before they are greeted (attack 30), with a real DNS server."""
import re
import socket
import time
import unittest

import harness
from harness import Dns, Gateway, Sink, fields_of, message
from hostile_dns import HostileDns, failure, silence

ZONE = {
    "sender.example": ["TXT v=spf1 ip4:127.0.0.0/8 -all", "MX 10 mail.sender.example"],
    "_dmarc.sender.example": ["TXT v=DMARC1; p=reject"],
    "mail.sender.example": ["A 127.0.0.1", "A 127.0.0.2", "A 127.0.0.3", "A 127.0.0.4", "A 127.0.0.5"],
    **{f"{n}.0.0.127.in-addr.arpa": ["PTR mail.sender.example"] for n in range(1, 6)},
    "sloppy.example": ["TXT v=spf1 ?all"],
    "_dmarc.sloppy.example": ["TXT v=DMARC1; p=reject"],
    "2.0.0.127.zen.example": ["A 127.0.0.2"],
    "3.0.0.127.zen.example": ["A 127.0.0.2"],
    "3.0.0.127.good.example": ["A 127.0.5.1"],
    "4.0.0.127.zen.example": ["A 203.0.113.80"],
    "5.0.0.127.zen.example": ["A 127.255.255.254"],
}
LISTS = {"dnsbl": [{"zone": "zen.example", "score": 3, "answers": ["127.0.0.2", "127.0.0.4/30"]}],
         "dnswl": [{"zone": "good.example", "score": 2}]}


class Case(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dns = cls.open_for_all(Dns(ZONE))
        cls.sink = cls.open_for_all(Sink())

    def made(self, resolver=None, **defence):
        return self.open(Gateway(self.sink.url, resolver or self.dns.address, defence=defence))

    def client(self, gateway, source, **options):
        client = self.open(gateway.client(source=source, **options))
        client.hello("mail.sender.example")
        return client

    def recipient(self, gateway, source, path="bob@example.org"):
        client = self.client(gateway, source)
        client.command("MAIL FROM:<alice@sender.example>")
        return client.command(f"RCPT TO:<{path}>")


class Lists(Case):
    def test_listed_clients_are_refused_only_if_told_so(self):
        gateway = self.made(**LISTS, reject_at=3)
        reply = self.recipient(gateway, "127.0.0.2")
        self.assert_status(reply, "550 5.7.1")
        self.assertIn("127.0.0.2 is listed by zen.example", reply.text)
        self.assertIn("score=3 listed=zen.example", gateway.logged(" dnsbl client=127.0.0.2"))
        self.assertEqual(self.recipient(gateway, "127.0.0.2", "postmaster@example.org").code, 250)
        self.assertEqual(self.recipient(gateway, "127.0.0.2", "postmaster").code, 250)
        self.assertEqual(self.recipient(gateway, "127.0.0.1").code, 250, "not listed")
        self.assertEqual(self.recipient(gateway, "127.0.0.3").code, 250, "listed, and allowed")
        gateway = self.made(**LISTS)
        self.assertEqual(self.recipient(gateway, "127.0.0.2").code, 250, "reject_at is off")

    def test_a_listing_is_evidence_for_forgery(self):
        gateway = self.made(**LISTS)
        forged = message("x@sloppy.example")
        for source, is_listed in (("127.0.0.1", False), ("127.0.0.2", True), ("127.0.0.3", True)):
            with self.subTest(source):
                client = self.client(gateway, source)
                self.assert_status(client.deliver(forged, reverse_path="x@sloppy.example"), "550 5.7.26")
                logged = fields_of(gateway.logged(f" message .*client={source} "))
                self.assertEqual("dnsbl(zen.example)" in logged["evidence"].split(","), is_listed, logged)
        authentic = self.client(gateway, "127.0.0.2").deliver(message())
        self.assert_status(authentic, "250 2.0.0")  # what DMARC passes is no forgery, whoever brings it

    def test_nonsense_does_not_count_and_is_said_once(self):
        gateway = self.made(**LISTS, reject_at=1)
        for _ in range(3):
            self.assertEqual(self.recipient(gateway, "127.0.0.4").code, 250, "a squatter's address")
            self.assertEqual(self.recipient(gateway, "127.0.0.5").code, 250, "an operator's error code")
        gateway.logged(" dnsbl zones=zen.example why=")
        warnings = re.findall(" dnsbl zones=", gateway.log())
        self.assertLessEqual(len(warnings), 2, "one a worker and hour")

    def test_lists_that_fail_or_are_silent_delay_no_greeting_and_count_nothing(self):
        stub = self.open(HostileDns(ZONE))
        for reason, trick in (("SERVFAIL", failure(2)), ("silence", silence)):
            with self.subTest(reason):
                stub.tricks["2.0.0.127.zen.example"] = trick
                gateway = self.made(resolver=stub.address, **LISTS, reject_at=1)
                began = time.monotonic()
                client = self.client(gateway, "127.0.0.2")
                self.assertLess(time.monotonic() - began, 0.45, "it did not wait for the list")
                self.assert_status(client.deliver(message()), "250 2.0.0")
                self.assertLess(time.monotonic() - began, 8)


class Pregreet(Case):
    def early(self, gateway):
        client = self.open(gateway.client(greeted=False))
        client.send("EHLO mail.sender.example\r\n")
        return client

    def test_who_waits_is_greeted_after_the_wait(self):
        gateway = self.made(pregreet={"wait": "400ms", "action": "refuse"})
        began = time.monotonic()
        client = self.client(gateway, "127.0.0.1")
        self.assertGreater(time.monotonic() - began, 0.35)
        self.assert_status(client.deliver(message()), "250 2.0.0")
        self.assertNotIn("pregreet", gateway.log())

    def test_who_talks_first_is_logged(self):
        gateway = self.made(pregreet={"wait": "400ms"})
        client = self.early(gateway)
        self.assertEqual(client.reply().code, 220)
        self.assertEqual(client.reply().code, 250, "the EHLO is not lost")
        self.assert_status(client.deliver(message()), "250 2.0.0")
        self.assertIn("octets=26 action=log", gateway.logged(" pregreet client=127.0.0.1"))

    def test_who_talks_first_is_refused(self):
        gateway = self.made(pregreet={"wait": "400ms", "action": "refuse"})
        client = self.early(gateway)
        self.assertTrue(client.line().startswith(b"554 "))
        self.assertNotIn(b"250", client.command("MAIL FROM:<alice@sender.example>").raw)
        self.assertIn("action=refuse", gateway.logged(" pregreet client=127.0.0.1"))

    def test_it_is_evidence_if_told_so(self):
        for action in ("log", "evidence"):
            with self.subTest(action):
                gateway = self.made(pregreet={"wait": "400ms", "action": action})
                client = self.early(gateway)
                client.replies(2)
                client.deliver(message("x@sloppy.example"), reverse_path="x@sloppy.example")
                logged = fields_of(gateway.logged(" message "))
                self.assertEqual("pregreet" in logged["evidence"].split(","), action == "evidence", logged)

    def test_a_client_that_leaves_has_not_talked(self):
        gateway = self.made(pregreet={"wait": "300ms", "action": "refuse"})
        client = gateway.client(greeted=False)
        client.sock.shutdown(socket.SHUT_WR)
        client.rest()
        client.close()
        self.client(gateway, "127.0.0.1")
        self.assertNotIn("pregreet", gateway.log())


if __name__ == "__main__":
    harness.main()
