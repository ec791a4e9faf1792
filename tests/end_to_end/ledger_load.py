"""Who plays the parts of a ledger (ledger.py): clients that send each message until they know what became of it, a
downstream that fails in every way we know of, and the hand that kills. One asyncio loop, so that times compare."""
import asyncio
import collections
import contextlib
import random
import re
import signal
import socket
import struct
import time

from harness import reserve

PATIENCE = 60  # seconds for one reply

# How the downstream fails, and how often: all that it does at a stage instead of its ordinary reply.
FAULTS = {
    "connect": {"close": 0.01, "421 4.3.2 going": 0.01, "slow": 0.01},
    "ehlo": {"close": 0.005, "451 4.3.0 later": 0.005, "slow": 0.01},
    "mail": {"close": 0.002, "451 4.3.0 later": 0.002, "slow": 0.002},
    "rcpt": {"close": 0.002, "450 4.2.1 later": 0.002, "250-unfinished": 0.001, "slow": 0.002},
    "data": {"close": 0.002, "451 4.3.0 later": 0.002, "250 2.0.0 nonsense": 0.001, "slow": 0.002},
    "dot": {"take, reset": 0.003, "take, half a line": 0.002, "take, continuation": 0.002, "take, garbage": 0.001,
            "take, slow": 0.003, "drop, reset": 0.003, "drop, 451": 0.004, "drop, 452": 0.002},
    "idle": {"close": 0.01, "421 4.4.2 idle": 0.003},
}


