#!/usr/bin/env python3
"""Runs every fuzz target of a libFuzzer build at the same time and reports runs, coverage and crashes.

What a target finds of interest is kept in BUILD/corpus/TARGET and used again; the seeds in tests/fuzz/corpus stay as
they are. An input that crashes a target lies in BUILD/crashes/TARGET. Exit status 1 if there is one.
"""
import argparse
import os
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))


def targets(build):
    return sorted(name[:-5] for name in os.listdir(build) if name.endswith("_fuzz") and os.access(os.path.join(build, name), os.X_OK))


def start(build, name, seconds):
    grown = os.path.join(build, "corpus", name)
    crashes = os.path.join(build, "crashes", name)
    os.makedirs(grown, exist_ok=True)
    os.makedirs(crashes, exist_ok=True)
    seeds = os.path.join(HERE, "corpus", name)
    log = open(os.path.join(build, name + ".fuzz.log"), "w+", encoding="utf-8", errors="replace")
    command = [os.path.join(build, name + "_fuzz"), "-max_total_time=%d" % seconds, "-timeout=10", "-rss_limit_mb=2048",
               "-print_final_stats=1", "-artifact_prefix=" + crashes + "/", grown]
    command += [seeds] if os.path.isdir(seeds) else []
    return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT), log


def numbers(log):
    log.flush()
    log.seek(0)
    text = log.read()
    covered = re.findall(r"cov: (\d+) ft: (\d+)", text)
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", text) or re.search(r"Done (\d+) runs", text)
    return int(runs.group(1)) if runs else 0, int(covered[-1][0]) if covered else 0, int(covered[-1][1]) if covered else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--only", help="comma list of targets")
    arguments = parser.parse_args()
    build = os.path.abspath(arguments.build)
    names = [n for n in targets(build) if not arguments.only or n in arguments.only.split(",")]
    if not names:
        sys.exit("no fuzz targets in " + build)
    print("%d targets at once, %d s" % (len(names), arguments.seconds), flush=True)
    running = {name: start(build, name, arguments.seconds) for name in names}
    ends = time.monotonic() + arguments.seconds + 120
    for process, _ in running.values():
        try:
            process.wait(max(1, ends - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    failed = 0
    print("%-28s %12s %9s %9s  %s" % ("target", "runs", "edges", "features", "result"))
    for name, (process, log) in running.items():
        runs, edges, features = numbers(log)
        found = sorted(os.listdir(os.path.join(build, "crashes", name)))
        good = process.returncode == 0 and not found
        failed += not good
        print("%-28s %12d %9d %9d  %s" % (name, runs, edges, features, "ok" if good else "FAILED, see %s.fuzz.log" % name))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
