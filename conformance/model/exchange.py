"""The exchange: one recorded request and its response, as bytes and arrival times. The only evidence."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

from conformance.model.case import CaseId
from conformance.model.turn import Turn
from conformance.model.words import FACETS, Api, Direction, Facet, Hidden, Hop, Mode

NANOSECONDS_PER_MILLISECOND = 1_000_000


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request to send, and the test cases that it covers (the first names the exchange).

    `headers` are in order, complete but for Host and Content-Length; `{key}` in a value stands for the API key.
    `max_tokens` is the upper bound of completion tokens that it can cost. `stage`, `disconnect_after_events`,
    `disconnect_after_s` and `reuse_connection` are the probe's: the stage in which it is sent, after how many events or
    seconds the harness disconnects on purpose, and whether it is sent twice over one connection. An `attempt` after
    the first confirms what that one shows. `nonce` is the word in its text by which a gateway's requests upstream are
    found; empty if it is not sent through one. `turns` are sent over the connection if the target makes it a WebSocket.
    """

    id: str
    cases: tuple[CaseId, ...]
    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    max_tokens: int = 0
    stage: int = 0
    disconnect_after_events: int | None = None
    disconnect_after_s: float | None = None
    reuse_connection: bool = False
    attempt: int = 1
    nonce: str = ""
    turns: tuple[Turn, ...] = ()


class Arrival(NamedTuple):
    """One read from the socket: nanoseconds since the start of the exchange, and the number of bytes."""

    at_ns: int
    length: int


class Span(NamedTuple):
    """A range of sent or received bytes, `end` exclusive."""

    start: int
    end: int
    side: Direction = "received"


class Ending(msgspec.Struct, frozen=True):
    """How the exchange ended on the connection.

    `how`: `idle` the response was complete, the target kept the connection open and the harness closed it; `closed`
    the target closed it; `reset` it was reset; `timeout` the harness stopped waiting; `limit` the harness stopped
    reading at one of its limits; `hung-up` it disconnected on purpose, as the probe requires; `unreachable` no
    connection was made; `interrupted` the user stopped the run.
    `phase`: the phase at that time; `after` means that the response was complete.
    """

    how: Literal["idle", "closed", "reset", "timeout", "limit", "hung-up", "unreachable", "interrupted"]
    phase: Literal["connect", "send", "first-byte", "body", "after"]
    at_ns: int
    detail: str = ""


ENDED_IDLE = Ending("idle", "after", 0)


class Origin(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where the exchange of a recording comes from, as far as it says.

    `host` has the port unless it is the scheme's; `model` is the request's; `client` is its User-Agent; `source` names
    the file and the entry in it; `at` is when it was recorded.
    """

    host: str
    model: str = ""
    client: str = ""
    source: str = ""
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One recorded exchange, as the test case `case`.

    `sent` and `received` are the bytes of the HTTP messages on the connection (inside TLS), with secrets masked by
    `*` in the same length; `masked` are the spans where the target repeated one, `hidden` is what masks hide. `hop`
    is the connection that was recorded, `recorded` the facets that the recording holds, `origin` where it comes
    from, if another tool recorded it. Times are nanoseconds since connecting began; `sent_at_ns` is when the last
    byte of the request was sent, `harness_stall_ns` the longest stall of the harness itself during the exchange; in a
    run through a gateway, of which two sides are timed, it is all stalls together.
    `began_ns` is when the exchange began on the harness's clock, which all exchanges of a run share. `nonce` is the
    word that the exchanges on both sides of a gateway have in common; of those upstream, `attempt` counts the requests
    with one nonce in order of arrival, and `received` is what the upstream sent. `is_reused`: the connection had served
    an earlier request of the run. With `turn`, the exchange is one turn over a WebSocket, counted from 0, with the
    bytes of the whole connection: it reads as a streaming request with this event, and its response. `cache` holds
    parsed values.
    """

    id: str
    case: CaseId
    sent: bytes
    received: bytes = b""
    arrivals: tuple[Arrival, ...] = ()
    sent_at_ns: int = 0
    harness_stall_ns: int = 0
    ending: Ending = ENDED_IDLE
    masked: tuple[Span, ...] = ()
    hidden: frozenset[Hidden] = frozenset()
    merged_cases: tuple[CaseId, ...] = ()
    attempt: int = 1
    hop: Hop = "client"
    nonce: str = ""
    began_ns: int = 0
    is_reused: bool = False
    recorded: frozenset[Facet] = FACETS
    origin: Origin | None = None
    turn: int | None = None
    cache: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def api(self) -> Api:
        """The API that was called."""
        return self.case.api

    @property
    def mode(self) -> Mode:
        """`stream` if a stream was requested."""
        return self.case.mode

    @property
    def is_lost(self) -> bool:
        """Whether the response is missing or incomplete, and the harness did not want it so."""
        return self.ending.phase != "after" and self.ending.how not in ("hung-up", "interrupted", "limit")

    @property
    def is_given_up(self) -> bool:
        """Whether the harness gave up on a response that the target may still be generating."""
        return self.ending.how == "timeout" and self.ending.phase in ("first-byte", "body")

    @property
    def is_cut_by_harness(self) -> bool:
        """Whether the harness, or its user, ended the exchange before the response was complete."""
        return self.ending.how in ("limit", "interrupted") and self.ending.phase != "after"

    def for_case(self, case: CaseId) -> "Exchange":
        """The same exchange, as another test case that was merged into the request."""
        return self if case == self.case else replace(self, case=case)


class Pair(NamedTuple):
    """Both sides of a gateway: an exchange with it, and those that it had with its upstream, in order of arrival."""

    client: Exchange
    upstream: tuple[Exchange, ...]


ReadExchange = Callable[[str], Exchange]
"""Reads an exchange of a run by its ID."""

T = TypeVar("T")


def cached_reader(read: Callable[[Exchange], T]) -> Callable[[Exchange], T]:
    """Cache the result of a pure reader in the exchange."""

    def cached(x: Exchange) -> T:
        if read not in x.cache:
            x.cache[read] = read(x)
        result: T = x.cache[read]
        return result

    cached.__name__, cached.__doc__, cached.__wrapped__ = read.__name__, read.__doc__, read  # type: ignore[attr-defined]
    return cached


def shared(x: Exchange, *readers: Callable[[Exchange], Any]) -> dict[Any, Any]:
    """What cached readers read of an exchange, as the cache of another one of which they read the same."""
    return {reader.__wrapped__: reader(x) for reader in readers}  # type: ignore[attr-defined]
