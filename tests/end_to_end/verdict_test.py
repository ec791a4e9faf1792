#!/usr/bin/python3
"""What becomes of authentic, forwarded and forged mail: the reply, what reaches the downstream, the log line."""
import re
import socket
import subprocess
import unittest

import harness
from harness import Dns, Gateway, Sink, SmtpSink, message
from signing import Key

FORGED = "Mallory <boss@sender.example>"


def zone(rsa, ed25519):
    return {
        # Sends from 127.0.0.1, has SPF, asks to reject what fails.
        "sender.example": ["TXT v=spf1 ip4:127.0.0.1 -all", "MX 10 mail.sender.example."],
        "_dmarc.sender.example": ["TXT v=DMARC1; p=reject"],
        "mail.sender.example": ["A 127.0.0.1", "TXT v=spf1 a -all"],
        "1.0.0.127.in-addr.arpa": ["PTR mail.sender.example."],
        # Signs everything, has no SPF.
        "signed.example": ["MX 10 mail.sender.example."],
        "_dmarc.signed.example": ["TXT v=DMARC1; p=reject"],
        "r._domainkey.signed.example": ["TXT " + rsa],
        "e._domainkey.signed.example": ["TXT " + ed25519],
        # Only wants quarantine.
        "careful.example": ["TXT v=spf1 -all"],
        "_dmarc.careful.example": ["TXT v=DMARC1; p=quarantine"],
        # Publishes nothing about itself but that it is there.
        "plain.example": ["MX 10 mail.sender.example."],
        # A forwarder on the allowlist.
        "5.0.0.127.in-addr.arpa": ["PTR out.alumni.example."],
        "out.alumni.example": ["A 127.0.0.5"],
        # A mailing list that is on no list.
        "list.example": ["TXT v=spf1 ip4:127.0.0.6 -all"],
        "6.0.0.127.in-addr.arpa": ["PTR lists.list.example."],
        "lists.list.example": ["A 127.0.0.6"],
        # 127.0.0.9 has no name.
    }


