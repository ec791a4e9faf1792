#!/usr/bin/python3
"""Where a message ends, and what of it goes on: every false end of specs/smtp.md M-19 by DATA and by BDAT, in one segment
and octet by octet, plain and over TLS, refused and normalised. Behind the gateway stands the most credulous server there
is: it takes any of them for the end. Then pipelining (section 11) and the worked dialogues A to E (section 12)."""
import contextlib
import re
import socket
import tempfile
import threading
import unittest

import harness
from harness import Gateway, make_certificate, message, tls_client

HEADER = b"From: alice@sender.example\r\nTo: bob@example.org\r\nSubject: framing\r\n\r\n"
SMUGGLED = (b"MAIL FROM:<admin@bank.example>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n"
            b"From: admin@bank.example\r\n\r\nevil\r\n")
# What stands there, and what it becomes when normalised: by DATA, where a dot that begins a line is stuffing, and by BDAT.
ROWS = {
    1: (b"\n.\n", b"\r\n.\r\n", b"\r\n.\r\n"),
    2: (b"\n.\r", b"\r\n. ", b"\r\n. "),
    3: (b"\r.\n", b" .\r\n", b" .\r\n"),
    4: (b"\r.\r", b" . ", b" . "),
    5: (b"\n.\r\n", b"\r\n.\r\n", b"\r\n.\r\n"),
    6: (b"\r.\r\n", b" .\r\n", b" .\r\n"),
    7: (b"\r\n.\n", b"\r\n\r\n", b"\r\n.\r\n"),
    8: (b"\r\n.\r", b"\r\n ", b"\r\n. "),
    9: (b"\r\n.\r\r\n", b"\r\n \r\n", b"\r\n. \r\n"),
    10: (b"\r\r\n.\r\r\n", b" \r\n \r\n", b" \r\n. \r\n"),
    11: (b"\r\n\0.\r\n", None, None),
    "11 b": (b"\r\n.\0\r\n", None, None),
}


class Credulous:
    """A server that takes commands with any line end, and any mark for the end of DATA; keeps all octets it read."""

    END = re.compile(rb"(?:\r\n|\n|\r|\A)\0?\.\0?(?:\r\n|\n|\r)")

    def __init__(self):
        self.octets = []     # of each connection
        self.envelopes = []  # MAIL commands
        self.contents = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"smtp://127.0.0.1:{self.listener.getsockname()[1]}"
        self.connections = []
        self.threads = [threading.Thread(target=self.accept, daemon=True)]
        self.threads[0].start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                self.connections.append(sock)
                self.octets.append(b"")
                thread = threading.Thread(target=self.serve, args=(sock, len(self.octets) - 1), daemon=True)
                self.threads.append(thread)
                thread.start()

    def serve(self, sock, number):
        with contextlib.suppress(OSError, EOFError):
            self.talk(sock, number)

    def talk(self, sock, number):
        buffer = b""

        def read():
            nonlocal buffer
            got = sock.recv(65536)
            if not got:
                raise EOFError
            self.octets[number] += got
            buffer += got

        sock.sendall(b"220 credulous\r\n")
        while True:
            while not (end := re.search(rb"\r\n|\n|\r(?!\Z)", buffer)):
                read()
            line, buffer = buffer[:end.start()], buffer[end.end():]
            verb = line[:4].upper()
            if verb == b"MAIL":
                self.envelopes.append(line)
            if verb == b"EHLO":
                sock.sendall(b"250-credulous\r\n250-PIPELINING\r\n250 8BITMIME\r\n")
            elif verb == b"DATA":
                sock.sendall(b"354 go on\r\n")
                while not (end := self.END.search(buffer)):
                    read()
                self.contents.append(buffer[:end.start()] + b"\r\n")
                buffer = buffer[end.end():]
                sock.sendall(b"250 taken\r\n")
            else:
                sock.sendall(b"250 ok\r\n")

    def forget(self):
        self.envelopes.clear()
        self.contents.clear()

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for sock in self.connections:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(harness.PATIENCE)
        for sock in self.connections:
            sock.close()


