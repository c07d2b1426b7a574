"""State of one exchange in progress: bytes, times and limits."""

import math
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

How = Literal["idle", "closed", "reset", "timeout", "limit", "hung-up", "unreachable", "interrupted"]
Phase = Literal["connect", "send", "first-byte", "body", "after"]


@dataclass(slots=True)
class Record:
    """Bytes sent and received so far. All times are nanoseconds since `started_ns`.

    `started`: the request itself is under way (traffic with a proxy before it is not recorded). `sent_at_ns` is None
    until the request's last byte is sent; `finished_ns` is when the response ended: `complete`, or `protocol_error`
    with the reason. `chunks` counts the body chunks that the HTTP/1.1 parser returned, `blocks` possible ends of
    events. The harness disconnects on purpose after `disconnect_after_events` events (data lines), and
    `disconnect_after_s` after the request's last byte, unless they are None. Over a WebSocket, each turn has the time
    of an exchange: it began at `turn_ns`, when `turn_start` bytes had been received.
    """

    limits: Limits
    disconnect_after_events: int | None = None
    disconnect_after_s: float | None = None
    started_ns: int = field(default_factory=now_ns)
    sent: bytearray = field(default_factory=bytearray)
    received: bytearray = field(default_factory=bytearray)
    arrivals: list[Arrival] = field(default_factory=list)
    sent_at_ns: int | None = None
    started: bool = False
    write_failed: bool = False
    complete: bool = False
    protocol_error: str = ""
    finished_ns: int = 0
    ended: Ending | None = None
    chunks: int = 0
    interim: int = 0
    blocks: int = 0
    events: int = 0
    head_start: int = 0
    in_head: bool = True
    turn_ns: int = 0
    turn_start: int = 0

    def now(self) -> int:
        """Nanoseconds since the start of the exchange."""
        return now_ns() - self.started_ns

    def start(self) -> None:
        """Start recording: from now on the peer is the target, not a proxy."""
        self.started = True

    def begin_turn(self) -> None:
        """Begin the next turn over a WebSocket."""
        self.turn_ns, self.turn_start = self.now(), len(self.received)

    def sent_data(self, data: bytes) -> None:
        """Record bytes that are about to be written."""
        if self.started:
            self.sent += data

    def received_data(self, data: bytes) -> None:
        """Record bytes that were read; empty means that the target closed the connection."""
        if not self.started:
            return
        if not data:
            self.close("closed")
            return
        self.arrivals.append(Arrival(self.now(), len(data)))
        self.received += data
        self.blocks += sum(map(data.count, BLOCK_ENDS))
        self.events += data.count(DATA)
        if self.in_head:
            self._seek_head_end(len(self.received) - len(data))

    def close(self, how: How, detail: str = "") -> None:
        """Record how the connection ended; only the first call counts. Before the request it means `unreachable`."""
        if self.ended is None:
            self.ended = Ending(how if self.started else "unreachable", self.phase, self.now(), detail)

    def finish_response(self, protocol_error: str = "") -> None:
        """Mark the response as finished: complete, or aborted by a protocol error."""
        self.complete, self.protocol_error, self.finished_ns = not protocol_error, protocol_error, self.now()

    @property
    def phase(self) -> Phase:
        """The current phase."""
        if not self.started:
            return "connect"
        if self.complete:
            return "after"
        if self.received:
            return "body"
        return "send" if self.write_failed or self.sent_at_ns is None else "first-byte"

    def next_timeout(self) -> tuple[float, str]:
        """Seconds that the next wait may take, and the message if it times out."""
        now, limits = self.now() / NANOSECONDS, self.limits
        left = limits.timeout_s - (now - self.turn_ns / NANOSECONDS)
        wait, meaning = self._phase_timeout(now)
        if wait > left:
            what = "turn" if self.turn_start else "exchange"
            wait, meaning = left, f"the {what} was not complete within {limits.timeout_s:g} s"
        return max(0.0, min(wait, self._patience(now))), meaning

    def _patience(self, now: float) -> float:
        """Seconds until the harness disconnects on purpose."""
        if self.disconnect_after_s is None or self.sent_at_ns is None or self.complete:
            return math.inf
        return self.sent_at_ns / NANOSECONDS + self.disconnect_after_s - now

    def _phase_timeout(self, now: float) -> tuple[float, str]:
        limits = self.limits
        if not self.started:
            return limits.connect_s - now, f"no connection within {limits.connect_s:g} s"
        if self.complete:
            return self.finished_ns / NANOSECONDS + limits.post_response_s - now, ""
        if self.protocol_error:
            return limits.post_error_s, ""
        if len(self.received) > self.turn_start:
            return limits.silence_s, f"silent for {limits.silence_s:g} s"
        if self.sent_at_ns is None:
            return limits.timeout_s, ""
        wait = self.sent_at_ns / NANOSECONDS + limits.first_byte_s - now
        return wait, f"no byte of a response within {limits.first_byte_s:g} s"

    @property
    def should_disconnect(self) -> bool:
        """Whether it is time to disconnect on purpose."""
        has_enough = self.disconnect_after_events is not None and self.events >= self.disconnect_after_events
        return (has_enough or self._patience(self.now() / NANOSECONDS) <= 0) and not self.complete

    def exceeded_limit(self) -> str:
        """Message for a size limit that is reached, or an empty string."""
        limits = self.limits
        head = len(self.received) - self.head_start if self.in_head else 0
        bounds = (
            (len(self.received), limits.max_bytes, "the response has {} bytes or more"),
            (len(self.arrivals), limits.max_reads, "the response arrived in {} reads or more"),
            (self.chunks, limits.max_chunks, "the response has {} chunks or more"),
            (self.blocks, limits.max_blocks, "the response has {} events or more"),
            (self.interim, limits.max_interim, "{} or more interim (1xx) responses were received"),
            (head, limits.max_head_bytes + 1, "the response head has {} bytes or more"),
        )
        return next((words.format(most) for got, most, words in bounds if got >= most), "")

    def _seek_head_end(self, new: int) -> None:
        """Find the blank line that ends the final response's head, after the heads of interim responses."""
        at = max(self.head_start, new - 2)
        while found := HEAD_END.search(self.received, at):
            if not INTERIM.match(self.received, self.head_start):
                self.in_head = False
                return
            self.head_start = at = found.end()
            self.interim += 1

    def ending(self) -> Ending:
        """The ending as the exchange stores it."""
        ended = self.ended or Ending("idle", self.phase, self.now())
        detail = "; ".join(filter(None, (ended.detail, self.protocol_error)))
        return Ending(ended.how, "after" if self.complete else ended.phase, ended.at_ns, printable(detail))


def printable(text: str) -> str:
    """The text without lone surrogates, shortened to MAX_DETAIL characters."""
    text = text.encode("utf-8", "backslashreplace").decode()
    return text if len(text) <= MAX_DETAIL else text[: MAX_DETAIL - 1] + "…"
