#!/usr/bin/env python3
"""What the whole gateway costs: Postfix's smtp-source sends signed messages through it into smtp-sink, and straight
into smtp-sink beside it. Every message passes SPF, DKIM and DMARC (p=reject) with DNS answers that are known already.

CPU is that of the gateway's process alone, of all its threads; smtp-sink's own CPU for the same stream without a
gateway is the yardstick. Needs the folder of a build with -DGATEPOST_BENCH=ON (`./dev bench`).
"""

import argparse
import multiprocessing
import os
import pathlib
import resource
import socket
import ssl
import statistics
import subprocess
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import stage  # noqa: E402

KIB = 1024
SENDER, RECIPIENT, HELO = "bounce@sender.example", "you@example.org", "mail.sender.example"
RECORDS = [
    ("sender.example", "TXT", "v=spf1 ip4:127.0.0.1 -all"),
    ("_dmarc.sender.example", "TXT", "v=DMARC1; p=reject"),
    ("mail.sender.example", "A", "127.0.0.1"),
    ("mail.sender.example", "TXT", "v=spf1 a -all"),
    ("1.0.0.127.in-addr.arpa", "PTR", "mail.sender.example."),
]
CONFIGURATION = """
domains: [example.org]
downstream: {{servers: ["smtp://127.0.0.1:{sink}"], tls: none}}
dns: {{servers: ["127.0.0.1:{dns}"]}}
limits: {{sessions: 5000, sessions_per_client: 5000, commands: 1000000}}
"""
TARGET_CPU_MS = 1.0      # a 10 KB message, authenticated, with warm DNS
TARGET_SINK_RATIO = 2.5  # beside smtp-sink's own CPU for the same stream
TARGET_IDLE_MIB = 64     # 1000 idle sessions
TARGET_GROWTH_MIB = 2    # from the 20 000th message to the 100 000th: what an allocator may keep


def cpu_seconds(pid):
    """All threads of the process, also those that have ended: the clock of clock_getcpuclockid(3)."""
    return time.clock_gettime(~pid << 3 | 2)


def memory_mib(pid, field):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) / KIB
    raise stage.Failure(f"no {field} of process {pid}")


class Mails:
    """A signed message of each size, as a file with LF ends for smtp-source and as octets for a client of our own."""

    LINE = "The minutes of our last meeting are attached; please read them before Tuesday.\n"
    HEADER = ("Date: Mon, 23 Nov 2026 10:00:00 +0000\nMessage-ID: <4711@sender.example>\nFrom: me@sender.example\n"
              "To: you@example.org\nSubject: The minutes\nMIME-Version: 1.0\nContent-Type: text/plain\n\n")

    def __init__(self, mail_kit, key, folder):
        self.mail_kit, self.key, self.folder = mail_kit, key, folder

    def file(self, size):
        path = self.folder / f"{size}.eml"
        if not path.exists():
            signed = len(stage.sign(self.mail_kit, self.key, self.HEADER))
            lines = max(0, size - signed - self.HEADER.count("\n")) // (len(self.LINE) + 1)
            path.write_text(stage.sign(self.mail_kit, self.key, self.HEADER + self.LINE * lines))
        return path

    def content(self, size):
        return self.file(size).read_bytes().replace(b"\n", b"\r\n") + b".\r\n"


def smtp_source(port, file, sessions, messages, reconnects):
    """Seconds that it took; with `reconnects` each message comes over a connection of its own."""
    began = time.monotonic()
    arguments = ["-s", sessions, "-m", messages, "-f", SENDER, "-t", RECIPIENT, "-M", HELO, "-F", file]
    if not reconnects:
        arguments.append("-d")
    run = subprocess.run([stage.tool("smtp-source"), *map(str, arguments), f"127.0.0.1:{port}"], capture_output=True,
                         text=True)
    if run.returncode:
        raise stage.Failure(f"smtp-source: {run.stderr.strip()[-300:]}")
    return time.monotonic() - began


class TlsSession:
    """A client session under STARTTLS, for smtp-source can do no TLS. Its own CPU is not counted anywhere."""

    def __init__(self, port, context):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=60)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.replies = self.socket.makefile("rb")
        self.expect(b"220")
        self.ask(b"EHLO " + HELO.encode(), b"250")
        self.ask(b"STARTTLS", b"220")
        self.socket = context.wrap_socket(self.socket, server_hostname="mx.example.org")
        self.replies = self.socket.makefile("rb")
        self.ask(b"EHLO " + HELO.encode(), b"250")

    def expect(self, code):
        line = self.replies.readline()
        while line[3:4] == b"-":
            line = self.replies.readline()
        if not line.startswith(code):
            raise stage.Failure(f"{code.decode()} expected, not {line!r}")

    def ask(self, command, code):
        self.socket.sendall(command + b"\r\n")
        self.expect(code)

    def send(self, content):
        self.ask(b"MAIL FROM:<" + SENDER.encode() + b">", b"250")
        self.ask(b"RCPT TO:<" + RECIPIENT.encode() + b">", b"250")
        self.ask(b"DATA", b"354")
        self.socket.sendall(content)
        self.expect(b"250")

    def close(self):
        self.ask(b"QUIT", b"221")
        self.socket.close()


