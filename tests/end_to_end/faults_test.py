#!/usr/bin/python3
"""Faults of what stands around the gateway: downstream, DNS, disk, descriptors, memory, signals. The numbers are those
of our list of attacks (81) and faults (R3 to R26). Nothing is lost, nothing is refused for good because of a fault, and
an honest message passes afterwards."""
import contextlib
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

import harness
from harness import CLOSE, SILENT, Client, Gateway, Sink, make_certificate, message, need, poll, tls_client
from hostile_dns import HostileDns, cut_without_tcp, failure, garbage, silence

ZONE = {
    "sender.example": ["TXT v=spf1 ip4:127.0.0.1 -all", "MX 10 mail.sender.example"],
    "_dmarc.sender.example": ["TXT v=DMARC1; p=reject"],
    "mail.sender.example": ["A 127.0.0.1"],
    "1.0.0.127.in-addr.arpa": ["PTR mail.sender.example"],
}
CONTENT = message()


def has_sanitizer():
    return b"__asan_init" in pathlib.Path(harness.program()).read_bytes()


class Case(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dns = cls.open_for_all(HostileDns(ZONE))
        cls.sink = cls.open_for_all(Sink())
        cls.gateway = cls.open_for_all(cls.made(limits={"downstream_timeout": "1s", "dns_timeout": "3s"}))

    @classmethod
    def made(cls, downstream=None, resolver=None, **changes):
        """A gateway that takes many sessions of one client."""
        changes["limits"] = {"sessions_per_client": 900, **changes.get("limits", {})}
        return Gateway(downstream or cls.sink.url, resolver or cls.dns.address, **changes)

    def setUp(self):
        self.reset()

    def reset(self):
        self.sink.answers.clear()
        self.sink.messages.clear()
        self.dns.tricks.clear()
        self.dns.everything = None

    def tearDown(self):
        self.reset()
        self.honest()

    def honest(self, gateway=None):
        """Right away, or as soon as a short memory of failures has faded (dns_cache.cpp: 3 s)."""
        def passes():
            with (gateway or self.gateway).client() as client:
                client.hello("mail.sender.example")
                reply = client.deliver(CONTENT)
                return reply.status == "250 2.0.0" or self.assertEqual(reply.code // 100, 4, reply)
        poll(passes, "an honest message passes", 8)

    def client(self, gateway=None):
        client = self.open((gateway or self.gateway).client())
        client.hello("mail.sender.example")
        return client

    def outcome(self, gateway=None, content=CONTENT, **envelope):
        """The first reply that is not what a good transaction gets, or the last one."""
        client = self.client(gateway)
        sender = envelope.get("reverse_path", "alice@sender.example")
        for command in (f"MAIL FROM:<{sender}>", "RCPT TO:<bob@example.org>", "DATA"):
            reply = client.command(command)
            if reply.code not in (250, 354):
                return reply
        client.send(content + b".\r\n")
        return client.reply()


class Downstream(Case):
    """R3 to R10."""

    def test_R3_a_downstream_that_fails_is_no_refusal(self):
        for stage in ("connect", "ehlo", "mail", "rcpt", "data", "dot"):
            for answer in (CLOSE, SILENT):
                with self.subTest(stage=stage, answer=answer is SILENT):
                    self.fresh()
                    self.sink.answers[stage] = [answer] * 9
                    began = time.monotonic()
                    self.assertEqual(self.outcome().code, 451)
                    self.assertLess(time.monotonic() - began, 6)

    def fresh(self):
        """Without a kept connection: each stage is reached anew."""
        self.reset()
        for sock in list(self.sink.connections):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def test_R3_no_downstream_at_all(self):
        gateway = self.open(self.made("smtp://127.0.0.1:1"))
        self.assert_status(self.outcome(gateway), "451 4.4.1")

    def test_R4_and_R5_its_answer_is_ours(self):
        for stage in ("mail", "rcpt", "data", "dot"):
            for answer in ("450 4.2.0 later", "452 4.3.1 full", "550 5.1.1 never", "554 5.7.1 never", "421 4.3.2 going"):
                with self.subTest(stage=stage, answer=answer):
                    self.fresh()
                    self.sink.answers[stage] = [answer] * 9
                    if stage == "mail":
                        self.sink.answers["rcpt"] = ["503 5.5.1 MAIL first"] * 9
                    reply = self.outcome()
                    self.assertEqual(reply.code, 451 if answer.startswith("421") else int(answer[:3]))
        for stage in ("connect", "ehlo"):  # says nothing about this message
            for answer in ("421 4.3.2 going", "554 5.7.1 not you"):
                with self.subTest(stage=stage, answer=answer):
                    self.fresh()
                    self.sink.answers[stage] = [answer] * 9
                    self.sink.answers["helo"] = [answer] * 9
                    self.assertEqual(self.outcome().code, 451)

    def test_R6_no_clear_answer_to_the_final_dot(self):
        for answer in (CLOSE, SILENT, "25", "250-still\r\n250-writing", "no reply at all", "250-2.0.0 Ok\r\n550 no"):
            with self.subTest(answer=answer):
                self.fresh()
                self.sink.answers["dot"] = [answer]
                self.assertEqual(self.outcome().code, 451)

    def test_R7_nonsense_replies(self):
        for stage, answer in (("connect", "354 x"), ("ehlo", "354 x"), ("mail", "354 x"), ("rcpt", "354 x"), ("rcpt", "150 x"),
                              ("data", "250 2.0.0 x"), ("data", "355 x"), ("dot", "354 x"), ("dot", "100 x"), ("dot", "999 x"),
                              ("dot", "2500 x"), ("mail", "250 a\n250 b"), ("rcpt", "x" * 70000), ("rcpt", "250-x\r\n" * 200 + "250 x")):
            with self.subTest(stage=stage, answer=answer[:20]):
                self.fresh()
                self.sink.answers[stage] = [answer] * 9
                self.assertEqual(self.outcome().code, 451)

    def test_R7_a_reply_too_many_puts_nobody_out_of_step(self):
        for stage in ("rcpt", "dot", "rset"):
            with self.subTest(stage):
                self.fresh()
                self.sink.answers[stage] = [Sink.DEFAULT[stage] + "\r\n250 2.0.0 one too many"]
                self.outcome()
                self.sink.answers["rcpt"] = ["550 5.1.1 no"] * 9
                self.assertEqual(self.outcome().code // 100, 5, "the answer to an earlier command")

    def test_R8_a_slow_downstream_has_one_deadline_for_all(self):
        def slow_reader(listener):
            with contextlib.suppress(OSError):
                sock, _ = listener.accept()
                with sock:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                    for reply in ("220 x", "250 x", "250 x", "250 x", "354 x"):
                        sock.sendall(reply.encode() + b"\r\n")
                        sock.recv(4096 if reply != "354 x" else 1)
                    while not ended.wait(0.3) and sock.recv(100000):
                        pass
        ended = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            thread = threading.Thread(target=slow_reader, args=(listener,))
            thread.start()
            gateway = self.open(self.made(f"smtp://127.0.0.1:{listener.getsockname()[1]}",
                                        limits={"downstream_timeout": "2s"}))
            began = time.monotonic()
            reply = self.outcome(gateway, CONTENT + b"0123456789\r\n" * 2000000)
            self.assertEqual(reply.code, 451)
            self.assertLess(time.monotonic() - began, 25)
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()

    def test_R8_replies_octet_by_octet_are_cut_off(self):
        def drip(listener):
            with contextlib.suppress(OSError):
                while True:
                    sock, _ = listener.accept()
                    with sock, contextlib.suppress(OSError):
                        while not ended.wait(0.2):
                            sock.sendall(b"2")
        ended = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            thread = threading.Thread(target=drip, args=(listener,))
            thread.start()
            gateway = self.open(self.made(f"smtp://127.0.0.1:{listener.getsockname()[1]}",
                                        limits={"downstream_timeout": "1s"}))
            began = time.monotonic()
            self.assertEqual(self.outcome(gateway).code, 451)
            self.assertLess(time.monotonic() - began, 10)
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()

    def test_R9_a_recipient_that_the_downstream_cannot_take_is_refused_each_time(self):
        sink = self.open(Sink())
        gateway = self.open(self.made(sink.url, workers=1))
        client = self.client(gateway)
        sink.capabilities = ["SIZE 1000"]  # from now on: the client was told otherwise
        sink.end_connections()
        self.assert_status(client.command("MAIL FROM:<alice@sender.example> SIZE=2000"), "250 2.1.0")
        for _ in range(3):
            self.assert_status(client.command("RCPT TO:<bob@example.org>"), "552 5.3.4")
        self.assertFalse([line for _, line in sink.commands if line.startswith("RCPT")])
        self.honest(gateway)

    def test_R10_a_client_that_is_gone_before_the_reply(self):
        for _ in range(5):
            client = self.client()
            client.begin()
            client.send(CONTENT + b".\r\n")
            client.close()
        poll(lambda: len(self.sink.messages) == 5, "each message once")
        for _ in range(5):  # it comes again: it has heard nothing
            self.honest()
        self.assertEqual(len(self.sink.messages), 10)

    def test_R10_a_421_to_a_kept_connection_is_not_passed_on(self):
        gateway = self.open(self.made(workers=1))
        self.honest(gateway)
        self.sink.answers["mail"] = ["421 4.4.2 idle for too long"]
        self.assert_status(self.outcome(gateway), "250 2.0.0")


class Names(Case):
    """81, R15, R16. Each with a gateway that knows nothing yet."""

    def setUp(self):
        super().setUp()
        self.gateway = self.open(self.made(limits={"dns_timeout": "3s"}))

    def test_81_packets_that_do_not_fit_are_dropped(self):
        def lies(server, question, send):
            pass_all = [(b"\xc0\x0c", 16, b"\x0bv=spf1 +all")]
            other = b"\x06target\x07example\0" + question.packet[question.end - 4:question.end]
            send(question.reply(pass_all, identity=bytes([question.packet[0] ^ 1, question.packet[1]])))
            send(question.reply(pass_all, question=other))
            send(question.reply(pass_all, question=question.packet[12:question.end].swapcase()))
            send(question.reply(pass_all, flags=0x0100))  # a question
            send(question.packet[:2])
            send(server.truth(question))
        self.dns.everything = lies
        self.assert_status(self.outcome(), "250 2.0.0")
        reply = self.client_elsewhere()
        self.assertEqual(reply.status, "550 5.7.26", reply)

    def client_elsewhere(self):
        """The honest message from an address that the domain does not send from."""
        client = self.open(self.gateway.client(source="127.0.0.9"))
        client.hello("mail.sender.example")
        return client.deliver(CONTENT)

    def test_81_another_sender_of_packets_is_not_heard(self):
        def from_elsewhere(server, question, send):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other, contextlib.suppress(OSError):
                other.sendto(question.reply([(b"\xc0\x0c", 16, b"\x0bv=spf1 +all")]), server.peer)
            send(server.truth(question))
        self.dns.everything = from_elsewhere
        self.assertEqual(self.client_elsewhere().code, 550)

    def test_81_records_that_were_not_asked_for_are_not_kept(self):
        poison = b"\x06target\x07example\0"

        def poisoned(server, question, send):
            extra = [(poison, 16, b"\x0bv=spf1 +all"), (b"\x06_dmarc" + poison, 16, b"\x12v=DMARC1; p=none  "),
                     (b"\x06_dmarc\x06sender\x07example\0", 16, b"\x10v=DMARC1; p=none")]
            if question.kind == 16 and question.name in server.zone:
                text = server.zone[question.name][0][4:].encode()
                send(question.reply([(b"\xc0\x0c", 16, bytes([len(text)]) + text), *extra], additional=extra))
            else:
                send(server.truth(question))
        self.dns.zone["target.example"] = ["TXT v=spf1 -all"]
        self.dns.zone["_dmarc.target.example"] = ["TXT v=DMARC1; p=reject"]
        self.dns.everything = poisoned
        self.honest()
        self.dns.everything = None
        reply = self.outcome(content=message("x@target.example"), reverse_path="x@target.example")
        self.assertEqual(reply.status, "550 5.7.26", reply)

    def test_81_cut_answers_without_tcp_are_no_answers(self):
        for name in ("cut.example", "_dmarc.cut.example"):
            self.dns.zone[name] = ["TXT x"]
            self.dns.tricks[name] = cut_without_tcp
        began = time.monotonic()
        self.assertEqual(self.outcome(content=message("x@cut.example")).code, 451)
        self.assertLess(time.monotonic() - began, 10)

    def test_81_aliases_in_a_circle(self):
        for name in ("_dmarc.circle.example", "circle.example"):
            self.dns.zone[name] = ["CNAME " + name]
        self.assertIn(self.outcome(content=message("x@circle.example")).code, (451, 550))
        self.dns.zone["_dmarc.chain.example"] = ["CNAME n0.chain.example"]
        for number in range(50):
            self.dns.zone[f"n{number}.chain.example"] = [f"CNAME n{number + 1}.chain.example"]
        self.assertIn(self.outcome(content=message("x@chain.example")).code, (451, 550))
        self.assertLess(len([name for name in self.dns.asked if "chain.example" in name]), 60)

    def test_R15_and_R16_a_broken_dns_is_451_in_time_and_mends_at_once(self):
        cases = {"silence": silence, "SERVFAIL": failure(2), "REFUSED": failure(5), "garbage": garbage, "FORMERR": failure(1)}
        for number, (reason, trick) in enumerate(cases.items()):
            with self.subTest(reason):
                self.reset()
                author = f"x@broken{number}.example"
                for name in (f"_dmarc.broken{number}.example", f"broken{number}.example"):
                    self.dns.zone[name] = ["TXT v=DMARC1; p=reject"]
                    self.dns.tricks[name] = trick
                began = time.monotonic()
                self.assertEqual(self.outcome(content=message(author)).code, 451)
                self.assertLess(time.monotonic() - began, 8)
                self.assert_status(self.outcome(), "250 2.0.0")  # one dead zone delays nobody else
        self.dns.tricks.clear()
        poll(lambda: self.outcome(content=message("x@broken0.example")).status == "550 5.7.26", "the record is found", 8)

    def test_R15_a_dead_server_is_451_for_all(self):
        gateway = self.open(self.made(resolver="127.0.0.1:1"))
        began = time.monotonic()
        self.assertEqual(self.outcome(gateway).code, 451)
        self.assertLess(time.monotonic() - began, 8)


class Resources(Case):
    """R12 to R14, R24, R26."""

    def test_R12_no_room_on_the_disk(self):
        gateway = self.open(self.made(files_limit=400000, limits={"memory_per_message": "64KiB"}))
        large = CONTENT + b"0123456789\r\n" * 100000
        for _ in range(3):
            self.assert_status(self.outcome(gateway, large), "452 4.3.1")
        self.assertEqual(self.sink.messages, [])
        self.honest(gateway)

    def test_R12_no_room_in_the_maildir(self):
        gateway = self.open(self.made("maildir://mail", files_limit=400000, limits={"memory_per_message": "8MiB"}))
        self.assertEqual(self.outcome(gateway, CONTENT + b"0123456789\r\n" * 100000).code // 100, 4)
        self.assertEqual(gateway.mail(), [])
        self.assertEqual(list((gateway.folder / "mail" / "tmp").glob("*")), [])
        self.honest(gateway)
        self.assertEqual(len(gateway.mail()), 1)

    def test_R13_no_descriptor_left(self):
        gateway = self.open(self.made(arguments=[need("prlimit"), "--nofile=60"], workers=1))
        clients = [self.open(Client(gateway.port, greeted=False)) for _ in range(80)]
        gateway.logged("accept .*LimitNOFILE")
        before = self.cpu_seconds(gateway)
        time.sleep(1)
        self.assertLess(self.cpu_seconds(gateway) - before, 0.5, "it spins")
        for client in clients:
            client.close()
        self.honest(gateway)

    def cpu_seconds(self, gateway):
        fields = pathlib.Path(f"/proc/{gateway.process.popen.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / 100

    def test_R13_descriptors_come_back(self):
        self.honest()
        descriptors = pathlib.Path(f"/proc/{self.gateway.process.popen.pid}/fd")

        def come_and_go():
            clients = []
            for number in range(100):
                clients.append(self.open(Client(self.gateway.port, source=f"127.0.0.{10 + number}")))
                clients[-1].hello()
                clients[-1].command("MAIL FROM:<alice@sender.example>")
                clients[-1].command("RCPT TO:<bob@example.org>")
            most = len(list(descriptors.iterdir()))
            for client in clients:
                client.close()
            return most
        def are_gone(most):
            poll(lambda: len(list(descriptors.iterdir())) <= most - 100, "the sessions have ended")

        are_gone(come_and_go())  # what is kept open for the next is open afterwards
        before = len(list(descriptors.iterdir()))
        for _ in range(4):
            are_gone(come_and_go())
        poll(lambda: len(list(descriptors.iterdir())) <= before + 5, "all descriptors come back")

    @unittest.skipIf(has_sanitizer(), "skipped: a sanitizer needs all the address space")
    def test_R14_no_memory_left(self):
        gateway = self.open(self.made(arguments=[need("prlimit"), f"--as={400 << 20}"],
                                    limits={"memory_per_message": "64MiB", "message_size": "64MiB"}))
        clients = []
        for _ in range(12):
            client = self.client(gateway)
            client.begin()
            clients.append(client)
        large = b"0123456789" * 100 + b"\r\n"
        for client in clients:
            with contextlib.suppress(OSError):
                client.send(CONTENT + large * 40000)
        for client in clients:
            client.close()
        self.assertIsNone(gateway.process.popen.poll(), "it lives")
        self.honest(gateway)

    def test_R24_nobody_reads_the_log(self):
        gateway = self.open(self.made(listening=False))
        launch = gateway.launch
        reader, writer = socket.socketpair()
        self.addCleanup(reader.close)
        self.addCleanup(writer.close)

        def launch_with_a_full_pipe():
            process = launch()  # for its folder and name; replaced at once by one whose stderr nobody reads
            process.end(signal.SIGKILL)
            environment = {"NOTIFY_SOCKET": str(gateway.folder / "notify"), "PATH": "/usr/bin"}
            process.popen = subprocess.Popen([harness.program(), "serve", "--config", str(gateway.file)], env=environment,
                                             stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
            self.addCleanup(process.popen.stderr.close)
            return process
        gateway.launch = launch_with_a_full_pipe
        gateway.start()
        with gateway.client() as client:
            client.hello("mail.sender.example")
            for _ in range(120):
                for number in range(8):
                    client.send(f"RCPT TO:<{number}@elsewhere.example>\r\n" if number else "MAIL FROM:<alice@sender.example>\r\n")
                client.send("RCPT TO:<bob@example.org>\r\nDATA\r\n")
                replies = client.replies(10)
                if replies[-1].code != 354:
                    break
                client.send(CONTENT + b".\r\n")
                self.assertEqual(client.reply().code, 250)
        self.honest(gateway)
        began = time.monotonic()
        gateway.process.popen.send_signal(signal.SIGTERM)
        self.assertEqual(gateway.process.popen.wait(15), 0)
        self.assertLess(time.monotonic() - began, 10)

    def test_R26_thirty_large_messages_at_once(self):
        large = CONTENT + b"0123456789" * 7 + b"\r\n"
        clients = []
        for _ in range(15):
            client = self.client()
            client.begin()
            clients.append(client)
        portion = b"0123456789abcdef" * 64 + b"\r\n"
        for _ in range(5):
            for client in clients:
                client.send((large if not _ else b"") + portion * 1024)
        for client in clients:
            client.send(b".\r\n")
        self.assertEqual({client.reply().code for client in clients}, {250})
        self.assertEqual(len(self.sink.messages), 15)
        if not has_sanitizer():
            status = pathlib.Path(f"/proc/{self.gateway.process.popen.pid}/status").read_text()
            self.assertLess(int(re.search(r"VmHWM:\s+(\d+)", status)[1]), 150 * 1024)


class Signals(Case):
    """R17 to R22."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = tempfile.TemporaryDirectory(prefix="gatepost-faults-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.pair, cls.other = make_certificate(folder.name, "mx.example.org"), make_certificate(folder.name, "other.example.org")
        subprocess.run([need("openssl"), "genrsa", "-out", cls.folder / "rsa.key", "2048"], check=True, capture_output=True)
        subprocess.run([need("openssl"), "ec", "-in", cls.pair[1], "-aes128", "-passout", "pass:x", "-out", cls.folder / "locked.key"],
                       check=True, capture_output=True)

    def tls(self, certificate, key):
        return [{"certificate": str(certificate), "key": str(key)}]

    def test_R17_sigterm_lets_what_runs_come_to_its_end(self):
        gateway = self.open(self.made())
        idle, running = self.client(gateway), self.client(gateway)
        running.begin()
        running.send(CONTENT[:20])
        gateway.signal(signal.SIGTERM)
        self.assertIn(b"421 4.3.2", idle.rest())
        running.send(CONTENT[20:] + b".\r\n")
        self.assert_status(running.reply(), "250 2.0.0")
        self.assertIn(b"421 4.3.2", running.rest())
        self.assertEqual(gateway.process.wait(), 0, gateway.log())
        self.assertEqual(len(self.sink.messages), 1)

    def test_R17_what_does_not_end_is_cut_off_cleanly(self):
        """At every stage that a session can be in; the second signal ends it at once. A sanitizer would speak up."""
        gateway = self.open(self.made(tls=self.tls(*self.pair), limits={"downstream_timeout": "30s"}))
        stages = [self.client(gateway) for _ in range(6)]
        self.dns.tricks["_dmarc.slow.example"] = self.dns.tricks["slow.example"] = silence
        stages[0].begin()
        stages[1].begin()
        stages[1].send(CONTENT)
        stages[2].command("STARTTLS")
        stages[3].begin("x@slow.example")
        stages[3].send(message("x@slow.example") + b".\r\n")
        stages[4].begin()
        self.sink.answers["dot"] = [SILENT]
        stages[4].send(CONTENT + b".\r\n")
        poll(lambda: self.sink.messages, "the dot")
        self.sink.answers["rcpt"] = [SILENT]
        stages[5].command("MAIL FROM:<alice@sender.example>")
        stages[5].send("RCPT TO:<bob@example.org>\r\n")
        poll(lambda: "rcpt" not in self.sink.answers or not self.sink.answers["rcpt"], "RCPT")
        gateway.signal(signal.SIGTERM)
        gateway.logged("stop .*draining")
        gateway.signal(signal.SIGTERM)
        self.assertEqual(gateway.process.wait(), 0, gateway.log())
        for client in stages:
            self.assertNotRegex(client.rest(), rb"(?m)^250 2\.0\.0 Delivered")

    def test_R17_a_reload_during_the_drain_cuts_nobody_off(self):
        gateway = self.open(self.made())
        running = self.client(gateway)
        running.begin()
        gateway.signal(signal.SIGTERM)
        gateway.logged("stop .*draining")
        gateway.signal(signal.SIGHUP)
        time.sleep(0.3)
        running.send(CONTENT + b".\r\n")
        self.assert_status(running.reply(), "250 2.0.0")
        self.assertEqual(gateway.process.wait(), 0)

    def test_R18_restart_at_once(self):
        gateway = self.open(self.made())
        for _ in range(2):
            client = self.client(gateway)
            gateway.process.end(signal.SIGKILL)
            client.close()
            gateway.notifications.close()
            (gateway.folder / "notify").unlink()
            gateway.start()
            self.honest(gateway)

    def test_R18_a_second_one_on_the_same_port_is_told(self):
        done = subprocess.run([harness.program(), "serve", "--config", str(self.gateway.file)], capture_output=True, timeout=20, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"cannot listen on", done.stderr)

    def reload(self, gateway, state):
        seen = gateway.log().count("reload ")
        gateway.signal(signal.SIGHUP)
        poll(lambda: gateway.log().count("reload ") > seen, "a reload")
        self.assertIn(f"state={state}", [line for line in gateway.log().splitlines() if " reload " in line][-1])

    def test_R19_a_broken_file_changes_nothing(self):
        gateway = self.open(self.made())
        for text in ("", "{", "hostname: [", "\0\xff", "no_such_key: 1", "- a", "&a [*a, *a]", "a: &a {b: *a}", "hostname: x\n" * 3,
                     "x" * 2000000, "? {}\n: {}", "!!binary x", "\t- x"):
            with self.subTest(text[:20]):
                gateway.file.write_text(text)
                self.reload(gateway, "refused")
                self.assertEqual(self.client(gateway).greeting.lines, ["mx.example.org ESMTP"])
        gateway.file.unlink()
        self.reload(gateway, "refused")
        gateway.file.mkdir()
        self.reload(gateway, "refused")
        gateway.file.rmdir()
        self.honest(gateway)

    def served(self, gateway):
        client = self.client(gateway)
        client.starttls(tls_client())
        return client.sock.getpeercert(binary_form=True)

    def test_R20_and_R21_certificates(self):
        gateway = self.open(self.made(tls=self.tls(*self.pair)))
        first = self.served(gateway)
        running = self.client(gateway)
        for reason, key in (("another key", self.other[1]), ("a key of another type", self.folder / "rsa.key"),
                            ("a locked key", self.folder / "locked.key"), ("no key", self.pair[0]), ("no file", self.folder / "none")):
            with self.subTest(reason):
                gateway.configure(tls=self.tls(self.pair[0], key))
                self.reload(gateway, "refused")
                self.assertEqual(self.served(gateway), first)
        gateway.configure(tls=self.tls(*self.other))
        self.reload(gateway, "done")
        self.assertNotEqual(self.served(gateway), first)
        running.starttls(tls_client())
        self.assertEqual(running.sock.getpeercert(binary_form=True), first, "a session keeps what it began with")

    def test_R22_fifteen_reloads_under_load(self):
        gateway = self.open(self.made())
        old = self.client(gateway)
        old.begin()
        ended, sent = threading.Event(), []

        def load():
            while not ended.is_set():
                with gateway.client() as client:
                    client.hello("mail.sender.example")
                    for _ in range(3):
                        sent.append(client.deliver(CONTENT).code)
        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        descriptors = pathlib.Path(f"/proc/{gateway.process.popen.pid}/fd")
        for _ in range(15):
            self.dns.tricks["late.example"] = silence
            self.client(gateway).command("MAIL FROM:<x@late.example>")
            self.reload(gateway, "done")
        ended.set()
        for thread in threads:
            thread.join()
        self.assertEqual(set(sent), {250})
        self.assertEqual(len(self.sink.messages), len(sent), "each once")
        old.send(CONTENT + b".\r\n")
        self.assert_status(old.reply(), "250 2.0.0")
        self.doCleanups_of_clients()
        poll(lambda: len(list(descriptors.iterdir())) < 60, f"descriptors come back: {len(list(descriptors.iterdir()))}")

    def doCleanups_of_clients(self):
        """Closes the clients, so that the old configurations can go."""
        for function, arguments, _ in self._cleanups:
            if isinstance(getattr(function, "__self__", None), Client):
                function(*arguments)


if __name__ == "__main__":
    harness.main()
