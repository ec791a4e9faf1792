#!/usr/bin/python3
"""What is around STARTTLS: attacks on the handshake, certificates that change, peers from whom TLS is required."""
import contextlib
import os
import shutil
import signal
import socket
import ssl
import tempfile
import time
import unittest

import harness
from harness import Client, Dns, Gateway, Sink, make_certificate, make_expired_certificate, message, tls_client

PLAIN = message("x@plain.example")


class TlsCase(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="gatepost-starttls-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.certificate, cls.key = make_certificate(folder.name, "mx.example.org")
        cls.dns = cls.open_for_all(Dns({"plain.example": ["A 127.0.0.1"]}))
        cls.sink = cls.open_for_all(Sink())

    def setUp(self):
        self.sink.messages.clear()

    def gateway(self, **changes):
        tls = {"certificate": str(self.certificate), "key": str(self.key)}
        return self.open(Gateway(self.sink.url, self.dns.address, **{"tls": tls, **changes}))

    def client(self, gateway, source="127.0.0.1"):
        client = self.open(Client(gateway.port, source=source))
        client.hello()
        return client


class Attacks(TlsCase):
    def test_what_is_in_the_clear_behind_starttls_is_never_obeyed(self):
        gateway = self.gateway()
        injected = b"EHLO evil\r\nMAIL FROM:<e@plain.example>\r\nRCPT TO:<bob@example.org>\r\n"
        client = self.client(gateway)
        client.send(b"STARTTLS\r\n" + injected)
        self.assertEqual(client.rest(), b"", "in one segment: closed without a word")
        client = self.client(gateway)
        self.assertEqual(client.command("STARTTLS").code, 220)
        client.send(injected)
        self.assertNotRegex(client.rest(), rb"\d\d\d[ -]", "in the next: it is no ClientHello")
        gateway.logged('tls .*state="handshake failed"')
        client = self.client(gateway)
        client.send(b"STARTTLS\r\n\x16\x03\x01")
        self.assertEqual(client.rest(), b"", "not even the beginning of a handshake may come early")

    def test_a_dripping_client_hello_has_its_time(self):
        gateway = self.gateway(limits={"handshake_timeout": "2s"})
        client = self.client(gateway)
        self.assertEqual(client.command("STARTTLS").code, 220)
        client.sock.settimeout(0.05)
        hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"x" * 500
        began, at = time.monotonic(), 0
        with contextlib.suppress(ConnectionError):
            while time.monotonic() - began < harness.PATIENCE:
                if at < len(hello):
                    client.send(hello[at:at + 1])
                    at += 1
                try:
                    if not client.sock.recv(100):
                        break
                except TimeoutError:
                    pass
        self.assertLess(time.monotonic() - began, 15)
        self.assertGreater(time.monotonic() - began, 1)
        self.assertEqual(self.client(gateway).command("NOOP").code, 250)

    def test_a_cut_connection_delivers_nothing(self):
        gateway = self.gateway()
        for properly in (False, True):
            with self.subTest(close_notify=properly):
                client = self.client(gateway)
                client.starttls(tls_client())
                client.hello()
                client.begin("x@plain.example")
                client.send(PLAIN)
                if properly:
                    with contextlib.suppress(OSError):
                        client.sock.unwrap()
                client.close()
                other = self.client(gateway)
                self.assertEqual(other.command("NOOP").code, 250)
        self.assertEqual(self.sink.messages, [])

    def test_old_and_weak_is_refused(self):
        gateway = self.gateway()
        for ciphers in ("NULL", "RC4", "3DES", "AES128-SHA", "DHE-RSA-AES128-SHA"):
            with self.subTest(ciphers):
                context = tls_client(ssl.TLSVersion.TLSv1_2)
                try:
                    context.set_ciphers(f"{ciphers}:@SECLEVEL=0")
                except ssl.SSLError:
                    continue  # this client cannot, either
                client = self.client(gateway)
                with self.assertRaises((ssl.SSLError, ConnectionError)):
                    client.starttls(context)

    def test_garbage_within_tls_ends_it(self):
        gateway = self.gateway()
        client = self.client(gateway)
        client.starttls(tls_client())
        with socket.socket(fileno=os.dup(client.sock.fileno())) as raw:
            raw.sendall(b"QUIT\r\nNOOP\r\n")
        with contextlib.suppress(OSError):
            self.assertEqual(client.rest(), b"")
        self.assertEqual(self.client(gateway).command("NOOP").code, 250)


class Required(TlsCase):
    def test_of_networks_and_domains(self):
        gateway = self.gateway(require_tls={"networks": ["127.0.0.2"], "domains": ["plain.example"]})
        client = self.client(gateway, "127.0.0.2")
        self.assert_status(client.command("MAIL FROM:<y@other.example>"), "530 5.7.0")
        self.assert_status(client.command("RSET"), "530 5.7.0")
        self.assert_status(client.command("NOOP"), "250 2.0.0")
        client.starttls(tls_client())
        client.hello()
        self.assert_status(client.deliver(PLAIN, "x@plain.example"), "250 2.0.0")
        client = self.client(gateway)
        self.assert_status(client.command("MAIL FROM:<x@Plain.Example>"), "530 5.7.0")
        gateway.logged('refused .*client=127.0.0.1 .*reply="530 5.7.0')
        self.assert_status(client.command("MAIL FROM:<y@other.example>"), "250 2.1.0")
        self.assert_status(client.command("QUIT"), "221 2.0.0")


class Replaced(TlsCase):
    def shown(self, gateway):
        client = self.client(gateway)
        client.starttls(tls_client())
        return client.sock.getpeercert(binary_form=True)

    def test_new_files_are_taken_without_dropping_a_session(self):
        folder = tempfile.mkdtemp(dir=self.folder)
        file, key = f"{folder}/mx.pem", f"{folder}/mx.key"
        shutil.copy(self.certificate, file)
        shutil.copy(self.key, key)
        gateway = self.gateway(tls={"certificate": file, "key": key})
        running = self.client(gateway)
        running.starttls(tls_client())
        running.hello()
        running.begin("x@plain.example")
        old = self.shown(gateway)
        next_certificate, next_key = make_certificate(tempfile.mkdtemp(dir=self.folder), "mx.example.org")
        shutil.copy(next_certificate, file)  # and not its key
        gateway.logged("certificate .*state=refused .*the old ones stay in use")
        self.assertEqual(self.shown(gateway), old)
        shutil.copy(next_key, key)
        gateway.logged("certificate .*state=reloaded")
        new = ssl.PEM_cert_to_DER_cert(next_certificate.read_text())
        harness.poll(lambda: self.shown(gateway) == new, "the new certificate is shown")
        running.send(PLAIN + b".\r\n")
        self.assert_status(running.reply(), "250 2.0.0")
        self.assertEqual(running.sock.getpeercert(binary_form=True), old)
        refusals = [line for line in gateway.log().splitlines() if "state=refused" in line]
        self.assertEqual(len(refusals), 1, refusals)

    def test_an_expired_certificate_is_served_and_said(self):
        with self.subTest("expired"):
            folder = tempfile.mkdtemp(dir=self.folder)
            certificate, key = make_expired_certificate(folder, "old.example.org")
            gateway = self.gateway(tls={"certificate": str(certificate), "key": str(key)})
            gateway.logged(r"certificate .*state=expired days_left=-\d")
            self.assertEqual(self.shown(gateway), ssl.PEM_cert_to_DER_cert(certificate.read_text()))
        with self.subTest("soon"):
            certificate, key = make_certificate(folder, "soon.example.org", days=5)
            gateway = self.gateway(tls={"certificate": str(certificate), "key": str(key)})
            gateway.logged(r'certificate .*state="expires soon" days_left=[45]')
            gateway.signal(signal.SIGHUP)
            gateway.notified("READY=1")


if __name__ == "__main__":
    harness.main()
