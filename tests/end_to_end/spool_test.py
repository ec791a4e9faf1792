#!/usr/bin/python3
"""Messages that are kept here: what the client hears, what then lies on the disk, and what is refused."""
import fcntl
import hashlib
import os
import re
import signal
import subprocess
import threading
import unittest

import harness
from harness import CLOSE, Dns, Gateway, Sink, message, program, reserve

PLAIN = message("x@plain.example")
ZONE = {"plain.example": ["A 127.0.0.1", "TXT v=spf1 ip4:127.0.0.1 -all"],
        "other.example": ["A 127.0.0.1", "TXT v=spf1 -all"]}


class SpoolFile:
    """One file of the spool, as gateway/spool/spool_file.h says it is."""

    def __init__(self, path):
        self.raw = path.read_bytes()
        head, self.rest = self.raw.split(b"\n\n", 1)
        self.lines = head.decode("ascii").split("\n")
        self.content = self.rest[:int(self["content"])]
        end = len(head) + 2 + len(self.content)
        digest = re.match(rb"\nsha256 ([0-9a-f]{64})\n", self.raw[end:])
        assert digest and digest[1].decode() == hashlib.sha256(self.raw[:end]).hexdigest(), self.raw

    def __getitem__(self, key):
        return " | ".join(line[len(key) + 1:] for line in self.lines if line.startswith(key + " "))


class SpoolCase(harness.TestCase):
    MODE = "outage"

    @classmethod
    def setUpClass(cls):
        cls.dns = cls.open_for_all(Dns(ZONE))

    def gateway(self, server=None, mode=None, **changes):
        """Without a server: one that refuses connections."""
        if server is None:
            nobody = self.open(reserve(shared=False))
            server = f"smtp://127.0.0.1:{nobody.getsockname()[1]}"
        downstream = {"spool": mode or self.MODE, "retry": {"first": "1h", "max": "1h"}}
        return self.open(Gateway(server, self.dns.address, downstream=downstream, **changes))

    def shelf(self, gateway, name="queue"):
        folder = gateway.folder / "state" / "spool" / name
        return {path.name: path for path in folder.glob("*")}

    def restart(self, gateway):
        gateway.notifications.close()
        (gateway.folder / "notify").unlink()
        gateway.start()

    def only(self, gateway):
        """The one message that is kept."""
        files = list(self.shelf(gateway).values())
        self.assertEqual(len(files), 1)
        return SpoolFile(files[0])

    def deliver(self, gateway, content=PLAIN, **options):
        with gateway.client() as client:
            client.hello()
            return client.deliver(content, "x@plain.example", **options)


