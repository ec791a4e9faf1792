#!/usr/bin/env python3
"""What keeping messages costs: the gateway that spools (`spool: always`) beside Postfix's own queue, on the same disk and
in the same minutes. Postfix's smtp-source sends through either into smtp-sink; the other modes of the gateway, and
smtp-sink without anything before it, are the yardstick. Each round has each of them once, in another order, and a ratio
of its own: what else the machine does comes and goes in seconds, and a sync takes ten times as
long in some minutes as in others; how long it takes is measured before each run. Then how often each of them syncs, and how long a crash could make a copy (RFC 1047).

The gateway checks SPF, DKIM and DMARC of each message, whose DNS answers it knows, and has its recipients in a file;
Postfix checks nothing. Both sync each message before they say 250, deliver over 20 connections at most (the default of
both), and nothing else bounds them. TMPDIR is where both queues lie. Needs the folder of a build with
-DGATEPOST_BENCH=ON (`./dev bench --spool`), and root for Postfix.
"""

import argparse
import contextlib
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import time
import unittest

import gateway_bench as bench

import harness  # noqa: E402  (gateway_bench has put its folder on the path)
import mail_kit  # noqa: E402
import senders  # noqa: E402
import spool_syncs  # noqa: E402
import spool_window  # noqa: E402

DELIVERIES = 20
SIZES, SESSIONS = (1, 10), (10, 50)  # KiB, at once
WARM_UP = 100                        # messages before all others of a system, that start its processes


class CountingSink(bench.Sink):
    """Says how many messages it has taken, in all."""

    def __init__(self):
        super().__init__("-c")

    def taken(self):
        with open(self.process.output, "rb") as output:
            output.seek(max(0, os.path.getsize(self.process.output) - 200))
            counts = re.findall(rb"mesg=(\d+)\r", output.read())
        return int(counts[-1]) if counts else 0


class Direct:
    name = "smtp-sink alone"

    def __init__(self):
        self.sink = CountingSink()
        self.port = self.sink.port

    def kept(self):
        return 0

    def close(self):
        self.sink.close()


class Gatepost(bench.Gateway):
    def __init__(self, mode, resolver, under=()):
        self.mode, self.name, self.under = mode, f"gatepost {mode}", list(under)
        super().__init__(resolver, CountingSink())

    def start(self):
        self.arguments = self.under
        (self.folder / "recipients").write_text(bench.RECIPIENT + "\n")
        super().start()

    def configure(self, **changes):
        changes["downstream"] = {**changes.get("downstream", {}), "spool": self.mode}
        changes["limits"] = {**changes.get("limits", {}), "transactions": 1000000}
        super().configure(**changes, recipients={"file": "recipients"}, queue={"deliveries": DELIVERIES},
                          policy={"enforce": "observe"})

    def kept(self):
        return len(os.listdir(self.folder / "state" / "spool" / "queue")) if self.mode != "never" else 0


class Postfix(senders.Postfix):
    name = "Postfix"

    def __init__(self, under=()):
        self.arguments = list(under)
        self.sink = CountingSink()
        try:
            super().__init__(
                relayhost=f"[127.0.0.1]:{self.sink.port}", default_destination_concurrency_limit=DELIVERIES,
                initial_destination_concurrency=DELIVERIES, in_flow_delay="0s", smtpd_client_connection_count_limit=0,
                smtpd_client_connection_rate_limit=0, smtpd_client_message_rate_limit=0, default_process_limit=200,
                smtpd_tls_security_level="none", smtp_tls_security_level="none", message_size_limit=0)
        except BaseException:
            self.sink.close()
            raise

    def kept(self):
        return sum(len(files) for shelf in ("incoming", "active", "deferred")
                   for _, _, files in os.walk(self.folder / "queue" / shelf))

    def close(self):
        super().close()
        self.sink.close()


def sync_ms(folder):
    """How long it takes now until a new file of 4 KB is durable: the median of a few."""
    took = []
    for number in range(11):
        path = os.path.join(folder, f"probe{number}")
        began = time.monotonic()
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY)
        try:
            os.write(file, bytes(4096))
            os.fsync(file)
        finally:
            os.close(file)
            os.unlink(path)
        took.append((time.monotonic() - began) * 1000)
    return statistics.median(took)


def send(system, file, sessions, messages):
    """Messages a second, until the last 250 and until smtp-sink has the last message; both from the first connection."""
    harness.poll(lambda: system.kept() == 0, f"the queue of {system.name} is empty")
    os.sync()  # or one pays for what another has left to be written
    expected = system.sink.taken() + messages
    began = time.monotonic()
    bench.smtp_source(system.port, file, sessions, messages, False)
    answered = messages / (time.monotonic() - began)
    harness.poll(lambda: system.sink.taken() >= expected, f"{messages} messages through {system.name}")
    return answered, messages / (time.monotonic() - began)


