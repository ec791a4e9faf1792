#!/usr/bin/python3
"""Attacks 60 to 84: tricks with SPF, DKIM, ARC, DMARC and the DNS, against the real program."""
import re
import time

import harness
from attacks import AttackCase
from harness import Gateway, message
from hostile_dns import failure, rdata
from signing import Key

BANK = "admin@bank.example"
SIGNED = "a@signed.example"


class Auth(AttackCase):
    number = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.key = cls.open_for_all(Key())
        cls.weak = cls.open_for_all(Key(bits=768))
        zone = cls.dns.zone
        zone["_dmarc.signed.example"] = ["TXT v=DMARC1; p=reject; rua=mailto:r@reports.example; ruf=mailto:r@reports.example"]
        zone["signed.example"] = ["MX 10 mail.signed.example"]
        for domain in ("signed.example", "nk.example", "ank.example", "evilbank.example", "example"):
            zone[f"r._domainkey.{domain}"] = ["TXT " + cls.key.record()]
        zone["weak._domainkey.signed.example"] = ["TXT " + cls.weak.record()]
        zone["gone._domainkey.signed.example"] = ["TXT v=DKIM1; p="]

    def tearDown(self):
        self.dns.tricks.clear()
        self.dns.everything = None
        self.sink.commands.clear()  # a forged MAIL FROM does get as far as that
        super().tearDown()

    def forged(self, content, **envelope):
        """Refused for DMARC; nothing of it gets through."""
        envelope.setdefault("reverse_path", "x@plain.example")
        self.refused(content, "550 5.7.26", **envelope)

    def doubted(self, content):
        """What its author may have sent once: not refused, but marked, and no pass is said of it."""
        got = self.delivered(content, reverse_path="x@plain.example")
        self.assertIn(b"\r\nX-Gatepost-Quarantine: ", got)
        self.assertNotIn(b"dmarc=pass", got)

    # SPF.

    def test_60_a_helo_that_passes_says_nothing_of_the_sender(self):
        for path in ("x@nosuch.bank.example", "x@bank.example.", "x@mail.bank.example"):
            with self.subTest(path):
                self.setUp()
                client = self.client(name="mail.sender.example")
                if client.command(f"MAIL FROM:<{path}>").code == 250:
                    self.forged(message(BANK), reverse_path=path)

    def test_61_a_path_that_looks_empty_is_none(self):
        for path in ("(any@bank.example", "(any)", "<", " ", "\"\"", "any@bank.example(", "@", "()@sender.example"):
            with self.subTest(path):
                self.assertIn(self.client().command(f"MAIL FROM:<{path}>").code, (501, 553))

    def test_62_one_domain_for_all_who_read_the_path(self):
        for path, domain in (("\"x@bank.example\"@sender.example", b"sender.example"), ("@bank.example:a@sender.example", b"sender.example"),
                             ("@bank.example,@any.example:'a@sender.example", b"sender.example"),
                             ("bank.example!a@sender.example", b"sender.example"), ("a%bank.example@sender.example", b"sender.example")):
            with self.subTest(path):
                self.forged(message(BANK), reverse_path=path)
                self.assertIn(b"smtp.mailfrom=" + domain, self.delivered(message(), reverse_path=path))
        for path in ("a@bank.example'@x.sender.example", "a@bank.example,b@sender.example", "a@bank.example@sender.example",
                     "a@bank.example b@sender.example"):
            with self.subTest(path):
                self.assertIn(self.client().command(f"MAIL FROM:<{path}>").code, (501, 553, 555))

    def spf_of(self, *records):
        """The SPF result of a domain with these TXT records."""
        Auth.number += 1
        domain = f"h{Auth.number}.example"  # a new one each time: answers are remembered
        self.dns.zone[domain] = ["TXT " + record.replace("SELF", domain) for record in records]
        content = self.delivered(message("x@plain.example"), reverse_path=f"x@{domain}")
        return re.search(rb"spf=(\w+)[^;]*smtp\.mailfrom", content)[1].decode()

    def test_63_records_that_never_end(self):
        began = time.monotonic()
        includes = " ".join(f"include:i{n}.SELF" for n in range(30))
        for record in ("v=spf1 include:SELF", "v=spf1 redirect=SELF", "v=spf1 " + includes + " +all", "v=spf1 exists:a.SELF exists:b.SELF exists:c.SELF +all",
                       "v=spf1 " + "mx " * 12 + "+all", "v=spf1 " + "ip4:192.0.2.1 " * 60 + "a:SELF +all:"):
            with self.subTest(record[:40]):
                self.assertEqual(self.spf_of(record), "permerror")
        self.assertLess(time.monotonic() - began, 20)

    def test_64_macros_that_killed_others(self):
        for macro in ("%{d999999999r}", "%{l}" * 100, "%{ir}.%{v}._spf.%{d2}", "%{s" + "-" * 200 + "}", "%{", "%{}", "%{p}.%{P}", "%{d0}", "%{h255r.-+,/_=}",
                      "%%%_%-", "\\x00%n%s%p"):
            for form in ("exists:{}", "include:{}", "redirect={}", "exp={} -all", "a:{}/24//64"):
                with self.subTest(macro=macro[:20], form=form):
                    self.assertNotEqual(self.spf_of("v=spf1 " + form.format(macro)), "pass")

    def test_65_nobody_passes_because_he_is_near(self):
        for source in ("127.0.0.1", "127.0.0.9"):
            with self.subTest(source), self.gateway.client(source=source) as client:
                client.hello("mail.sender.example")
                reply = client.deliver(message(BANK), reverse_path="x@bank.example")
                self.assert_status(reply, "550 5.7.26")
                reference = re.search(r"\bref (\w+)", reply.text)[1]  # the line may come after the reply
                self.assertRegex(self.gateway.logged(rf"^\S+ message .*\bid={reference}\b"), r"\bspf=fail\b")

    def test_66_two_records_are_an_error(self):
        self.assertEqual(self.spf_of("v=spf1 +all", "v=spf1 -all"), "permerror")
        self.assertEqual(self.spf_of("v=spf1 +all", "v=spf10 -all", "other"), "pass")

    # DKIM and ARC.

    def test_67_names_in_a_signature_are_names(self):
        def key_for_all(server, question, send):
            known = "_domainkey" in question.name and question.name not in server.zone
            send(question.reply([(b"\xc0\x0c", 16, rdata("TXT", self.key.record()))]) if known else server.truth(question))
        self.dns.everything = key_for_all
        for domain, selector in (("bank.example#.signed.example", "q"), ("bank.example .signed.example", "q"), ("bank.example\\.signed.example", "q"),
                                 ("bank.example..signed.example", "q"), ("bank.example(.signed.example", "q"), ("bank.example%00.signed.example", "q"),
                                 ("bank.example.", "q"), (".bank.example", "q"), ("signed.example", "q#"), ("signed.example", "q\\.bank.example"),
                                 ("signed.example", "q..q"), ("signed.example", "q q"), ("signed.example", ""), ("[bank.example]", "q")):
            with self.subTest(domain=domain, selector=selector):
                del self.dns.asked[:]
                self.forged(self.key.sign(message(BANK), domain, selector))
                self.assertFalse([name for name in self.dns.asked if re.search(r"[^\w.-]|\.\.", name)])

    def test_68_only_whole_labels_align(self):
        for domain in ("nk.example", "ank.example", "evilbank.example", "example"):
            with self.subTest(domain):
                self.forged(self.key.sign(message(BANK), domain, "r"))

    def test_69_signatures_that_never_pass(self):
        content = message(SIGNED)
        yesterday = int(time.time()) - 86400
        for reason, signed in (
                ("sha1", self.key.sign(content, "signed.example", "r", digest="sha1")),
                ("768 bits", self.weak.sign(content, "signed.example", "weak")),
                ("revoked", self.key.sign(content, "signed.example", "gone")),
                ("no key", self.key.sign(content, "signed.example", "none")),
                ("another's key", self.weak.sign(content, "signed.example", "r")),
                ("version", self.key.sign(content, "signed.example", "r", version="2")),
                ("From not signed", self.key.sign(content, "signed.example", "r", names=["To", "Subject"])),
                ("i= outside", self.key.sign(content, "signed.example", "r", more=" i=@bank.example;")),
                ("x= before t=", self.key.sign(content, "signed.example", "r", more=f" t={yesterday}; x={yesterday - 9};"))):
            with self.subTest(reason):
                self.forged(signed)
        self.doubted(self.key.sign(content, "signed.example", "r", more=f" t={yesterday - 9}; x={yesterday};"))

    def test_70_text_behind_the_signed_length(self):
        content = message(SIGNED)
        for length in (0, 6, 8):
            with self.subTest(length):
                self.doubted(self.key.sign(content, "signed.example", "r", more=f" l={length};") + b"Pay this.\r\n")

    def test_71_a_second_author_above_a_captured_signature(self):
        signed = self.key.sign(message(SIGNED), "signed.example", "r")
        for place in (b"From: " + BANK.encode() + b"\r\n" + signed, signed.replace(b"\r\nTo:", b"\r\nFrom: " + BANK.encode() + b"\r\nTo:")):
            self.refused(place, "550 5.6.0", reverse_path="x@plain.example")
        self.doubted(b"Subject: Pay this\r\n" + signed)  # what a reader shows in place of the signed one

    def test_72_repeated_tags(self):
        for more in (" d=signed.example;", " d=bank.example;", " s=r;", " v=1;", " i=@signed.example; i=@bank.example;"):
            with self.subTest(more):
                self.forged(self.key.sign(message(SIGNED), "signed.example", "r", more=more))

    def test_73_two_hundred_signatures(self):
        began = time.monotonic()
        field = self.key.sign(message("x@plain.example", body=("x" * 998 + "\r\n") * 900), "nk.example", "r")
        one = field[:field.index(b"From: ")]
        got = self.delivered(one * 200 + field[len(one):], reverse_path="x@plain.example")
        self.assertEqual(got.count(b"dkim=pass"), 10)
        self.assertLess(time.monotonic() - began, 20)

    def test_74_a_replay_passes_as_what_it_is(self):
        signed = self.key.sign(message(SIGNED), "signed.example", "r")
        for _ in range(2):
            self.assertIn(b"dkim=pass", self.delivered(signed, reverse_path="x@plain.example", recipients=("carol@example.org",)))
        self.forged(signed.replace(b"a@signed", b"b@signed"))

    def test_75_a_chain_of_anybody_lifts_nothing(self):
        chain = ("ARC-Seal: i=1; a=rsa-sha256; cv=none; d=sender.example; s=r; t=1; b=AAAA\r\n"
                 "ARC-Message-Signature: i=1; a=rsa-sha256; c=relaxed/relaxed; d=sender.example; s=r; h=from; bh=AAAA; b=AAAA\r\n"
                 "ARC-Authentication-Results: i=1; {}; dmarc=pass header.from=bank.example\r\n")
        for name in ("mx.example.org", "mx.google.com"):
            with self.subTest(name):
                self.forged(message(BANK, extra=chain.format(name)))
                self.forged(message(BANK, extra="".join(chain.format(name).replace("i=1", f"i={n}") for n in range(1, 60))))

    def test_76_a_forwarder_is_known_by_its_address(self):
        entry = {"name": "alumni", "owner": "postmaster@example.org", "expires": "2099-12-31", "match": {"ip": "127.0.0.5"},
                 "kind": "forwarder"}
        gateway = self.open(Gateway(self.sink.url, self.dns.address, policy={"known_forwarders": [entry]}))
        extra = "Received: from x ([127.0.0.5]) by out.alumni.example; Fri, 01 May 2026 12:00:00 +0000\r\nList-Id: <alumni>\r\nX-Forwarded-For: alumni\r\n"
        for source, code in (("127.0.0.9", 550), ("127.0.0.5", 250)):
            with self.subTest(source), gateway.client(source=source) as client:
                client.hello("out.alumni.example")
                self.assertEqual(client.deliver(message(BANK, extra=extra), reverse_path="x@plain.example").code, code)

    def test_a_made_up_signature_of_the_author_is_no_broken_one(self):
        real = self.key.sign(message(SIGNED), "signed.example", "r")
        field = real[:real.index(b"From: ")]
        garbage = re.sub(rb"\tb=.*", b"\tb=" + b"A" * 342 + b"==", field)
        for reason, made_up in (("real key", garbage), ("no such key", garbage.replace(b"s=r", b"s=none")), ("unreadable", b"DKIM-Signature: d=signed.example\r\n"),
                                ("of another message", field.replace(b"b=", b"b=AAAA"))):
            with self.subTest(reason):
                self.forged(made_up + message(SIGNED, body="Pay this.\r\n"), reverse_path="alice@sender.example")
        self.doubted(field + message(SIGNED, body="Hello.\r\n-- \r\na footer\r\n"))

    # DMARC and DNS.

    def test_77_sub_domains_of_any_depth(self):
        for domain in ("x.bank.example", "nosuch.bank.example", ".".join("abcdefghijkl") + ".bank.example", "BANK.EXAMPLE", "bank.example."):
            with self.subTest(domain):
                self.forged(message(f"admin@{domain}"))

    def test_78_spellings_of_a_record(self):
        for number, records in enumerate((
                ["v=DMARC1;p=reject"], ["v=DMARC1; p=REJECT"], ["v = DMARC1 ; p = reject ;"], ["v=DMARC1; p=reject; pct=0"],
                ["google-site-verification=x", "v=DMARC1; p=reject"], ["v=spf1 -all", "v=DMARC1; p=reject; x-unknown=1;;"],
                ["v=DMARC1; p=reject; rua=mailto:" + "a" * 300 + "@x.example"])):
            domain = f"d{number}.example"
            with self.subTest(records):
                self.dns.zone[domain], self.dns.zone["_dmarc." + domain] = ["MX 10 x.example"], ["TXT " + record for record in records]
                self.forged(message(f"admin@{domain}"))

    def test_79_a_policy_that_cannot_be_had_is_not_none(self):
        for number, rcode in enumerate((1, 2, 4, 5, 9)):
            with self.subTest(rcode):
                domain = f"f{number}.example"
                self.dns.tricks[f"_dmarc.{domain}"] = failure(rcode)
                self.assert_status(self.client().deliver(message(f"admin@{domain}"), reverse_path="x@plain.example"), "451 4.7.0")

    def test_80_a_thousand_authors(self):
        del self.dns.asked[:]
        self.refused(message(", ".join(f"a@m{n}.example" for n in range(1000))), "550 5.6.0")
        self.assertFalse([name for name in self.dns.asked if re.search(r"\bm\d+\.example", name)])

    def test_82_and_83_nobody_is_asked_or_told_what_a_record_says(self):
        self.forged(message(SIGNED))
        self.assertFalse([name for name in self.dns.asked if name.endswith("reports.example")])
        self.assertFalse([line for _, line in self.sink.commands if "reports.example" in line])

    def test_84_reports_are_mail_like_any_other(self):
        bomb = "Content-Type: application/gzip\r\nContent-Transfer-Encoding: base64\r\n\r\n" + ("H4sIAAAAAAAAA" * 5 + "\r\n") * 10000
        began = time.monotonic()
        content = self.delivered(message(subject="Report Domain: example.org", body="--b\r\n" + bomb))
        self.assertTrue(content.endswith(bomb.encode()))
        self.assertLess(time.monotonic() - began, 10)


if __name__ == "__main__":
    harness.main()
