#!/usr/bin/python3
"""The mail software of others delivers through the gateway, with TLS and with all that both sides know, and what
comes out behind it are the octets that went in."""
import hashlib
import re
import smtplib
import ssl
import subprocess
import tempfile
import unittest

import harness
from harness import PATIENCE, Dns, Gateway, Sink, make_certificate, need, tls_client
from senders import Exim, Postfix, Tap

SENDER = "alice@plain.example"
RECIPIENT = "bob@example.org"
UTF8_SENDER = "j\u00fcrgen@plain.example"
UTF8_RECIPIENT = "\u5f20@example.org"
HEADER = (f"From: Alice <{SENDER}>\r\nTo: {RECIPIENT}\r\nSubject: a test of others\r\n"
          "Date: Fri, 01 May 2026 12:00:00 +0000\r\nMessage-ID: <interop@plain.example>\r\n"
          "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n")
# Dots where they hurt, 8-bit text, long lines, and enough of it for many segments, TLS records and chunks.
BODY = ("Gr\u00fc\u00dfe.\r\n.\r\n..\r\n.x\r\n \r\n\t.\r\n" + "z" * 990 + "\r\n" +
        "".join(f".{line} \u00e4\u00f6\u00fc \u2713 MAIL FROM:<x@y> BDAT 5 LAST\r\n" for line in range(2500)) + "\r\nend\r\n")