class FramingCase(harness.TestCase):
    smtp = {}

    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="gatepost-framing-")
        cls.addClassCleanup(folder.cleanup)
        certificate, key = make_certificate(folder.name, "mx.example.org")
        cls.downstream = cls.open_for_all(Credulous())
        cls.gateway = cls.open_for_all(Gateway(
            cls.downstream.url, tls=[{"certificate": str(certificate), "key": str(key)}], smtp=cls.smtp,
            dns={"timeout": "50ms"}, policy={"enforce": "observe"},
            limits={"message_size": "64KiB", "sessions_per_client": 900, "errors": 20}))

    def setUp(self):
        self.downstream.forget()

    def tearDown(self):
        for octets in self.downstream.octets:
            self.assertIsNone(re.search(rb"(?<!\r)\n|\r(?!\n)|\0", octets), "a bare CR, bare LF or NUL went on")
        self.assertFalse([each for each in self.downstream.envelopes if b"bank" in each], "a smuggled envelope")

    def client(self, tls=False, hello="EHLO"):
        client = self.open(self.gateway.client())
        self.assertEqual(client.command(f"{hello} client.example").code, 250)
        if tls:
            client.starttls(tls_client())
            client.hello()
        return client

    def in_transaction(self, tls=False):
        client = self.client(tls)
        client.send(b"MAIL FROM:<alice@sender.example>\r\nRCPT TO:<bob@example.org>\r\n")
        self.assertEqual([reply.code for reply in client.replies(2)], [250, 250])
        return client

    def sent(self, content, by, tls, slowly):
        """The last reply to a message, and the client. What stands behind it has been sent along."""
        client = self.in_transaction(tls)
        if by == "DATA":
            self.assertEqual(client.command("DATA").code, 354)
            wire, replies = content + b".\r\n", 1
        elif by == "BDAT":
            wire, replies = b"BDAT %d LAST\r\n" % len(content) + content, 1
        else:  # in chunks whose borders are everywhere
            pieces = [content[at:at + 13] for at in range(0, len(content), 13)]
            wire = b"".join(b"BDAT %d\r\n" % len(piece) + piece for piece in pieces) + b"BDAT 0 LAST\r\n"
            replies = len(pieces) + 1
        (client.send_slowly if slowly else client.send)(wire + b"NOOP\r\n")
        for _ in range(replies):
            reply = client.reply()
            if reply.code != 250:
                break
        return reply, client

    WAYS = [(by, tls, slowly) for by in ("DATA", "BDAT", "chunks") for tls in (False, True) for slowly in (False, True)]

    def each(self):
        for row, (octets, by_data, by_bdat) in ROWS.items():
            for by, tls, slowly in self.WAYS:
                with self.subTest(row=row, by=by, tls=tls, slowly=slowly):
                    self.downstream.forget()
                    reply, client = self.sent(HEADER + b"hi" + octets + SMUGGLED, by, tls, slowly)
                    yield octets, by_data if by == "DATA" else by_bdat, reply, client
                    client.close()

    def assert_one_delivered(self, body, envelopes=1):
        [content] = self.downstream.contents
        self.assertEqual(content.split(b"\r\n\r\n", 1)[1], body)
        self.assertEqual(len(self.downstream.envelopes), envelopes)


