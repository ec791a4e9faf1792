#!/usr/bin/python3
"""The hand-over: a downstream that is away, refuses, falls silent, closes; connections kept; TLS; Maildir."""
import ssl
import tempfile
import unittest

import harness
from faulty import Faults
from harness import CLOSE, SILENT, Dns, Gateway, Sink, make_certificate, message

PLAIN = message("x@plain.example")
ZONE = {"plain.example": ["A 127.0.0.1"], "smtp.example.org": ["A 127.0.0.1"]}


class DownstreamCase(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dns = cls.open_for_all(Dns(ZONE))

    def gateway(self, server, **changes):
        return self.open(Gateway(server, self.dns.address, **changes))

    def client(self, gateway):
        client = self.open(gateway.client())
        client.hello()
        return client

    def statuses(self, gateway, content=PLAIN):
        """Of RCPT and, if it was accepted, of the message."""
        with gateway.client() as client:
            client.hello()
            self.assert_status(client.command("MAIL FROM:<x@plain.example>"), "250 2.1.0")
            answers = [client.command("RCPT TO:<bob@example.org>").status]
            if answers == ["250 2.1.5"]:
                self.assertEqual(client.command("DATA").code, 354)
                client.send(harness.stuffed(content) + b".\r\n")
                answers.append(client.reply().status)
            self.assert_status(client.command("NOOP"), "250 2.0.0")
            return answers


class Answers(DownstreamCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.sink = cls.open_for_all(Sink())
        cls.one = cls.open_for_all(Gateway(cls.sink.url, cls.dns.address, limits={"downstream_timeout": "1s"}))

    def play(self, cases):
        for stage, answer, expected in cases:
            with self.subTest(stage=stage, answer=answer):
                self.sink.messages.clear()
                self.sink.answers = {stage: answer}
                self.assertEqual(self.statuses(self.one), expected)
                taken = [m for m in self.sink.messages if m.is_answered]
                self.assertEqual(len(taken), 0)
                # What failed once leaves nothing behind for the next message.
                self.sink.answers = {}
                self.assertEqual(self.statuses(self.one), ["250 2.1.5", "250 2.0.0"])

    def fresh(self, answers):
        """Ends the kept connections, so that the next one is greeted."""
        self.sink.end_connections()
        self.sink.answers = answers

    def test_refusals_are_passed_on_where_they_happen(self):
        self.play([
            ("mail", "450 4.7.1 Greylisted", ["450 4.7.1"]),
            ("mail", "550 5.7.1 Not you", ["550 5.7.1"]),
            ("mail", "421 4.3.2 Going down", ["451 4.3.2"]),
            ("rcpt", "450 4.2.0 Busy", ["450 4.2.0"]),
            ("rcpt", "452 4.2.2 Mailbox full", ["452 4.2.2"]),
            ("rcpt", "550 5.1.1 No such user", ["550 5.1.1"]),
            ("data", "451 4.3.0 Not now", ["250 2.1.5", "451 4.3.0"]),
            ("data", "554 5.5.1 No", ["250 2.1.5", "554 5.5.1"]),
            ("dot", "451 4.3.0 Try again", ["250 2.1.5", "451 4.3.0"]),
            ("dot", "452 4.3.1 Disk full", ["250 2.1.5", "452 4.3.1"]),
            ("dot", "550 5.7.1 Spam", ["250 2.1.5", "550 5.7.1"]),
            ("dot", "552 5.3.4 Too large", ["250 2.1.5", "552 5.3.4"]),
            ("dot", "421 4.3.2 Going down", ["250 2.1.5", "451 4.3.2"]),
        ])

    def test_codes_are_made_whole(self):
        self.play([
            ("rcpt", "550 no code here", ["550 5.0.0"]),
            ("rcpt", "550 4.2.2 of another class", ["550 5.0.0"]),
            ("dot", "451-several\r\n451 lines", ["250 2.1.5", "451 4.0.0"]),
        ])

    def test_a_farewell_of_theirs_does_not_become_ours(self):
        for stage, answer, code in (("rcpt", "221 2.0.0 Bye", 250), ("rcpt", "251 2.1.5 Will forward", 251),
                                    ("dot", "221 2.0.0 Bye", 250), ("dot", "299 2.0.0 Well", 250)):
            with self.subTest(stage=stage, answer=answer), self.one.client() as client:
                self.sink.answers = {stage: answer}
                client.hello()
                client.send("MAIL FROM:<x@plain.example>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n")
                codes = [reply.code for reply in client.replies(3)]
                client.send(PLAIN + b".\r\n")
                codes.append(client.reply().code)
                self.assertEqual(codes, [250, code if stage == "rcpt" else 250, 354, 250])

    def test_nonsense_is_a_failure_of_the_connection(self):
        self.play([
            ("rcpt", "354 what?", ["451 4.4.1"]),
            ("rcpt", "hello", ["451 4.4.1"]),
            ("rcpt", "250-2.1.5 Ok\r\n550 5.1.1 No", ["451 4.4.1"]),
            ("data", "250 2.0.0 fine", ["250 2.1.5", "451 4.4.1"]),
            ("dot", "354 more", ["250 2.1.5", "451 4.4.2"]),
        ])

    def test_silence_and_closing_are_temporary(self):
        self.play([
            ("mail", SILENT, ["451 4.4.1"]),
            ("rcpt", SILENT, ["451 4.4.1"]),
            ("data", SILENT, ["250 2.1.5", "451 4.4.1"]),
            ("dot", SILENT, ["250 2.1.5", "451 4.4.2"]),
            ("mail", [CLOSE, CLOSE], ["451 4.4.1"]),
            ("rcpt", [CLOSE, CLOSE], ["451 4.4.1"]),
            ("data", CLOSE, ["250 2.1.5", "451 4.4.1"]),
            ("dot", CLOSE, ["250 2.1.5", "451 4.4.2"]),
        ])

    def test_greetings_that_are_none(self):
        for stage, answer in (("connect", "421 4.3.2 Too busy"), ("connect", "554 5.7.1 Go away"), ("connect", CLOSE),
                              ("connect", SILENT), ("connect", "hello"), ("ehlo", CLOSE), ("ehlo", "421 4.3.2 Busy")):
            with self.subTest(stage=stage, answer=answer):
                self.fresh({stage: answer})
                self.assertEqual(self.statuses(self.one), ["451 4.4.1"])
        self.fresh({})
        self.assertEqual(self.statuses(self.one), ["250 2.1.5", "250 2.0.0"])

    def test_helo_will_do(self):
        self.fresh({"ehlo": "502 5.5.1 What is EHLO?"})
        self.assertEqual(self.statuses(self.one), ["250 2.1.5", "250 2.0.0"])

    def test_a_reply_cannot_smuggle_a_line(self):
        self.fresh({"rcpt": "550 5.1.1 a\rb\x1b[31m\x00"})
        with self.one.client() as client:
            client.hello()
            client.command("MAIL FROM:<x@plain.example>")
            reply = client.command("RCPT TO:<bob@example.org>")
            self.assertRegex(reply.raw, rb"^(550 5\.1\.1 [ -~]*|451 4\.4\.1 [ -~]*)\r\n$")


class Connections(DownstreamCase):
    def test_says_that_the_downstream_is_away(self):
        closed = harness.reserve()
        self.addCleanup(closed.close)
        gateway = self.gateway(f"smtp://127.0.0.1:{closed.getsockname()[1]}")
        self.assertEqual(self.statuses(gateway), ["451 4.4.1"])
        line = harness.fields_of(gateway.logged(" downstream "))
        self.assertEqual((line["state"], line["why"]), ("unavailable", "Connection refused"))

    def test_turns_to_the_next_server(self):
        closed, sink = harness.reserve(), self.open(Sink())
        self.addCleanup(closed.close)
        gateway = self.gateway("", downstream={"servers": [f"smtp://127.0.0.1:{closed.getsockname()[1]}", sink.url]})
        self.assertEqual(self.statuses(gateway), ["250 2.1.5", "250 2.0.0"])

    def test_finds_a_server_by_its_name(self):
        sink = self.open(Sink())
        for host in ("smtp.example.org", "localhost"):
            with self.subTest(host):
                gateway = self.gateway(f"smtp://{host}:{sink.port}")
                self.assertEqual(self.statuses(gateway), ["250 2.1.5", "250 2.0.0"])

    def test_a_name_that_is_not_there_is_temporary(self):
        gateway = self.gateway("smtp://nowhere.example.org:25")
        self.assertEqual(self.statuses(gateway), ["451 4.4.1"])

    def test_keeps_a_connection_for_the_next_message(self):
        sink = self.open(Sink())
        gateway = self.gateway(sink.url, workers=1)
        for _ in range(3):
            self.assertEqual(self.statuses(gateway), ["250 2.1.5", "250 2.0.0"])
        self.assertEqual([m.connection for m in sink.messages], [0, 0, 0])
        self.assertEqual([line for _, line in sink.commands if line.startswith("EHLO")], ["EHLO mx.example.org"])

    def test_begins_anew_where_a_transaction_was_left_open(self):
        sink = self.open(Sink())
        gateway = self.gateway(sink.url, workers=1)
        for way in ("RSET", "EHLO x.example", "QUIT", None):
            with self.subTest(way=way):
                with gateway.client() as client:
                    client.hello()
                    client.command("MAIL FROM:<left@plain.example>")
                    client.command("RCPT TO:<left@example.org>")
                    if way:
                        client.command(way)
                gateway.logged(".")
                self.assertEqual(self.statuses(gateway), ["250 2.1.5", "250 2.0.0"])
        self.assertEqual({m.reverse_path for m in sink.messages}, {"x@plain.example"})
        self.assertEqual({tuple(m.recipients) for m in sink.messages}, {("bob@example.org",)})

    def test_notices_that_a_kept_connection_was_closed(self):
        sink = self.open(Sink())
        gateway = self.gateway(sink.url, workers=1)
        self.assertEqual(self.statuses(gateway), ["250 2.1.5", "250 2.0.0"])
        sink.connections[0].shutdown(2)
        self.assertEqual(self.statuses(gateway), ["250 2.1.5", "250 2.0.0"])
        self.assertEqual([m.connection for m in sink.messages], [0, 1])

    def test_tries_once_more_when_a_kept_connection_is_closed_at_mail(self):
        for answer in (CLOSE, "421 4.4.2 Idle too long"):
            with self.subTest(answer=answer):
                sink = self.open(Sink())
                gateway = self.gateway(sink.url, workers=1)
                self.assertEqual(self.statuses(gateway), ["250 2.1.5", "250 2.0.0"])
                sink.answers["mail"] = [answer]
                self.assertEqual(self.statuses(gateway), ["250 2.1.5", "250 2.0.0"])
                self.assertEqual([m.connection for m in sink.messages], [0, 1])

    def test_a_broken_connection_takes_accepted_recipients_with_it(self):
        sink = self.open(Sink())
        gateway = self.gateway(sink.url)
        client = self.client(gateway)
        client.command("MAIL FROM:<x@plain.example>")
        self.assert_status(client.command("RCPT TO:<a@example.org>"), "250 2.1.5")
        sink.answers["rcpt"] = [CLOSE]
        self.assert_status(client.command("RCPT TO:<b@example.org>"), "451 4.4.1")
        self.assert_status(client.command("RCPT TO:<c@example.org>"), "451 4.4.1")
        client.command("DATA")
        client.send(PLAIN + b".\r\n")
        self.assert_status(client.reply(), "451 4.4.1")
        self.assertEqual(sink.messages, [], "half of the recipients would be half of the truth")

    def test_silence_after_the_dot_makes_no_second_copy(self):
        sink = self.open(Sink({"dot": SILENT}))
        gateway = self.gateway(sink.url, limits={"downstream_timeout": "1s"})
        self.assertEqual(self.statuses(gateway), ["250 2.1.5", "451 4.4.2"])
        self.assertEqual(len(sink.messages), 1)
        line = harness.fields_of(gateway.logged(" downstream .*final dot"))
        self.assertEqual(line["why"], "timeout")
        gateway.stop()
        self.assertEqual(len(sink.messages), 1)

    def test_offers_no_more_than_the_downstream_can_do(self):
        sink = self.open(Sink(capabilities=["SIZE 100000"]))
        gateway = self.gateway(sink.url, workers=1)
        client = self.open(gateway.client())
        offered = client.hello().lines
        self.assertFalse({"8BITMIME", "SMTPUTF8"} & set(offered))
        self.assertIn("SIZE 100000", offered)
        self.assert_status(client.command("MAIL FROM:<x@plain.example> BODY=8BITMIME"), "555 5.5.4")
        self.assertFalse([line for _, line in sink.commands if line.startswith("RCPT")])

    def test_refuses_what_the_downstream_can_no_longer_do(self):
        for parameters, status in (("BODY=8BITMIME", "554 5.6.3"), ("SMTPUTF8 BODY=8BITMIME", "553 5.6.7"),
                                   ("SIZE=200", "552 5.3.4")):
            with self.subTest(parameters):
                sink = self.open(Sink())
                gateway = self.gateway(sink.url, workers=1)
                client = self.client(gateway)
                sink.capabilities = ["SIZE 100"]
                sink.end_connections()
                self.assert_status(client.command(f"MAIL FROM:<x@plain.example> {parameters}"), "250 2.1.0")
                for _ in range(2):
                    self.assert_status(client.command("RCPT TO:<bob@example.org>"), status)


class Tls(DownstreamCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory(prefix="gatepost-tls-")
        cls.addClassCleanup(folder.cleanup)
        cls.certificate, key = make_certificate(folder.name, "smtp.example.org")
        cls.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        cls.context.load_cert_chain(cls.certificate, key)

    def try_mode(self, sink, mode, trusted=False, host="smtp.example.org"):
        environment = {"SSL_CERT_FILE": str(self.certificate)} if trusted else {}
        gateway = self.gateway(f"smtp://{host}:{sink.port}", environment=environment, downstream={"tls": mode})
        return self.statuses(gateway)

    def test_encrypts_where_it_is_offered(self):
        sink = self.open(Sink(tls=self.context))
        self.assertEqual(self.try_mode(sink, "opportunistic"), ["250 2.1.5", "250 2.0.0"])
        self.assertIsInstance(sink.connections[sink.messages[0].connection], ssl.SSLSocket)

    def test_goes_without_where_it_is_not_offered_or_not_wanted(self):
        for reason, sink, mode in (("not offered", Sink(), "opportunistic"), ("not wanted", Sink(tls=self.context), "none"),
                                   ("refused", Sink({"starttls": "454 4.7.0 No"}, tls=self.context), "opportunistic")):
            with self.subTest(reason):
                self.open(sink)
                self.assertEqual(self.try_mode(sink, mode), ["250 2.1.5", "250 2.0.0"])
                self.assertNotIsInstance(sink.connections[sink.messages[0].connection], ssl.SSLSocket)

    def test_verifies_when_told_to(self):
        sink = self.open(Sink(tls=self.context))
        self.assertEqual(self.try_mode(sink, "verify", trusted=True), ["250 2.1.5", "250 2.0.0"])
        self.assertEqual(len(sink.messages), 1)

    def test_delivers_to_nobody_who_cannot_prove_his_name(self):
        plain, secure = self.open(Sink()), self.open(Sink(tls=self.context))
        for reason, sink, trusted, host in (("not trusted", secure, False, "smtp.example.org"),
                                            ("another name", secure, True, "localhost"),
                                            ("no TLS", plain, True, "smtp.example.org")):
            with self.subTest(reason):
                self.assertEqual(self.try_mode(sink, "verify", trusted, host), ["451 4.4.1"])
                self.assertEqual(sink.messages, [])


class Maildir(DownstreamCase):
    def test_stores_each_message_once(self):
        gateway = self.gateway("maildir://mail")
        client = self.client(gateway)
        content = message("x@plain.example", body=".dot\r\n..\r\n\r\n")
        for _ in range(3):
            reply = client.deliver(content, "x@plain.example", ("bob@example.org", "eve@example.net"))
            self.assert_status(reply, "250 2.0.0")
        stored = gateway.mail()
        self.assertEqual(len(stored), 3)
        self.assertTrue(stored[0].startswith(b"Return-Path: <x@plain.example>\r\nDelivered-To: bob@example.org\r\n"
                                             b"Delivered-To: eve@example.net\r\nAuthentication-Results: mx.example.org;"))
        self.assertTrue(stored[0].endswith(content))
        self.assertEqual(list((gateway.folder / "mail" / "tmp").iterdir()), [])

    def test_stores_large_messages_whole(self):
        gateway = self.gateway("maildir://mail", limits={"memory_per_message": "16KiB"})
        content = PLAIN + b"0123456789.\r\n" * 50000
        self.assert_status(self.client(gateway).deliver(content, "x@plain.example"), "250 2.0.0")
        [stored] = gateway.mail()
        self.assertTrue(stored.endswith(content))

    def test_what_may_not_be_safe_is_not_left_there(self):  # the sender comes again with it
        gateway = self.open(Gateway("maildir://mail", self.dns.address, listening=False))
        faults = Faults(gateway.folder)
        gateway.environment.update(faults.environment)
        gateway.start()
        faults.plan("sync mail/new 1 fail EIO")
        self.assertEqual(self.statuses(gateway), ["250 2.1.5", "451 4.3.0"])
        self.assertEqual(gateway.mail(), [])
        self.assertEqual(self.statuses(gateway), ["250 2.1.5", "250 2.0.0"])
        self.assertEqual(len(gateway.mail()), 1)

    def test_a_folder_that_is_gone_is_temporary(self):
        gateway = self.gateway("maildir://mail")
        (gateway.folder / "mail" / "tmp").rmdir()
        self.assertEqual(self.statuses(gateway), ["250 2.1.5", "451 4.3.0"])
        gateway.logged(r"downstream .*why=\"No such file or directory\"")


if __name__ == "__main__":
    harness.main()
