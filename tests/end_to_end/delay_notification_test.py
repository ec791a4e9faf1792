#!/usr/bin/python3
"""Who asked for NOTIFY=DELAY hears once that his mail waits (RFC 3461 section 4.1, RFC 3464 section 2.3.3), whatever
happens to the gateway meanwhile; nobody else does."""
import contextlib
import re
import zlib

import harness
from dsn_test import ALICE, CAPABILITIES, DsnCase
from harness import CLOSE, Gateway, Sink, message, poll

WAITED = 61  # seconds, one more than the shortest delay_after
TOLD = rb"(?m)^try \w+ \d+ \d+ \d+ told "  # in a journal: whoever wants to know of the delay does


class Delayed(DsnCase):
    def setUp(self):
        self.sink = self.open(Sink(capabilities=CAPABILITIES))
        self.world = self.open(Sink())

    def gateway(self, pause="1s"):
        return self.open(Gateway(
            self.sink.url, self.dns.address, workers=1,
            downstream={"spool": "always", "retry": {"first": pause, "max": pause}},
            notifications={"domain": "example.org", "selector": "gp1", "key": self.key, "relay": [self.world.url],
                           "delay_after": "60s"}))

    def files(self, gateway):
        """Of what is in the queue and no notification."""
        found = []
        for path in (gateway.folder / "state/spool/queue").glob("*"):
            with contextlib.suppress(FileNotFoundError):  # one that has just been delivered
                if b"\norigin notification" not in path.read_bytes():
                    found.append(path)
        return found

    def tries(self, gateway):
        return len(re.findall(r"(?m) delivery .*result=unreachable", gateway.log()))

    def is_tried_again(self, gateway):
        before = self.tries(gateway)
        poll(lambda: self.tries(gateway) > before + 1, "further tries")

    def start_again(self, gateway):
        gateway.notifications.close()
        (gateway.folder / "notify").unlink(missing_ok=True)
        gateway.start()

    def let_it_wait(self, gateway):
        """Starts it again, and all journals say that their messages have waited long enough."""
        gateway.stop()
        for file in self.files(gateway):
            said = f"1700000000 {WAITED} 1 - - 451 4.4.1 away"
            checksum = zlib.crc32(f"{file.name} {said}".encode())
            with open(file, "ab") as journal:
                journal.write(f"try {checksum:08x} {said}\n".encode())
        self.start_again(gateway)

    def send_two(self, gateway, parameters=(" NOTIFY=DELAY,FAILURE", " NOTIFY=FAILURE")):
        """To bob and carol, with these parameters of RCPT; the downstream goes away before it ends."""
        with gateway.client() as client:
            client.hello()
            client.command(f"MAIL FROM:<{ALICE}> RET=HDRS ENVID=QQ314")
            for name, parameter in zip(("bob", "carol"), parameters):
                reply = client.command(f"RCPT TO:<{name}@example.org>{parameter}")
                self.assertEqual(reply.code, 250, reply)
            self.sink.answers["connect"] = CLOSE
            self.sink.end_connections()
            client.command("DATA")
            client.send(message(ALICE) + b".\r\n")
            self.assertEqual(client.reply().code, 250)

    def comes_back(self, gateway):
        self.sink.answers.clear()
        poll(lambda: not list((gateway.folder / "state/spool/queue").iterdir()), "an empty queue")
        self.assertEqual([each.recipients for each in self.sink.messages], [["bob@example.org", "carol@example.org"]])

    def test_who_asked_for_it_hears_of_it_once(self):
        gateway = self.gateway()
        self.send_two(gateway)
        self.is_tried_again(gateway)
        self.assertEqual(self.world.messages, [])  # it has not waited long enough
        self.let_it_wait(gateway)
        delivered = self.told()
        self.assertEqual(delivered.recipients, [ALICE])
        text, status, returned = self.read(delivered)
        self.assertIn("bob@example.org", text.get_content())
        about, bob = status.get_payload()  # and nobody else
        self.assertEqual(about["Original-Envelope-Id"], "QQ314")
        self.assertEqual((bob["Final-Recipient"], bob["Action"]), ("rfc822; bob@example.org", "delayed"))
        self.assertRegex(bob["Status"], r"^4\.\d+\.\d+$")
        self.assertTrue(bob["Will-Retry-Until"])
        self.assertEqual(returned.get_content_type(), "text/rfc822-headers")
        self.assertIn("event=delayed", gateway.logged(" notification "))

        poll(lambda: all(re.search(TOLD, file.read_bytes()) for file in self.files(gateway)), "the journal says so")
        for end in (gateway.stop, lambda: (gateway.process.popen.kill(), gateway.process.popen.wait())):
            self.is_tried_again(gateway)
            end()
            self.start_again(gateway)
        self.is_tried_again(gateway)
        self.comes_back(gateway)
        self.assertEqual(len(self.world.messages), 1)
        self.assertEqual(self.lines(gateway, " dead_letter "), [])

    def test_nobody_else_hears_of_it(self):
        gateway = self.gateway()
        self.send_two(gateway, ("", " NOTIFY=NEVER"))
        self.let_it_wait(gateway)
        poll(lambda: all(re.search(TOLD, file.read_bytes()) for file in self.files(gateway)), "the question was asked")
        self.is_tried_again(gateway)
        self.comes_back(gateway)
        self.assertEqual((self.world.messages, self.lines(gateway, " notification ")), ([], []))

    def test_each_that_waits_is_told_of(self):
        """While nobody is there one message finds out for all; but each has a sender of its own."""
        gateway = self.gateway(pause="1h")
        for count in range(5):
            self.send_two(gateway)
            poll(lambda: len(self.files(gateway)) > count, "it is in the queue")
        self.let_it_wait(gateway)
        self.told(5)
        self.assertEqual({each.recipients[0] for each in self.world.messages}, {ALICE})


if __name__ == "__main__":
    harness.main()
