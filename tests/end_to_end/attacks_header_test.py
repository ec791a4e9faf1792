#!/usr/bin/python3
"""Attacks 39 to 59: what we write, whom a message comes from, and forged results."""
import email
import re
import time

import harness
from attacks import AttackCase, HEADER
from harness import Gateway, message

GOOD, BANK = b"From: alice@sender.example\r\n", b"From: admin@bank.example\r\n"


class Header(AttackCase):
    def test_39_names_of_the_client_do_not_break_our_fields(self):
        for name in ("x(y", "x)y", 'x"y', "x;dmarc=pass", "x\\", "(", "a b=c; spf=pass (", "[127.0.0.1", "x=y;z", "<script>", "\\("):
            for sender in ("bank(.x@plain.example", '"a;dmarc=pass"@plain.example', '"a(b"@plain.example', '"a\\"b"@plain.example'):
                with self.subTest(name=name, sender=sender):
                    self.setUp()
                    client = self.open(self.gateway.client())
                    if client.command(f"EHLO {name}").code != 250:
                        continue
                    if client.command(f"MAIL FROM:<{sender}>").code != 250:
                        continue
                    client.command("RCPT TO:<bob@example.org>")
                    client.command("DATA")
                    client.send(HEADER + b"\r\nhi\r\n.\r\n")
                    client.reply()
                    for each in self.sink.messages:
                        self.sound(each.content)

    def test_39_nor_do_names_out_of_the_dns(self):
        address = "1.0.0.127.in-addr.arpa"
        honest = self.dns.zone[address]
        self.addCleanup(self.dns.zone.__setitem__, address, honest)
        for name in ("x) by bank.example (.example", "x\r\nX-Evil: 1.example", "x;dmarc=pass.example", "x\\\".example", "\x1b[2J.example"):
            with self.subTest(name):
                gateway = self.open(Gateway(self.sink.url, self.dns.address))
                self.dns.zone[address] = ["PTR " + name]
                self.setUp()
                self.assert_status(self.client(gateway=gateway).deliver(message()), "250 2.0.0")
                [one] = self.sink.messages
                self.sound(one.content)
                self.assertIn(b"Received: from mail.sender.example (unknown [127.0.0.1])", one.content)
                self.assertNotRegex(gateway.process.output.read_bytes(), rb"[\x00-\x09\x0b-\x1f\x7f-\xff]")

    def test_39_our_results_are_read_as_they_were_meant(self):
        try:
            import authres
        except ImportError:
            self.skipTest("skipped: python3-authres is not installed")
        for sender in ('"a;dmarc=pass"@plain.example', '"a(b"@plain.example', "x@plain.example"):
            content = self.delivered(message("x@plain.example"), reverse_path=sender)
            read = authres.AuthenticationResultsHeader.parse(content[:content.index(b"\r\nReceived:")].decode())
            self.assertEqual(read.authserv_id, "mx.example.org")
            self.assertEqual([(each.method, each.result) for each in read.results],
                             [("dkim", "none"), ("spf", "none"), ("spf", "none"), ("iprev", "pass"), ("arc", "none"), ("dmarc", "none")])

    def sound(self, content):
        """Our fields hold no octets that end them early: comments and quotes are closed, nothing says pass."""
        for name, body in self.fields_on_top(content).items():
            bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", body)
            self.assertNotIn('"', bare, body)
            while "(" in bare and bare != (less := re.sub(r"\((?:[^()\\]|\\.)*\)", "", bare)):
                bare = less
            self.assertNotRegex(bare, r"[()\\<>]" if name != "Received" else r"[()\\]", body)
            if name == "Authentication-Results":
                self.assertNotIn("dmarc=pass", bare.replace("dmarc=pass header.from=sender.example", ""), body)

    def test_40_a_domain_with_a_comment_in_it_is_none(self):
        for author in ("admin@bank.example(.plain.example", "admin@bank.example'.plain.example", 'admin@"bank.example".plain.example',
                       "admin@bank.example\\.plain.example", "admin@bank..example", "admin@[bank.example]", "admin@bank.example,"):
            with self.subTest(author):
                self.refused(message(author), reverse_path="x@plain.example")

    def test_41_replies_hold_nothing_of_the_client(self):
        client = self.client()
        client.send(b"FOO\x1b[2J evil\r\nMAIL FROM:<\x1b[2Jevil>\r\nRCPT TO:<evil@evil.example>\r\nVRFY evil\r\nHELP evil\r\nQUIT\r\n")
        said = client.rest()
        self.assertNotIn(b"evil", said)
        self.assertNotIn(b"\x1b", said)

    def test_41_replies_of_the_downstream_are_cleaned(self):
        self.sink.answers["rcpt"] = ["550 5.1.1 no \x1b[2Juser\xe9"]
        client = self.client()
        client.command("MAIL FROM:<alice@sender.example>")
        client.send("RCPT TO:<bob@example.org>\r\n")
        self.assertRegex(client.line(), rb"\A550 5\.1\.1 [ -~]*\r\n\Z")

    def test_42_the_log_cannot_be_forged(self):
        client = self.client(name="x message id=forged\" action=accept \\")
        client.send(b"MAIL FROM:<\"\x1b[2J\"@plain.example>\r\nMAIL FROM:<\"a b=c\"@plain.example>\r\nRCPT TO:<bob@elsewhere.example>\r\n")
        client.replies(3)
        self.client().deliver(b"X-Forged: \x1b[2J\r\n" + message("\"\x1b]0;evil\x07\" <alice@sender.example>"))
        log = self.gateway.process.output.read_bytes()
        self.assertNotRegex(log, rb"[\x00-\x09\x0b-\x1f\x7f-\xff]")
        self.assertNotRegex(log, rb"(?m)^\S+ message .*id=forged\"? ")

    def test_43_the_trace_shows_no_hidden_recipient(self):
        self.assertNotIn(b"for <", self.delivered(message(), recipients=("bob@example.org", "secret@example.org")))
        self.assertIn(b"for <bob@example.org>", self.delivered(message()))

    def test_44_and_45_no_bounce_is_ever_made(self):
        self.sink.answers["dot"] = ["554 5.7.1 no", "451 4.3.0 later"]
        for status in ("554 5.7.1", "451 4.3.0"):
            self.assert_status(self.client().deliver(message()), status)
        self.assertNotIn("MAIL FROM:<>", "".join(line for _, line in self.sink.commands))
        self.assertEqual(len(self.sink.messages), 2)

    def all_refused(self, *headers, status="550 5.6.0"):
        for header in headers:
            with self.subTest(header):
                header = header.encode() if isinstance(header, str) else header
                self.refused(header + b"Subject: x\r\n\r\nbody\r\n", status)

    def authored(self, *authors):
        """Refused, each as the body of the one From field."""
        self.all_refused(*(b"From: " + (author.encode() if isinstance(author, str) else author) + b"\r\n" for author in authors))

    def test_46_several_from_fields(self):
        self.all_refused(
            GOOD + BANK, BANK + GOOD, GOOD + GOOD, GOOD + b"X: y\r\n" * 200 + BANK, GOOD + b"From : admin@bank.example\r\n",
            GOOD + b"From\t: admin@bank.example\r\n", GOOD + b"From \t : admin@bank.example\r\n", GOOD + b"fROM: admin@bank.example\r\n",
            GOOD + b"From:\r\n admin@bank.example\r\n", GOOD + b"From:\r\n", b" " + BANK + GOOD, b"\t" + BANK + GOOD,
            GOOD + b"Fro\r\n m: admin@bank.example\r\n", GOOD + b"From\r\n : admin@bank.example\r\n",
            GOOD + b"\x0bFrom: admin@bank.example\r\n", GOOD + b"\xef\xbb\xbfFrom: admin@bank.example\r\n",
            GOOD + b"From\xc2\xa0: admin@bank.example\r\n", GOOD + "Fr\u00f8m: admin@bank.example\r\n".encode(),
            GOOD + "\uff26rom: admin@bank.example\r\n".encode(), GOOD + b"From\x7f: admin@bank.example\r\n",
            GOOD + b"From admin@bank.example\r\n", GOOD + "From\uff1a admin@bank.example\r\n".encode())

    def test_47_several_authors_in_one(self):
        reply = self.client().deliver(message("alice@sender.example, admin@bank.example"))
        self.assert_status(reply, "550 5.7.26")  # each is evaluated, and the bank did not send it
        self.authored("a: b: alice@sender.example;, admin@bank.example;", "a: alice@sender.example", "a: alice@sender.example; admin@bank.example",
                      "x:;", "<@bank.example:alice@sender.example>", '"admin@bank.example"@sender.example',
                      "=?utf-8?Q?admin=40bank.example?=, alice@sender.example", "=?utf-8?Q?=3Cadmin=40bank.example=3E?= <alice@sender.example>",
                      "=?utf-8?Q?admin=40bank.example=2C?= <alice@sender.example>", "=?utf-8?Q?admin=40bank.example=00?=@sender.example",
                      "=?utf-8?Q?admin=40bank.example=0D=0A?= <alice@sender.example>", "=?utf-7?Q?+ADw-admin+AEA-bank.example+AD4-?= <alice@sender.example>",
                      "\"=?utf-8?Q?=22_=3Cadmin=40bank.example=3E?=\" <alice@sender.example>", "alice@sender.example, root", "root", "<root>")

    def test_48_text_around_an_address(self):
        self.authored("<alice@sender.example>admin@bank.example", "<alice@sender.example><admin@bank.example>", "alice@sender.example; admin@bank.example",
                      "admin@bank.example <alice@sender.example>", "<admin@bank.example, alice@sender.example>", "<alice@sender.example> admin",
                      "<alice@sender.example", "alice@sender.example>", "<<alice@sender.example>>", '"admin@bank.example <alice@sender.example>',
                      "admin@bank.example\\, alice@sender.example", "[admin@bank.example] <alice@sender.example>", "alice@sender.example)")

    def test_49_comments(self):
        self.authored("alice@sender.example (admin@bank.example", "(admin@bank.example alice@sender.example", "alice@sender.example ((a)",
                      "alice@sender(.bank).example", "alice@sender.example (\\)", "(" * 30 + ")" * 30 + " alice@sender.example")
        self.assertIn(b"header.from=sender.example", self.delivered(message("(admin@bank.example (<a@b.example>)\r\n ) alice@sender.example (x)")))

    def test_50_octets_that_are_none(self):
        self.all_refused(b"From: alice@sender.example\rFrom: admin@bank.example\r\n", b"From: alice@sender.example\nFrom: admin@bank.example\r\n",
                         b"From\0: admin@bank.example\r\n" + GOOD, b"From: admin@bank.example\0alice@sender.example\r\n", GOOD + b"\rFrom: admin@bank.example\r\n",
                         GOOD + b"\nFrom: admin@bank.example\r\n", GOOD + b"X: y\0\r\n", status=None)
        self.authored(b"J\xf6rg <alice@sender.example>", "alice@sender.example\u2028", "a\x85 <alice@sender.example>", b"alice@sender.example\x7f", b"alice@sender.example\x1b[2J")

    def test_51_names_that_are_none(self):
        self.authored("admin@bank\u200b.example", "admin@bank\u00ad.example", "admin@bank\u2000.example", "admin@\uff42ank.example", "admin@bank\u3002example",
                      "admin@bank\uff0eexample", "admin@xn--bank-.example", "admin@xn--a.example", "admin@xn--.example", "admin@\u05d0a.example", "admin@bank\u200d.example",
                      "admin@" + "a" * 64 + ".example", "admin@bank..example", "admin@.example", "admin@[127.0.0.1]", "admin@127.0.0.1", "admin@bank.example..",
                      "ad\u200bmin@sender.example", "admin\uff20bank.example@sender.example", '"\u202eelpmaxe.knab@nimda" <alice@sender.example>')

    def test_51_an_international_name_is_one_name(self):
        self.dns.zone["xn--bcher-kva.example"], self.dns.zone["_dmarc.xn--bcher-kva.example"] = ["MX 10 x.example"], ["TXT v=DMARC1; p=reject"]
        for host in ("b\u00fccher.example", "xn--bcher-kva.example", "XN--BCHER-KVA.example.", "BANK.Example", "bank.example."):
            with self.subTest(host):
                self.refused(message(f"admin@{host}"), "550 5.7.26")

    def test_52_no_from_field(self):
        self.all_refused(b"Sender: alice@sender.example\r\nResent-From: alice@sender.example\r\nReply-To: alice@sender.example\r\n", b"From: \r\n", b"X-From: alice@sender.example\r\n",
                         b"From:\r\n \r\n alice@sender.example\r\n", b"From: alice@sender.example\r\n \r\n")
        self.refused(b"Subject: x\r\n\r\n" + GOOD + b"\r\nbody\r\n", "550 5.6.0")
        self.refused(b"Subject: x\r\n \r\n" + GOOD + BANK + b"\r\nbody\r\n", "550 5.6.0")

    def test_56_what_is_no_header(self):
        self.all_refused(b"From alice@sender.example Fri May 1 12:00:00 2026\r\n" + GOOD, b"garbage\r\n" + GOOD, b"\tx\r\n" + GOOD, b": x\r\n" + GOOD,
                         GOOD + b"garbage\r\n" + BANK, b"\r\n" + GOOD, b"X y: z\r\n" + GOOD)
        self.assertIn(GOOD, self.delivered(GOOD))  # a header without an end is all there is

    def test_53_from_behind_much_header(self):
        filler = b"".join(b"X-%d: %s\r\n" % (n, b"y" * 900) for n in range(400))
        self.refused(b"Subject: x\r\n" + filler + HEADER + b"\r\nbody\r\n", "552 5.3.4")

    def test_54_loops(self):
        self.refused(b"Received: from a by b; Fri, 01 May 2026 12:00:00 +0000\r\n" * 101 + message(), "554 5.4.6")

    def test_55_large_structures_take_linear_time(self):
        began = time.monotonic()
        cases = [b"X: y\r\n" * 40000 + message(), b"a:\r\n" * 60000 + message(), message(extra="X:" + "\r\n " * 80000 + "z\r\n"),
                 message(author="(" * 30000 + ")" * 30000 + "alice@sender.example"), message(author="a@b.example, " * 15000 + "c@d.example"),
                 message(author='"' + "\\\\" * 60000 + '" <alice@sender.example>'),
                 message(extra="DKIM-Signature: " + "a=b;" * 50000 + "\r\n"),
                 message(extra="Authentication-Results: " + "(" * 100000 + "\r\n"),
                 message(extra="DKIM-Signature: v=1; a=rsa-sha256; d=plain.example; s=s; h=from; bh=; b=\r\n" * 2500),
                 message(body="--" + "x" * 8000 + "\r\n" + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 10000),
                 message(body="z" * 1900000 + "\r\n")]
        for number, content in enumerate(cases):
            with self.subTest(number):
                self.client().deliver(content)
        self.assertLess(time.monotonic() - began, 25)

    def test_57_forged_results_go(self):
        forged = ["Authentication-Results: mx.example.org; evil=1", "authentication-RESULTS: mx.example.org; evil=1",
                  "Authentication-Results:mx.example.org;evil=1", "Authentication-Results : mx.example.org; evil=1",
                  "Authentication-Results: MX.EXAMPLE.ORG; evil=1", "Authentication-Results: mx.example.org 1; evil=1",
                  "Authentication-Results: (c) mx.example.org; evil=1", "Authentication-Results: (c(d)e) mx.example.org (f) 1 (g); evil=1",
                  'Authentication-Results: "mx.example.org"; evil=1', 'Authentication-Results: "mx\\.example.org"; evil=1',
                  "Authentication-Results:\r\n mx.example.org;\r\n evil=1", "Authentication-Results:\r\n\tmx.example.org\r\n\t; evil=1",
                  "Authentication-Results: mx.example.org (; evil=1", "Authentication-Results: mx.example.org.; evil=1",
                  "Authentication-Results: mx.example.org", "Authentication-Results: ; evil=1", "Authentication-Results: mx.example.org; none; evil=1",
                  "Authentication-Results: mx.example.org=1; evil=1", 'Authentication-Results: "mx.example.org; evil=1',
                  "Authentication-Results: mx . example . org; evil=1", "Authentication-Results\t: mx.example.org; evil=1"]
        for field in forged:
            with self.subTest(field):
                content = self.delivered(message(extra=field + "\r\n"))
                self.assertEqual(content.lower().count(b"mx.example.org"), 2, content)  # ours, and Received
                self.assertEqual(len(email.message_from_bytes(content).get_all("Authentication-Results")), 1)
        for place in (b"From", b"Subject"):
            content = message().replace(place + b":", b"Authentication-Results: mx.example.org; evil=1\r\n" + place + b":")
            self.assertNotIn(b"evil=", self.delivered(content))

    def test_58_forged_results_under_other_names_go(self):
        for field in ("Received-SPF: pass (evil) receiver=mx.example.org; x=evil=1", "Received-SPF: pass (evil=1", "X-Gatepost-Quarantine: evil=1",
                      "x-gatepost-quarantine : evil=1", "ARC-Authentication-Results: i=1; mx.example.org; evil=1",
                      "arc-authentication-results :\r\n i = 1 ; (c) \"MX.example.org\" 1; evil=1", "ARC-Authentication-Results: i=2; mx.example.org (; evil=1"):
            with self.subTest(field):
                self.assertNotIn(b"evil=1", self.delivered(message(extra=field + "\r\n")))

    def test_58_and_57_what_others_say_of_themselves_stays(self):
        for field in ("Authentication-Results: mx.example.org.evil.example; dkim=pass", "Authentication-Results: example.org; dkim=pass",
                      "ARC-Authentication-Results: i=1; mx.google.com; dkim=pass", "Received-SPF: pass receiver=mx.google.com;"):
            with self.subTest(field):
                self.assertIn(field.encode() + b"\r\n", self.delivered(message(extra=field + "\r\n")))

    def test_59_results_in_a_message_prove_nothing(self):
        for field in ("Authentication-Results: mx.example.org; dmarc=pass header.from=bank.example",
                      "Authentication-Results: mx.google.com; dmarc=pass header.from=bank.example; spf=pass smtp.mailfrom=bank.example",
                      "Received-SPF: pass (mx.example.org) client-ip=127.0.0.1"):
            with self.subTest(field):
                self.refused(message("admin@bank.example", extra=field + "\r\n"), "550 5.7.26", reverse_path="x@plain.example")


if __name__ == "__main__":
    harness.main()
