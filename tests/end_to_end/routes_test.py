#!/usr/bin/python3
"""Several downstream servers: which of them gets a message, what happens when one fails and where, domains with servers
of their own, and what a client hears whose recipients go to several of them."""
import signal
import time

import harness
from harness import CLOSE, SILENT, Dns, Gateway, Sink, message, poll

PLAIN = message("x@plain.example")
ZONE = {"plain.example": ["A 127.0.0.1"]}
DELIVERED = ["250 2.1.5", "250 2.0.0"]


class RoutesCase(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dns = cls.open_for_all(Dns(ZONE))

    def gateway(self, servers, **changes):
        downstream = {"servers": servers, **changes.pop("downstream", {})}
        return self.open(Gateway("", self.dns.address, downstream=downstream, **{"workers": 1, **changes}))

    def statuses(self, gateway, recipients=("bob@example.org",), parameters=""):
        """Of each RCPT and, if one was accepted, of the message."""
        with gateway.client() as client:
            client.hello()
            self.assert_status(client.command(f"MAIL FROM:<x@plain.example>{parameters}"), "250 2.1.0")
            answers = [client.command(f"RCPT TO:<{recipient}>").status for recipient in recipients]
            if "250 2.1.5" in answers:
                self.assertEqual(client.command("DATA").code, 354)
                client.send(harness.stuffed(PLAIN) + b".\r\n")
                answers.append(client.reply().status)
            return answers

    def counts(self, *sinks):
        taken = [m for sink in sinks for m in list(sink.messages)]
        # The client may have heard of it before the sink has come back from saying it.
        poll(lambda: all(m.is_answered is not None for m in taken), "all answers are out")
        return [len([m for m in sink.messages if m.is_answered]) for sink in sinks]


class Failover(RoutesCase):
    def test_each_way_to_fail_before_a_recipient_is_taken(self):
        for stage in ("connect", "ehlo", "mail", "rcpt"):
            for answer in (CLOSE, SILENT, "421 4.3.2 Going down", "\xff nonsense"):
                with self.subTest(stage=stage, answer=answer):
                    bad, good = self.open(Sink({stage: answer})), self.open(Sink())
                    gateway = self.gateway([bad.url, good.url], limits={"downstream_timeout": "2s"})
                    self.assertEqual(self.statuses(gateway), DELIVERED)
                    self.assertEqual(self.counts(bad, good), [0, 1])
                    gateway.logged(f"downstream server={bad.url} state=unavailable")
                    gateway.stop()

    def test_a_greeting_that_refuses(self):
        for greeting in ("554 5.3.2 Not here", "421 4.3.2 Too busy", "500 What?"):
            with self.subTest(greeting):
                bad, good = self.open(Sink({"connect": greeting})), self.open(Sink())
                gateway = self.gateway([bad.url, good.url])
                self.assertEqual(self.statuses(gateway), DELIVERED)
                self.assertEqual(self.counts(bad, good), [0, 1])

    def test_an_answer_is_an_answer(self):
        """Another server of the same mail system would say the same, or should have been asked first."""
        for stage, answer in (("mail", "550 5.7.1 Not you"), ("mail", "451 4.7.1 Later"), ("rcpt", "550 5.1.1 No such user"),
                              ("rcpt", "450 4.2.0 Busy"), ("data", "451 4.3.0 Not now"), ("dot", "554 5.6.0 No"),
                              ("dot", "451 4.3.0 Later"), ("dot", "421 4.3.2 Going down")):
            with self.subTest(stage=stage, answer=answer):
                one, other = self.open(Sink({stage: answer})), self.open(Sink())
                gateway = self.gateway([one.url, other.url])
                self.assertNotEqual(self.statuses(gateway)[-1][:3], "250")
                self.assertEqual([line for _, line in other.commands if line.startswith("MAIL")], [])
                gateway.stop()

    def test_a_slow_server_is_waited_for(self):
        class Slow(Sink):
            def say(self, number, stage):
                time.sleep(0.4)
                return super().say(number, stage)
        slow, other = self.open(Slow()), self.open(Sink())
        gateway = self.gateway([slow.url, other.url], limits={"downstream_timeout": "20s"})
        self.assertEqual(self.statuses(gateway), DELIVERED)
        self.assertEqual(self.counts(slow, other), [1, 0])

    def test_what_was_accepted_is_neither_lost_nor_doubled(self):
        """The connection breaks at the second recipient: the first has been promised, and nobody gets half a message."""
        one, other = self.open(Sink({"rcpt": ["250 2.1.5 Ok", CLOSE]})), self.open(Sink())
        gateway = self.gateway([one.url, other.url])
        self.assertEqual(self.statuses(gateway, ("a@example.org", "b@example.org")), ["250 2.1.5", "451 4.4.1", "451 4.4.1"])
        self.assertEqual(self.counts(one, other), [0, 0])
        self.assertEqual(self.statuses(gateway, ("a@example.org", "b@example.org")), ["250 2.1.5", "250 2.1.5", "250 2.0.0"])
        self.assertEqual(sum(self.counts(one, other)), 1)

    def test_the_state_of_a_server_is_logged_when_it_changes(self):
        closed, good = harness.reserve(), self.open(Sink())
        self.addCleanup(closed.close)
        port = closed.getsockname()[1]
        gateway = self.gateway([f"smtp://127.0.0.1:{port}", good.url])
        for _ in range(5):
            self.assertEqual(self.statuses(gateway), DELIVERED)
        states = [line for line in gateway.log().splitlines() if f":{port} state=" in line]
        self.assertEqual(len(states), 1, states)
        self.assertIn("state=unavailable", states[0])

    def test_the_first_server_gets_the_mail_again_when_it_is_back(self):
        class Opened(Sink):
            def listen(self):
                return self.taken
        first = Sink.__new__(Opened)
        first.taken = harness.reserve()
        self.addCleanup(first.taken.close)
        second = self.open(Sink())
        port = first.taken.getsockname()[1]
        gateway = self.gateway([f"smtp://127.0.0.1:{port}", second.url])
        self.assertEqual(self.statuses(gateway), DELIVERED)
        self.assertEqual(self.counts(second), [1])
        first.taken.listen()
        Opened.__init__(first)
        self.open(first)

        def has_come_back():
            self.assertEqual(self.statuses(gateway), DELIVERED)
            return self.counts(first) == [1]
        poll(has_come_back, "mail for the first server")
        gateway.logged(f"downstream server=smtp://127.0.0.1:{port} state=available")

    def test_a_message_that_one_cannot_take_goes_to_one_that_can(self):
        """The first could take it when it was offered to the client, and can no longer."""
        one = self.open(Sink(capabilities=["8BITMIME", "SMTPUTF8"]))
        other = self.open(Sink(capabilities=["8BITMIME", "SMTPUTF8"]))
        gateway = self.gateway([one.url, other.url])
        with gateway.client() as client:
            self.assertIn("SMTPUTF8", client.hello().lines)
            one.capabilities = ["8BITMIME"]
            one.end_connections()
            client.command("MAIL FROM:<x@plain.example> SMTPUTF8")
            self.assert_status(client.command("RCPT TO:<bob@example.org>"), "250 2.1.5")
            client.command("DATA")
            client.send(harness.stuffed(PLAIN) + b".\r\n")
            self.assert_status(client.reply(), "250 2.0.0")
        self.assertEqual(self.counts(one, other), [0, 1])


class Weights(RoutesCase):
    def test_servers_of_one_priority_share_the_mail(self):
        heavy, light, last = self.open(Sink()), self.open(Sink()), self.open(Sink())
        gateway = self.gateway([{"url": last.url, "priority": 20}, {"url": heavy.url, "priority": 10, "weight": 3},
                                {"url": light.url, "priority": 10, "weight": 1}])
        for _ in range(60):
            self.assertEqual(self.statuses(gateway), DELIVERED)
        counts = self.counts(heavy, light, last)
        self.assertEqual((sum(counts), counts[2]), (60, 0))
        # 45 and 15 are meant; beyond these bounds once in a hundred thousand runs.
        self.assertTrue(30 <= counts[0] <= 58, counts)


class Domains(RoutesCase):
    def routed(self, **changes):
        self.org, self.net = self.open(Sink()), self.open(Sink())
        routes = [{"domains": ["example.net"], "servers": [self.net.url]}]
        return self.gateway([self.org.url], downstream={"routes": routes}, **changes)

    def test_each_domain_has_its_servers(self):
        gateway = self.routed()
        self.assertEqual(self.statuses(gateway, ["bob@example.net"]), DELIVERED)
        self.assertEqual(self.statuses(gateway, ["bob@example.org"]), DELIVERED)
        self.assertEqual(self.statuses(gateway, ["bob@EXAMPLE.NET"]), DELIVERED)
        self.assertEqual([m.recipients for m in self.org.messages], [["bob@example.org"]])
        self.assertEqual([m.recipients for m in self.net.messages], [["bob@example.net"]] * 2)

    def test_a_message_has_one_destination(self):
        gateway = self.routed()
        answers = self.statuses(gateway, ["a@example.org", "b@example.net", "c@example.org"])
        self.assertEqual(answers, ["250 2.1.5", "452 4.5.3", "250 2.1.5", "250 2.0.0"])
        self.assertEqual([m.recipients for m in self.org.messages], [["a@example.org", "c@example.org"]])
        self.assertEqual(self.net.messages, [])

    def test_a_refused_recipient_does_not_choose_the_destination(self):
        gateway = self.routed()
        self.org.answers = {"rcpt": "550 5.1.1 No such user"}
        self.assertEqual(self.statuses(gateway, ["a@example.org", "b@example.net"]),
                         ["550 5.1.1", "250 2.1.5", "250 2.0.0"])
        self.assertEqual([m.recipients for m in self.net.messages], [["b@example.net"]])

    def test_one_destination_that_is_away_holds_up_no_other(self):
        gateway = self.routed()
        self.net.close()
        self.assertEqual(self.statuses(gateway, ["a@example.net"]), ["451 4.4.1"])
        self.assertEqual(self.statuses(gateway, ["a@example.org"]), DELIVERED)

    def test_clients_are_offered_what_all_destinations_can_do(self):
        gateway = self.routed(listening=False)
        self.net.capabilities = ["8BITMIME", "SIZE 1000000"]
        gateway.start()
        with gateway.client() as client:
            offered = client.hello().lines
        self.assertIn("SIZE 1000000", offered)
        self.assertNotIn("SMTPUTF8", offered)


class Goodbyes(RoutesCase):
    def test_kept_connections_end_with_quit_at_the_end_too(self):
        one, other = self.open(Sink()), self.open(Sink())
        routes = [{"domains": ["example.net"], "servers": [other.url]}]
        gateway = self.gateway([one.url], downstream={"routes": routes})
        for domain in ("example.org", "example.net"):
            self.assertEqual(self.statuses(gateway, [f"bob@{domain}"]), DELIVERED)
        gateway.signal(signal.SIGTERM)
        self.assertEqual(gateway.process.wait(), 0)
        for sink in (one, other):
            self.assertEqual([line for _, line in sink.commands if line == "QUIT"], ["QUIT"])

    def test_nobody_waits_long_for_an_answer_to_quit(self):
        sink = self.open(Sink({"quit": SILENT}))
        gateway = self.gateway([sink.url])
        self.assertEqual(self.statuses(gateway), DELIVERED)
        began = time.monotonic()
        gateway.signal(signal.SIGTERM)
        self.assertEqual(gateway.process.wait(), 0)
        self.assertLess(time.monotonic() - began, 10)


if __name__ == "__main__":
    harness.main()
