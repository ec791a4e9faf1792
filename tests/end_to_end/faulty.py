"""A system that fails as told: the plan for tests/support/fault_shim.cpp, which lies beside the program under test and
is preloaded into it."""
import os
import pathlib
import unittest

import harness


class Faults:
    """`environment` is for the program; plan() says what shall fail from now on, in the words of fault_shim.cpp."""

    def __init__(self, folder):
        self.shim = pathlib.Path(harness.program()).with_name("fault_shim.so")
        if not self.shim.exists():
            raise unittest.SkipTest(f"skipped: {self.shim} is not built")
        self.file, self.trace_file = pathlib.Path(folder, "faults"), pathlib.Path(folder, "faults.trace")
        self.plan()
        sanitizer = os.environ.get("ASAN_OPTIONS", "")
        self.environment = {"LD_PRELOAD": str(self.shim), "FAULT_PLAN": str(self.file),
                            "ASAN_OPTIONS": f"{sanitizer}:verify_asan_link_order=0".lstrip(":")}

    def plan(self, *lines, trace=None):
        """In place of the plan before; `trace`: also keeps the calls on paths with that part, from now on."""
        self.trace_file.unlink(missing_ok=True)
        if trace:
            lines = (*lines, f"trace {self.trace_file} {trace}")
        new = self.file.with_suffix(".new")
        new.write_text("".join(line + "\n" for line in lines))
        new.rename(self.file)  # never half a plan

    def calls(self):
        """(time, call, path, action or "") of the traced calls; time is that of time.monotonic()."""
        if not self.trace_file.exists():
            return []
        calls = []
        for line in self.trace_file.read_text(encoding="utf-8", errors="backslashreplace").splitlines():
            words = line.split(" ")
            action = words.pop()[1:] if words[-1].startswith("!") else ""
            calls.append((float(words[0]), words[1], " ".join(words[2:]), action))
        return calls

    def happened(self):
        """The calls of which the plan made something else."""
        return [call for call in self.calls() if call[3]]
