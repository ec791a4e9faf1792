"""What the end-to-end tests stand on: the real gateway with a real DNS server in front of downstream servers that
behave or misbehave as told, and clients that do the same. All on 127.0.0.0/8, ports drawn by the kernel; everything
ends with the test that began it.

The environment variable GATEPOST names the program under test.
"""
import contextlib
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import warnings

PATIENCE = 30  # seconds that anything may take on a busy machine with sanitizers
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def program():
    path = os.environ.get("GATEPOST", str(REPOSITORY / "build" / "gatepost"))
    if not os.access(path, os.X_OK):
        raise RuntimeError(f"{path} is no program; set GATEPOST")
    return path


def need(tool):
    """The path of a tool; skips the test where it is missing."""
    path = shutil.which(tool, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise unittest.SkipTest(f"skipped: {tool} is not installed")
    return path


def poll(what, described, patience=PATIENCE):
    """Waits until what() gives something true, and returns it."""
    deadline = time.monotonic() + patience
    while True:
        result = what()
        if result:
            return result
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience} s: {described}")
        time.sleep(0.01)


def reserve(address="127.0.0.1", shared=True):
    """A socket that keeps a port from everybody but the server that we are about to start on it. Servers bind with
    SO_REUSEADDR, which is enough as long as this one does not listen."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind((address, 0))
    return sock


class Process:
    """A program with its output in a file."""

    def __init__(self, arguments, folder, name, **options):
        self.output = pathlib.Path(folder) / f"{name}.log"
        self.popen = None
        with open(self.output, "ab") as output:
            self.popen = subprocess.Popen(arguments, stdout=output, stderr=output, stdin=subprocess.DEVNULL, **options)

    def text(self):
        return self.output.read_text(encoding="utf-8", errors="backslashreplace")

    def end(self, number=signal.SIGTERM, patience=PATIENCE):
        """Its exit status, after a signal if it still runs."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)
        return self.wait(patience)

    def wait(self, patience=PATIENCE):
        try:
            return self.popen.wait(patience)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise AssertionError("it did not end:\n" + self.text()) from None


