"""The exchange: one recorded request and its reply, in octets and arrival times. The only evidence there is."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal, NamedTuple, TypeVar

import msgspec

Api = Literal["chat", "messages", "responses"]
Mode = Literal["stream", "unary"]
Side = Literal["sent", "heard"]

APIS: tuple[Api, ...] = ("chat", "messages", "responses")
MODES: tuple[Mode, ...] = ("stream", "unary")

NANOSECONDS_PER_MILLISECOND = 1_000_000


class Question(msgspec.Struct, frozen=True, order=True, gc=False):
    """Who asked what: one probe, asked as one profile, in one mode.

    A probe's name is `api.topic` or `api.topic.about`, for example `chat.hello` or `chat.wrong-type.stream_options`.
    """

    api: Api
    profile: str
    mode: Mode
    probe: str

    @property
    def topic(self) -> str:
        """The second part of the probe's name: the kind of question."""
        return _parts(self.probe)[1]

    @property
    def about(self) -> str:
        """The rest of the probe's name: the field or mistake in question, or nothing."""
        return _parts(self.probe)[2]


@cache
def _parts(probe: str) -> tuple[str, str, str]:
    """API, topic and the rest of a probe's name: rules look at them tens of thousands of times a run."""
    api, topic, about = (*probe.split(".", 2), "")[:3]
    return api, topic, about


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """One request to send, and the questions that it answers (the first names the exchange).

    `headers` are in order, complete but for Host and Content-Length; `{key}` in a value stands for the API key.
    `max_tokens` is the upper bound of completion tokens that it can cost. `turn`, `hang_up` and `kept` are the probe's:
    when the request is sent, after how many events the harness closes the connection on purpose, and whether it is
    sent twice over one connection.
    """

    id: str
    questions: tuple[Question, ...]
    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    max_tokens: int = 0
    turn: int = 0
    hang_up: int | None = None
    kept: bool = False


class Arrival(NamedTuple):
    """One read from the socket: nanoseconds since the exchange began, and how many octets it brought."""

    at_ns: int
    length: int


class Span(NamedTuple):
    """A run of octets, `start` to before `end`, in what was sent or heard."""

    start: int
    end: int
    side: Side = "heard"


class Ending(msgspec.Struct, frozen=True):
    """How the exchange ended, as the connection showed it.

    `how`: `idle` the reply was complete, the target kept the connection and the harness closed it; `closed` the
    target closed it; `reset` it was reset; `timeout` the harness gave up waiting; `limit` the harness stopped
    reading at one of its bounds; `hung-up` it closed the connection on purpose, as the probe wants it; `unreachable`
    no connection was made; `interrupted` the user stopped the run.
    `phase`: what was going on then; `after` means that the reply had been complete.
    """

    how: Literal["idle", "closed", "reset", "timeout", "limit", "hung-up", "unreachable", "interrupted"]
    phase: Literal["connect", "send", "first-byte", "body", "after"]
    at_ns: int
    detail: str = ""


IDLE = Ending("idle", "after", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One recorded exchange, seen as the answer to `question`.

    `sent` and `heard` are the octets of the HTTP messages as they crossed the connection (inside TLS), with secrets
    masked by `*` in the same length; `masked` says where the target repeated one. Times are nanoseconds since the
    connection was begun; `sent_at_ns` is when the last octet of the request left, `held_up_ns` for how long at most the
    harness itself could not read meanwhile. `views` caches what was read.
    """

    id: str
    question: Question
    sent: bytes
    heard: bytes = b""
    arrivals: tuple[Arrival, ...] = ()
    sent_at_ns: int = 0
    held_up_ns: int = 0
    ending: Ending = IDLE
    masked: tuple[Span, ...] = ()
    also: tuple[Question, ...] = ()
    views: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def api(self) -> Api:
        """The API that was asked."""
        return self.question.api

    @property
    def mode(self) -> Mode:
        """`stream` where the request asked for a stream."""
        return self.question.mode

    def asked_as(self, question: Question) -> "Exchange":
        """The same evidence as the answer to another question that was merged into the request."""
        return self if question == self.question else replace(self, question=question)


T = TypeVar("T")


def view(read: Callable[[Exchange], T]) -> Callable[[Exchange], T]:
    """Make a pure reader of an exchange compute its result once per exchange."""

    def cached(x: Exchange) -> T:
        if read not in x.views:
            x.views[read] = read(x)
        result: T = x.views[read]
        return result

    cached.__name__, cached.__doc__, cached.__wrapped__ = read.__name__, read.__doc__, read  # type: ignore[attr-defined]
    return cached
