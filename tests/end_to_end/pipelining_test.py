#!/usr/bin/python3
"""Who may send on without waiting (specs/smtp.md section 11) and the worked dialogues B to E (section 12)."""
import harness
from credulous import HEADER, SMUGGLED, CredulousCase
from harness import message


class Pipelining(CredulousCase):
    def test_answers_come_in_order(self):  # section 11 test 3, dialogue C
        client = self.client()
        client.send(b"MAIL FROM:<alice@sender.example>\r\nRCPT TO:<bob@example.org>\r\n"
                    b"RCPT TO:<bob@elsewhere.example>\r\nRCPT TO:<carol@example.org>\r\nDATA\r\n")
        self.assertEqual([reply.code for reply in client.replies(5)], [250, 250, 550, 250, 354])
        client.send(message() + b".\r\nQUIT\r\n")
        self.assertEqual([reply.code for reply in client.replies(2)], [250, 221])
        self.assert_one_delivered(b"Hello.\r\n")

    def test_content_of_a_refused_data_is_only_errors(self):
        client = self.client()
        client.send(b"MAIL FROM:<alice@sender.example>\r\nRCPT TO:<b@elsewhere.example>\r\n"
                    b"RCPT TO:<c@elsewhere.example>\r\nDATA\r\n" + HEADER + b"hi\r\n.\r\nNOOP\r\n")
        self.assertEqual([reply.code for reply in client.replies(4)], [250, 550, 550, 554])
        self.assertEqual([reply.code // 100 for reply in client.replies(6)], [5] * 6)
        self.assert_status(client.reply(), "250 2.0.0")

    def test_parameters_of_1036_octets(self):  # test 8; DSN is not offered by this downstream
        client = self.client()
        client.command("MAIL FROM:<alice@sender.example>")
        line = "RCPT TO:<bob@example.org> NOTIFY=SUCCESS,FAILURE,DELAY ORCPT=rfc822;" + "x" * 493
        self.assert_status(client.command(line.replace("<", " " * (1034 - len(line)) + "<")), "555 5.5.4")

    def test_odd_recipients(self):  # test 9
        client = self.client()
        client.command("MAIL FROM:<alice@sender.example>")
        for path, code in (("<Postmaster>", 250), ('<"a b"@example.org>', 250), ("<@x.example:bob@example.org>", 250),
                           ("<@x.example:bob@elsewhere.example>", 550)):
            self.assertEqual(client.command(f"RCPT TO:{path}").code, code, path)

    def test_dots_within_chunks_are_dots(self):  # test 15
        content = HEADER + b"..\r\n.a\r\n.\r\n.."
        client = self.in_transaction()
        client.send(b"BDAT %d LAST\r\n" % len(content) + content)
        self.assertEqual(client.reply().code, 250)
        self.assert_one_delivered(b"...\r\n..a\r\n..\r\n...\r\n")

    def test_nothing_is_run_between_starttls_and_tls(self):  # dialogue B
        client = self.client()
        client.send(b"STARTTLS\r\nMAIL FROM:<e@bank.example>\r\n")
        self.assertNotIn(b"\r\n", client.rest().replace(b"220 2.0.0 Ready to start TLS\r\n", b""))

    def test_chunks_without_a_recipient(self):  # dialogue D
        client = self.client()
        client.send(b"MAIL FROM:<alice@sender.example>\r\nBDAT 4\r\nabcdNOOP\r\n")
        self.assertEqual([reply.status for reply in client.replies(3)], ["250 2.1.0", "503 5.5.1", "250 2.0.0"])
        client = self.in_transaction()
        client.send(b"BDAT 4 LAST\r\n.\r\n\nNOOP\r\n")
        self.assert_status(client.reply(), "550 5.5.2")
        self.assertEqual(client.rest(), b"")

    def test_a_declared_size_over_the_limit(self):  # dialogue E
        client = self.client()
        self.assert_status(client.command("MAIL FROM:<u@x.example> SIZE=99999999"), "552 5.3.4")
        self.assert_status(client.command("RCPT TO:<bob@example.org>"), "503 5.5.1")


class PipeliningRefused(CredulousCase):
    smtp = {"unauthorized_pipelining": "refuse"}

    def test_who_waits_may_pipeline(self):
        client = self.client()
        client.send(b"MAIL FROM:<alice@sender.example>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\n")
        self.assertEqual([reply.code for reply in client.replies(3)], [250, 250, 354])
        client.send(message() + b".\r\nMAIL FROM:<alice@sender.example>\r\nQUIT\r\n")
        self.assertEqual([reply.code for reply in client.replies(3)], [250, 250, 221])

    def test_who_does_not_wait_is_cut_off(self):
        for hello, octets in (("EHLO", b"DATA\r\n" + message() + b".\r\n"), ("EHLO", b"NOOP\r\nNOOP\r\n"),
                              ("EHLO", b"EHLO x\r\n" + SMUGGLED),
                              ("HELO", b"MAIL FROM:<alice@sender.example>\r\nRCPT TO:<bob@example.org>\r\n")):
            client = self.client(hello=hello)
            client.send(octets)
            reply = client.reply()
            self.assert_status(reply, "503 5.5.1")
            self.assertEqual(client.rest(), b"", octets)


del CredulousCase  # is no test by itself
if __name__ == "__main__":
    harness.main()