def dns_packet(name, kind):
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack(">HHHHHH", 7, 0x100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", kind, 1)


def quoted(text):
    """A TXT record's character strings, of at most 255 octets each."""
    parts = [text[at:at + 255] for at in range(0, len(text), 255)] or [""]
    return " ".join('"' + part.replace("\\", "\\\\").replace('"', '\\"') + '"' for part in parts)


def records_of(zone):
    """{"name": ["TXT text…", "A 127.0.0.1", …]} as lines of unbound.conf."""
    for name, records in zone.items():
        for record in records:
            kind, _, value = record.partition(" ")
            data = f"{name}. 300 IN {kind} {quoted(value) if kind == 'TXT' else value}"
            yield "  local-data: '" + data.replace("'", "\\'") + "'"


class Dns:
    """unbound, which knows a zone and nothing else: every other name does not exist."""

    CONFIGURATION = """server:
  interface: 127.0.0.1@{port}
  username: ""
  chroot: ""
  directory: "{folder}"
  pidfile: ""
  use-syslog: no
  logfile: ""
  num-threads: 1
  do-daemonize: no
  module-config: "iterator"
  local-zone: "." static
  local-zone: "127.in-addr.arpa." nodefault
{records}
remote-control:
  control-enable: no
"""

    def __init__(self, zone):
        self.unbound = need("unbound")
        self.folder = tempfile.mkdtemp(prefix="gatepost-dns-")
        self.records = "\n".join(records_of(zone))
        for _ in range(5):  # somebody may take the port between our look at it and unbound's
            with reserve(shared=False) as port:
                self.port = port.getsockname()[1]
            self.start()
            if self.is_up():
                return
            self.stop()
        raise AssertionError("unbound does not start:\n" + self.process.text())

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    def start(self):
        file = pathlib.Path(self.folder) / "unbound.conf"
        file.write_text(self.CONFIGURATION.format(port=self.port, folder=self.folder, records=self.records))
        self.process = Process([self.unbound, "-d", "-c", str(file)], self.folder, "unbound")

    def is_up(self):
        deadline = time.monotonic() + PATIENCE
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.settimeout(0.1)
            sock.connect(("127.0.0.1", self.port))
            while self.process.popen.poll() is None and time.monotonic() < deadline:
                with contextlib.suppress(OSError):
                    sock.send(dns_packet("up.test", 1))
                    if sock.recv(512):
                        return True
                    time.sleep(0.01)
        return False

    def stop(self):
        self.process.end()

    def close(self):
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def merged(base, changes):
    result = dict(base)
    for key, value in changes.items():
        both = isinstance(value, dict) and isinstance(result.get(key), dict)
        result[key] = merged(result[key], value) if both else value
    return {key: value for key, value in result.items() if value is not None}


class Notifications:
    """A socket as systemd has it for sd_notify(3). It is always read: who writes to a full one waits."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(str(path))
        self.texts = []
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        while text := self.sock.recv(4096):
            self.texts.append(text.decode())

    def take(self, word):
        """Whether one with this word has come; it and those before it are forgotten."""
        at = next((at for at, text in enumerate(self.texts) if word in text), None)
        if at is None:
            return False
        del self.texts[:at + 1]
        return True

    def close(self):
        self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join(PATIENCE)
        self.sock.close()


class Gateway:
    """`gatepost serve` with a configuration made of a base and the changes of the test. None takes a key out."""

    def __init__(self, server="maildir://mail", resolver=None, files_limit=None, arguments=None, listening=True,
                 environment=None, **changes):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="gatepost-test-"))
        self.reserved = reserve()
        self.port = self.reserved.getsockname()[1]
        self.base = {
            "hostname": "mx.example.org",
            "listeners": [{"address": f"127.0.0.1:{self.port}"}],
            "domains": ["example.org", "example.net"],
            "downstream": {"servers": [server], "tls": "none"},
            "dns": {"servers": [resolver or "127.0.0.1:1"], "timeout": "500ms", "tries": 1},
            "state": "state",
            "workers": 2,
        }
        self.files_limit = files_limit
        self.environment = environment or {}
        self.arguments = arguments or []
        self.is_kept = False  # the folder, after close()
        self.configure(**changes)
        if listening:
            try:
                self.start()
            except BaseException:
                self.close()
                raise

    @property
    def file(self):
        return self.folder / "gatepost.yaml"

    def configure(self, **changes):
        # JSON is YAML.
        self.file.write_text(json.dumps(merged(self.base, changes), indent=2), encoding="utf-8")

    def start(self):
        """Returns when it says that it is ready; fails if it ends before."""
        self.notifications = Notifications(self.folder / "notify")
        self.process = self.launch()
        self.notified("READY=1")

    def launch(self):
        environment = {key: value for key, value in os.environ.items() if key != "JOURNAL_STREAM"}
        environment.update(self.environment, NOTIFY_SOCKET=str(self.folder / "notify"))
        limit = self.files_limit
        command = self.arguments + [program(), "serve", "--config", str(self.file)]
        return Process(command, self.folder, "gatepost", env=environment,
                       preexec_fn=limit and (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))))

    def notified(self, word):
        """Waits for a notification that holds `word`, after those that were waited for before."""
        def found_or_ended():
            has_ended = self.process.popen.poll() is not None  # looked at before what it may have said last
            if not self.notifications.take(word) and not has_ended:
                return False
            return "found" if not has_ended or word == "STOPPING=1" else "ended"
        if poll(found_or_ended, word) == "ended":
            raise AssertionError(f"ended before {word}:\n{self.log()}")

    def log(self):
        return self.process.text()

    def logged(self, pattern):
        """Waits for a log line in which `pattern` is found, and returns the line."""
        def find():
            return next((line for line in self.log().splitlines() if re.search(pattern, line)), None)
        try:
            return poll(find, pattern)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()}") from None

    def messages(self):
        """The `message` lines of the log, as dictionaries."""
        return [fields_of(line) for line in self.log().splitlines() if re.match(r"\S+ message ", line)]

    def client(self, **options):
        return Client(self.port, **options)

    def mail(self):
        """What lies in the Maildir, oldest first."""
        return [path.read_bytes() for path in sorted((self.folder / "mail" / "new").glob("*"))]

    def signal(self, number):
        self.process.popen.send_signal(number)

    def stop(self):
        """Ends it in order. A sanitizer's finding makes another status of it."""
        status = self.process.end()
        if status != 0:
            raise AssertionError(f"exit status {status}:\n{self.log()}")

    def close(self):
        try:
            if hasattr(self, "process"):
                self.stop()
        finally:
            if hasattr(self, "notifications"):
                self.notifications.close()
            self.reserved.close()
            if not self.is_kept:
                shutil.rmtree(self.folder, ignore_errors=True)


def fields_of(line):
    """key=value and key="value with blanks" of a log line."""
    return {key: (bare or within) for key, within, bare in re.findall(r'(\w+)=(?:"([^"]*)"|(\S+))', line)}


def run(*arguments, standard_input=b"", environment=None, **options):
    """gatepost with arguments, to its end."""
    return subprocess.run([program(), *arguments], input=standard_input, capture_output=True, timeout=PATIENCE,
                          env={**os.environ, **(environment or {})}, check=False, **options)


class Reply:
    def __init__(self, raw):
        self.raw = raw
        lines = raw.decode("ascii").split("\r\n")[:-1]
        self.code = int(lines[0][:3])
        for line in lines[:-1]:
            assert line.startswith(f"{self.code}-"), raw
        assert lines[-1].startswith(f"{self.code} "), raw
        self.lines = [line[4:] for line in lines]

    @property
    def enhanced(self):
        """The enhanced code, if every line has the same."""
        codes = {(re.match(r"([245]\.\d{1,3}\.\d{1,3}) ", line) or [None, ""])[1] for line in self.lines}
        assert len(codes) == 1, self.raw
        return codes.pop()

    @property
    def status(self):
        """'550 5.7.26', '354'."""
        return f"{self.code} {self.enhanced}".strip()

    @property
    def text(self):
        return "\n".join(self.lines)

    def __repr__(self):
        return repr(self.raw)


class Client:
    """A client that sends what it is told, octet by octet if need be."""

    def __init__(self, port, source="127.0.0.1", address="127.0.0.1", greeted=True):
        self.sock = socket.create_connection((address, port), PATIENCE, (source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        if greeted:
            self.greeting = self.reply()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, octets):
        self.sock.sendall(octets.encode() if isinstance(octets, str) else octets)

    def send_slowly(self, octets):
        """Octet by octet; the server may close in between."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for at in range(len(octets)):
                self.sock.sendall(octets[at:at + 1])

    def line(self):
        while b"\r\n" not in self.buffer:
            got = self.sock.recv(65536)
            if not got:
                raise EOFError(f"closed after {self.buffer!r}")
            self.buffer += got
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line + b"\r\n"

    def reply(self):
        raw = self.line()
        while raw[raw.rstrip().rfind(b"\n") + 1:][3:4] == b"-":
            raw += self.line()
        return Reply(raw)

    def replies(self, count):
        return [self.reply() for _ in range(count)]

    def command(self, line):
        self.send(line + "\r\n")
        return self.reply()

    def rest(self):
        """All that comes until the server closes."""
        with contextlib.suppress(ConnectionResetError):
            while got := self.sock.recv(65536):
                self.buffer += got
        return self.buffer

    def hello(self, name="client.example"):
        reply = self.command(f"EHLO {name}")
        assert reply.code == 250, reply
        return reply

    def begin(self, reverse_path="alice@sender.example", recipients=("bob@example.org",), parameters=""):
        """MAIL, RCPT, DATA, all of which must be accepted."""
        commands = [f"MAIL FROM:<{reverse_path}>{parameters}", *(f"RCPT TO:<{path}>" for path in recipients)]
        for command in commands:
            reply = self.command(command)
            assert reply.code == 250, (command, reply)
        reply = self.command("DATA")
        assert reply.code == 354, reply

    def deliver(self, content, reverse_path="alice@sender.example", recipients=("bob@example.org",), parameters=""):
        """A whole transaction; the last reply."""
        self.begin(reverse_path, recipients, parameters)
        self.send(stuffed(content) + b".\r\n")
        return self.reply()

    def starttls(self, context, name=None):
        reply = self.command("STARTTLS")
        assert reply.code == 220, reply
        self.sock = context.wrap_socket(self.sock, server_hostname=name)


def stuffed(content):
    """Content of whole lines as it goes over the wire (RFC 5321 section 4.5.2), without the final dot."""
    return re.sub(rb"(?m)^\.", b"..", content.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")


def message(author="Alice <alice@sender.example>", body="Hello.\r\n", extra="", subject="a test"):
    """A small message with CRLF lines; `extra` are whole fields."""
    return (f"{extra}From: {author}\r\nTo: bob@example.org\r\nSubject: {subject}\r\n"
            f"Date: Fri, 01 May 2026 12:00:00 +0000\r\nMessage-ID: <1@sender.example>\r\n\r\n{body}").encode()


SILENT, CLOSE = object(), object()  # answers of a Sink


class Delivered:
    def __init__(self, connection, reverse_path):
        self.connection = connection
        self.reverse_path = reverse_path
        self.recipients = []
        self.lines = []
        self.is_answered = None  # until the answer to its final dot is out

    @property
    def wire(self):
        """With stuffed dots, without the final one."""
        return b"".join(self.lines)

    @property
    def content(self):
        return re.sub(rb"(?m)^\.", b"", self.wire)


class Sink:
    """A downstream server that answers as told. `answers` maps a stage (connect, ehlo, mail, rcpt, data, dot, rset,
    starttls, quit) to a reply, to a list of replies of which each is used once, to SILENT or to CLOSE; the test may
    change it while it runs."""

    DEFAULT = {"connect": "220 sink.test ESMTP", "helo": "250 sink.test", "mail": "250 2.1.0 Ok",
               "rcpt": "250 2.1.5 Ok", "data": "354 Go on", "dot": "250 2.0.0 Taken", "rset": "250 2.0.0 Ok",
               "starttls": "220 2.0.0 Ready", "quit": "221 2.0.0 Bye"}

    def __init__(self, answers=None, capabilities=("PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES"),
                 tls=None):
        self.answers = answers or {}
        self.capabilities = list(capabilities) + (["STARTTLS"] if tls else [])
        self.tls = tls
        self.messages = []
        self.commands = []   # (number of the connection, line)
        self.connections = []
        self.threads = []
        self.listener = self.listen()
        self.port = self.listener.getsockname()[1]
        self.start(self.accept)

    def listen(self):
        return socket.create_server(("127.0.0.1", 0))

    @property
    def url(self):
        return f"smtp://127.0.0.1:{self.port}"

    def start(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def end_connections(self):
        for sock in self.connections:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                sock, _ = self.listener.accept()
                if sock.family == socket.AF_INET:
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections.append(sock)
                self.start(self.serve, len(self.connections) - 1)

    def serve(self, number):
        with contextlib.suppress(OSError, EOFError, ssl.SSLError):
            self.talk(number)
        with contextlib.suppress(OSError):
            self.connections[number].close()

    def answer(self, stage):
        planned = self.answers.get(stage)
        if isinstance(planned, list):
            planned = planned.pop(0) if planned else None
        if planned is None and stage == "ehlo":
            lines = ["sink.test", *self.capabilities]
            planned = "\r\n".join(f"250{'-' if line != lines[-1] else ' '}{line}" for line in lines)
        return planned if planned is not None else self.DEFAULT[stage]

    def say(self, number, stage):
        """Answers; the code, or ends the connection."""
        planned = self.answer(stage)
        if planned is CLOSE:
            raise EOFError
        if planned is SILENT:
            while self.connections[number].recv(65536):
                pass
            raise EOFError
        self.connections[number].sendall(planned.encode() + b"\r\n")
        if planned.startswith("421"):
            raise EOFError
        return planned[:1]

    def talk(self, number):
        self.say(number, "connect")
        file = self.connections[number].makefile("rb")
        current = None
        while line := file.readline():
            text = line.decode("utf-8").rstrip("\r\n")
            self.commands.append((number, text))
            verb = text.split(" ")[0].lower()
            if verb == "data":
                if self.say(number, "data") == "3":
                    self.take(number, file, current)
                    current = None
                continue
            if verb == "rcpt" and not current:
                self.connections[number].sendall(b"503 5.5.1 MAIL first\r\n")
                continue
            if verb in ("mail", "rset", "ehlo"):
                current = None
            begun = self.say(number, verb)
            if verb == "starttls" and begun == "2":
                self.connections[number] = self.tls.wrap_socket(self.connections[number], server_side=True)
                file = self.connections[number].makefile("rb")
            elif verb == "mail" and begun == "2":
                current = Delivered(number, re.search("<(.*?)>", text)[1])
            elif verb == "rcpt" and begun == "2" and current:
                current.recipients.append(re.search("<(.*)>", text)[1])
            elif verb == "quit":
                return

    def take(self, number, file, current):
        at_line_start = True
        while line := file.readline():
            if at_line_start and line == b".\r\n":
                self.messages.append(current)
                is_answered = False
                try:
                    is_answered = self.say(number, "dot") == "2"
                finally:
                    current.is_answered = is_answered
                return
            current.lines.append(line)
            at_line_start = line.endswith(b"\r\n")
        raise EOFError

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for sock in self.connections:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(PATIENCE)
        for sock in self.connections:
            sock.close()


class SmtpSink:
    """Postfix's smtp-sink, which keeps each message in a file of its own."""

    def __init__(self):
        tool = need("smtp-sink")
        self.folder = tempfile.mkdtemp(prefix="gatepost-sink-")
        self.reserved = reserve(shared=False)
        self.port = self.reserved.getsockname()[1]
        user = ["-u", "root"] if os.getuid() == 0 else []
        self.process = Process([tool, *user, "-d", f"{self.folder}/mail/m.", f"127.0.0.1:{self.port}", "1000"],
                               self.folder, "smtp-sink")
        poll(self.is_up, "smtp-sink listens")

    @property
    def url(self):
        return f"smtp://127.0.0.1:{self.port}"

    def is_up(self):
        if self.process.popen.poll() is not None:
            raise AssertionError("smtp-sink ended:\n" + self.process.text())
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def messages(self):
        """The files as they stand: its own fields on top, lines with LF, dots as they were meant."""
        return [path.read_bytes() for path in sorted(pathlib.Path(self.folder, "mail").glob("m.*"))]

    def close(self):
        self.process.end()
        self.reserved.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def make_certificate(folder, name, *names, days=30):
    """A self-made certificate for these names; its file and that of its key."""
    certificate, key = pathlib.Path(folder) / f"{name}.pem", pathlib.Path(folder) / f"{name}.key"
    names = ",".join(f"DNS:{each}" for each in (name, *names))
    subprocess.run([need("openssl"), "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", str(days), "-subj", f"/CN={name}", "-addext", f"subjectAltName={names}", "-keyout", key, "-out",
                    certificate], check=True, capture_output=True)
    return certificate, key


def make_expired_certificate(folder, name):
    """A self-made certificate that was good in January 2020, and its key."""
    folder = pathlib.Path(folder)
    certificate, key, request = (folder / f"{name}.{ending}" for ending in ("pem", "key", "csr"))
    (folder / "ca.txt").write_text("")
    (folder / "ca.cnf").write_text(f"[ca]\ndefault_ca = it\n[it]\ndatabase = {folder}/ca.txt\nnew_certs_dir = {folder}\n"
                                   f"serial = {folder}/ca.srl\n"
                                   "policy = any\nx509_extensions = names\n[any]\ncommonName = supplied\n"
                                   f"[names]\nsubjectAltName = DNS:{name}\n")
    subprocess.run([need("openssl"), "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                    f"/CN={name}", "-keyout", key, "-out", request], check=True, capture_output=True)
    subprocess.run([need("openssl"), "ca", "-batch", "-selfsign", "-notext", "-create_serial", "-md", "sha256", "-config",
                    folder / "ca.cnf", "-keyfile", key, "-in", request, "-startdate", "20200101000000Z", "-enddate",
                    "20200131000000Z", "-out", certificate], check=True, capture_output=True)
    return certificate, key


def tls_client(version=None):
    """A context that takes any certificate; of one version of TLS only, if it is given."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if version:
        context.set_ciphers("DEFAULT:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # TLS 1.1 is what is asked for
            context.minimum_version = context.maximum_version = version
    return context


class TestCase(unittest.TestCase):
    """With what it opened closed again, for each test and for all tests of a class."""

    maxDiff = None

    def open(self, thing):
        self.addCleanup(thing.close)
        return thing

    @classmethod
    def open_for_all(cls, thing):
        cls.addClassCleanup(thing.close)
        return thing

    def assert_status(self, reply, status):
        self.assertEqual(reply.status, status, reply.raw)


def main():
    unittest.main(argv=[sys.argv[0], "-v", *sys.argv[1:]])
