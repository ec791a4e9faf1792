#!/usr/bin/env python3
"""Makes the seeds in tests/fuzz/corpus small again: those with a name of their own stay; of what was found by searching
(BUILD/corpus, and the found-* there are) only that stays which reaches a branch that nothing smaller reaches, up to a
number of files and octets for each target.
"""
import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile

import targets

FOUND = "found-"


def merge(build, name, named, others, folder):
    """Copies `named` into `folder`, and of `others` what reaches more than they."""
    for file in named:
        shutil.copy(file, folder)
    # Without counters: a branch is reached or not; how often would keep thousands of files.
    command = [targets.program(build, name), "-merge=1", "-use_counters=0", "-timeout=60", folder, *others]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
                          env=targets.environment())
    if done.returncode != 0:
        sys.exit("%s: %s" % (name, done.stdout.decode(errors="replace")[-2000:]))


def minimize(build, name, most_files, most_octets):
    seeds = targets.seeds(name)
    os.makedirs(seeds, exist_ok=True)
    files = targets.inputs(seeds)
    named = [file for file in files if not os.path.basename(file).startswith(FOUND)]
    with tempfile.TemporaryDirectory(prefix="gatepost-seeds-") as folder, \
            tempfile.TemporaryDirectory(prefix="gatepost-found-") as found:
        for file in set(files) - set(named):
            shutil.copy(file, found)
        merge(build, name, named, [each for each in (found, targets.grown(build, name)) if os.path.isdir(each)], folder)
        new = set(targets.inputs(folder)) - {os.path.join(folder, os.path.basename(file)) for file in named}
        contents = sorted((read(file) for file in new), key=lambda content: (len(content), content))
    kept, octets = [], sum(os.path.getsize(file) for file in named)
    for content in contents:
        if len(named) + len(kept) < most_files and octets + len(content) <= most_octets:
            kept.append(content)
            octets += len(content)
    for file in set(files) - set(named):
        os.remove(file)
    for content in kept:
        with open(os.path.join(seeds, FOUND + hashlib.sha256(content).hexdigest()[:12]), "wb") as out:
            out.write(content)
    print("%-24s %3d named, %3d found (of %d that reach something), %6d octets" % (name, len(named), len(kept),
                                                                                 len(contents), octets), flush=True)


def read(file):
    with open(file, "rb") as content:
        return content.read()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--only", help="comma list of targets")
    parser.add_argument("--files", type=int, default=150, help="at most, for each target (default 150)")
    parser.add_argument("--octets", type=int, default=100 * 1024, help="at most, for each target (default 100 KiB)")
    arguments = parser.parse_args()
    build = os.path.abspath(arguments.build)
    for name in targets.names(build, arguments.only):
        minimize(build, name, arguments.files, arguments.octets)


if __name__ == "__main__":
    main()
