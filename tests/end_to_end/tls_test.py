#!/usr/bin/python3
"""STARTTLS with real TLS: versions, certificates by name, tickets, and what must not slip through."""
import smtplib
import ssl
import subprocess
import tempfile
import unittest

import harness
from harness import Dns, Gateway, Sink, make_certificate, message, tls_client

PLAIN = message("x@plain.example")


class Starttls(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="gatepost-tls-")
        cls.addClassCleanup(folder.cleanup)
        cls.certificate, key = make_certificate(folder.name, "mx.example.org", "*.wild.example.org")
        cls.other, other_key = make_certificate(folder.name, "mail.example.net")
        cls.dns = cls.open_for_all(Dns({"plain.example": ["A 127.0.0.1"]}))
        cls.sink = cls.open_for_all(Sink())
        cls.gateway = cls.open_for_all(Gateway(cls.sink.url, cls.dns.address, tls=[
            {"certificate": str(cls.certificate), "key": str(key)}, {"certificate": str(cls.other), "key": str(other_key)}]))

    def setUp(self):
        self.sink.messages.clear()

    def client(self):
        client = self.open(self.gateway.client())
        client.hello()
        return client

    def test_speaks_tls_1_2_and_1_3(self):
        for version, shown in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
            with self.subTest(shown):
                self.setUp()
                client = self.client()
                client.starttls(tls_client(version))
                self.assertEqual(client.sock.version(), shown)
                self.assertNotIn("STARTTLS", client.hello().lines, "not offered twice")
                self.assert_status(client.deliver(PLAIN, "x@plain.example"), "250 2.0.0")
                content = self.sink.messages[0].content
                self.assertIn(b"with ESMTPS", content)
                self.assertIn(shown.encode(), content)
                self.gateway.logged(f'message .*tls="{shown} ')

    def test_refuses_what_is_older(self):
        client = self.client()
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            client.starttls(tls_client(ssl.TLSVersion.TLSv1_1))
        self.gateway.logged(r"tls .*client=127\.0\.0\.1")
        self.assertEqual(self.client().command("NOOP").code, 250)

    def test_shows_the_certificate_of_the_name_that_was_asked_for(self):
        for name, file in (("mx.example.org", self.certificate), ("mail.example.net", self.other),
                           ("MAIL.example.net", self.other), ("a.wild.example.org", self.certificate),
                           ("unknown.example", self.certificate), (None, self.certificate)):
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                with self.subTest(name=name, version=version):
                    client = self.client()
                    client.starttls(tls_client(version), name)
                    expected = ssl.PEM_cert_to_DER_cert(file.read_text())
                    self.assertEqual(client.sock.getpeercert(binary_form=True), expected)

    def test_a_client_that_verifies_is_satisfied(self):
        context = ssl.create_default_context(cafile=self.certificate)
        client = self.client()
        client.starttls(context, "mx.example.org")
        self.assert_status(client.command("NOOP"), "250 2.0.0")

    def test_smtplib_delivers(self):
        with smtplib.SMTP("127.0.0.1", self.gateway.port, timeout=harness.PATIENCE) as client:
            client.starttls(context=tls_client())
            client.sendmail("x@plain.example", ["bob@example.org"], PLAIN)
        self.assertEqual(len(self.sink.messages), 1)

    def test_swaks_delivers(self):
        swaks = harness.need("swaks")
        support = subprocess.run([swaks, "--support"], capture_output=True, text=True, timeout=60, check=False).stdout
        if "TLS" not in support.split("cannot")[0]:
            self.skipTest("skipped: swaks has no TLS here (libnet-ssleay-perl)")
        done = subprocess.run([swaks, "--server", f"127.0.0.1:{self.gateway.port}", "--tls", "--to", "bob@example.org",
                               "--from", "x@plain.example"], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(len(self.sink.messages), 1)

    def test_resumes_a_session(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.subTest(version):
                context = tls_client(version)
                first = self.client()
                first.starttls(context)
                first.command("NOOP")  # the ticket of TLS 1.3 comes with the first octets
                session = first.sock.session
                again = self.client()
                self.assertEqual(again.command("STARTTLS").code, 220)
                again.sock = context.wrap_socket(again.sock, session=session)
                self.assertTrue(again.sock.session_reused)
                self.assert_status(again.command("NOOP"), "250 2.0.0")

    def test_forgets_all_that_was_said_in_the_clear(self):
        client = self.client()
        client.command("MAIL FROM:<x@plain.example>")
        client.starttls(tls_client())
        self.assertEqual(client.command("RCPT TO:<bob@example.org>").code, 503)
        self.assertEqual(client.command("MAIL FROM:<x@plain.example>").code, 503, "a new EHLO is needed")
        self.assertEqual(client.command("STARTTLS").code, 503)
        self.assertEqual(self.sink.messages, [])

    def test_runs_nothing_that_was_injected_behind_starttls(self):
        injected = b"RSET\r\nMAIL FROM:<e@plain.example>\r\n"
        for slowly in (False, True):
            with self.subTest(slowly=slowly):
                client = self.client()
                if not slowly:
                    client.send(b"STARTTLS\r\n" + injected)
                    self.assertIn(client.rest(), (b"", b"220 2.0.0 Ready to start TLS\r\n"))
                    continue
                # Behind the 220 it can only be the beginning of a handshake.
                self.assertEqual(client.command("STARTTLS").code, 220)
                client.send_slowly(injected)
                self.assertNotIn(b"250", client.rest())

    def test_a_half_handshake_ends_with_the_connection(self):
        client = self.client()
        self.assertEqual(client.command("STARTTLS").code, 220)
        client.send(b"\x16\x03\x01\x02\x00\x01")
        client.close()
        self.gateway.logged('tls .*state="handshake failed"')

    def test_large_content_passes(self):
        client = self.client()
        client.starttls(tls_client())
        client.hello()
        content = PLAIN + b"0123456789\r\n.\r\n" * 100000
        self.assert_status(client.deliver(content, "x@plain.example"), "250 2.0.0")
        self.assertTrue(self.sink.messages[0].content.endswith(content))

    def test_an_end_split_over_tls_records_is_found(self):
        client = self.client()
        client.starttls(tls_client())
        client.hello()
        client.begin("x@plain.example")
        client.send(PLAIN)
        client.send_slowly(b"x\r\n.\r\n")
        self.assert_status(client.reply(), "250 2.0.0")


if __name__ == "__main__":
    harness.main()