class Outage(SpoolCase):
    def test_while_nobody_is_there_a_message_is_kept_whole(self):
        gateway = self.gateway()
        large = message("x@plain.example", body="line\r\n.dot\r\n" * 100_000)
        for content in (PLAIN, large):
            reply = self.deliver(gateway, content, recipients=["bob@example.org", "eve@example.net"],
                                 parameters=" BODY=8BITMIME SIZE=1300000")
            self.assertRegex(reply.text, "^2.0.0 Queued, ref [0-9a-z]+$")
            name = reply.text.split()[-1]
            file = SpoolFile(self.shelf(gateway)[name])
            self.assertTrue(file.content.endswith(content), "as it came, below our fields")
            self.assertIn(b"Received: from client.example", file.content)
            self.assertEqual(file["id"], name)
            self.assertEqual(file["from"], "<x@plain.example>")
            self.assertEqual(file["to"], "<bob@example.org> | <eve@example.net>")
            self.assertEqual(file["body"], "8bitmime")
            self.assertEqual(file["size"], "1300000")
            self.assertEqual(file["helo"], "EHLO client.example")
            self.assertRegex(file["fact"], r"spf pass \| dkim none \| dmarc none .*decision accept")
        mode = self.shelf(gateway)[name].stat().st_mode & 0o777
        self.assertEqual(mode, 0o600)
        self.assertEqual(self.shelf(gateway, "tmp"), {})
        line = gateway.logged(f" message id={name} ")
        self.assertIn(" spooled=yes", line)
        self.assertNotRegex(line, " (downstream|answer)=")  # which has not seen it yet

    def test_who_may_be_notified_is_written_down(self):
        gateway = self.gateway()
        for reverse_path, extra, expected in (
                ("x@plain.example", "", ("yes", "")), ("x@other.example", "", ("", "")), ("", "", ("", "")),
                ("x@plain.example", "List-Id: <a.plain.example>\r\n", ("yes", "yes")),
                ("x@plain.example", "Auto-Submitted: auto-replied\r\n", ("yes", "yes"))):
            with self.subTest(reverse_path=reverse_path, extra=extra), gateway.client() as client:
                client.hello()
                reply = client.deliver(message("x@plain.example", extra=extra), reverse_path)
                self.assert_status(reply, "250 2.0.0")
                file = SpoolFile(self.shelf(gateway)[reply.text.split()[-1]])
                self.assertEqual((file["may_notify"], file["is_list"]), expected)

    def test_while_it_is_there_it_answers_and_nothing_is_kept(self):
        sink = self.open(Sink())
        gateway = self.gateway(sink.url)
        self.assertRegex(self.deliver(gateway).text, "Delivered, ref")
        for stage, answer in (("dot", "452 4.2.2 full"), ("dot", "550 5.7.1 no"), ("data", "451 4.3.0 later")):
            sink.answers = {stage: answer}
            self.assertEqual(self.deliver(gateway).code, int(answer[:3]), stage)
        for answer in ("450 4.2.1 later", "550 5.1.1 unknown"):
            sink.answers = {"rcpt": answer}
            with gateway.client() as client:
                client.hello()
                client.command("MAIL FROM:<x@plain.example>")
                self.assertEqual(client.command("RCPT TO:<bob@example.org>").code, int(answer[:3]))
        self.assertEqual(self.shelf(gateway), {})

    def test_a_connection_that_breaks_at_any_moment_makes_the_spool_stand_in(self):
        for stage in ("connect", "ehlo", "mail", "rcpt", "data", "dot"):
            with self.subTest(stage=stage):
                sink = self.open(Sink({stage: CLOSE}))
                gateway = self.gateway(sink.url)
                reply = self.deliver(gateway, recipients=["bob@example.org", "eve@example.org"])
                self.assertRegex(reply.text, "^2.0.0 Queued, ref")
                self.assertEqual(self.only(gateway)["to"], "<bob@example.org> | <eve@example.org>")

    def test_what_was_kept_is_there_after_a_kill(self):
        gateway = self.gateway()
        names = {self.deliver(gateway).text.split()[-1] for _ in range(5)}
        gateway.process.end(signal.SIGKILL)
        before = {name: path.read_bytes() for name, path in self.shelf(gateway).items()}
        self.assertEqual(set(before), names)
        (gateway.folder / "state" / "spool" / "tmp" / "half").write_bytes(b"gatepost-spool 1\n")
        self.restart(gateway)
        gateway.logged(r"spool state=swept files=1")
        gateway.logged(r"spool state=open messages=5")
        for name, octets in before.items():
            self.assertTrue(self.shelf(gateway)[name].read_bytes().startswith(octets))

    def test_systemd_is_asked_for_time_while_a_long_queue_is_read(self):
        gateway = self.gateway()
        self.deliver(gateway)
        gateway.stop()
        gateway.notifications.close()
        (gateway.folder / "notify").unlink()
        gateway.notifications = harness.Notifications(gateway.folder / "notify")
        gateway.process = gateway.launch()
        gateway.notified("EXTEND_TIMEOUT_USEC=60000000")
        gateway.notified("READY=1")

    def test_another_state_is_warned_of_and_used_after_a_restart(self):
        gateway = self.gateway()
        gateway.configure(state="other", downstream={"spool": self.MODE})
        gateway.signal(signal.SIGHUP)
        line = harness.fields_of(gateway.logged("config problem=.*state: "))
        self.assertRegex(line["problem"], "before a restart the spool stays in .*/state, and .* looks in vain in .*/other")
        name = self.deliver(gateway).text.split()[-1]
        self.assertEqual(set(self.shelf(gateway)), {name})


class Room(SpoolCase):
    def test_no_room_is_said_at_once(self):
        gateway = self.gateway(queue={"messages": 1})
        self.assert_status(self.deliver(gateway), "250 2.0.0")
        with gateway.client() as client:
            client.hello()
            self.assert_status(client.command("MAIL FROM:<x@plain.example>"), "250 2.1.0")
            self.assert_status(client.command("RCPT TO:<bob@example.org>"), "452 4.3.1")
        gateway.logged("spool state=full limit=queue.messages")
        always = self.gateway(mode="always", queue={"size": "1MiB"})
        with always.client() as client:
            client.hello()
            self.assert_status(client.command("MAIL FROM:<x@plain.example> SIZE=2000000"), "452 4.3.1")
            self.assert_status(client.command("MAIL FROM:<x@plain.example> SIZE=1000"), "250 2.1.0")

    def test_a_disk_that_is_full_costs_a_452_and_leaves_nothing(self):
        gateway = self.gateway(files_limit=100_000, limits={"memory_per_message": "1MiB"})
        large = message("x@plain.example", body="line\r\n" * 50_000)
        self.assert_status(self.deliver(gateway, large), "452 4.3.1")
        self.assertEqual({**self.shelf(gateway), **self.shelf(gateway, "tmp")}, {})
        gateway.logged("spool id=.* at=commit why=\"File too large\"")
        self.assert_status(self.deliver(gateway), "250 2.0.0")


