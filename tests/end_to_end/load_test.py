#!/usr/bin/python3
"""Many messages at once, between Postfix's smtp-source and smtp-sink: all arrive, once."""
import re
import subprocess
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor

import harness
from harness import Dns, Gateway, SmtpSink, make_certificate, message, tls_client

ZONE = {"plain.example": ["TXT v=spf1 ip4:127.0.0.1 -all"], "_dmarc.plain.example": ["TXT v=DMARC1; p=reject"]}
SESSIONS, MESSAGES = 20, 200


class Load(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dns = cls.open_for_all(Dns(ZONE))
        folder = tempfile.TemporaryDirectory(prefix="gatepost-tls-")
        cls.addClassCleanup(folder.cleanup)
        certificate, key = make_certificate(folder.name, "mx.example.org")
        cls.tls = {"certificate": str(certificate), "key": str(key)}

    def gateway(self, server):
        return self.open(Gateway(server, self.dns.address, tls=self.tls, limits={"sessions_per_client": 2 * SESSIONS}))  # it begins anew before it has ended

    def test_all_messages_of_many_sessions_arrive_once(self):
        sink = self.open(SmtpSink())
        gateway = self.gateway(sink.url)
        done = subprocess.run([harness.need("smtp-source"), "-s", str(SESSIONS), "-m", str(MESSAGES), "-l", "10240", "-M",
                               "client.example", "-f", "x@plain.example", "-t", "bob@example.org", "-N",
                               f"127.0.0.1:{gateway.port}"], capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        kept = sink.messages()
        self.assertEqual(len(kept), MESSAGES)
        ours = (text[text.index(b"Authentication-Results"):] for text in kept)  # below smtp-sink's own Received
        ids = {re.search(rb"with E?SMTP\s+id (\w+)", text)[1] for text in ours}
        self.assertEqual(len(ids), MESSAGES, "each has an id of its own")
        harness.poll(lambda: len(gateway.messages()) == MESSAGES, "one log line a message")
        self.assertEqual({line["dmarc"] for line in gateway.messages()}, {"pass"})

    def test_encrypted_sessions_side_by_side_keep_apart(self):
        gateway = self.gateway("maildir://mail")

        def session(number):
            with gateway.client() as client:
                client.hello()
                client.starttls(tls_client())
                client.hello()
                for each in range(5):
                    content = message("x@plain.example", body=f"{number}-{each}\r\n" * 10000)
                    self.assert_status(client.deliver(content, "x@plain.example"), "250 2.0.0")
        with ThreadPoolExecutor(10) as pool:
            list(pool.map(session, range(10)))
        marks = sorted(re.search(rb"\r\n\r\n(\d-\d)\r\n(\1\r\n){9999}$", text)[1] for text in gateway.mail())
        self.assertEqual(marks, sorted(f"{number}-{each}".encode() for number in range(10) for each in range(5)))


if __name__ == "__main__":
    harness.main()
