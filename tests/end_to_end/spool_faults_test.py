#!/usr/bin/python3
"""The spool on a disk that fails, and killed at every call with which it writes: what was answered 250 arrives, what
was not is sent again by its client, and nothing is left behind. The numbers are those of our list of faults."""
import contextlib
import os
import signal
import subprocess
import time

import harness
from harness import poll
from spooling import SpoolCase


class EachCall(SpoolCase):
    """R1, R2, R12. One message makes so many calls on the spool; each of them is the one that fails or kills."""

    def calls_of_one(self, gateway):
        """The calls that one message makes, until it is gone from the queue or waits there for its next try."""
        self.faults.plan(trace="/state/spool/")
        self.assertEqual(self.send(gateway, "first"), 250)
        replied = time.monotonic()
        if "connect" in self.sink.answers:
            gateway.logged("(?i)queue|retry|deferred|attempt")
            time.sleep(0.3)
        else:
            self.arrives("first", gateway)
            self.empties(gateway, "queue")
        return self.faults.calls(), replied

    def test_R1_all_is_on_the_disk_before_the_reply(self):
        self.sink.go_away()
        gateway = self.gateway("outage")
        calls, replied = self.calls_of_one(gateway)
        steps = [(call, "/".join(path.split("/spool/")[1].split("/")[:1]) if "/spool/" in path else path)
                 for when, call, path, _ in calls if when < replied]
        order = [steps.index(step) for step in
                 (("open", "tmp"), ("write", "tmp"), ("sync", "tmp"), ("rename", "tmp"), ("sync", "queue"))]
        self.assertEqual(order, sorted(order), steps)
        self.assertGreater(steps.index(("sync", "tmp"), order[1]), order[1])

    def kills_at_each_call(self, gateway, away):
        calls, _ = self.calls_of_one(gateway)
        twice, deaths = 0, 0
        for number in range(1, len(calls) + 1):
            for action in ("kill_before", "kill_half", "kill_after"):
                if action == "kill_half" and calls[number - 1][1] != "write":
                    continue
                name = f"{action}-{number}"
                with self.subTest(name, call=calls[number - 1][1:3]):
                    if away:
                        self.sink.go_away()
                    self.faults.plan(f"any /state/spool/ {number} {action}")
                    heard = self.send(gateway, name)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        gateway.process.popen.wait(3 if heard == 250 else harness.PATIENCE)
                        deaths += 1
                    self.kill(gateway)
                    self.faults.plan()
                    self.sink.come_back()
                    self.restart(gateway)
                    self.assertIn(heard, (250, None))
                    if heard != 250:
                        self.assertEqual(self.send(gateway, name), 250, "sent again")
                    self.arrives(name, gateway)
                    self.empties(gateway, "queue", "tmp")
                    self.assertEqual(self.spool(gateway, "corrupt"), [])
                    # One more for a reply that was not heard, one more for a delivery that was not written down.
                    self.assertLessEqual(self.sink.copies(name), 2 if heard == 250 else 3)
                    twice += self.sink.copies(name) >= 2
        self.assertGreater(deaths, len(calls))
        return twice, deaths

    def test_R2_killed_at_each_call_while_the_downstream_is_away(self):
        gateway = self.gateway("outage")
        self.sink.go_away()
        self.kills_at_each_call(gateway, away=True)

    def test_R2_killed_at_each_call_while_it_is_delivered(self):
        twice, deaths = self.kills_at_each_call(self.gateway("always"), away=False)
        self.assertLess(twice, deaths, "a copy too many only where the record or the reply was missing")

    def keeps(self, gateway, name):
        found = []
        for path in self.spool(gateway, "queue"):
            with contextlib.suppress(FileNotFoundError):
                found.append(path.read_bytes())
        return any(f"Subject: {name}\r\n".encode() in each for each in found)

    def fails_at_each_call(self, gateway, away, *actions):
        calls, _ = self.calls_of_one(gateway)
        self.sink.come_back()
        refused = 0
        for number in range(1, len(calls) + 1):
            for action in actions:
                if action.startswith(("half", "torn")) and calls[number - 1][1] != "write":
                    continue
                name = f"{action.replace(' ', '-')}-{number}"
                with self.subTest(name, call=calls[number - 1][1:3]):
                    if away:
                        self.sink.go_away()
                    self.faults.plan(f"any /state/spool/ {number} fail EIO" if action == "EIO" else
                                     f"any /state/spool/ {number} {action}", trace="/state/spool/")
                    heard = self.send(gateway, name)
                    self.assertIn(heard, (250, 451, 452))
                    if away:
                        self.sink.come_back()
                    if heard != 250:
                        refused += 1
                        self.assertFalse(self.keeps(gateway, name), "what was refused is not kept")
                        self.assertEqual(self.sink.copies(name), 0, "what was refused is not delivered")
                        self.faults.plan()
                        self.assertEqual(self.send(gateway, name), 250, "it mends at once")
                    self.arrives(name, gateway)
                    self.empties(gateway, "queue")
                    self.assertLessEqual(self.sink.copies(name), 2 if heard == 250 else 1)
                    self.assertIsNone(gateway.process.popen.poll(), "it lives")
        self.faults.plan()
        self.assertEqual(self.spool(gateway, "corrupt"), [])
        self.kill(gateway)
        self.restart(gateway)
        self.empties(gateway, "tmp", "queue")
        return refused

    def test_R12_each_call_fails_while_the_downstream_is_away(self):
        gateway = self.gateway("outage")
        self.sink.go_away()
        refused = self.fails_at_each_call(gateway, True, "fail EIO", "torn ENOSPC", "half")
        self.assertGreaterEqual(refused, 4, "open, write, sync, rename")

    def test_R12_each_call_fails_while_it_is_delivered(self):
        refused = self.fails_at_each_call(self.gateway("always"), False, "fail ENOSPC", "torn EIO", "half")
        self.assertGreaterEqual(refused, 4, "open, write, sync, rename")