class Refused(FramingCase):
    def test_no_false_end_is_one_and_none_goes_on(self):
        for octets, _, reply, client in self.each():
            self.assert_status(reply, "550 5.6.0" if b"\0" in octets else "550 5.5.2")
            self.assertEqual(client.rest(), b"")
            self.assertEqual(self.downstream.contents, [])

    def test_the_true_end_is_found_at_every_split(self):  # row 12
        wire = HEADER + b"..\r\n..a\r\n.\r\n"
        for at in range(len(wire) - 12, len(wire)):
            self.downstream.forget()
            client = self.in_transaction()
            client.command("DATA")
            client.send(wire[:at])
            client.send(wire[at:])
            self.assertEqual(client.reply().code, 250)
            self.assert_one_delivered(b"..\r\n..a\r\n")

    def test_an_empty_message_keeps_the_step(self):  # row 13
        client = self.in_transaction()
        client.command("DATA")
        client.send(b".\r\nNOOP\r\n")
        self.assertIn(client.reply().code, (250, 550, 554))
        self.assert_status(client.reply(), "250 2.0.0")

    def test_chunks_that_are_no_lines_are_completed(self):
        for last in (b"no line end", b"line\r\n", b"two\r\n.", b".", b"x\r\n\r\n"):
            for chunk in (1, 5, 1000):
                self.downstream.forget()
                client = self.in_transaction()
                content = HEADER + last
                pieces = [content[at:at + chunk] for at in range(0, len(content), chunk)]
                client.send(b"".join(b"BDAT %d%s\r\n" % (len(piece), b" LAST" if at == len(pieces) - 1 else b"") + piece
                                     for at, piece in enumerate(pieces)))
                for reply in client.replies(len(pieces)):
                    self.assertEqual(reply.code, 250, reply)
                stuffed = re.sub(rb"(?m)^\.", b"..", last)
                self.assert_one_delivered(stuffed if stuffed.endswith(b"\r\n") else stuffed + b"\r\n")

    def test_a_chunk_cut_short_delivers_nothing(self):  # section 11 test 4
        client = self.in_transaction()
        client.send(b"BDAT 5 LAST\r\nab")
        client.close()
        client = self.client()
        client.command("NOOP")
        self.assertEqual(self.downstream.contents, [])

    def test_chunks_of_a_refused_recipient_are_no_commands(self):  # test 5
        client = self.client()
        content = HEADER + SMUGGLED
        client.send(b"MAIL FROM:<alice@sender.example>\r\nRCPT TO:<bob@elsewhere.example>\r\n" +
                    b"BDAT %d\r\n" % len(content) + content + b"BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n")
        self.assertEqual([reply.status for reply in client.replies(5)],
                         ["250 2.1.0", "550 5.7.1", "503 5.5.1", "503 5.5.1", "250 2.0.0"])

    def test_sizes_that_are_none_end_the_session(self):  # notes/attacks.md 35
        for size in (b"-1", b"+5", b"0x10", b"5.0", b"ten", b"", b"2147483648000000000000000", b"18446744073709551621",
                     b"9" * 60, b"5\0", b"5 LAST LAST"):
            client = self.in_transaction()
            client.send(b"BDAT " + size + b"\r\n" + SMUGGLED)
            self.assert_status(client.reply(), "501 5.5.4")
            self.assertEqual(client.rest(), b"", size)
        for size in (2**31, 2**63, 65537):
            client = self.in_transaction()
            client.send(b"BDAT %d LAST\r\n" % size + SMUGGLED)
            self.assert_status(client.reply(), "552 5.3.4")
            self.assertEqual(client.rest(), b"", size)

    def test_chunks_may_not_be_too_large_together(self):  # attack 37
        client = self.in_transaction()
        chunk = b"x" * 62 + b"\r\n"
        client.send((b"BDAT 32768\r\n" + chunk * 512) * 3 + b"BDAT 0 LAST\r\nNOOP\r\n")
        self.assertEqual([reply.status for reply in client.replies(5)],
                         ["250 2.0.0", "250 2.0.0", "552 5.3.4", "503 5.5.1", "250 2.0.0"])

    def test_data_and_bdat_do_not_mix(self):
        client = self.in_transaction()
        content = message()
        client.send(b"BDAT %d\r\n" % len(content) + content)
        self.assertEqual(client.reply().code, 250)
        self.assert_status(client.command("DATA"), "503 5.5.1")
        self.assert_status(client.command("RCPT TO:<carol@example.org>"), "503 5.5.1")
        self.assert_status(client.command("BDAT 0 LAST"), "250 2.0.0")
        client.send("BDAT 4 LAST\r\nabcd")
        self.assert_status(client.reply(), "503 5.5.1")
        self.assert_one_delivered(b"Hello.\r\n")

    def test_reset_ends_the_chunks(self):
        for reset in ("RSET", "EHLO client.example"):
            self.downstream.forget()
            client = self.in_transaction()
            client.send("BDAT 4\r\nabcd")
            self.assertEqual(client.reply().code, 250)
            self.assertEqual(client.command(reset).code, 250)
            client.send("BDAT 4 LAST\r\nabcd")
            self.assert_status(client.reply(), "503 5.5.1")
            self.assertEqual(client.deliver(message()).code, 250)
            self.assert_one_delivered(b"Hello.\r\n", envelopes=2)


class Normalized(FramingCase):
    smtp = {"bare_newline": "normalize"}

    def test_false_ends_are_content(self):
        for octets, normalized, reply, client in self.each():
            if normalized is None:
                self.assert_status(reply, "550 5.6.0")
                self.assertEqual(client.rest(), b"")
                self.assertEqual(self.downstream.contents, [])
                continue
            self.assertEqual(reply.code, 250, reply)
            self.assert_status(client.reply(), "250 2.0.0")  # to NOOP: the session goes on
            self.assert_one_delivered(b"hi" + re.sub(rb"\r\n\.", b"\r\n..", normalized) + SMUGGLED)

    def test_commands_still_end_with_cr_lf(self):  # M-20
        client = self.client()
        client.send(b"NOOP\nMAIL FROM:<admin@bank.example>\r\n")
        self.assert_status(client.reply(), "500 5.5.2")
        self.assertEqual(client.rest(), b"")


class NormalizedForSome(FramingCase):
    smtp = {"normalize_for": ["127.0.0.2", "192.0.2.0/24"]}

    def test_the_others_are_refused(self):
        for source, code in (("127.0.0.2", 250), ("127.0.0.1", 550)):
            client = self.open(self.gateway.client(source=source))
            client.hello()
            client.begin()
            client.send(HEADER + b"bare\n.\r\n\r\n.\r\n")
            self.assertEqual(client.reply().code, code)
        self.assert_one_delivered(b"bare\r\n..\r\n\r\n", envelopes=2)


