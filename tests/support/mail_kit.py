"""Keys and signed messages, by the program mail_kit of the same build as the gateway."""

import pathlib
import subprocess


class Key:
    """A DKIM key of a domain; its private half lies in `folder`."""

    def __init__(self, mail_kit, folder, domain, selector="s1", algorithm="rsa"):
        self.mail_kit, self.domain, self.selector = mail_kit, domain, selector
        self.file = pathlib.Path(folder) / f"{selector}.{domain}.pem"
        self.record = self.run("keygen", "--algorithm", algorithm, "--key", self.file).strip()

    def run(self, *arguments, standard_input=""):
        run = subprocess.run([self.mail_kit, *arguments], input=standard_input.encode(), capture_output=True,
                             timeout=60, check=False)
        if run.returncode:
            raise AssertionError(f"mail_kit: {run.stderr.decode()}")
        return run.stdout.decode()

    @property
    def zone(self):
        """Where and how the public half is published, for harness.Dns."""
        return {f"{self.selector}._domainkey.{self.domain}": ["TXT " + self.record]}

    def sign(self, message):
        """`message` with LF line ends, as text; gives it signed, likewise."""
        signed = self.run("sign", "--key", self.file, "--domain", self.domain, "--selector", self.selector,
                          standard_input=message)
        return signed.replace("\r\n", "\n")
