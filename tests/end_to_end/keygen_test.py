#!/usr/bin/python3
"""`gatepost keygen`: the key and the record fit each other, for our verifier and for another one, and no key is lost."""
import pathlib
import re
import stat
import tempfile
import unittest

import harness
from harness import Dns, message, run

try:
    import dkim  # Debian's python3-dkim: shares nothing with the program under test
except ImportError:
    dkim = None


def record_of(printed):
    """The name and the text of the record, as a name server reads the printed lines."""
    name, strings = re.search(r'^(\S+)\. IN TXT \((.*?) \)$', printed, re.M | re.S).groups()
    return name, "".join(re.findall(r'"([^"]*)"', strings))


class Keygen(harness.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="gatepost-keygen-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.key = self.folder / "a.key"

    def keygen(self, *arguments, status=0):
        done = run("keygen", "--config", str(self.folder / "gatepost.yaml"), *arguments)
        self.assertEqual(done.returncode, status, done.stderr)
        return done.stdout.decode(), done.stderr.decode()

    def configure(self, more=""):
        (self.folder / "gatepost.yaml").write_text(
            "hostname: mx1.example.org\ndomains: [example.org]\ndownstream: {servers: [\"smtp://127.0.0.1:1\"]}\n" + more,
            encoding="utf-8")

    def test_the_record_is_the_one_of_the_key(self):
        if not dkim:
            self.skipTest("skipped: python3-dkim is not installed")
        self.configure()
        for algorithm, name in (("rsa2048", b"rsa-sha256"), ("ed25519", b"ed25519-sha256")):
            with self.subTest(algorithm):
                file = str(self.folder / algorithm)
                printed, _ = self.keygen("--algorithm", algorithm, "--domain", "sender.example", "--selector", "gp1",
                                         "--out", file)
                where, record = record_of(printed)
                self.assertEqual(where, "gp1._domainkey.sender.example")
                self.assertTrue(all(len(text) <= 255 for text in re.findall(r'"([^"]*)"', printed)))
                if algorithm != "rsa2048":  # dkimpy takes Ed25519 keys in a form of its own
                    continue
                signature = dkim.sign(message(), b"gp1", b"sender.example", pathlib.Path(file).read_bytes(),
                                      signature_algorithm=name)
                content = signature + message()
                self.assertTrue(dkim.verify(content, dnsfunc=lambda *_, **__: record.encode()))
                dns = self.open(Dns({where: ["TXT " + record]}))
                verified = run("verify", "--resolver", dns.address, "--client-ip", "192.0.2.1", "--format", "json", "-",
                               standard_input=content)
                self.assertIn(b'"result":"pass"', verified.stdout.replace(b" ", b""))

    def test_keeps_a_key_that_is_there(self):
        self.configure()
        first, _ = self.keygen("--out", str(self.key), "--selector", "gp1")
        pem = self.key.read_bytes()
        self.assertEqual(stat.S_IMODE(self.key.stat().st_mode), 0o600)
        _, why = self.keygen("--out", str(self.key), "--selector", "gp1", status=73)
        self.assertIn("--force", why)
        self.assertEqual(self.key.read_bytes(), pem)
        shown, _ = self.keygen("--out", str(self.key), "--selector", "gp1", "--show")
        self.assertEqual(record_of(shown), record_of(first))
        self.keygen("--out", str(self.key), "--selector", "gp1", "--show", "--force", status=64)
        self.assertEqual(self.key.read_bytes(), pem)
        self.keygen("--out", str(self.key), "--selector", "gp1", "--force")
        self.assertNotEqual(self.key.read_bytes(), pem)

    def test_what_it_prints_is_a_good_configuration_of_the_same_key(self):
        self.configure()
        printed, _ = self.keygen("--out", str(self.key))
        self.assertEqual(record_of(printed)[0].partition(".")[2], "_domainkey.mx1.example.org")
        self.configure(printed[printed.index("notifications:"):])
        checked = run("check", "--config", str(self.folder / "gatepost.yaml"))
        self.assertEqual(checked.returncode, 0, checked.stderr)
        shown, _ = self.keygen("--show")
        self.assertEqual(record_of(shown), record_of(printed))
        self.key.write_text("-----BEGIN PRIVATE KEY-----\n", encoding="utf-8")
        checked = run("check", "--config", str(self.folder / "gatepost.yaml"))
        self.assertEqual(checked.returncode, 78)
        self.assertRegex(checked.stderr.decode(), r"gatepost\.yaml:\d+:\d+: error: notifications\.key: ")

    def test_says_what_is_wrong(self):
        self.configure()
        for arguments, status, says in ((("--domain", "a b"), 64, "--domain 'a b' is not a domain name"),
                                        (("--selector", "a..b"), 64, "--selector 'a..b' is not a domain name"),
                                        (("--algorithm", "rsa512"), 64, "rsa512"),
                                        (("--out", str(self.folder / "no" / "a.key")), 73, "No such file"),
                                        (("--out", str(self.key), "--show"), 66, "No such file")):
            with self.subTest(arguments):
                printed, why = self.keygen(*arguments, status=status)
                self.assertIn(says, why + printed)
        self.assertFalse(self.key.exists())


if __name__ == "__main__":
    harness.main()
