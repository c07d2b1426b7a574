"""What the Stainless SDKs (openai-python, anthropic-python) have in common: event decoder, JSON reader, retries."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import mktime_tz, parsedate_tz
from typing import Any, Final, NamedTuple

from conformance.clients.client import Simulation
from conformance.clients.transport import answered_2xx, body, json_value, no_reply, refusal
from conformance.clients.turn import ClientError, DecodedResponse, outcome_of
from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.http1 import reply
from conformance.parsing.sse import BOM, Line, parse, stream

ATTEMPTS: Final = 3
"""The first request and the two retries that every SDK makes by default."""


class Message(NamedTuple):
    """One dispatched event: its name, if any, and its data."""

    name: str | None
    data: str


@dataclass(frozen=True, slots=True)
class Messages:
    """The events that the SDK's decoder dispatches, and the error after them (None: the body is complete)."""

    events: tuple[Message, ...] = ()
    error: ClientError | None = None


@cached_reader
def messages(x: Exchange) -> Messages:
    """Decode the body as an event stream, whatever its Content-Type.

    Unlike the specification, the decoder keeps a leading BOM (so that the first line is lost), dispatches an event
    without data if `id`, `event` or `retry` was set, and never clears an `id`.
    """
    read = body(x)
    parsed = stream(x) if read.content == reply(x).content else parse(read.content)
    lines = parsed.lines
    if parsed.bom and lines:
        lines = (Line(0, BOM + lines[0].text, lines[0].eol), *lines[1:])
    events: list[Message] = []
    decoder = _Decoder()
    for line in lines:
        try:
            text = line.text.decode()
        except UnicodeDecodeError as error:
            return Messages(tuple(events), ClientError("unicode", str(error)[:300]))
        event = decoder.feed(text)
        if event:
            events.append(event)
    return Messages(tuple(events), read.error)


class _Decoder:
    """The fields of the next event; `sticky`: an ID was set, which the SDKs never clear."""

    def __init__(self) -> None:
        self.name, self.sticky, self.retry = "", False, False
        self.data: list[str] = []

    def feed(self, line: str) -> Message | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            self.data.append(value)
        elif field == "event":
            self.name = value
        elif field == "id" and "\0" not in value:
            self.sticky = bool(value)
        elif field == "retry":
            self.retry = self.retry or _is_integer(value)
        return None

    def _dispatch(self) -> Message | None:
        if not (self.name or self.data or self.sticky or self.retry):
            return None
        event = Message(self.name or None, "\n".join(self.data))
        self.name, self.data, self.retry = "", [], False
        return event


def _is_integer(value: str) -> bool:
    try:
        int(value)
    except ValueError:
        return False
    return True


def json_reply(x: Exchange) -> Any:
    """The value of a non-streaming response, as the SDKs' `create` without streaming returns it.

    A body that is not JSON is returned as text unless its Content-Type is JSON. Raises ClientError.
    """
    read = body(x)
    if read.error:
        raise read.error
    value = json_value(read.content)
    if not isinstance(value, ClientError):
        return value
    if reply(x).value("content-type").split(";")[0].strip().endswith("json"):
        raise value
    return read.content.decode("utf-8", "replace")


def sdk_requests(x: Exchange, *, patience_s: float = math.inf, attempts: int = ATTEMPTS) -> int:
    """How many requests the SDK sends if each gets this response.

    `patience_s`: a longer Retry-After ends the retries (openai-python 3). `attempts`: as a framework sets it up. A
    stream is not retried once its head was received; a non-streaming response is, as its body is read inside the
    attempt, whatever its status.
    """
    failed = no_reply(x) or (body(x).error if x.mode == "unary" else None)
    if failed:
        return 1 if failed.kind == "hang" else attempts
    return 1 if answered_2xx(x) else status_requests(x, patience_s, attempts)


def status_requests(x: Exchange, patience_s: float = math.inf, attempts: int = ATTEMPTS) -> int:
    """How many requests the Stainless SDKs send for a response that is not 2xx."""
    return attempts if retry_after_s(x) <= patience_s and should_retry(x) else 1


def should_retry(x: Exchange) -> bool:
    """Whether a response is retried: by x-should-retry, or else by its status."""
    answer = reply(x)
    verdict = ", ".join(answer.values("x-should-retry"))
    if verdict in ("true", "false"):
        return verdict == "true"
    return answer.status in (408, 409, 429) or answer.status >= 500


def retry_after_s(x: Exchange) -> float:
    """The seconds to wait by Retry-After, 0 if it is unusable; a date counts from the response's own Date."""
    answer = reply(x)
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        text = ", ".join(answer.values(name))
        try:
            value = float(text) * unit
        except ValueError:
            continue
        overflows = math.isinf(value) and value > 0 and "inf" not in text.lower()
        return value if math.isfinite(value) or overflows else 0.0
    wanted, sent = (_seconds_of(answer.value(name)) for name in ("retry-after", "date"))
    return 0.0 if wanted is None or sent is None else wanted - sent


def _seconds_of(date: str) -> float | None:
    parsed = parsedate_tz(date)
    try:
        return None if parsed is None else mktime_tz(parsed)
    except (ValueError, OverflowError):
        return None


def needs_clock(x: Exchange) -> bool:
    """Whether Retry-After is a date that can't be compared with the response's own Date."""
    answer = reply(x)
    dated, sent = (_seconds_of(answer.value(name)) is not None for name in ("retry-after", "date"))
    return dated and not sent and not answered_2xx(x)


def head_error(x: Exchange, *, whole_body: bool) -> ClientError | None:
    """The error that the SDK raises before its caller reads a body, or None for a 2xx status.

    The body of an error response is read for its message.
    """
    failed = no_reply(x) or refusal(x, whole_body=whole_body)
    unread = body(x).error if failed and failed.kind == "status" else None
    return unread if unread and unread.kind == "hang" else failed


def certain(_x: Exchange) -> bool:
    """For a client whose behaviour follows from the bytes alone."""
    return False


def no_retry(_turn: DecodedResponse) -> int:
    """For a framework that leaves retries to its SDK."""
    return 1


def simulator(
    read: Callable[[Exchange], DecodedResponse],
    *,
    sdk_requests: Callable[[Exchange], int] = sdk_requests,
    framework_attempts: Callable[[DecodedResponse], int] = no_retry,
    uncertain: Callable[[Exchange], bool] = certain,
) -> Callable[[Exchange, Any], Simulation]:
    """How a client behaves that retries the same request, or does not retry.

    `sdk_requests`: how many requests its SDK sends per call; `framework_attempts`: how often the framework calls
    its SDK; `uncertain`: whether something else than the bytes decides.
    """

    def simulate(x: Exchange, _fallback: Exchange | None) -> Simulation:
        turn = read(x)
        return Simulation(
            outcome=outcome_of(turn),
            exchanges=(x,) * (sdk_requests(x) * framework_attempts(turn)),
            turn=turn,
            uncertain=uncertain(x),
        )

    return simulate