class Interop(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="gatepost-interop-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        certificate, key = make_certificate(folder.name, "mx.example.org")
        cls.dns = cls.open_for_all(Dns({"plain.example": ["A 127.0.0.1", "MX 10 plain.example."]}))
        cls.sink = cls.open_for_all(Sink())
        cls.gateway = cls.open_for_all(Gateway(cls.sink.url, cls.dns.address,
                                               tls={"certificate": str(certificate), "key": str(key)}))
        with cls.gateway.client() as client:
            cls.capabilities = client.hello().lines

    def setUp(self):
        self.sink.messages.clear()

    def message(self, mark, newline="\r\n"):
        """The octets of a message; `mark` makes it one of its own."""
        return (HEADER + f"X-Mark: {mark}\r\n\r\n" + BODY).replace("\r\n", newline).encode()

    def file(self, mark, newline="\r\n"):
        path = f"{self.folder}/{mark}.eml"
        with open(path, "wb") as file:
            file.write(self.message(mark, newline))
        return path

    def command(self, *arguments, **options):
        done = subprocess.run(arguments, capture_output=True, timeout=4 * PATIENCE, check=False, **options)
        self.assertEqual(done.returncode, 0, (done.stdout + done.stderr).decode(errors="backslashreplace")[-3000:])
        return done

    def assert_arrived(self, mark, tls=True, utf8=False, recipients=(RECIPIENT,), sender=SENDER):
        """Once, whole, with the envelope that was given; senders may add fields on top."""
        harness.poll(lambda: any(each.is_answered for each in self.sink.messages), "the message arrives")
        self.assertEqual(len(self.sink.messages), 1)
        delivered = self.sink.messages[0]
        header, _, body = delivered.content.partition(b"\r\n\r\n")
        self.assertEqual(hashlib.sha256(body).hexdigest(), hashlib.sha256(BODY.encode()).hexdigest(), body[:300])
        for line in (HEADER + f"X-Mark: {mark}").split("\r\n"):
            self.assertIn(line.encode(), header.split(b"\r\n"))
        self.assertEqual(delivered.reverse_path, sender)
        self.assertEqual(sorted(delivered.recipients), sorted(recipients))
        self.assertNotRegex(delivered.content, rb"(?<!\r)\n|\r(?!\n)")
        received = re.sub(rb"\r\n[ \t]+", b" ", header)
        word = (b"UTF8SMTP" if utf8 else b"ESMTP") + (b"S" if tls else b"")
        self.assertRegex(received, rb"Received: from [^\n]* by mx\.example\.org [^\n]*with " + word + rb"\b")
        return delivered


class Programs(Interop):
    """Programs that deliver one message and end."""

    def test_swaks_delivers_over_tls(self):
        file = self.file("swaks", "\n")
        with open(file, "rb+") as content:
            content.truncate(len(content.read()) - 1)  # swaks adds a line end
        self.command(need("swaks"), "--server", f"127.0.0.1:{self.gateway.port}", "--tls", "--pipeline", "--from", SENDER,
                     "--to", RECIPIENT, "--data", file)
        self.assert_arrived("swaks")

    def test_msmtp_delivers_over_tls(self):
        with open(self.file("msmtp", "\n"), "rb") as file:
            self.command(need("msmtp"), "--file=/dev/null", "--host=127.0.0.1", f"--port={self.gateway.port}", "--tls=on",
                         "--tls-starttls=on", "--tls-certcheck=off", "--domain=plain.example", f"--from={SENDER}",
                         RECIPIENT, "carol@example.org", stdin=file)
        self.assert_arrived("msmtp", recipients=(RECIPIENT, "carol@example.org"))

    def test_curl_delivers_over_tls(self):
        self.command(need("curl"), "-sS", "--ssl-reqd", "-k", f"smtp://127.0.0.1:{self.gateway.port}/plain.example",
                     "--mail-from", SENDER, "--mail-rcpt", RECIPIENT, "-T", self.file("curl"))
        self.assert_arrived("curl")

    def test_smtplib_delivers_over_tls_with_8bitmime(self):
        with smtplib.SMTP("127.0.0.1", self.gateway.port, timeout=PATIENCE) as client:
            client.starttls(context=tls_client())
            client.sendmail(SENDER, [RECIPIENT], self.message("smtplib"), mail_options=["BODY=8BITMIME"])
        self.assert_arrived("smtplib")

    def test_smtplib_delivers_utf8_addresses(self):
        with smtplib.SMTP("127.0.0.1", self.gateway.port, timeout=PATIENCE) as client:
            client.starttls(context=tls_client())
            client.sendmail(UTF8_SENDER, [UTF8_RECIPIENT], self.message("utf8"), mail_options=["SMTPUTF8", "BODY=8BITMIME"])
        self.assert_arrived("utf8", utf8=True, sender=UTF8_SENDER, recipients=[UTF8_RECIPIENT])

    def test_smtplib_delivers_in_chunks(self):
        if "CHUNKING" not in self.capabilities:
            self.skipTest("skipped: the gateway does not offer CHUNKING")
        content = self.message("chunks")
        pieces = [content[at:at + 9973] for at in range(0, len(content), 9973)]
        with smtplib.SMTP("127.0.0.1", self.gateway.port, timeout=PATIENCE) as client:
            client.starttls(context=tls_client())
            client.ehlo()
            self.assertEqual(client.mail(SENDER, ["BODY=8BITMIME"])[0], 250)
            self.assertEqual(client.rcpt(RECIPIENT)[0], 250)
            for number, piece in enumerate(pieces):
                last = " LAST" if number == len(pieces) - 1 else ""
                client.send(f"BDAT {len(piece)}{last}\r\n".encode() + piece)
                self.assertEqual(client.getreply()[0], 250)
        self.assert_arrived("chunks")


class Mtas(Interop):
    """Mail servers that relay through the gateway, with what their logs and a tap say about it."""

    def assert_pipelined(self, segments):
        self.assertTrue(any(b"MAIL FROM" in each and b"RCPT TO" in each for each in segments), segments[:6])

    def send_by(self, postfix, mark, sender=SENDER, recipients=(RECIPIENT,), options=()):
        with smtplib.SMTP("127.0.0.1", postfix.port, timeout=PATIENCE) as client:
            client.sendmail(sender, recipients, self.message(mark), mail_options=options)

    def test_postfix_relays_over_tls(self):
        postfix = self.open(Postfix(relayhost=f"[127.0.0.1]:{self.gateway.port}", smtp_tls_security_level="encrypt",
                                    smtp_tls_loglevel=1))
        self.send_by(postfix, "postfix", recipients=[RECIPIENT, "carol@example.org"], options=["BODY=8BITMIME"])
        self.assert_arrived("postfix", recipients=[RECIPIENT, "carol@example.org"])
        postfix.logged(rf"to=<{RECIPIENT}>.*dsn=2\.0\.0, status=sent \(250 2\.0\.0")
        postfix.logged(r"TLS connection established to 127\.0\.0\.1.*TLSv1\.3")

    def test_postfix_relays_utf8_addresses(self):
        postfix = self.open(Postfix(relayhost=f"[127.0.0.1]:{self.gateway.port}", smtp_tls_security_level="encrypt"))
        self.send_by(postfix, "utf8", UTF8_SENDER, [UTF8_RECIPIENT], ["SMTPUTF8", "BODY=8BITMIME"])
        self.assert_arrived("utf8", utf8=True, sender=UTF8_SENDER, recipients=[UTF8_RECIPIENT])

    def test_postfix_pipelines(self):
        tap = self.open(Tap(self.gateway.port))
        postfix = self.open(Postfix(relayhost=f"[127.0.0.1]:{tap.port}", smtp_tls_security_level="none"))
        self.send_by(postfix, "pipelined", options=["BODY=8BITMIME"])
        self.assert_arrived("pipelined", tls=False)
        self.assert_pipelined(tap.segments)
        self.assertIn(b"BODY=8BITMIME", b"".join(tap.segments))

    def test_exim_relays_over_tls(self):
        exim = self.open(Exim(self.gateway.port))
        done = exim.run("-odf", "-i", "-f", SENDER, RECIPIENT, standard_input=self.message("exim", "\n"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_arrived("exim")
        self.assertRegex(exim.log(), r"=> bob@example\.org .*X=TLS1\.3.* C=\"250")
        if "CHUNKING" in self.capabilities:
            self.assertRegex(exim.log(), r"=> bob@example\.org .* K ", "sent with BDAT")

    def test_exim_relays_utf8_addresses(self):
        exim = self.open(Exim(self.gateway.port))
        session = (f"EHLO plain.example\r\nMAIL FROM:<{UTF8_SENDER}> SMTPUTF8 BODY=8BITMIME\r\n"
                   f"RCPT TO:<{UTF8_RECIPIENT}>\r\nDATA\r\n").encode()
        content = harness.stuffed(self.message("exim-utf8"))
        exim.run("-odi", "-bs", standard_input=session + content + b".\r\nQUIT\r\n")
        self.assert_arrived("exim-utf8", utf8=True, sender=UTF8_SENDER, recipients=[UTF8_RECIPIENT])

    def test_exim_pipelines_and_sends_chunks(self):
        tap = self.open(Tap(self.gateway.port))
        exim = self.open(Exim(tap.port, tls=False))
        exim.run("-odf", "-i", "-f", SENDER, RECIPIENT, standard_input=self.message("clear", "\n"))
        self.assert_arrived("clear", tls=False)
        self.assert_pipelined(tap.segments)
        if "CHUNKING" in self.capabilities:
            sent = b"".join(tap.segments)
            self.assertRegex(sent, rb"(?m)^BDAT \d+ LAST\r$")
            self.assertNotRegex(sent, rb"(?m)^DATA\r$")


if __name__ == "__main__":
    harness.main()
