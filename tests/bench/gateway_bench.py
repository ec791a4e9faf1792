#!/usr/bin/env python3
"""What the whole gateway costs: Postfix's smtp-source sends signed messages through it into smtp-sink, and straight
into smtp-sink beside it. Every message passes SPF, DKIM and DMARC (p=reject) with DNS answers that are known already.

CPU is that of the gateway's process alone, of all its threads; smtp-sink's own CPU for the same stream without a
gateway is the yardstick. Needs the folder of a build with -DGATEPOST_BENCH=ON (`./dev bench`).
"""

import argparse
import contextlib
import multiprocessing
import os
import pathlib
import resource
import shutil
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import unittest

for folder in ("support", "end_to_end"):
    sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / folder))
import harness  # noqa: E402
import mail_kit  # noqa: E402

KIB = 1024
SENDER, RECIPIENT, HELO = "bounce@sender.example", "you@example.org", "mail.sender.example"
ZONE = {
    "": ["SOA ns.invalid. nobody.invalid. 1 3600 3600 3600 3600"],  # so that what does not exist is remembered
    "sender.example": ["TXT v=spf1 ip4:127.0.0.1 -all"],
    "_dmarc.sender.example": ["TXT v=DMARC1; p=reject"],
    "mail.sender.example": ["A 127.0.0.1", "TXT v=spf1 a -all"],
    "1.0.0.127.in-addr.arpa": ["PTR mail.sender.example."],
}
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
    raise AssertionError(f"no {field} of process {pid}")


class Mails:
    """A signed message of each size, as a file with LF ends for smtp-source and as octets for a client of our own."""

    LINE = "The minutes of our last meeting are attached; please read them before Tuesday.\n"
    HEADER = ("Date: Mon, 23 Nov 2026 10:00:00 +0000\nMessage-ID: <4711@sender.example>\nFrom: me@sender.example\n"
              "To: you@example.org\nSubject: The minutes\nMIME-Version: 1.0\nContent-Type: text/plain\n\n")

    def __init__(self, key, folder):
        self.key, self.folder = key, folder

    def file(self, size):
        path = self.folder / f"{size}.eml"
        if not path.exists():
            signed = len(self.key.sign(self.HEADER))
            lines = max(0, size - signed - self.HEADER.count("\n")) // (len(self.LINE) + 1)
            path.write_text(self.key.sign(self.HEADER + self.LINE * lines))
        return path

    def content(self, size):
        return self.file(size).read_bytes().replace(b"\n", b"\r\n") + b".\r\n"


def smtp_source(port, file, sessions, messages, reconnects):
    """Seconds that it took; with `reconnects` each message comes over a connection of its own."""
    began = time.monotonic()
    arguments = ["-s", sessions, "-m", messages, "-f", SENDER, "-t", RECIPIENT, "-M", HELO, "-F", file]
    if not reconnects:
        arguments.append("-d")
    run = subprocess.run([harness.need("smtp-source"), *map(str, arguments), f"127.0.0.1:{port}"], capture_output=True,
                         text=True)
    if run.returncode:
        raise AssertionError(f"smtp-source: {run.stderr.strip()[-300:]}")
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
            raise AssertionError(f"{code.decode()} expected, not {line!r}")

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
        except (OSError, AssertionError) as problem:
            failures.put(str(problem))

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
        raise AssertionError(f"under TLS: {failures.get()}")
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


class Sink:
    """smtp-sink without a trace of what it got: as little work as can be. `options`: more of smtp-sink's."""

    def __init__(self, *options):
        with harness.reserve(shared=False) as reserved:
            self.port = reserved.getsockname()[1]
        self.folder = tempfile.mkdtemp(prefix="gatepost-sink-")
        user = ["-u", "root"] if os.getuid() == 0 else []
        self.process = harness.Process([harness.need("smtp-sink"), *user, *options, "-m", "5000", f"127.0.0.1:{self.port}",
                                        "1024"], self.folder, "smtp-sink")
        harness.poll(self.is_up, "smtp-sink listens")

    def is_up(self):
        if self.process.popen.poll() is not None:
            raise AssertionError("smtp-sink ended:\n" + self.process.text())
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @property
    def pid(self):
        return self.process.popen.pid

    def close(self):
        self.process.end()
        shutil.rmtree(self.folder, ignore_errors=True)


class Gateway(harness.Gateway):
    """One that takes as many sessions as we want, with a smtp-sink behind it."""

    def __init__(self, resolver, sink=None):
        self.sink = sink or Sink()
        super().__init__(listening=False)
        certificate, key = harness.make_certificate(self.folder, "mx.example.org")
        self.configure(downstream={"servers": [f"smtp://127.0.0.1:{self.sink.port}"]}, dns={"servers": [resolver]},
                       tls=[{"certificate": str(certificate), "key": str(key)}], workers=0,
                       limits={"sessions": 5000, "sessions_per_client": 5000, "commands": 1000000})
        self.start()

    @property
    def pid(self):
        return self.process.popen.pid

    def passed(self):
        return self.process.output.read_bytes().count(
            b" dkim=pass:sender.example dmarc=pass policy=reject action=accept ")

    def must_have_passed(self, count):
        """Or the figures mean nothing."""
        harness.poll(lambda: self.passed() >= count, f"{count} messages that pass SPF, DKIM and DMARC")

    def close(self):
        super().close()
        self.sink.close()


