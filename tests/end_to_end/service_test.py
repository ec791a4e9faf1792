#!/usr/bin/python3
"""`gatepost serve` as a service: configuration, signals, systemd, a lack of ports and of room."""
import os
import re
import signal
import socket
import tempfile
from pathlib import Path

import harness
from harness import Dns, Gateway, Sink, make_certificate, message

PLAIN = message("x@plain.example")
EX_UNAVAILABLE, EX_CONFIG = 69, 78


class ServiceCase(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dns = cls.open_for_all(Dns({"plain.example": ["A 127.0.0.1"]}))

    def gateway(self, *arguments, **changes):
        return self.open(Gateway(*(arguments or ("maildir://mail", self.dns.address)), **changes))

    def deliver(self, gateway, **envelope):
        with gateway.client() as client:
            client.hello()
            return client.deliver(PLAIN, "x@plain.example", **envelope)


class Configuration(ServiceCase):
    """Every problem stops the start and `check`, and is told with its place and what would be right."""

    def setUp(self):
        self.folder = Path(self.open_folder())
        self.certificate, self.key = make_certificate(self.folder, "mx.example.org")
        self.other_certificate, self.other_key = make_certificate(self.folder, "mx.example.net")

    def open_folder(self):
        folder = tempfile.TemporaryDirectory(prefix="gatepost-config-")
        self.addCleanup(folder.cleanup)
        return folder.name

    def result(self, command, text, **options):
        file = self.folder / "gatepost.yaml"
        file.write_text(text, encoding="utf-8")
        done = harness.run(command, "--config", str(file), **options)
        return done.returncode, (done.stdout + done.stderr).decode().replace(str(self.folder), "")

    def good(self, **parts):
        base = {"listeners": '[{address: "127.0.0.1:0"}]', "domains": "[example.org]",
                "downstream": '{servers: ["maildir://mail"]}', "state": "state", "hostname": "mx.example.org"}
        return "".join(f"{key}: {value}\n" for key, value in {**base, **parts}.items())

    def test_says_that_all_is_good(self):
        for reason, text in (("with TLS", self.good(tls="{certificate: mx.example.org.pem, key: mx.example.org.key}")),
                             ("without", self.good())):
            with self.subTest(reason):
                status, output = self.result("check", text)
                self.assertEqual(status, 0, output)
                self.assertIn("/gatepost.yaml: good", output)
                self.assertEqual("warning: tls is missing" in output, reason == "without")

    def test_says_what_is_wrong_and_where(self):
        text_file = self.folder / "text.pem"
        text_file.write_text("no certificate", encoding="utf-8")
        tls = "{{certificate: {}, key: {}}}".format
        cases = [
            ("an unknown key", self.good() + "lisners: []\n", [r"yaml:6:1: error: .*lisners", r"listeners"]),
            ("a key of another place", self.good(policy="{message_size: 5MiB}"), [r":6:10: error: .*message_size"]),
            ("a unit that is none", self.good(limits="{message_size: 50MB}"), [r"error: message_size must be a size such as"]),
            ("two problems", self.good(domains="[]", hostname="mx"), [r"domains", r"hostname"]),
            ("no YAML", "a: [", [r"not valid YAML"]),
            ("no certificate file", self.good(tls=tls("nowhere.pem", "mx.example.org.key")),
             [r"yaml:6:\d+: error: certificate /nowhere\.pem .*no such file"]),
            ("no PEM", self.good(tls=tls("text.pem", "mx.example.org.key")), [r"certificate /text\.pem cannot be loaded"]),
            ("a key that is another's", self.good(tls=tls("mx.example.org.pem", "mx.example.net.key")),
             [r"key /mx\.example\.net\.key cannot be loaded.*mismatch"]),
        ]
        for reason, text, patterns in cases:
            for command in ("check", "serve"):
                with self.subTest(reason, command=command):
                    status, output = self.result(command, text)
                    self.assertEqual(status, EX_CONFIG, output)
                    for pattern in patterns:
                        self.assertRegex(output, pattern)

    def test_a_certificate_that_may_not_be_read(self):
        user = os.getuid() or 65534  # root reads everything
        if user != os.getuid():
            for path in (self.folder, self.key):
                os.chown(path, user, -1)
        self.certificate.chmod(0)
        text = self.good(tls="{certificate: mx.example.org.pem, key: mx.example.org.key}")
        status, output = self.result("check", text, user=user)
        self.assertEqual(status, EX_CONFIG)
        self.assertRegex(output, r"certificate /mx\.example\.org\.pem .*Permission denied")

    def test_a_file_that_is_not_there(self):
        done = harness.run("serve", "--config", str(self.folder / "nowhere.yaml"))
        self.assertEqual(done.returncode, EX_CONFIG)
        self.assertIn(b"cannot be read: No such file or directory; name the file with --config or GATEPOST_CONFIG", done.stderr)

    def test_the_environment_names_the_file(self):
        file = self.folder / "else.yaml"
        file.write_text(self.good(), encoding="utf-8")
        done = harness.run("check", environment={"GATEPOST_CONFIG": str(file)})
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_a_folder_that_cannot_be_written(self):
        (self.folder / "file").write_text("", encoding="utf-8")
        for reason, parts, pattern in (
                ("the Maildir", {"downstream": '{servers: ["maildir://file/mail"]}'}, r"yaml:3:\d+: error: maildir /file/mail"),
                ("the buffer folder", {"state": "file/state"}, r"error: state: /file/state: Not a directory.*large messages")):
            with self.subTest(reason):
                status, output = self.result("serve", self.good(**parts))
                self.assertEqual(status, EX_CONFIG, output)
                self.assertRegex(output, pattern)

    def test_usage_errors(self):
        for arguments in ((), ("nonsense",), ("serve", "--nonsense"), ("check", "extra")):
            with self.subTest(arguments):
                self.assertEqual(harness.run(*arguments).returncode, 64)


class Ports(ServiceCase):
    def test_a_port_that_is_in_use(self):
        gateway = self.gateway(listening=False)
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            gateway.configure(listeners=[{"address": f"127.0.0.1:{port}"}])
            process = gateway.launch()
            self.assertEqual(process.wait(), EX_UNAVAILABLE)
            self.assertRegex(process.text(), rf"yaml:\d+:\d+: error: cannot listen on 127\.0\.0\.1:{port}: "
                                             r"Address already in use; .*ss -ltnp")

    def test_a_port_that_another_gatepost_has(self):
        gateway = self.gateway()
        second = harness.Process([harness.program(), "serve", "--config", str(gateway.file)], gateway.folder, "second")
        self.assertEqual(second.wait(), EX_UNAVAILABLE, second.text())
        self.assertIn("Address already in use", second.text())
        self.assert_status(self.deliver(gateway), "250 2.0.0")

    def test_an_address_that_this_machine_has_not(self):
        gateway = self.gateway(listening=False, listeners=[{"address": "192.0.2.1:2525"}])
        process = gateway.launch()
        self.assertEqual(process.wait(), EX_UNAVAILABLE)
        self.assertIn("this machine has no such address", process.text())

    def test_listens_on_several_addresses(self):
        gateway = self.gateway(listening=False)
        listeners = [{"address": f"127.0.0.{last}:{gateway.port}"} for last in (1, 2)]
        gateway.configure(listeners=listeners)
        gateway.start()
        for address in ("127.0.0.1", "127.0.0.2"):
            with harness.Client(gateway.port, address=address) as client:
                self.assertEqual(client.greeting.code, 220)


class Systemd(ServiceCase):
    def test_says_when_it_is_ready_and_when_it_stops(self):
        gateway = self.gateway()  # has waited for READY=1
        self.assert_status(self.deliver(gateway), "250 2.0.0")
        gateway.signal(signal.SIGTERM)
        gateway.notified("STOPPING=1")

    def test_shows_signs_of_life(self):
        gateway = self.gateway(environment={"WATCHDOG_USEC": "200000"})
        for _ in range(3):
            gateway.notified("WATCHDOG=1")

    def test_takes_the_socket_that_systemd_hands_over(self):
        tool = harness.need("systemd-socket-activate")
        gateway = self.gateway(listening=False, listeners=[{"address": "192.0.2.1:25"}])  # not this one
        names = [argument for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS") if name in os.environ for argument in ("-E", name)]
        gateway.arguments = [tool, *names, "-E", "NOTIFY_SOCKET", "-l", f"127.0.0.1:{gateway.port}"]
        gateway.process = gateway.launch()

        def connected():
            try:
                return gateway.client(greeted=False)
            except ConnectionRefusedError:
                return None
        client = self.open(harness.poll(connected, "systemd-socket-activate listens"))
        self.assertEqual(client.reply().code, 220)
        client.hello()
        self.assert_status(client.deliver(PLAIN, "x@plain.example"), "250 2.0.0")
        self.assertEqual(len(gateway.mail()), 1)


class Signals(ServiceCase):
    def test_sigterm_lets_idle_clients_go_and_running_transactions_finish(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                gateway = self.gateway()
                idle, greeted, busy = (self.open(gateway.client()) for _ in range(3))
                greeted.hello()
                busy.hello()
                busy.begin("x@plain.example")
                busy.send(PLAIN[:20])
                gateway.signal(number)
                for client in (idle, greeted):
                    self.assert_status(client.reply(), "421 4.3.2")
                    self.assertEqual(client.rest(), b"")
                with self.assertRaises(OSError):
                    harness.poll(lambda: gateway.client(greeted=False).close(), "the refusal of new clients", 5)
                self.assertIsNone(gateway.process.popen.poll())
                busy.send(PLAIN[20:] + b".\r\n")
                self.assert_status(busy.reply(), "250 2.0.0")
                self.assert_status(busy.reply(), "421 4.3.2")
                self.assertEqual(busy.rest(), b"")
                self.assertEqual(gateway.process.wait(), 0, gateway.log())
                self.assertEqual(len(gateway.mail()), 1)
                gateway.logged("stop state=done cut_off=0")

    def test_sigterm_waits_no_longer_than_it_was_told(self):
        gateway = self.gateway(limits={"drain_timeout": "1s"})
        client = self.open(gateway.client())
        client.hello()
        client.begin("x@plain.example")
        gateway.signal(signal.SIGTERM)
        self.assertEqual(gateway.process.wait(10), 0, gateway.log())
        gateway.logged("stop state=done cut_off=1")
        self.assertEqual(gateway.mail(), [])

    def test_sigterm_while_the_downstream_thinks(self):
        sink = self.open(Sink({"dot": harness.SILENT}))
        gateway = self.gateway(sink.url, self.dns.address, limits={"drain_timeout": "10s", "downstream_timeout": "2s"})
        client = self.open(gateway.client())
        client.hello()
        client.begin("x@plain.example")
        client.send(PLAIN + b".\r\n")
        harness.poll(lambda: sink.messages, "the message at the downstream")
        gateway.signal(signal.SIGTERM)
        self.assert_status(client.reply(), "451 4.4.2")
        self.assertEqual(gateway.process.wait(10), 0, gateway.log())

    def test_sighup_takes_a_good_file(self):
        gateway = self.gateway()
        old = self.open(gateway.client())
        old.hello()
        gateway.configure(domains=["example.org", "new.example"])
        gateway.signal(signal.SIGHUP)
        gateway.logged(r"reload .*state=done")
        gateway.notified("READY=1")
        self.assert_status(self.deliver(gateway, recipients=("bob@new.example",)), "250 2.0.0")
        # A session keeps what it began with.
        old.command("MAIL FROM:<x@plain.example>")
        self.assert_status(old.command("RCPT TO:<bob@new.example>"), "550 5.7.1")
        self.assert_status(old.command("RCPT TO:<bob@example.net>"), "250 2.1.5")

    def test_sighup_leaves_the_running_one_where_the_file_is_bad(self):
        gateway = self.gateway()
        for reason, text, logged in (("an unknown key", "lisners: []", r"config .*problem=.*lisners"),
                                     ("no YAML", "a: [", r"config .*problem=.*not valid YAML")):
            with self.subTest(reason):
                gateway.file.write_text(text, encoding="utf-8")
                gateway.signal(signal.SIGHUP)
                gateway.logged(logged)
                gateway.logged(r'reload .*state=refused why="the running configuration stays"')
                self.assert_status(self.deliver(gateway), "250 2.0.0")
        gateway.configure(domains=["example.org", "new.example"])
        gateway.signal(signal.SIGHUP)
        gateway.logged(r"reload .*state=done")
        self.assert_status(self.deliver(gateway, recipients=("bob@new.example",)), "250 2.0.0")

    def test_sighup_takes_new_certificates(self):
        folder = tempfile.TemporaryDirectory(prefix="gatepost-tls-")
        self.addCleanup(folder.cleanup)
        certificate, key = make_certificate(folder.name, "mx.example.org")
        gateway = self.gateway(tls={"certificate": str(certificate), "key": str(key)})

        def shown():
            with gateway.client() as client:
                client.hello()
                client.starttls(harness.tls_client())
                return client.sock.getpeercert(binary_form=True)
        before = shown()
        make_certificate(folder.name, "mx.example.org")
        gateway.signal(signal.SIGHUP)
        gateway.logged(r"reload .*state=done")
        self.assertNotEqual(shown(), before)

    def test_many_reloads_under_load_lose_nothing(self):
        gateway = self.gateway()
        for number in range(20):
            with gateway.client() as client:
                client.hello()
                client.begin("x@plain.example")
                gateway.signal(signal.SIGHUP)
                client.send(PLAIN + b".\r\n")
                self.assert_status(client.reply(), "250 2.0.0")
            harness.poll(lambda: len(re.findall("reload .*state=done", gateway.log())) > number, "a reload")
        self.assertEqual(len(gateway.mail()), 20)


class Room(ServiceCase):
    def test_without_room_for_large_messages_they_are_deferred_and_small_ones_pass(self):
        sink = self.open(Sink())
        gateway = self.gateway(sink.url, self.dns.address, files_limit=64 * 1024, limits={"memory_per_message": "16KiB"})
        client = self.open(gateway.client())
        client.hello()
        self.assert_status(client.deliver(PLAIN + b"0123456789\r\n" * 20000, "x@plain.example"), "452 4.3.1")
        self.assertEqual(sink.messages, [])
        gateway.logged(r"buffer .*why=\"cannot write to the buffer file .*File too large")
        self.assert_status(client.deliver(PLAIN, "x@plain.example"), "250 2.0.0")
        self.assertEqual(len(sink.messages), 1)

    def test_without_room_in_the_maildir_mail_is_deferred(self):
        gateway = self.gateway(files_limit=64 * 1024)
        client = self.open(gateway.client())
        client.hello()
        reply = client.deliver(PLAIN + b"0123456789\r\n" * 20000, "x@plain.example")
        self.assertEqual(reply.code // 100, 4, reply)
        self.assertEqual(gateway.mail(), [])
        self.assertEqual(list((gateway.folder / "mail" / "tmp").iterdir()), [])
        self.assert_status(client.deliver(PLAIN, "x@plain.example"), "250 2.0.0")

    def test_a_buffer_folder_that_is_gone(self):
        gateway = self.gateway(limits={"memory_per_message": "16KiB"})
        (gateway.folder / "state").rmdir()
        client = self.open(gateway.client())
        client.hello()
        self.assert_status(client.deliver(PLAIN + b"0123456789\r\n" * 20000, "x@plain.example"), "452 4.3.1")
        self.assert_status(client.deliver(PLAIN, "x@plain.example"), "250 2.0.0")
        self.assertEqual(len(gateway.mail()), 1)


if __name__ == "__main__":
    harness.main()
