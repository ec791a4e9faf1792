#!/usr/bin/python3
"""What hostile clients do on port 25. The numbers are those of our list of attacks; each method asserts what is safe,
and after each of them an honest message must still pass."""
import contextlib
import email
import re
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

import harness
from harness import Client, Gateway, Sink, make_certificate, message, need, poll, stuffed, tls_client
from hostile_dns import HostileDns

ZONE = {
    "sender.example": ["TXT v=spf1 ip4:127.0.0.1 -all", "MX 10 mail.sender.example"],
    "_dmarc.sender.example": ["TXT v=DMARC1; p=reject"],
    "mail.sender.example": ["A 127.0.0.1"],
    "1.0.0.127.in-addr.arpa": ["PTR mail.sender.example"],
    "plain.example": ["MX 10 mail.sender.example"],
    "bank.example": ["TXT v=spf1 -all", "MX 10 mail.bank.example"],
    "_dmarc.bank.example": ["TXT v=DMARC1; p=reject"],
}
HEADER = b"From: alice@sender.example\r\nSubject: octets\r\n"
SMUGGLED = (b"MAIL FROM:<admin@bank.example>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n"
            b"From: admin@bank.example\r\n\r\nevil\r\n")
MARKS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\n.\r", b"\r.\r", b"\r.\n", b"\r.\r\n", b"\r\n.\r", b"\r\r\n.\r\r\n",
         b"\r\n.\r\r\n", b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\0\n.\r\n", b"\r\n.\r\0\n"]


