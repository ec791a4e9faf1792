#!/usr/bin/python3
"""Runs one area of ../shared/conformance against the program named by GATEPOST; says "skipped:" where it is absent.

The runner's DNS servers each want one port for UDP and TCP alike. They get ports from below the range that the kernel
deals out, so that no other test's connection can sit on one of them.
"""
import os
import random
import socket
import subprocess
import sys

RUNNER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "shared", "conformance", "run.py")
JOBS = 2


def is_free(port):
    try:
        for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
            with socket.socket(socket.AF_INET, kind) as trial:
                trial.bind(("127.0.0.1", port))
        return True
    except OSError:
        return False


def free_ports(count):
    while True:
        first = random.randrange(20000, 32000)
        if all(is_free(first + i) for i in range(count)):
            return first


def main(area, transport):
    if not os.path.exists(RUNNER):
        print("skipped: no", RUNNER)
        return 0
    environment = dict(os.environ)
    command = [sys.executable, RUNNER, "--binary", os.environ["GATEPOST"], "--area", area, "--check-ar", "-q",
               "--fail-under", "100", "--jobs", str(JOBS), "--base-port", str(free_ports(JOBS))]
    if transport == "tcp":
        command.append("--force-tcp")
        # The same messages again: looking for leaks once more would take half of the time.
        environment["ASAN_OPTIONS"] = environment.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
    return subprocess.run(command, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
