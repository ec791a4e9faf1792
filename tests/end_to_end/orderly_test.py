#!/usr/bin/python3
"""Orderly change: what runs is finished, nobody is refused, and what is known is kept. Restarts under load over a
socket that somebody else holds, as systemd does; reloads of the configuration and of certificates under load."""
import itertools
import os
import re
import signal
import socket
import ssl
import tempfile
import threading
import time

import harness
import hostile_dns
from harness import Dns, Gateway, Sink, make_certificate, message

CLIENTS = 6
RESTARTS, RELOADS = 8, 16


class Load:
    """Clients that deliver one message after the other, on connections of one to three messages each. A 421 between
    two transactions is no loss: the client comes again. All else that goes wrong is noted."""

    numbers = itertools.count()

    def __init__(self, port, context=None):
        self.port, self.context = port, context
        self.accepted, self.tried, self.refused, self.dropped, self.farewells = [], 0, [], [], 0
        self.lock = threading.Lock()
        self.is_over = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(number,), daemon=True) for number in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        while not self.is_over.is_set():
            try:
                client = harness.Client(self.port, source=f"127.0.0.{10 + number}", greeted=False)
            except OSError as error:
                with self.lock:
                    self.refused.append(repr(error))
                continue
            with client:
                self.converse(client, 1 + number % 3)

    def converse(self, client, messages):
        has_begun = False  # a transaction: from the 250 to MAIL to the answer to the content
        try:
            if self.is_farewell(client.reply()):
                return
            if self.is_farewell(client.command("EHLO client.example")):
                return
            if self.context:
                if self.is_farewell(client.command("STARTTLS")):
                    return
                client.sock = self.context.wrap_socket(client.sock, server_hostname="mx.example.org")
                if self.is_farewell(client.command("EHLO client.example")):
                    return
            for _ in range(messages):
                identity = f"id-{next(self.numbers)}"
                if self.is_farewell(client.command("MAIL FROM:<x@plain.example>")):
                    return
                has_begun = True
                with self.lock:
                    self.tried += 1
                for command, code in (("RCPT TO:<bob@example.org>", 250), ("DATA", 354)):
                    reply = client.command(command)
                    if reply.code != code:
                        raise AssertionError(f"{command}: {reply}")
                content = message("x@plain.example", subject=identity)
                client.send(content[:60])
                time.sleep(0.002)  # so that some transactions are in their middle whenever something happens
                client.send(content[60:] + b".\r\n")
                reply = client.reply()
                if reply.code != 250:
                    raise AssertionError(f"content: {reply}")
                with self.lock:
                    self.accepted.append(identity)
                has_begun = False
            client.command("QUIT")
        except (OSError, EOFError, AssertionError) as error:
            with self.lock:
                self.dropped.append(f"{'in' if has_begun else 'outside'} a transaction: {error!r}")

    def is_farewell(self, reply):
        if reply.code != 421:
            return False
        with self.lock:
            self.farewells += 1
        return True

    def wait_for_more(self, count=25):
        wanted = len(self.accepted) + count
        harness.poll(lambda: len(self.accepted) >= wanted or self.dropped or self.refused, "messages under load")

    def end(self):
        self.is_over.set()
        for thread in self.threads:
            thread.join(harness.PATIENCE)

    def __str__(self):
        return (f"{len(self.accepted)} of {self.tried} messages taken, {self.farewells} times 421 and come again, "
                f"{len(self.refused)} refused, {len(self.dropped)} dropped")


