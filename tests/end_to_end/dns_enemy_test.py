#!/usr/bin/python3
"""DNS as an enemy: who guesses answers, makes us ask without end, answers late, wrongly or not at all (attacks 63, 79,
81, 82; faults R15, R16). One sender's zone is that sender's trouble and nobody else's."""
import statistics
import threading
import time
import unittest

import harness
from harness import Gateway, Sink, message
from hostile_dns import HostileDns, failure, silence

ZONE = {
    "sender.example": ["TXT v=spf1 ip4:127.0.0.0/8 -all", "MX 10 mail.sender.example"],
    "_dmarc.sender.example": ["TXT v=DMARC1; p=reject"],
    "mail.sender.example": ["A 127.0.0.1"],
    "1.0.0.127.in-addr.arpa": ["PTR mail.sender.example"],
    "victim.example": ["TXT v=spf1 -all"],
    "_dmarc.victim.example": ["TXT v=DMARC1; p=reject"],
}
QUESTIONS = 200  # limits.dns_questions


def greedy(zone, domain):
    """A record that asks for all that RFC 7208 section 4.6.4 allows: ten terms with ten hosts each, none of which is
    the client."""
    zone[domain] = ["TXT v=spf1 " + " ".join(f"mx:m{term}.{domain}" for term in range(10)) + " -all"]
    for term in range(10):
        zone[f"m{term}.{domain}"] = [f"MX 10 h{host}.m{term}.{domain}" for host in range(10)]
        for host in range(10):
            zone[f"h{host}.m{term}.{domain}"] = ["A 192.0.2.1"]


class Case(harness.TestCase):
    def setUp(self):
        self.dns = self.open(HostileDns(ZONE))
        self.sink = self.open(Sink())
        self.gateway = self.open(Gateway(self.sink.url, self.dns.address, limits={"sessions_per_client": 300}))

    def client(self, name="mail.sender.example", source="127.0.0.1"):
        client = self.open(self.gateway.client(source=source))
        client.hello(name)
        return client

    def honest(self):
        began = time.monotonic()
        self.assert_status(self.client().deliver(message()), "250 2.0.0")
        return time.monotonic() - began