class Attacks(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="gatepost-attacks-")
        cls.addClassCleanup(folder.cleanup)
        certificate, key = make_certificate(folder.name, "mx.example.org")
        cls.tls = [{"certificate": str(certificate), "key": str(key)}]
        cls.dns = cls.open_for_all(HostileDns(ZONE))
        cls.sink = cls.open_for_all(Sink())
        cls.gateway = cls.open_for_all(Gateway(cls.sink.url, cls.dns.address, tls=cls.tls,
                                               limits={"message_size": "2MiB", "sessions": 900,
                                                                     "sessions_per_client": 500}))
        # Checked at the end of the class: by then its time is up.
        cls.stalled, cls.stalled_since = cls.open_for_all(cls.gateway.client()), time.monotonic()
        cls.stalled.hello()
        cls.stalled.command("STARTTLS")
        cls.stalled.send(b"\x16")

    def setUp(self):
        self.sink.messages.clear()
        self.sink.commands.clear()
        self.sink.answers.clear()

    def tearDown(self):
        self.sink.answers.clear()
        self.assertFalse([line for _, line in self.sink.commands if "bank.example" in line], "a smuggled envelope")
        self.assertFalse([each for each in self.sink.messages if b"evil" in each.wire], "a smuggled message")
        self.honest()

    def honest(self, gateway=None):
        with (gateway or self.gateway).client() as client:
            client.hello("mail.sender.example")
            self.assert_status(client.deliver(message()), "250 2.0.0")

    def client(self, tls=False, name="mail.sender.example", gateway=None):
        client = self.open((gateway or self.gateway).client())
        client.hello(name)
        if tls:
            client.starttls(tls_client())
            client.hello(name)
        return client

    def in_transaction(self, **options):
        client = self.client(**options)
        client.begin()
        return client

    def delivered(self, content, **envelope):
        """What the downstream gets of a message that must pass."""
        self.setUp()
        self.assert_status(self.client().deliver(content, **envelope), "250 2.0.0")
        [one] = self.sink.messages
        return one.content

    def refused(self, content, status=None, **envelope):
        self.setUp()
        reply = self.client().deliver(content, **envelope)
        self.assertEqual(reply.code // 100, 5, reply)
        if status:
            self.assert_status(reply, status)
        self.assertEqual(self.sink.messages, [])

    def fields_on_top(self, content):
        """Name and unfolded body of the fields that the gateway put in front of `From`."""
        own = content.split(b"\r\nFrom: alice")[0].decode()
        return dict(re.findall(r"(?m)^([\w-]+): (.*)$", re.sub(r"\r\n[ \t]+", " ", own).replace("\r\n", "\n")))

    # Framing.

    def smuggle(self, head, mark, tls=False, slowly=False):
        self.setUp()
        client = self.in_transaction(tls=tls)
        (client.send_slowly if slowly else client.send)(head + mark + SMUGGLED + b".\r\nQUIT\r\n")
        first = client.reply()
        self.assertEqual(first.code // 100, 5, (mark, first))
        self.assertEqual(client.rest(), b"", mark)
        self.assertEqual(self.sink.messages, [], mark)

    def test_01_to_04_only_one_mark_ends_the_content(self):
        for mark in MARKS:
            for tls, slowly in ((False, False), (False, True), (True, False)):
                with self.subTest(mark=mark, tls=tls, slowly=slowly):
                    self.smuggle(HEADER + b"\r\nhi", mark, tls, slowly)

    def test_05_nor_in_the_header_nor_as_the_first_octets(self):
        for mark in MARKS:
            for head in (b"", HEADER + b"X: y"):
                with self.subTest(mark=mark, head=head):
                    self.smuggle(head, mark)

    def test_06_a_mark_inside_a_chunk_is_content(self):
        for mark in MARKS + [b"\r\n.\r\n"]:
            self.setUp()
            client = self.client()
            content = HEADER + b"\r\nhi" + mark + SMUGGLED
            client.send(b"MAIL FROM:<alice@sender.example>\r\nRCPT TO:<bob@example.org>\r\n" +
                        b"BDAT %d LAST\r\n" % len(content) + content + b"QUIT\r\n")
            self.assertEqual([reply.code for reply in client.replies(2)], [250, 250], mark)
            if mark != b"\r\n.\r\n":
                self.assertEqual(client.reply().code // 100, 5, mark)
                self.assertEqual(client.rest(), b"", mark)
                self.assertEqual(self.sink.messages, [], mark)
                continue
            self.assert_status(client.reply(), "250 2.0.0")
            [one] = self.sink.messages
            self.assertIn(b"\r\nhi\r\n..\r\nMAIL FROM", one.wire)
            self.sink.messages.clear()  # a message that speaks of evil, but one

    def test_07_a_second_transaction_behind_the_dot_is_one_of_its_own(self):
        client = self.in_transaction()
        client.send(message() + b".\r\nMAIL FROM:<x@plain.example>\r\nRCPT TO:<carol@example.org>\r\nDATA\r\n")
        self.assertEqual([reply.code for reply in client.replies(4)], [250, 250, 250, 354])
        client.send(message("x@plain.example") + b".\r\n")
        client.reply()
        self.assertEqual([(each.reverse_path, each.recipients) for each in self.sink.messages],
                         [("alice@sender.example", ["bob@example.org"]), ("x@plain.example", ["carol@example.org"])])

    def test_08_what_speaks_another_protocol_is_cut_off(self):
        for verb in (b"POST / HTTP/1.1", b"GET / HTTP/1.0", b"CONNECT a:25 HTTP/1.1", b"\x16\x03\x01\x02\x00", b"SSH-2.0-x"):
            with self.subTest(verb=verb):
                client = self.open(self.gateway.client())
                client.send(verb + b"\r\nHost: x\r\n\r\nEHLO x\r\n" + SMUGGLED + b".\r\n")
                self.assertNotIn(b"250", client.rest())
        client = self.client()
        client.send(b"QUIT\r\n" + SMUGGLED + b".\r\n")
        self.assertEqual(client.reply().code, 221)
        self.assertEqual(client.rest(), b"")
        client = self.client()  # the content of a refused DATA
        client.send(b"MAIL FROM:<x@plain.example>\r\nRCPT TO:<a@elsewhere.example>\r\nDATA\r\n" + b"Hello\r\n" * 20 +
                    b"RSET\r\n")
        self.assertEqual([reply.code for reply in client.replies(3)], [250, 550, 554])
        self.assertIn(b"421", client.rest())

    def test_09_no_line_end_hides_in_a_command(self):
        for command in (b"MAIL FROM:<a@plain.example>", b"RCPT TO:<bob@example.org>"):
            for bad in (b"\n", b"\r", b"\0", b"\r\0\n", b"\n\r"):
                for place in (b">", b"@"):
                    with self.subTest(command=command, bad=bad, place=place):
                        client = self.client()
                        client.command("MAIL FROM:<x@plain.example>")
                        if command.startswith(b"MAIL"):
                            client.command("RSET")
                        client.send(command.replace(place, bad + b"RCPT TO:<evil@bank.example>" + place) + b"\r\nQUIT\r\n")
                        self.assertNotRegex(client.rest(), rb"(?m)^2(?!21)")
                        self.assertFalse([line for _, line in self.sink.commands if "evil" in line])

    def test_10_dots_at_the_borders_of_buffers(self):
        for size in (4095, 16383, 65534, 65535, 65536, 262143, 262144):
            with self.subTest(size=size):
                body = b"x" * 60 + b"\r\n"
                body = body * (size // len(body)) + b"y" * (size % len(body)) + b"\r\n.\r\n..\r\n.\r\n\r\n.z\r\n"
                content = HEADER + b"\r\n" + body
                self.assertTrue(self.delivered(content).endswith(content))
                self.assertEqual(stuffed(self.sink.messages[0].content), self.sink.messages[0].wire)

    # STARTTLS.

    def test_11_nothing_behind_starttls_is_run(self):
        client = self.client()
        client.send(b"STARTTLS\r\nNOOP\r\n" + SMUGGLED)
        self.assertNotIn(b"250", client.rest())

    def test_12_plain_octets_are_no_handshake(self):
        for octets in (b"NOOP\r\n", b"EHLO x\r\nMAIL FROM:<admin@bank.example>\r\n", b"\0" * 100):
            client = self.client()
            self.assertEqual(client.command("STARTTLS").code, 220)
            client.send(octets)
            self.assertNotIn(b"250", client.rest())

    def test_13_what_was_said_before_tls_is_forgotten(self):
        client = self.client(name="forged.bank.example")
        client.command("MAIL FROM:<x@plain.example>")
        client.command("RCPT TO:<bob@example.org>")
        client.starttls(tls_client())
        self.assertEqual(client.command("DATA").code, 503)
        self.assertEqual(client.command("MAIL FROM:<x@plain.example>").code, 503)
        client.hello("mail.sender.example")
        self.assert_status(client.deliver(message()), "250 2.0.0")
        self.assertNotIn(b"forged", self.sink.messages[0].content)

    def test_14_starttls_at_the_wrong_time(self):
        client = self.open(self.gateway.client())
        self.assertEqual(client.command("STARTTLS").code, 503)
        client.hello()
        self.assertEqual(client.command("STARTTLS now").code, 501)
        client.starttls(tls_client())
        self.assertNotIn("STARTTLS", client.hello().lines)
        self.assertEqual(client.command("STARTTLS").code, 503)

    def test_15_a_cut_message_is_no_message(self):
        for tls in (False, True):
            for end in (b"", b"\r\n", b"\r\n.", b"\r\n.\r"):
                with self.subTest(tls=tls, end=end):
                    client = self.in_transaction(tls=tls)
                    client.send(HEADER + b"\r\nhalf" + end)
                    if tls:
                        socket.socket(fileno=client.sock.detach()).close()  # without close_notify
                    else:
                        client.close()
        self.honest()
        self.assertEqual(len(self.sink.messages), 1)

    def test_16_a_handshake_octet_by_octet_works(self):
        client = self.client()
        client.command("STARTTLS")
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = tls_client().wrap_bio(incoming, outgoing)
        for _ in range(20):
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
                client.send_slowly(outgoing.read())
                break
            client.send_slowly(outgoing.read())
            incoming.write(client.sock.recv(65536))
        self.assertIsNotNone(tls.cipher())

    def test_17_old_versions_and_weak_ciphers_are_refused(self):
        for version, ciphers in ((ssl.TLSVersion.TLSv1, "ALL"), (ssl.TLSVersion.TLSv1_1, "ALL"),
                                 (ssl.TLSVersion.TLSv1_2, "aNULL:eNULL"), (ssl.TLSVersion.TLSv1_2, "AES128-SHA"),
                                 (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES128-SHA"), (ssl.TLSVersion.TLSv1_2, "kRSA")):
            with self.subTest(version=version, ciphers=ciphers):
                context = tls_client(version)
                context.set_ciphers(ciphers + ":@SECLEVEL=0")
                client = self.client()
                with self.assertRaises((ssl.SSLError, OSError)):
                    client.starttls(context)

    def test_18_no_renegotiation_by_the_client(self):
        tool = need("openssl")
        done = subprocess.run([tool, "s_client", "-starttls", "smtp", "-tls1_2", "-connect", f"127.0.0.1:{self.gateway.port}"],
                              input=b"R\n", capture_output=True, timeout=30, check=False)
        self.assertIn(b"no renegotiation", done.stdout + done.stderr)

    def test_19_a_reply_put_behind_the_220_of_the_downstream_is_not_taken(self):
        injected = "220 Ready\r\n250 injected\r\n250 injected\r\n250 injected\r\n354 injected\r\n250 injected"
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.tls[0]["certificate"], self.tls[0]["key"])
        sink = self.open(Sink({"starttls": [injected] * 3}, capabilities=(), tls=context))
        gateway = self.open(Gateway(sink.url, self.dns.address, listening=False))
        gateway.configure(downstream={"tls": "opportunistic"})
        gateway.start()
        client = self.client(gateway=gateway)
        client.command("MAIL FROM:<alice@sender.example>")
        self.assertEqual(client.command("RCPT TO:<bob@example.org>").code, 451)
        self.assertFalse([line for _, line in sink.commands if line.startswith(("MAIL", "DATA"))])
        sink.capabilities.clear()
        self.honest(gateway)

    def test_20_auth_is_never_taken(self):
        for tls in (False, True):
            client = self.client(tls=tls)
            self.assertNotIn("AUTH", client.command("EHLO x").text)
            for command in ("AUTH PLAIN AGEAYg==", "AUTH LOGIN", "AUTH"):
                self.assertIn(client.command(command).code, (500, 502))
            self.assertIn(client.command("MAIL FROM:<x@plain.example> AUTH=<>").code, (501, 555))

    # Commands.

    def test_21_endless_command_lines(self):
        for size in (600, 4095, 4096, 5000, 60000, 300000):
            with self.subTest(size=size):
                client = self.client()
                with contextlib.suppress(ConnectionError):
                    client.send(b"NOOP " + b"MAIL FROM:<admin@bank.example> " * (size // 31) + b"\r\nMAIL FROM:<x@plain.example>\r\n")
                    client.send(b"QUIT\r\n")
                self.assertRegex(client.rest(), rb"\A(250 .*\r\n250|500 .*\r\n(250|\Z))" if size < 60000 else rb"\A(500|\Z)")

    def test_22_recipients_without_end(self):
        client = self.client()
        client.command("MAIL FROM:<alice@sender.example>")
        with contextlib.suppress(ConnectionError):
            client.send(b"RCPT TO:<bob@example.org>\r\n" * 1500)
        codes = re.findall(rb"(?m)^(\d{3}) ", client.rest())
        self.assertEqual((codes.count(b"250"), codes[-1]), (100, b"421"))

    def test_23_floods_of_commands(self):
        for line, at_most in ((b"NOOP", 1001), (b"RSET", 1001), (b"EHLO x", 1001), (b"VRFY a", 1001), (b"FOO", 11),
                              (b"", 11), (b"DATA", 11)):
            with self.subTest(line=line):
                client = self.client()
                with contextlib.suppress(ConnectionError):
                    client.send((line + b"\r\n") * 1200)
                codes = re.findall(rb"(?m)^(\d{3}) ", client.rest())
                self.assertLessEqual(len(codes), at_most)
                self.assertEqual(codes[-1:], [b"421"])

    def test_24_control_and_foreign_octets_in_addresses(self):
        client = self.client()
        for octet in (b"\x01", b"\x1b", b"\x7f", b"\xff", b"\xc2\x80", b"\xc2\x9b", b"\t"):
            for path in (b"a" + octet + b"b@plain.example", b'"a' + octet + b'b"@plain.example', b"a@pl" + octet + b"ain.example"):
                client.send(b"RSET\r\nMAIL FROM:<" + path + b">\r\n")
                replies = client.replies(2)
                self.assertGreaterEqual(replies[1].code, 501, (path, replies))
                if replies[1].code == 421:
                    client = self.client()
            client = self.client()
            client.command("MAIL FROM:<x@plain.example>")
            client.send(b'RCPT TO:<"a' + octet + b'b"@example.org>\r\n')
            self.assertGreaterEqual(client.reply().code, 501)
        self.assertEqual(self.sink.commands, [])

    def test_25_tricks_with_parameters(self):
        for parameters in ("SIZE=1 SIZE=2", "SIZE=-1", "SIZE=+5", "SIZE=18446744073709551616", "SIZE=1e3", "SIZE=0x10", "SIZE=",
                           "SIZE", "AUTH=<>", "FOO=1", "BODY=BINARYMIME", "BODY=9BIT", "RET=FULL", "ENVID=+0D+0A",
                           "BODY=8BITMIME BODY=7BIT", "SMTPUTF8=1", "SIZE=1\tBODY=7BIT", "SIZE=1;x", "=", "MT-PRIORITY=9"):
            with self.subTest(parameters):
                reply = self.client().command(f"MAIL FROM:<x@plain.example> {parameters}")
                self.assertIn(reply.code, (501, 552, 555))
        client = self.client()
        client.command("MAIL FROM:<x@plain.example>")
        for parameter in ("ORCPT=rfc822;a+0D+0ARCPT+20TO:<evil@bank.example>", "NOTIFY=NEVER", "X=1"):
            self.assertIn(client.command(f"RCPT TO:<bob@example.org> {parameter}").code, (501, 555))
        self.assertEqual(self.sink.commands, [])

    def test_26_commands_that_are_not_for_strangers(self):
        for command in ("XCLIENT ADDR=127.0.0.1 NAME=localhost", "XFORWARD ADDR=127.0.0.1", "PROXY TCP4 1.2.3.4 5.6.7.8 1 2",
                        "ETRN example.org", "TURN", "EXPN staff", "DEBUG", "WIZ", "XEXCH50 1 2", "SEND FROM:<a@b.example>",
                        "SAML FROM:<a@b.example>", "LHLO x", "BURL x", "ATRN"):
            with self.subTest(command):
                client = self.client()
                self.assertIn(client.command(command).code, (500, 502))
                self.assert_status(client.command("NOOP"), "250 2.0.0")

    def test_27_nothing_is_expanded(self):
        for path in (";touch${IFS}evil;@plain.example", "${run{touch evil}}@plain.example", "`touch evil`@plain.example",
                     "|/bin/sh@plain.example", "$(id)@plain.example", "../../etc/passwd@plain.example", "%n%n%s@plain.example"):
            with self.subTest(path):
                self.setUp()
                client = self.client(name="${run{id}}")
                if client.command(f"MAIL FROM:<{path}>").code == 250:
                    client.command("RCPT TO:<bob@example.org>")
                    self.assertIn(("MAIL FROM:<" + path + ">"), [line for _, line in self.sink.commands])

    def test_28_more_than_was_declared(self):
        client = self.client()
        client.begin(parameters=" SIZE=10")
        client.send(message(body="0123456789\r\n" * 300000) + b".\r\nNOOP\r\n")
        self.assert_status(client.reply(), "552 5.3.4")
        self.assert_status(client.reply(), "250 2.0.0")
        self.assertEqual(self.client().command("MAIL FROM:<x@plain.example> SIZE=99999999").code, 552)
        self.assertEqual(self.sink.messages, [])

    def test_29_commands_out_of_order(self):
        client = self.open(self.gateway.client())
        self.assertEqual([client.command(line).code for line in (
            "MAIL FROM:<x@plain.example>", "RCPT TO:<bob@example.org>", "DATA", "EHLO x", "DATA", "RCPT TO:<bob@example.org>",
            "MAIL FROM:<x@plain.example>", "MAIL FROM:<x@plain.example>", "DATA", "RCPT TO:<bob@example.org>", "RSET",
            "DATA")], [503, 503, 503, 250, 503, 503, 250, 503, 554, 250, 250, 503])

    def test_30_who_talks_before_the_greeting_gets_its_replies_in_order(self):
        client = self.open(Client(self.gateway.port, greeted=False))
        client.send(b"EHLO mail.sender.example\r\nMAIL FROM:<alice@sender.example>\r\nRCPT TO:<bob@example.org>\r\nRSET\r\n")
        self.assertEqual([reply.code for reply in client.replies(5)], [220, 250, 250, 250, 250])

    def test_31_addresses_cannot_be_harvested_without_end(self):
        self.sink.answers["rcpt"] = ["550 5.1.1 No such user"] * 100
        client = self.client()
        client.command("MAIL FROM:<alice@sender.example>")
        with contextlib.suppress(ConnectionError):
            for number in range(50):
                client.send(f"RCPT TO:<u{number}@example.org>\r\n")
        codes = re.findall(rb"(?m)^(\d{3}) ", client.rest())
        self.assertEqual(codes, [b"550"] * 20 + [b"421"])
        self.assertEqual(len([line for _, line in self.sink.commands if line.startswith("RCPT")]), 20)

    # Relaying.

    def test_32_nothing_is_relayed_elsewhere(self):
        for path in ("a%elsewhere.example@example.org", "elsewhere.example!a@example.org", '"a@elsewhere.example"@example.org',
                     "@example.org:a@elsewhere.example", "a@elsewhere.example@example.org", "a@[127.0.0.1]", "a@[10.0.0.1]",
                     "a@example.org.", "a@sub.example.org", "a@mx.example.org", "a@example.org,b@elsewhere.example",
                     "a@example.org;b@elsewhere.example", "a@elsewhere.example", "a@localhost", "a", "a@", '"a"', "@example.org",
                     '"a:b"@example.org', '"a!b"@example.org', "a@xexample.org", "a@example.org.elsewhere.example",
                     "a@\uff45xample.org", "postmaster@elsewhere.example", "postmaster%elsewhere.example@example.org"):
            with self.subTest(path):
                client = self.client()
                client.command("MAIL FROM:<alice@sender.example>")
                self.assertIn(client.command(f"RCPT TO:<{path}>").code, (501, 550, 553, 554))
        self.assertFalse([line for _, line in self.sink.commands if line.startswith("RCPT")])

    def test_32_a_source_route_to_us_is_cut_off(self):
        client = self.client()
        client.command("MAIL FROM:<alice@sender.example>")
        client.command("RCPT TO:<@elsewhere.example:bob@EXAMPLE.org>")
        self.assertFalse([line for _, line in self.sink.commands if "elsewhere" in line])

    def test_33_nobody_may_relay(self):
        for sender in ("bob@example.org", "", "postmaster@example.org", "root@localhost"):
            client = self.client(name="mx.example.org")
            client.command(f"MAIL FROM:<{sender}>")
            self.assert_status(client.command("RCPT TO:<a@elsewhere.example>"), "550 5.7.1")

    def test_34_postmaster_is_always_reached(self):
        for path in ("postmaster", "POSTMASTER", "Postmaster@example.org", "postmaster@EXAMPLE.NET"):
            client = self.client()
            client.command("MAIL FROM:<>")
            self.assertEqual(client.command(f"RCPT TO:<{path}>").code, 250)

    # What we write.

    def test_39_names_of_the_client_do_not_break_our_fields(self):
        for name in ("x(y", "x)y", 'x"y', "x;dmarc=pass", "x\\", "(", "a b=c; spf=pass (", "[127.0.0.1", "x=y;z", "<script>", "\\("):
            for sender in ("bank(.x@plain.example", '"a;dmarc=pass"@plain.example', '"a(b"@plain.example', '"a\\"b"@plain.example'):
                with self.subTest(name=name, sender=sender):
                    self.setUp()
                    client = self.open(self.gateway.client())
                    if client.command(f"EHLO {name}").code != 250:
                        continue
                    if client.command(f"MAIL FROM:<{sender}>").code != 250:
                        continue
                    client.command("RCPT TO:<bob@example.org>")
                    client.command("DATA")
                    client.send(HEADER + b"\r\nhi\r\n.\r\n")
                    client.reply()
                    for each in self.sink.messages:
                        self.sound(each.content)

    def sound(self, content):
        """Our fields hold no octets that end them early: comments and quotes are closed, nothing says pass."""
        for name, body in self.fields_on_top(content).items():
            bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", body)
            self.assertNotIn('"', bare, body)
            while "(" in bare and bare != (less := re.sub(r"\((?:[^()\\]|\\.)*\)", "", bare)):
                bare = less
            self.assertNotRegex(bare, r"[()\\<>]" if name != "Received" else r"[()\\]", body)
            if name == "Authentication-Results":
                self.assertNotIn("dmarc=pass", bare.replace("dmarc=pass header.from=sender.example", ""), body)

    def test_40_a_domain_with_a_comment_in_it_is_none(self):
        for author in ("admin@bank.example(.plain.example", "admin@bank.example'.plain.example", 'admin@"bank.example".plain.example',
                       "admin@bank.example\\.plain.example", "admin@bank..example", "admin@[bank.example]", "admin@bank.example,"):
            with self.subTest(author):
                self.refused(message(author), reverse_path="x@plain.example")

    def test_41_replies_hold_nothing_of_the_client(self):
        client = self.client()
        client.send(b"FOO\x1b[2J evil\r\nMAIL FROM:<\x1b[2Jevil>\r\nRCPT TO:<evil@evil.example>\r\nVRFY evil\r\nHELP evil\r\nQUIT\r\n")
        said = client.rest()
        self.assertNotIn(b"evil", said)
        self.assertNotIn(b"\x1b", said)

    def test_41_replies_of_the_downstream_are_cleaned(self):
        self.sink.answers["rcpt"] = ["550 5.1.1 no \x1b[2Juser\xe9"]
        client = self.client()
        client.command("MAIL FROM:<alice@sender.example>")
        client.send("RCPT TO:<bob@example.org>\r\n")
        self.assertRegex(client.line(), rb"\A550 5\.1\.1 [ -~]*\r\n\Z")

    def test_42_the_log_cannot_be_forged(self):
        client = self.client(name="x message id=forged\" action=accept \\")
        client.send(b"MAIL FROM:<\"\x1b[2J\"@plain.example>\r\nMAIL FROM:<\"a b=c\"@plain.example>\r\nRCPT TO:<bob@elsewhere.example>\r\n")
        client.replies(3)
        self.client().deliver(b"X-Forged: \x1b[2J\r\n" + message("\"\x1b]0;evil\x07\" <alice@sender.example>"))
        log = self.gateway.process.output.read_bytes()
        self.assertNotRegex(log, rb"[\x00-\x09\x0b-\x1f\x7f-\xff]")
        self.assertNotRegex(log, rb"(?m)^\S+ message .*id=forged\"? ")

    def test_43_the_trace_shows_no_hidden_recipient(self):
        self.assertNotIn(b"for <", self.delivered(message(), recipients=("bob@example.org", "secret@example.org")))
        self.assertIn(b"for <bob@example.org>", self.delivered(message()))

    def test_44_and_45_no_bounce_is_ever_made(self):
        self.sink.answers["dot"] = ["554 5.7.1 no", "451 4.3.0 later"]
        for status in ("554 5.7.1", "451 4.3.0"):
            self.assert_status(self.client().deliver(message()), status)
        self.assertNotIn("MAIL FROM:<>", "".join(line for _, line in self.sink.commands))
        self.assertEqual(len(self.sink.messages), 2)

    # Header.

    def test_46_to_56_a_message_has_one_author(self):
        good, bank = b"From: alice@sender.example\r\n", b"From: admin@bank.example\r\n"
        rest = b"\r\nbody\r\n"
        cases = [
            ("46 two fields", good + bank + rest), ("46 the other order", bank + good + rest),
            ("46 a blank before the colon", good + b"From : admin@bank.example\r\n" + rest),
            ("46 another case", good + b"fROM: admin@bank.example\r\n" + rest),
            ("46 a folded one", good + b"From:\r\n admin@bank.example\r\n" + rest),
            ("46 a leading blank", b" " + bank + good + rest), ("46 twice the same", good + good + rest),
            ("46 folding in the name", good + b"Fro\r\n m: admin@bank.example\r\n" + rest),
            ("47 two domains", b"From: alice@sender.example, admin@bank.example\r\n" + rest),
            ("48 text behind", b"From: <alice@sender.example>admin@bank.example\r\n" + rest),
            ("48 two angle addresses", b"From: <alice@sender.example><admin@bank.example>\r\n" + rest),
            ("48 a semicolon", b"From: alice@sender.example; admin@bank.example\r\n" + rest),
            ("49 an open comment", b"From: alice@sender.example (admin@bank.example\r\n" + rest),
            ("50 bare CR", b"From: alice@sender.example\rFrom: admin@bank.example\r\n" + rest),
            ("50 bare LF", b"From: alice@sender.example\nFrom: admin@bank.example\r\n" + rest),
            ("50 NUL", b"From\0: admin@bank.example\r\n" + good + rest),
            ("51 zero width", "From: admin@bank\u200b.example\r\n".encode() + rest),
            ("51 soft hyphen", "From: admin@bank\u00ad.example\r\n".encode() + rest),
            ("51 U+2000", "From: admin@bank\u2000.example\r\n".encode() + rest),
            ("52 none", b"Sender: alice@sender.example\r\nResent-From: alice@sender.example\r\n" + rest),
            ("52 an empty one", b"From: \r\n" + rest), ("52 an empty group", b"From: x:;\r\n" + rest),
            ("56 mbox line", b"From alice@sender.example Fri May 1 12:00:00 2026\r\n" + good + rest),
            ("56 garbage", b"garbage\r\n" + good + rest), ("56 blank first line", b"\r\n" + good + rest),
            ("56 a continuation first", b"\tx\r\n" + good + rest), ("56 a colon first", b": x\r\n" + good + rest),
        ]
        for reason, content in cases:
            with self.subTest(reason):
                self.refused(content)

    def test_46_and_51_what_maps_to_the_bank_is_the_bank(self):
        for host in ("\uff42ank.example", "bank\u3002example", "BANK.Example"):
            with self.subTest(host):
                reply = self.client().deliver(message(f"admin@{host}"))
                self.assertEqual(reply.code, 550, reply)

    def test_53_from_behind_much_header(self):
        filler = b"".join(b"X-%d: %s\r\n" % (n, b"y" * 900) for n in range(400))
        self.refused(b"Subject: x\r\n" + filler + HEADER + b"\r\nbody\r\n", "552 5.3.4")

    def test_54_loops(self):
        self.refused(b"Received: from a by b; Fri, 01 May 2026 12:00:00 +0000\r\n" * 101 + message(), "554 5.4.6")

    def test_55_large_structures_take_linear_time(self):
        began = time.monotonic()
        cases = [b"X: y\r\n" * 40000 + message(), b"a:\r\n" * 60000 + message(), message(extra="X:" + "\r\n " * 80000 + "z\r\n"),
                 message(author="(" * 30000 + ")" * 30000 + "alice@sender.example"), message(author="a@b.example, " * 15000 + "c@d.example"),
                 message(author='"' + "\\\\" * 60000 + '" <alice@sender.example>'),
                 message(extra="DKIM-Signature: " + "a=b;" * 50000 + "\r\n"),
                 message(extra="Authentication-Results: " + "(" * 100000 + "\r\n"),
                 message(extra="DKIM-Signature: v=1; a=rsa-sha256; d=plain.example; s=s; h=from; bh=; b=\r\n" * 2500),
                 message(body="--" + "x" * 8000 + "\r\n" + "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n" * 10000),
                 message(body="z" * 1900000 + "\r\n")]
        for number, content in enumerate(cases):
            with self.subTest(number):
                self.client().deliver(content)
        self.assertLess(time.monotonic() - began, 25)

    def test_57_forged_results_go(self):
        forged = ["Authentication-Results: mx.example.org; evil=1", "authentication-RESULTS: mx.example.org; evil=1",
                  "Authentication-Results:mx.example.org;evil=1", "Authentication-Results : mx.example.org; evil=1",
                  "Authentication-Results: MX.EXAMPLE.ORG; evil=1", "Authentication-Results: mx.example.org 1; evil=1",
                  "Authentication-Results: (c) mx.example.org; evil=1", "Authentication-Results: (c(d)e) mx.example.org (f) 1 (g); evil=1",
                  'Authentication-Results: "mx.example.org"; evil=1', 'Authentication-Results: "mx\\.example.org"; evil=1',
                  "Authentication-Results:\r\n mx.example.org;\r\n evil=1", "Authentication-Results:\r\n\tmx.example.org\r\n\t; evil=1",
                  "Authentication-Results: mx.example.org (; evil=1", "Authentication-Results: mx.example.org.; evil=1",
                  "Authentication-Results: mx.example.org", "Authentication-Results: ; evil=1", "Authentication-Results: mx.example.org; none; evil=1",
                  "Authentication-Results: mx.example.org=1; evil=1", 'Authentication-Results: "mx.example.org; evil=1',
                  "Authentication-Results: mx . example . org; evil=1", "Authentication-Results\t: mx.example.org; evil=1"]
        for field in forged:
            with self.subTest(field):
                content = self.delivered(message(extra=field + "\r\n"))
                self.assertEqual(content.lower().count(b"mx.example.org"), 2, content)  # ours, and Received
                self.assertEqual(len(email.message_from_bytes(content).get_all("Authentication-Results")), 1)
        for place in (b"From", b"Subject"):
            content = message().replace(place + b":", b"Authentication-Results: mx.example.org; evil=1\r\n" + place + b":")
            self.assertNotIn(b"evil=", self.delivered(content))

    def test_58_forged_results_under_other_names_go(self):
        for field in ("Received-SPF: pass (evil) receiver=mx.example.org; x=evil=1", "X-Gatepost-Quarantine: evil=1"):
            with self.subTest(field):
                self.assertNotIn(field.split(" ")[-1].encode(), self.delivered(message(extra=field + "\r\n")))

    def test_59_results_in_a_message_prove_nothing(self):
        for field in ("Authentication-Results: mx.example.org; dmarc=pass header.from=bank.example",
                      "Authentication-Results: mx.google.com; dmarc=pass header.from=bank.example; spf=pass smtp.mailfrom=bank.example",
                      "Received-SPF: pass (mx.example.org) client-ip=127.0.0.1"):
            with self.subTest(field):
                self.refused(message("admin@bank.example", extra=field + "\r\n"), "550 5.7.26", reverse_path="x@plain.example")

    # Slow and many.

    def test_85_slow_octets_do_not_hold_a_session(self):
        gateway = self.open(Gateway(self.sink.url, self.dns.address, limits={"command_timeout": "1s", "data_timeout": "1s"}))
        for reason, begin, octets in (("command", self.client, b"N"), ("content", self.in_transaction, b"x\r\n")):
            with self.subTest(reason):
                client, began = begin(gateway=gateway), time.monotonic()
                client.sock.settimeout(0.05)
                with contextlib.suppress(ConnectionError):
                    while time.monotonic() - began < 8 and b"421" not in client.buffer:
                        client.send(octets)
                        with contextlib.suppress(TimeoutError):
                            client.buffer += client.sock.recv(1000)
                self.assertLess(time.monotonic() - began, 6)
                self.assertIn(b"421 4.4.2", client.buffer)

    def test_86_idle_at_any_stage(self):
        gateway = self.open(Gateway(self.sink.url, self.dns.address, tls=self.tls,
                                    limits={"command_timeout": "1s", "data_timeout": "1s"}))
        greeted, hello, mail, data = (self.open(gateway.client()), self.client(gateway=gateway), self.client(gateway=gateway),
                                      self.in_transaction(gateway=gateway))
        mail.command("MAIL FROM:<x@plain.example>")
        secure = self.client(gateway=gateway, tls=True)
        for client in (greeted, hello, mail, data, secure):
            self.assertIn(b"421 4.4.2", client.rest())

    def test_87_a_client_that_never_reads(self):
        client = self.open(Client(self.gateway.port, greeted=False))
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sock.settimeout(0.5)
        with contextlib.suppress(OSError):
            while True:
                client.send(b"HELP\r\n" * 1000)
        self.honest()

    def test_88_many_connections_of_one_address(self):
        gateway = self.open(Gateway(self.sink.url, self.dns.address, limits={"sessions_per_client": 5, "sessions": 8}))
        for _ in range(2):
            clients = [self.open(gateway.client()) for _ in range(5)]
            self.assertEqual({client.greeting.code for client in clients}, {220})
            self.assert_status(self.open(gateway.client()).greeting, "421 4.7.0")
            others = [self.open(gateway.client(source=f"127.0.0.{n}")) for n in range(2, 6)]
            self.assertEqual([client.greeting.code for client in others].count(421), 1, "the ninth of eight")
            for client in clients + others:
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # RST
                client.close()
            poll(lambda: self.greets(gateway), "the counters come back")

    def greets(self, gateway):
        with gateway.client() as client:
            return client.greeting.code == 220

    def test_88_a_storm_of_resets(self):
        for octets in (b"", b"EHLO x\r\n", b"EHLO x\r\nSTARTTLS\r\n", b"EHLO x\r\nMAIL FROM:<x@plain.example>\r\nRCPT TO:<bob@example.org>\r\n"):
            for _ in range(30):
                client = Client(self.gateway.port, greeted=False)
                client.send(octets)
                client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                client.close()

    def test_99_of_16_a_handshake_that_stalls_ends(self):
        left = self.stalled_since + 35 - time.monotonic()
        self.stalled.sock.settimeout(max(left, 1))
        self.assertEqual(self.stalled.rest(), b"")


if __name__ == "__main__":
    harness.main()
