#!/usr/bin/python3
"""DANE towards the downstream (RFC 7672): real TLS servers behind a DNS server that says what is signed. And our own
certificate, for servers that demand one."""
import hashlib
import pathlib
import ssl
import subprocess
import tempfile

import harness
import hostile_dns
from harness import Gateway, Sink, make_certificate, make_expired_certificate, message

HOST = "smtp.example.org"
PLAIN = message("x@plain.example")


class SignedDns(hostile_dns.HostileDns):
    """Says of what is in `insecure` that nobody vouches for it, and of all else that DNSSEC does, if it is asked."""

    def __init__(self, zone):
        self.insecure = set()
        super().__init__(zone)

    def truth(self, question):
        packet = bytearray(super().truth(question))
        if question.name not in self.insecure and question.packet[3] & 0x20:
            packet[3] |= 0x20
        return bytes(packet)


def key_digest(certificate):
    """SHA-256 of the public key as it stands in the certificate, by OpenSSL's own commands."""
    key = subprocess.run(["openssl", "x509", "-in", certificate, "-pubkey", "-noout"], check=True, capture_output=True)
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=key.stdout, check=True, capture_output=True)
    return hashlib.sha256(der.stdout).hexdigest()


def certificate_digest(certificate):
    return hashlib.sha512(ssl.PEM_cert_to_DER_cert(pathlib.Path(certificate).read_text())).hexdigest()


def make_chain(folder, name):
    """A certificate for `name` from an authority of its own: the file with both, the key, the authority's file."""
    folder = pathlib.Path(folder)
    authority, authority_key = make_certificate(folder, f"ca.{name}")
    key, request, leaf, chain = (folder / f"{name}-leaf.{ending}" for ending in ("key", "csr", "pem", "chain"))
    extension = folder / f"{name}.ext"
    extension.write_text(f"subjectAltName=DNS:{name}\n")
    subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                    "-keyout", key, "-out", request], check=True, capture_output=True)
    subprocess.run(["openssl", "x509", "-req", "-in", request, "-CA", authority, "-CAkey", authority_key, "-CAcreateserial",
                    "-days", "30", "-extfile", extension, "-out", leaf], check=True, capture_output=True)
    chain.write_text(leaf.read_text() + authority.read_text())
    return chain, key, authority


def server_context(certificate, key):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


