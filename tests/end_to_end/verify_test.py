#!/usr/bin/python3
"""`gatepost verify`: the contract with scripts (exit statuses, JSON), and the text for people."""
import json
import tempfile
import unittest
from pathlib import Path

import harness
from harness import Dns, message, run
from signing import Key

ZONE = {
    "sender.example": ["TXT v=spf1 ip4:192.0.2.1 exp=why.sender.example -all"],
    "why.sender.example": ["TXT %{i} is not ours"],
    "_dmarc.sender.example": ["TXT v=DMARC1; p=reject; sp=quarantine; t=y"],
    "hard.example": ["TXT v=spf1 -all"],
    "_dmarc.hard.example": ["TXT v=DMARC1; p=reject"],
}
KEYS = {"spf", "dkim", "arc", "dmarc", "action", "authentication_results"}
DMARC_KEYS = {"result", "from_domain", "org_domain", "policy_domain", "policy", "disposition", "spf_aligned", "dkim_aligned"}


class Verify(harness.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.key = cls.open_for_all(Key())
        cls.dns = cls.open_for_all(Dns({**ZONE, "s._domainkey.hard.example": ["TXT " + cls.key.record()]}))

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="gatepost-verify-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def verify(self, content, *arguments, ip="192.0.2.1"):
        return run("verify", "--resolver", self.dns.address, "--client-ip", ip, *arguments, "-", standard_input=content)

    def report(self, content, *arguments, **options):
        done = self.verify(content, "--format", "json", *arguments, **options)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def test_reports_all_that_was_agreed(self):
        report = self.report(message(), "--helo", "mail.sender.example", "--mail-from", "alice@sender.example")
        self.assertEqual(set(report), KEYS)
        self.assertEqual(set(report["dmarc"]), DMARC_KEYS)
        self.assertEqual(report["spf"]["mailfrom"], {"domain": "sender.example", "result": "pass", "explanation": ""})
        self.assertEqual(report["spf"]["helo"]["domain"], "mail.sender.example")
        self.assertEqual(report["dkim"], [])
        self.assertEqual(report["arc"], {"result": "none", "instances": 0})
        self.assertEqual((report["dmarc"]["result"], report["dmarc"]["spf_aligned"]), ("pass", True))
        self.assertEqual((report["action"]["verdict"], report["action"]["code"]), ("accept", 250))
        self.assertTrue(report["authentication_results"].startswith("Authentication-Results: "))

    def test_a_policy_in_test_mode_is_told_from_its_disposition(self):
        report = self.report(message(), "--mail-from", "x@sender.example", ip="192.0.2.9")
        self.assertEqual(report["spf"]["mailfrom"]["explanation"], "192.0.2.9 is not ours")
        self.assertEqual((report["dmarc"]["policy"], report["dmarc"]["disposition"]), ("reject", "quarantine"))

    def test_forged_mail_is_a_verdict_and_no_failure_of_the_program(self):
        report = self.report(message("x@hard.example"), "--mail-from", "x@hard.example", ip="192.0.2.9")
        self.assertEqual((report["action"]["verdict"], report["action"]["code"], report["action"]["enhanced"]),
                         ("reject", 550, "5.7.26"))
        self.assertIn("spf_fail_author", report["action"]["evidence"])

    def test_a_signature_is_checked_in_files_with_lf_alone_too(self):
        signed = self.key.sign(message("x@hard.example"), "hard.example", "s")
        for content in (signed, signed.replace(b"\r\n", b"\n")):
            report = self.report(content, ip="192.0.2.9")
            self.assertEqual([(each["result"], each["domain"], each["selector"], each["algorithm"]) for each in report["dkim"]],
                             [("pass", "hard.example", "s", "rsa-sha256")])
            self.assertEqual(report["dmarc"]["result"], "pass")

    def test_the_null_path_has_results_for_both_identities(self):
        report = self.report(message(), "--helo", "sender.example", "--mail-from", "")
        self.assertEqual(report["spf"]["helo"]["result"], "pass")
        self.assertIn("mailfrom", report["spf"])

    def test_names_itself_as_told(self):
        report = self.report(message(), "--authserv-id", "mx.example.net")
        self.assertTrue(report["authentication_results"].startswith("Authentication-Results: mx.example.net;"))

    def test_messages_that_are_none_get_a_verdict(self):
        for reason, content in (("empty", b""), ("no header", b"hello there\r\n\r\nbody\r\n"), ("binary", bytes(range(256)) * 40),
                                ("two authors", message().replace(b"To: ", b"From: b@sender.example\r\nTo: "))):
            with self.subTest(reason):
                report = self.report(content)
                self.assertEqual(set(report), KEYS)
                self.assertEqual((report["action"]["verdict"], report["action"]["enhanced"]), ("reject", "5.6.0"))

    def test_no_dns_is_temporary(self):
        with harness.reserve() as nobody:
            done = run("verify", "--resolver", f"127.0.0.1:{nobody.getsockname()[1]}", "--client-ip", "192.0.2.1", "--format",
                       "json", "-", standard_input=message())
        report = json.loads(done.stdout)
        self.assertEqual((done.returncode, report["dmarc"]["result"], report["action"]["verdict"]), (0, "temperror", "defer"))

    def test_exit_statuses(self):
        file = self.folder / "message.eml"
        file.write_bytes(message())
        bad = self.folder / "bad.yaml"
        bad.write_text("lisners: []", encoding="utf-8")
        resolver = ("--resolver", self.dns.address)
        cases = [
            (0, ("--client-ip", "192.0.2.1", str(file))),
            (64, (str(file),)),
            (64, ("--client-ip", "192.0.2.1")),
            (64, ("--client-ip", "192.0.2.256", str(file))),
            (64, ("--client-ip", "192.0.2.1", "--nonsense", str(file))),
            (64, ("--client-ip", "192.0.2.1", "--format", "xml", str(file))),
            (64, ("--client-ip", "192.0.2.1", "--resolver", "nonsense", str(file))),
            (64, ("--client-ip", "192.0.2.1", "--now", "yesterday", str(file))),
            (66, ("--client-ip", "192.0.2.1", str(self.folder / "nowhere.eml"))),
            (66, ("--client-ip", "192.0.2.1", str(self.folder))),
            (78, ("--client-ip", "192.0.2.1", "--config", str(bad), str(file))),
            (78, ("--client-ip", "192.0.2.1", "--config", str(self.folder / "nowhere.yaml"), str(file))),
        ]
        for status, arguments in cases:
            with self.subTest(arguments):
                given = () if "--resolver" in arguments else resolver
                done = run("verify", *given, *arguments)
                self.assertEqual(done.returncode, status, done.stderr)
                self.assertEqual(bool(done.stderr), status != 0)

    def test_the_text_says_what_was_found_and_what_would_help(self):
        done = self.verify(message("x@hard.example"), "--mail-from", "x@hard.example", ip="192.0.2.9")
        text = done.stdout.decode()
        for pattern in (r"(?m)^SPF MAIL +fail for hard\.example", r"(?m)^DKIM +none", r"(?m)^DMARC +fail for hard\.example",
                        r"(?m)^evidence +.*spf_fail_author", r"(?m)^decision +reject", r"(?m)^reply +550 5\.7\.26 ",
                        r"(?m)^to mend it +.*hard\.example"):
            self.assertRegex(text, pattern)

    def test_the_configuration_counts(self):
        config = self.folder / "gatepost.yaml"
        config.write_text(json.dumps({"hostname": "mx.example.org", "domains": ["example.org"], "policy": {"enforce": "observe"},
                                      "downstream": {"servers": ["maildir://mail"]},
                                      "dns": {"servers": [self.dns.address]}}), encoding="utf-8")
        done = run("verify", "--config", str(config), "--client-ip", "192.0.2.9", "--mail-from", "x@hard.example",
                   "--format", "json", "-", standard_input=message("x@hard.example"))
        report = json.loads(done.stdout)
        self.assertEqual((report["dmarc"]["result"], report["action"]["verdict"]), ("fail", "accept"))


if __name__ == "__main__":
    harness.main()
