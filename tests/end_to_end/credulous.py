"""A gateway in front of the most credulous server there is, for the tests of framing and pipelining."""
import contextlib
import re
import socket
import tempfile
import threading

import harness
from harness import Gateway, make_certificate, tls_client

HEADER = b"From: alice@sender.example\r\nTo: bob@example.org\r\nSubject: framing\r\n\r\n"
SMUGGLED = (b"MAIL FROM:<admin@bank.example>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n"
            b"From: admin@bank.example\r\n\r\nevil\r\n")


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


class CredulousCase(harness.TestCase):
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

    def assert_one_delivered(self, body, envelopes=1):
        [content] = self.downstream.contents
        self.assertEqual(content.split(b"\r\n\r\n", 1)[1], body)
        self.assertEqual(len(self.downstream.envelopes), envelopes)
