#!/usr/bin/env python3
"""How much of our code the fuzz targets run, each by itself and all together: replays their corpora in a build with
clang's source-based coverage (GATEPOST_FUZZ_COVERAGE).

Of a target it says how many lines of the files that it enters it runs: those are the parser and what the parser
stands on. Together they are held against all lines of the floors.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

import targets

REPOSITORY = os.path.dirname(os.path.dirname(targets.HERE))
FLOORS = ("protocol", "config", "auth", "policy")


def replay(build, name, corpora, profile):
    folders = [folder for folder in corpora if targets.inputs(folder)]
    if not folders:
        return False
    done = subprocess.run([targets.program(build, name), *folders], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          check=False, env={**os.environ, "LLVM_PROFILE_FILE": profile})
    if done.returncode != 0:
        print("%s: a corpus file fails\n%s" % (name, done.stderr.decode(errors="replace")[-2000:]))
    return os.path.exists(profile)


def lines(programs, profiles, folder):
    """{file: (run, all)} for our own files, as these programs ran them."""
    merged = os.path.join(folder, "merged")
    subprocess.run(["llvm-profdata", "merge", "-sparse", "-o", merged, *profiles], check=True)
    command = ["llvm-cov", "export", "-summary-only", "-instr-profile=" + merged, programs[0]]
    command += ["-object=" + program for program in programs[1:]]
    command += ["-ignore-filename-regex=/(usr|tests)/"]
    data = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout)
    found = {}
    for file in data["data"][0]["files"]:
        name = os.path.relpath(os.path.realpath(file["filename"]), REPOSITORY)
        if name.split(os.sep)[0] in FLOORS:
            found[name] = (file["summary"]["lines"]["covered"], file["summary"]["lines"]["count"])
    return found


def share(pairs):
    run, count = sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
    return "%6d of %6d lines %5.1f %%" % (run, count, 100.0 * run / max(count, 1))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True, help="the build with coverage")
    parser.add_argument("--corpora", help="the libFuzzer build whose corpora are replayed beside the seeds")
    parser.add_argument("--only", help="comma list of targets")
    arguments = parser.parse_args()
    build = os.path.abspath(arguments.build)
    with tempfile.TemporaryDirectory(prefix="gatepost-coverage-") as folder:
        profiles, programs = [], []
        for name in targets.names(build, arguments.only):
            corpora = [targets.seeds(name)]
            if arguments.corpora:
                corpora.append(targets.grown(os.path.abspath(arguments.corpora), name))
            profile = os.path.join(folder, name + ".profraw")
            if not replay(build, name, corpora, profile):
                print("%-24s has no corpus" % name)
                continue
            entered = {file: pair for file, pair in lines([targets.program(build, name)], [profile], folder).items() if pair[0]}
            print("%-24s %3d files entered, %s" % (name, len(entered), share(entered.values())), flush=True)
            profiles.append(profile)
            programs.append(targets.program(build, name))
        if not programs:
            sys.exit("nothing to replay")
        everything = lines(programs, profiles, folder)
    for floor in FLOORS:
        print("all targets, %-8s %s" % (floor, share([pair for file, pair in everything.items() if file.startswith(floor)])))
    weak = sorted((pair[0] / max(pair[1], 1), file) for file, pair in everything.items() if pair[1] and pair[0] < pair[1])
    print("least: " + ", ".join("%s %.0f %%" % (file, 100 * part) for part, file in weak[:8]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