class Bench:
    def __init__(self, mails, resolver, quick):
        self.mails, self.resolver, self.quick = mails, resolver, quick
        self.messages = {1: 1000, 10: 1000, 100: 300} if quick else {1: 6000, 10: 6000, 100: 2000}
        self.missed = []

    def gateway(self):
        return contextlib.closing(Gateway(self.resolver))

    def warm(self, gateway, kib):
        """The first message brings what the DNS knows into its cache; the number of those that have passed."""
        smtp_source(gateway.port, self.mails.file(kib * KIB), 1, 1, True)
        gateway.must_have_passed(1)
        return gateway.passed()

    def through(self, gateway, kib, sessions, messages, reconnects=False):
        before = self.warm(gateway, kib)
        file = self.mails.file(kib * KIB)
        run = Run(gateway.pid, messages, lambda: smtp_source(gateway.port, file, sessions, messages, reconnects))
        gateway.must_have_passed(before + messages)
        return run

    def direct(self, kib, sessions, messages, reconnects=False):
        with contextlib.closing(Sink()) as sink:
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
        print(self.ROW.format("size", "sessions", "connection", "gateway", "smtp-sink", "ratio", "gateway/s",
                              "direct/s", "ratio", "peak MiB"))

    def compare(self, kib, sessions, reconnects):
        messages = max(self.messages[kib], sessions)
        direct = self.direct(kib, sessions, messages, reconnects)
        with self.gateway() as gateway:
            run = self.through(gateway, kib, sessions, messages, reconnects)
            peak = memory_mib(gateway.pid, "VmHWM")
        print(self.ROW.format(f"{kib} KB", sessions, "each anew" if reconnects else "kept", f"{run.cpu_ms:.3f}",
                              f"{direct.cpu_ms:.3f}", f"{run.cpu / direct.cpu:.2f}", f"{run.rate:.0f}",
                              f"{direct.rate:.0f}", f"{run.rate / direct.rate:.2f}", f"{peak:.1f}"), flush=True)
        return run, direct

    def compare_tls(self, kib, sessions, messages):
        content = self.mails.content(kib * KIB)
        with self.gateway() as gateway:
            before = self.warm(gateway, kib)
            messages = max(1, messages // sessions) * sessions
            run = Run(gateway.pid, messages, lambda: tls_source(gateway.port, content, sessions, messages))
            gateway.must_have_passed(before + messages)
            peak = memory_mib(gateway.pid, "VmHWM")
        print(self.ROW.format(f"{kib} KB", sessions, f"TLS, {messages // sessions} each", f"{run.cpu_ms:.3f}", "-", "-",
                              f"{run.rate:.0f}", "-", "-", f"{peak:.1f}"), flush=True)

    def idle(self, sessions, with_tls):
        """Resident memory with that many sessions that have said EHLO and wait."""
        context = tls_context()
        with self.gateway() as gateway:
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
        with self.gateway() as gateway:
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
        measured = {}
        for kib in (1, 10, 100):
            for sessions in (10, 100, 1000):
                measured[kib, sessions] = self.compare(kib, sessions, False)
        self.compare(10, 100, True)
        for kib in (1, 10, 100):
            for sessions in (10, 100, 1000):
                self.compare_tls(kib, sessions, 400 if self.quick else 2000)
        print()
        for sessions in (10, 100, 1000):
            run, direct = measured[10, sessions]
            case = f"an authenticated 10 KB message, {sessions} sessions"
            self.target(f"CPU of {case}", run.cpu_ms, TARGET_CPU_MS, "ms")
            self.target(f"CPU of {case}, beside smtp-sink's", run.cpu / direct.cpu, TARGET_SINK_RATIO, "times")
        self.target("memory at 1000 idle sessions", self.idle(1000, False), TARGET_IDLE_MIB, "MiB")
        print(f"memory at 1000 idle sessions under TLS: {self.idle(1000, True):.2f} MiB (no target)")
        portion, marks = self.growth()
        print(f"resident memory after {portion}, {3 * portion}, {5 * portion} messages: " +
              ", ".join(f"{marks[i]:.1f}" for i in (0, 2, 4)) + " MiB")
        self.target("growth between the first and the last of these", marks[4] - marks[0], TARGET_GROWTH_MIB, "MiB")
        print("missed: " + "; ".join(self.missed) if self.missed else "All targets of the gateway are met.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=harness.REPOSITORY / "build")
    parser.add_argument("--quick", action="store_true", help="few messages: whether it runs, not how fast")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    os.environ["GATEPOST"] = str(build / "gatepost")
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    try:
        with tempfile.TemporaryDirectory(prefix="gatepost-bench-") as folder:
            key = mail_kit.Key(build / "mail_kit", folder, "sender.example")
            with contextlib.closing(harness.Dns({**ZONE, **key.zone})) as dns:
                Bench(Mails(key, pathlib.Path(folder)), dns.address, arguments.quick).run()
    except (AssertionError, RuntimeError, unittest.SkipTest) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
