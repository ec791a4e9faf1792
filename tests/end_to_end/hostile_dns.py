"""A small DNS server that answers truly from a zone, or lies as told: for each name a trick may take over."""
import contextlib
import socket
import struct
import threading

KINDS = {"A": 1, "CNAME": 5, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "TLSA": 52}


def wire_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split(".")) + b"\0"


def rdata(kind, value):
    if kind in ("A", "AAAA"):
        return socket.inet_pton(socket.AF_INET if kind == "A" else socket.AF_INET6, value)
    if kind == "TXT":
        octets = value.encode()
        parts = [octets[at:at + 255] for at in range(0, len(octets), 255)] or [b""]
        return b"".join(bytes([len(part)]) + part for part in parts)
    if kind == "MX":
        preference, host = value.split()
        return struct.pack(">H", int(preference)) + wire_name(host)
    if kind == "TLSA":
        usage, selector, matching, data = value.split()
        return bytes([int(usage), int(selector), int(matching)]) + bytes.fromhex(data)
    return wire_name(value)


class Question:
    def __init__(self, packet):
        self.packet = packet
        at, labels = 12, []
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]])
            at += 1 + packet[at]
        self.end = at + 5
        self.name = b".".join(labels).decode("latin-1").lower()
        self.kind = struct.unpack(">H", packet[at + 1:at + 3])[0]

    def reply(self, records=(), rcode=0, flags=0x8580, identity=None, question=None, additional=()):
        """`records`: (owner in wire form, kind, octets); c00c is the name that was asked for."""
        head = self.packet[:2] if identity is None else identity
        counts = struct.pack(">HHHHH", flags | rcode, 1, len(records), 0, len(additional))
        body = self.packet[12:self.end] if question is None else question
        for owner, kind, data in (*records, *additional):
            body += owner + struct.pack(">HHIH", kind, 1, 300, len(data)) + data
        return head + counts + body


class HostileDns:
    """`zone`: {"name": ["TXT text…", …]}. `tricks`: {"name": function of (server, question, send)}, where `send` sends
    a packet back to who asked. What is in neither does not exist. `silent`: nothing is answered at all."""

    def __init__(self, zone):
        self.zone, self.tricks = dict(zone), {}
        self.asked = []
        self.everything = None  # a trick for every name
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.bind(("127.0.0.1", 0))
        self.udp.settimeout(0.1)
        self.ended = False
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    @property
    def address(self):
        return "127.0.0.1:%d" % self.udp.getsockname()[1]

    def truth(self, question):
        if question.name not in self.zone:
            return question.reply(rcode=3)
        records = []
        for record in self.zone[question.name]:
            kind, _, value = record.partition(" ")
            if KINDS[kind] in (question.kind, KINDS["CNAME"]):
                records.append((b"\xc0\x0c", KINDS[kind], rdata(kind, value)))
        return question.reply(records)

    def serve(self):
        while not self.ended:
            with contextlib.suppress(OSError):
                packet, peer = self.udp.recvfrom(4096)
                self.peer = peer
                question = Question(packet)
                self.asked.append(question.name)
                trick = self.tricks.get(question.name, self.everything)

                def send(octets, to=peer):
                    self.udp.sendto(octets, to)
                if trick:
                    trick(self, question, send)
                else:
                    send(self.truth(question))

    def close(self):
        self.ended = True
        self.thread.join()
        self.udp.close()


def silence(_server, _question, _send):
    pass


def failure(rcode):
    return lambda _server, question, send: send(question.reply(rcode=rcode))


def garbage(_server, question, send):
    for octets in (b"", b"\0", question.packet[:2] + b"\xff" * 40, question.packet, question.reply()[:-3],
                   question.reply([(b"\xc0\x0c" * 1, 16, b"\xff")]), question.reply([(b"\xc0\xff", 16, b"\0")])):
        send(octets)


def cut_without_tcp(_server, question, send):
    send(question.reply(flags=0x8780))
