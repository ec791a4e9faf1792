"""The stage on which the demonstration and the benchmark play: a local DNS zone, the gateway, and nothing of the world.

Everything listens on 127.0.0.0/8, on ports that the kernel chose, and ends with the `with` block that began it.
"""

import collections
import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


class Failure(Exception):
    """The stage could not be set; the message says what to do."""


def free_port():
    """A port that is free for UDP and TCP at this moment; whoever uses it tries again if it is lost."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            tcp.bind(("127.0.0.1", 0))
            with contextlib.suppress(OSError):
                udp.bind(tcp.getsockname())
                return tcp.getsockname()[1]


def tool(name):
    """The path of a program; daemons are often not on the PATH of an ordinary user."""
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not path:
        raise Failure(f"{name} is missing; `./dev deps demo bench` installs it")
    return path


def until(condition, what, seconds=10.0):
    """Polls; sleeping for luck is not waiting."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failure(f"no sign of {what} within {seconds:.0f} s")
        time.sleep(0.01)


def listens(port):
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Process:
    """A child that ends with us; its output is in `output`."""

    def __init__(self, arguments, output, **options):
        self.output = pathlib.Path(output)
        with open(output, "ab") as file:
            self.child = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=file, stderr=file, **options)

    @property
    def pid(self):
        return self.child.pid

    def is_running(self):
        return self.child.poll() is None

    def end(self, seconds=10):
        self.child.terminate()
        try:
            self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()


def start(make, port_count, what):
    """Starts what `make(ports)` says until it has got its ports: another process may snatch one in between."""
    for _ in range(5):
        ports = [free_port() for _ in range(port_count)]
        process = make(ports)
        try:
            until(lambda: not process.is_running() or all(listens(port) for port in ports), what)
        except Failure:
            process.end()
            raise
        if process.is_running():
            return process, ports
    raise Failure(f"{what} does not start:\n" + process.output.read_text(errors="replace")[-2000:])


def quoted(text):
    """The text of a TXT record as the zone file has it: strings of at most 255 octets."""
    return " ".join('"' + text[i:i + 255] + '"' for i in range(0, len(text), 255))


UNBOUND = """
server:
    verbosity: 0
    use-syslog: no
    log-queries: no
    num-threads: 1
    directory: "{folder}"
    chroot: ""
    username: ""
    pidfile: ""
    interface: 127.0.0.1@{port}
    access-control: 127.0.0.0/8 allow
    do-ip6: no
    module-config: "iterator"
    local-zone: "127.in-addr.arpa." nodefault
    local-zone: "." static
    local-data: ". 3600 IN SOA ns.invalid. nobody.invalid. 1 3600 3600 3600 3600"
{data}
remote-control:
    control-enable: no
"""


@contextlib.contextmanager
def dns_zone(folder, records):
    """Serves the lines of `records` and NXDOMAIN for all else; gives the port. (name, type, data)"""
    lines = []
    for name, kind, data in records:
        text = f"{name}. 3600 IN {kind} {quoted(data) if kind == 'TXT' else data}"
        lines.append("    local-data: '" + text + "'")

    def make(ports):
        path = folder / "unbound.conf"
        path.write_text(UNBOUND.format(folder=folder, port=ports[0], data="\n".join(lines)))
        return Process([tool("unbound"), "-d", "-p", "-c", str(path)], folder / "unbound.log")

    process, ports = start(make, 1, "unbound")
    with process:
        yield ports[0]


def make_certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-days", "30", "-subj", "/CN=mx.example.org", "-addext", "subjectAltName=DNS:mx.example.org",
                    "-keyout", folder / "key.pem", "-out", folder / "cert.pem"], check=True, capture_output=True)


class Gateway(Process):
    """The gateway; `port` is where it listens."""

    port = 0

    def messages(self):
        """The log's `message` lines as dictionaries, oldest first."""
        lines = self.output.read_text(errors="replace").splitlines()
        return [fields(line) for line in lines if " message " in line]


def fields(line):
    return {key: value.strip('"') for key, value in re.findall(r'(\w+)=("[^"]*"|\S*)', line)}


@contextlib.contextmanager
def gateway(folder, binary, configuration):
    """`configuration` is the text of the YAML file behind `listeners`."""
    make_certificate(folder)

    def make(ports):
        path = folder / "gatepost.yaml"
        path.write_text(f'hostname: mx.example.org\nlisteners: [{{address: "127.0.0.1:{ports[0]}"}}]\n'
                        f"tls: {{certificate: cert.pem, key: key.pem}}\nstate: {folder}\n{configuration}")
        return Gateway([str(binary), "serve", "--config", str(path)], folder / "gatepost.log")

    process, ports = start(make, 1, "the gateway")
    process.port = ports[0]
    with process:
        yield process


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory(prefix="gatepost-") as name:
        yield pathlib.Path(name)


Key = collections.namedtuple("Key", "domain selector path record")


def make_key(mail_kit, folder, domain, selector="s1"):
    path = folder / f"{domain}.pem"
    run = subprocess.run([mail_kit, "keygen", "--algorithm", "rsa", "--key", path], check=True, capture_output=True,
                         text=True)
    return Key(domain, selector, path, (f"{selector}._domainkey.{domain}", "TXT", run.stdout.strip()))


def sign(mail_kit, key, message):
    """`message` with LF line ends, as text; gives it signed, likewise."""
    run = subprocess.run([mail_kit, "sign", "--key", key.path, "--domain", key.domain, "--selector", key.selector],
                         input=message.encode(), check=True, capture_output=True)
    return run.stdout.decode().replace("\r\n", "\n")