def tls_context():
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def tls_sessions(port, content, sessions, messages, failures):
    """One process of the load: `sessions` threads, each with a connection and `messages` messages."""
    context = tls_context()

    def one():
        try:
            session = TlsSession(port, context)
            for _ in range(messages):
                session.send(content)
            session.close()
        except (OSError, stage.Failure) as failure:
            failures.put(str(failure))

    threads = [threading.Thread(target=one) for _ in range(sessions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def tls_source(port, content, sessions, messages):
    processes = 2
    failures = multiprocessing.SimpleQueue()
    began = time.monotonic()
    load = [multiprocessing.Process(target=tls_sessions,
                                    args=(port, content, sessions // processes, max(1, messages // sessions), failures))
            for _ in range(processes)]
    for process in load:
        process.start()
    for process in load:
        process.join()
    if not failures.empty():
        raise stage.Failure(f"under TLS: {failures.get()}")
    return time.monotonic() - began


class Run:
    """What one stream of messages cost one process."""

    def __init__(self, pid, messages, send):
        before = cpu_seconds(pid)
        self.seconds = send()
        self.cpu = cpu_seconds(pid) - before
        self.messages = messages

    @property
    def cpu_ms(self):
        """A message; as well the CPU seconds of 1000 messages."""
        return self.cpu / self.messages * 1000

    @property
    def rate(self):
        return self.messages / self.seconds


class Bench:
    def __init__(self, build, folder, mails, dns, quick):
        self.build, self.folder, self.mails, self.dns = build, folder, mails, dns
        self.messages = {1: 1000, 10: 1000, 100: 300} if quick else {1: 6000, 10: 6000, 100: 2000}
        self.quick = quick
        self.missed = []

    def sink(self):
        def make(ports):
            user = ["-u", "root"] if os.getuid() == 0 else []
            return stage.Process([stage.tool("smtp-sink"), *user, "-m", "5000", f"127.0.0.1:{ports[0]}", "1024"],
                                 self.folder / "smtp-sink.log")
        process, ports = stage.start(make, 1, "smtp-sink")
        process.port = ports[0]
        return process

    def gateway(self, sink):
        """A fresh one whose DNS cache knows all that it will ask."""
        configuration = CONFIGURATION.format(sink=sink.port, dns=self.dns)
        return stage.gateway(self.folder, self.build / "gatepost", configuration)

    def through(self, gateway, kib, sessions, messages, reconnects=False):
        """A run through the gateway; every message must have passed, or the figures mean nothing."""
        file = self.mails.file(kib * KIB)
        smtp_source(gateway.port, file, 1, 1, True)
        before = self.passed(gateway)
        run = Run(gateway.pid, messages, lambda: smtp_source(gateway.port, file, sessions, messages, reconnects))
        self.must_have_passed(gateway, before + messages)
        return run

    def passed(self, gateway):
        return gateway.output.read_bytes().count(b" dkim=pass:sender.example dmarc=pass policy=reject action=accept ")

    def must_have_passed(self, gateway, count):
        try:
            stage.until(lambda: self.passed(gateway) >= count, "messages")
        except stage.Failure:
            raise stage.Failure(f"{self.passed(gateway)} messages passed SPF, DKIM and DMARC, not {count}; see "
                                f"{gateway.output}") from None

    def direct(self, kib, sessions, messages, reconnects=False):
        with self.sink() as sink:
            file = self.mails.file(kib * KIB)
            return Run(sink.pid, messages, lambda: smtp_source(sink.port, file, sessions, messages, reconnects))

    def noise(self):
        """The same direct run three times: what a difference must exceed to mean anything."""
        runs = [self.direct(10, 100, self.messages[10]) for _ in range(3)]

        def spread(values):
            return (max(values) - min(values)) / statistics.median(values) * 100

        print(f"noise of this machine (smtp-source into smtp-sink, 10 KB, 100 sessions, 3 runs): CPU "
              f"{spread([run.cpu for run in runs]):.0f} %, throughput {spread([run.rate for run in runs]):.0f} %\n")

    ROW = "{:>6}  {:>8}  {:<10}  {:>10}  {:>10}  {:>6}  {:>10}  {:>10}  {:>6}  {:>9}"

    def print_head(self):
        print("CPU seconds for 1000 messages (= ms a message) and messages a second; `ratio` is gateway / smtp-sink")
        print(self.ROW.format("size", "sessions", "connection", "gateway", "smtp-sink", "ratio", "gateway/s", "direct/s",
                              "ratio", "peak MiB"))

    def compare(self, kib, sessions, reconnects):
        messages = max(self.messages[kib], sessions)
        direct = self.direct(kib, sessions, messages, reconnects)
        with self.sink() as sink, self.gateway(sink) as gateway:
            run = self.through(gateway, kib, sessions, messages, reconnects)
            peak = memory_mib(gateway.pid, "VmHWM")
        print(self.ROW.format(f"{kib} KB", sessions, "each anew" if reconnects else "kept", f"{run.cpu_ms:.3f}",
                              f"{direct.cpu_ms:.3f}", f"{run.cpu / direct.cpu:.2f}", f"{run.rate:.0f}",
                              f"{direct.rate:.0f}", f"{run.rate / direct.rate:.2f}", f"{peak:.1f}"), flush=True)
        return run, direct

    def compare_tls(self, kib, sessions, messages):
        content = self.mails.content(kib * KIB)
        with self.sink() as sink, self.gateway(sink) as gateway:
            smtp_source(gateway.port, self.mails.file(kib * KIB), 1, 1, True)
            before = self.passed(gateway)
            messages = max(1, messages // sessions) * sessions
            run = Run(gateway.pid, messages, lambda: tls_source(gateway.port, content, sessions, messages))
            self.must_have_passed(gateway, before + messages)
            peak = memory_mib(gateway.pid, "VmHWM")
        print(self.ROW.format(f"{kib} KB", sessions, f"TLS, {messages // sessions} each", f"{run.cpu_ms:.3f}", "-", "-",
                              f"{run.rate:.0f}", "-", "-", f"{peak:.1f}"), flush=True)

    def idle(self, sessions, with_tls):
        """Resident memory with that many sessions that have said EHLO and wait."""
        context = tls_context()
        with self.sink() as sink, self.gateway(sink) as gateway:
            clients = []
            for _ in range(sessions):
                if with_tls:
                    clients.append(TlsSession(gateway.port, context).socket)
                    continue
                client = socket.create_connection(("127.0.0.1", gateway.port), timeout=60)
                clients.append(client)
                client.recv(4096)
                client.sendall(b"EHLO " + HELO.encode() + b"\r\n")
                client.recv(4096)
            resident = memory_mib(gateway.pid, "VmRSS")
            for client in clients:
                client.close()
        return resident

    def growth(self):
        """Resident memory after 20, 60 and 100 thousand messages."""
        portion = 1000 if self.quick else 20000
        marks = []
        with self.sink() as sink, self.gateway(sink) as gateway:
            for _ in range(5):
                self.through(gateway, 10, 100, portion)
                marks.append(memory_mib(gateway.pid, "VmRSS"))
        return portion, marks

    def target(self, what, value, limit, unit):
        is_met = value <= limit
        if not is_met:
            self.missed.append(what)
        print(f"{what}: {value:.2f} {unit}, target {limit} {unit}: {'met' if is_met else 'NOT MET'}")

    def run(self):
        self.noise()
        self.print_head()
        for kib in (1, 10, 100):
            for sessions in (10, 100, 1000):
                measured = self.compare(kib, sessions, False)
                if (kib, sessions) == (10, 100):
                    key_run, key_direct = measured
        self.compare(10, 100, True)
        for kib in (1, 10, 100):
            for sessions in (10, 100, 1000):
                self.compare_tls(kib, sessions, 400 if self.quick else 2000)
        self.compare_tls(10, 1000, 1000)
        print()
        self.target("CPU of an authenticated 10 KB message, 100 sessions", key_run.cpu_ms, TARGET_CPU_MS, "ms")
        self.target("beside smtp-sink's own CPU for the same stream", key_run.cpu / key_direct.cpu, TARGET_SINK_RATIO,
                    "times")
        self.target("memory at 1000 idle sessions", self.idle(1000, False), TARGET_IDLE_MIB, "MiB")
        print(f"memory at 1000 idle sessions under TLS: {self.idle(1000, True):.2f} MiB (no target)")
        portion, marks = self.growth()
        print(f"resident memory after {portion}, {3 * portion}, {5 * portion} messages: " +
              ", ".join(f"{marks[i]:.1f}" for i in (0, 2, 4)) + " MiB")
        self.target("growth between the first and the last of these", marks[4] - marks[0], TARGET_GROWTH_MIB, "MiB")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=stage.REPOSITORY / "build-bench")
    parser.add_argument("--quick", action="store_true", help="few messages: whether it runs, not how fast")
    arguments = parser.parse_args()
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    try:
        with stage.folder() as folder:
            key = stage.make_key(arguments.build / "mail_kit", folder, "sender.example")
            with stage.dns_zone(folder, RECORDS + [key.record]) as dns:
                mails = Mails(arguments.build / "mail_kit", key, folder)
                bench = Bench(arguments.build, folder, mails, dns, arguments.quick)
                bench.run()
    except stage.Failure as failure:
        print(f"bench: {failure}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
