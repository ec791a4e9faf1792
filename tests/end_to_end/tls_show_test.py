#!/usr/bin/python3
"""`gatepost tls show`: what it says of certificates, compared with openssl's own tools."""
import hashlib
import json
import pathlib
import subprocess
import tempfile
import unittest

import harness
from harness import make_certificate, make_expired_certificate, run


def openssl(*arguments, **options):
    return subprocess.run([harness.need("openssl"), *map(str, arguments)], check=True, capture_output=True, **options).stdout


def digest_of_key(certificate):
    pem = openssl("x509", "-in", certificate, "-noout", "-pubkey")
    return hashlib.sha256(openssl("pkey", "-pubin", "-outform", "der", input=pem)).hexdigest()


class Show(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="gatepost-tls-show-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.certificate, cls.key = make_certificate(cls.folder, "mx.example.org", "*.wild.example.org")
        cls.authority = cls.issued()

    @classmethod
    def issued(cls):
        """An authority and a certificate of its own making; the files of both."""
        authority, authority_key = cls.folder / "ca.pem", cls.folder / "ca.key"
        own, own_key, request = cls.folder / "own.pem", cls.folder / "own.key", cls.folder / "own.csr"
        extensions = cls.folder / "own.ext"
        extensions.write_text("subjectAltName=DNS:mx.example.org\n")
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", 90, "-subj", "/CN=An Authority", "-keyout",
                authority_key, "-out", authority)
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=mx.example.org", "-keyout", own_key, "-out", request)
        openssl("x509", "-req", "-in", request, "-CA", authority, "-CAkey", authority_key, "-CAcreateserial", "-days", 60,
                "-extfile", extensions, "-out", own)
        return authority, own

    def show(self, *certificates, json_wanted=True, listeners=("127.0.0.1:25",)):
        file = self.folder / "gatepost.yaml"
        file.write_text(json.dumps({
            "hostname": "mx.example.org", "domains": ["example.org"], "downstream": {"servers": ["smtp://127.0.0.1:26"]},
            "listeners": [{"address": address} for address in listeners],
            "tls": [{"certificate": str(each), "key": "/nowhere.key"} for each in certificates]}))
        done = run("tls", "show", "--config", str(file), *(["--json"] if json_wanted else []))
        return done.returncode, json.loads(done.stdout) if json_wanted else done.stdout.decode()

    def test_tlsa_records_are_those_that_openssl_computes(self):
        authority, own = self.authority
        chain = self.folder / "chain.pem"
        chain.write_bytes(own.read_bytes() + authority.read_bytes())
        status, shown = self.show(chain, listeners=("127.0.0.1:25", "[::1]:25", "127.0.0.1:2525"))
        self.assertEqual(status, 0, shown)
        one = shown["certificates"][0]
        self.assertEqual(one["tlsa"], [
            f"_{port}._tcp.mx.example.org. IN TLSA {usage} 1 1 {digest_of_key(file)}"
            for port in (25, 2525) for usage, file in ((3, own), (2, authority))])
        self.assertEqual((one["problems"], one["warnings"], one["covers_hostname"]), ([], [], True))
        self.assertEqual((one["names"], one["issuer"], one["key"]), (["mx.example.org"], "CN=An Authority", "RSA 2048"))
        self.assertIn(one["days_left"], (59, 60))
        end = openssl("x509", "-in", own, "-noout", "-enddate", "-dateopt", "iso_8601").decode().strip()
        self.assertEqual("notAfter=" + one["not_after"].replace("T", " "), end)

    def test_a_self_made_certificate_is_its_own_chain(self):
        status, shown = self.show(self.certificate)
        one = shown["certificates"][0]
        self.assertEqual((status, one["problems"]), (0, []))
        self.assertEqual(one["tlsa"], [f"_25._tcp.mx.example.org. IN TLSA 3 1 1 {digest_of_key(self.certificate)}"])
        self.assertEqual(one["key"], "EC prime256v1")

    def test_says_what_is_wrong(self):
        authority, own = self.authority
        other, _ = make_certificate(self.folder, "other.example.net")
        expired, _ = make_expired_certificate(self.folder, "expired.example.org")
        soon, _ = make_certificate(self.folder, "soon.example.org", days=5)
        backwards, foreign, text = (self.folder / name for name in ("backwards.pem", "foreign.pem", "text.pem"))
        backwards.write_bytes(authority.read_bytes() + own.read_bytes())
        foreign.write_bytes(own.read_bytes() + other.read_bytes())
        text.write_text("no certificate")
        for file, status, kind, says in (
                (own, 1, "problems", "the certificate of its issuer is missing"),
                (backwards, 1, "problems", "wrong order"),
                (foreign, 1, "problems", "not of this chain"),
                (expired, 1, "problems", "has expired"),
                (text, 1, "problems", "cannot be read"),
                (self.folder / "nowhere.pem", 1, "problems", "cannot be read"),
                (soon, 0, "warnings", "expires in"),
                (other, 0, "warnings", "the default certificate is not for hostname, mx.example.org")):
            with self.subTest(file.name):
                got, shown = self.show(file)
                self.assertIn(says, "\n".join(shown["certificates"][0][kind]))
                self.assertEqual(got, status)

    def test_a_further_certificate_is_for_its_own_name(self):
        other, _ = make_certificate(self.folder, "mail.example.net")
        _, shown = self.show(self.certificate, other)
        self.assertEqual(shown["certificates"][1]["tlsa"],
                         [f"_25._tcp.mail.example.net. IN TLSA 3 1 1 {digest_of_key(other)}"])

    def test_the_text_says_it_too(self):
        status, text = self.show(self.certificate, json_wanted=False)
        self.assertEqual(status, 0)
        for part in (str(self.certificate), "names    mx.example.org, *.wild.example.org", digest_of_key(self.certificate),
                     "days left", "wait two TTLs"):
            self.assertIn(part, text)
        self.assertIn("STARTTLS is not offered", self.show(json_wanted=False)[1])

    def test_a_bad_configuration_is_told(self):
        done = run("tls", "show", "--config", str(self.folder / "none.yaml"))
        self.assertEqual(done.returncode, 78)
        self.assertIn(b"cannot be read", done.stderr)
        self.assertEqual(run("tls").returncode, 64)


if __name__ == "__main__":
    harness.main()
