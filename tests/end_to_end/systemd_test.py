#!/usr/bin/python3
"""The files in systemd/: they are well-formed, as strict as we say, and the program works within them."""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

import harness
from harness import Dns, Gateway, Sink, make_certificate, message

UNITS = harness.REPOSITORY / "systemd"
MOST_EXPOSED = 1.5  # of `systemd-analyze security`, from 0 to 10


def setting(name):
    return re.search(rf"^{name}=(.*)$", (UNITS / "gatepost.service").read_text(), re.MULTILINE)[1]


class Units(unittest.TestCase):
    def setUp(self):
        self.analyze = harness.need("systemd-analyze")
        folder = tempfile.TemporaryDirectory(prefix="gatepost-units-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        for name in ("gatepost.service", "gatepost.socket"):
            text = (UNITS / name).read_text().replace("/usr/sbin/gatepost", os.path.abspath(harness.program()))
            (self.folder / name).write_text(text)

    def run_tool(self, *arguments):
        return subprocess.run(arguments, capture_output=True, text=True, cwd=self.folder, timeout=60, check=False)

    def test_are_well_formed(self):
        for name in ("gatepost.service", "gatepost.socket"):
            with self.subTest(name):
                done = self.run_tool(self.analyze, "verify", "--man=no", f"./{name}")
                about_ours = [line for line in done.stderr.splitlines() if "gatepost" in line]
                self.assertEqual((done.returncode, about_ours), (0, []), done.stderr)

    def test_are_strict(self):
        done = self.run_tool(self.analyze, "security", "--offline=yes", "./gatepost.service")
        exposure = float(re.search(r"Overall exposure level for gatepost.service: ([\d.]+)", done.stdout)[1])
        self.assertLessEqual(exposure, MOST_EXPOSED, done.stdout)

    def test_user_and_folders_are_well_formed(self):
        done = self.run_tool(harness.need("systemd-sysusers"), "--dry-run", str(UNITS / "gatepost.sysusers"))
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Creating user 'gatepost'", done.stdout + done.stderr)

    def test_the_manual_page_is_well_formed(self):
        man = harness.need("man")
        done = subprocess.run([man, "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(UNITS / "gatepost.8")],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))

    def test_the_manual_page_names_every_option(self):
        page = (UNITS / "gatepost.8").read_text().replace("\\-", "-")
        for command in ("serve", "check", "verify"):
            for option in re.findall(r"^\s+(?:-\w,)?(--[\w-]+)", harness.run(command, "--help").stdout.decode(), re.MULTILINE):
                with self.subTest(command, option=option):
                    self.assertIn(option, page)


class Confined(harness.TestCase):
    """All that the program does, with every system call killed that the unit does not allow."""

    def setUp(self):
        harness.need("systemd-analyze")
        self.dns = self.open(Dns({"plain.example": ["A 127.0.0.1"]}))
        self.arguments = [sys.executable, str(harness.REPOSITORY / "tests" / "support" / "seccomp_run.py"),
                          str(UNITS / "gatepost.service")]
        self.folder = tempfile.mkdtemp(prefix="gatepost-confined-")
        self.addCleanup(shutil.rmtree, self.folder, True)
        certificate, key = make_certificate(self.folder, "mx.example.org")
        self.tls = {"certificate": str(certificate), "key": str(key)}

    def gateway(self, server, **changes):
        # The leak sanitizer, where it is built in, would look at the program from outside.
        sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"
        return self.open(Gateway(server, self.dns.address, arguments=self.arguments, tls=self.tls,
                                 environment={"WATCHDOG_USEC": "200000", "ASAN_OPTIONS": sanitizer}, **changes))

    def test_what_is_forbidden_kills(self):
        done = subprocess.run([*self.arguments, sys.executable, "-c", "print('fine')"], capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (0, b"fine\n"), done.stderr)
        for reason, program in (("a privileged call", "import os; os.chroot('/')"),
                                ("another family", "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)"),
                                ("writable code", "import mmap; mmap.mmap(-1, 4096, prot=7)")):
            with self.subTest(reason):
                done = subprocess.run([*self.arguments, sys.executable, "-c", program], capture_output=True, check=False)
                self.assertEqual(done.returncode, -signal.SIGSYS, done.stderr)

    def test_everything_works_within(self):
        content = message("x@plain.example")
        sink = self.open(Sink())
        for reason, server in (("SMTP", sink.url), ("Maildir", "maildir://mail")):
            with self.subTest(reason):
                gateway = self.gateway(server, limits={"memory_per_message": "16KiB"})
                with gateway.client() as client:
                    client.hello()
                    client.starttls(harness.tls_client())
                    client.hello()
                    self.assert_status(client.deliver(content, "x@plain.example"), "250 2.0.0")
                    self.assert_status(client.deliver(content + b"0123456789\r\n" * 20000, "x@plain.example"), "250 2.0.0")
                gateway.signal(signal.SIGHUP)
                gateway.notified("READY=1")
                gateway.notified("WATCHDOG=1")
                gateway.stop()
        self.assertEqual(len(sink.messages), 2)


class Limits(unittest.TestCase):
    def test_the_unit_waits_longer_than_the_gateway(self):
        source = (harness.REPOSITORY / "config" / "settings.h").read_text()
        drain = int(re.search(r"drain_timeout\{(\d+)\}", source)[1])
        self.assertGreater(int(setting("TimeoutStopSec")), drain + 10)

    def test_the_unit_grants_descriptors_for_all_sessions(self):
        source = (harness.REPOSITORY / "config" / "settings.h").read_text()
        sessions = int(re.search(r"std::size_t sessions = (\d+)", source)[1])
        self.assertGreaterEqual(int(setting("LimitNOFILE")), 2 * sessions + 200)

    def test_a_bad_configuration_is_not_tried_again(self):
        self.assertEqual(setting("RestartPreventExitStatus").split(), ["64", "78"])


if __name__ == "__main__":
    harness.main()
