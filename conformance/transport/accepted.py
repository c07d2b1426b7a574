"""The tap on the accepting side: one request as it arrives from a client, and the response as it goes back."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Final, Literal, NamedTuple

from conformance.model.exchange import Arrival, Ending
from conformance.transport import framing
from conformance.transport.framing import REQUEST_LINE, Message
from conformance.transport.limits import Limits
from conformance.transport.record import Record

MAX_HELD: Final = 256 * 1024 * 1024
"""Bytes of exchanges that are not yet passed on to be stored; what exceeds it is not recorded."""

Peer = Literal["open", "closed", "reset"]
"""What the client did to its connection by the end of an exchange."""


class Memory:
    """The bytes that all exchanges in progress may still take, so that many large ones together stay bounded.

    Another thread may give bytes back.
    """

    def __init__(self, most: int = MAX_HELD) -> None:
        self.left = most
        self._lock = Lock()

    def take(self, size: int) -> bool:
        """Whether so many bytes are left; they are then taken."""
        with self._lock:
            is_enough = size <= self.left
            self.left -= size if is_enough else 0
        return is_enough

    def give_back(self, size: int) -> None:
        """Free bytes of an exchange that is stored or dropped."""
        with self._lock:
            self.left += size


class AcceptedExchange(NamedTuple):
    """One exchange as it passed: a request with its response, secrets included. `number` counts those of a connection.

    `sent` are the bytes of the request as passed on, `received` those of the response. Times are nanoseconds since the
    request's first byte arrived, which was at `began_ns` of the clock: `sent_arrivals` of the request's reads (the head
    counts when it is complete), `arrivals` of the response's; `sent_at_ns` is when its last byte was passed on. `began`
    is the time of day. `ending` is how it ended towards the server: `hung-up` where the client left first,
    `interrupted` where no more was recorded, `unreachable` where no connection was made. `peer` is what the client did
    to its connection by then. `was_held`: the client did not read for a time, so that the server had to wait.
    """

    connection: int
    number: int
    began: datetime
    began_ns: int
    method: bytes
    path: bytes
    sent: bytes
    sent_arrivals: tuple[Arrival, ...]
    sent_at_ns: int
    received: bytes
    arrivals: tuple[Arrival, ...]
    ending: Ending
    peer: Peer
    peer_at_ns: int
    stall_ns: int
    was_held: bool

    @property
    def size(self) -> int:
        """The bytes that it takes."""
        return len(self.sent) + len(self.received)


@dataclass(slots=True, eq=False)
class Accepted:
    """One exchange in progress. `record` has its bytes and times towards the server."""

    connection: int
    number: int
    request: Message
    response: Message
    record: Record
    memory: Memory
    method: bytes
    path: bytes
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    sent_arrivals: list[Arrival] = field(default_factory=list)
    peer: Peer = "open"
    peer_at_ns: int = 0
    was_held: bool = False

    def sent(self, data: bytes, at_ns: int) -> None:
        """Record bytes of the request that are passed on; they arrived at `at_ns`."""
        record = self.record
        record.start()
        record.sent_at_ns = record.now() if self.request.ended else None
        if self._is_recorded(len(record.sent) + len(data), len(data), "request"):
            self.sent_arrivals.append(Arrival(at_ns, len(data)))
            record.sent_data(data)

    def received(self, data: bytes) -> None:
        """Record bytes of the response, or after it."""
        record = self.record
        if self._is_recorded(len(record.received) + len(data), len(data), "response"):
            record.received_data(data)
            if exceeded := record.exceeded_limit():
                record.close("interrupted", f"the rest was not recorded: {exceeded}")
        if self.response.ended and not record.complete and record.ended is None:
            record.finish_response()

    def _is_recorded(self, total: int, more: int, what: str) -> bool:
        """Whether further bytes are recorded: not beyond a limit, nor after a gap."""
        most = self.record.limits.max_bytes
        if self.record.ended:
            return False
        if total > most:
            self.record.close("interrupted", f"the rest was not recorded: the {what} has more than {most} bytes")
        elif not self.memory.take(more):
            self.record.close("interrupted", "the rest was not recorded: too many bytes of other exchanges are held")
        return self.record.ended is None

    def peer_left(self, how: Peer) -> None:
        """Record that the client closed or reset its connection; a reset may follow a close."""
        if self.peer == "open":
            self.peer_at_ns = self.record.now()
        self.peer = how

    @property
    def is_complete(self) -> bool:
        """Whether both messages are complete by their own framing."""
        return self.request.ended and self.response.ended

    def server_ended(self, how: Literal["closed", "reset"], detail: str = "") -> None:
        """Record how the server ended the connection."""
        record = self.record
        is_clean = how == "closed" and self.peer == "open"  # once the client has left, a server may stop anywhere
        if is_clean and self.response.ends_with_connection and record.ended is None:
            record.finish_response()
        if self.peer != "open" and not record.complete:
            record.close("hung-up", "the client closed the connection before the response was complete")
        record.close(how, detail)

    def finished(self, stall_ns: int) -> AcceptedExchange:
        """The exchange, after its end; without one, both sides were still connected."""
        record = self.record
        if self.peer != "open" and not record.complete:
            record.close("hung-up", "the client closed the connection before the response was complete")
        return AcceptedExchange(
            connection=self.connection,
            number=self.number,
            began=self.began,
            began_ns=record.started_ns,
            method=self.method,
            path=self.path,
            sent=bytes(record.sent),
            sent_arrivals=tuple(self.sent_arrivals),
            sent_at_ns=record.sent_at_ns or 0,
            received=bytes(record.received),
            arrivals=tuple(record.arrivals),
            ending=record.ending(),
            peer=self.peer,
            peer_at_ns=self.peer_at_ns,
            stall_ns=stall_ns,
            was_held=self.was_held,
        )


OnExchange = Callable[[AcceptedExchange], None]


def begin(place: tuple[int, int], request: Message, began_ns: int, limits: Limits, memory: Memory) -> Accepted:
    """The exchange that a request begins whose head has arrived; its first byte did at `began_ns` of the clock.

    `place` are the numbers of the connection, and of the exchange on it.
    """
    line = REQUEST_LINE.match(request.head)
    method, target = (line[1], line[2]) if line else (b"", b"")
    record = Record(limits, started_ns=began_ns)
    return Accepted(
        connection=place[0],
        number=place[1],
        request=request,
        response=framing.response(method, limits.max_head_bytes),
        record=record,
        memory=memory,
        method=method,
        path=target.partition(b"?")[0],
    )
