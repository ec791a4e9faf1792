#!/usr/bin/python3
"""What the queue makes of half a fault: one of two destinations that is away, an LMTP server that vanishes between two of
its answers."""
import re
import time

import harness

from downstream_extensions_test import Stub
from harness import CLOSE, poll

from spooling import AwaySink, SpoolCase


class Answering(Stub):
    """LMTP: one answer for each recipient."""

    def take(self, number, file, current):
        super().take(number, file, current)
        for _ in current.recipients[1:]:
            self.say(number, "dot")


class Chances(SpoolCase):
    def test_a_destination_that_is_away_holds_up_no_other(self):
        other = self.open(AwaySink())
        self.sink.go_away()
        gateway = self.gateway("always", domains=["example.org", "example.net"], downstream={
            "retry": {"first": "1h", "max": "1h"}, "routes": [{"domains": ["example.net"], "servers": [other.url]}]})
        self.assertEqual(self.send(gateway, "first"), 250)
        gateway.logged("delivery .*result=unreachable")
        self.assertEqual(self.send(gateway, "both", recipients=("bob@example.org", "eve@example.net")), 250)
        poll(lambda: other.copies("both"), "the one that is there has it")

    def test_who_was_answered_for_before_the_end_gets_it_once(self):
        stub = self.open(Answering(is_lmtp=True))
        self.sink = stub
        gateway = self.gateway("outage")
        stub.answers["dot"] = ["250 2.0.0 Ok", CLOSE]
        self.assertEqual(self.send(gateway, "two", recipients=("bob@example.org", "eve@example.org")), 250)
        poll(lambda: len(stub.messages) > 1, "the other one's is sent again")
        self.empties(gateway, "queue")
        time.sleep(0.2)
        self.assertEqual([each.recipients for each in stub.messages],
                         [["bob@example.org", "eve@example.org"], ["eve@example.org"]])

    def test_what_could_not_be_removed_is_not_sent_again_by_the_next_one(self):
        ends = {"stopped": lambda gateway: gateway.stop(), "killed": self.kill}
        for end, ends_it in ends.items():
            with self.subTest(end):
                gateway = self.gateway()
                self.faults.plan("unlink /queue/ * fail EIO")
                self.assertEqual(self.send(gateway, end, recipients=("bob@example.org", "eve@example.org")), 250)
                file = poll(lambda: self.spool(gateway, "queue"), "it is in the queue")[0]
                poll(lambda: re.search(rb"(?m)^try .* 0,1 ", file.read_bytes()), "the journal says that both have it")
                ends_it(gateway)
                self.faults.plan()
                self.restart(gateway)
                self.empties(gateway, "queue")
                self.assertEqual(self.sink.copies(end), 1)

    def test_who_finds_no_room_in_the_envelope_gets_nothing(self):
        gateway = self.gateway("outage", limits={"recipients": 1100})
        with gateway.client() as client:
            client.hello("mail.sender.example")
            client.command("MAIL FROM:<alice@sender.example>")
            taken, refused = [], 0
            while refused < 3:
                recipient = f"{len(taken) + refused:064}@example.org"
                reply = client.command(f"RCPT TO:<{recipient}>")
                if reply.code == 250:
                    taken.append(recipient)
                else:
                    self.assert_status(reply, "452 4.5.3")
                    refused += 1
            client.command("DATA")
            client.send(harness.stuffed(harness.message("alice@sender.example")) + b".\r\n")
            self.assertEqual(client.reply().code, 250)
        self.assertEqual([each.recipients for each in self.sink.messages], [taken])


if __name__ == "__main__":
    harness.main()
