"""Exchanges for the rules' good and bad examples, written as bytes."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from conformance.model.case import named_case
from conformance.model.exchange import NANOSECONDS_PER_MILLISECOND, Arrival, Ending, Exchange
from conformance.model.words import MODES, Mode

SSE = ("content-type", "text/event-stream")
JSON = ("content-type", "application/json")
CLOSED = Ending("closed", "after", 0)

Headers = Sequence[tuple[str, str]]


def as_json(value: Any) -> str:
    """JSON as the json module writes it (but no NaN), in a fifth of its time: there are 3,000 payloads to write."""
    try:
        return msgspec.json.format(msgspec.json.encode(value), indent=0).decode("ascii")
    except UnicodeError:
        return json.dumps(value)


ASKED: dict[Mode, bytes] = {
    mode: as_json({"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": mode == "stream"}).encode()
    for mode in MODES
}
"""The default request body."""


def exchange(
    received: bytes,
    *,
    mode: Mode = "stream",
    probe: str = "chat.hello",
    body: Any = None,
    ending: Ending = CLOSED,
    arrivals: Sequence[tuple[int, int]] = (),
    request_headers: Headers = (),
) -> Exchange:
    """An exchange that received `received`. `arrivals` are (millisecond, length); by default, one read.

    `request_headers` are additional request headers.
    """
    payload = ASKED[mode] if body is None else as_json(body).encode()
    more = "".join(f"{name}: {value}\r\n" for name, value in request_headers)
    head = f"POST /v1/x HTTP/1.1\r\nHost: example\r\n{more}Content-Length: {len(payload)}\r\n\r\n".encode()
    times = tuple(Arrival(at * NANOSECONDS_PER_MILLISECOND, length) for at, length in arrivals)
    return Exchange(
        id="example",
        case=named_case(probe, "example", mode),
        sent=head + payload,
        received=received,
        arrivals=times or (Arrival(NANOSECONDS_PER_MILLISECOND, len(received)),),
        ending=ending,
    )


def http(status: int, headers: Headers, body: bytes, *, length: bool = True) -> bytes:
    """The bytes of a response, with its Content-Length unless `length` is off."""
    lines = [f"{name}: {value}" for name, value in headers]
    lines += [f"content-length: {len(body)}"] if length else []
    return "\r\n".join([f"HTTP/1.1 {status} x", *lines, "", ""]).encode() + body


def sse(*payloads: Any, end: str = "\n\n") -> bytes:
    """An event stream with one `data:` line per payload: text verbatim, anything else as JSON."""
    return "".join([f"data: {p if isinstance(p, str) else as_json(p)}{end}" for p in payloads]).encode()


def streamed(*payloads: Any, status: int = 200, headers: Headers = (SSE,), **facts: Any) -> Exchange:
    """A stream of these payloads in response to a streaming request."""
    return exchange(http(status, headers, sse(*payloads)), mode="stream", **facts)


def answered(
    value: Any, *, status: int = 200, headers: Headers = (JSON,), mode: Mode = "unary", **facts: Any
) -> Exchange:
    """One JSON value (or text, or bytes) as the complete response body."""
    body = value if isinstance(value, bytes) else value.encode() if isinstance(value, str) else as_json(value).encode()
    return exchange(http(status, headers, body), mode=mode, **facts)


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **changes: Any) -> dict[str, Any]:
    """A valid chat chunk; keyword arguments replace or add top-level fields."""
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_760_000_000,
        "model": "m",
        "choices": [choice],
    } | changes


def completion(message: dict[str, Any] | None = None, finish: str = "stop", **changes: Any) -> dict[str, Any]:
    """A valid chat completion; keyword arguments replace or add top-level fields."""
    whole = {"role": "assistant", "content": "Hello there.", "refusal": None} | (message or {})
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": "m",
        "choices": [{"index": 0, "message": whole, "logprobs": None, "finish_reason": finish}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6},
    } | changes


def error(
    message: str = "No.", kind: str = "invalid_request_error", param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """An OpenAI error object; `kind` is its `type`."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


HELLO = (
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "Hello"}),
    chunk({"content": " there."}),
    chunk(finish="stop"),
    "[DONE]",
)
"""The payloads of a valid stream."""
