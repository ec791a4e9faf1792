#!/usr/bin/python3
"""What becomes of messages that were spooled: they arrive once when the downstream is back, and `gatepost queue` shows
and changes them, whether the gateway runs or not."""
import datetime
import json
import os
import re
import signal
import socket
import stat
import threading
import time
import unittest

import harness
from harness import CLOSE, Dns, Gateway, Sink, fields_of, message, poll

EX_USAGE, EX_NOINPUT, EX_TEMPFAIL, EX_NOPERM = 64, 66, 75, 77
ZONE = {"sender.example": ["A 127.0.0.1", "TXT v=spf1 ip4:127.0.0.1 -all"], "other.example": ["A 127.0.0.1"]}


class Downstream(Sink):
    """One that can be away, and slow; it knows how many messages it was taking at once."""

    def __init__(self, **options):
        self.patience = 0  # seconds before a final dot is answered
        self.lock = threading.Lock()
        self.at_once = self.most_at_once = 0
        super().__init__(**options)

    def go_away(self):
        self.answers["connect"] = CLOSE
        self.end_connections()

    def come_back(self):
        self.answers.pop("connect", None)

    def say(self, number, stage):
        if stage != "dot":
            return super().say(number, stage)
        with self.lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        time.sleep(self.patience)
        with self.lock:
            self.at_once -= 1
        return super().say(number, stage)

    def subjects(self):
        """Of the messages that were answered 250, sorted; each as often as it came."""
        return sorted(re.search(rb"(?m)^Subject: (\S+)", each.content)[1].decode()
                      for each in list(self.messages) if each.is_answered)


