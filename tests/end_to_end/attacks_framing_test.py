#!/usr/bin/python3
"""Attacks 1 to 10: one message must not become two."""

import harness
from attacks import AttackCase, HEADER, SMUGGLED
from harness import message, stuffed

MARKS = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\n.\r", b"\r.\r", b"\r.\n", b"\r.\r\n", b"\r\n.\r", b"\r\r\n.\r\r\n",
         b"\r\n.\r\r\n", b"\r\n\0.\r\n", b"\r\n.\0\r\n", b"\r\0\n.\r\n", b"\r\n.\r\0\n"]


class Framing(AttackCase):
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


if __name__ == "__main__":
    harness.main()
