"""Each limit of the table in gateway/README.md: what is said at it, that nothing else suffers, and that the next
client is served again. Numbers in names are those of the attacks and faults that the limit is against."""
import contextlib
import select
import socket
import subprocess
import time

import crowd
import harness
from harness import Client, Dns, Gateway, Sink, message, need, poll, tls_client

LONG = "5m"


class LimitCase(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dns = cls.open_for_all(Dns({"sender.example": ["TXT v=spf1 -all"]}))

    def gateway(self, server=None, **changes):
        if server is None:
            self.sink = self.open(Sink())
            server = self.sink.url
        return self.open(Gateway(server, self.dns.address, **changes))

    def hello(self, gateway, **options):
        client = self.open(gateway.client(**options))
        client.hello()
        return client

    def in_transaction(self, gateway):
        client = self.hello(gateway)
        self.assert_status(client.command("MAIL FROM:<alice@sender.example>"), "250 2.1.0")
        return client

    def refused(self, gateway, text, source="127.0.0.1"):
        client = self.open(gateway.client(source=source))
        self.assertIn(text, client.greeting.text)
        self.assertEqual(client.rest(), b"", "and closed at once")
        return client.greeting.status

    def greeted(self, gateway, source="127.0.0.1"):
        with gateway.client(source=source) as client:
            return client.greeting.code == 220


class Number(LimitCase):
    """88 and 89: what is more than a limit hears so at once."""

    def test_sessions(self):
        gateway = self.gateway(limits={"sessions": 3})
        clients = [self.open(gateway.client(source=f"127.0.{n}.1")) for n in range(3)]
        self.assertEqual({client.greeting.code for client in clients}, {220})
        self.assertEqual(self.refused(gateway, "Too many connections", "127.0.9.1"), "421 4.3.2")
        clients[0].close()
        poll(lambda: self.greeted(gateway, "127.0.9.1"), "a place is free")

    def test_sessions_of_a_client(self):
        gateway = self.gateway(limits={"sessions_per_client": 2})
        clients = [self.open(gateway.client()) for _ in range(2)]
        self.assertEqual(self.refused(gateway, "from your address"), "421 4.7.0")
        self.assertTrue(self.greeted(gateway, "127.0.0.2"))
        clients[0].close()
        poll(lambda: self.greeted(gateway), "a place is free")

    def test_sessions_of_a_network(self):
        gateway = self.gateway(limits={"sessions_per_network": 3})
        clients = [self.open(gateway.client(source=f"127.0.1.{n}")) for n in range(1, 4)]
        self.assertEqual(self.refused(gateway, "from your network", "127.0.1.200"), "421 4.7.0")
        self.assertTrue(self.greeted(gateway, "127.0.2.1"))
        clients[0].close()
        poll(lambda: self.greeted(gateway, "127.0.1.200"), "a place is free")

    def test_sessions_of_a_client_in_a_minute(self):
        gateway = self.gateway(limits={"sessions_per_minute": 3})
        for _ in range(3):
            self.assertTrue(self.greeted(gateway))
        self.assertEqual(self.refused(gateway, "slow down"), "421 4.7.0")
        self.assertTrue(self.greeted(gateway, "127.0.0.2"))

    def test_messages_of_a_client_in_a_minute(self):
        gateway = self.gateway(limits={"messages_per_minute": 2})
        client = self.hello(gateway)
        for _ in range(2):
            self.assert_status(client.deliver(message()), "250 2.0.0")
        self.assert_status(client.command("MAIL FROM:<alice@sender.example>"), "452 4.7.1")
        self.assert_status(client.command("RCPT TO:<bob@example.org>"), "503 5.5.1")
        self.assert_status(self.hello(gateway, source="127.0.0.2").deliver(message()), "250 2.0.0")
        self.assertEqual(len(self.sink.messages), 3)

    def test_recipients_of_a_client_in_a_minute(self):
        gateway = self.gateway(limits={"recipients_per_minute": 2})
        client = self.in_transaction(gateway)
        statuses = [client.command(f"RCPT TO:<u{n}@example.org>").status for n in range(4)]
        self.assertEqual(statuses, ["250 2.1.5", "250 2.1.5", "450 4.7.1", "450 4.7.1"])
        self.assertEqual(client.command("DATA").code, 354)
        client.send(message() + b".\r\n")
        self.assert_status(client.reply(), "250 2.0.0")
        self.assertEqual(self.sink.messages[0].recipients, ["u0@example.org", "u1@example.org"])

    def test_errors_and_commands(self):  # 23
        gateway = self.gateway(limits={"errors": 3, "commands": 20})
        client = self.hello(gateway)
        self.assertEqual([client.command("XYZZY").code for _ in range(4)], [500, 500, 500, 421])
        self.assertEqual(client.rest(), b"")
        client = self.hello(gateway)
        self.assertEqual([client.command("NOOP").code for _ in range(20)], [250] * 19 + [421])
        self.assertEqual(client.rest(), b"")

    def test_recipients(self):  # 22
        gateway = self.gateway(limits={"recipients": 100})
        client = self.in_transaction(gateway)
        client.send("".join(f"RCPT TO:<u{n}@example.org>\r\n" for n in range(150)))
        self.assertEqual([reply.status for reply in client.replies(150)], ["250 2.1.5"] * 100 + ["452 4.5.3"] * 50)
        self.assertEqual(client.command("DATA").code, 354)
        client.send(message() + b".\r\n")
        self.assert_status(client.reply(), "250 2.0.0")
        self.assertEqual(len(self.sink.messages[0].recipients), 100)

    def test_sizes(self):  # 21, 28, 53, 54, 55
        gateway = self.gateway(limits={"message_size": "64KiB", "header_size": "16KiB", "header_fields": 100,
                                       "header_field_size": "1KiB", "line_length": 998, "hops": 10})
        cases = [("message_size", message(body="0123456789\r\n" * 6000), "552 5.3.4"),
                 ("header_size", message(extra="X: 012345678901234567890123456789\r\n" * 600), "552 5.3.4"),
                 ("header_fields", message(extra="X: y\r\n" * 100), "550 5.6.0"),
                 ("header_field_size", message(extra="X: y\r\n" + " 012345678\r\n" * 120), "550 5.6.0"),
                 ("line_length", message(body="x" * 999 + "\r\n"), "550 5.6.0"),
                 ("hops", message(extra="Received: from a by b; Fri, 01 May 2026 12:00:00 +0000\r\n" * 11), "554 5.4.6")]
        for limit, content, status in cases:
            with self.subTest(limit):
                client = self.hello(gateway)
                self.assert_status(client.deliver(content), status)
                self.assert_status(client.deliver(message(body="x" * 998 + "\r\n", extra="X: y\r\n" * 90)), "250 2.0.0")
        client = self.hello(gateway)
        self.assert_status(client.command("MAIL FROM:<alice@sender.example> SIZE=65537"), "552 5.3.4")
        self.assertEqual(len(self.sink.messages), len(cases), "the small ones alone")


class Time(LimitCase):
    """16 and 85 to 87: nobody holds a session by being slow."""

    def closed_within(self, client, seconds):
        """All that comes until the gateway closes, which is not later than that."""
        client.sock.settimeout(seconds)
        try:
            return client.rest()
        except TimeoutError:
            self.fail(f"not closed within {seconds} s")

    def test_handshake_timeout(self):
        gateway = self.with_tls(limits={"handshake_timeout": "1s", "command_timeout": LONG})
        client = self.hello(gateway)
        self.assertEqual(client.command("STARTTLS").code, 220)
        client.send(b"\x16")
        self.assertEqual(self.closed_within(client, 10), b"")
        secure = self.hello(gateway)
        secure.starttls(tls_client())
        self.assertEqual(secure.hello().code, 250)

    def test_write_timeout(self):  # 87
        gateway = self.gateway(limits={"write_timeout": "1s", "sessions": 1, "commands": 1000000})
        client = self.open(Client(gateway.port))
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sock.settimeout(0.5)
        with contextlib.suppress(OSError):
            while True:
                client.send(b"HELP\r\n" * 1000)
        poll(lambda: self.greeted(gateway), "its place is free", 15)

    def test_command_and_session_timeout(self):
        gateway = self.gateway(limits={"command_timeout": "1s"})
        self.assertIn(b"421 4.4.2", self.closed_within(self.hello(gateway), 10))
        gateway = self.gateway(limits={"session_timeout": "2s"})
        self.assertIn(b"421 4.4.2", self.talks(self.hello(gateway), 15))

    def talks(self, client, patience):
        """NOOP after NOOP until the gateway has had enough; what it said last."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            client.send(b"NOOP\r\n")
            try:
                if (reply := client.reply()).code == 421:
                    return reply.raw
            except EOFError:
                break
            time.sleep(0.05)
        self.fail(f"it talked for {patience} s")

    def test_transaction_timeout(self):
        gateway = self.gateway(limits={"transaction_timeout": "1s", "session_timeout": "1h", "data_rate": 0})
        self.assertIn(b"421 4.4.2", self.talks(self.in_transaction(gateway), 15))
        client = self.hello(gateway)
        client.begin()
        self.assertIn(b"421 4.4.2", self.closed_within(client, 10))
        self.assertEqual(self.sink.messages, [])

    def test_the_end_of_a_session_waits_for_its_transaction(self):
        gateway = self.gateway(limits={"session_timeout": "1s"})
        client = self.hello(gateway)
        client.begin()
        time.sleep(1.5)
        client.send(message() + b".\r\n")
        self.assert_status(client.reply(), "250 2.0.0")
        self.assertIn(b"421 4.4.2", self.closed_within(client, 10))

    def test_rate_of_content(self):  # 85
        gateway = self.gateway(limits={"data_rate": 1000, "data_rate_window": "1s"})
        for line, pause, is_slow in ((b"x\r\n", 0.02, True), (b"y" * 900 + b"\r\n", 0.05, False)):
            with self.subTest(is_slow=is_slow):
                client, began = self.hello(gateway), time.monotonic()
                client.begin()
                client.send(b"From: alice@sender.example\r\n\r\n")
                with contextlib.suppress(ConnectionError):
                    while time.monotonic() - began < (20 if is_slow else 3) and not self.readable(client):
                        client.send(line)
                        time.sleep(pause)
                if is_slow:
                    self.assert_status(client.reply(), "421 4.4.2")
                    self.assertLess(time.monotonic() - began, 15)
                else:
                    client.send(b".\r\n")
                    self.assert_status(client.reply(), "250 2.0.0")
        self.assertEqual(len(self.sink.messages), 1)

    def readable(self, client):
        return bool(select.select([client.sock], [], [], 0)[0])

    def with_tls(self, **changes):
        gateway = Gateway(listening=False)
        self.open(gateway)
        certificate, key = harness.make_certificate(gateway.folder, "mx.example.org")
        gateway.configure(tls=[{"certificate": str(certificate), "key": str(key)}], **changes)
        gateway.start()
        return gateway

    def test_half_open_peers_are_looked_for(self):  # R27
        gateway = self.gateway()
        client = self.hello(gateway)
        local = client.sock.getsockname()[1]
        command = [need("ss"), "-Htno", f"sport = :{gateway.port} and dport = :{local}"]
        poll(lambda: b"timer:(keepalive," in subprocess.run(command, capture_output=True, check=True).stdout,
             "nothing but keepalive is waited for")


class Pressure(LimitCase):
    """86 and M-8: when sessions run short, those who wait already have less time."""

    def test_idle_time_shrinks_and_recovers(self):
        gateway = self.gateway(limits={"sessions": 5, "command_timeout": LONG, "stressed_command_timeout": "1s"})
        clients = [self.hello(gateway) for _ in range(4)]
        time.sleep(1.5)
        self.assertEqual([client.command("NOOP").code for client in clients], [250] * 4, "no pressure yet")
        clients.append(self.hello(gateway))
        socks = {client.sock: client for client in clients}
        readable, _, _ = select.select(list(socks), [], [], 15)
        self.assertTrue(readable, "one has to go")
        self.assertIn(b"421 4.4.2", socks[readable[0]].rest())
        gateway.logged(r"pressure state=\"sessions run short\" sessions=5 idle_time=1")
        poll(lambda: self.greeted(gateway), "and there is room")
        for client in clients:
            client.close()
        gateway.logged(r"pressure state=over")
        self.assertEqual(gateway.log().count(" pressure "), 2, "each change once")
        client = self.hello(gateway)
        time.sleep(2.5)
        self.assert_status(client.command("NOOP"), "250 2.0.0")


class Descriptors(LimitCase):
    """R13: without descriptors clients hear a 421, nothing spins, and the first free one is used at once."""

    def test_none_left(self):
        gateway = self.gateway(arguments=[need("prlimit"), "--nofile=64:64"], limits={"sessions_per_client": 1000})
        clients = [self.open(gateway.client()) for _ in range(80)]
        codes = [client.greeting.code for client in clients]
        self.assertEqual(set(codes), {220, 421})
        # Not in order towards the end: a descriptor that one worker gives up may serve a client of the other one.
        self.assertEqual(codes[:20], [220] * 20, "first come, first served")
        refused = next(client for client in clients if client.greeting.code == 421)
        self.assert_status(refused.greeting, "421 4.3.2")
        self.assertEqual(refused.rest(), b"")
        served = clients[0]
        self.assert_status(served.command("NOOP"), "250 2.0.0")
        before = self.cpu(gateway)
        time.sleep(1)
        self.assertLess(self.cpu(gateway) - before, 0.5, "it spins")
        for client in clients:
            client.close()
        began = gateway.log().count("out of descriptors")
        self.assertLessEqual(began, 10, "for each worker, and for each spare descriptor that the other one took")
        poll(lambda: self.greeted(gateway), "room again", 5)
        poll(lambda: self.greeted(gateway) and gateway.log().count("descriptors again") == began, "each worker says so")
        self.assert_status(self.hello(gateway).deliver(message()), "250 2.0.0")

    def cpu(self, gateway):
        return time.clock_gettime(~gateway.process.popen.pid << 3 | 2)  # clock_getcpuclockid(3)


class Defence(LimitCase):
    """23 and 31: who makes errors or looks for addresses waits, if the administrator wants that."""

    def seconds(self, client, line, code):
        began = time.monotonic()
        self.assertEqual(client.command(line).code, code, line)
        return time.monotonic() - began

    def test_nobody_waits_by_default(self):
        client = self.hello(self.gateway())
        began = time.monotonic()
        for _ in range(10):
            self.assertEqual(client.command("RCPT TO:<bob@example.org>").code, 503)
        self.assertLess(time.monotonic() - began, 1)

    def test_replies_to_errors_wait(self):
        gateway = self.gateway(defence={"tarpit": {"after": 2, "delay": "400ms", "max": "800ms"}})
        client, honest = self.hello(gateway), self.hello(gateway)
        self.seconds(client, "MAIL", 501)
        self.seconds(client, "RCPT", 503)
        self.assertGreaterEqual(self.seconds(client, "VRFY", 501), 0.4)
        self.assertGreaterEqual(self.seconds(client, "VRFY", 501), 0.8)
        client.send(b"VRFY\r\n")
        for _ in range(3):
            self.assertEqual(honest.command("NOOP").code, 250)
        self.assertEqual(select.select([client.sock], [], [], 0)[0], [], "the honest one has not waited for it")
        self.assertEqual(client.reply().code, 501)

    def test_other_replies_do_not_wait(self):  # M-12
        gateway = self.gateway(defence={"tarpit": {"after": 1, "delay": "60s", "max": "60s"}})
        client = self.hello(gateway)
        client.command("MAIL")
        for line, code in (("NOOP", 250), ("EHLO x", 250), ("DATA", 503), ("XYZZY", 500), ("EHLO", 501), ("QUIT", 221)):
            self.assertLess(self.seconds(client, line, code), 30, line)

    def test_only_so_many_wait(self):
        gateway = self.gateway(defence={"tarpit": {"after": 1, "delay": "60s", "max": "60s"}, "delayed_sessions": 1})
        first, second = self.hello(gateway), self.hello(gateway)
        for client in (first, second):
            client.command("MAIL")
        first.send(b"VRFY\r\n")
        self.assertEqual(select.select([first.sock], [], [], 1)[0], [])
        self.assertLess(self.seconds(second, "VRFY", 501), 30)

    def test_the_end_of_the_gateway_waits_for_no_delay(self):
        gateway = self.gateway(defence={"tarpit": {"after": 1, "delay": "60s", "max": "60s"}})
        client = self.hello(gateway)
        client.command("MAIL")
        client.send(b"VRFY\r\n")
        self.assertEqual(select.select([client.sock], [], [], 1)[0], [])
        began = time.monotonic()
        gateway.stop()
        self.assertLess(time.monotonic() - began, 20)
        self.assertIn(b"421 4.3.2", client.rest())

    def test_guesses_are_slowed_and_ended(self):
        gateway = self.gateway(defence={"harvest": {"slow_after": 2, "delay": "400ms", "end_after": 4}})
        self.sink.answers["rcpt"] = "550 5.1.1 No such user"
        client = self.in_transaction(gateway)
        times = [self.seconds(client, f"RCPT TO:<u{n}@example.org>", 550) for n in range(4)]
        self.assertGreaterEqual(min(times[2:]), 0.4)
        self.assert_status(client.command("RCPT TO:<u@example.org>"), "421 4.7.0")
        self.assertEqual(client.rest(), b"")
        self.assertEqual(len([line for _, line in self.sink.commands if line.startswith("RCPT")]), 4)

    def test_dead_addresses_do_not_stop_a_list(self):
        gateway = self.gateway(defence={"harvest": {"end_after": 4}})
        self.sink.answers["rcpt"] = ["250 2.1.5 Ok", *["550 5.1.1 No such user"] * 4]
        client = self.in_transaction(gateway)
        statuses = [client.command(f"RCPT TO:<u{n}@example.org>").status for n in range(7)]
        self.assertEqual(statuses, ["250 2.1.5"] + ["550 5.1.1"] * 4 + ["452 4.5.3"] * 2)
        self.assertEqual(client.command("DATA").code, 354)
        client.send(message() + b".\r\n")
        self.assert_status(client.reply(), "250 2.0.0")
        self.assertEqual(self.sink.messages[0].recipients, ["u0@example.org"])
        self.assert_status(client.deliver(message(), recipients=("u5@example.org",)), "250 2.0.0")


class Memory(LimitCase):
    """90: what is never finished waits on the disk."""

    def test_unfinished_messages(self):
        gateway = self.gateway(limits={"memory_per_message": "16KiB", "sessions_per_client": 50})
        body = b"and so on, and so on, and so on, and so on\r\n" * 1500  # 64 KiB
        clients = [self.hello(gateway) for _ in range(40)]
        before = crowd.resident(gateway.process.popen.pid)
        for client in clients:
            client.begin()
            client.send(b"From: alice@sender.example\r\n\r\n")
        for _ in range(40):
            for client in clients:
                client.send(body)
        clients[0].send(b".\r\nNOOP\r\n")
        self.assertEqual([reply.code for reply in clients[0].replies(2)], [250, 250])
        self.assertLess(crowd.resident(gateway.process.popen.pid) - before, 50 * 1024, "KiB, of 100 MiB")


class SmallCrowd(LimitCase):
    """89 and 90 in small; tests/bench/crowd_bench.py does it with thousands."""

    def test_the_honest_are_served_among_many(self):
        crowd.raise_descriptor_limit(4096)
        gateway = self.gateway()
        pid = gateway.process.popen.pid
        before = crowd.descriptors(pid)
        many = self.open(crowd.Crowd(gateway.port))
        many.wait(300)
        many.write(50)
        poll(lambda: many.dripped > 1, "they drip")
        client = self.hello(gateway)
        for _ in range(20):
            self.assert_status(client.deliver(message()), "250 2.0.0")
        self.assertEqual(many.left(many.waiting + many.writing), 350)
        crowd.ask(many.waiting, b"NOOP", b"250")
        many.close()
        client.close()
        kept = 150  # connections to the downstream, the resolver's sockets
        self.assertLessEqual(crowd.settled(lambda: crowd.descriptors(pid), before + kept), before + kept)
        self.assertEqual(len(self.sink.messages), 20, "what was never finished is no message")


if __name__ == "__main__":
    harness.main()