class QueueCase(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dns = cls.open_for_all(Dns(ZONE))

    def setUp(self):
        self.sink = self.open(Downstream())
        self.sink.go_away()

    def gateway(self, first="1s", longest="2s", deliveries=20, **changes):
        return self.open(Gateway(self.sink.url, self.dns.address, queue={"deliveries": deliveries},
                                 downstream={"spool": "outage", "retry": {"first": first, "max": longest}}, **changes))

    def send(self, gateway, subject, reverse_path="alice@sender.example", recipients=("bob@example.org",), **options):
        """Its id in the queue."""
        with gateway.client() as client:
            client.hello()
            reply = client.deliver(message("alice@sender.example", subject=subject), reverse_path, recipients, **options)
        self.assertRegex(reply.text, "^2.0.0 Queued, ref [0-9a-z]+$")
        return reply.text.split()[-1]

    def shelf(self, gateway, name="queue"):
        return sorted(path.name for path in (gateway.folder / "state" / "spool" / name).glob("*"))

    @staticmethod
    def start_again(gateway):
        gateway.notifications.close()
        (gateway.folder / "notify").unlink(missing_ok=True)
        gateway.start()

    def queue(self, gateway, *arguments, status=0):
        """What `gatepost queue` prints to standard output, and after it what to standard error."""
        done = harness.run("queue", *arguments, "--config", str(gateway.file))
        self.assertEqual(done.returncode, status, (done.stdout, done.stderr))
        return (done.stdout + done.stderr).decode()

    def listed(self, gateway, *arguments):
        return json.loads(self.queue(gateway, "list", "--json", *arguments))["messages"]

    def tries(self, gateway):
        return [line for line in gateway.log().splitlines() if re.match(r"\S+ delivery ", line)]

    def all_arrived(self, names):
        poll(lambda: len(self.sink.subjects()) >= len(names), "all messages arrive")
        self.assertEqual(self.sink.subjects(), sorted(names))


class Delivery(QueueCase):
    def test_when_the_outage_ends_each_message_arrives_once(self):
        gateway = self.gateway()
        names = [f"m{number}" for number in range(20)]
        for name in names:
            self.send(gateway, name)
        self.assertEqual(len(self.shelf(gateway)), 20)
        self.sink.come_back()
        self.all_arrived(names)
        poll(lambda: not self.shelf(gateway), "the queue is empty")
        self.assertEqual(self.queue(gateway, "list"), "0 messages\n")
        line = fields_of(next(line for line in self.tries(gateway) if "result=delivered" in line))
        self.assertEqual((line["to"], line["answer"]), ("bob@example.org", "250 2.0.0 Taken"))
        self.assertRegex(line["took"], r"^\d+ms$")
        self.assertEqual(line["server"], "127.0.0.1")
        time.sleep(2.5)  # longer than any pause: nothing comes a second time
        self.assertEqual(len(self.sink.messages), 20)

    def test_a_restart_with_a_full_queue_goes_on(self):
        gateway = self.gateway()
        names = [f"m{number}" for number in range(30)]
        for name in names:
            self.send(gateway, name)
        gateway.stop()
        self.assertEqual(len(self.shelf(gateway)), 30)
        self.sink.come_back()
        self.start_again(gateway)
        gateway.logged("spool state=open messages=30")
        self.all_arrived(names)
        poll(lambda: not self.shelf(gateway), "the queue is empty")

    def test_a_spool_moves_to_another_machine(self):
        """As the README says: both stopped, the files moved."""
        old = self.gateway(first="1h", longest="1h")
        names = [self.send(old, f"m{number}") for number in range(3)]
        poll(lambda: all(each["attempts"] == 1 or each["next_try"] for each in self.listed(old)), "tried")
        self.queue(old, "hold", names[2])
        old.stop()
        new = self.gateway()
        new.stop()
        for shelf in ("queue", "hold", "dead"):
            for file in (old.folder / "state" / "spool" / shelf).glob("*"):
                file.rename(new.folder / "state" / "spool" / shelf / file.name)
        self.sink.come_back()
        self.start_again(new)
        self.all_arrived(["m0", "m1"])
        self.assertEqual(self.shelf(new, "hold"), [names[2]])

    def test_pauses_between_tries_grow(self):
        gateway = self.gateway(longest="1m")
        self.sink.answers["rcpt"] = "450 4.2.1 Busy"
        name = self.send(gateway, "later")
        self.sink.come_back()

        def moments():
            return [datetime.datetime.fromisoformat(line.split()[0]) for line in self.tries(gateway)
                    if "result=deferred" in line]
        poll(lambda: len(moments()) >= 3, "three tries")
        first, second, third = moments()[:3]
        before = int(fields_of(next(line for line in self.tries(gateway) if "deferred" in line))["attempt"])
        self.assertGreaterEqual((second - first).total_seconds(), 0.74 * 2 ** (before - 1))
        self.assertGreaterEqual((third - second).total_seconds(), 0.74 * 2 ** before)
        poll(lambda: self.listed(gateway)[0]["attempts"] >= before + 2, "the journal")
        shown = self.listed(gateway)[0]
        self.assertEqual((shown["id"], shown["problem"], shown["to"]), (name, "450 4.2.1 Busy", ["bob@example.org"]))
        self.assertGreater(shown["next_try"], time.time())

    def test_recipients_that_were_delivered_are_not_tried_again(self):
        gateway = self.gateway()
        self.send(gateway, "two", recipients=("bob@example.org", "eve@example.org"))
        self.sink.answers["rcpt"] = ["250 2.1.5 Ok", "450 4.2.1 Busy"]
        self.sink.come_back()
        poll(lambda: len(self.sink.messages) == 2, "two deliveries")
        self.assertEqual([each.recipients for each in self.sink.messages], [["bob@example.org"], ["eve@example.org"]])
        poll(lambda: not self.shelf(gateway), "the queue is empty")

    def test_no_more_at_once_to_one_destination_than_was_said(self):
        gateway = self.gateway(deliveries=2)
        names = [f"m{number}" for number in range(12)]
        for name in names:
            self.send(gateway, name)
        self.sink.patience = 0.2
        self.sink.come_back()
        self.all_arrived(names)
        self.assertEqual(self.sink.most_at_once, 2)

    def test_what_is_refused_becomes_a_dead_letter_where_nobody_may_be_told(self):
        gateway = self.gateway()
        name = self.send(gateway, "unwanted", "mallory@other.example")
        self.sink.answers["rcpt"] = "550 5.1.1 Unknown"
        self.sink.come_back()
        line = fields_of(gateway.logged("dead_letter"))
        self.assertEqual((line["id"], line["to"], line["reply"]), (name, "bob@example.org", "550 5.1.1 Unknown"))
        poll(lambda: not self.shelf(gateway), "the queue is empty")
        self.assertEqual([each["id"] for each in self.listed(gateway, "--dead")], [name])
        self.assertIn("1 dead letter", self.queue(gateway, "list"))
        self.assertIn("mallory@other.example", self.queue(gateway, "show", name))
        self.assertIn("is a dead letter", self.queue(gateway, "retry", name, status=EX_TEMPFAIL))
        self.assertEqual(self.queue(gateway, "drop", "--yes", name), f"{name} dropped\n")
        self.assertEqual(self.shelf(gateway, "dead"), [])

    def test_what_a_changed_downstream_cannot_take_is_refused_and_not_tried_for_ever(self):
        self.sink.come_back()
        gateway = self.gateway(longest="1s")
        poll(self.offers_utf8(gateway), "SMTPUTF8 is offered")
        self.sink.go_away()
        with gateway.client() as client:
            client.hello()
            reply = client.deliver(message("alice@sender.example"), "alice@sender.example", ["b\u00f6b@example.org"],
                                   " SMTPUTF8")
        self.assertIn("Queued", reply.text)
        self.sink.capabilities = ["8BITMIME"]
        self.sink.come_back()
        gateway.logged("delivery .*result=refused answer=.553 5[.]6[.]7")
        poll(lambda: not self.shelf(gateway), "the queue is empty")
        self.assertEqual(len(self.shelf(gateway, "dead")), 1)

    @staticmethod
    def offers_utf8(gateway):
        def offers():
            with gateway.client() as client:
                return "SMTPUTF8" in client.hello().lines
        return offers

    def test_a_damaged_message_is_set_aside_and_the_others_go_on(self):
        gateway = self.gateway()
        bad, good = self.send(gateway, "bad"), self.send(gateway, "good")
        file = gateway.folder / "state" / "spool" / "queue" / bad
        file.write_bytes(file.read_bytes().replace(b"Hello.", b"Jello."))
        self.assertIn("its digest does not fit",
                      self.queue(gateway, "export", "--to", str(gateway.folder), bad, status=65))
        self.sink.come_back()
        self.all_arrived(["good"])
        poll(lambda: self.shelf(gateway, "corrupt"), "it is set aside")
        gateway.logged(f"queue id={bad} .*set aside")
        poll(lambda: not self.shelf(gateway), "the queue is empty")
        self.assertNotIn(good, self.shelf(gateway, "corrupt"))


class Signals(QueueCase):
    def test_sigterm_lets_deliveries_finish_and_keeps_the_rest(self):
        gateway = self.gateway(deliveries=2)
        names = [f"m{number}" for number in range(10)]
        for name in names:
            self.send(gateway, name)
        self.sink.patience = 1
        self.sink.come_back()
        poll(lambda: self.sink.at_once == 2, "deliveries run")
        gateway.stop()
        arrived = self.sink.subjects()
        self.assertGreaterEqual(len(arrived), 2)
        self.assertLess(len(arrived), 10)
        self.assertEqual(len(self.shelf(gateway)), 10 - len(arrived))
        self.sink.patience = 0
        self.start_again(gateway)
        self.all_arrived(names)

    def test_whom_a_try_that_is_cut_off_has_delivered_to_is_not_sent_to_again(self):
        gateway = self.gateway(domains=["example.org", "example.net"], limits={"drain_timeout": "1s"})
        slow = self.open(Downstream())
        slow.patience = 8
        self.send(gateway, "m", recipients=("bob@example.org", "carol@example.net"))
        downstream = {"servers": [self.sink.url], "routes": [{"domains": ["example.net"], "servers": [slow.url]}],
                      "spool": "outage", "retry": {"first": "1s", "max": "2s"}}
        gateway.configure(downstream=downstream, limits={"drain_timeout": "1s"})
        gateway.signal(signal.SIGHUP)
        gateway.logged("reload .*state=done")
        self.sink.come_back()
        poll(lambda: slow.at_once == 1, "the second delivery of the try runs")
        self.assertEqual(self.sink.subjects(), ["m"])
        gateway.stop()
        self.assertEqual(len(self.shelf(gateway)), 1)
        slow.patience = 0
        self.start_again(gateway)
        poll(lambda: not self.shelf(gateway), "the queue is empty")
        self.assertEqual([each.recipients for each in self.sink.messages], [["bob@example.org"]])
        self.assertEqual(slow.messages[-1].recipients, ["carol@example.net"])

    def test_after_sighup_further_tries_use_the_new_configuration(self):
        gateway = self.gateway(deliveries=1)
        other = self.open(Downstream())
        names = [f"m{number}" for number in range(6)]
        for name in names:
            self.send(gateway, name)
        self.sink.patience = 1
        self.sink.come_back()
        poll(lambda: self.sink.at_once == 1, "a delivery runs")
        gateway.configure(downstream={"servers": [other.url], "spool": "outage", "retry": {"first": "1s", "max": "2s"}})
        gateway.signal(signal.SIGHUP)
        gateway.logged("reload .*state=done")
        poll(lambda: not self.shelf(gateway), "the queue is empty")
        self.assertEqual(sorted(self.sink.subjects() + other.subjects()), names)
        self.assertGreaterEqual(len(other.subjects()), 3)
        self.assertGreaterEqual(len(self.sink.subjects()), 1)


class CommandLine(QueueCase):
    """All commands, with the gateway and without it."""

    def both(self):
        """The gateway while it runs, and then while it does not, with three new messages each."""
        for state in ("running", "stopped"):
            with self.subTest(state):
                gateway = self.gateway(first="1h", longest="1h")
                names = [self.send(gateway, "one"),
                         self.send(gateway, "two", recipients=("bob@example.org", "eve@example.net")),
                         self.send(gateway, "three", "mallory@other.example", ("eve@example.net",))]
                poll(lambda: all(each["attempts"] == 1 or each["next_try"] for each in self.listed(gateway)), "tried")
                if state == "stopped":
                    gateway.stop()
                yield gateway, names, state == "running"

    def test_list_and_show(self):
        for gateway, names, is_running in self.both():
            table = self.queue(gateway, "list").splitlines()
            self.assertRegex(table[0], r"^ID +AGE +TRIES +NEXT +SIZE +FROM +TO +LAST PROBLEM$")
            self.assertEqual({line.split()[0] for line in table[1:4]}, set(names))
            two = next(line for line in table if line.startswith(names[1]))
            self.assertRegex(two, r"<alice@sender\.example> +<bob@example\.org> \+1")
            self.assertRegex(two, r" (\d+m|due) " if is_running else r" - ")
            self.assertRegex(table[4], r"^3 messages, ")
            for filters, expected in ((("--from", "@other.example"), [2]), (("--domain", "@example.org"), [0, 1]),
                                      (("--to", "eve@example.net"), [1, 2]),
                                      (("--domain", "example.org"), [0, 1]), (("--held",), [])):
                self.assertEqual({each["id"] for each in self.listed(gateway, *filters)}, {names[at] for at in expected})
            shown = self.queue(gateway, "show", names[2])
            self.assertRegex(shown, r"(?m)^  expires    " + (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ, in [45]d$" if is_running
                                                           else r"after [45]d more, once gatepost runs$"))
            self.assertIn("<mallory@other.example>", shown)
            self.assertRegex(shown, r"found +.*spf=none .*dmarc=none")
            self.assertIn("notify     no: the sender was not authenticated", shown)
            self.assertNotIn("Subject:", shown)
            self.assertIn("Subject: three", self.queue(gateway, "show", "--headers", names[2]))
            self.assertNotIn("Hello.", self.queue(gateway, "show", "--headers", names[2]))
            self.assertIn("Hello.", self.queue(gateway, "show", "--message", names[2]))
            full = json.loads(self.queue(gateway, "show", "--json", names[1]))
            self.assertAlmostEqual(full["expires"], time.time() + 5 * 86400, delta=120)
            self.assertEqual([each["address"] for each in full["recipients"]], ["bob@example.org", "eve@example.net"])
            self.assertEqual(full["client"], {"address": "127.0.0.1", "helo": "client.example"})

    def test_why_it_waits(self):
        """The administrator sees what lies behind it, the client does not."""
        gateway = self.gateway(first="1h", longest="1h")
        name = self.send(gateway, "one")
        why = "127.0.0.1: greeting: connection lost"
        line = gateway.logged(f" delivery id={name} ")
        self.assertIn(f'result=unreachable answer="451 4.4.1 Mail server not reachable, try again later" why="{why}"', line)
        poll(lambda: self.listed(gateway)[0]["attempts"] == 1, "tried")
        problem = f"451 4.4.1 Mail server not reachable, try again later ({why})"
        self.assertEqual(self.listed(gateway)[0]["problem"], problem)
        self.assertIn(problem, self.queue(gateway, "list"))
        self.assertIn(problem, self.queue(gateway, "show", name))

    def test_what_the_downstream_says_is_escaped_once(self):
        gateway = self.gateway(first="1h", longest="1h")
        name = self.send(gateway, "one")
        poll(lambda: self.listed(gateway)[0]["attempts"] == 1, "tried once")
        self.sink.answers["rcpt"] = r'450 4.2.1 "C:\mail" is full'
        self.sink.come_back()
        self.queue(gateway, "retry", name)
        line = gateway.logged(f" delivery id={name} .* result=deferred ")
        self.assertIn(r"""answer="450 4.2.1 'C:\x5cmail' is full" """, line)
        poll(lambda: self.listed(gateway)[0]["attempts"] == 2, "tried")
        self.assertEqual(self.listed(gateway)[0]["problem"], r'450 4.2.1 "C:\mail" is full')

    def test_hold_and_release(self):
        for gateway, names, is_running in self.both():
            self.assertEqual(self.queue(gateway, "hold", names[0], names[1]), f"{names[0]} held\n{names[1]} held\n")
            self.assertEqual(self.shelf(gateway, "hold"), sorted(names[:2]))
            self.assertEqual({each["id"] for each in self.listed(gateway, "--held")}, set(names[:2]))
            if is_running:
                gateway.logged(f" queue id={names[0]} command=hold state=held")
            self.assertIn("is held; release it first", self.queue(gateway, "retry", names[0], status=EX_TEMPFAIL))
            self.sink.come_back()
            released = json.loads(self.queue(gateway, "release", "--json", names[0]))["messages"]
            self.assertEqual([(each["id"], each["state"]) for each in released], [(names[0], "waiting")])
            if is_running:
                poll(lambda: "one" in self.sink.subjects(), "what was released arrives")
                self.assertNotIn("two", self.sink.subjects())
            self.assertEqual(self.shelf(gateway, "hold"), [names[1]])
            self.queue(gateway, "release", "--all")
            self.assertEqual(self.shelf(gateway, "hold"), [])
            self.sink.go_away()

    def test_retry(self):
        for gateway, names, is_running in self.both():
            self.sink.come_back()
            self.queue(gateway, "retry", "--all", "--from", "alice@sender.example")
            if is_running:
                poll(lambda: len(self.shelf(gateway)) == 0, "what was tried again, and by that all, arrives")
            else:
                attempts = {each["id"]: each["attempts"] for each in self.listed(gateway)}
                self.assertEqual([attempts[name] for name in names[:2]], [0, 0])
            self.sink.go_away()

    def test_drop(self):
        for gateway, names, _ in self.both():
            self.assertIn("--yes", self.queue(gateway, "drop", names[0], status=EX_USAGE))
            self.assertEqual(self.queue(gateway, "drop", "--yes", names[0]), f"{names[0]} dropped\n")
            self.assertEqual(self.shelf(gateway), sorted(names[1:]))
            self.assertIn("--yes", self.queue(gateway, "drop", "--all", status=EX_USAGE))
            self.queue(gateway, "hold", names[1])
            self.queue(gateway, "drop", "--all", "--yes")
            self.assertEqual((self.shelf(gateway), self.shelf(gateway, "hold")), ([], []))
            self.assertEqual(self.listed(gateway), [])

    def test_export(self):
        for gateway, names, _ in self.both():
            target = gateway.folder / "export"
            target.mkdir()
            self.queue(gateway, "export", "--to", str(target), "--all")
            self.assertEqual(sorted(path.name for path in target.glob("*")), sorted(f"{name}.eml" for name in names))
            one = (target / f"{names[0]}.eml").read_bytes()
            self.assertIn(b"Subject: one\r\n", one)
            self.assertTrue(one.endswith(b"\r\n\r\nHello.\r\n"))
            self.assertEqual(stat.S_IMODE((target / f"{names[0]}.eml").stat().st_mode), 0o600)
            done = harness.run("queue", "export", "--to", "-", names[0], "--config", str(gateway.file))
            self.assertEqual(done.stdout, one)
            self.queue(gateway, "export", "--to", str(target), "--whole", names[1])
            self.assertEqual((target / f"{names[1]}.gatepost").read_bytes(),
                             (gateway.folder / "state" / "spool" / "queue" / names[1]).read_bytes())
            self.assertIn("File exists", self.queue(gateway, "export", "--to", str(target), names[0], status=73))
            self.assertEqual(len(self.shelf(gateway)), 3)

    def test_files_that_are_not_what_they_say_are_no_messages(self):
        for gateway, names, _ in self.both():
            shelf = gateway.folder / "state" / "spool" / "queue"
            whole = (shelf / names[0]).read_bytes()

            def renamed(name, whole=whole, names=names):
                return whole.replace(b"\nid " + names[0].encode(), b"\nid " + name.encode())
            (shelf / "copy").write_bytes(whole)
            (shelf / "half").write_bytes(renamed("half")[:whole.index(b"Hello.")])
            (shelf / "vast").write_bytes(re.sub(rb"\ncontent \d+", b"\ncontent 18446744073709551615", renamed("vast")))
            (shelf / "zero").symlink_to("/dev/zero")
            os.mkfifo(shelf / "pipe")
            shown = self.queue(gateway, "list")
            self.assertRegex(shown, r"(?m)^3 messages, [\d.]+K; 3 unreadable$")
            self.assertIn("copy: the file of another message\n", shown)
            for name in ("half", "vast"):
                self.assertIn(f"{name}: cut short\n", shown)
            self.assertEqual({line.split()[0] for line in shown.splitlines()[1:4]}, set(names))
            for name, status in (("copy", 65), ("half", 65), ("vast", 65), ("zero", EX_NOINPUT), ("pipe", EX_NOINPUT)):
                self.queue(gateway, "show", name, status=status)
                self.queue(gateway, "export", "--to", "-", name, status=status)

    def test_errors_say_what_is_wrong(self):
        for gateway, names, _ in self.both():
            for arguments, status, pattern in (
                    (("show", "nowhere"), EX_NOINPUT, "no message nowhere in the queue"),
                    (("retry", "nowhere"), EX_NOINPUT, "no message nowhere in the queue"),
                    (("drop", "--yes", "../queue"), EX_NOINPUT, r"no message \.\./queue in the queue"),
                    (("hold",), EX_USAGE, "name messages, or say --all"),
                    (("hold", names[0], "--all"), EX_USAGE, "excludes"),
                    (("retry", names[0], "--from", "a@b.example"), EX_USAGE, "choose among --all"),
                    (("list", "--held", "--dead"), EX_USAGE, "excludes"), ((), EX_USAGE, "subcommand"),
                    (("drop", "--held", "--dead", "--all", "--yes"), EX_USAGE, "excludes"),
                    (("drop", "--held", "--yes", names[0]), EX_NOINPUT, f"no message {names[0]} is held"),
                    (("drop", "--yes", "\x1b[31m"), EX_NOINPUT, r"no message \\x1b\[31m in the queue"),
                    (("list", "--from", "alice"), EX_USAGE, "'alice' is not user@domain, @domain or <>"),
                    (("hold", "--all", "--to", "alice"), EX_USAGE, "'alice' is not user@domain or @domain"),
                    (("hold", "--all", "--domain", "other.example"), 0, "no message is meant by that"),
                    (("export", "--to", "-", "--all", "--from", "<>"), 0, "no message is meant by that"),
                    (("frob", names[0]), EX_USAGE, "gatepost queue: .*not expected: .*frob"),
                    (("show",), EX_USAGE, "gatepost queue show: ID is required\nSee gatepost queue show --help"),
                    (("export", "--to", "-", "--all"), EX_USAGE, "only one message at a time"),
                    (("export", "--to", "/nowhere", names[0]), 73, "No such file or directory")):
                with self.subTest(arguments):
                    self.assertRegex(self.queue(gateway, *arguments, status=status), pattern)
            partly = self.queue(gateway, "hold", names[0], "nowhere", status=EX_NOINPUT)
            self.assertIn(f"{names[0]} held\n", partly)

    def test_without_any_spool_there_is_nothing(self):
        gateway = self.open(Gateway("maildir://mail", self.dns.address))
        self.assertEqual(self.queue(gateway, "list"), "0 messages\n"
                         "gatepost queue: nothing was ever spooled: there is no "
                         f"{gateway.folder}/state/spool\n")
        self.assertEqual(self.listed(gateway), [])

    @unittest.skipIf(os.getuid() != 0, "skipped: only root can be somebody else")
    def test_who_may_not_read_it_is_told_who_may(self):
        gateway = self.gateway()
        self.send(gateway, "one")
        gateway.folder.chmod(0o755)
        gateway.file.chmod(0o644)
        (gateway.folder / "state").chmod(0o755)
        done = harness.subprocess.run([harness.program(), "queue", "list", "--config", str(gateway.file)], user=65534,
                                      capture_output=True, check=False, timeout=harness.PATIENCE)
        self.assertEqual(done.returncode, EX_NOPERM, done.stderr)
        self.assertIn(b"run it as root or as user gatepost", done.stderr)

    def test_the_socket_is_the_owners_and_survives_nonsense(self):
        gateway = self.gateway(first="1h", longest="1h")
        name = self.send(gateway, "one")
        path = gateway.folder / "state" / "control"
        self.assertEqual(stat.S_IMODE(path.stat().st_mode), 0o600)
        for nonsense in (b"GET / HTTP/1.0\r\n\r\n", b"\0" * 1000 + b"\n", b"[" * 100_000 + b"\n", b"x" * 600_000):
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(harness.PATIENCE)
                sock.connect(str(path))
                with harness.contextlib.suppress(OSError):
                    sock.sendall(nonsense)
                    sock.shutdown(socket.SHUT_WR)
                    self.assertNotIn(b"messages", sock.recv(65536))
        self.assertEqual(self.queue(gateway, "hold", name), f"{name} held\n")
        gateway.stop()
        self.assertFalse(path.exists())


if __name__ == "__main__":
    harness.main()
