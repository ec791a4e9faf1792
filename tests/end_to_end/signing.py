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

    def __init__(self, algorithm="rsa", bits=2048):
        self.algorithm = algorithm
        self.folder = tempfile.TemporaryDirectory(prefix="gatepost-key-")
        self.file = str(pathlib.Path(self.folder.name) / "key.pem")
        size = ["-pkeyopt", f"rsa_keygen_bits:{bits}"] if algorithm == "rsa" else []
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

    def signature(self, data, digest="sha256"):
        if self.algorithm == "rsa":
            return self.openssl("dgst", f"-{digest}", "-sign", self.file, data=data)
        with tempfile.NamedTemporaryFile() as file:  # openssl wants to know the size of what it signs with Ed25519
            file.write(hashlib.sha256(data).digest())
            file.flush()
            return self.openssl("pkeyutl", "-sign", "-rawin", "-inkey", self.file, "-in", file.name)

    def sign(self, message, domain, selector, version="1", digest="sha256", names=None, more=""):
        """The message with a signature on top; `more` are further tags, each with its semicolon. l= is obeyed."""
        header, _, body = message.partition(b"\r\n\r\n")
        fields = re.split(r"\r\n(?![ \t])", header.decode())
        named = dict(field.split(":", 1) for field in fields)
        length = re.search(r"\bl=(\d+)", more)
        hashed = relaxed_body(body)[:int(length[1]) if length else None]
        body_hash = base64.b64encode(hashlib.new(digest, hashed).digest()).decode()
        names = [name for name in names or SIGNED if name in named]
        value = (f" v={version}; a={self.algorithm}-{digest}; c=relaxed/relaxed; d={domain}; s={selector};{more}\r\n"
                 f"\th={':'.join(names)};\r\n\tbh={body_hash};\r\n\tb=")
        data = "".join(relaxed_field(name, named[name]) + "\r\n" for name in names)
        data += relaxed_field("DKIM-Signature", value)
        signature = base64.b64encode(self.signature(data.encode(), digest)).decode()
        return f"DKIM-Signature:{value}{signature}\r\n".encode() + message
