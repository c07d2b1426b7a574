"""The record of one exchange while it happens: octets, times, and the bounds that it has to keep."""

import re
from dataclasses import dataclass, field
from typing import Literal

from conformance.model.exchange import Arrival, Ending
from conformance.transport.clock import NANOSECONDS, now_ns
from conformance.transport.limits import Limits

MAX_DETAIL = 300

HEAD_END = re.compile(rb"\n\r?\n")
DATA = b"data:"
BLOCK_ENDS = (b"\n\n", b"\r\r", b"\n\r\n")
INTERIM = re.compile(rb"HTTP/\d\.\d 1(?!01)\d\d")

How = Literal["idle", "closed", "reset", "timeout", "limit", "hung-up", "unreachable"]
Phase = Literal["connect", "send", "first-byte", "body", "after"]


@dataclass(slots=True)
class Record:
    """What crossed the connection so far. All times are nanoseconds since `started_ns`.

    `asking` tells that the request itself is under way (before, a proxy may be talked to, which is not recorded);
    `cut` that a write failed; `sent_at_ns` is None until the request's last octet has left; `rested_ns` says when the
    reply was over: `complete`, or `illegal` for the reason given. `chunks` are the pieces of body that the reader of
    HTTP/1.1 made out, `blocks` what looks like the end of an event. After `hang_up` events (lines of data) the harness
    closes the connection on purpose; None: it never does.
    """

    limits: Limits
    hang_up: int | None = None
    started_ns: int = field(default_factory=now_ns)
    sent: bytearray = field(default_factory=bytearray)
    heard: bytearray = field(default_factory=bytearray)
    arrivals: list[Arrival] = field(default_factory=list)
    sent_at_ns: int | None = None
    asking: bool = False
    cut: bool = False
    complete: bool = False
    illegal: str = ""
    rested_ns: int = 0
    ended: Ending | None = None
    chunks: int = 0
    interim: int = 0
    blocks: int = 0
    events: int = 0
    head_start: int = 0
    in_head: bool = True

    def now(self) -> int:
        """Nanoseconds since the exchange began."""
        return now_ns() - self.started_ns

    def ask(self) -> None:
        """Begin the record: from now on it is the target that is talked to."""
        self.asking = True

    def say(self, octets: bytes) -> None:
        """Note octets that are about to be written."""
        if self.asking:
            self.sent += octets

    def hear(self, octets: bytes) -> None:
        """Note octets that were read, or with none the end of what the target sends."""
        if not self.asking:
            return
        if not octets:
            self.end("closed")
            return
        self.arrivals.append(Arrival(self.now(), len(octets)))
        self.heard += octets
        self.blocks += sum(map(octets.count, BLOCK_ENDS))
        self.events += octets.count(DATA)
        if self.in_head:
            self._seek_head_end(len(self.heard) - len(octets))

    def end(self, how: How, detail: str = "") -> None:
        """Note how the connection ended; the first end counts. Before the request it makes the target unreachable."""
        if self.ended is None:
            self.ended = Ending(how if self.asking else "unreachable", self.phase, self.now(), detail)

    def rest(self, illegal: str = "") -> None:
        """Note that the reply is over: complete, or no HTTP/1.1 for the reason given."""
        self.complete, self.illegal, self.rested_ns = not illegal, illegal, self.now()

    @property
    def phase(self) -> Phase:
        """What is going on."""
        if not self.asking:
            return "connect"
        if self.complete:
            return "after"
        if self.heard:
            return "body"
        return "send" if self.cut or self.sent_at_ns is None else "first-byte"

    def patience(self) -> tuple[float, str]:
        """How many seconds the next wait may take, and what it means when they have passed."""
        now, limits = self.now() / NANOSECONDS, self.limits
        left = limits.timeout_s - now
        wait, meaning = self._wait(now)
        if wait <= left:
            return max(0.0, wait), meaning
        return max(0.0, left), f"the whole exchange was not over within {limits.timeout_s:g} s"

    def _wait(self, now: float) -> tuple[float, str]:
        limits = self.limits
        if not self.asking:
            return limits.connect_s - now, f"no connection within {limits.connect_s:g} s"
        if self.complete:
            return self.rested_ns / NANOSECONDS + limits.linger_s - now, ""
        if self.illegal:
            return limits.settle_s, ""
        if self.heard:
            return limits.silence_s, f"silent for {limits.silence_s:g} s"
        if self.sent_at_ns is None:
            return limits.timeout_s, ""
        wait = self.sent_at_ns / NANOSECONDS + limits.first_byte_s - now
        return wait, f"not one octet of a reply within {limits.first_byte_s:g} s"

    @property
    def is_enough(self) -> bool:
        """Whether it is time to hang up."""
        return self.hang_up is not None and self.events >= self.hang_up and not self.complete

    def excess(self) -> str:
        """Which bound of size is reached, or nothing."""
        limits = self.limits
        head = len(self.heard) - self.head_start if self.in_head else 0
        bounds = (
            (len(self.heard), limits.max_octets, "the reply has {} octets and more"),
            (len(self.arrivals), limits.max_reads, "the reply came in {} pieces and more"),
            (self.chunks, limits.max_chunks, "the reply has {} chunks and more"),
            (self.blocks, limits.max_blocks, "the reply has {} events and more"),
            (self.interim, limits.max_interim, "{} interim replies and more came before the reply"),
            (head, limits.max_head_octets + 1, "the reply's head has {} octets and more"),
        )
        return next((words.format(most) for got, most, words in bounds if got >= most), "")

    def _seek_head_end(self, new: int) -> None:
        """Find the blank line that ends the final reply's head; interim replies have heads of their own."""
        at = max(self.head_start, new - 2)
        while found := HEAD_END.search(self.heard, at):
            if not INTERIM.match(self.heard, self.head_start):
                self.in_head = False
                return
            self.head_start = at = found.end()
            self.interim += 1

    def ending(self) -> Ending:
        """How it ended, in the exchange's own words."""
        ended = self.ended or Ending("idle", self.phase, self.now())
        detail = "; ".join(filter(None, (ended.detail, self.illegal)))
        return Ending(ended.how, "after" if self.complete else ended.phase, ended.at_ns, clean(detail))


def clean(text: str) -> str:
    """A detail that any file and any report can hold."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= MAX_DETAIL else text[: MAX_DETAIL - 1] + "…"
