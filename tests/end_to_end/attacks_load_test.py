#!/usr/bin/python3
"""Attacks 85 to 90: slow ones and many."""
import contextlib
import socket
import time

import harness
from attacks import AttackCase
from harness import Client, Gateway, poll


class Load(AttackCase):
    def test_85_slow_octets_do_not_hold_a_session(self):
        gateway = self.open(Gateway(self.sink.url, self.dns.address, limits={"command_timeout": "1s", "data_timeout": "1s"}))
        for reason, begin, octets in (("command", self.client, b"N"), ("content", self.in_transaction, b"x\r\n")):
            with self.subTest(reason):
                client, began = begin(gateway=gateway), time.monotonic()
                client.sock.settimeout(0.05)
                with contextlib.suppress(ConnectionError):
                    while time.monotonic() - began < 8 and b"421" not in client.buffer:
                        client.send(octets)
                        with contextlib.suppress(TimeoutError):
                            client.buffer += client.sock.recv(1000)
                self.assertLess(time.monotonic() - began, 6)
                self.assertIn(b"421 4.4.2", client.buffer)

    def test_86_idle_at_any_stage(self):
        gateway = self.open(Gateway(self.sink.url, self.dns.address, tls=self.tls,
                                    limits={"command_timeout": "1s", "data_timeout": "1s"}))
        greeted, hello, mail, data = (self.open(gateway.client()), self.client(gateway=gateway), self.client(gateway=gateway),
                                      self.in_transaction(gateway=gateway))
        mail.command("MAIL FROM:<x@plain.example>")
        secure = self.client(gateway=gateway, tls=True)
        for client in (greeted, hello, mail, data, secure):
            self.assertIn(b"421 4.4.2", client.rest())

    def test_87_a_client_that_never_reads(self):
        client = self.open(Client(self.gateway.port, greeted=False))
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sock.settimeout(0.5)
        with contextlib.suppress(OSError):
            while True:
                client.send(b"HELP\r\n" * 1000)
        self.honest()

    def test_88_many_connections_of_one_address(self):
        gateway = self.open(Gateway(self.sink.url, self.dns.address, limits={"sessions_per_client": 5, "sessions": 8}))
        for _ in range(2):
            clients = poll(lambda: self.greeted(gateway, 5), "the counters are (back) where they were")
            self.assert_status(self.open(gateway.client()).greeting, "421 4.7.0")
            others = [self.open(gateway.client(source=f"127.0.0.{n}")) for n in range(2, 6)]
            self.assertEqual([client.greeting.code for client in others].count(421), 1, "the ninth of eight")
            for client in clients + others:
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # RST
                client.close()

    def greeted(self, gateway, count):
        """So many clients that have all been greeted, or none: some of those before may not have left yet."""
        clients = [self.open(gateway.client()) for _ in range(count)]
        if {client.greeting.code for client in clients} == {220}:
            return clients
        for client in clients:
            client.close()
        return None

    def test_88_a_storm_of_resets(self):
        for octets in (b"", b"EHLO x\r\n", b"EHLO x\r\nSTARTTLS\r\n", b"EHLO x\r\nMAIL FROM:<x@plain.example>\r\nRCPT TO:<bob@example.org>\r\n"):
            for _ in range(30):
                client = Client(self.gateway.port, greeted=False)
                client.send(octets)
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                client.close()


if __name__ == "__main__":
    harness.main()
