#!/usr/bin/python3
"""Attacks 11 to 20: what is said before, around and under TLS."""
import contextlib
import socket
import ssl
import subprocess
import time

import harness
from attacks import AttackCase, HEADER, SMUGGLED
from harness import Gateway, Sink, message, need, tls_client


class Tls(AttackCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Checked at the end of the class: by then its time is up.
        cls.stalled, cls.stalled_since = cls.open_for_all(cls.gateway.client()), time.monotonic()
        cls.stalled.hello()
        cls.stalled.command("STARTTLS")
        cls.stalled.send(b"\x16")

    def test_11_nothing_behind_starttls_is_run(self):
        client = self.client()
        client.send(b"STARTTLS\r\nNOOP\r\n" + SMUGGLED)
        self.assertNotIn(b"250", client.rest())

    def test_12_plain_octets_are_no_handshake(self):
        for octets in (b"NOOP\r\n", b"EHLO x\r\nMAIL FROM:<admin@bank.example>\r\n", b"\0" * 100):
            client = self.client()
            self.assertEqual(client.command("STARTTLS").code, 220)
            client.send(octets)
            self.assertNotIn(b"250", client.rest())

    def test_13_what_was_said_before_tls_is_forgotten(self):
        client = self.client(name="forged.bank.example")
        client.command("MAIL FROM:<x@plain.example>")
        client.command("RCPT TO:<bob@example.org>")
        client.starttls(tls_client())
        self.assertEqual(client.command("DATA").code, 503)
        self.assertEqual(client.command("MAIL FROM:<x@plain.example>").code, 503)
        client.hello("mail.sender.example")
        self.assert_status(client.deliver(message()), "250 2.0.0")
        self.assertNotIn(b"forged", self.sink.messages[0].content)

    def test_14_starttls_at_the_wrong_time(self):
        client = self.open(self.gateway.client())
        self.assertEqual(client.command("STARTTLS").code, 503)
        client.hello()
        self.assertEqual(client.command("STARTTLS now").code, 501)
        client.starttls(tls_client())
        self.assertNotIn("STARTTLS", client.hello().lines)
        self.assertEqual(client.command("STARTTLS").code, 503)

    def test_15_a_cut_message_is_no_message(self):
        for tls in (False, True):
            for end in (b"", b"\r\n", b"\r\n.", b"\r\n.\r"):
                with self.subTest(tls=tls, end=end):
                    client = self.in_transaction(tls=tls)
                    client.send(HEADER + b"\r\nhalf" + end)
                    if tls:
                        socket.socket(fileno=client.sock.detach()).close()  # without close_notify
                    else:
                        client.close()
        self.honest()
        self.assertEqual(len(self.sink.messages), 1)

    def test_15_who_goes_on_sending_still_hears_why_it_was_cut_off(self):
        client = self.client(tls=True)
        client.send(b"NOOP\nNOOP\r\n")
        for _ in range(3):  # what comes to a socket that is closed takes replies with it that were not read yet
            time.sleep(0.1)
            client.send(b"NOOP\r\n")
        self.assertEqual(client.rest(), b"500 5.5.2 Lines end with CR LF\r\n")

    def test_16_a_handshake_octet_by_octet_works(self):
        client = self.client()
        client.command("STARTTLS")
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = tls_client().wrap_bio(incoming, outgoing)
        for _ in range(20):
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
                client.send_slowly(outgoing.read())
                break
            client.send_slowly(outgoing.read())
            incoming.write(client.sock.recv(65536))
        self.assertIsNotNone(tls.cipher())

    def test_17_old_versions_and_weak_ciphers_are_refused(self):
        for version, ciphers in ((ssl.TLSVersion.TLSv1, "ALL"), (ssl.TLSVersion.TLSv1_1, "ALL"),
                                 (ssl.TLSVersion.TLSv1_2, "aNULL:eNULL"), (ssl.TLSVersion.TLSv1_2, "AES128-SHA"),
                                 (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA"), (ssl.TLSVersion.TLSv1_2, "kRSA")):
            with self.subTest(version=version, ciphers=ciphers):
                context = tls_client(version)
                context.set_ciphers(ciphers + ":@SECLEVEL=0")
                client = self.client()
                with self.assertRaises((ssl.SSLError, OSError)):
                    client.starttls(context)

    def test_18_no_renegotiation_by_the_client(self):
        tool = need("openssl")
        done = subprocess.run([tool, "s_client", "-starttls", "smtp", "-tls1_2", "-connect", f"127.0.0.1:{self.gateway.port}"],
                              input=b"R\n", capture_output=True, timeout=30, check=False)
        self.assertIn(b"no renegotiation", done.stdout + done.stderr)

    def test_19_a_reply_put_behind_the_220_of_the_downstream_is_not_taken(self):
        injected = "220 Ready\r\n250 injected\r\n250 injected\r\n250 injected\r\n354 injected\r\n250 injected"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.tls[0]["certificate"], self.tls[0]["key"])
        sink = self.open(Sink({"starttls": [injected] * 3}, capabilities=(), tls=context))
        gateway = self.open(Gateway(sink.url, self.dns.address, listening=False))
        gateway.configure(downstream={"tls": "opportunistic"})
        gateway.start()
        client = self.client(gateway=gateway)
        client.command("MAIL FROM:<alice@sender.example>")
        self.assertEqual(client.command("RCPT TO:<bob@example.org>").code, 451)
        self.assertFalse([line for _, line in sink.commands if line.startswith(("MAIL", "DATA"))])
        sink.capabilities.clear()
        self.honest(gateway)

    def test_20_auth_is_never_taken(self):
        for tls in (False, True):
            client = self.client(tls=tls)
            self.assertNotIn("AUTH", client.command("EHLO x").text)
            for command in ("AUTH PLAIN AGEAYg==", "AUTH LOGIN", "AUTH"):
                self.assertIn(client.command(command).code, (500, 502))
            self.assertIn(client.command("MAIL FROM:<x@plain.example> AUTH=<>").code, (501, 555))

    def test_99_of_16_a_handshake_that_stalls_ends(self):
        left = self.stalled_since + 35 - time.monotonic()
        self.stalled.sock.settimeout(max(left, 1))
        self.assertEqual(self.stalled.rest(), b"")


if __name__ == "__main__":
    harness.main()