class Leftovers(SpoolCase):
    """A folder that cannot be synced and a file that cannot be removed from it: the client was told to come again."""

    def test_what_was_not_acknowledged_is_removed_when_the_disk_lets_us(self):
        gateway = self.gateway("outage")
        self.sink.go_away()
        self.faults.plan("sync /spool/queue * fail EIO", "unlink /spool/queue/ * fail EIO")
        self.assertEqual(self.send(gateway, "n1"), 451)
        gateway.logged("cannot be removed")
        self.assertEqual(len(self.spool(gateway, "queue")), 1)
        self.faults.plan()
        self.empties(gateway, "queue")
        gateway.logged("never acknowledged")
        self.assertEqual(self.send(gateway, "n1"), 250)
        self.sink.come_back()
        self.arrives("n1", gateway)
        self.kill(gateway)
        self.restart(gateway)
        self.empties(gateway, "queue")
        self.assertEqual(self.sink.copies("n1"), 1)

    def test_it_is_removed_at_the_end_if_not_before(self):
        gateway = self.gateway("outage")
        self.sink.go_away()
        self.faults.plan("sync /spool/queue 1 fail EIO", "unlink /spool/queue/ 1 fail EIO")
        self.assertEqual(self.send(gateway, "n2"), 451)
        gateway.process.popen.send_signal(signal.SIGTERM)
        gateway.process.popen.wait(30)
        self.assertEqual(self.spool(gateway, "queue"), [])