class Recorder:
    """A downstream server that writes into the ledger what it takes, before it answers."""

    def __init__(self, ledger, seed=1, faults=None):
        self.ledger, self.draw, self.faults = ledger, random.Random(seed), faults or {}
        self.reserved = reserve(shared=False)
        self.port = self.reserved.getsockname()[1]
        self.server = None
        self.writers = set()
        self.happened = collections.Counter()

    @property
    def url(self):
        return f"smtp://127.0.0.1:{self.port}"

    async def up(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", self.port, limit=1 << 22, backlog=512)

    async def down(self):
        """Dies: nobody listens, and all connections are reset. What was answered before can still be read: a reset takes
        nothing away that Linux has received already."""
        self.ledger.note("the downstream dies")
        self.server.close()
        for writer in list(self.writers):
            self.reset(writer)
        await asyncio.sleep(0)

    def close(self):
        if self.server:
            self.server.close()
        for writer in list(self.writers):
            writer.transport.abort()
        self.reserved.close()

    def fault(self, stage):
        """What happens instead; drawn anew each time."""
        share = self.draw.random()
        for name, probability in self.faults.get(stage, {}).items():
            share -= probability
            if share < 0:
                self.happened[f"{stage}: {name}"] += 1
                return name
        return None

    def reset(self, writer):
        with contextlib.suppress(OSError):
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    async def serve(self, reader, writer):
        self.writers.add(writer)
        try:
            await self.talk(reader, writer)
        except (OSError, EOFError, asyncio.LimitOverrunError, ValueError):
            pass
        finally:
            self.writers.discard(writer)
            writer.transport.abort()

    async def say(self, writer, stage, reply):
        """The reply, or what the stage's fault makes of it; False ends the connection."""
        fault = self.fault(stage)
        if fault == "close":
            return None
        if fault == "slow":
            await asyncio.sleep(self.draw.random())
        elif fault:
            reply = fault
        writer.write(reply.encode() + b"\r\n")
        if reply.startswith("421"):
            await writer.drain()
            return None
        return reply

    async def talk(self, reader, writer):
        if not await self.say(writer, "connect", "220 sink.test ESMTP"):
            return
        reverse_path, recipients = None, []
        while line := await reader.readline():
            text = line.decode().rstrip("\r\n")
            verb = text[:4].upper()
            if verb in ("EHLO", "LHLO"):
                said = await self.say(writer, "ehlo", "250-sink.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 ENHANCEDSTATUSCODES")
            elif verb == "MAIL":
                reverse_path, recipients = re.search("<(.*?)>", text)[1], []
                said = await self.say(writer, "mail", "250 2.1.0 Ok")
                if said and said[0] != "2":
                    reverse_path = None
            elif verb == "RCPT":
                recipient = re.search("<(.*?)>", text)[1]
                reply = "250 2.1.5 Ok"
                if reverse_path is None:
                    reply = "503 5.5.1 MAIL first"
                elif recipient.startswith("no-"):
                    reply = "550 5.1.1 Nobody of that name"
                said = await self.say(writer, "rcpt", reply)
                if said and said[:4] == "250 ":
                    recipients.append(recipient)
            elif verb == "DATA":
                said = await self.say(writer, "data", "354 Go on" if recipients else "503 5.5.1 No recipients")
                if said and said[0] == "3":
                    said = await self.take(reader, writer, reverse_path, recipients)
                reverse_path, recipients = None, []
            elif verb == "QUIT":
                writer.write(b"221 2.0.0 Bye\r\n")
                await writer.drain()
                return
            else:
                if verb == "RSET":
                    reverse_path, recipients = None, []
                writer.write(b"250 2.0.0 Ok\r\n")
                said = True
            if not said:
                return

    async def take(self, reader, writer, reverse_path, recipients):
        content = await reader.readuntil(b"\r\n.\r\n")
        content = content[:-3]
        if b"X-Ledger-Id" not in content or reverse_path == "":
            self.ledger.noticed_in(content)
            writer.write(b"250 2.0.0 Taken\r\n")
            return True
        unwanted = re.search(rb"(?m)^X-Ledger-Id: (\w+)\r$", content)[1].decode()
        entry = self.ledger.entries.get(unwanted)
        if entry and entry.kind == "unwanted":
            writer.write(b"554 5.6.0 Nobody wants that\r\n")
            return True
        fault = self.fault("dot")
        if fault and fault.startswith("drop"):
            if fault == "drop, reset":
                self.reset(writer)
                return False
            writer.write(f"{fault[6:]} 4.3.1 not now\r\n".encode())
            return True
        copies = self.ledger.arrived(content, recipients, time.monotonic(), fault is None and not writer.is_closing())
        for copy in copies[:1]:
            self.ledger.note(f"{unwanted} as {copy.queue_id} to {','.join(recipients)}: arrives, {fault or 'is answered'}")
        if fault == "take, slow":
            await asyncio.sleep(self.draw.random() * 2)
            for copy in copies:  # a death of ours may have cut off meanwhile whoever waits for it
                copy.replied = time.monotonic()
                copy.is_answered = not writer.is_closing()
            fault = None
        if fault is None:
            writer.write(b"250 2.0.0 Taken\r\n")
            return await self.idle(writer)
        await asyncio.sleep(0)
        if fault == "take, reset":
            self.reset(writer)
        else:
            writer.write({"take, half a line": b"25", "take, continuation": b"250-2.0.0 still\r\n250-2.0.0 writing\r\n",
                          "take, garbage": b"\xff\x00 what?\r\n"}[fault])
            with contextlib.suppress(OSError):
                await writer.drain()
        return False

    async def idle(self, writer):
        """What an idle connection may meet; its reply has certainly been read by then."""
        fault = self.fault("idle")
        if fault:
            await asyncio.sleep(0.05)
            if fault != "close":
                writer.write(fault.encode() + b"\r\n")
        return not fault


class Clients:
    """Sessions that send what the ledger has to send, several messages each, and again what was not answered for
    good. `vanishing`: the share of messages of which the client does not wait for the reply."""

    def __init__(self, ledger, port, sessions, seed=1, vanishing=0.003, pause=0.3):
        self.ledger, self.port, self.sessions, self.vanishing, self.pause = ledger, port, sessions, vanishing, pause
        self.draw = random.Random(seed)
        self.work = collections.deque(ledger.entries.values())
        self.open = len(self.work)
        self.waits = []  # seconds from the downstream's reply to ours, where one followed the other
        self.replies = collections.Counter()

    async def run(self):
        await asyncio.gather(*(self.sender() for _ in range(self.sessions)))

    async def sender(self):
        while self.open:
            if not self.work:
                await asyncio.sleep(0.05)
                continue
            batch = [self.work.popleft() for _ in range(min(len(self.work), self.draw.randint(1, 10)))]
            try:
                await self.session(batch)
            except (OSError, EOFError, asyncio.TimeoutError, TimeoutError):
                await asyncio.sleep(self.draw.random() * self.pause)
            for entry in batch:  # what has no good answer comes again
                if entry.open_recipients():
                    self.work.append(entry)

    async def session(self, batch):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            await self.reply(reader)
            writer.write(b"EHLO mail.sender.example\r\n")
            if await self.reply(reader) != 250:
                return
            for entry in batch:
                is_done = await self.transaction(reader, writer, entry)
                self.open -= is_done  # apart from the line above: others count while that one waits
            writer.write(b"QUIT\r\n")
            await self.reply(reader)
        finally:
            writer.transport.abort()

    async def reply(self, reader):
        while True:
            line = await asyncio.wait_for(reader.readline(), PATIENCE)
            if not line.endswith(b"\n"):
                raise EOFError
            if line[3:4] != b"-":
                code = int(line[:3])
                if code == 421:
                    raise EOFError
                return code

    async def transaction(self, reader, writer, entry):
        """Whether the message needs no further try."""
        recipients = entry.open_recipients()
        writer.write("".join(["MAIL FROM:<alice@sender.example>\r\n", *(f"RCPT TO:<{each}>\r\n" for each in recipients),
                              "DATA\r\n"]).encode())
        mail = await self.reply(reader)
        accepted = []
        for recipient in recipients:
            code = await self.reply(reader)
            if code == 250:
                accepted.append(recipient)
            elif code // 100 == 5 and mail == 250:
                entry.pairs[recipient].state = "refused"
        if await self.reply(reader) == 354:
            await self.content(reader, writer, entry, accepted)
        else:
            self.replies["no content"] += 1
        is_done = not entry.open_recipients()
        if not is_done:
            await asyncio.sleep(self.draw.random() * self.pause)
        return is_done

    async def content(self, reader, writer, entry, accepted):
        pairs = [entry.pairs[each] for each in accepted]
        writer.write(entry.content + b".\r\n")
        try:
            if self.draw.random() < self.vanishing:
                await writer.drain()
                raise EOFError
            code = await self.reply(reader)
        except (OSError, EOFError, TimeoutError, asyncio.TimeoutError):
            self.replies["lost"] += 1
            self.ledger.note(f"{entry.id}: client lost the reply")
            for pair in pairs:
                pair.unsure.append(time.monotonic())
            raise
        self.replies[code] += 1
        self.ledger.note(f"{entry.id} to {','.join(accepted)}: client is told {code}")
        now = time.monotonic()
        for pair in pairs:
            if code == 250:
                pair.state = "taken"
                if pair.copies and pair.copies[-1].is_answered:
                    self.waits.append(now - pair.copies[-1].replied)
            elif code // 100 == 5:
                pair.state = "refused"


def restart(gateway):
    """After a kill: the same again, on the same state."""
    gateway.notifications.close()
    (gateway.folder / "notify").unlink(missing_ok=True)
    gateway.start()


class Killer:
    """Kills the gateway and starts it again, `kills` times, when about so many messages more have been answered for."""

    def __init__(self, ledger, gateway, clients, kills, seed=1):
        self.ledger, self.gateway, self.clients, self.kills = ledger, gateway, clients, kills
        self.draw = random.Random(seed)
        self.done = 0

    async def run(self):
        step = self.clients.open / (self.kills + 1)
        while self.done < self.kills:
            mark = self.clients.open - step * self.draw.uniform(0.6, 1.1)
            while self.clients.open > max(mark, 1):
                await asyncio.sleep(self.draw.uniform(0.002, 0.02))
            await self.kill()

    async def kill(self):
        self.gateway.process.popen.send_signal(signal.SIGKILL)
        self.ledger.kills.append(time.monotonic())
        self.ledger.note("the gateway is killed")
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self.gateway.process.popen.wait)
        await loop.run_in_executor(None, restart, self.gateway)
        self.done += 1


class Restarter:
    """Lets the downstream die now and then, until it is told to end."""

    def __init__(self, recorder, every, seed=1):
        self.recorder, self.every, self.draw, self.done = recorder, every, random.Random(seed), 0

    async def run(self):
        while True:
            await asyncio.sleep(self.draw.uniform(0.5, 1.5) * self.every)
            await self.recorder.down()
            await asyncio.sleep(self.draw.uniform(0, 0.5))
            await self.recorder.up()
            self.done += 1
