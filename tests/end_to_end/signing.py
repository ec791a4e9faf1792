"""A small DKIM signer for the tests, with openssl's own program: an implementation that shares nothing with the one
under test. relaxed/relaxed, all fields that are named once (RFC 6376, RFC 8463)."""
import base64
import hashlib
import pathlib
import re
import subprocess
import tempfile

from harness import need

SIGNED = ["From", "To", "Subject", "Date", "Message-ID"]


def relaxed_field(name, value):
    return name.lower().strip() + ":" + re.sub(r"[ \t\r\n]+", " ", value).strip()


def relaxed_body(body):
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)


class Key:
    """A key pair in a folder that goes with it."""

    def __init__(self, algorithm="rsa"):
        self.algorithm = algorithm
        self.folder = tempfile.TemporaryDirectory(prefix="gatepost-key-")
        self.file = str(pathlib.Path(self.folder.name) / "key.pem")
        size = ["-pkeyopt", "rsa_keygen_bits:2048"] if algorithm == "rsa" else []
        self.openssl("genpkey", "-algorithm", algorithm, *size, "-out", self.file)

    def close(self):
        self.folder.cleanup()

    def openssl(self, *arguments, data=b""):
        return subprocess.run([need("openssl"), *arguments], input=data, capture_output=True, check=True).stdout

    def record(self):
        public = self.openssl("pkey", "-in", self.file, "-pubout", "-outform", "DER")
        if self.algorithm != "rsa":
            public = public[-32:]  # the key itself is the end of its SubjectPublicKeyInfo
        return f"v=DKIM1; k={self.algorithm}; p={base64.b64encode(public).decode()}"

    def signature(self, data):
        if self.algorithm == "rsa":
            return self.openssl("dgst", "-sha256", "-sign", self.file, data=data)
        with tempfile.NamedTemporaryFile() as file:  # openssl wants to know the size of what it signs with Ed25519
            file.write(hashlib.sha256(data).digest())
            file.flush()
            return self.openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.file, "-in", file.name)

    def sign(self, message, domain, selector):
        """The message with a signature on top."""
        header, _, body = message.partition(b"\r\n\r\n")
        fields = re.split(r"\r\n(?![ \t])", header.decode())
        named = dict(field.split(":", 1) for field in fields)
        body_hash = base64.b64encode(hashlib.sha256(relaxed_body(body)).digest()).decode()
        names = [name for name in SIGNED if name in named]
        value = (f" v=1; a={self.algorithm}-sha256; c=relaxed/relaxed; d={domain}; s={selector};\r\n"
                 f"\th={':'.join(names)};\r\n\tbh={body_hash};\r\n\tb=")
        data = "".join(relaxed_field(name, named[name]) + "\r\n" for name in names)
        data += relaxed_field("DKIM-Signature", value)
        signature = base64.b64encode(self.signature(data.encode())).decode()
        return f"DKIM-Signature:{value}{signature}\r\n".encode() + message
