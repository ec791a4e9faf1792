#!/usr/bin/python3
"""What fault_shim.cpp makes of the calls of a program: each as its plan says, and all others untouched."""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

SHIM = os.environ.get("FAULT_SHIM", str(pathlib.Path(__file__).resolve().parents[2] / "build" / "fault_shim.so"))

# A writer as a spool has one; what each step came to stands in its output.
WRITER = """
import errno, os, sys
def step(name, call):
    try:
        print(name, call(), flush=True)
    except OSError as problem:
        print(name, errno.errorcode[problem.errno], flush=True)
folder = sys.argv[1]
for number in range(int(sys.argv[2])):
    file = os.open(f"{folder}/tmp-{number}", os.O_WRONLY | os.O_CREAT, 0o600)
    step("write", lambda: os.write(file, b"0123456789"))
    step("sync", lambda: os.fdatasync(file))
    step("close", lambda: os.close(file))
    step("rename", lambda: os.rename(f"{folder}/tmp-{number}", f"{folder}/queue-{number}"))
    above = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    step("folder", lambda: os.fsync(above))
    os.close(above)
step("unlink", lambda: os.unlink(f"{folder}/queue-0"))
"""


class Shim(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="gatepost-shim-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.plan = self.folder / "plan"
        self.spool = self.folder / "spool"
        self.spool.mkdir()

    def run_program(self, program, *arguments, plan=()):
        self.plan.write_text("".join(line + "\n" for line in plan))
        environment = {**os.environ, "LD_PRELOAD": SHIM, "FAULT_PLAN": str(self.plan)}
        return subprocess.run([sys.executable, "-c", program, *map(str, arguments)], env=environment, text=True,
                              capture_output=True, timeout=30, check=False)

    def write(self, *plan, messages=1):
        done = self.run_program(WRITER, self.spool, messages, plan=plan)
        self.assertEqual(done.stderr, "")
        self.status = done.returncode
        return done.stdout.split()

    def test_changes_nothing_without_a_plan(self):
        self.assertEqual(self.write(), "write 10 sync None close None rename None folder None unlink None".split())

    def test_fails_the_call_that_is_meant(self):
        cases = {"write": "write", "sync": "sync", "rename": "rename", "close": "close", "unlink": "unlink"}
        for call, name in cases.items():
            with self.subTest(call):
                output = self.write(f"{call} /spool/ 1 fail EIO")
                self.assertEqual(dict(zip(output[::2], output[1::2]))[name], "EIO")
                self.assertEqual(output.count("EIO"), 1)

    def test_fails_the_sync_of_a_folder(self):
        output = self.write("sync /spool 2 fail ENOSPC")
        self.assertEqual(output[8:10], ["folder", "ENOSPC"])

    def test_a_failed_open_is_an_error(self):
        done = self.run_program(WRITER, self.spool, 1, plan=["open /spool/tmp 1 fail EMFILE"])
        self.assertIn("Too many open files", done.stderr)

    def test_counts(self):
        for when, failed in {"2": [1], "2+": [1, 2, 3], "%2": [1, 3], "*": [0, 1, 2, 3]}.items():
            with self.subTest(when):
                results = self.write(f"write /spool/ {when} fail ENOSPC", messages=4)
                writes = [results[at + 1] for at, word in enumerate(results) if word == "write"]
                self.assertEqual([at for at, result in enumerate(writes) if result == "ENOSPC"], failed)

    def test_writes_half(self):
        self.assertEqual(self.write("write /spool/ 1 half")[:2], ["write", "5"])
        self.assertEqual(self.write("write /spool/ 1 torn ENOSPC", messages=2)[:2], ["write", "ENOSPC"])
        self.assertEqual((self.spool / "queue-1").read_bytes(), b"0123456789")

    def test_kills(self):
        for call, action, left in (("rename", "kill_before", {"tmp-0": 10}), ("rename", "kill_after", {"queue-0": 10}),
                                   ("write", "kill_before", {"tmp-0": 0}), ("write", "kill_half", {"tmp-0": 5}),
                                   ("unlink", "kill_after", {})):
            with self.subTest(call=call, action=action):
                self.write(f"{call} /spool/ 1 {action}")
                self.assertEqual(self.status, -signal.SIGKILL)
                self.assertEqual({path.name: path.stat().st_size for path in self.spool.iterdir()}, left)
                for path in self.spool.iterdir():
                    path.unlink()

    def test_shifts_the_clock_on_the_wall_only(self):
        program = "import time; print(int(time.time()), int(time.clock_gettime(0)), int(time.monotonic()))"
        truth = [int(each) for each in self.run_program(program).stdout.split()]
        shifted = [int(each) for each in self.run_program(program, plan=["clock -86400"]).stdout.split()]
        for before, after, shift in zip(truth, shifted, (-86400, -86400, 0)):
            self.assertAlmostEqual(after - before, shift, delta=20)

    def test_a_new_plan_is_followed_while_the_program_runs(self):
        program = f"""
import os, sys, time
before = time.time()
open({str(self.plan)!r}, "w").write("clock 1000000\\n")
print(int(time.time() - before) // 1000)
"""
        self.assertEqual(self.run_program(program).stdout.strip(), "1000")

    def test_traces(self):
        trace = self.folder / "trace"
        self.write("rename /spool/ 1 fail EIO", f"trace {trace} /spool")
        calls = [line.split(" ")[1:] for line in trace.read_text().splitlines()]
        self.assertIn(["write", f"{self.spool}/tmp-0"], calls)
        self.assertIn(["rename", f"{self.spool}/tmp-0", "!fail"], calls)
        self.assertIn(["sync", f"{self.spool}"], calls)


if __name__ == "__main__":
    if not os.path.exists(SHIM):
        sys.exit(f"{SHIM} is not there; set FAULT_SHIM")
    unittest.main()
