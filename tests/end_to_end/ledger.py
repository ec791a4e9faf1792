"""The account of a load of messages: what clients were told of each one, and what came to the downstream. Each
message has an id; a *pair* is an id and one of its recipients. At the end every pair that was answered 250 has arrived,
no refused one has, and each copy too many has its reason."""
import dataclasses
import datetime
import pathlib
import re
import zlib
from time import monotonic

KILL_WINDOW = 1.0  # seconds from a reply of the downstream to a kill that may have come before our record of it
READ_LATE = 0.25   # seconds by which the downstream may come to read what had been sent before the kill

# Reasons for a copy too many.
DOWNSTREAM = "the downstream's reply was lost"
CLIENT = "the client lost our reply"
KILLED = "killed before the record"
DISK = "the record failed on the disk"


@dataclasses.dataclass
class Copy:
    time: float            # when the downstream had it all, of time.monotonic(); what came later was sent later
    is_answered: bool      # the downstream's 250 went out whole, and the connection stood
    queue_id: str = ""     # under which the gateway has it
    replied: float = 0     # when the reply went out, if later than that

    def __post_init__(self):
        self.replied = max(self.replied, self.time)


@dataclasses.dataclass
class Pair:
    copies: list = dataclasses.field(default_factory=list)
    unsure: list = dataclasses.field(default_factory=list)  # when its client lost the reply to its final dot
    state: str = "open"      # to its client: open, taken (250), refused (5yz)


class Entry:
    """One message. Kinds: plain; forged: the gateway refuses it; unwanted: the downstream refuses its content."""

    def __init__(self, number):
        self.id = f"m{number:06}"
        draw = zlib.crc32(self.id.encode())
        self.kind = {0: "forged", 1: "unwanted"}.get(draw % 100, "plain")
        recipients = [f"u{draw % 50}@example.org"]
        if draw % 100 in range(2, 8):
            recipients.append(f"v{draw % 50}@example.org")
        if draw % 100 in range(8, 11):
            recipients.append(f"no-{draw % 50}@example.org")
        self.pairs = {recipient: Pair() for recipient in recipients}
        lines = 4000 if draw % 200 == 12 else 1 + draw // 100 % 30
        self.lines = lines

    @property
    def body(self):
        return f"{self.id} and some words to fill a line of this message\r\n".encode() * self.lines

    @property
    def content(self):
        authors = "From: Eve <eve@other.example>\r\n" if self.kind == "forged" else ""
        return (f"From: Alice <alice@sender.example>\r\n{authors}To: you@example.org\r\nSubject: {self.id}\r\n"
                f"Date: Fri, 01 May 2026 12:00:00 +0000\r\nMessage-ID: <{self.id}@sender.example>\r\n"
                f"X-Ledger-Id: {self.id}\r\n\r\n").encode() + self.body

    def open_recipients(self):
        return [recipient for recipient, pair in self.pairs.items() if pair.state == "open"]