class Rates:
    """Of one system, a value for each round."""

    def __init__(self):
        self.answered, self.arrived, self.sync = [], [], []

    def run(self, system, file, sessions, messages, folder):
        self.sync.append(sync_ms(folder))
        answered, arrived = send(system, file, sessions, messages)
        self.answered.append(answered)
        self.arrived.append(arrived)

    def of(self, others):
        """What each round's share of the others' is."""
        return [mine / theirs for mine, theirs in zip(self.arrived, others.arrived)]


def shown(values, digits=0):
    low, middle, high = (f"{value:.{digits}f}" for value in (min(values), statistics.median(values), max(values)))
    return f"{middle} ({low}-{high})"


class Bench:
    ROW = "{:>5}  {:>8}  {:<16}  {:>18}  {:>18}  {:>17}  {:>18}"

    def __init__(self, mails, systems, quick):
        self.mails, self.systems = mails, systems
        self.messages, self.rounds = (300, 2) if quick else (1000, 7)

    def run(self):
        for system in self.systems:
            send(system, self.mails.file(bench.KIB), 10, WARM_UP)
        print(f"messages a second: median (lowest-highest) of {self.rounds} rounds of {self.messages} messages each")
        print(self.ROW.format("size", "sessions", "through", "arrived", "answered 250", "sync before, ms", "of Postfix's"))
        ratios = [self.compare(kib, sessions) for kib in SIZES for sessions in SESSIONS]
        if None not in ratios:
            print("gatepost always / Postfix, messages arrived, of the same round: "
                  + ", ".join(shown(each, 2) for each in ratios))

    def compare(self, kib, sessions):
        """How much faster the gateway that spools is than Postfix, in each round."""
        rates = {system.name: Rates() for system in self.systems}
        for number in range(self.rounds):
            first = number % len(self.systems)
            for system in self.systems[first:] + self.systems[:first]:
                rates[system.name].run(system, self.mails.file(kib * bench.KIB), sessions, self.messages,
                                       self.mails.folder)
        yardstick = rates.get(Postfix.name)
        for name, each in rates.items():
            ratio = shown(each.of(yardstick), 2) if yardstick else "-"
            print(self.ROW.format(f"{kib} KB", sessions, name, shown(each.arrived), shown(each.answered),
                                  shown(each.sync, 2), ratio), flush=True)
        return rates["gatepost always"].of(yardstick) if yardstick else None


def file_system(folder):
    run = subprocess.run(["stat", "-f", "-c", "%T", folder], capture_output=True, text=True, check=False)
    return run.stdout.strip() or "unknown"


def print_machine(folder):
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} cores, load {load:.1f} before; both queues in {folder} ({file_system(folder)})", flush=True)


def other_gateway(file, resolver):
    """`spool: always` of another build, to compare the two."""
    ours = os.environ["GATEPOST"]
    os.environ["GATEPOST"] = str(file)
    try:
        other = Gatepost("always", resolver)
    finally:
        os.environ["GATEPOST"] = ours
    other.name = "the other always"
    return other


def compare(mails, resolver, quick, other):
    with contextlib.ExitStack() as opened:
        systems = [opened.enter_context(contextlib.closing(Gatepost("always", resolver)))]
        if other:
            systems.append(opened.enter_context(contextlib.closing(other_gateway(other, resolver))))
        try:
            systems.append(opened.enter_context(contextlib.closing(Postfix())))
        except unittest.SkipTest as why:
            print(f"without Postfix: {why}")
        for mode in ("outage", "never"):
            systems.append(opened.enter_context(contextlib.closing(Gatepost(mode, resolver))))
        systems.append(opened.enter_context(contextlib.closing(Direct())))
        Bench(mails, systems, quick).run()


def count_syncs(mails, resolver, messages):
    spool_syncs.print_head()
    for sessions in SESSIONS:
        spool_syncs.count(lambda under: Gatepost("always", resolver, under), send, mails.file(10 * bench.KIB), sessions, messages)
        try:
            spool_syncs.count(Postfix, send, mails.file(10 * bench.KIB), sessions, messages)
        except unittest.SkipTest as why:
            print(f"without Postfix: {why}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=harness.REPOSITORY / "build")
    parser.add_argument("--beside", type=pathlib.Path, help="another gatepost, which takes part in all rounds")
    parser.add_argument("--quick", action="store_true", help="few messages: whether it runs, not how fast")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    os.environ["GATEPOST"] = str(build / "gatepost")
    print_machine(tempfile.gettempdir())
    try:
        with tempfile.TemporaryDirectory(prefix="gatepost-bench-") as folder:
            key = mail_kit.Key(build / "mail_kit", folder, "sender.example")
            with contextlib.closing(harness.Dns({**bench.ZONE, **key.zone})) as dns:
                mails = bench.Mails(key, pathlib.Path(folder))
                compare(mails, dns.address, arguments.quick, arguments.beside)
                count_syncs(mails, dns.address, 300 if arguments.quick else 1000)
                spool_window.measure(mails, dns.address, 100 if arguments.quick else 500)
    except (AssertionError, RuntimeError, unittest.SkipTest) as problem:
        print(f"bench: {problem}", file=sys.stderr)
        return 1
    print(f"load {os.getloadavg()[0]:.1f} after")
    return 0


if __name__ == "__main__":
    sys.exit(main())