class Room(SpoolCase):
    """R11 to R14: queue, disk, descriptors used up."""

    def test_R11_above_its_limit_the_queue_says_452_and_keeps_what_it_took(self):
        self.sink.go_away()
        gateway = self.gateway("outage", queue={"messages": 20})
        heard = {f"n{number}": self.send(gateway, f"n{number}") for number in range(30)}
        self.assertEqual(list(heard.values()), [250] * 20 + [452] * 10)
        self.sink.come_back()
        for name, code in heard.items():
            if code == 250:
                self.arrives(name, gateway)
        self.empties(gateway, "queue")
        self.assertEqual(sum(self.sink.copies(name) for name, code in heard.items() if code != 250), 0)
        self.assertEqual(self.send(gateway, "afterwards"), 250)

    def test_R12_a_disk_below_its_watermark_is_452(self):
        self.sink.go_away()
        gateway = self.gateway("outage", queue={"free_space": "900000GiB"})
        self.assertEqual(self.send(gateway, "n"), 452)
        self.assertEqual(self.spool(gateway, "queue") + self.spool(gateway, "tmp"), [])

    def test_R12_a_small_disk_is_452_until_there_is_room(self):
        if os.getuid() != 0:
            self.skipTest("skipped: a disk of our own needs root")
        gateway = self.gateway("outage", listening=False, queue={"free_space": "0"})
        state = gateway.folder / "state"
        state.mkdir()
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(state)], capture_output=True,
                          check=False).returncode:
            self.skipTest("skipped: nothing can be mounted here")
        self.addCleanup(subprocess.run, ["umount", "-l", str(state)], check=False)
        self.sink.go_away()
        gateway.start()
        heard = {f"n{number}": self.send(gateway, f"n{number}", "0123456789\r\n" * 10000) for number in range(30)}
        self.assertEqual(set(heard.values()), {250, 452})
        self.sink.come_back()
        for name, code in heard.items():
            if code == 250:
                self.arrives(name, gateway)
        self.empties(gateway, "queue", "tmp")
        self.assertEqual(self.send(gateway, "afterwards", "0123456789\r\n" * 10000), 250)

    def test_R12_no_file_may_grow(self):
        self.sink.go_away()
        gateway = self.gateway("outage", listening=False, limits={"memory_per_message": "8MiB"})
        gateway.files_limit = 400000
        gateway.start()
        self.assertEqual(self.send(gateway, "large", "0123456789\r\n" * 100000), 452)
        self.assertEqual(self.send(gateway, "small"), 250)
        self.empties(gateway, "tmp")

    def test_R13_no_descriptor_for_the_spool(self):
        self.sink.go_away()
        gateway = self.gateway("outage")
        self.faults.plan("open /state/spool/ * fail EMFILE")
        self.assertIn(self.send(gateway, "n"), (451, 452))
        self.faults.plan()
        self.assertEqual(self.send(gateway, "n"), 250)
        self.sink.come_back()
        self.arrives("n", gateway)

    def test_R13_no_descriptor_at_the_start(self):
        """What could not be opened then is delivered without another start."""
        self.sink.go_away()
        gateway = self.gateway("outage")
        for name in ("first", "second"):
            self.assertEqual(self.send(gateway, name), 250)
        self.kill(gateway)
        self.faults.plan("open /spool/queue/ * fail EMFILE")
        self.sink.come_back()
        self.restart(gateway)
        gateway.logged("cannot be read.*Too many open files")
        self.assertEqual(self.sink.copies("first") + self.sink.copies("second"), 0)
        self.faults.plan()
        for name in ("first", "second"):
            self.arrives(name, gateway)
            self.assertEqual(self.sink.copies(name), 1)
        self.empties(gateway, "queue")

    def test_R24_a_full_log_device_loses_lines_and_no_mail(self):
        gateway = self.gateway("always", listening=False)
        gateway.arguments = ["/bin/sh", "-c", 'exec "$0" "$@" 2>/dev/full']
        gateway.start()
        for number in range(5):
            self.assertEqual(self.send(gateway, f"n{number}"), 250)
            self.arrives(f"n{number}")
        self.empties(gateway, "queue")


