#!/usr/bin/env python3
"""Runs every fuzz target of a libFuzzer build at the same time; says each minute how far they are, and at the end what
each has run, covered and found.

What a target finds of interest is kept in BUILD/corpus/TARGET and used again; the seeds in tests/fuzz/corpus stay as
they are. An input at which a target fails lies in BUILD/crashes/TARGET and is tried first by the next run; it goes
away when it fails no more. BUILD/totals.json adds up runs and CPU time over all runs. Exit status 1 if something
failed, 2 if a target could not run.
"""
import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time

import targets

# What libFuzzer calls the file of an input, and what happened. A slow unit is no failure.
KINDS = {"crash": "crash", "timeout": "hang", "oom": "memory", "leak": "leak"}


class Run:
    """One target at work."""

    def __init__(self, build, name, arguments):
        self.build, self.name = build, name
        self.crashes = targets.crashes(build, name)
        for folder in (targets.grown(build, name), self.crashes):
            os.makedirs(folder, exist_ok=True)
        self.log = os.path.join(build, name + ".fuzz.log")
        command = [targets.program(build, name), "-max_total_time=%d" % arguments.seconds,
                   "-timeout=%d" % arguments.timeout, "-rss_limit_mb=%d" % arguments.memory, "-report_slow_units=60",
                   "-print_final_stats=1", "-artifact_prefix=" + self.crashes + "/", targets.grown(build, name)]
        if os.path.isdir(targets.seeds(name)):
            command.append(targets.seeds(name))
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=targets.environment())
        self.status = None
        self.cpu = 0.0

    def poll(self):
        """Whether it has ended. wait4, for the CPU time of this process alone."""
        if self.status is None:
            pid, status, usage = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                self.status = self.process.returncode = os.waitstatus_to_exitcode(status)
                self.cpu = usage.ru_utime + usage.ru_stime
            else:
                self.cpu = cpu_so_far(self.process.pid) or self.cpu
        return self.status is not None

    def stop(self, number=signal.SIGINT):  # libFuzzer ends in order at SIGINT
        if not self.poll():
            self.process.send_signal(number)

    def numbers(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            text = log.read()
        lines = re.findall(r"^#(\d+)\s.*?cov: (\d+) ft: (\d+) corp: (\d+)/(\S+)", text, re.M)
        final = re.search(r"stat::number_of_executed_units:\s*(\d+)", text)
        runs, edges, features, inputs, size = lines[-1] if lines else (0, 0, 0, 0, "0b")
        return {"runs": int(final[1]) if final else int(runs), "edges": int(edges), "features": int(features),
                "inputs": int(inputs), "octets": size, "cpu": self.cpu}


def cpu_so_far(pid):
    try:
        with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return None


def fails(build, name, file, arguments):
    """Whether the target still fails at this one input, alone and with time enough."""
    command = [targets.program(build, name), "-timeout=%d" % arguments.timeout, "-rss_limit_mb=%d" % arguments.memory, file]
    try:
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
                              timeout=arguments.timeout * 4, env=targets.environment())
    except subprocess.TimeoutExpired:
        return True
    return done.returncode != 0


def failures(build, name, arguments):
    """[(kind, file)] of the inputs at which the target fails. What does not fail again by itself goes away: an old
    input whose fault is mended, or a hang that was only a busy machine."""
    found = []
    for file in targets.inputs(targets.crashes(build, name)):
        kind = KINDS.get(os.path.basename(file).partition("-")[0])
        if kind and fails(build, name, file, arguments):
            found.append((kind, file))
        else:
            os.remove(file)
    return found


