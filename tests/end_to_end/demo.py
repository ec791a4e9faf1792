#!/usr/bin/env python3
"""Six real messages through a real gateway, and what became of them. Needs the folder of a build (`./dev demo`).

A resolver with a small zone of its own, the gateway and a mail server behind it are started, swaks plays the clients
from addresses of their own in 127.0.0.0/8. Exit status 1 if any message went otherwise than the standards say.
"""

import argparse
import contextlib
import dataclasses
import os
import pathlib
import re
import subprocess
import sys
import textwrap
import unittest

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import harness  # noqa: E402
import mail_kit  # noqa: E402

POLICY = {
    "remedy_url": "https://example.org/mail",
    "known_forwarders": [{"name": "alumni", "owner": "postmaster@example.org", "match": {"host": "*.alumni.example"},
                          "recipients": ["@example.org"]}],
}

ZONE = {
    "bank.example": ["TXT v=spf1 ip4:127.0.0.2 -all", "A 127.0.0.2"],
    "_dmarc.bank.example": ["TXT v=DMARC1; p=reject"],
    "mail.bank.example": ["A 127.0.0.2"],
    "2.0.0.127.in-addr.arpa": ["PTR mail.bank.example."],
    "shop.example": ["A 127.0.0.3"],
    "_dmarc.shop.example": ["TXT v=DMARC1; p=reject"],
    "vendor.example": ["TXT v=spf1 ip4:127.0.0.3 -all"],
    "out.vendor.example": ["A 127.0.0.3"],
    "3.0.0.127.in-addr.arpa": ["PTR out.vendor.example."],
    "fwd.alumni.example": ["A 127.0.0.4"],
    "4.0.0.127.in-addr.arpa": ["PTR fwd.alumni.example."],
    "lists.example": ["TXT v=spf1 ip4:127.0.0.5 -all"],
    "mx.lists.example": ["A 127.0.0.5"],
    "5.0.0.127.in-addr.arpa": ["PTR mx.lists.example."],
}

TEXT = "Date: Mon, 23 Nov 2026 10:00:00 +0000\nMessage-ID: <{id}@{domain}>\nFrom: {author}\nTo: you@example.org\n" \
       "Subject: {subject}\n\n{body}\n"


def text(author, subject, body):
    domain = author.split("@")[1]
    return TEXT.format(id=subject.split()[0].lower(), domain=domain, author=author, subject=subject, body=body)


@dataclasses.dataclass
class Mail:
    """A message to play, and what the standards say becomes of it."""

    title: str
    client: str  # address
    helo: str
    sender: str
    message: str
    reply: str  # "250" or "550 5.7.26"
    reached: dict  # words of Authentication-Results; empty: nothing may reach the downstream
    quarantined: bool = False
    logged: str = ""  # a word of the log line of the decision


def mails(sign_for_shop):
    """The six; `sign_for_shop` signs with d=shop.example."""
    bank = text("service@bank.example", "Your statement", "It is ready.")
    offer = text("news@shop.example", "Spring offers", "Everything is green.")
    posted = sign_for_shop(text("anna@shop.example", "Choir rehearsal", "On Monday, as always."))
    listed = "List-Id: <choir.lists.example>\n" + re.sub("(?m)^Subject: ", "Subject: [choir] ", posted) + \
        "--\nchoir mailing list, https://lists.example/choir\n"
    forged = text("ceo@bank.example", "Urgent transfer", "Please pay at once.")
    two = text("friend@lists.example", "Hello", "Who wrote this?").replace(
        "To:", "From: ceo@bank.example\nTo:", 1)
    return [
        Mail("authentic by SPF: the bank's own server", "127.0.0.2", "mail.bank.example", "bounce@bank.example", bank,
             "250", {"spf": "pass", "dmarc": "pass"}),
        Mail("authentic by DKIM: signed by the shop, sent by its vendor", "127.0.0.3", "out.vendor.example",
             "bounce@vendor.example", sign_for_shop(offer), "250", {"dkim": "pass", "dmarc": "pass"}),
        Mail("forwarded by a known forwarder: SPF fails, no signature", "127.0.0.4", "fwd.alumni.example",
             "bounce@bank.example", bank, "250", {"spf": "fail", "dmarc": "fail"},
             logged="trusted_forwarder"),
        Mail("list mail: subject and footer broke the author's signature", "127.0.0.5", "mx.lists.example",
             "choir-bounces@lists.example", listed, "250", {"spf": "pass", "dkim": "fail", "dmarc": "fail"},
             quarantined=True, logged="broken_author_signature"),
        Mail("forged From of a p=reject domain", "127.0.0.66", "laptop.invalid", "x@evil.example", forged,
             "550 5.7.26", {}, logged="unsigned"),
        Mail("two From fields", "127.0.0.5", "mx.lists.example", "friend@lists.example", two, "550 5.6.0", {}),
    ]


def play(mail, port):
    """Sends it with swaks; gives the lines of the last reply before QUIT."""
    run = subprocess.run(
        [harness.need("swaks"), "--server", "127.0.0.1", "--port", str(port), "--local-interface", mail.client,
         "--helo", mail.helo, "--from", mail.sender, "--to", "you@example.org", "--tls-optional", "--timeout", "5s",
         "--data", "-"],
        input=mail.message, capture_output=True, text=True, timeout=8)
    reply = []
    for line in run.stdout.splitlines():
        if re.match(r"\s*(->|~>) QUIT", line):
            break
        answered = re.match(r"<(?:-|~|\*\*|~\*) +(\d{3}[ -].*)", line)
        if re.match(r"\s*[-~]>", line):
            reply = []
        elif answered:
            reply.append(answered[1].strip())
    return reply or ["no reply: " + (run.stdout + run.stderr)[-200:]]


