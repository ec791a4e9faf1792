#!/usr/bin/python3
"""The parameters of MAIL and RCPT on their way through: offered where the downstream has them, and
handed on word for word."""
import harness
from harness import Gateway, Sink, message, poll


class Parameters(harness.TestCase):
    def gateway_before(self, *capabilities):
        sink = self.open(Sink(capabilities=("PIPELINING", "8BITMIME", *capabilities)))
        gateway = self.open(Gateway(sink.url, dns={"timeout": "50ms"}, policy={"enforce": "observe"},
                                    limits={"transactions": 7}))
        poll(lambda: any(line.startswith("EHLO") for _, line in sink.commands), "the downstream is asked")
        return gateway, sink

    def hello(self, gateway):
        client = self.open(gateway.client())
        return client, client.hello().lines[1:]

    def test_those_for_notifications_go_on_as_they_came(self):
        gateway, sink = self.gateway_before("DSN", "SIZE")
        poll(lambda: "DSN" in self.hello(gateway)[1], "DSN is offered")
        client, offered = self.hello(gateway)
        self.assertIn("LIMITS RCPTMAX=100 MAILMAX=7", offered)
        recipient = "ORCPT=rfc822;" + "x" * 480 + "+2Bx NOTIFY=Success,DELAY"
        for command in ("MAIL FROM:<alice@sender.example> ret=Hdrs ENVID=QQ+2B314",
                        "RCPT TO:<bob@example.org> " + recipient):
            self.assertEqual(client.command(command).code, 250, command)
        content = message()
        client.send(b"BDAT %d LAST\r\n" % len(content) + content)
        self.assert_status(client.reply(), "250 2.0.0")
        [mail] = [line for _, line in sink.commands if line.startswith("MAIL")]
        [rcpt] = [line for _, line in sink.commands if line.startswith("RCPT")]
        self.assertIn(" RET=Hdrs", mail)
        self.assertIn(" ENVID=QQ+2B314", mail)
        self.assertIn(" NOTIFY=Success,DELAY", rcpt)
        self.assertIn(" ORCPT=rfc822;" + "x" * 480 + "+2Bx", rcpt)

    def test_what_hides_in_them_goes_nowhere(self):  # CVE-2020-28022
        gateway, sink = self.gateway_before("DSN")
        poll(lambda: "DSN" in self.hello(gateway)[1], "DSN is offered")
        client, _ = self.hello(gateway)
        self.assert_status(client.command("MAIL FROM:<a@sender.example> ENVID=a+0D+0AQUIT"), "501 5.5.4")
        self.assertEqual(client.command("MAIL FROM:<a@sender.example>").code, 250)
        self.assert_status(client.command("RCPT TO:<bob@example.org> ORCPT=rfc822;b+0D+0ADATA"), "501 5.5.4")
        self.assertFalse([line for _, line in sink.commands if "ORCPT" in line or "ENVID" in line])

    def test_without_such_a_downstream_they_are_unknown(self):
        gateway, _ = self.gateway_before()
        client, offered = self.hello(gateway)
        for keyword in ("DSN", "BINARYMIME", "REQUIRETLS", "SMTPUTF8"):
            self.assertNotIn(keyword, offered)
        self.assertIn("CHUNKING", offered)
        for parameter in ("RET=FULL", "ENVID=a", "BODY=BINARYMIME", "REQUIRETLS", "SMTPUTF8", "AUTH=<>"):
            self.assert_status(client.command(f"MAIL FROM:<a@sender.example> {parameter}"), "555 5.5.4")

    def test_a_session_has_so_many_transactions(self):
        gateway, _ = self.gateway_before()
        client, _ = self.hello(gateway)
        for _ in range(7):
            self.assertEqual(client.command("MAIL FROM:<a@sender.example>").code, 250)
            self.assertEqual(client.command("RSET").code, 250)
        self.assert_status(client.command("MAIL FROM:<a@sender.example>"), "421 4.7.0")
        self.assertEqual(client.rest(), b"")


if __name__ == "__main__":
    harness.main()
