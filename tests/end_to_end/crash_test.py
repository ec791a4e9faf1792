#!/usr/bin/python3
"""What was answered 250 arrives although the gateway is killed again and again while the downstream dies and fails:
the small form of `./dev crash`, in each spool mode. And: the ledger finds what it is there to find."""
import asyncio
import unittest

import crash
import harness
from ledger import Ledger
from spooling import need_spool


class Crash(harness.TestCase):
    def account(self, mode, messages=500, kills=4):
        run = self.open(crash.Run(mode, messages, kills, sessions=20, seed=int.from_bytes(mode.encode()[:3], "big")))
        asyncio.run(run.run(patience=100))
        self.assertTrue(run.is_right, "\n" + run.table())
        self.assertEqual(run.figures["kills of the gateway"], kills)
        self.assertGreater(run.figures["answered 250"], messages * 0.9)
        return run

    def test_nothing_is_lost_without_a_spool(self):
        run = self.account("never")
        self.assertEqual(run.figures["told of, or kept as dead letters"], 0)

    def test_nothing_is_lost_with_a_spool_for_outages(self):
        need_spool()
        self.account("outage")

    def test_nothing_is_lost_with_a_spool_for_everything(self):
        need_spool()
        self.account("always")


class TheLedger(unittest.TestCase):
    """Its findings, on facts made up here. Message 0 is a plain one to one recipient."""

    def setUp(self):
        self.ledger = Ledger(1)
        self.entry = next(iter(self.ledger.entries.values()))
        self.assertEqual((self.entry.kind, len(self.entry.pairs)), ("plain", 1))
        self.pair, = self.entry.pairs.values()
        self.pair.state = "taken"

    def finds(self, name):
        account = self.ledger.account()
        self.assertFalse(self.ledger.is_right(account))
        self.assertEqual(account[name], 1, account)

    def arrive(self, time, queue_id="q1", is_answered=True, content=None):
        self.ledger.arrived(f"Received: by x with ESMTP\r\n id {queue_id}; now\r\n".encode() + (content or self.entry.content),
                            list(self.entry.pairs), time, is_answered)

    def test_all_is_right_when_each_came_once(self):
        self.arrive(1)
        self.assertTrue(self.ledger.is_right(self.ledger.account()))

    def test_finds_a_loss(self):
        self.finds("lost")

    def test_a_dead_letter_is_no_loss(self):
        self.ledger.noticed_in(self.entry.content)
        self.assertTrue(self.ledger.is_right(self.ledger.account()))

    def test_finds_a_refused_one_that_came(self):
        self.pair.state = "refused"
        self.arrive(1)
        self.finds("delivered though refused")

    def test_finds_one_that_nobody_answered(self):
        self.pair.state = "open"
        self.finds("never answered")

    def test_finds_a_changed_body(self):
        self.arrive(1, content=self.entry.content[:-1])
        self.finds("other problems")

    def test_finds_a_copy_without_a_reason(self):
        for second in ("q1", "q2"):
            with self.subTest(second):
                self.pair.copies.clear()
                self.ledger.problems.clear()
                self.arrive(1)
                self.arrive(2, second)
                self.finds("  without a reason")

    def test_knows_the_reasons(self):
        cases = {"the downstream's reply was lost": lambda: self.arrive(1, is_answered=False),
                 "killed before the record": lambda: (self.arrive(1), self.ledger.kills.append(1.5)),
                 "the record failed on the disk": lambda: (self.arrive(1), self.ledger.disk_faults.append(1.1))}
        for reason, happens in cases.items():
            with self.subTest(reason):
                self.pair.copies.clear()
                self.ledger.kills.clear()
                happens()
                self.arrive(9)
                self.assertEqual(self.ledger.duplicates(), {reason: 1})

    def test_a_client_that_lost_our_reply_explains_one_copy_under_another_id(self):
        self.pair.unsure = 1
        self.arrive(1)
        self.arrive(2, "q2")
        self.assertEqual(self.ledger.duplicates(), {"the client lost our reply": 1})
        self.arrive(3, "q3")
        self.finds("  without a reason")

    def test_a_kill_long_afterwards_explains_nothing(self):
        self.arrive(1)
        self.arrive(9)
        self.ledger.kills.append(3)
        self.finds("  without a reason")

    def test_finds_what_is_nobodys(self):
        self.ledger.arrived(b"Subject: x\r\n\r\n", ["x@example.org"], 1, True)
        self.assertEqual(self.ledger.account()["other problems"], 1)


if __name__ == "__main__":
    harness.main()