class OrderlyCase(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dns = cls.open_for_all(Dns({"plain.example": ["A 127.0.0.1"]}))

    def setUp(self):
        self.sink = self.open(Sink())
        folder = tempfile.TemporaryDirectory(prefix="gatepost-orderly-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def under_load(self, gateway, what, context=None):
        """Runs `what` while clients deliver, and checks the ledger."""
        load = Load(gateway.port, context)
        try:
            what(load)
        finally:
            load.end()
        print(f"\n  {self.id().rsplit('.', 1)[1]}: {load}")
        self.assertEqual((load.refused, load.dropped), ([], []), gateway.log()[-3000:])
        queue = gateway.folder / "state/spool/queue"
        harness.poll(lambda: not list(queue.glob("*")), "nothing is left in the queue")
        delivered = [re.search(rb"Subject: (\S+)", each.content)[1].decode() for each in self.sink.messages]
        self.assertEqual(sorted(delivered), sorted(load.accepted), "each 250 is delivered, and once")
        return load

    def tls(self):
        certificate, key = make_certificate(self.folder, "mx.example.org")
        return {"certificate": str(certificate), "key": str(key)}


class Restart(OrderlyCase):
    """With somebody who holds the listening socket over all restarts."""

    def setUp(self):
        super().setUp()
        self.listener = self.open(socket.create_server(("127.0.0.1", 0), backlog=512))
        self.port = self.listener.getsockname()[1]
        self.gateway = self.open(Gateway(self.sink.url, self.dns.address, listening=False,
                                         listeners=[{"address": f"127.0.0.1:{self.port}"}]))
        self.gateway.port = self.port
        self.notifications = self.gateway.notifications = harness.Notifications(self.gateway.folder / "notify")
        self.statuses = []

    def launch(self):
        """As sd_listen_fds(3) has it: descriptor 3, for the process of that number."""
        environment = {key: value for key, value in os.environ.items() if key != "JOURNAL_STREAM"}
        environment.update(LISTEN_FDS="1", NOTIFY_SOCKET=str(self.gateway.folder / "notify"))
        number = self.listener.fileno()
        self.gateway.process = harness.Process(
            ["/bin/sh", "-c", 'export LISTEN_PID=$$; exec "$@"', "sh", harness.program(), "serve", "--config",
             str(self.gateway.file)], self.gateway.folder, "gatepost", env=environment, pass_fds=(3,),
            preexec_fn=lambda: os.dup2(number, 3))
        self.gateway.notified("READY=1")

    def restart(self):
        self.gateway.signal(signal.SIGTERM)
        self.statuses.append(self.gateway.process.wait())
        self.launch()

    def is_restarted_under_load(self):
        self.launch()

        def restarts(load):
            for _ in range(RESTARTS):
                load.wait_for_more()
                self.restart()
            load.wait_for_more()
        self.under_load(self.gateway, restarts)
        self.assertEqual(self.statuses, [0] * RESTARTS)
        self.assertEqual(len(re.findall("stop state=done cut_off=0", self.gateway.log())), RESTARTS)

    def test_under_load_loses_nobody(self):
        self.is_restarted_under_load()

    def test_under_load_with_a_spool_loses_nobody(self):
        listeners = [{"address": f"127.0.0.1:{self.port}"}]
        self.gateway.configure(listeners=listeners, downstream={"spool": "always"})
        self.is_restarted_under_load()

    def test_who_was_not_accepted_yet_is_served_by_the_next_one(self):
        self.gateway.configure(limits={"sessions_per_client": 500})
        self.launch()
        self.gateway.signal(signal.SIGSTOP)  # so that they pile up in the socket
        clients = [self.open(harness.Client(self.port, greeted=False)) for _ in range(300)]
        self.gateway.signal(signal.SIGTERM)
        self.gateway.signal(signal.SIGCONT)
        self.assertEqual(self.gateway.process.wait(), 0, self.gateway.log())
        self.launch()
        served = 0
        for client in clients:
            reply = client.reply()  # a reset is an exception
            if reply.code == 220:
                reply = client.command("NOOP")
                served += reply.code == 250
            self.assertIn(reply.status, ("250 2.0.0", "421 4.3.2"))
        print(f"\n  {served} of {len(clients)} clients were served by the next process, the others were told 421")
        self.assertGreater(served, 0)

    def test_clients_wait_for_the_next_one(self):
        self.launch()
        with self.gateway.client() as served:
            self.gateway.signal(signal.SIGTERM)
            self.assert_status(served.reply(), "421 4.3.2")
        self.assertEqual(self.gateway.process.wait(), 0)
        with harness.Client(self.port, greeted=False) as waiting:  # in the backlog of the socket that is still held
            self.launch()
            self.assertEqual(waiting.reply().code, 220)


class Stop(OrderlyCase):
    def test_who_was_let_in_hears_why_he_has_to_go(self):
        """Connections that the kernel had taken when the end came: served, or told 421; never reset."""
        for _ in range(5):
            gateway = self.open(Gateway(self.sink.url, self.dns.address, limits={"sessions_per_client": 200}))
            outcomes, clients = [], []
            gateway.signal(signal.SIGSTOP)  # so that they pile up
            for _ in range(40):
                clients.append(self.open(harness.Client(gateway.port, greeted=False)))
            gateway.signal(signal.SIGTERM)
            gateway.signal(signal.SIGCONT)
            for client in clients:
                outcomes.append(client.reply().code)  # a reset is an exception
                self.assertIn(outcomes[-1], (220, 421))
                if outcomes[-1] == 220:
                    self.assert_status(client.reply(), "421 4.3.2")
            self.assertEqual(gateway.process.wait(), 0, gateway.log())
            gateway.logged("stop state=done cut_off=0")

    def test_a_client_behind_a_proxy_is_waited_for(self):
        gateway = self.open(Gateway(self.sink.url, self.dns.address, listening=False))
        gateway.configure(listeners=[{"address": f"127.0.0.1:{gateway.port}", "proxy_protocol": {"from": ["127.0.0.0/8"]}}])
        gateway.start()
        client = self.open(gateway.client(greeted=False))
        client.send("PROXY TCP4 192.0.2.1 ")
        time.sleep(0.2)
        gateway.signal(signal.SIGTERM)
        gateway.logged("stop state=draining")
        client.send("127.0.0.1 4711 25\r\n")
        self.assert_status(client.reply(), "421 4.3.2")
        self.assertEqual(gateway.process.wait(), 0, gateway.log())

    def test_the_downstream_hears_quit(self):
        gateway = self.open(Gateway(self.sink.url, self.dns.address))
        with gateway.client() as client:
            client.hello()
            client.deliver(message("x@plain.example"), "x@plain.example")
        gateway.stop()
        last = {}
        for number, line in self.sink.commands:
            last[number] = line
        self.assertEqual(set(last.values()), {"QUIT"}, self.sink.commands)


class Reload(OrderlyCase):
    def test_of_the_configuration_under_load(self):
        self.is_reloaded_under_load("never")

    def test_of_the_configuration_under_load_with_a_spool(self):
        self.is_reloaded_under_load("always")

    def is_reloaded_under_load(self, spool):
        gateway = self.open(Gateway(self.sink.url, self.dns.address, downstream={"spool": spool}))

        def reloads(load):
            for number in range(RELOADS):
                changes = ({}, {"limits": {"downstream_timeout": "1m"}}, {"policy": {"enforce": "observe"}},
                           {"dns": {"tries": 3}})[number % 4]
                gateway.configure(**changes, downstream={"spool": spool})
                gateway.signal(signal.SIGHUP)
                harness.poll(lambda: len(re.findall("reload .*state=done", gateway.log())) > number, "a reload")
                load.wait_for_more(10)
        self.under_load(gateway, reloads)

    def test_of_certificates_under_load(self):
        identity = self.tls()
        gateway = self.open(Gateway(self.sink.url, self.dns.address, tls=identity))

        def renewals(load):
            for number in range(RELOADS):
                make_certificate(self.folder, "mx.example.org")
                gateway.signal(signal.SIGHUP)
                harness.poll(lambda: len(re.findall("reload .*state=done", gateway.log())) > number, "a reload")
                load.wait_for_more(10)
        self.under_load(gateway, renewals, harness.tls_client())

    def test_of_a_bad_file_under_load(self):
        gateway = self.open(Gateway(self.sink.url, self.dns.address))

        def failures(load):
            for number in range(RELOADS):
                gateway.file.write_text("lisners: []", encoding="utf-8")
                gateway.signal(signal.SIGHUP)
                harness.poll(lambda: len(re.findall("reload .*state=refused", gateway.log())) > number, "a refusal")
                load.wait_for_more(5)
        self.under_load(gateway, failures)


class Kept(OrderlyCase):
    """What a reload does not touch."""

    def setUp(self):
        super().setUp()
        self.zone = self.open(hostile_dns.HostileDns({"plain.example": ["A 127.0.0.1", "TXT v=spf1 ip4:127.0.0.1 -all"]}))

    def gateway(self, **changes):
        return self.open(Gateway(self.sink.url, self.zone.address, workers=1, **changes))

    def deliver(self, gateway):
        with gateway.client() as client:
            client.hello()
            self.assert_status(client.deliver(message("x@plain.example"), "x@plain.example"), "250 2.0.0")

    def reload(self, gateway, **changes):
        before = len(re.findall("reload .*state=done", gateway.log()))
        gateway.configure(workers=1, **changes)
        gateway.signal(signal.SIGHUP)
        harness.poll(lambda: len(re.findall("reload .*state=done", gateway.log())) > before, "a reload")

    def test_the_dns_and_the_downstream_are_remembered(self):
        gateway = self.gateway()
        self.deliver(gateway)
        asked, connections = len(self.zone.asked), len(self.sink.connections)
        self.assertGreater(asked, 0)
        self.reload(gateway, policy={"enforce": "policy"}, domains=["example.org", "new.example"])
        self.deliver(gateway)
        self.assertEqual(len(self.zone.asked), asked, self.zone.asked[asked:])
        self.assertEqual(len(self.sink.connections), connections, "the kept connection serves on")
        self.assertFalse([line for _, line in self.sink.commands if line == "QUIT"])

    def test_unless_their_settings_change(self):
        gateway = self.gateway()
        self.deliver(gateway)
        asked, connections = len(self.zone.asked), len(self.sink.connections)
        self.reload(gateway, dns={"tries": 3})
        self.deliver(gateway)
        self.assertGreater(len(self.zone.asked), asked)
        self.assertGreater(len(self.sink.connections), connections)
        harness.poll(lambda: any(line == "QUIT" for _, line in self.sink.commands), "QUIT on the old connection")

    def test_the_file_of_recipients_is_read_anew(self):
        """Though the relay that asks it is kept; and it is still watched after that."""
        gateway = self.gateway(listening=False)
        file = gateway.folder / "recipients"
        file.write_text("bob@example.org\n", encoding="utf-8")
        recipients = {"file": str(file)}
        gateway.configure(workers=1, recipients=recipients)
        gateway.start()
        self.deliver(gateway)

        def status_of(recipient):
            with gateway.client() as client:
                client.hello()
                client.command("MAIL FROM:<x@plain.example>")
                return client.command(f"RCPT TO:<{recipient}>").code
        self.assertEqual(status_of("eve@example.org"), 550)
        file.write_text("bob@example.org\neve@example.org\n", encoding="utf-8")
        self.reload(gateway, recipients=recipients)
        harness.poll(lambda: status_of("eve@example.org") == 250, "the new list")
        self.assertNotIn(" recipients state=read", gateway.log(), "not the look at changed files, but the reload")
        file.write_text("bob@example.org\n", encoding="utf-8")
        harness.poll(lambda: status_of("eve@example.org") == 550, "the list after that")

    def resumes(self, gateway, session):
        """A session ticket, and whether the one given was taken."""
        context = harness.tls_client(ssl.TLSVersion.TLSv1_2)
        if session:
            context = session[0]
        client = self.open(gateway.client())
        client.hello()
        self.assertEqual(client.command("STARTTLS").code, 220)
        client.sock = context.wrap_socket(client.sock, server_hostname="mx.example.org", session=session and session[1])
        client.hello()
        return client.sock.session_reused, (context, client.sock.session)

    def test_tickets_are_good_as_long_as_the_certificate(self):
        identity = self.tls()
        gateway = self.gateway(tls=identity)
        is_resumed, session = self.resumes(gateway, None)
        self.assertFalse(is_resumed)
        self.reload(gateway, tls=identity, domains=["example.org", "new.example"])
        is_resumed, _ = self.resumes(gateway, session)
        self.assertTrue(is_resumed, "a reload that does not concern certificates")
        make_certificate(self.folder, "mx.example.org")
        self.reload(gateway, tls=identity)
        is_resumed, _ = self.resumes(gateway, session)
        self.assertFalse(is_resumed, "another certificate")

    def test_a_renewed_certificate_drops_nothing_else(self):
        identity = self.tls()
        gateway = self.gateway(tls=identity)
        self.deliver(gateway)
        asked, connections = len(self.zone.asked), len(self.sink.connections)
        renewed, _ = make_certificate(self.folder, "mx.example.org")
        gateway.logged("certificate state=reloaded")
        with gateway.client() as client:
            client.hello()
            client.starttls(harness.tls_client())
            self.assertEqual(client.sock.getpeercert(binary_form=True), ssl.PEM_cert_to_DER_cert(renewed.read_text()))
        self.deliver(gateway)
        self.assertEqual(len(self.zone.asked), asked, self.zone.asked[asked:])
        self.assertEqual(len(self.sink.connections), connections)

    def test_a_session_takes_the_renewed_certificate(self):
        """Also one that began before: STARTTLS is a handshake like others."""
        identity = self.tls()
        gateway = self.gateway(tls=identity)
        client = self.open(gateway.client())
        client.hello()
        renewed, _ = make_certificate(self.folder, "mx.example.org")
        gateway.logged("certificate state=reloaded")
        client.starttls(harness.tls_client())
        self.assertEqual(client.sock.getpeercert(binary_form=True), ssl.PEM_cert_to_DER_cert(renewed.read_text()))


if __name__ == "__main__":
    harness.main()
