#!/usr/bin/python3
"""Attacks 39 to 59: what we write, whom a message comes from, and forged results."""
import email
import re
import time

import harness
from attacks import AttackCase, HEADER
from harness import message


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

    def test_46_to_56_a_message_has_one_author(self):
        good, bank = b"From: alice@sender.example\r\n", b"From: admin@bank.example\r\n"
        rest = b"\r\nbody\r\n"
        cases = [
            ("46 two fields", good + bank + rest), ("46 the other order", bank + good + rest),
            ("46 a blank before the colon", good + b"From : admin@bank.example\r\n" + rest),
            ("46 another case", good + b"fROM: admin@bank.example\r\n" + rest),
            ("46 a folded one", good + b"From:\r\n admin@bank.example\r\n" + rest),
            ("46 a leading blank", b" " + bank + good + rest), ("46 twice the same", good + good + rest),
            ("46 folding in the name", good + b"Fro\r\n m: admin@bank.example\r\n" + rest),
            ("47 two domains", b"From: alice@sender.example, admin@bank.example\r\n" + rest),
            ("48 text behind", b"From: <alice@sender.example>admin@bank.example\r\n" + rest),
            ("48 two angle addresses", b"From: <alice@sender.example><admin@bank.example>\r\n" + rest),
            ("48 a semicolon", b"From: alice@sender.example; admin@bank.example\r\n" + rest),
            ("49 an open comment", b"From: alice@sender.example (admin@bank.example\r\n" + rest),
            ("50 bare CR", b"From: alice@sender.example\rFrom: admin@bank.example\r\n" + rest),
            ("50 bare LF", b"From: alice@sender.example\nFrom: admin@bank.example\r\n" + rest),
            ("50 NUL", b"From\0: admin@bank.example\r\n" + good + rest),
            ("51 zero width", "From: admin@bank\u200b.example\r\n".encode() + rest),
            ("51 soft hyphen", "From: admin@bank\u00ad.example\r\n".encode() + rest),
            ("51 U+2000", "From: admin@bank\u2000.example\r\n".encode() + rest),
            ("52 none", b"Sender: alice@sender.example\r\nResent-From: alice@sender.example\r\n" + rest),
            ("52 an empty one", b"From: \r\n" + rest), ("52 an empty group", b"From: x:;\r\n" + rest),
            ("56 mbox line", b"From alice@sender.example Fri May 1 12:00:00 2026\r\n" + good + rest),
            ("56 garbage", b"garbage\r\n" + good + rest), ("56 blank first line", b"\r\n" + good + rest),
            ("56 a continuation first", b"\tx\r\n" + good + rest), ("56 a colon first", b": x\r\n" + good + rest),
        ]
        for reason, content in cases:
            with self.subTest(reason):
                self.refused(content)

    def test_46_and_51_what_maps_to_the_bank_is_the_bank(self):
        for host in ("\uff42ank.example", "bank\u3002example", "BANK.Example"):
            with self.subTest(host):
                reply = self.client().deliver(message(f"admin@{host}"))
                self.assertEqual(reply.code, 550, reply)

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
        for field in ("Received-SPF: pass (evil) receiver=mx.example.org; x=evil=1", "X-Gatepost-Quarantine: evil=1"):
            with self.subTest(field):
                self.assertNotIn(field.split(" ")[-1].encode(), self.delivered(message(extra=field + "\r\n")))

    def test_59_results_in_a_message_prove_nothing(self):
        for field in ("Authentication-Results: mx.example.org; dmarc=pass header.from=bank.example",
                      "Authentication-Results: mx.google.com; dmarc=pass header.from=bank.example; spf=pass smtp.mailfrom=bank.example",
                      "Received-SPF: pass (mx.example.org) client-ip=127.0.0.1"):
            with self.subTest(field):
                self.refused(message("admin@bank.example", extra=field + "\r\n"), "550 5.7.26", reverse_path="x@plain.example")


if __name__ == "__main__":
    harness.main()
