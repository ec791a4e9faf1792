#!/usr/bin/python3
"""The session as a client sees it: order of replies, limits, timeouts, clients that vanish."""
import socket
import unittest

import harness
from harness import Client, Gateway, Sink, message

PLAIN = message("x@plain.example")  # of a domain that publishes nothing, in front of a DNS that knows nothing


class Sessions(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dns = cls.open_for_all(harness.Dns({"plain.example": ["A 127.0.0.1"]}))
        cls.sink = cls.open_for_all(Sink())
        cls.gateway = cls.open_for_all(Gateway(cls.sink.url, cls.dns.address))

    def setUp(self):
        self.sink.messages.clear()
        self.sink.answers.clear()

    def client(self, gateway=None):
        client = self.open((gateway or self.gateway).client())
        client.hello()
        return client

    def test_greets_with_its_name_and_offers_what_it_can_do(self):
        client = self.open(self.gateway.client())
        self.assertEqual(client.greeting.raw, b"220 mx.example.org ESMTP\r\n")
        offered = client.hello().lines
        self.assertEqual(offered[0], "mx.example.org")
        self.assertLessEqual({"PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "SIZE 52428800"},
                             set(offered))
        self.assertNotIn("STARTTLS", offered, "no certificate, no STARTTLS")
        self.assertEqual(client.command("STARTTLS").code, 454)

    def test_answers_a_pipeline_in_order(self):
        client = self.client()
        self.sink.answers["rcpt"] = ["250 2.1.5 Ok", "550 5.1.1 No such user", "250 2.1.5 Ok"]
        client.send("MAIL FROM:<x@plain.example>\r\nRCPT TO:<a@example.org>\r\nRCPT TO:<b@example.org>\r\n"
                    "RCPT TO:<c@example.net>\r\nRCPT TO:<d@elsewhere.example>\r\nDATA\r\n")
        self.assertEqual([reply.code for reply in client.replies(6)], [250, 250, 550, 250, 550, 354])
        client.send(PLAIN + b".\r\nMAIL FROM:<x@plain.example>\r\nRCPT TO:<a@example.org>\r\nRSET\r\nQUIT\r\n")
        self.assertEqual([reply.code for reply in client.replies(5)], [250, 250, 250, 250, 221])
        self.assertEqual(client.rest(), b"")
        self.assertEqual([m.recipients for m in self.sink.messages], [["a@example.org", "c@example.net"]])

    def test_understands_a_pipeline_that_comes_octet_by_octet(self):
        client = self.client()
        client.send_slowly(b"MAIL FROM:<x@plain.example>\r\nRCPT TO:<a@example.org>\r\nDATA\r\n" + PLAIN + b".\r\nQUIT\r\n")
        self.assertEqual([reply.code for reply in client.replies(5)], [250, 250, 354, 250, 221])
        self.assertEqual(len(self.sink.messages), 1)

    def test_without_a_recipient_there_is_no_content(self):
        client = self.client()
        client.send("MAIL FROM:<x@plain.example>\r\nRCPT TO:<d@elsewhere.example>\r\nDATA\r\n")
        self.assertEqual([reply.code for reply in client.replies(3)], [250, 550, 554])
        self.assertEqual(self.sink.messages, [])

    def test_a_notification_goes_to_one_recipient_at_a_time(self):
        client = self.client()
        client.command("MAIL FROM:<>")
        self.sink.answers["rcpt"] = ["550 5.1.1 No such user", "250 2.1.5 Ok"]
        self.assert_status(client.command("RCPT TO:<a@example.org>"), "550 5.1.1")
        self.assert_status(client.command("RCPT TO:<b@example.org>"), "250 2.1.5")
        self.assert_status(client.command("RCPT TO:<c@example.org>"), "452 4.5.3")
        client.command("DATA")
        client.send(PLAIN + b".\r\n")
        self.assert_status(client.reply(), "250 2.0.0")
        self.assertEqual([m.recipients for m in self.sink.messages], [["b@example.org"]])

    def test_takes_a_hundred_recipients_and_no_more(self):
        client = self.client()
        client.command("MAIL FROM:<x@plain.example>")
        for number in range(100):
            self.assert_status(client.command(f"RCPT TO:<u{number}@example.org>"), "250 2.1.5")
        self.assert_status(client.command("RCPT TO:<u100@example.org>"), "452 4.5.3")
        client.command("DATA")
        client.send(PLAIN + b".\r\n")
        self.assert_status(client.reply(), "250 2.0.0")
        self.assertEqual(self.sink.messages[0].recipients, [f"u{number}@example.org" for number in range(100)])

    def test_a_second_hello_forgets_the_transaction(self):
        client = self.client()
        client.command("MAIL FROM:<x@plain.example>")
        client.command("RCPT TO:<a@example.org>")
        client.hello()
        self.assertEqual(client.command("RCPT TO:<a@example.org>").code, 503)
        self.assert_status(client.deliver(PLAIN, "x@plain.example", ("b@example.org",)), "250 2.0.0")
        self.assertEqual([m.recipients for m in self.sink.messages], [["b@example.org"]])

    def test_a_client_that_vanishes_before_the_end_delivers_nothing(self):
        for reason, octets in (("in the header", b"From: x@plain"), ("in the body", PLAIN), ("before the LF", PLAIN + b".\r")):
            with self.subTest(reason):
                client = self.client()
                client.begin("x@plain.example")
                client.send(octets)
                client.sock.shutdown(socket.SHUT_WR)
                self.assertEqual(client.rest(), b"")
        self.assertEqual(self.sink.messages, [])

    def test_takes_the_time_that_a_slow_client_needs(self):
        gateway = self.open(Gateway(self.sink.url, self.dns.address, limits={"command_timeout": "2s"}))
        client = self.client(gateway)
        client.begin("x@plain.example")
        client.send_slowly(PLAIN + b".\r\n")
        self.assert_status(client.reply(), "250 2.0.0")

    def test_an_idle_client_is_told_and_let_go(self):
        gateway = self.open(Gateway(self.sink.url, self.dns.address, limits={"command_timeout": "1s"}))
        for reason, begun in (("nothing", b""), ("half a command", b"NOO")):
            with self.subTest(reason):
                client = self.client(gateway)
                client.send(begun)
                self.assert_status(client.reply(), "421 4.4.2")
                self.assertEqual(client.rest(), b"")

    def test_octets_now_and_then_do_not_keep_a_command_alive(self):
        gateway = self.open(Gateway(self.sink.url, self.dns.address, limits={"command_timeout": "1s"}))
        client = self.client(gateway)
        client.sock.settimeout(0.1)

        def closed():
            try:
                client.send(b"x")
                client.buffer += client.sock.recv(1000)
            except TimeoutError:
                return False
            except OSError:
                return True
            return client.buffer.endswith(b"\r\n")
        harness.poll(closed, "the end of the session", 10)
        self.assertTrue(client.buffer.startswith(b"421 4.4.2") or not client.buffer, client.buffer)

    def test_content_has_its_time(self):
        gateway = self.open(Gateway(self.sink.url, self.dns.address, limits={"data_timeout": "1s"}))
        client = self.client(gateway)
        client.begin("x@plain.example")
        client.send(b"From: x@plain.example\r\n")
        self.assert_status(client.reply(), "421 4.4.2")
        self.assertEqual(client.rest(), b"")
        self.assertEqual(self.sink.messages, [])

    def test_sessions_of_one_client_are_limited(self):
        gateway = self.open(Gateway(self.sink.url, self.dns.address, limits={"sessions_per_client": 2, "sessions": 3}))
        first, second = self.client(gateway), self.client(gateway)
        third = self.open(gateway.client())
        self.assert_status(third.greeting, "421 4.7.0")
        self.assertEqual(third.rest(), b"")
        # Another client is welcome, until there are too many in all.
        other = self.open(gateway.client(source="127.0.0.2"))
        self.assertEqual(other.greeting.code, 220)
        self.assert_status(self.open(gateway.client(source="127.0.0.3")).greeting, "421 4.3.2")
        self.assert_status(first.command("NOOP"), "250 2.0.0")
        second.close()

        def welcome():
            with gateway.client() as client:
                return client.greeting.code == 220
        harness.poll(welcome, "a place that has become free")

    def test_errors_have_an_end(self):
        gateway = self.open(Gateway(self.sink.url, self.dns.address, limits={"errors": 3}))
        client = self.client(gateway)
        for _ in range(3):
            self.assert_status(client.command("FOO"), "500 5.5.1")
        self.assert_status(client.command("FOO"), "421 4.7.0")
        self.assertEqual(client.rest(), b"")

    def test_other_protocols_are_shown_out(self):
        client = self.open(self.gateway.client())
        client.send("GET / HTTP/1.1\r\nHost: mx\r\n\r\n")
        self.assert_status(client.reply(), "421 4.7.0")
        self.assertEqual(client.rest(), b"")

    def test_a_line_ends_with_cr_and_lf(self):
        for line in (b"NOOP\n", b"NOOP\r\nNOOP\n", b"NO\rOP\r\n"):
            with self.subTest(line):
                client = self.client()
                client.send(line)
                *_, last = client.rest().splitlines(keepends=True)
                self.assertTrue(last.startswith(b"500 5.5.2 "), last)

    def test_an_endless_line_is_not_kept(self):
        client = self.client()
        client.send(b"NOOP " + b"x" * 5000 + b"\r\nNOOP\r\n")
        self.assert_status(client.reply(), "500 5.5.2")
        self.assert_status(client.reply(), "250 2.0.0")
        client.send(b"x" * 70000)
        self.assert_status(client.reply(), "500 5.5.2")
        self.assertEqual(client.rest(), b"")

    def test_smtputf8_goes_through(self):
        client = self.client()
        content = message("jürgen@plain.example")
        reply = client.deliver(content, "jürgen@plain.example", ("böb@example.org",), " SMTPUTF8 BODY=8BITMIME")
        self.assert_status(reply, "250 2.0.0")
        self.assertEqual(self.sink.messages[0].recipients, ["böb@example.org"])
        self.assertIn((self.sink.messages[0].connection, "MAIL FROM:<jürgen@plain.example> BODY=8BITMIME SMTPUTF8"),
                      self.sink.commands)
        self.assertEqual(client.command("MAIL FROM:<jürgen@plain.example>").code, 550)

    def test_a_thousand_sessions_come_and_go(self):
        for _ in range(1000):
            with Client(self.gateway.port, greeted=False):
                pass
        self.assert_status(self.client().command("NOOP"), "250 2.0.0")


if __name__ == "__main__":
    harness.main()