class Guesses(Case):
    def test_forgeries_by_the_hundred_are_no_answer(self):
        def guess(_server, question, send):
            lie = [(b"\xc0\x0c", 16, b"\x0bv=spf1 +all")]
            for number in range(100):
                send(question.reply(lie, identity=bytes([number, number ^ question.packet[1]])))
            send(question.reply(lie))  # the right id at last: too late
        self.dns.tricks["victim.example"] = guess
        reply = self.client("x.example", "127.0.0.9").deliver(
            message("boss@victim.example"), reverse_path="boss@victim.example")
        self.assertEqual(reply.code // 100, 4, reply)  # never a pass: TCP was asked, and there is none
        self.dns.tricks.clear()
        self.honest()

    def test_records_beside_the_answer_are_not_taken(self):
        def poison(server, question, send):
            lie = (b"\x06victim\x07example\0", 16, b"\x0bv=spf1 +all")
            send(question.reply([lie, (b"\xc0\x0c", 16, b"\x0bv=spf1 ?all")], additional=[lie]))
        self.dns.tricks["poison.example"] = poison
        self.client().deliver(message("x@poison.example"), reverse_path="x@poison.example")
        reply = self.client("x.example", "127.0.0.9").deliver(
            message("boss@victim.example"), reverse_path="boss@victim.example")
        self.assert_status(reply, "550 5.7.26")

    def test_late_answers_are_not_taken(self):
        held = []

        def late(_server, question, send):
            held.append(lambda: send(question.reply([(b"\xc0\x0c", 16, b"\x0bv=spf1 +all")])))
        self.dns.tricks["victim.example"] = late
        client = self.client("x.example", "127.0.0.9")
        self.assert_status(client.deliver(message("boss@victim.example"), reverse_path="boss@victim.example"), "451 4.7.0")
        for send in held:
            send()
        self.dns.tricks.clear()
        harness.poll(lambda: client.deliver(message("boss@victim.example"), reverse_path="boss@victim.example")
                     .status == "550 5.7.26", "the failure is forgotten and the truth found", 8)


class Floods(Case):
    def test_the_questions_of_a_message_are_bounded(self):
        for domain in ("greedy-helo.example", "greedy-mail.example"):
            greedy(self.dns.zone, domain)
        self.dns.zone["_dmarc.greedy.example"] = ["TXT v=DMARC1; p=reject"]
        signatures = "".join(
            f"DKIM-Signature: v=1; a=rsa-sha256; d=d{n}.greedy.example; s=s{n}; h=From; bh=aGFsbG8=; b=aGFsbG8=\r\n"
            for n in range(50))
        client = self.client("greedy-helo.example")
        author = "x@" + ".".join("a" * 2 for _ in range(30)) + ".greedy.example"
        reply = client.deliver(message(author, extra=signatures), reverse_path="x@greedy-mail.example")
        asked = len(set(self.dns.asked))
        print(f"\nquestions of the greediest message: {asked} ({len(self.dns.asked)} packets), answer {reply}")
        self.assertLess(asked, QUESTIONS * 3 // 2)
        self.assertNotEqual(reply.code, 250)  # nobody spends so much that the author domain's wish goes unheard

    def test_one_record_at_the_limits_of_the_rfc_is_served(self):
        greedy(self.dns.zone, "large.example")
        self.dns.zone["_dmarc.large.example"] = ["TXT v=DMARC1; p=reject"]
        self.dns.zone["h9.m9.large.example"] = ["A 127.0.0.1"]
        reply = self.client().deliver(message("x@large.example"), reverse_path="x@large.example")
        self.assert_status(reply, "250 2.0.0")
        self.assertIn("dmarc=pass", self.gateway.logged(" message .*author=large.example"))

    def test_commands_without_a_message_ask_little(self):
        """The client says HELO and MAIL for ever new names, each of which would be good for 112 questions."""
        client = self.client()
        before = len(self.dns.asked)
        for number in range(40):
            greedy(self.dns.zone, f"g{number}.example")
            client.hello(f"g{number}.example")
            self.assertEqual(client.command(f"MAIL FROM:<x@g{number}.example>").code, 250)
            self.assertEqual(client.command("RSET").code, 250)
        time.sleep(0.5)
        asked = len(self.dns.asked) - before
        print(f"\nquestions of 40 greedy HELO and MAIL without a message: {asked}")
        self.assertLess(asked, 6 * QUESTIONS // 2 + 20)

    def test_a_dead_zone_delays_nobody_else(self):
        quiet = statistics.median(self.honest() for _ in range(5))
        for number in range(20):
            greedy(self.dns.zone, f"dead{number}.example")
            self.dns.zone[f"_dmarc.dead{number}.example"] = ["TXT v=DMARC1; p=reject"]
        for name in self.dns.zone:
            if name.startswith(("h", "m")) and ".dead" in name:
                self.dns.tricks[name] = silence
        answers = []

        def dead(number):
            reply = self.client().deliver(message(f"x@dead{number}.example"), reverse_path=f"x@dead{number}.example")
            answers.append(reply.code)
        threads = [threading.Thread(target=dead, args=(number,)) for number in range(20)]
        for thread in threads:
            thread.start()
        times = [self.honest() for _ in range(10)]
        for thread in threads:
            thread.join()
        print(f"\nhonest mail: alone {quiet * 1000:.0f} ms, beside 20 dead zones {statistics.median(times) * 1000:.0f} ms, "
              f"at most {max(times) * 1000:.0f} ms")
        self.assertLess(max(times), 5)
        self.assertEqual(set(code // 100 for code in answers), {4}, answers)

    def test_honest_mail_in_a_storm_of_failures(self):
        quiet = statistics.median(self.honest() for _ in range(5))
        for number in range(20):
            for name in (f"storm{number}.example", f"_dmarc.storm{number}.example"):
                self.dns.tricks[name] = failure(2)
        stop = threading.Event()
        answers = []

        def storm(number):
            client = self.client()
            while not stop.is_set():
                reply = client.deliver(message(f"x@storm{number}.example"), reverse_path=f"x@storm{number}.example")
                answers.append(reply.code)
        threads = [threading.Thread(target=storm, args=(number,)) for number in range(20)]
        before = len(self.dns.asked)
        for thread in threads:
            thread.start()
        times = [self.honest() for _ in range(20)]
        stop.set()
        for thread in threads:
            thread.join()
        asked = len(self.dns.asked) - before
        print(f"\nhonest mail: alone {quiet * 1000:.0f} ms, in a storm {statistics.median(times) * 1000:.0f} ms; "
              f"{len(answers)} stormy messages asked {asked} questions")
        self.assertLess(statistics.median(times), 5)
        self.assertEqual(set(answers), {451})


if __name__ == "__main__":
    harness.main()
