#!/usr/bin/python3
"""Which failure at which moment gives the client which reply, in each spool mode: the rows of the section "Failure
moments" in gateway/README.md. Whatever the client heard, the message arrives in the end, unless it was refused."""
import harness
from harness import CLOSE, SILENT, Dns, Gateway, poll
from spooling import ZONE, AwaySink, SpoolCase, need_spool

MODES = ("never", "outage", "always")


class Moments(SpoolCase):
    """One gateway for each mode, each with a downstream of its own."""

    @classmethod
    def setUpClass(cls):
        need_spool()
        cls.dns = cls.open_for_all(Dns(ZONE))
        cls.sinks, cls.gateways = {}, {}
        for mode in MODES:
            cls.sinks[mode] = cls.open_for_all(AwaySink())
            cls.gateways[mode] = cls.open_for_all(Gateway(
                cls.sinks[mode].url, cls.dns.address, limits={"downstream_timeout": "1s"}, workers=1,
                downstream={"spool": mode, "retry": {"first": "1s", "max": "2s"}}))

    def setUp(self):
        for sink in self.sinks.values():
            sink.answers.clear()
            sink.messages.clear()
            sink.end_connections()  # no kept one: each stage is reached anew

    def moment(self, answers, replies, transmissions=(1, 1, 1), refused=()):
        """`replies`: the codes in the modes; `transmissions`: how often the content goes out until all is well again, the
        client sending anew after 4yz; `refused`: modes in which nobody gets it in the end, and the client knows."""
        self.name = self.id().rpartition(".")[2]
        for mode, reply, count in zip(MODES, replies, transmissions):
            with self.subTest(mode):
                self.sink, gateway = self.sinks[mode], self.gateways[mode]
                self.sink.answers.update({stage: list(answer) if isinstance(answer, list) else answer
                                          for stage, answer in answers.items()})
                recipient = f"{self.name}@example.org"  # of whom nothing is remembered
                self.assertEqual(self.send(gateway, self.name, recipients=[recipient]), reply, gateway.log()[-3000:])
                if mode in refused:
                    self.nobody_gets_it(gateway, count, has_letter=reply == 250)
                    continue
                if not any(isinstance(answer, list) for answer in answers.values()):
                    self.sink.answers.clear()
                if reply // 100 == 4:
                    self.sink.answers.clear()
                    poll(lambda: self.send(gateway, self.name, recipients=[recipient]) == 250, "sent again")
                self.sink_takes(gateway)
                self.assertEqual(self.sink.copies(self.name), count, gateway.log()[-3000:])

    def nobody_gets_it(self, gateway, transmissions, has_letter):
        self.empties(gateway, "queue")
        letters = [path.read_bytes() for path in self.spool(gateway, "dead")]
        self.assertEqual(sum(f"Subject: {self.name}\r\n".encode() in each for each in letters), int(has_letter))
        self.assertEqual(self.sink.copies(self.name), transmissions)

    def sink_takes(self, gateway):
        def taken():
            return [each for each in list(self.sink.messages)
                    if each.is_answered and f"Subject: {self.name}\r\n".encode() in each.content]
        try:
            poll(taken, f"{self.name} is taken")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{gateway.log()[-3000:]}") from None
        self.empties(gateway, "queue")

    def test_no_server_can_be_reached(self):
        self.moment({"connect": CLOSE}, (451, 250, 250))

    def test_no_server_is_ready(self):
        self.moment({"connect": "421 4.3.2 going", "ehlo": CLOSE}, (451, 250, 250))

    def test_lost_at_mail(self):
        self.moment({"mail": CLOSE}, (451, 250, 250))

    def test_lost_at_rcpt(self):
        self.moment({"rcpt": CLOSE}, (451, 250, 250))

    def test_silent_at_rcpt(self):
        self.moment({"rcpt": SILENT}, (451, 250, 250))

    def test_deferred_at_rcpt(self):
        self.moment({"rcpt": ["450 4.2.1 later"]}, (450, 450, 450))

    def test_refused_at_rcpt(self):
        self.moment({"rcpt": "550 5.1.1 nobody"}, (550, 550, 550), (0, 0, 0), refused=MODES)

    def test_lost_at_data(self):
        self.moment({"data": [CLOSE]}, (451, 250, 250))

    def test_deferred_at_data(self):
        self.moment({"data": ["451 4.3.0 later"]}, (451, 451, 250))

    def test_refused_at_data(self):
        self.moment({"data": "554 5.3.0 never"}, (554, 554, 250), (0, 0, 0), refused=MODES)

    def test_nonsense_at_data(self):
        self.moment({"data": ["250 2.0.0 what?"]}, (451, 250, 250))

    def test_deferred_at_the_dot(self):
        self.moment({"dot": ["452 4.3.1 full"]}, (452, 452, 250), (2, 2, 2))

    def test_refused_at_the_dot(self):
        self.moment({"dot": "554 5.6.0 never"}, (554, 554, 250), refused=MODES)

    def test_lost_after_the_dot(self):
        self.moment({"dot": [CLOSE]}, (451, 250, 250), (2, 2, 2))

    def test_silent_after_the_dot(self):
        self.moment({"dot": [SILENT]}, (451, 250, 250), (2, 2, 2))

    def test_going_down_at_the_dot(self):
        self.moment({"dot": ["421 4.3.2 going"]}, (451, 250, 250), (2, 2, 2))

    def test_garbage_after_the_dot(self):
        self.moment({"dot": ["what?"]}, (451, 250, 250), (2, 2, 2))

    def test_only_continuation_lines_after_the_dot(self):
        self.moment({"dot": ["250-still\r\n250-writing"]}, (451, 250, 250), (2, 2, 2))

    def test_closed_while_idle(self):
        for mode in MODES:
            with self.subTest(mode):
                self.sink, gateway = self.sinks[mode], self.gateways[mode]
                self.assertEqual(self.send(gateway, "before"), 250)
                self.arrives("before", gateway)
                self.sink.end_connections()
                self.assertEqual(self.send(gateway, "after"), 250)
                self.arrives("after", gateway)
                self.assertEqual(self.sink.copies("after"), 1)


if __name__ == "__main__":
    harness.main()
