"""The Vercel AI SDK: the base of its providers, which validate each event, report errors, and continue reading."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from conformance.clients.client import Simulation
from conformance.clients.node import broken_off, dispatched, no_response, optional_get, parse_json, text_of
from conformance.clients.sdk import ATTEMPTS
from conformance.clients.transport import body
from conformance.clients.turn import ClientError, DecodedResponse, outcome_of
from conformance.clients.validators import Check
from conformance.model.exchange import Exchange
from conformance.parsing.http1 import reply

VERSIONS = {"6": "6.0.326", "7": "7.0.173"}
"""The versions of the package `ai`, by major version."""
RETRIED = (408, 409, 429)
LOST = ("connection", "cut", "reset")


class Part(NamedTuple):
    """One event: its value, or why it was rejected. The end marker has neither."""

    value: Any = None
    error: ClientError | None = None

    @property
    def ends(self) -> bool:
        """Whether this is `[DONE]`, which the SDK skips; the stream is then complete."""
        return self.value is None and self.error is None


def parts(x: Exchange, valid: Check) -> Iterator[Part]:
    """The events of a stream up to the end of the body; an error that truncates the body is last."""
    for event in dispatched(_without_open_cr(body(x).content), stainless=False):
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
    if body(x).error:
        yield Part(error=body(x).error)


def _without_open_cr(content: bytes) -> bytes:
    """The SDK holds back a CR at the very end, as an LF might follow it."""
    return content.removesuffix(b"\r")


def whole(x: Exchange, valid: Check) -> Any:
    """The JSON value of a non-streaming body, whatever its Content-Type. Raises ClientError if `valid` rejects it."""
    read = body(x)
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


def retryable(x: Exchange, error: ClientError | None) -> bool:
    """Whether the SDK retries: by status alone, and if the network failed while it waited for a result."""
    if error is None:
        return False
    if error.kind == "status":
        return error.status in RETRIED or error.status >= 500
    return error.kind == "connection" or (x.mode == "unary" and broken_off(x))


def simulated(x: Exchange, turn: DecodedResponse, *, retried: bool) -> Simulation:
    """The simulation of a turn that is sent three times, or once."""
    return Simulation(outcome=outcome_of(turn), exchanges=(x,) * (ATTEMPTS if retried else 1), turn=turn)


def refusal(x: Exchange, error: Check) -> ClientError | None:
    """The error raised instead of a response, with the body's message if the provider knows the body's format."""
    failed = no_response(x)
    status = reply(x).status
    if failed or 200 <= status < 300:
        return failed
    value = parse_json(text_of(x))
    message = value["error"]["message"] if error(value) and isinstance(value, dict) else reply(x).reason
    return ClientError("status", message[:2000], status)