def report(runs, began):
    spent = max(time.monotonic() - began, 0.001)
    print("%-24s %12s %9s %7s %8s %7s %8s %8s" % ("target", "runs", "runs/s", "edges", "features", "inputs", "octets",
                                                 "CPU s"))
    total_runs, total_cpu = 0, 0.0
    for run in runs:
        n = run.numbers()
        total_runs, total_cpu = total_runs + n["runs"], total_cpu + n["cpu"]
        state = "" if run.status in (None, 0) else "  ended with %d" % run.status
        print("%-24s %12d %9.0f %7d %8d %7d %8s %8.1f%s" % (run.name, n["runs"], n["runs"] / spent, n["edges"],
                                                          n["features"], n["inputs"], n["octets"], n["cpu"], state))
    print("%-24s %12d %9.0f %42.1f" % ("all", total_runs, total_runs / spent, total_cpu), flush=True)


def progress(runs, began, seconds):
    spent = time.monotonic() - began
    numbers = [run.numbers() for run in runs]
    ended = [run.name for run in runs if run.status not in (None, 0)]
    print("%5d of %d s: %d runs, %.0f CPU s, %d edges, %d inputs%s" % (
        spent, seconds, sum(n["runs"] for n in numbers), sum(n["cpu"] for n in numbers),
        sum(n["edges"] for n in numbers), sum(n["inputs"] for n in numbers),
        "; FAILED: " + " ".join(ended) if ended else ""), flush=True)


def wait(runs, seconds, began):
    """Until all have ended; each minute a line. An interrupt ends them all in order."""
    ends, next_line = began + seconds + 120, began + 60
    try:
        while not all([run.poll() for run in runs]) and time.monotonic() < ends:
            time.sleep(0.2)
            if time.monotonic() >= next_line:
                progress(runs, began, seconds)
                next_line += 60
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    for number in (signal.SIGINT, signal.SIGKILL):
        patience = time.monotonic() + 30
        while not all([run.poll() for run in runs]) and time.monotonic() < patience:
            for run in runs:
                run.stop(number)
            time.sleep(0.5)


def add_totals(build, runs):
    """Adds this run to BUILD/totals.json; returns all runs and CPU seconds so far."""
    file = os.path.join(build, "totals.json")
    totals = {}
    if os.path.exists(file):
        with open(file, encoding="utf-8") as text:
            totals = json.load(text)
    for run in runs:
        n = run.numbers()
        before = totals.get(run.name, {"runs": 0, "cpu": 0.0})
        totals[run.name] = {"runs": before["runs"] + n["runs"], "cpu": round(before["cpu"] + n["cpu"], 1),
                            "edges": n["edges"], "features": n["features"], "inputs": n["inputs"]}
    with open(file, "w", encoding="utf-8") as text:
        json.dump(totals, text, indent=1, sort_keys=True)
    return sum(t["runs"] for t in totals.values()), sum(t["cpu"] for t in totals.values())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--only", help="comma list of targets")
    parser.add_argument("--timeout", type=int, default=30, help="seconds that one input may take (default 30)")
    parser.add_argument("--memory", type=int, default=2048, help="MiB that a target may take (default 2048)")
    arguments = parser.parse_args()
    build = os.path.abspath(arguments.build)
    names = targets.names(build, arguments.only)
    if not names:
        sys.exit("no fuzz targets in " + build)
    for name in names:
        failures(build, name, arguments)  # what is mended goes away
    print("%d targets at once, %d s" % (len(names), arguments.seconds), flush=True)
    began = time.monotonic()
    runs = [Run(build, name, arguments) for name in names]
    wait(runs, arguments.seconds, began)
    report(runs, began)
    total_runs, total_cpu = add_totals(build, runs)
    print("with earlier runs: %d runs, %.1f CPU minutes" % (total_runs, total_cpu / 60))
    status = 0
    for run in runs:
        found = failures(build, run.name, arguments)
        for kind, file in found:
            print("%s: %s\n  again: %s %s" % (run.name, kind, targets.program(build, run.name), file))
            status = 1
        if not found and run.status not in (0, 70):  # 70: a hang that did not come again
            print("%s: ended with %s, see %s" % (run.name, run.status, run.log))
            status = status or 2
    print("nothing failed" if status == 0 else "FAILED", flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
