"""What the attack tests share: attacks_*_test.py, whose numbers are those of the table in gateway/README.md."""
import re
import tempfile

import harness
from harness import Gateway, Sink, make_certificate, message, tls_client
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


class AttackCase(harness.TestCase):
    """A gateway in front of a sink. After each attack nothing of it may have got through, and an honest message must
    still pass."""

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