class DaneCase(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="gatepost-dane-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name
        cls.certificate, key = make_certificate(cls.folder, HOST)
        cls.context = server_context(cls.certificate, key)
        cls.other, other_key = make_certificate(cls.folder, "other.example")
        cls.other_context = server_context(cls.other, other_key)

    def setUp(self):
        self.dns = self.open(SignedDns({HOST: ["A 127.0.0.1"], "plain.example": ["A 127.0.0.1"]}))

    def sink(self, context=None, answers=None, **options):
        return self.open(Sink(answers, tls=context, **options))

    def publish(self, sink, *records, host=HOST):
        self.tlsa = f"_{sink.port}._tcp.{host}"
        self.dns.zone[self.tlsa] = [f"TLSA {record}" for record in records]

    def gateway_to(self, sink, host=HOST, **downstream):
        return self.open(Gateway(f"smtp://{host}:{sink.port}", self.dns.address,
                                 downstream={"tls": "dane", **downstream}))

    def deliver(self, gateway):
        """The last status of a transaction: of RCPT if that is refused."""
        with gateway.client() as client:
            client.hello()
            client.command("MAIL FROM:<x@plain.example>")
            reply = client.command("RCPT TO:<bob@example.org>")
            if reply.code == 250:
                client.command("DATA")
                client.send(harness.stuffed(PLAIN) + b".\r\n")
                reply = client.reply()
            return reply.status

    def assert_delivered(self, sink, gateway, encrypted=True):
        self.assertEqual(self.deliver(gateway), "250 2.0.0", gateway.log())
        [delivered] = sink.messages
        self.assertEqual(isinstance(sink.connections[delivered.connection], ssl.SSLSocket), encrypted)

    def assert_kept_back(self, sink, gateway, why):
        self.assertEqual(self.deliver(gateway), "451 4.4.1")
        gateway.logged(f'downstream .*state=unavailable why=".*{why}')
        self.assertEqual(sink.messages, [])
        self.assertFalse([line for _, line in sink.commands if line.startswith("MAIL")], "nor was the envelope shown")


class Authenticated(DaneCase):
    def test_by_records_of_its_key_or_certificate(self):
        rows = (("3 1 1", [f"3 1 1 {key_digest(self.certificate)}"]),
                ("3 0 2", [f"3 0 2 {certificate_digest(self.certificate)}"]),
                ("rolled over: the next key is published already",
                 [f"3 1 1 {key_digest(self.other)}", f"3 1 1 {key_digest(self.certificate)}"]),
                ("beside what cannot be used", ["1 1 1 " + "00" * 32, "3 1 9 00", f"3 1 1 {key_digest(self.certificate)}"]))
        for reason, records in rows:
            with self.subTest(reason):
                sink = self.sink(self.context)
                self.publish(sink, *records)
                self.assert_delivered(sink, self.gateway_to(sink))

    def test_a_record_of_the_key_needs_neither_name_nor_date(self):
        old, old_key = make_expired_certificate(self.folder, "old.example")
        for certificate, context in ((self.other, self.other_context), (old, server_context(old, old_key))):
            sink = self.sink(context)
            self.publish(sink, f"3 1 1 {key_digest(certificate)}")
            self.assert_delivered(sink, self.gateway_to(sink))

    def test_by_a_record_of_its_authority(self):
        chain, key, authority = make_chain(self.folder, HOST)
        sink = self.sink(server_context(chain, key))
        self.publish(sink, f"2 1 1 {key_digest(authority)}")
        self.assert_delivered(sink, self.gateway_to(sink))

    def test_a_record_of_an_authority_needs_the_name(self):
        chain, key, authority = make_chain(self.folder, "elsewhere.example")
        sink = self.sink(server_context(chain, key))
        self.publish(sink, f"2 1 1 {key_digest(authority)}")
        self.assert_kept_back(sink, self.gateway_to(sink), "hostname mismatch")

    def test_nobody_else_gets_the_mail(self):
        sink = self.sink(self.other_context)
        self.publish(sink, f"3 1 1 {key_digest(self.certificate)}")
        self.assert_kept_back(sink, self.gateway_to(sink), "TLS handshake failed: [Nn]o matching DANE TLSA records")

    def test_at_the_end_of_a_secure_alias(self):
        self.dns.zone["mail.example.net"] = [f"CNAME {HOST}"]
        names = []
        context = server_context(self.certificate, self.certificate.with_suffix(".key"))
        context.sni_callback = lambda _socket, name, _context: names.append(name)
        sink = self.sink(context)
        self.publish(sink, f"3 1 1 {key_digest(self.certificate)}")
        self.assert_delivered(sink, self.gateway_to(sink, "mail.example.net"))
        self.assertEqual(set(names), {HOST}, "the TLSA base domain is asked for")

    def test_counts_for_requiretls(self):
        for reason, secure, is_offered in (("authenticated", True, True), ("opportunistic", False, False)):
            with self.subTest(reason):
                sink = self.sink(self.context, capabilities=["REQUIRETLS"])
                self.publish(sink, f"3 1 1 {key_digest(self.certificate)}")
                self.dns.insecure = set() if secure else {self.tlsa}
                certificate, key = make_certificate(self.folder, "mx.example.org")
                gateway = self.open(Gateway(f"smtp://{HOST}:{sink.port}", self.dns.address, downstream={"tls": "dane"},
                                            tls={"certificate": str(certificate), "key": str(key)}))
                client = self.open(gateway.client())
                client.hello()
                client.starttls(harness.tls_client())
                self.assertEqual("REQUIRETLS" in client.hello().lines, is_offered)


class Promised(DaneCase):
    """Where there is a record there is TLS, whatever else is known."""

    def test_nothing_in_the_clear(self):
        record = f"3 1 1 {key_digest(self.certificate)}"
        for reason, sink, records, why in (
                ("not offered", self.sink(), [record], "TLS"),
                ("refused", self.sink(self.context, {"starttls": "454 4.7.0 No"}), [record], ""),
                ("not offered, unusable records", self.sink(), ["1 1 1 " + "00" * 32], "TLS"),
                ("a broken handshake", self.sink(self.context, {"starttls": "220 Go\r\nno TLS"}), [record], "")):
            with self.subTest(reason):
                self.publish(sink, *records)
                self.assert_kept_back(sink, self.gateway_to(sink), why)

    def test_encrypted_where_no_record_can_be_used(self):
        for records in (["1 1 1 " + "00" * 32], ["0 0 1 " + "00" * 32], ["3 1 7 00"], ["3 1 1 0000"], ["3 0 0 " + "30" * 9]):
            with self.subTest(records):
                sink = self.sink(self.other_context)
                self.publish(sink, *records)
                gateway = self.gateway_to(sink)
                self.assert_delivered(sink, gateway)
                gateway.logged(f'downstream .*state="encrypted, not authenticated" why="DANE: no TLSA record of {self.tlsa} is')

    def test_not_in_the_clear_either_when_the_handshake_fails(self):
        """What opportunistic TLS does, tried in the clear once more, is not done here."""
        old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        old.load_cert_chain(*make_certificate(self.folder, "tls11.example"))
        old.set_ciphers("AES128-SHA256:@SECLEVEL=0")
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        old.set_ciphers("ADH-AES128-SHA256:@SECLEVEL=0")  # nothing in common with us
        for records in ([f"3 1 1 {key_digest(self.certificate)}"], ["1 1 1 " + "00" * 32]):
            sink = self.sink(old)
            self.publish(sink, *records)
            self.assert_kept_back(sink, self.gateway_to(sink), "TLS handshake failed")
            self.assertFalse(any(line.startswith("RCPT") for _, line in sink.commands))


class Unknown(DaneCase):
    """What cannot be found out is not taken for "none"."""

    def test_the_server_is_as_good_as_down(self):
        rows = (("SERVFAIL", hostile_dns.failure(2)), ("REFUSED", hostile_dns.failure(5)), ("silence", hostile_dns.silence),
                ("garbage", hostile_dns.garbage))
        for reason, trick in rows:
            with self.subTest(reason):
                sink = self.sink(self.context)
                self.publish(sink)
                self.dns.tricks[self.tlsa] = trick
                self.assert_kept_back(sink, self.gateway_to(sink), f"DANE: TLSA of {self.tlsa} could not be looked up")
                self.assertEqual(sink.connections, [], "it is not even connected to")

    def test_the_next_server_is_turned_to(self):
        good = self.sink(self.context)
        self.publish(good, f"3 1 1 {key_digest(self.certificate)}")
        bad = self.sink()
        self.publish(bad)
        self.dns.tricks[self.tlsa] = hostile_dns.failure(2)
        gateway = self.open(Gateway(f"smtp://{HOST}:{bad.port}", self.dns.address, downstream={
            "tls": "dane", "servers": [f"smtp://{HOST}:{bad.port}", f"smtp://{HOST}:{good.port}"]}))
        self.assert_delivered(good, gateway)
        self.assertEqual(bad.messages, [])

    def test_it_comes_back_with_the_dns(self):
        sink = self.sink(self.context)
        self.publish(sink, f"3 1 1 {key_digest(self.certificate)}")
        self.dns.tricks[self.tlsa] = hostile_dns.failure(2)
        gateway = self.gateway_to(sink)
        self.assert_kept_back(sink, gateway, "DANE")
        del self.dns.tricks[self.tlsa]
        harness.poll(lambda: self.deliver(gateway) == "250 2.0.0", "delivered again")
        self.assertIsInstance(sink.connections[sink.messages[0].connection], ssl.SSLSocket)


class Opportunistic(DaneCase):
    """Where nothing is promised securely: TLS if it is there, and in the clear otherwise."""

    def test_an_insecure_address_is_not_asked_further(self):
        self.dns.insecure = {HOST}
        for sink, encrypted in ((self.sink(self.context), True), (self.sink(), False)):
            self.publish(sink, "3 1 1 " + "00" * 32)
            self.assert_delivered(sink, self.gateway_to(sink), encrypted)
            self.assertNotIn(self.tlsa, self.dns.asked)

    def test_without_secure_records(self):
        for reason, secure, records in (("insecure", False, ["3 1 1 " + "00" * 32]), ("none", True, [])):
            with self.subTest(reason):
                sink = self.sink()
                self.publish(sink, *records)
                self.dns.insecure = set() if secure else {self.tlsa}
                self.assert_delivered(sink, self.gateway_to(sink), encrypted=False)
                self.assertIn(self.tlsa, self.dns.asked)

    def test_an_address_has_no_records(self):
        sink = self.sink()
        self.assert_delivered(sink, self.gateway_to(sink, "127.0.0.1"), encrypted=False)


class Resolvers(DaneCase):
    def test_a_resolver_that_could_be_forged_is_refused(self):
        gateway = self.open(Gateway("smtp://smtp.example.org:25", "192.0.2.53:53", listening=False,
                                    downstream={"tls": "dane"}))
        result = harness.run("check", "--config", str(gateway.file))
        self.assertNotEqual(result.returncode, 0)
        self.assertRegex((result.stdout + result.stderr).decode(),
                         r"gatepost\.yaml:\d+:\d+: error: tls: dane needs DNSSEC.* 192\.0\.2\.53:53 .*dns\.trust_ad: true")


class ClientCertificate(DaneCase):
    """Servers that let in only who shows a certificate."""

    def demanding(self, *trusted):
        """The server's context: `trusted` are the clients' certificates that it takes. TLS 1.2: with 1.3 a client hears
        of a refusal only after the handshake."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.certificate.with_suffix(".key"))
        context.verify_mode = ssl.CERT_REQUIRED
        for certificate in trusted:
            context.load_verify_locations(certificate)
        return context

    def setUp(self):
        super().setUp()
        self.ours, self.key = make_certificate(self.folder, "gateway.example.org")

    def gateway_with(self, sink, mode="opportunistic", identity=True, **changes):
        downstream = {"tls": mode}
        if identity:
            downstream["client_certificate"] = {"certificate": str(self.ours), "key": str(self.key)}
        return self.open(Gateway(f"smtp://{HOST}:{sink.port}", self.dns.address, downstream=downstream, **changes))

    def test_is_shown_to_who_asks(self):
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            with self.subTest(version):
                context = self.demanding(self.ours)
                context.minimum_version = context.maximum_version = version
                sink = self.sink(context)
                self.publish(sink, f"3 1 1 {key_digest(self.certificate)}")
                self.assert_delivered(sink, self.gateway_with(sink, "dane"))
                shown = sink.connections[sink.messages[0].connection].getpeercert(binary_form=True)
                self.assertEqual(shown, ssl.PEM_cert_to_DER_cert(self.ours.read_text()))

    def test_without_it_there_is_no_way_in(self):
        context = self.demanding(self.ours)
        sink = self.sink(context)
        self.publish(sink, f"3 1 1 {key_digest(self.certificate)}")
        gateway = self.gateway_with(sink, "dane", identity=False)
        self.assertRegex(self.deliver(gateway), "^451 4.4.[12]$")
        self.assertEqual(sink.messages, [])

    def test_is_taken_into_use_when_it_changes(self):
        next_one, next_key = make_certificate(self.folder, "next.example.org")
        sink = self.sink(self.demanding(self.ours, next_one))
        gateway = self.gateway_with(sink)
        self.assert_delivered(sink, gateway)
        old_connections = len(sink.connections)
        self.ours.write_text(next_one.read_text())
        self.key.write_text(next_key.read_text())
        gateway.logged("certificate state=reloaded")
        sink.end_connections()
        sink.messages.clear()
        self.assert_delivered(sink, gateway)
        self.assertGreater(len(sink.connections), old_connections)
        shown = sink.connections[sink.messages[0].connection].getpeercert(binary_form=True)
        self.assertEqual(shown, ssl.PEM_cert_to_DER_cert(next_one.read_text()))


if __name__ == "__main__":
    harness.main()
