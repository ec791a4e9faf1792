"""Real mail software for the interoperability tests: a private Postfix, a private Exim, and a tap that shows what
they send. Nothing of the machine's own configuration is read or changed."""
import contextlib
import os
import pathlib
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import unittest

import harness
from harness import PATIENCE, REPOSITORY, Process, need, poll, reserve


class Tap:
    """Stands between a client and the gateway, and keeps what the client sends, segment by segment."""

    def __init__(self, port):
        self.target = port
        self.segments = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets = []
        self.threads = []
        self.start(self.accept)

    def start(self, target, *arguments):
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        self.threads.append(thread)
        thread.start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                server = socket.create_connection(("127.0.0.1", self.target), PATIENCE)
                server.settimeout(None)
                self.sockets += [client, server]
                self.start(self.carry, client, server, self.segments)
                self.start(self.carry, server, client, [])

    @staticmethod
    def carry(source, target, kept):
        with contextlib.suppress(OSError):
            while octets := source.recv(65536):
                kept.append(octets)
                target.sendall(octets)
            target.shutdown(socket.SHUT_WR)

    def close(self):
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for sock in self.sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join(PATIENCE)
        for sock in self.sockets:
            sock.close()


def need_root(what):
    if os.getuid() != 0:
        raise unittest.SkipTest(f"skipped: {what} needs root")


def open_folder(prefix):
    """A temporary folder that the servers' own users may enter."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix=prefix))
    folder.chmod(0o755)
    return folder


class Postfix:
    """A Postfix of our own, below a temporary folder: takes mail by SMTP on `port` and does with it what the settings
    say."""

    SERVICES = """127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
tlsmgr unix - - n 1000? 1 tlsmgr
proxymap unix - - n - - proxymap
postlog unix-dgram n - n - 1 postlogd
"""

    arguments = []  # before the program: what it runs under

    def __init__(self, **settings):
        self.tool = need("postfix")
        need_root("a Postfix of our own")
        self.folder = open_folder("gatepost-postfix-")
        self.reserved = reserve(shared=False)
        self.port = self.reserved.getsockname()[1]
        for name in ("conf", "queue", "data"):
            (self.folder / name).mkdir()
        os.chown(self.folder / "data", pwd.getpwnam("postfix").pw_uid, -1)
        base = {
            "compatibility_level": "3.6", "queue_directory": self.folder / "queue",
            "data_directory": self.folder / "data", "mail_owner": "postfix", "setgid_group": "postdrop",
            "myhostname": "postfix.plain.example", "mydestination": "", "alias_maps": "", "local_recipient_maps": "",
            "inet_interfaces": "127.0.0.1", "inet_protocols": "ipv4", "mynetworks": "127.0.0.0/8",
            "smtpd_relay_restrictions": "permit_mynetworks, reject", "smtputf8_enable": "yes", "biff": "no",
            "smtp_dns_support_level": "disabled", "maillog_file": self.folder / "maillog",
            "maillog_file_prefixes": str(self.folder), "smtp_tls_session_cache_database": "",
        }
        text = "".join(f"{key} = {value}\n" for key, value in {**base, **settings}.items())
        (self.folder / "conf" / "main.cf").write_text(text, encoding="utf-8")
        (self.folder / "conf" / "master.cf").write_text(self.SERVICES.format(port=self.port), encoding="utf-8")
        self.process = Process([*self.arguments, self.tool, "-c", str(self.folder / "conf"), "start-fg"], self.folder, "postfix")
        try:
            poll(self.is_up, "Postfix listens")
        except BaseException:
            self.close()
            raise

    def is_up(self):
        if self.process.popen.poll() is not None:
            raise AssertionError("Postfix ended:\n" + self.process.text() + self.log())
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def log(self):
        with contextlib.suppress(OSError):
            return (self.folder / "maillog").read_text(encoding="utf-8", errors="backslashreplace")
        return ""

    def logged(self, pattern):
        def find():
            return next((line for line in self.log().splitlines() if re.search(pattern, line)), None)
        try:
            return poll(find, pattern)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()}") from None

    def close(self):
        try:
            subprocess.run([self.tool, "-c", str(self.folder / "conf"), "abort"], capture_output=True, timeout=PATIENCE,
                           check=False)
            self.process.end()
        finally:
            self.reserved.close()
            shutil.rmtree(self.folder, ignore_errors=True)


class Exim:
    """An Exim of our own: takes a message on its standard input and delivers it at once, over TLS if it is told.

    Debian's package cannot be installed beside Postfix, so ./dev test only unpacks it below build-exim; the user that
    the program insists on comes from a file of ours (nss_wrapper)."""

    CONFIGURATION = """exim_path = {tool}
