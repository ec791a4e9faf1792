"""Many clients of one gateway: some only wait, some write their content as slowly as they can. They come from many
addresses of 127.0.0.0/8, so that limits for one client are met by none of them."""
import contextlib
import itertools
import os
import resource
import socket
import threading
import time

import harness

IP_BIND_ADDRESS_NO_PORT = 24  # ports are then drawn for each pair of addresses, not for all of them together
OF_EACH_ADDRESS = 20
PORTION = 200  # clients that are led through the same step one after the other
DRIP = b"and so on\r\n"  # once a second from each slow writer


def raise_descriptor_limit(wanted):
    """As many descriptors as we may have; false if that is less."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(ValueError, OSError):  # not everybody may raise the hard one
        hard = max(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard >= wanted


def addresses():
    """127.1.0.1 and on, each for a few clients."""
    for number in itertools.count():
        yield from [f"127.{1 + number // 62500}.{number // 250 % 250}.{1 + number % 250}"] * OF_EACH_ADDRESS


def answer(sock, code):
    """A whole reply, which must begin with that code."""
    octets = b""
    while not octets.endswith(b"\r\n") or octets.splitlines()[-1][3:4] == b"-":
        got = sock.recv(4096)
        if not got:
            raise AssertionError(f"closed after {octets!r}")
        octets += got
    if not octets.startswith(code):
        raise AssertionError(f"{code.decode()} expected, not {octets!r}")


def ask(socks, line, code):
    for sock in socks:
        sock.sendall(line + b"\r\n")
    for sock in socks:
        answer(sock, code)


class Crowd:
    def __init__(self, port):
        self.port = port
        self.sources = addresses()
        self.waiting, self.writing = [], []
        self.is_over = threading.Event()
        self.dripper = threading.Thread(target=self.drip, daemon=True)
        self.dripped = 0  # rounds

    def connect(self, count):
        socks = []
        for _ in range(count):
            sock = socket.socket()
            sock.settimeout(harness.PATIENCE)
            sock.setsockopt(socket.IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1)
            sock.bind((next(self.sources), 0))
            sock.connect(("127.0.0.1", self.port))
            socks.append(sock)
        for sock in socks:
            answer(sock, b"220")
        ask(socks, b"EHLO mail.sender.example", b"250")
        return socks

    def portions(self, count):
        return [min(PORTION, count - at) for at in range(0, count, PORTION)]

    def wait(self, count, context=None):
        """So many more who have said EHLO and are silent then; under STARTTLS with a context."""
        for portion in self.portions(count):
            socks = self.connect(portion)
            if context:
                ask(socks, b"STARTTLS", b"220")
                socks = [context.wrap_socket(sock, server_hostname="mx.example.org") for sock in socks]
                ask(socks, b"EHLO mail.sender.example", b"250")
            self.waiting += socks

    def write(self, count):
        """So many more whose content comes in drops."""
        for portion in self.portions(count):
            socks = self.connect(portion)
            ask(socks, b"MAIL FROM:<slow@sender.example>", b"250")
            ask(socks, b"RCPT TO:<you@example.org>", b"250")
            ask(socks, b"DATA", b"354")
            for sock in socks:
                sock.sendall(b"From: slow@sender.example\r\n\r\n")
            self.writing += socks
        if not self.dripper.is_alive():
            self.dripper.start()

    def drip(self):
        while not self.is_over.wait(1):
            for sock in self.writing:
                with contextlib.suppress(OSError):
                    sock.sendall(DRIP)
            self.dripped += 1

    def left(self, socks):
        """How many of them the gateway has not closed."""
        count = 0
        for sock in socks:
            with contextlib.suppress(ConnectionResetError):
                plain = socket.socket(fileno=sock.fileno())
                try:
                    plain.setblocking(False)
                    count += plain.recv(1, socket.MSG_PEEK) != b""
                except BlockingIOError:
                    count += 1
                finally:
                    plain.detach()
        return count

    def close(self):
        self.is_over.set()
        if self.dripper.is_alive():
            self.dripper.join(harness.PATIENCE)
        for sock in self.waiting + self.writing:
            sock.close()


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def settled(what, wanted, patience=harness.PATIENCE):
    """Polls until what() is at most `wanted`; its last value."""
    deadline = time.monotonic() + patience
    while (value := what()) > wanted and time.monotonic() < deadline:
        time.sleep(0.1)
    return value
