"""One run of a load with an account (ledger.py) through a gateway that is killed at random, before a downstream that
dies and fails, on a disk that fails. For crash_test.py and ./dev crash."""
import asyncio
import contextlib
import statistics
import time

import ledger_load
from faulty import Faults
from harness import Dns, Gateway
from ledger import Ledger

MODES = ("never", "outage", "always")
ZONE = {
    "sender.example": ["TXT v=spf1 ip4:127.0.0.1 -all", "MX 10 mail.sender.example"],
    "_dmarc.sender.example": ["TXT v=DMARC1; p=reject"],
    "mail.sender.example": ["A 127.0.0.1"],
    "1.0.0.127.in-addr.arpa": ["PTR mail.sender.example."],
}

# Each now and then, in the process that happens to run.
DISK_FAULTS = ["write /spool/ %997 torn ENOSPC", "write /spool/ %1499 half", "write /spool/ %1999 fail EIO",
               "sync /spool/ %701 fail EIO", "rename /spool/ %809 fail EIO", "unlink /spool/ %907 fail EIO",
               "open /spool/ %1201 fail EMFILE"]


class Run:
    def __init__(self, mode, messages, kills, sessions, seed, has_faults=True):
        self.mode, self.kills, self.seed = mode, kills, seed
        self.ledger = Ledger(messages)
        self.closing = contextlib.ExitStack()
        with contextlib.ExitStack() as opened:
            dns = opened.enter_context(contextlib.closing(Dns(ZONE)))
            self.recorder = opened.enter_context(contextlib.closing(
                ledger_load.Recorder(self.ledger, seed, ledger_load.FAULTS if has_faults else None)))
            self.gateway = opened.enter_context(contextlib.closing(Gateway(self.recorder.url, dns.address, listening=False)))
            self.faults = Faults(self.gateway.folder)
            self.closing = opened.pop_all()
        self.gateway.environment.update(self.faults.environment)
        self.gateway.configure(**self.settings())
        self.clients = ledger_load.Clients(self.ledger, self.gateway.port, sessions, seed)
        self.has_faults = has_faults
        self.is_right = False

    def settings(self):
        settings = {"limits": {"sessions": 2000, "sessions_per_client": 2000, "commands": 100000, "downstream_timeout": "5s",
                               "dns_timeout": "5s", "memory_per_message": "64KiB"},
                    "downstream": {"spool": self.mode}}
        if self.mode != "never":
            settings["downstream"]["retry"] = {"first": "1s", "max": "2s"}
        return settings

    @property
    def spool(self):
        return self.gateway.folder / "state" / "spool"

    async def run(self, patience=120, progress=False):
        await self.recorder.up()
        if self.has_faults and self.mode != "never":
            self.faults.plan(*DISK_FAULTS, trace="/spool/")
        await asyncio.get_running_loop().run_in_executor(None, self.gateway.start)
        killer = ledger_load.Killer(self.ledger, self.gateway, self.clients, self.kills, self.seed)
        self.restarter = ledger_load.Restarter(self.recorder, 3, self.seed)
        others = [asyncio.create_task(each) for each in
                  [killer.run(), *([self.restarter.run()] if self.has_faults else []), *([self.report(killer)] if progress else [])]]
        try:
            await asyncio.wait_for(self.clients.run(), patience)
            await asyncio.wait_for(others[0], patience)
        finally:
            for other in others[1:]:
                other.cancel()
            others[0].cancel()
        await self.settle(patience)
        self.account()

    async def settle(self, patience):
        """Everything whole again: what is still in the queue arrives."""
        if not self.recorder.server.is_serving():
            await self.recorder.up()
        self.recorder.faults = {}
        self.note_disk_faults()
        self.faults.plan()
        deadline = time.monotonic() + min(patience, 120)
        while time.monotonic() < deadline:
            self.ledger.read_dead_letters(self.spool)
            if not self.ledger.missing() and not list(self.spool.glob("queue/*")):
                break
            await asyncio.sleep(0.2)

    def note_disk_faults(self):
        for when, call, path, action in self.faults.happened():
            self.ledger.disk_faults.append((when, path))
            self.ledger.events.append((when, f"{call} of {path}: {action}"))

    async def report(self, killer):
        total, began = self.clients.open, time.monotonic()
        while True:
            await asyncio.sleep(10)
            done = total - self.clients.open
            print(f"  {time.monotonic() - began:4.0f} s: {done} of {total} answered for good, {killer.done} kills, "
                  f"{self.restarter.done} restarts of the downstream, {sum(self.recorder.happened.values())} faults of it",
                  flush=True)

    def account(self):
        self.figures = self.ledger.account()
        self.is_right = self.ledger.is_right(self.figures)
        self.figures.update({"kills of the gateway": len(self.ledger.kills),
                             "restarts of the downstream": self.restarter.done,
                             "faults of the downstream": sum(self.recorder.happened.values()),
                             "faults of the disk": len(self.ledger.disk_faults),
                             "replies that clients lost": self.clients.replies["lost"]})

    def table(self):
        lines = [f"  {name:<42} {value:>8}" for name, value in self.figures.items()]
        windows = self.ledger.kill_windows()
        if windows:
            lines.append(f"  a kill made a copy at most {max(windows) * 1000:.0f} ms after the downstream's reply")
        if self.clients.waits and self.mode != "always":  # there ours comes first, and what follows it says nothing
            waits = sorted(self.clients.waits)
            lines.append(f"  from the downstream's reply to ours at the client: median {statistics.median(waits) * 1000:.2f} ms, "
                         f"99 % {waits[len(waits) * 99 // 100] * 1000:.1f} ms, {waits[-1] * 1000:.0f} ms at most")
        lines += [f"  ! {problem}" for problem in self.ledger.problems[:20]]
        lines += [f"  ! lost: {each}" for each in self.ledger.missing()[:20]]
        lines += [f"  ! delivered though refused: {each}" for each in self.ledger.wrong()[:20]]
        return "\n".join(lines)

    def close(self):
        """What is not right can be looked into: the gateway's folder with its log stays."""
        if not self.is_right:
            self.gateway.is_kept = True
            (self.gateway.folder / "ledger.log").write_text("".join(f"{line}\n" for line in self.ledger.story()))
            print(f"  kept: {self.gateway.folder} (gatepost.log, ledger.log, state/spool)", flush=True)
        self.closing.close()