primary_hostname = exim.plain.example
spool_directory = {folder}/spool
log_file_path = {folder}/spool/%slog
keep_environment = *
trusted_users = root
tls_advertise_hosts =
smtputf8_advertise_hosts = : *
accept_8bitmime = true
log_selector = +tls_cipher
acl_smtp_rcpt = accept
acl_smtp_data = accept
begin acl
begin routers
gateway:
  driver = manualroute
  transport = gateway
  route_list = * 127.0.0.1
  self = send
begin transports
gateway:
  driver = smtp
  port = {port}
  allow_localhost
  hosts_require_tls = {tls}
  hosts_avoid_tls = {clear}
  hosts_try_dane =
  tls_verify_certificates =
  tls_try_verify_hosts =
begin retry
"""

    def __init__(self, port, tls=True):
        self.tool = self.find()
        need_root("an Exim of our own")
        self.wrapper = self.find_wrapper()
        self.folder = open_folder("gatepost-exim-")
        (self.folder / "spool").mkdir()
        os.chown(self.folder / "spool", 65500, 65500)
        for kind, line in (("passwd", "Debian-exim:x:65500:65500::/nonexistent:/usr/sbin/nologin"),
                           ("group", "Debian-exim:x:65500:")):
            lines = pathlib.Path("/etc", kind).read_text(encoding="utf-8").splitlines()
            others = [each for each in lines if not each.startswith("Debian-exim:")]
            (self.folder / kind).write_text("\n".join([*others, line]) + "\n", encoding="utf-8")
        self.file = self.folder / "exim.conf"
        self.file.write_text(self.CONFIGURATION.format(tool=self.tool, folder=self.folder, port=port,
                                                       tls="*" if tls else "", clear="" if tls else "*"), encoding="utf-8")

    @staticmethod
    def find():
        unpacked = REPOSITORY / "build-exim" / "usr" / "sbin" / "exim4"
        if not os.access(unpacked, os.X_OK):
            raise unittest.SkipTest("skipped: Exim is not there (./dev test unpacks it below build-exim)")
        return str(unpacked)

    @staticmethod
    def find_wrapper():
        for folder in pathlib.Path("/usr/lib").glob("*-linux-gnu*"):
            if (folder / "libnss_wrapper.so").exists():
                return str(folder / "libnss_wrapper.so")
        raise unittest.SkipTest("skipped: libnss-wrapper is not installed")

    def run(self, *arguments, standard_input=b""):
        environment = {**os.environ, "LD_PRELOAD": self.wrapper, "NSS_WRAPPER_PASSWD": str(self.folder / "passwd"),
                       "NSS_WRAPPER_GROUP": str(self.folder / "group")}
        return subprocess.run([self.tool, "-C", str(self.file), *arguments], input=standard_input, capture_output=True,
                              env=environment, timeout=harness.PATIENCE * 4, check=False)

    def log(self):
        return "".join(path.read_text(encoding="utf-8", errors="backslashreplace")
                       for path in (self.folder / "spool" / name for name in ("mainlog", "paniclog")) if path.exists())

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)