class Verdicts(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.rsa, cls.ed25519 = cls.open_for_all(Key("rsa")), cls.open_for_all(Key("ed25519"))
        cls.dns = cls.open_for_all(Dns(zone(cls.rsa.record(), cls.ed25519.record())))
        cls.sink = cls.open_for_all(Sink())
        cls.gateway = cls.open_for_all(Gateway(cls.sink.url, cls.dns.address, policy={
            "remedy_url": "https://example.org/mail",
            "known_forwarders": [{"name": "alumni", "match": {"host": "*.alumni.example"},
                                  "recipients": ["@example.org"]}]}))

    def setUp(self):
        self.sink.messages.clear()
        self.sink.answers.clear()

    def submit(self, content, source="127.0.0.1", helo="mail.sender.example", **envelope):
        with self.gateway.client(source=source) as client:
            client.hello(helo)
            return client.deliver(content, **envelope)

    def delivered(self):
        """The one message that reached the downstream."""
        self.assertEqual(len(self.sink.messages), 1)
        return self.sink.messages[0]

    def log_line(self, reply):
        """What the log says of the message that was answered so."""
        reference = re.search(r"ref (\w+)$", reply.text)[1]

        def lines():
            return [line for line in self.gateway.messages() if line["id"] == reference]
        harness.poll(lines, "a message line")
        self.assertEqual(len(lines()), 1, "one line a message")
        return lines()[0]

    def test_accepts_what_spf_authenticates(self):
        reply = self.submit(message())
        self.assert_status(reply, "250 2.0.0")
        content = self.delivered().content
        self.assertIn(b"spf=pass", content)
        self.assertIn(b"dmarc=pass", content)
        line = self.log_line(reply)
        expected = {"client": "127.0.0.1", "rdns": "mail.sender.example", "helo": "mail.sender.example",
                    "from": "<alice@sender.example>", "to": "<bob@example.org>", "tls": "none",
                    "author": "sender.example", "spf": "pass", "dkim": "none", "dmarc": "pass", "policy": "reject",
                    "action": "accept"}
        self.assertEqual({key: line.get(key) for key in expected}, expected)
        self.assertIn(line["id"], reply.text, "the client is told the id under which the log has it")
        self.assertIn(line["id"].encode(), content, "and so is the reader, in Received")

    def test_accepts_what_dkim_authenticates(self):
        for key, selector in ((self.rsa, "r"), (self.ed25519, "e")):
            with self.subTest(key.algorithm):
                self.setUp()
                signed = key.sign(message("a@signed.example"), "signed.example", selector)
                reply = self.submit(signed, source="127.0.0.9", reverse_path="bounce@elsewhere.example")
                self.assert_status(reply, "250 2.0.0")
                self.assertRegex(self.delivered().content, rb"dkim=pass")
                line = self.log_line(reply)
                self.assertEqual((line["dkim"], line["dmarc"]), ("pass:signed.example", "pass"))

    def test_refuses_a_forged_author_and_says_what_would_help(self):
        with self.gateway.client(source="127.0.0.9") as client:
            client.hello("mallory.example")
            reply = client.deliver(message(FORGED), reverse_path="mallory@sender.example")
            self.assert_status(reply, "550 5.7.26")
            self.assertGreater(len(reply.lines), 2)
            self.assertIn("sender.example", reply.text)
            self.assertIn("https://example.org/mail", reply.text)
            self.assertEqual(client.command("NOOP").code, 250, "the session goes on")
        self.assertEqual(self.sink.messages, [], "nothing of it may reach the downstream")
        line = self.log_line(reply)
        self.assertEqual((line["action"], line["spf"], line["dmarc"]), ("reject", "fail", "fail"))
        self.assertIn("spf_fail_author", line["evidence"])
        self.assertIn(line["id"], reply.lines[-1])

    def test_relays_what_a_known_forwarder_sends(self):
        reply = self.submit(message(FORGED), source="127.0.0.5", helo="out.alumni.example",
                            reverse_path="alice@sender.example")
        self.assert_status(reply, "250 2.0.0")
        self.assertIn(b"dmarc=fail", self.delivered().content)
        line = self.log_line(reply)
        self.assertEqual((line["action"], line["override"]), ("accept", "trusted_forwarder"))
        self.assertIn("known_forwarder(alumni)", line["evidence"])

    def test_a_known_forwarder_counts_only_for_its_recipients(self):
        reply = self.submit(message(FORGED), source="127.0.0.5", helo="out.alumni.example",
                            recipients=("bob@example.net",))
        self.assert_status(reply, "550 5.7.26")

    def test_marks_list_mail_that_broke_its_signature(self):
        signed = self.rsa.sign(message("a@signed.example", subject="hello"), "signed.example", "r")
        broken = signed.replace(b"Subject: hello", b"Subject: [talk] hello")
        reply = self.submit(b"List-Id: <talk.list.example>\r\n" + broken, source="127.0.0.6",
                            helo="lists.list.example", reverse_path="talk-bounces@list.example")
        self.assert_status(reply, "250 2.0.0")
        self.assertRegex(self.delivered().content, rb"(?m)^X-Gatepost-Quarantine: .*signed\.example")
        line = self.log_line(reply)
        self.assertEqual(line["action"], "quarantine")
        self.assertLessEqual({"broken_author_signature", "list_headers"}, set(line["evidence"].split(",")))

    def test_marks_what_a_quarantine_policy_is_about(self):
        reply = self.submit(message("x@careful.example"), source="127.0.0.9", reverse_path="x@careful.example")
        self.assert_status(reply, "250 2.0.0")
        self.assertRegex(self.delivered().content, rb"(?m)^X-Gatepost-Quarantine: ")

    def test_takes_a_quarantine_field_away_that_a_stranger_wrote(self):
        reply = self.submit(message(extra="X-Gatepost-Quarantine: no; ref 1\r\n"))
        self.assert_status(reply, "250 2.0.0")
        self.assertNotIn(b"X-Gatepost-Quarantine", self.delivered().content)

    def test_accepts_mail_of_domains_without_a_policy(self):
        reply = self.submit(message("x@plain.example"), source="127.0.0.9", reverse_path="x@plain.example")
        self.assert_status(reply, "250 2.0.0")
        self.assertEqual(self.log_line(reply)["dmarc"], "none")

    def test_refuses_mail_that_names_no_author_or_two(self):
        two = message().replace(b"To: ", b"From: ceo@example.org\r\nTo: ")
        none = message().replace(b"From: Alice <alice@sender.example>\r\n", b"")
        for reason, content in (("two From fields", two), ("no From field", none),
                                ("an unreadable one", message("alice at sender"))):
            with self.subTest(reason):
                self.setUp()
                self.assert_status(self.submit(content), "550 5.6.0")
                self.assertEqual(self.sink.messages, [])

    def test_relays_for_nobody(self):
        for recipient in ("bob@elsewhere.example", "bob%elsewhere.example@example.org", "bob@sub.example.org"):
            with self.subTest(recipient), self.gateway.client() as client:
                client.hello()
                client.command("MAIL FROM:<alice@sender.example>")
                self.assert_status(client.command(f"RCPT TO:<{recipient}>"), "550 5.7.1")
                self.assert_status(client.command("DATA"), "554 5.5.1")
        self.gateway.logged(r"refused .*reply=\"550 5\.7\.1 Relaying denied\"")
        self.assertFalse([line for _, line in self.sink.commands if line.startswith("RCPT") and "elsewhere" in line])

    def test_passes_on_what_the_downstream_says_of_a_recipient(self):
        self.sink.answers["rcpt"] = ["550 5.1.1 No such user here"]
        with self.gateway.client() as client:
            client.hello()
            client.command("MAIL FROM:<alice@sender.example>")
            reply = client.command("RCPT TO:<nobody@example.org>")
            self.assertEqual(reply.raw, b"550 5.1.1 No such user here\r\n")
            self.assert_status(client.command("RCPT TO:<bob@example.org>"), "250 2.1.5")
            client.command("DATA")
            client.send(message() + b".\r\n")
            self.assert_status(client.reply(), "250 2.0.0")
        self.assertEqual(self.delivered().recipients, ["bob@example.org"])

    def test_postmaster_is_reached_in_every_spelling(self):
        for recipient in ("postmaster", "PostMaster", "postmaster@example.net"):
            with self.subTest(recipient):
                self.setUp()
                self.assert_status(self.submit(message(), recipients=(recipient,)), "250 2.0.0")
                self.assertEqual(self.delivered().recipients, [recipient])

    def test_postmaster_gets_forged_mail_marked(self):
        reply = self.submit(message(FORGED), source="127.0.0.9", recipients=("postmaster@example.org",))
        self.assert_status(reply, "250 2.0.0")
        self.assertRegex(self.delivered().content, rb"(?m)^X-Gatepost-Quarantine: ")

    def test_accepts_the_null_path(self):
        reply = self.submit(message(), reverse_path="")
        self.assert_status(reply, "250 2.0.0")
        self.assertEqual(self.delivered().reverse_path, "")
        self.assertEqual(self.log_line(reply)["from"], "<>")

    def test_escapes_in_the_log_what_strangers_wrote(self):
        with self.gateway.client(source="127.0.0.9") as client:
            client.send('EHLO a"b action=accept \\\r\n')
            self.assertEqual(client.reply().code, 250)
            reply = client.deliver(message(FORGED))
            self.assert_status(reply, "550 5.7.26")
        line = self.log_line(reply)
        self.assertEqual(line["action"], "reject")
        self.assertEqual(line["helo"].count('"'), 0)

    def test_swaks_delivers(self):
        swaks = harness.need("swaks")
        done = subprocess.run([swaks, "--server", f"127.0.0.1:{self.gateway.port}", "--to", "bob@example.org", "--from",
                               "alice@sender.example", "--ehlo", "mail.sender.example", "--header",
                               "From: alice@sender.example"], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(b"dmarc=pass", self.delivered().content)

    def test_swaks_shows_the_refusal(self):
        swaks = harness.need("swaks")
        done = subprocess.run([swaks, "--server", f"127.0.0.1:{self.gateway.port}", "--to", "bob@example.org", "--from",
                               "boss@sender.example", "--ehlo", "mallory.example", "--local-interface", "127.0.0.9"],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 26, done.stdout + done.stderr)  # swaks: the message was refused
        self.assertRegex(done.stdout, r"(?m)^<\*\* 550-5\.7\.26 ")


class Modes(harness.TestCase):
    """The three modes of policy.enforce, and what a DNS failure does."""

    @classmethod
    def setUpClass(cls):
        cls.dns = cls.open_for_all(Dns(zone("v=DKIM1; p=", "v=DKIM1; p=")))

    def submit(self, gateway, source, reverse_path, extra=""):
        with gateway.client(source=source) as client:
            client.hello("out.alumni.example")
            return client.deliver(message(FORGED, extra=extra), reverse_path=reverse_path)

    def test_observing_refuses_nothing_and_says_what_it_would_have_done(self):
        sink = self.open(Sink())
        gateway = self.open(Gateway(sink.url, self.dns.address, policy={"enforce": "observe"}))
        self.assert_status(self.submit(gateway, "127.0.0.9", "boss@sender.example"), "250 2.0.0")
        self.assertNotIn(b"X-Gatepost-Quarantine", sink.messages[0].content)
        line = harness.fields_of(gateway.logged(" message "))
        self.assertEqual((line["action"], line["observed"]), ("accept", "reject"))

    def test_following_the_policy_refuses_list_mail_too(self):
        sink = self.open(Sink())
        gateway = self.open(Gateway(sink.url, self.dns.address, policy={"enforce": "policy"}))
        reply = self.submit(gateway, "127.0.0.6", "talk-bounces@list.example", "List-Id: <talk.list.example>\r\n")
        self.assert_status(reply, "550 5.7.26")
        self.assertEqual(sink.messages, [])

    def test_defers_while_the_dns_does_not_answer(self):
        silent = self.open(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        silent.bind(("127.0.0.1", 0))
        closed = harness.reserve()
        self.addCleanup(closed.close)
        for reason, sock in (("nobody listens", closed), ("nobody answers", silent)):
            with self.subTest(reason):
                sink = self.open(Sink())
                gateway = self.open(Gateway(sink.url, f"127.0.0.1:{sock.getsockname()[1]}",
                                            dns={"timeout": "100ms"}))
                reply = self.submit(gateway, "127.0.0.1", "alice@sender.example")
                self.assert_status(reply, "451 4.7.0")
                self.assertEqual(sink.messages, [])
                line = harness.fields_of(gateway.logged(" message "))
                self.assertEqual((line["action"], line["dmarc"]), ("defer", "temperror"))

    def test_finds_the_dns_again_when_it_is_back(self):
        dns = Dns(zone("v=DKIM1; p=", "v=DKIM1; p="))
        self.addCleanup(dns.close)
        sink = self.open(Sink())
        gateway = self.open(Gateway(sink.url, dns.address))
        dns.stop()
        self.assert_status(self.submit(gateway, "127.0.0.1", "alice@sender.example"), "451 4.7.0")
        dns.start()
        self.assertTrue(dns.is_up())
        # Failures are remembered for three seconds.
        reply = harness.poll(lambda: (lambda reply: reply if reply.code == 250 else None)(
            self.submit(gateway, "127.0.0.1", "alice@sender.example")), "mail accepted again")
        self.assert_status(reply, "250 2.0.0")
        self.assertEqual(len(sink.messages), 1)


class Envelopes(harness.TestCase):
    def test_smtp_sink_gets_envelope_and_content(self):
        dns = self.open(Dns(zone("v=DKIM1; p=", "v=DKIM1; p=")))
        sink = self.open(SmtpSink())
        gateway = self.open(Gateway(sink.url, dns.address))
        with gateway.client() as client:
            client.hello("mail.sender.example")
            content = message(body="Hello.\r\n.dot\r\n..\r\n")
            reply = client.deliver(content, recipients=("bob@example.org", '"b b"@example.net'))
            self.assert_status(reply, "250 2.0.0")
        [kept] = sink.messages()
        self.assertIn(b"X-Mail-Args: <alice@sender.example>", kept)
        self.assertIn(b"X-Rcpt-Args: <bob@example.org>", kept)
        self.assertIn(b'X-Rcpt-Args: <"b b"@example.net>', kept)
        ours = kept[kept.index(b"Authentication-Results:"):]
        self.assertTrue(ours.rstrip(b"\n").endswith(content.replace(b"\r\n", b"\n").rstrip(b"\n")), kept)
        self.assertFalse(re.search(rb"for <", ours), "two recipients: neither may be told of the other")


if __name__ == "__main__":
    harness.main()