class Ledger:
    def __init__(self, messages):
        self.entries = {entry.id: entry for entry in map(Entry, range(messages))}
        self.kills = []       # times
        self.disk_faults = []  # (time, path) of calls of the gateway's on its spool that were made to fail
        self.noticed = set()  # ids of which a notification came
        self.problems = []
        self.events = []      # (time, what)

    def note(self, what):
        self.events.append((monotonic(), what))

    def story(self):
        """What happened, a line each, with the time on the wall as in the gateway's log."""
        began = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=monotonic())
        for when, what in sorted(self.events):
            yield f"{began + datetime.timedelta(seconds=when):%Y-%m-%dT%H:%M:%S.%f} {when:.6f} {what}"

    # What the downstream saw.

    def arrived(self, content, recipients, time, is_answered):
        """A message at the downstream, whose reply to the final dot is whole or not; the copies."""
        header, _, body = content.partition(b"\r\n\r\n")
        found = re.search(rb"(?m)^X-Ledger-Id: (\w+)\r?$", header)
        entry = self.entries.get(found[1].decode()) if found else None
        if not entry:
            self.problems.append(f"a message of nobody arrived: {header[-300:]!r}")
            return []
        if body != entry.body:
            self.problems.append(f"{entry.id} arrived with another body: {len(body)} octets, not {len(entry.body)}")
        queue_id = re.search(rb"(?s)Received:.*?\bid (\w+)", header)
        copies = []
        for recipient in recipients:
            if recipient not in entry.pairs:
                self.problems.append(f"{entry.id} arrived for {recipient}, who is none of its recipients")
                continue
            copy = Copy(time, is_answered, queue_id[1].decode() if queue_id else "")
            entry.pairs[recipient].copies.append(copy)
            copies.append(copy)
        return copies

    def noticed_in(self, content):
        """A notification, or a file of a dead letter: the ids that it is about."""
        self.noticed.update(each.decode() for each in re.findall(rb"X-Ledger-Id: (\w+)", content))

    def read_dead_letters(self, spool):
        for path in pathlib.Path(spool, "dead").glob("*"):
            self.noticed_in(path.read_bytes())

    # The account.

    def pairs(self):
        return ((entry, recipient, pair) for entry in self.entries.values() for recipient, pair in entry.pairs.items())

    def open(self):
        return sum(pair.state == "open" for _, _, pair in self.pairs())

    def missing(self):
        """Pairs that were answered 250 and are neither at the downstream nor accounted for: what it wants must have come
        to each recipient that it has, of the rest its sender or a dead letter tells."""
        return [(entry.id, recipient) for entry, recipient, pair in self.pairs()
                if pair.state == "taken" and not pair.copies
                and not (entry.id in self.noticed and (entry.kind == "unwanted" or recipient.startswith("no-")))]

    def wrong(self):
        """Pairs that arrived although they were refused."""
        return [(entry.id, recipient) for entry, recipient, pair in self.pairs()
                if pair.copies and (pair.state == "refused" or entry.kind != "plain")]

    def reasons(self, pair):
        """[(copy, reason or None)] for each copy that another one followed. Copies under one id of the gateway are one
        message that it took once and handed over again; those under another came from the client again."""
        groups = {}
        for copy in sorted(pair.copies, key=lambda each: each.time):
            groups.setdefault(copy.queue_id, []).append(copy)
        reasons = [(before, self.reason(before, after)) for group in groups.values()
                   for before, after in zip(group, group[1:])]
        unsure = sorted(pair.unsure)
        groups = list(groups.values())
        for group, after in zip(groups, groups[1:]):
            if not group[-1].is_answered:
                reasons.append((group[-1], DOWNSTREAM))
            elif unsure and unsure[0] <= after[0].time:
                unsure.pop(0)
                reasons.append((group[-1], CLIENT))
            else:
                reasons.append((group[-1], None))
        return reasons

    def reason(self, copy, after):
        """Why the gateway handed it over once more. It knows what was answered as long as it lives: only a kill makes it
        forget."""
        if not copy.is_answered:
            return DOWNSTREAM
        kills = [time for time in self.kills if copy.time - READ_LATE <= time <= after.time]
        if any(time <= copy.replied + KILL_WINDOW for time in kills):
            return KILLED
        if any(0 <= killed - failed <= KILL_WINDOW for killed in kills for failed in self.failed_records(copy)):
            return DISK
        return None

    def failed_records(self, copy):
        """When it failed to write down that this one is done: in its file, or in the folder."""
        return [time for time, path in self.disk_faults
                if time >= copy.time and path.rsplit("/", 1)[-1] in (copy.queue_id, "queue")]

    def duplicates(self):
        """{reason: number of copies}; what has no reason is a problem too."""
        counts = {}
        for entry, recipient, pair in self.pairs():
            for _, reason in self.reasons(pair):
                counts[reason] = counts.get(reason, 0) + 1
                if not reason:
                    self.problems.append(f"{entry.id} to {recipient} came {len(pair.copies)} times without a reason: {pair}")
        return counts

    def kill_windows(self):
        """For each copy too many that a kill explains: seconds from the downstream's reply to the kill."""
        return [min(max(time - copy.replied, 0) for time in self.kills if time >= copy.time - READ_LATE)
                for _, _, pair in self.pairs() for copy, reason in self.reasons(pair) if reason == KILLED]

    def account(self):
        """Figures by name, in the order of a report."""
        states = [pair.state for _, _, pair in self.pairs()]
        duplicates = self.duplicates()
        unexplained = duplicates.pop(None, 0)
        result = {"messages": len(self.entries), "recipients": len(states), "answered 250": states.count("taken"),
                  "refused": states.count("refused"), "never answered": states.count("open"),
                  "told of, or kept as dead letters": len(self.noticed),
                  "lost": len(self.missing()), "delivered though refused": len(self.wrong()),
                  "duplicates": sum(duplicates.values()) + unexplained}
        result.update({f"  {reason}": count for reason, count in sorted(duplicates.items())})
        return {**result, "  without a reason": unexplained, "other problems": len(self.problems) - unexplained}

    def is_right(self, account):
        return not any(account[name] for name in ("never answered", "lost", "delivered though refused", "  without a reason",
                                                  "other problems"))