class Pipelining(FramingCase):
    def test_answers_come_in_order(self):  # section 11 test 3, dialogue C
        client = self.client()
        client.send(b"MAIL FROM:<alice@sender.example>\r\nRCPT TO:<bob@example.org>\r\n"
                    b"RCPT TO:<bob@elsewhere.example>\r\nRCPT TO:<carol@example.org>\r\nDATA\r\n")
        self.assertEqual([reply.code for reply in client.replies(5)], [250, 250, 550, 250, 354])
        client.send(message() + b".\r\nQUIT\r\n")
        self.assertEqual([reply.code for reply in client.replies(2)], [250, 221])
        self.assert_one_delivered(b"Hello.\r\n")

    def test_content_of_a_refused_data_is_only_errors(self):
        client = self.client()
        client.send(b"MAIL FROM:<alice@sender.example>\r\nRCPT TO:<b@elsewhere.example>\r\nRCPT TO:<c@elsewhere.example>\r\n"
                    b"DATA\r\n" + HEADER + b"hi\r\n.\r\nNOOP\r\n")
        self.assertEqual([reply.code for reply in client.replies(4)], [250, 550, 550, 554])
        self.assertEqual([reply.code // 100 for reply in client.replies(6)], [5] * 6)
        self.assert_status(client.reply(), "250 2.0.0")

    def test_parameters_of_1036_octets(self):  # test 8; DSN is not offered by this downstream
        client = self.client()
        client.command("MAIL FROM:<alice@sender.example>")
        line = "RCPT TO:<bob@example.org> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;" + "x" * 493
        self.assert_status(client.command(line.replace("<", " " * (1034 - len(line)) + "<")), "555 5.5.4")

    def test_odd_recipients(self):  # test 9
        client = self.client()
        client.command("MAIL FROM:<alice@sender.example>")
        for path, code in (("<Postmaster>", 250), ('<"a b"@example.org>', 250), ("<@x.example:bob@example.org>", 250),
                           ("<@x.example:bob@elsewhere.example>", 550)):
            self.assertEqual(client.command(f"RCPT TO:{path}").code, code, path)

    def test_dots_within_chunks_are_dots(self):  # test 15
        content = HEADER + b"..\r\n.a\r\n.\r\n.."
        client = self.in_transaction()
        client.send(b"BDAT %d LAST\r\n" % len(content) + content)
        self.assertEqual(client.reply().code, 250)
        self.assert_one_delivered(b"...\r\n..a\r\n..\r\n...\r\n")

    def test_nothing_is_run_between_starttls_and_tls(self):  # dialogue B
        client = self.client()
        client.send(b"STARTTLS\r\nMAIL FROM:<e@bank.example>\r\n")
        self.assertNotIn(b"\r\n", client.rest().replace(b"220 2.0.0 Ready to start TLS\r\n", b""))

    def test_chunks_without_a_recipient(self):  # dialogue D
        client = self.client()
        client.send(b"MAIL FROM:<alice@sender.example>\r\nBDAT 4\r\nabcdNOOP\r\n")
        self.assertEqual([reply.status for reply in client.replies(3)], ["250 2.1.0", "503 5.5.1", "250 2.0.0"])
        client = self.in_transaction()
        client.send(b"BDAT 4 LAST\r\n.\r\n\nNOOP\r\n")
        self.assert_status(client.reply(), "550 5.5.2")
        self.assertEqual(client.rest(), b"")

    def test_a_declared_size_over_the_limit(self):  # dialogue E
        client = self.client()
        self.assert_status(client.command("MAIL FROM:<u@x.example> SIZE=99999999"), "552 5.3.4")
        self.assert_status(client.command("RCPT TO:<bob@example.org>"), "503 5.5.1")


class PipeliningRefused(FramingCase):
    smtp = {"unauthorized_pipelining": "refuse"}

    def test_who_waits_may_pipeline(self):
        client = self.client()
        client.send(b"MAIL FROM:<alice@sender.example>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n")
        self.assertEqual([reply.code for reply in client.replies(3)], [250, 250, 354])
        client.send(message() + b".\r\nMAIL FROM:<alice@sender.example>\r\nQUIT\r\n")
        self.assertEqual([reply.code for reply in client.replies(3)], [250, 250, 221])

    def test_who_does_not_wait_is_cut_off(self):
        for hello, octets in (("EHLO", b"DATA\r\n" + message() + b".\r\n"), ("EHLO", b"NOOP\r\nNOOP\r\n"),
                              ("EHLO", b"EHLO x\r\n" + SMUGGLED),
                              ("HELO", b"MAIL FROM:<alice@sender.example>\r\nRCPT TO:<bob@example.org>\r\n")):
            client = self.client(hello=hello)
            client.send(octets)
            reply = client.reply()
            self.assert_status(reply, "503 5.5.1")
            self.assertEqual(client.rest(), b"", octets)


del FramingCase  # is none by itself
if __name__ == "__main__":
    harness.main()
