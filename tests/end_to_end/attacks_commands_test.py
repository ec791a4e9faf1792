#!/usr/bin/python3
"""Attacks 21 to 34: commands, resources and relaying."""
import contextlib
import re

import harness
from attacks import AttackCase
from harness import Client, message


class Commands(AttackCase):
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


if __name__ == "__main__":
    harness.main()
