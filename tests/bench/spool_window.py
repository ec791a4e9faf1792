"""The window in which a crash makes a copy (RFC 1047): from the downstream's reply to the final dot until the client has
ours (cut-through), or until it is durable that nothing is left to do (queue). By the gateway's own system calls, as
strace(1) sees them: when the reply had been read, when ours had been written, when the folder without the file had been
synced. strace makes all of it slower than it is; only the calls in question stop."""
import contextlib
import re

import gateway_bench as bench
import harness

CALLS = "recvfrom,recvmsg,read,readv,sendto,sendmsg,write,writev,unlinkat,fsync"
ANSWER = "250 2.0.0 Taken "


class NamingSink(harness.Sink):
    """Says in its reply to the final dot which message it was: the id of our Received field."""

    def take(self, number, file, current):
        octets = b""
        while not octets.endswith(b"\r\n.\r\n"):
            line = file.readline()
            if not line:
                raise EOFError
            octets += line
        name = re.search(rb"\sid (\S+?)[\s;]", octets)[1]
        self.connections[number].sendall(ANSWER.encode() + name + b"\r\n")


def calls(file):
    """(thread, when it had ended, text) of each call in a record of `strace -f -ttt -T`."""
    begun = {}
    for line in file.read_text(errors="backslashreplace").splitlines():
        found = re.match(r"(\d+) +(\d+\.\d+) (.*)", line)
        if not found:
            continue
        thread, at, text = found[1], float(found[2]), found[3]
        if text.endswith("<unfinished ...>"):
            begun[thread] = at, text.removesuffix("<unfinished ...>")
            continue
        if resumed := re.match(r"<\.\.\. \w+ resumed>(.*)", text):
            at, before = begun.pop(thread, (at, ""))
            text = before + resumed[1]
        took = re.search(r"<(\d+\.\d+)>$", text)
        if took:
            yield thread, at + float(took[1]), text


def windows(file, is_queue):
    """Seconds of each message."""
    taken, over, removed = {}, {}, {}
    for thread, at, text in calls(file):
        call = text.split("(")[0]
        name = re.search(re.escape(ANSWER) + r"(\w+)", text)
        if name and call in ("recvfrom", "recvmsg", "read", "readv"):
            taken[name[1]] = at
        elif said := not is_queue and call in ("sendto", "sendmsg") and re.search(r"250 2\.0\.0 .*\bref (\w+)", text):
            over[said[1]] = at
        elif gone := call == "unlinkat" and re.search(r'"queue/([^"]+)"', text):
            removed.setdefault(thread, []).append(gone[1])
        elif call == "fsync" and is_queue:
            over.update(dict.fromkeys(removed.pop(thread, ()), at))
    return [over[name] - taken[name] for name in taken if name in over]


class Watched(harness.Gateway):
    """A gateway under strace, before a downstream that names what it takes."""

    def __init__(self, mode, resolver):
        strace = harness.need("strace")
        self.sink = NamingSink()
        self.mode = mode
        super().__init__(self.sink.url, resolver, listening=False)
        try:
            self.record = self.folder / "calls"
            (self.folder / "recipients").write_text(bench.RECIPIENT + "\n")
            self.arguments = [strace, "-D", "-f", "--seccomp-bpf", "-qq", "-ttt", "-T", "-s", "200", "-e",
                              f"trace={CALLS}", "-e", "signal=none", "-o", str(self.record)]
            self.configure(downstream={"spool": mode}, recipients={"file": "recipients"}, policy={"enforce": "observe"},
                           limits={"sessions_per_client": 1000, "transactions": 1000000, "commands": 1000000})
            self.start()
        except BaseException:
            self.close()
            raise

    def is_empty(self):
        return self.mode == "never" or not list((self.folder / "state" / "spool" / "queue").iterdir())

    def close(self):
        super().close()
        self.sink.close()


def measure_one(mode, sessions, messages, mails, resolver):
    with contextlib.closing(Watched(mode, resolver)) as gateway:
        bench.smtp_source(gateway.port, mails.file(10 * bench.KIB), sessions, messages, False)
        harness.poll(gateway.is_empty, "the queue is empty")
        gateway.process.end()  # so that all calls are in the record
        found = []

        def is_complete():
            found[:] = sorted(windows(gateway.record, mode == "always"))
            return len(found) >= messages
        harness.poll(is_complete, f"{messages} messages in the record of strace")
    return found


def measure(mails, resolver, messages):
    print("\nfrom the downstream's reply to the final dot, in ms (gateway under strace, 10 KB)")
    row = "{:<36}  {:>11}  {:>8}  {:>8}  {:>8}  {:>8}"
    print(row.format("until", "", "messages", "median", "99 %", "max"))
    for mode, until in (("never", "our 250 is on its way to the client"), ("always", "its removal is durable (queue)")):
        for sessions in (1, 50):
            found = measure_one(mode, sessions, messages, mails, resolver)
            print(row.format(until, "1 session" if sessions == 1 else f"{sessions} sessions", len(found),
                             *(f"{found[min(len(found) - 1, int(len(found) * share))] * 1000:.2f}"
                               for share in (0.5, 0.99, 1))), flush=True)
