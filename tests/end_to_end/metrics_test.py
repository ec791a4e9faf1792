#!/usr/bin/python3
"""What monitoring is told, over HTTP as Prometheus asks for it."""
import socket
import subprocess
import time
import urllib.error
import urllib.request
import unittest

import harness
from harness import Dns, Gateway, Sink, message, poll, reserve


class Metrics(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dns = cls.open_for_all(Dns({"sender.example": ["TXT v=spf1 ip4:127.0.0.1 -all"]}))

    def setUp(self):
        self.sink = self.open(Sink())
        port = reserve(shared=False)
        self.addCleanup(port.close)
        self.place = ("127.0.0.1", port.getsockname()[1])

    def gateway(self, **changes):
        gateway = self.open(Gateway(self.sink.url, self.dns.address, listening=False, metrics={"listen": "%s:%d" % self.place},
                                    **{"downstream": {"spool": "always", "retry": {"first": "1s", "max": "1s"}}, **changes}))
        gateway.start()
        return gateway

    def ask(self, path="/metrics"):
        return urllib.request.urlopen("http://%s:%d%s" % (*self.place, path), timeout=10)

    def figures(self):
        with self.ask() as answer:
            self.assertEqual(answer.headers["Content-Type"], "text/plain; version=0.0.4; charset=utf-8")
            lines = answer.read().decode().splitlines()
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}

    def send(self, gateway, sender="a@sender.example"):
        with gateway.client() as client:
            client.hello()
            for line in (f"MAIL FROM:<{sender}>", "RCPT TO:<bob@example.org>", "DATA"):
                self.assertIn(client.command(line).code, (250, 354))
            client.send(message("a@sender.example"))
            self.assertEqual(client.command(".").code, 250)

    def becomes(self, **wanted):
        names = {name: {"tried": 'gatepost_queue_recipients_tried_total{outcome="%s"}',
                        "queue": "gatepost_queue_%s"}.get(name.split("__")[0], "gatepost_%s") % name.split("__")[-1]
                 for name in wanted}
        poll(lambda: all(self.figures()[names[name]] == value for name, value in wanted.items()), str(wanted))

    def test_what_was_delivered_refused_and_kept_is_counted(self):
        gateway = self.gateway()
        self.becomes(sessions=0, dead_letters_total=0, queue__messages=0, queue__bytes=0)
        self.send(gateway)
        self.becomes(tried__accepted=1, queue__messages=0)
        self.sink.answers["dot"] = "550 5.6.0 No"
        self.send(gateway)
        self.becomes(tried__accepted=1, tried__refused=1, dead_letters_total=1, queue__messages=0)
        self.sink.answers["dot"] = "451 4.3.0 Later"
        self.send(gateway)
        self.becomes(queue__messages=1, dead_letters_total=1)
        poll(lambda: self.figures()['gatepost_queue_recipients_tried_total{outcome="deferred"}'] >= 2, "tries")
        self.assertGreater(self.figures()["gatepost_queue_bytes"], 100)
        with gateway.client() as client:
            client.hello()
            self.becomes(sessions=1)

    def test_curl_and_nothing_else_is_served(self):
        self.gateway()
        got = subprocess.run(["curl", "-sfI", "http://%s:%d/metrics" % self.place], capture_output=True, check=True).stdout
        self.assertTrue(got.startswith(b"HTTP/1.1 200 OK\r\n"), got)
        for path in ("/", "/metrics/", "/%2e%2e/etc/passwd"):
            with self.assertRaises(urllib.error.HTTPError) as refusal:
                self.ask(path)
            refusal.exception.close()
            self.assertEqual(refusal.exception.code, 404)

    def test_hostile_clients_hold_up_nobody_else(self):
        gateway = self.gateway()
        silent = [self.open_socket() for _ in range(8)]
        self.send(gateway)  # mail goes on
        for each in silent[1:]:
            each.close()
        self.becomes(tried__accepted=1)
        endless = self.open_socket()
        with self.assertRaises(OSError):  # more than a head may have: answered, and closed
            for _ in range(1000):
                endless.sendall(b"x" * 10000)
                time.sleep(0.001)
        self.figures()
        began = time.monotonic()
        self.assertEqual(silent[0].recv(100), b"", "cut off")
        self.assertLess(time.monotonic() - began, 20)

    def open_socket(self):
        opened = socket.create_connection(self.place, timeout=30)
        self.addCleanup(opened.close)
        return opened

    def test_an_address_in_use_is_said_at_the_start(self):
        other = socket.socket()
        self.addCleanup(other.close)
        other.bind(("127.0.0.1", 0))
        other.listen()
        self.place = other.getsockname()
        gateway = self.open(Gateway(self.sink.url, self.dns.address, listening=False,
                                    metrics={"listen": "%s:%d" % self.place}))
        ended = harness.run("serve", "--config", str(gateway.file))
        self.assertEqual(ended.returncode, 69, ended)  # EX_UNAVAILABLE
        self.assertIn(b"metrics.listen: 127.0.0.1:%d: Address already in use" % self.place[1], ended.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
