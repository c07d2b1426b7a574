"""The Vercel AI SDK: the base of its providers, which validate each event, report errors, and continue reading."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final, NamedTuple

from conformance.clients.client import Simulation
from conformance.clients.javascript import WHITESPACE, is_number, optional_get, parse_json
from conformance.clients.node import dispatched, lines, no_response
from conformance.clients.node_fetch import BodyReader, body, has_body, is_lost, is_uncertain, text_of
from conformance.clients.sdk import ATTEMPTS
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall, outcome_of
from conformance.clients.validators import Check
from conformance.model.exchange import Exchange
from conformance.parsing.http1 import reply

VERSIONS = {"6": "6.0.326", "7": "7.0.173"}
"""The versions of the package `ai`, by major version."""
RETRIED: Final = (408, 409, 429)
SERVER_ERROR: Final = 500


class Part(NamedTuple):
    """One event: its value, or why it was rejected. The end marker has neither."""

    value: Any = None
    error: ClientError | None = None

    @property
    def ends(self) -> bool:
        """Whether this is `[DONE]`, which the SDK skips; the stream is then complete."""
        return self.value is None and self.error is None


def number(value: Any) -> bool:
    """A number as zod takes it: finite."""
    return is_number(value) and math.isfinite(value)


def parts(x: Exchange, valid: Check) -> Iterator[Part]:
    """The events of a stream up to the end of the body."""
    for event in dispatched(lines(_without_open_cr(body(x).content)), named=False):
        if event.data == "[DONE]":
            yield Part()
            continue
        value = parse_json(event.data)
        if isinstance(value, ClientError):
            yield Part(error=value)
        elif valid(value):
            yield Part(value)
        else:
            yield Part(error=ClientError("invalid", "Type validation failed"))


def _without_open_cr(content: bytes) -> bytes:
    """The SDK holds back a CR at the very end, as an LF might follow it."""
    return content.removesuffix(b"\r")


def whole(x: Exchange, valid: Check, read_body: BodyReader) -> Any:
    """The JSON value of a non-streaming body, whatever its Content-Type. Raises ClientError if `valid` rejects it."""
    read = read_body(x)
    if read.error:
        raise read.error
    value = parse_json(text_of(x))
    if isinstance(value, ClientError):
        raise value
    if not valid(value):
        raise ClientError("invalid", "Invalid JSON response: Type validation failed")
    return value


def reported(error: Any) -> ClientError:
    """An error that the stream itself reports."""
    message = optional_get(error, "message")
    return ClientError("api", message if isinstance(message, str) else "")


def runs(calls: Iterable[DecodedToolCall], *, finish: bool) -> tuple[DecodedToolCall, ...]:
    """The calls that a program sees: those with invalid arguments, and, if the `finish` reason allows it, all.

    Blank arguments are those of a call without any.
    """
    filled = (call if call.arguments.strip(WHITESPACE) else replace(call, arguments="{}") for call in calls)
    return tuple(call for call in filled if finish or isinstance(parse_json(call.arguments), ClientError))


def refusal(x: Exchange, error: Check) -> ClientError | None:
    """The error raised instead of a response, with the body's message if the provider knows the body's format."""
    failed = no_response(x)
    status = reply(x).status
    if failed:
        return failed
    unread = body(x).error
    if 200 <= status < 300:
        if x.mode == "stream" and not has_body(x):
            return ClientError("status", "Empty response body", status)
        return None
    if unread and unread.kind == "hang":
        return unread
    value = parse_json(text_of(x))
    message = value["error"]["message"] if error(value) and isinstance(value, dict) else reply(x).reason
    return ClientError("status", message[:2000], status)


def retryable(x: Exchange, error: ClientError | None) -> bool:
    """Whether the SDK retries: by status alone, and if the network failed while it waited for a result."""
    if error is None or error.kind == "hang":
        return False
    if error.kind == "status" and is_retried(error.status):
        return True
    return error.kind == "connection" or (is_lost(x) and (x.mode == "unary" or error.kind == "status"))


def is_retried(status: int) -> bool:
    """Whether the SDK retries a response with this status."""
    return status in RETRIED or status >= SERVER_ERROR


def simulated(x: Exchange, turn: DecodedResponse, *, retried: bool) -> Simulation:
    """The simulation of a turn that is sent three times, or once."""
    times = ATTEMPTS if retried else 1
    return Simulation(outcome=outcome_of(turn), exchanges=(x,) * times, turn=turn, uncertain=is_uncertain(x))


def cut_off(x: Exchange, broken: ClientError | None, text: str, error: ClientError | None) -> Simulation | None:
    """The simulation of a stream whose body is `broken` after this text, and perhaps an error; None if it is not."""
    if broken is None:
        return None
    failure = broken if broken.kind == "hang" else error or broken
    return simulated(x, DecodedResponse(text=text, seen=error is not None, error=failure), retried=False)
