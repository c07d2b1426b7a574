"""The exchange: one recorded request and its response, as bytes and arrival times. The only evidence."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

Api = Literal["chat", "messages", "responses"]
Mode = Literal["stream", "unary"]
Direction = Literal["sent", "heard"]

APIS: tuple[Api, ...] = ("chat", "messages", "responses")
MODES: tuple[Mode, ...] = ("stream", "unary")

NANOSECONDS_PER_MILLISECOND = 1_000_000


class CaseId(msgspec.Struct, frozen=True, order=True, gc=False):
    """A test case: one probe, sent as one profile, in one mode.

    A probe's name is `api.topic` or `api.topic.about`, for example `chat.hello` or `chat.wrong-type.stream_options`.
    """

    api: Api
    profile: str
    mode: Mode
    probe: str

    @property
    def topic(self) -> str:
        """The second part of the probe's name: the kind of test case."""
        return _parts(self.probe)[1]

    @property
    def about(self) -> str:
        """The rest of the probe's name: the field or mistake that is tested, or empty."""
        return _parts(self.probe)[2]


@cache
def _parts(probe: str) -> tuple[str, str, str]:
    """API, topic and the rest of a probe's name; cached: rules read them tens of thousands of times per run."""
    api, topic, about = (*probe.split(".", 2), "")[:3]
    return api, topic, about


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request to send, and the test cases that it covers (the first names the exchange).

    `headers` are in order, complete but for Host and Content-Length; `{key}` in a value stands for the API key.
    `max_tokens` is the upper bound of completion tokens that it can cost. `turn`, `hang_up` and `kept` are the probe's:
    the stage in which it is sent, after how many events the harness disconnects on purpose, and whether it is sent
    twice over one connection.
    """

    id: str
    questions: tuple[CaseId, ...]
    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    max_tokens: int = 0
    turn: int = 0
    hang_up: int | None = None
    kept: bool = False


class Arrival(NamedTuple):
    """One read from the socket: nanoseconds since the start of the exchange, and the number of bytes."""

    at_ns: int
    length: int


class Span(NamedTuple):
    """A range of sent or received bytes, `end` exclusive."""

    start: int
    end: int
    side: Direction = "heard"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One recorded exchange, as the test case `question`.

    `sent` and `heard` are the bytes of the HTTP messages on the connection (inside TLS), with secrets masked by `*`
    in the same length; `masked` are the spans where the target repeated one. Times are nanoseconds since connecting
    began; `sent_at_ns` is when the last byte of the request was sent, `held_up_ns` the longest stall of the harness
    itself during the exchange. `views` caches parsed values.
    """

    id: str
    question: CaseId
    sent: bytes
    heard: bytes = b""
    arrivals: tuple[Arrival, ...] = ()
    sent_at_ns: int = 0
    held_up_ns: int = 0
    ending: Ending = ENDED_IDLE
    masked: tuple[Span, ...] = ()
    also: tuple[CaseId, ...] = ()
    views: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def api(self) -> Api:
        """The API that was called."""
        return self.question.api

    @property
    def mode(self) -> Mode:
        """`stream` if a stream was requested."""
        return self.question.mode

    def asked_as(self, question: CaseId) -> "Exchange":
        """The same exchange, as another test case that was merged into the request."""
        return self if question == self.question else replace(self, question=question)


T = TypeVar("T")


def cached_reader(read: Callable[[Exchange], T]) -> Callable[[Exchange], T]:
    """Cache the result of a pure reader in the exchange."""

    def cached(x: Exchange) -> T:
        if read not in x.views:
            x.views[read] = read(x)
        result: T = x.views[read]
        return result

    cached.__name__, cached.__doc__, cached.__wrapped__ = read.__name__, read.__doc__, read  # type: ignore[attr-defined]
    return cached
