#!/usr/bin/python3
"""One message for several routes: what one has taken is not sent to it again because another is slow, whatever happens
to the gateway meanwhile; and more may be tried at once as soon as the configuration says so."""
import signal
import threading
import time

import harness
from harness import poll
from spooling import AwaySink, SpoolCase


class SlowSink(AwaySink):
    """One that keeps whoever has sent a message waiting for the answer while `is_slow`."""

    def __init__(self):
        self.waiting, self.most, self.is_slow = 0, 0, True
        self.lock = threading.Lock()
        super().__init__()

    def say(self, number, stage):
        if stage == "dot":
            with self.lock:
                self.waiting += 1
                self.most = max(self.most, self.waiting)
            end = time.monotonic() + harness.PATIENCE
            while self.is_slow and time.monotonic() < end:
                time.sleep(0.02)
            with self.lock:
                self.waiting -= 1
        return super().say(number, stage)


class SeveralRoutes(SpoolCase):
    def test_a_kill_while_the_second_is_slow_costs_the_first_no_copy(self):
        slow = self.open(SlowSink())
        gateway = self.gateway("always", downstream={"routes": [{"domains": ["example.net"], "servers": [slow.url]}]})
        self.assertEqual(self.send(gateway, "both", recipients=["bob@example.org", "carol@example.net"]), 250)
        self.arrives("both", gateway)
        poll(lambda: slow.waiting == 1, "the second has the message")
        self.kill(gateway)
        slow.is_slow = False
        self.restart(gateway)
        self.empties(gateway, "queue")
        self.assertEqual(self.sink.copies("both"), 1)
        self.assertGreaterEqual(slow.copies("both"), 1)
        self.assertEqual([each.recipients for each in self.sink.messages], [["bob@example.org"]])


class AtOnce(SpoolCase):
    def setUp(self):
        self.sink = self.open(SlowSink())

    def test_more_are_tried_as_soon_as_a_reload_says_so(self):
        gateway = self.gateway("always", queue={"deliveries": 1})
        for number in range(8):
            self.assertEqual(self.send(gateway, f"n{number}"), 250)
        poll(lambda: self.sink.waiting == 1, "one is tried")
        gateway.base["queue"]["deliveries"] = 5
        gateway.configure()
        gateway.signal(signal.SIGHUP)
        poll(lambda: self.sink.waiting == 5, "five are tried")
        self.sink.is_slow = False
        self.empties(gateway, "queue")
        self.assertEqual(self.sink.most, 5)
        self.assertEqual([self.sink.copies(f"n{number}") for number in range(8)], [1] * 8)


if __name__ == "__main__":
    harness.main()
