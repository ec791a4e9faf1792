"""How often the gateway and Postfix wait for the disk, by their own system calls, as strace(1) sees them: of files, and of
folders (Postfix syncs none: it trusts the file system to write a new name with its file). Only the calls in question
stop, but that makes them slower than they are, and so the gateway's batches larger; a sync of a file is one a message
for either, and what is left of the gateway's is what its batches share."""
import contextlib
import os
import pathlib
import re
import tempfile

import harness

ROW = "{:<16}  {:>8}  {:>11}  {:>13}"


@contextlib.contextmanager
def watched(make, record):
    """What `make` makes, which must be a program that is started with `arguments` before it, under strace."""
    strace = harness.need("strace")
    arguments = [strace, "-D", "-f", "-y", "--seccomp-bpf", "-qq", "-e", "trace=fsync,fdatasync", "-e", "signal=none", "-o",
                 str(record)]
    with contextlib.closing(make(arguments)) as system:
        yield system


def counts(record, done):
    """Syncs of files and of folders, but for the lines before `done`."""
    files = folders = 0
    for line in record.read_text(errors="backslashreplace").splitlines()[done:]:
        found = re.search(r"\b(fsync|fdatasync)\(\d+<([^>]*)>", line)
        if not found:
            continue
        if os.path.basename(found[2]) in ("queue", "hold", "dead", "corrupt"):
            folders += 1
        else:
            files += 1
    return files, folders


def print_head():
    print("\nsyncs a message (under strace, 10 KB)")
    print(ROW.format("through", "sessions", "of files", "of folders"))


def count(make, send, file, sessions, messages):
    with tempfile.TemporaryDirectory(prefix="gatepost-syncs-") as folder:
        record = pathlib.Path(folder) / "calls"
        with watched(make, record) as system:
            send(system, file, sessions, sessions)  # starts its processes
            harness.poll(lambda: system.kept() == 0, f"the queue of {system.name} is empty")
            done = len(record.read_text(errors="backslashreplace").splitlines())
            send(system, file, sessions, messages)
            harness.poll(lambda: system.kept() == 0, f"the queue of {system.name} is empty")
            files, folders = counts(record, done)
        print(ROW.format(system.name, sessions, f"{files / messages:.2f}", f"{folders / messages:.2f}"), flush=True)
