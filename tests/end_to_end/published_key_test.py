#!/usr/bin/python3
"""Who forgets to publish the key of notifications is told at the start, and not by receivers who refuse them."""
import pathlib
import re
import shlex
import signal
import socket
import tempfile

import harness
from harness import Dns, Gateway, poll, run

SELECTOR = "gp1._domainkey.example.org"


def record_in(output):
    """Of what keygen prints."""
    return "".join(re.findall(r'"([^"]*)"', output.decode()))


class PublishedKey(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="gatepost-key-")
        cls.addClassCleanup(folder.cleanup)
        cls.keys, cls.records = [], []
        for name in ("ours", "another"):
            cls.keys.append(str(pathlib.Path(folder.name) / name))
            made = run("keygen", "--domain", "example.org", "--selector", "gp1", "--out", cls.keys[-1])
            assert made.returncode == 0, made.stderr
            cls.records.append(record_in(made.stdout))
        cls.good = cls.open_for_all(Dns({SELECTOR: ["TXT " + cls.records[0]]}))
        cls.bad = cls.open_for_all(Dns({SELECTOR: ["TXT " + cls.records[1]]}))
        cls.empty = cls.open_for_all(Dns({}))

    def gateway(self, resolver, dns=None, **changes):
        notifications = {"domain": "example.org", "selector": "gp1", "key": self.keys[0], "relay": ["smtp://127.0.0.1:1"]}
        return self.open(Gateway("smtp://127.0.0.1:1", resolver, workers=1, downstream={"spool": "always"}, dns=dns or {},
                                 notifications=harness.merged(notifications, changes)))

    def lines(self, gateway):
        return [line for line in gateway.log().splitlines() if " notification_key " in line]

    def told(self, gateway, count=1):
        """(state, remedy) of the last of so many lines."""
        poll(lambda: len(self.lines(gateway)) >= count, "a line about the key")
        self.assertEqual(len(self.lines(gateway)), count)
        fields = harness.fields_of(self.lines(gateway)[-1])
        self.assertEqual(fields["name"], SELECTOR)
        return fields["state"], fields.get("remedy", "")

    def test_what_is_published_is_said_to_be(self):
        self.assertEqual(self.told(self.gateway(self.good.address)), ("published", ""))

    def test_what_is_not_is_told_with_what_to_do(self):
        for state, dns in (("missing", self.empty), ("unfit", self.bad)):
            with self.subTest(state):
                found, remedy = self.told(self.gateway(dns.address))
                self.assertEqual(found, state)
                command = shlex.split(remedy.partition(": ")[2])
                self.assertEqual(command[0], "gatepost")
                shown = run(*command[1:])
                self.assertEqual(shown.returncode, 0, shown.stderr)
                self.assertEqual(record_in(shown.stdout), self.records[0])
                self.assertIn(SELECTOR + ". IN TXT", shown.stdout.decode())

    def test_a_reload_looks_again(self):
        gateway = self.gateway(self.empty.address)
        self.assertEqual(self.told(gateway)[0], "missing")
        for count, (state, key, dns) in enumerate((("published", 0, self.good), ("unfit", 1, self.good),
                                                   ("published", 1, self.bad)), 2):
            gateway.base["dns"]["servers"] = [dns.address]
            gateway.base["notifications"] = {"domain": "example.org", "selector": "gp1", "key": self.keys[key],
                                             "relay": ["smtp://127.0.0.1:1"]}
            gateway.configure(downstream={"spool": "always"})
            gateway.signal(signal.SIGHUP)
            self.assertEqual(self.told(gateway, count)[0], state)

    def test_a_dns_that_is_away_is_no_reason_to_warn(self):
        self.assertEqual(self.told(self.gateway("127.0.0.1:1")), ("unknown", ""))

    def test_nothing_waits_for_it(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            gateway = self.gateway(f"127.0.0.1:{silent.getsockname()[1]}", dns={"timeout": "30s"})
            self.assertEqual(self.lines(gateway), [])  # and it says that it is ready
            gateway.stop()

    def test_without_a_key_nobody_asks(self):
        for reason, changes in (("no key", {"key": None, "selector": None}), ("off", {"enabled": False})):
            with self.subTest(reason):
                gateway = self.gateway(self.good.address, **changes)
                gateway.configure(downstream={"spool": "always"}, notifications={"domain": "example.org", "selector": "gp1",
                                                                                 "key": self.keys[1]})
                gateway.signal(signal.SIGHUP)
                self.assertEqual(self.told(gateway)[0], "unfit")  # and nothing before it


if __name__ == "__main__":
    harness.main()
