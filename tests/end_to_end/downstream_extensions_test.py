#!/usr/bin/python3
"""What the downstream can do, and what follows from it for clients: capabilities asked and remembered, LMTP, XCLIENT
and XFORWARD, DSN, REQUIRETLS, BINARYMIME; what it has against us."""
import pathlib
import re
import signal
import socket
import ssl
import tempfile
import time
import unittest

import harness
from harness import CLOSE, SILENT, Delivered, Dns, Gateway, Sink, make_certificate, message, poll, tls_client

PLAIN = message("x@plain.example")
ZONE = {"plain.example": ["A 127.0.0.1"], "smtp.example.org": ["A 127.0.0.1"], "client.example": ["A 127.0.0.1"],
        "1.0.0.127.in-addr.arpa": ["PTR client.example."]}


class Stub(Sink):
    """A Sink that knows LMTP, XCLIENT, XFORWARD and BDAT too, at a path if it has one. `tls_capabilities` are what it
    says inside TLS, if that is something else; each stage "dot" answers for one recipient of LMTP."""

    DEFAULT = {**Sink.DEFAULT, "xclient": "220 sink.test ESMTP", "xforward": "250 2.0.0 Ok", "bdat": "250 2.0.0 Taken"}

    def __init__(self, capabilities=("PIPELINING", "8BITMIME"), answers=None, tls=None, is_lmtp=False, path=None,
                 tls_capabilities=None):
        self.is_lmtp, self.path, self.tls_capabilities = is_lmtp, path, tls_capabilities
        super().__init__(answers, capabilities, tls)

    @property
    def url(self):
        return f"lmtp+unix://{self.path}" if self.path else f"{'lmtp' if self.is_lmtp else 'smtp'}://127.0.0.1:{self.port}"

    def listen(self):
        if not self.path:
            return super().listen()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen()
        return listener

    def lines(self, pattern=""):
        return [line for _, line in self.commands if re.match(pattern, line)]

    def say_hello(self, number):
        everywhere = self.capabilities
        if isinstance(self.connections[number], ssl.SSLSocket):
            everywhere = [each for each in self.tls_capabilities or everywhere if each != "STARTTLS"]
        lines = ["sink.test", *everywhere]
        self.answers.setdefault("hello", None)
        planned = self.answers["hello"] or "\r\n".join(f"250{' ' if at + 1 == len(lines) else '-'}{line}"
                                                       for at, line in enumerate(lines))
        self.connections[number].sendall(planned.encode() + b"\r\n")

    def talk(self, number):
        self.say(number, "connect")
        file = self.connections[number].makefile("rb")
        current = None
        while line := file.readline():
            text = line.decode("utf-8").rstrip("\r\n")
            self.commands.append((number, text))
            verb = text.split(" ")[0].lower()
            if verb in ("ehlo", "lhlo"):
                if (verb == "lhlo") == self.is_lmtp:
                    self.say_hello(number)
                else:
                    self.connections[number].sendall(b"500 5.5.1 Wrong protocol\r\n")
            elif verb == "bdat":
                current.lines.append(file.read(int(text.split(" ")[1])))
                self.messages.append(current)
                current.is_answered = self.say(number, "bdat") == "2"
            elif verb == "data":
                if self.say(number, "data") == "3":
                    self.take(number, file, current)
            elif verb == "rcpt" and not current:
                self.connections[number].sendall(b"503 5.5.1 MAIL first\r\n")
            else:
                current = current if verb == "rcpt" else None
                begun = self.say(number, verb)
                if verb == "starttls" and begun == "2":
                    self.connections[number] = self.tls.wrap_socket(self.connections[number], server_side=True)
                    file = self.connections[number].makefile("rb")
                elif verb == "mail" and begun == "2":
                    current = Delivered(number, re.search("<(.*?)>", text)[1])
                elif verb == "rcpt" and begun == "2":
                    current.recipients.append(re.search("<(.*?)>", text)[1])
                elif verb == "quit":
                    return


