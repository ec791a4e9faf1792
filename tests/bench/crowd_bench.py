#!/usr/bin/env python3
"""What a crowd costs: ten thousand clients that only wait and a thousand that write in drops, while a hundred honest
ones send. Says how much slower those are than on the empty gateway of the same run, what an idle session takes of
memory, plain and under TLS, and what is left of it afterwards. Exit status 1 if a stated limit is missed.

Needs the folder of a build with -DGATEPOST_BENCH=ON (`./dev bench --crowd`), 16 000 descriptors and a minute or two.
"""

import argparse
import contextlib
import os
import pathlib
import signal
import statistics
import sys
import tempfile
import time
import unittest

import gateway_bench as bench

import crowd  # noqa: E402  (gateway_bench has put its folder on the path)
import harness  # noqa: E402
import mail_kit  # noqa: E402

KIB = 1024
HONEST = 100        # sessions at once
RUNS = 3            # of which the middle one counts
MOST_SECONDS = 175  # for all of it
TARGET_PLAIN_KIB = 24
TARGET_TLS_KIB = 96
TARGET_DESCRIPTORS = 100  # more than before, at most: connections to the downstream that are kept


class Scale:
    def __init__(self, quick):
        self.waiting, self.tls, self.writing, self.messages = (300, 100, 50, 200) if quick else (10000, 2000, 1000, 2000)

    @property
    def sessions(self):
        """So many that sessions do not run short (limits.sessions times four fifths)."""
        return (self.waiting + self.tls + self.writing + HONEST) * 4 // 3

    @property
    def descriptors(self):
        """Of the gateway: a client, and for those who write a connection to the downstream."""
        return self.waiting + self.tls + 2 * (self.writing + HONEST) + 1000


class Watched(bench.Gateway):
    """With room for the crowd; the limits of one client hold for the crowd, only the honest ones share an address."""

    def __init__(self, resolver, sessions):
        self.sessions = sessions
        super().__init__(resolver)

    def configure(self, **changes):
        changes["limits"] = {**changes.get("limits", {}), "sessions": self.sessions, "sessions_per_client": 2 * HONEST}
        super().configure(**changes)

    def resident(self):
        return bench.memory_mib(self.pid, "VmRSS") * KIB

    def descriptors(self):
        return crowd.descriptors(self.pid)


class Proof:
    def __init__(self, gateway, mails, scale):
        self.gateway, self.mails, self.scale = gateway, mails, scale
        self.missed = []

    def must(self, what, value, limit, unit):
        is_met = value <= limit
        if not is_met:
            self.missed.append(what)
        print(f"{what}: {value:.1f} {unit}, limit {limit} {unit}: {'met' if is_met else 'NOT MET'}", flush=True)

    def honest(self, when):
        """Messages a second of a hundred sessions."""
        file = self.mails.file(10 * KIB)
        rates = []
        for _ in range(RUNS):
            before = self.gateway.passed()
            seconds = bench.smtp_source(self.gateway.port, file, HONEST, self.scale.messages, False)
            self.gateway.must_have_passed(before + self.scale.messages)
            rates.append(self.scale.messages / seconds)
        rate = statistics.median(rates)
        print(f"honest clients, {when}: {rate:.0f} messages a second ({', '.join(f'{each:.0f}' for each in rates)}), "
              f"resident {self.gateway.resident() / KIB:.1f} MiB", flush=True)
        return rate

    def idle(self, what, limit, come):
        """Memory that one of those takes who come."""
        count, before = len(self.crowd.waiting), self.gateway.resident()
        began = time.monotonic()
        come()
        count = len(self.crowd.waiting) - count
        print(f"{count} {what}s came in {time.monotonic() - began:.1f} s; resident {self.gateway.resident() / KIB:.1f} MiB")
        self.must(f"memory of a {what}", (self.gateway.resident() - before) / count, limit, "KiB")

    def run(self):
        scale, gateway = self.scale, self.gateway
        bench.smtp_source(gateway.port, self.mails.file(10 * KIB), 1, 1, True)  # what the DNS knows is known then
        alone = self.honest("alone")
        memory, descriptors = gateway.resident(), gateway.descriptors()
        with contextlib.closing(crowd.Crowd(gateway.port)) as self.crowd:
            self.idle("plain idle client", TARGET_PLAIN_KIB, lambda: self.crowd.wait(scale.waiting))
            self.idle("TLS idle client", TARGET_TLS_KIB, lambda: self.crowd.wait(scale.tls, bench.tls_context()))
            self.crowd.write(scale.writing)
            print(f"{scale.writing} slow writers came; resident {gateway.resident() / KIB:.1f} MiB")
            harness.poll(lambda: self.crowd.dripped, "they drip")
            among = self.honest("in the crowd")
            self.look_at_crowd()
        print(f"throughput in the crowd, of that alone: {among / alone:.2f}")
        left = crowd.settled(gateway.descriptors, descriptors)
        self.must("descriptors more than before the crowd", max(0, left - descriptors), TARGET_DESCRIPTORS, "")
        after = crowd.settled(gateway.resident, 1.2 * memory, 5)  # a worker looks each second
        print(f"resident before, and after the crowd has gone: {memory / KIB:.1f} and {after / KIB:.1f} MiB")
        self.honest("alone again")

    def look_at_crowd(self):
        """The figures mean something only if all were there meanwhile."""
        for what, socks in (("waiting", self.crowd.waiting), ("writing", self.crowd.writing)):
            if (left := self.crowd.left(socks)) != len(socks):
                raise AssertionError(f"of {len(socks)} {what} only {left} are left")
        crowd.ask(self.crowd.waiting[:: max(1, len(self.crowd.waiting) // 100)], b"NOOP", b"250")


def too_late(*_):
    raise AssertionError(f"not done after {MOST_SECONDS} s: this machine has too much else to do")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=harness.REPOSITORY / "build")
    parser.add_argument("--quick", action="store_true", help="a few hundred clients: whether it runs")
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    os.environ["GATEPOST"] = str(build / "gatepost")
    scale = Scale(arguments.quick)
    if not crowd.raise_descriptor_limit(scale.descriptors):
        print("crowd: not enough descriptors; raise the hard limit (ulimit -Hn) or use --quick", file=sys.stderr)
        return 1
    signal.signal(signal.SIGALRM, too_late)
    signal.alarm(MOST_SECONDS)
    try:
        with tempfile.TemporaryDirectory(prefix="gatepost-crowd-") as folder:
            key = mail_kit.Key(build / "mail_kit", folder, "sender.example")
            with contextlib.closing(harness.Dns({**bench.ZONE, **key.zone})) as dns, \
                    contextlib.closing(Watched(dns.address, scale.sessions)) as gateway:
                proof = Proof(gateway, bench.Mails(key, pathlib.Path(folder)), scale)
                proof.run()
                print("missed: " + "; ".join(proof.missed) if proof.missed else "All limits are met.")
                return 1 if proof.missed else 0
    except (AssertionError, RuntimeError, unittest.SkipTest) as problem:
        print(f"crowd: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
