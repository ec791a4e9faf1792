#!/usr/bin/python3
"""PROXY protocol: who the client is, as a proxy in front says it; and nobody else may say so."""
import os
import re
import signal
import struct
import time
import unittest

import harness
from harness import Client, Dns, Gateway, Sink, message

PLAIN = message("x@plain.example")
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V4 = bytes([192, 0, 2, 1, 192, 0, 2, 2]) + struct.pack(">HH", 56324, 25)


def binary(rest, version_and_command=0x21, family=0x11):
    return SIGNATURE + struct.pack(">BBH", version_and_command, family, len(rest)) + rest


TEXT = b"PROXY TCP4 192.0.2.1 192.0.2.2 56324 25\r\n"


class Proxied(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dns = cls.open_for_all(Dns({
            "plain.example": ["TXT v=spf1 ip4:192.0.2.1 -all"], "client.example": ["A 192.0.2.1"],
            "1.2.0.192.in-addr.arpa": ["PTR client.example."]}))
        cls.sink = cls.open_for_all(Sink())
        cls.gateway = cls.open_for_all(cls.start())

    @classmethod
    def start(cls, **changes):
        gateway = Gateway(cls.sink.url, cls.dns.address, listening=False)
        gateway.base["listeners"][0]["proxy_protocol"] = {"from": ["127.0.0.1", "10.0.0.0/8"]}
        gateway.configure(**changes)
        gateway.start()
        return gateway

    def setUp(self):
        self.sink.messages.clear()

    def client(self, header=b"", source="127.0.0.1", gateway=None):
        client = self.open(Client((gateway or self.gateway).port, greeted=False, source=source))
        client.send(header)
        return client

    def assert_refused(self, header, why, source="127.0.0.1"):
        client = self.client(header, source)
        self.assertEqual(client.rest(), b"", header)
        self.gateway.logged(f'proxy client={source} state=closed why="{why}"')

    def test_the_client_is_whom_the_header_names(self):
        for name, header in (("text", TEXT), ("binary", binary(V4))):
            with self.subTest(name):
                self.setUp()
                client = self.client(header)
                self.assertEqual(client.reply().code, 220)
                client.hello()
                reply = client.deliver(PLAIN, "x@plain.example")
                self.assert_status(reply, "250 2.0.0")
                reference = re.search(r"\bref (\w+)", reply.text)[1]  # the line may come after the reply
                line = harness.fields_of(self.gateway.logged(rf"^\S+ message .*\bid={reference}\b"))
                self.assertEqual((line["client"], line["proxy"], line["rdns"], line["spf"]),
                                 ("192.0.2.1", "127.0.0.1", "client.example", "pass"))
                content = self.sink.messages[0].content
                self.assertIn(b"(client.example [192.0.2.1])", content)
                self.assertNotIn(b"127.0.0.1", content)

    def test_a_connection_of_the_proxys_own_is_the_proxys(self):
        for header in (b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ff ff 1 2\r\n", binary(b"", 0x20, 0), binary(b"x" * 99, 0x20),
                       binary(b"", 0x21, 0)):
            with self.subTest(header):
                client = self.client(header)
                self.assertEqual(client.reply().code, 220)
                client.hello()
                self.assert_status(client.command("MAIL FROM:<x@plain.example>"), "250 2.1.0")
                client.command("RCPT TO:<bob@elsewhere.example>")
                self.gateway.logged("refused .*client=127.0.0.1 proxy=127.0.0.1")

    def test_what_comes_behind_the_header_is_smtp(self):
        whole = b"EHLO client.example\r\nNOOP\r\nQUIT\r\n"
        for name, header in (("text", TEXT), ("binary", binary(V4 + b"\x04\x01\x00" + b"x" * 256))):
            with self.subTest(name):
                client = self.client(header + whole)
                codes = [reply.code for reply in client.replies(4)]
                self.assertEqual(codes, [220, 250, 250, 221])
            with self.subTest(name, slowly=True):
                client = self.client()
                client.send_slowly(header + whole)
                codes = [reply.code for reply in client.replies(4)]
                self.assertEqual(codes, [220, 250, 250, 221])

    def test_nothing_is_said_before_the_header_is_whole(self):
        client = self.client(TEXT[:-1])
        client.sock.settimeout(0.3)
        with self.assertRaises(TimeoutError):
            client.reply()
        client.sock.settimeout(harness.PATIENCE)
        client.send(TEXT[-1:])
        self.assertEqual(client.reply().code, 220)

    def test_closes_on_what_is_no_header(self):
        for header, why in ((b"EHLO client.example\r\n", "no PROXY header"),
                            (TEXT.replace(b"\r\n", b"\n"), "bare CR or LF"),
                            (b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n", "longer than 107 octets"),
                            (SIGNATURE + b"\x21\x11\xff\xff" + b"x" * 5000, "longer than 2048 octets"),
                            (binary(V4, 0x21, 0x12), "neither TCP4 nor TCP6"),
                            (binary(V4 + b"\x03\x00\x04abcd"), "wrong checksum")):
            with self.subTest(why):
                self.assert_refused(header, why)

    def test_a_header_has_five_seconds(self):
        began = time.monotonic()
        self.assert_refused(TEXT[:20], "not within 5 s")
        self.assertGreater(time.monotonic() - began, 4)

    def test_nobody_else_is_a_proxy(self):
        self.assert_refused(TEXT, "not one of the listener's proxies", source="127.0.0.2")

    def test_limits_count_the_client(self):
        gateway = self.open(self.start(limits={"sessions_per_client": 1}))
        first, second = self.client(TEXT, gateway=gateway), None
        self.assertEqual(first.reply().code, 220)
        second = self.client(TEXT, gateway=gateway)
        self.assertEqual(second.reply().code, 421)
        other = self.client(TEXT.replace(b"192.0.2.1 ", b"192.0.2.77 "), gateway=gateway)
        self.assertEqual(other.reply().code, 220)

    def test_a_reload_keeps_it_and_may_change_the_proxies(self):
        gateway = self.open(self.start())
        gateway.signal(signal.SIGHUP)
        gateway.notified("READY=1")
        self.assertEqual(self.client(TEXT, gateway=gateway).reply().code, 220)
        gateway.base["listeners"][0]["proxy_protocol"] = {"from": "127.0.0.2"}
        gateway.configure()
        gateway.signal(signal.SIGHUP)
        gateway.notified("READY=1")
        def greeting():
            client = self.client(TEXT, "127.0.0.2", gateway)
            try:
                return client.reply().code
            except EOFError:
                return None
        self.assertEqual(harness.poll(greeting, "the new proxy is let in"), 220)
        self.assertEqual(self.client(TEXT, gateway=gateway).rest(), b"")

    def test_sockets_of_systemd_have_the_settings_of_their_address(self):
        activate = harness.need("systemd-socket-activate")
        gateway = self.open(Gateway(self.sink.url, self.dns.address, listening=False))
        gateway.base["listeners"][0]["proxy_protocol"] = {"from": ["127.0.0.1"]}
        gateway.configure()
        names = [argument for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if name in os.environ for argument in ("-E", name)]
        gateway.arguments = [activate, *names, "-E", "NOTIFY_SOCKET", "-l", f"127.0.0.1:{gateway.port}"]
        gateway.notifications = harness.Notifications(gateway.folder / "notify")
        gateway.process = gateway.launch()
        gateway.logged("Listening on")
        client = self.client(TEXT, gateway=gateway)
        gateway.notified("READY=1")
        self.assertEqual(client.reply().code, 220)
        self.assertEqual(self.client(b"EHLO x\r\n", gateway=gateway).rest(), b"")


if __name__ == "__main__":
    harness.main()