class ExtensionCase(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dns = cls.open_for_all(Dns(ZONE))
        folder = tempfile.TemporaryDirectory(prefix="gatepost-extensions-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.certificate, cls.key = make_certificate(folder.name, "smtp.example.org")
        cls.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        cls.context.load_cert_chain(cls.certificate, cls.key)

    def gateway(self, server, workers=1, **changes):
        return self.open(Gateway(server, self.dns.address, workers=workers, **changes))

    def offered(self, gateway):
        with gateway.client() as client:
            return set(client.hello().lines[1:])

    def client(self, gateway, hello="client.example"):
        client = self.open(gateway.client())
        client.hello(hello)
        return client

    def status(self, gateway, parameters="", content=PLAIN, hello="client.example"):
        """Of one message to one recipient: of its end, or of what was refused before."""
        with gateway.client() as client:
            client.hello(hello)
            for command in (f"MAIL FROM:<x@plain.example>{parameters}", "RCPT TO:<bob@example.org>"):
                reply = client.command(command)
                if reply.code != 250:
                    return reply.status
            client.command("DATA")
            client.send(harness.stuffed(content) + b".\r\n")
            return client.reply().status


class Probing(ExtensionCase):
    def test_the_first_client_hears_the_truth(self):
        stub = self.open(Stub(["SIZE 1000000", "SMTPUTF8", "8BITMIME", "DSN", "BINARYMIME", "CHUNKING"]))
        gateway = self.gateway(stub.url, workers=2)
        for _ in range(4):
            self.assertLessEqual({"SIZE 1000000", "SMTPUTF8", "8BITMIME", "DSN", "BINARYMIME", "CHUNKING"},
                                 self.offered(gateway))
        self.assertEqual(len(stub.connections), 2, "one for each worker, made at its start")

    def test_a_connection_made_for_asking_carries_the_first_message(self):
        stub = self.open(Stub())
        gateway = self.gateway(stub.url)
        self.assertEqual(self.status(gateway), "250 2.0.0")
        self.assertEqual(len(stub.connections), 1)

    def test_what_changed_is_learned_with_the_next_connection(self):
        stub = self.open(Stub(["8BITMIME"]))
        gateway = self.gateway(stub.url)
        self.assertNotIn("DSN", self.offered(gateway))
        stub.capabilities = ["DSN", "SIZE 70000"]
        stub.end_connections()
        self.assertEqual(self.status(gateway), "250 2.0.0")
        offered = self.offered(gateway)
        self.assertLessEqual({"DSN", "SIZE 70000"}, offered)
        self.assertNotIn("8BITMIME", offered)

    def test_what_is_old_is_asked_again(self):
        stub = self.open(Stub(["8BITMIME"]))
        gateway = self.gateway(stub.url, downstream={"probe": "1s"})
        self.assertNotIn("DSN", self.offered(gateway))
        stub.capabilities = ["8BITMIME", "DSN"]
        poll(lambda: "DSN" in self.offered(gateway), "the new capability")
        self.assertEqual(stub.messages, [])

    def test_of_several_servers_counts_what_all_can_do(self):
        one = self.open(Stub(["8BITMIME", "DSN", "SIZE 2000000"]))
        other = self.open(Stub(["8BITMIME", "DSN", "SMTPUTF8", "SIZE 1000000"]))
        closed = harness.reserve()
        self.addCleanup(closed.close)
        away = f"smtp://127.0.0.1:{closed.getsockname()[1]}"
        gateway = self.gateway("", downstream={"servers": [one.url, other.url, away]})
        offered = self.offered(gateway)
        self.assertLessEqual({"8BITMIME", "DSN", "SIZE 1000000"}, offered)
        self.assertNotIn("SMTPUTF8", offered)

    def test_nobody_waits_long_for_a_silent_server(self):
        stub = self.open(Stub(["8BITMIME", "DSN"], {"connect": SILENT}))
        gateway = self.gateway(stub.url)
        began = time.monotonic()
        offered = self.offered(gateway)
        self.assertLess(time.monotonic() - began, 10)
        self.assertIn("8BITMIME", offered)
        self.assertFalse({"SMTPUTF8", "DSN", "BINARYMIME", "REQUIRETLS"} & offered, "no more than is safe")

    def test_a_server_that_let_us_wait_is_left_alone(self):
        stub = self.open(Stub(answers={"connect": SILENT}))
        gateway = self.gateway(stub.url, limits={"downstream_timeout": "3s"})
        gateway.logged("downstream .*state=unavailable")
        began = time.monotonic()
        for _ in range(3):
            self.assertEqual(self.status(gateway), "451 4.4.1")
        self.assertLess(time.monotonic() - began, 3, "not each message waits for it")

    def test_kept_connections_end_with_quit(self):
        stub = self.open(Stub())
        gateway = self.gateway(stub.url)
        self.assertEqual(self.status(gateway), "250 2.0.0")
        gateway.configure(downstream={"probe": "4m"})  # anything that the relay looks at
        gateway.signal(signal.SIGHUP)
        poll(lambda: stub.lines("QUIT"), "QUIT after a reload")
        self.assertEqual(self.status(gateway), "250 2.0.0")
        self.assertEqual([m.connection for m in stub.messages], [0, 1])

    def test_octets_that_nobody_asked_for_end_a_kept_connection(self):
        for tls in (None, self.context):
            with self.subTest(tls=bool(tls)):
                stub = self.open(Stub(tls=tls))
                gateway = self.gateway(stub.url, downstream={"tls": "opportunistic"})
                self.assertEqual(self.status(gateway), "250 2.0.0")
                stub.connections[0].sendall(b"250 2.1.0 taken, whatever it is\r\n")
                self.assertEqual(self.status(gateway), "250 2.0.0")
                self.assertEqual([m.connection for m in stub.messages], [0, 1])


class Lmtp(ExtensionCase):
    def try_delivery(self, stub):
        gateway = self.gateway(stub.url)
        with gateway.client() as client:
            client.hello()
            client.command("MAIL FROM:<x@plain.example>")
            self.assert_status(client.command("RCPT TO:<bob@example.org>"), "250 2.1.5")
            self.assert_status(client.command("RCPT TO:<eve@example.org>"), "452 4.5.3")
            client.command("DATA")
            client.send(PLAIN + b".\r\n")
            self.assert_status(client.reply(), "250 2.0.0")
        [delivered] = stub.messages
        self.assertEqual(delivered.recipients, ["bob@example.org"])
        self.assertTrue(delivered.content.endswith(PLAIN))
        self.assertEqual(stub.lines("LHLO|EHLO|HELO"), ["LHLO mx.example.org"])

    def test_over_tcp(self):
        self.try_delivery(self.open(Stub(is_lmtp=True)))

    def test_over_a_unix_socket(self):
        self.try_delivery(self.open(Stub(is_lmtp=True, path=str(pathlib.Path(self.folder) / "lmtp"))))

    def test_a_socket_that_is_not_there_is_temporary(self):
        gateway = self.gateway(f"lmtp+unix://{self.folder}/nobody")
        self.assertEqual(self.status(gateway), "451 4.4.1")
        gateway.logged("downstream .*No such file")

    def test_an_smtp_server_is_none(self):
        stub = self.open(Stub())
        gateway = self.gateway(f"lmtp://127.0.0.1:{stub.port}")
        self.assertEqual(self.status(gateway), "451 4.4.1")
        self.assertEqual(stub.lines("HELO|MAIL"), [])

    def test_the_recipients_answer_is_the_clients(self):
        stub = self.open(Stub(is_lmtp=True))
        gateway = self.gateway(stub.url)
        for answer, status in (("550 5.2.1 Disabled", "550 5.2.1"), ("452 4.2.2 Full", "452 4.2.2"),
                               ("421 4.3.2 Going down", "451 4.3.2"), (CLOSE, "451 4.4.2"), ("354 what?", "451 4.4.2")):
            with self.subTest(answer=answer):
                stub.answers["dot"] = [answer]
                self.assertEqual(self.status(gateway), status)
                self.assertEqual(self.status(gateway), "250 2.0.0")

    def test_one_answer_too_many_is_nobody_elses(self):
        stub = self.open(Stub(is_lmtp=True))
        gateway = self.gateway(stub.url)
        stub.answers["dot"] = ["250 2.0.0 Ok\r\n250 2.0.0 and another"]
        self.assertEqual(self.status(gateway), "250 2.0.0")
        stub.answers["rcpt"] = ["550 5.1.1 Nobody"]
        self.assertEqual(self.status(gateway), "550 5.1.1")
        self.assertEqual(len(stub.connections), 2)


class Announced(ExtensionCase):
    def attributes(self, line):
        return dict(word.split("=", 1) for word in line.split(" ")[1:])

    def test_xclient_makes_the_session_the_clients(self):
        stub = self.open(Stub(["PIPELINING", "XCLIENT NAME ADDR PORT PROTO HELO DESTADDR DESTPORT", "XFORWARD ADDR"]))
        gateway = self.gateway(stub.url)
        for hello in ("one.example", "x ADDR=192.0.2.1+="):
            self.assertEqual(self.status(gateway, hello=hello), "250 2.0.0")
        self.assertEqual({m.connection for m in stub.messages}, {0}, "kept, and told anew")
        verbs = [line.split(" ")[0] for line in stub.lines() if line != "RSET"]
        self.assertEqual(verbs, ["EHLO"] + ["XCLIENT", "EHLO", "MAIL", "RCPT", "DATA"] * 2)
        first, second = (self.attributes(line) for line in stub.lines("XCLIENT"))
        self.assertEqual((first["ADDR"], first["HELO"], first["PROTO"]), ("127.0.0.1", "one.example", "ESMTP"))
        self.assertEqual(first["NAME"], "client.example")
        self.assertEqual((first["DESTADDR"], first["DESTPORT"]), ("127.0.0.1", str(gateway.port)))
        self.assertNotEqual(first["PORT"], second["PORT"])
        self.assertEqual((second["ADDR"], second["HELO"]), ("127.0.0.1", "x+20ADDR+3D192.0.2.1+2B+3D"))

    def test_no_more_is_said_than_was_listed(self):
        stub = self.open(Stub(["XCLIENT ADDR PROTO LOGIN"]))
        self.assertEqual(self.status(self.gateway(stub.url)), "250 2.0.0")
        self.assertEqual(stub.lines("XCLIENT"), ["XCLIENT PROTO=ESMTP ADDR=127.0.0.1"])

    def test_what_it_can_do_for_that_client_counts(self):
        stub = self.open(Stub(["8BITMIME", "XCLIENT ADDR"]))
        gateway = self.gateway(stub.url)
        client = self.client(gateway)
        stub.capabilities = ["XCLIENT ADDR"]  # from XCLIENT on
        self.assert_status(client.command("MAIL FROM:<x@plain.example> BODY=8BITMIME"), "250 2.1.0")
        self.assert_status(client.command("RCPT TO:<bob@example.org>"), "554 5.6.3")

    def test_a_refusal_is_ours_to_mend(self):
        for stage, answer in (("xclient", "550 5.7.0 insufficient authorization"), ("xclient", "501 5.5.4 Bad NAME")):
            with self.subTest(answer=answer):
                stub = self.open(Stub(["XCLIENT ADDR NAME"], {stage: answer}))
                gateway = self.gateway(stub.url)
                self.assertEqual(self.status(gateway), "451 4.3.5")
                gateway.logged("downstream .*at=XCLIENT .*remedy=.*announce_client")
                self.assertEqual(stub.lines("MAIL"), [])

    def test_xforward_is_for_the_log(self):
        stub = self.open(Stub(["XFORWARD NAME ADDR PROTO HELO SOURCE IDENT"]))
        gateway = self.gateway(stub.url)
        self.assertEqual(self.status(gateway), "250 2.0.0")
        [line] = stub.lines("XFORWARD")
        told = self.attributes(line)
        self.assertEqual((told["ADDR"], told["HELO"], told["SOURCE"]), ("127.0.0.1", "client.example", "REMOTE"))
        self.assertEqual(told["IDENT"], gateway.messages()[0]["id"], "our log has it under that name")
        stub.answers["xforward"] = "550 5.7.0 No"
        self.assertEqual(self.status(gateway), "250 2.0.0", "without it the mail goes all the same")

    def test_the_administrator_chooses(self):
        both = ["XCLIENT ADDR", "XFORWARD ADDR"]
        for choice, listed, told in (("xclient", both, "XCLIENT"), ("xforward", both, "XFORWARD"), ("none", both, None),
                                     ("xclient", ["XFORWARD ADDR"], None), ("xforward", ["XCLIENT ADDR"], None)):
            with self.subTest(choice=choice, listed=listed):
                stub = self.open(Stub(listed))
                gateway = self.gateway(stub.url, downstream={"announce_client": choice})
                for _ in range(2):
                    self.assertEqual(self.status(gateway), "250 2.0.0")
                self.assertEqual({line.split(" ")[0] for line in stub.lines("X")}, {told} if told else set())
                said = re.findall("downstream .*not listed", gateway.log())
                self.assertEqual(len(said), 1 if choice == "xclient" and not told else 0)


class Envelope(ExtensionCase):
    def test_dsn_is_handed_on_as_it_came(self):
        stub = self.open(Stub(["PIPELINING", "DSN"]))
        client = self.client(self.gateway(stub.url))
        self.assert_status(client.command("MAIL FROM:<x@plain.example> RET=hdrs ENVID=QQ+2B1"), "250 2.1.0")
        self.assert_status(
            client.command("RCPT TO:<bob@example.org> NOTIFY=Success,DELAY ORCPT=rfc822;Bob+2Bx@example.org"), "250 2.1.5")
        self.assert_status(client.command("RCPT TO:<eve@example.org> NOTIFY=NEVER"), "250 2.1.5")
        self.assert_status(client.command("RCPT TO:<joe@example.org>"), "250 2.1.5")
        self.assertEqual(stub.lines("MAIL|RCPT"), [
            "MAIL FROM:<x@plain.example> RET=hdrs ENVID=QQ+2B1",
            "RCPT TO:<bob@example.org> NOTIFY=Success,DELAY ORCPT=rfc822;Bob+2Bx@example.org",
            "RCPT TO:<eve@example.org> NOTIFY=NEVER", "RCPT TO:<joe@example.org>"])

    def test_dsn_is_not_offered_where_it_is_not_there(self):
        client = self.client(self.gateway(self.open(Stub()).url))
        self.assert_status(client.command("MAIL FROM:<x@plain.example> RET=HDRS"), "555 5.5.4")

    def try_requiretls(self, stub, mode):
        gateway = self.gateway(f"smtp://smtp.example.org:{stub.port}", environment={"SSL_CERT_FILE": str(self.certificate)},
                               downstream={"tls": mode},
                               tls={"certificate": str(self.certificate), "key": str(self.key)})
        client = self.open(gateway.client())
        self.assertNotIn("REQUIRETLS", client.hello().lines, "inside TLS only")
        client.starttls(tls_client())
        return gateway, client, "REQUIRETLS" in client.hello().lines

    def test_requiretls_where_the_next_hop_keeps_it_up(self):
        stub = self.open(Stub(["STARTTLS"], tls=self.context, tls_capabilities=["REQUIRETLS"]))
        _, client, is_offered = self.try_requiretls(stub, "verify")
        self.assertTrue(is_offered)
        reply = client.deliver(PLAIN, "x@plain.example", parameters=" REQUIRETLS")
        self.assert_status(reply, "250 2.0.0")
        self.assertEqual(stub.lines("MAIL"), ["MAIL FROM:<x@plain.example> REQUIRETLS"])
        self.assertIsInstance(stub.connections[stub.messages[0].connection], ssl.SSLSocket)

    def test_requiretls_is_not_offered_otherwise(self):
        for reason, stub, mode in (
                ("not authenticated", Stub(tls=self.context, tls_capabilities=["REQUIRETLS"]), "opportunistic"),
                ("listed in the clear only", Stub(["REQUIRETLS"], tls=self.context, tls_capabilities=["DSN"]), "verify"),
                ("no TLS", Stub(["REQUIRETLS"]), "opportunistic")):
            with self.subTest(reason):
                self.open(stub)
                _, _, is_offered = self.try_requiretls(stub, mode)
                self.assertFalse(is_offered)

    def test_requiretls_is_refused_when_it_is_gone(self):
        stub = self.open(Stub(["STARTTLS"], tls=self.context, tls_capabilities=["REQUIRETLS"]))
        _, client, is_offered = self.try_requiretls(stub, "verify")
        self.assertTrue(is_offered)
        stub.tls_capabilities = ["DSN"]
        stub.end_connections()
        self.assert_status(client.command("MAIL FROM:<x@plain.example> REQUIRETLS"), "250 2.1.0")
        self.assert_status(client.command("RCPT TO:<bob@example.org>"), "550 5.7.30")
        self.assertEqual(stub.lines("MAIL"), [])

    def send_chunk(self, gateway, parameters, content):
        with gateway.client() as client:
            client.hello()
            self.assert_status(client.command(f"MAIL FROM:<x@plain.example>{parameters}"), "250 2.1.0")
            self.assert_status(client.command("RCPT TO:<bob@example.org>"), "250 2.1.5")
            half = len(content) // 2
            client.send(b"BDAT %d\r\n" % half + content[:half] + b"BDAT %d LAST\r\n" % (len(content) - half) + content[half:])
            return [client.reply().status, client.reply().status]

    def test_binary_content_goes_as_it_is(self):
        stub = self.open(Stub(["8BITMIME", "CHUNKING", "BINARYMIME"]))
        gateway = self.gateway(stub.url, limits={"memory_per_message": "16KiB"})
        body = bytes(range(256)) + b"\n.\r\n\r\r\n.\n\r\n.\r\nMAIL FROM:<>\r\n\0"
        for content in (PLAIN + body, PLAIN + body * 3000):
            with self.subTest(size=len(content)):
                stub.messages.clear(), stub.commands.clear()
                self.assertEqual(self.send_chunk(gateway, " BODY=BINARYMIME", content)[1], "250 2.0.0")
                [delivered] = stub.messages
                self.assertTrue(delivered.wire.endswith(content))
                self.assertEqual(stub.lines("BDAT|DATA"), [f"BDAT {len(delivered.wire)} LAST"])
                self.assertEqual(stub.lines("MAIL"), ["MAIL FROM:<x@plain.example> BODY=BINARYMIME"])
        self.assertEqual(self.status(gateway), "250 2.0.0", "and the next one is in step")

    def test_binary_content_is_refused_where_it_cannot_go(self):
        for capabilities in (["8BITMIME", "CHUNKING"], ["8BITMIME", "BINARYMIME"]):
            with self.subTest(capabilities):
                gateway = self.gateway(self.open(Stub(capabilities)).url)
                client = self.client(gateway)
                self.assert_status(client.command("MAIL FROM:<x@plain.example> BODY=BINARYMIME"), "555 5.5.4")

    def test_other_chunks_become_stuffed_lines(self):
        stub = self.open(Stub(["8BITMIME", "CHUNKING", "BINARYMIME"]))
        content = PLAIN + b".\r\n..\r\n.a\r\nno end"
        self.assertEqual(self.send_chunk(self.gateway(stub.url), " BODY=8BITMIME", content)[1], "250 2.0.0")
        [delivered] = stub.messages
        self.assertTrue(delivered.wire.endswith(b"\r\n..\r\n...\r\n..a\r\nno end\r\n"))
        self.assertEqual(stub.lines("BDAT|DATA"), ["DATA"])


class Trouble(ExtensionCase):
    def test_what_it_has_against_us_is_no_fault_of_the_message(self):
        for stage, answer in (("mail", "530 5.7.0 Must issue a STARTTLS command first"), ("mail", "503 5.5.1 EHLO first"),
                              ("mail", "555 5.5.4 Unsupported option"), ("rcpt", "502 5.5.1 What?"),
                              ("data", "500 5.5.1 What?"), ("dot", "503 5.5.1 What?")):
            with self.subTest(stage=stage, answer=answer):
                stub = self.open(Stub(answers={stage: answer}))
                gateway = self.gateway(stub.url)
                self.assertEqual(self.status(gateway), "451 4.3.5")
                gateway.logged("downstream .*remedy=")

    def test_nothing_counts_that_stands_behind_its_220_in_the_clear(self):  # notes/attacks.md 19
        stub = self.open(Stub(answers={"starttls": "220 2.0.0 Ready\r\n250-sink.test\r\n250 DSN"}, tls=self.context))
        gateway = self.gateway(stub.url, downstream={"tls": "opportunistic"})
        self.assertEqual(self.status(gateway), "451 4.4.1")
        gateway.logged("downstream .*in the clear")
        self.assertNotIn("DSN", self.offered(gateway))
        self.assertEqual(stub.lines("MAIL"), [])


if __name__ == "__main__":
    harness.main()