def field(message, name):
    found = re.search(rf"^{name}:((?:.*\n[ \t])*.*)$", message.replace("\r", ""), re.M | re.I)
    return " ".join(found[1].split()) if found else ""


def results(message):
    """{"spf": "pass", …} of our Authentication-Results; SPF is that of MAIL FROM (RFC 8601 section 2.7.2)."""
    found = {}
    for result in field(message, "Authentication-Results").split(";")[1:]:
        method, _, word = result.split()[0].partition("=")
        if method in ("spf", "dkim", "dmarc") and "smtp.helo=" not in result:
            found[method] = word
    return found


def judged(mail, reply, message, logged):
    """What is otherwise than it must be; empty if all is right."""
    wrong = []
    first = reply[-1].replace("-", " ", 1)
    if not first.startswith(mail.reply):
        wrong.append(f"reply is not {mail.reply}")
    if bool(mail.reached) != bool(message):
        wrong.append("must not have reached the downstream" if message else "did not reach the downstream")
    found = results(message)
    wrong += [f"{method}={found.get(method)}, not {result}" for method, result in mail.reached.items()
              if found.get(method) != result]
    if bool(field(message, "X-Gatepost-Quarantine")) != mail.quarantined:
        wrong.append("quarantine mark " + ("missing" if mail.quarantined else "not called for"))
    if mail.logged and mail.logged not in " ".join(logged.values()):
        wrong.append(f"no {mail.logged} in the log")
    return wrong


WIDTHS = (27, 33, 27, 24)
BORDER = "+".join("-" * (width + 2) for width in WIDTHS)


def row(cells):
    """Cells are lists of paragraphs."""
    columns = []
    for width, cell in zip(WIDTHS, cells):
        columns.append([line for paragraph in cell for line in textwrap.wrap(paragraph, width) or [""]])
    for i in range(max(len(column) for column in columns)):
        lines = [(column[i] if i < len(column) else "").ljust(width) for column, width in zip(columns, WIDTHS)]
        print((" " + " | ".join(lines)).rstrip())
    print(BORDER)


def decision(logged):
    lines = [f"action={logged.get('action', '-')}"]
    lines += [f"{key}={logged[key]}" for key in ("override",) if logged.get(key)]
    lines += [f"- {item}" for item in logged.get("evidence", "").split(",") if item]
    return lines


def reached(message):
    if not message:
        return ["nothing"]
    lines = [f"{method}={result}" for method, result in results(message).items()]
    if field(message, "X-Gatepost-Quarantine"):
        lines.append("marked X-Gatepost-Quarantine")
    return ["Authentication-Results:", *lines]


def show(number, mail, reply, message, logged, wrong):
    sent = [f"{number}. {mail.title}", f"from {mail.client}", f"MAIL FROM <{mail.sender}>",
            "From: " + ", ".join(re.findall(r"^From: (.*)$", mail.message, re.M))]
    verdict = ["", "as it should be"] if not wrong else ["", *("WRONG: " + what for what in wrong)]
    row([sent, reply, decision(logged), reached(message) + verdict])


def open_stage(stack, build):
    """The key of shop.example, the gateway and the sink behind it, with their DNS."""
    gateway = stack.enter_context(contextlib.closing(harness.Gateway(listening=False)))
    key = mail_kit.Key(build / "mail_kit", gateway.folder, "shop.example")
    dns = stack.enter_context(contextlib.closing(harness.Dns({**ZONE, **key.zone})))
    sink = stack.enter_context(contextlib.closing(harness.Sink()))
    certificate, private_key = harness.make_certificate(gateway.folder, "mx.example.org")
    gateway.configure(downstream={"servers": [sink.url]}, dns={"servers": [dns.address]}, policy=POLICY,
                      tls=[{"certificate": str(certificate), "key": str(private_key)}])
    gateway.start()
    return key, gateway, sink


def run(build):
    failures = 0
    with contextlib.ExitStack() as stack:
        key, gateway, sink = open_stage(stack, build)
        print(BORDER)
        row([["sent"], ["last reply"], ["decision and evidence"], ["reached the downstream"]])
        for number, mail in enumerate(mails(key.sign), 1):
            before = len(sink.messages)
            reply = play(mail, gateway.port)
            logged = harness.poll(lambda: gateway.messages()[number - 1:], "the log line of the message")[0]
            message = sink.messages[-1].content.decode() if len(sink.messages) > before else ""
            wrong = judged(mail, reply, message, logged)
            show(number, mail, reply, message, logged, wrong)
            failures += bool(wrong)
    print(f"{6 - failures} of 6 went as the standards say." if failures else "All six went as the standards say.")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=harness.REPOSITORY / "build")
    build = parser.parse_args().build.resolve()
    os.environ["GATEPOST"] = str(build / "gatepost")
    harness.PATIENCE = 8
    try:
        return 1 if run(build) else 0
    except (AssertionError, RuntimeError, unittest.SkipTest, subprocess.SubprocessError) as problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
