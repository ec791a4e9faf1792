"""What the tests of the spool share: a gateway that spools, whose system fails as told, before a downstream that can be
away; and messages that are known again."""
import json
import re
import signal
import subprocess
import tempfile
import unittest

import harness
from faulty import Faults
from harness import CLOSE, Dns, Gateway, Sink, message, poll

ZONE = {"sender.example": ["TXT v=spf1 ip4:127.0.0.1 -all"], "mail.sender.example": ["A 127.0.0.1"],
        "1.0.0.127.in-addr.arpa": ["PTR mail.sender.example."]}


def need_spool():
    """Skips where the program cannot spool."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        json.dump({"hostname": "mx.example.org", "domains": ["example.org"], "listeners": [{"address": "127.0.0.1:0"}],
                   "downstream": {"servers": ["smtp://127.0.0.1:1"], "spool": "always"}, "state": "/tmp"}, file)
        file.flush()
        if b"spool" in harness.run("check", "--config", file.name).stderr:
            raise unittest.SkipTest("skipped: this gatepost has no spool")


class AwaySink(Sink):
    """One that can be away: whoever connects is cut off."""

    def go_away(self):
        self.answers["connect"] = CLOSE
        self.end_connections()

    def come_back(self):
        self.answers.clear()

    def copies(self, name):
        """How often the message of this name was taken."""
        return sum(f"Subject: {name}\r\n".encode() in each.content for each in list(self.messages))


class SpoolCase(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        need_spool()
        cls.dns = cls.open_for_all(Dns(ZONE))

    def setUp(self):
        self.sink = self.open(AwaySink())

    def gateway(self, mode="always", listening=True, **changes):
        changes["downstream"] = {"spool": mode, "retry": {"first": "1s", "max": "2s"}, **changes.get("downstream", {})}
        gateway = self.open(Gateway(self.sink.url, self.dns.address, listening=False))
        self.faults = Faults(gateway.folder)
        gateway.environment.update(self.faults.environment)
        gateway.base = harness.merged(gateway.base, changes)
        gateway.configure()
        if listening:
            gateway.start()
        return gateway

    @staticmethod
    def spool(gateway, shelf):
        return sorted((gateway.folder / "state" / "spool" / shelf).glob("*"))

    @staticmethod
    def send(gateway, name, body="Hello.\r\n", recipients=("bob@example.org",)):
        """The last reply's code; None if the connection was lost."""
        try:
            with gateway.client() as client:
                client.hello("mail.sender.example")
                for command in ("MAIL FROM:<alice@sender.example>", *(f"RCPT TO:<{each}>" for each in recipients), "DATA"):
                    reply = client.command(command)
                    if reply.code not in (250, 354):
                        return reply.code
                client.send(harness.stuffed(message("alice@sender.example", subject=name, body=body)) + b".\r\n")
                return client.reply().code
        except (OSError, EOFError):
            return None

    @staticmethod
    def kill(gateway):
        gateway.process.popen.send_signal(signal.SIGKILL)
        gateway.process.popen.wait()

    @staticmethod
    def restart(gateway):
        gateway.notifications.close()
        (gateway.folder / "notify").unlink(missing_ok=True)
        gateway.start()

    def arrives(self, name, gateway=None):
        try:
            poll(lambda: self.sink.copies(name), f"{name} arrives")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{gateway.log() if gateway else ''}") from None

    def empties(self, gateway, *shelves):
        for shelf in shelves:
            poll(lambda: not self.spool(gateway, shelf), f"nothing is left in {shelf}")

    @staticmethod
    def check(gateway):
        """`gatepost serve` on the same configuration, to its end; what it said."""
        done = subprocess.run([harness.program(), "serve", "--config", str(gateway.file)], capture_output=True, timeout=30,
                              env={"PATH": "/usr/bin", **gateway.environment}, check=False)
        return done.returncode, re.sub(r"\s+", " ", done.stderr.decode("utf-8", "backslashreplace"))