class Always(SpoolCase):
    MODE = "always"

    def test_it_is_on_disk_before_the_sender_hears_of_it(self):
        sink = self.open(Sink())
        gateway = self.gateway(sink.url)
        sink.answers = {"data": "451 4.3.0 not now"}
        reply = self.deliver(gateway)
        self.assertRegex(reply.text, "^2.0.0 Queued, ref")
        self.assertEqual(SpoolFile(self.shelf(gateway)[reply.text.split()[-1]])["to"], "<bob@example.org>")

    def test_recipients_are_verified(self):
        sink = self.open(Sink({"rcpt": ["550 5.1.1 unknown", "250 2.1.5 Ok"]}))
        gateway = self.gateway(sink.url)
        with gateway.client() as client:
            client.hello()
            client.command("MAIL FROM:<x@plain.example>")
            self.assert_status(client.command("RCPT TO:<nobody@example.org>"), "550 5.1.1")
            self.assert_status(client.command("RCPT TO:<bob@example.org>"), "250 2.1.5")

    def test_while_nobody_is_there_it_is_kept_too(self):
        gateway = self.gateway()
        self.assertRegex(self.deliver(gateway).text, "^2.0.0 Queued, ref")
        self.assertEqual(self.only(gateway)["from"], "<x@plain.example>")


class Folder(SpoolCase):
    def test_a_second_process_is_told_and_the_first_goes_on(self):
        gateway = self.gateway()
        second = self.gateway(listening=False, state=str(gateway.folder / "state"))
        ended = subprocess.run([program(), "serve", "--config", str(second.file)], capture_output=True,
                               timeout=harness.PATIENCE, check=False)
        self.assertEqual(ended.returncode, os.EX_CANTCREAT)
        self.assertIn(f"{gateway.folder}/state/spool is in use by another gatepost "
                      f"(process {gateway.process.popen.pid}); end that one first", ended.stderr.decode())
        self.assert_status(self.deliver(gateway), "250 2.0.0")

    def test_a_lock_that_is_held_for_a_moment_delays_the_start(self):
        gateway = self.gateway()
        gateway.stop()
        with open(gateway.folder / "state" / "spool" / "lock", "rb") as lock:  # as `gatepost queue hold` has it
            fcntl.flock(lock, fcntl.LOCK_EX)
            opener = threading.Timer(0.5, fcntl.flock, (lock, fcntl.LOCK_UN))
            opener.start()
            gateway.notifications.close()
            (gateway.folder / "notify").unlink(missing_ok=True)
            gateway.start()
            opener.join()
        self.assert_status(self.deliver(gateway), "250 2.0.0")

    def test_a_lock_that_nobody_holds_is_no_obstacle(self):
        gateway = self.gateway(listening=False)
        folder = gateway.folder / "state" / "spool"
        folder.mkdir(parents=True)
        (folder / "lock").write_text("1\n", encoding="ascii")
        gateway.start()
        self.assertEqual((folder / "lock").read_text(), f"{gateway.process.popen.pid}\n")

    def test_a_folder_that_cannot_be_used_is_told_at_the_start(self):
        gateway = self.gateway(listening=False)
        (gateway.folder / "state").mkdir()
        (gateway.folder / "state" / "spool").write_text("not a folder", encoding="ascii")
        ended = subprocess.run([program(), "serve", "--config", str(gateway.file)], capture_output=True,
                               timeout=harness.PATIENCE, check=False)
        self.assertEqual(ended.returncode, os.EX_CANTCREAT)
        self.assertIn("state/spool: Not a directory; gatepost must be able to write there", ended.stderr.decode())

    def test_what_is_damaged_or_foreign_is_set_aside_and_the_rest_goes_on(self):
        gateway = self.gateway()
        names = [self.deliver(gateway).text.split()[-1] for _ in range(3)]
        gateway.stop()
        damaged = self.shelf(gateway)[names[0]]
        damaged.write_bytes(damaged.read_bytes().replace(b"Hello.", b"Hellp."))
        torn = self.shelf(gateway)[names[1]]
        torn.write_bytes(torn.read_bytes()[:700])
        (torn.parent / "notes.txt").write_text("mine", encoding="ascii")
        self.restart(gateway)
        gateway.logged(r"spool state=open messages=1")
        self.assertEqual(set(self.shelf(gateway, "corrupt")), {names[0], names[1], "notes.txt"})
        self.assertEqual(set(self.shelf(gateway)), {names[2]})
        gateway.logged(f"state=\"set aside\" file=queue/{names[0]} why=\"damaged")
        self.assert_status(self.deliver(gateway), "250 2.0.0")

    def test_nothing_is_made_where_nothing_is_kept(self):
        gateway = self.open(Gateway("maildir://mail", self.dns.address))
        self.assertFalse((gateway.folder / "state" / "spool").exists())


if __name__ == "__main__":
    unittest.main()