class Files(SpoolCase):
    """R29 to R31: what lies in the spool, and who else is there."""

    def test_R29_damaged_and_foreign_files_are_set_aside(self):
        self.sink.go_away()
        gateway = self.gateway("outage")
        names = [f"n{number}" for number in range(8)]
        for name in names:
            self.assertEqual(self.send(gateway, name), 250)
        self.kill(gateway)
        files = {}
        for path in self.spool(gateway, "queue"):
            files.update({name: path for name in names if f"Subject: {name}\r\n".encode() in path.read_bytes()})
        self.assertEqual(sorted(files), names)
        whole = files["n0"].read_bytes()
        damages = {"n0": whole[:10], "n1": b"", "n2": files["n2"].read_bytes().replace(b"Hello", b"Jello"),
                   "n3": b"\0" * 5000, "n4": files["n4"].read_bytes().replace(b"bob@", b"eve@"),
                   "n5": files["n5"].read_bytes()[:-40]}
        for name, octets in damages.items():
            files[name].write_bytes(octets)
        queue = gateway.folder / "state" / "spool" / "queue"
        (queue / "letter.txt~").write_text("Dear postmaster")
        (queue / "folder").mkdir()
        (queue / "link").symlink_to("/etc/passwd")
        (queue / ("x" * 200)).write_bytes(whole)
        os.mkfifo(queue / "fifo")
        self.sink.come_back()
        self.restart(gateway)
        for name in ("n6", "n7"):
            self.arrives(name, gateway)
        self.empties(gateway, "queue")
        gateway.logged("set aside.*letter.txt~|letter.txt~.*set aside")
        for name in ("n0", "n1", "n2", "n3", "n4"):
            self.assertEqual(self.sink.copies(name), 0, name)
        self.assertGreaterEqual(len(self.spool(gateway, "corrupt")), 9)
        self.assertEqual(self.send(gateway, "afterwards"), 250)

    def test_R29_a_file_that_is_damaged_while_it_waits(self):
        def written_over(path, what):
            octets = path.read_bytes()
            with open(path, "r+b") as file:
                file.seek(octets.index(what))
                file.write(b"J")
        damages = {"the content": lambda path: written_over(path, b"Hello."),
                   "the head": lambda path: written_over(path, b"gatepost-spool"),
                   "an address": lambda path: written_over(path, b"<bob@"),
                   "cut in the head": lambda path: os.truncate(path, 20),
                   "cut in the content": lambda path: os.truncate(path, path.stat().st_size - 100),
                   "empty": lambda path: os.truncate(path, 0)}
        for number, (name, damage) in enumerate(damages.items(), 1):
            with self.subTest(name):
                self.sink.go_away()
                gateway = self.gateway("outage")
                self.assertEqual(self.send(gateway, f"damaged {number}"), 250)
                path, = self.spool(gateway, "queue")
                damage(path)
                self.assertEqual(self.send(gateway, f"whole {number}"), 250)
                self.sink.come_back()
                self.arrives(f"whole {number}", gateway)
                self.empties(gateway, "queue")
                self.assertEqual(self.sink.copies(f"damaged {number}"), 0)
                self.assertEqual(self.spool(gateway, "corrupt"), [path.parent.parent / "corrupt" / path.name])
                self.assertEqual(self.send(gateway, f"next {number}"), 250)
                self.arrives(f"next {number}", gateway)

    def test_R30_a_second_process_on_the_spool_is_told(self):
        gateway = self.gateway("always")
        port = harness.reserve()
        self.addCleanup(port.close)
        other = gateway.folder / "other.yaml"
        other.write_text(gateway.file.read_text().replace(str(gateway.port), str(port.getsockname()[1])))
        done = subprocess.run([harness.program(), "serve", "--config", str(other)], capture_output=True, timeout=30,
                              env={"PATH": "/usr/bin", **gateway.environment}, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn(b"in use by another gatepost", done.stderr)
        self.assertEqual(self.send(gateway, "n"), 250)
        self.arrives("n", gateway)

    def test_R30_the_lock_of_a_dead_process_is_nobodys(self):
        gateway = self.gateway("always")
        for number in range(2):
            self.kill(gateway)
            self.restart(gateway)
            self.assertEqual(self.send(gateway, f"n{number}"), 250)
            self.arrives(f"n{number}", gateway)

    def test_R31_a_spool_that_cannot_be_written_is_told_at_the_start(self):
        gateway = self.gateway("always", listening=False)
        state = gateway.folder / "state"
        state.mkdir()
        (state / "spool").write_text("a file")
        status, said = self.check(gateway)
        self.assertNotEqual(status, 0)
        self.assertIn("must be able to write", said)
        (state / "spool").unlink()
        self.faults.plan("open /state/spool/lock * fail EACCES")
        status, said = self.check(gateway)
        self.assertNotEqual(status, 0)
        self.assertIn("spool/lock", said)
        self.faults.plan()
        gateway.start()
        self.assertEqual(self.send(gateway, "n"), 250)


class Clocks(SpoolCase):
    """R23: the wall clock jumps by a day or a year; nothing expires and nothing is late for it."""

    def test_R23_while_messages_wait(self):
        for shift in (86400, -86400, 400 * 86400):
            with self.subTest(shift):
                self.sink.go_away()
                gateway = self.gateway("outage")
                name = f"n{shift}"
                self.assertEqual(self.send(gateway, name), 250)
                self.faults.plan(f"clock {shift}")
                self.assertEqual(self.send(gateway, f"{name}-later"), 250)
                time.sleep(1.5)
                self.assertEqual(len(self.spool(gateway, "queue")), 2, gateway.log())
                self.sink.come_back()
                self.arrives(name, gateway)
                self.arrives(f"{name}-later", gateway)
                self.empties(gateway, "queue")
                self.assertEqual(self.spool(gateway, "dead"), [])

    def test_R23_between_two_runs(self):
        for shift in (86400, -86400, 400 * 86400):
            with self.subTest(shift):
                self.sink.go_away()
                gateway = self.gateway("outage")
                name = f"n{shift}"
                self.assertEqual(self.send(gateway, name), 250)
                self.kill(gateway)
                self.faults.plan(f"clock {shift}")
                self.restart(gateway)
                time.sleep(0.5)
                self.assertEqual(len(self.spool(gateway, "queue")), 1, gateway.log())
                self.sink.come_back()
                self.arrives(name, gateway)
                self.empties(gateway, "queue")
                self.assertEqual(self.spool(gateway, "dead"), [])

    def test_R23_dead_letters_are_kept(self):
        self.sink.answers["dot"] = "554 5.6.0 Never"
        gateway = self.gateway("always", queue={"dead_letters": "1h"})
        self.assertEqual(self.send(gateway, "first"), 250)
        poll(lambda: self.spool(gateway, "dead"), "a dead letter")
        self.empties(gateway, "queue")
        self.kill(gateway)
        self.faults.plan(f"clock {400 * 86400}")
        self.restart(gateway)
        gateway.logged("dead_letter state=renewed letters=1")
        self.assertEqual(self.send(gateway, "second"), 250)
        poll(lambda: len(self.spool(gateway, "dead")) == 2, "both are there")

    def test_R23_sessions_go_on(self):
        gateway = self.gateway("never", limits={"command_timeout": "60s"})
        client = self.open(gateway.client())
        client.hello("mail.sender.example")
        self.faults.plan("clock 34560000")
        for number in range(2):
            self.assertEqual(client.deliver(harness.message("alice@sender.example", subject=f"n{number}")).code, 250)
            self.faults.plan("clock -86400")
        self.assertEqual((self.sink.copies("n0"), self.sink.copies("n1")), (1, 1))


if __name__ == "__main__":
    harness.main()
