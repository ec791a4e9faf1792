#!/usr/bin/python3
"""What was answered 250 arrives although the gateway is killed again and again while the downstream dies and fails:
the small form of `./dev crash`, in each spool mode. And: the ledger finds what it is there to find."""
import asyncio
import unittest

import crash
import harness
import ledger_load
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
        copies = self.ledger.arrived(f"Received: by x with ESMTP\r\n id {queue_id}; now\r\n".encode() +
                                     (content or self.entry.content), list(self.entry.pairs), time, is_answered)
        return copies[0] if copies else None

    def test_all_is_right_when_each_came_once(self):
        self.arrive(1)
        self.assertTrue(self.ledger.is_right(self.ledger.account()))

    def test_finds_a_loss(self):
        self.finds("lost")

    def test_a_dead_letter_of_what_nobody_wants_is_no_loss(self):
        self.entry.kind = "unwanted"
        self.ledger.noticed_in(self.entry.content)
        self.assertTrue(self.ledger.is_right(self.ledger.account()))

    def test_a_dead_letter_of_what_is_wanted_is_a_loss(self):
        self.ledger.noticed_in(self.entry.content)
        self.finds("lost")

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

    def judged(self, kills=(), disk_faults=(), second="q1"):
        """The reason for a first copy at 1, answered, that a second one at 9 follows."""
        self.pair.copies.clear()
        self.ledger.kills, self.ledger.disk_faults = list(kills), list(disk_faults)
        self.arrive(1)
        self.arrive(9, second)
        (_, reason), = self.ledger.reasons(self.pair)
        return reason

    def test_a_reply_that_was_lost_is_a_reason(self):
        for second in ("q1", "q2"):
            with self.subTest(second):
                self.pair.copies.clear()
                self.arrive(1, is_answered=False)
                self.arrive(9, second)
                self.assertEqual(self.ledger.duplicates(), {"the downstream's reply was lost": 1})

    def test_the_order_is_that_in_which_they_came(self):
        """The first one's reply was late, and went out after the second had come."""
        self.arrive(1, is_answered=False).replied = 2.5
        self.arrive(2)
        self.assertEqual(self.ledger.duplicates(), {"the downstream's reply was lost": 1})
        first, _ = self.pair.copies
        first.is_answered, self.pair.copies[1].is_answered = True, False
        self.finds("  without a reason")

    def test_a_kill_in_the_window_is_a_reason(self):
        self.assertEqual(self.judged(kills=[1.5]), "killed before the record")
        self.assertIsNone(self.judged(kills=[3]), "long afterwards")
        self.assertIsNone(self.judged(kills=[0.5]), "before it came")
        self.assertIsNone(self.judged(kills=[1.5], second="q2"), "the client has not lost our reply")

    def test_a_kill_after_the_second_copy_is_no_reason(self):
        self.arrive(1)
        self.arrive(1.2)
        self.ledger.kills.append(1.5)
        self.finds("  without a reason")

    def test_a_late_reply_moves_the_window(self):
        self.arrive(1).replied = 2.9
        self.arrive(9)
        self.ledger.kills.append(3)
        self.assertEqual(self.ledger.duplicates(), {"killed before the record": 1})

    def test_a_failed_record_of_that_message_and_a_kill_are_a_reason(self):
        name = "the record failed on the disk"
        self.assertEqual(self.judged(kills=[3], disk_faults=[(2.5, "/s/spool/queue/q1")]), name)
        self.assertEqual(self.judged(kills=[3], disk_faults=[(2.5, "/s/spool/queue")]), name)
        self.assertIsNone(self.judged(kills=[3], disk_faults=[(2.5, "/s/spool/queue/q2")]), "another message")
        self.assertIsNone(self.judged(disk_faults=[(1.1, "/s/spool/queue/q1")]), "it lives and knows")
        self.assertIsNone(self.judged(kills=[2.5], disk_faults=[(2.9, "/s/spool/queue/q1")]), "failed after the kill")
        self.assertIsNone(self.judged(kills=[8], disk_faults=[(2.5, "/s/spool/queue/q1")]), "tried again long before")

    def test_a_client_that_lost_our_reply_explains_one_copy_under_another_id(self):
        self.pair.unsure.append(1.5)
        self.arrive(1)
        self.arrive(2, "q2")
        self.assertEqual(self.ledger.duplicates(), {"the client lost our reply": 1})
        self.arrive(3, "q3")
        self.finds("  without a reason")

    def test_a_reply_that_the_client_lost_later_is_no_reason(self):
        self.pair.unsure.append(2.5)
        self.arrive(1)
        self.arrive(2, "q2")
        self.finds("  without a reason")

    def test_finds_what_is_nobodys(self):
        self.ledger.arrived(b"Subject: x\r\n\r\n", ["x@example.org"], 1, True)
        self.assertEqual(self.ledger.account()["other problems"], 1)

    def test_the_story_has_what_happened_in_order(self):
        self.ledger.note("second")
        self.ledger.events.append((1.25, "first"))
        first, second = self.ledger.story()
        self.assertRegex(first, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6} 1\.250000 first$")
        self.assertTrue(second.endswith(" second"), second)


class TheRecorder(unittest.IsolatedAsyncioTestCase):
    """A downstream that is slow to answer what it has taken."""

    async def asyncSetUp(self):
        self.ledger = Ledger(1)
        self.entry, = self.ledger.entries.values()
        self.recorder = ledger_load.Recorder(self.ledger, 1, {"dot": {"take, slow": 1}})
        self.addCleanup(self.recorder.close)
        await self.recorder.up()
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.recorder.port)
        recipient, = self.entry.pairs
        self.writer.write(f"EHLO x\r\nMAIL FROM:<a@b.example>\r\nRCPT TO:<{recipient}>\r\nDATA\r\n".encode())
        await self.reader.readuntil(b"354 Go on\r\n")
        self.writer.write(self.entry.content + b".\r\n")
        self.pair, = self.entry.pairs.values()
        async with asyncio.timeout(20):
            while not self.pair.copies:
                await asyncio.sleep(0.01)
        self.copy, = self.pair.copies

    async def test_has_not_answered_until_it_did(self):
        self.assertFalse(self.copy.is_answered)
        came = self.copy.time
        self.assertEqual(await asyncio.wait_for(self.reader.readline(), 20), b"250 2.0.0 Taken\r\n")
        self.assertTrue(self.copy.is_answered)
        self.assertEqual(self.copy.time, came)
        self.assertGreater(self.copy.replied, came)

    async def test_has_not_answered_whom_it_cut_off_meanwhile(self):
        came = self.copy.time
        await self.recorder.down()
        async with asyncio.timeout(20):
            while self.copy.replied == came:
                await asyncio.sleep(0.01)
        self.assertFalse(self.copy.is_answered)
        self.assertEqual(self.copy.time, came)


if __name__ == "__main__":
    harness.main()
