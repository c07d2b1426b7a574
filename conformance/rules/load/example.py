"""Exchanges of a load test for the rules' examples."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from conformance.apis.load_prompts import UserTurn, missing_model, numbers, prompt
from conformance.model.case import CaseId, Kind
from conformance.model.exchange import NANOSECONDS_PER_MILLISECOND, Arrival, Ending, Exchange
from conformance.model.sample import Phase, Task
from conformance.rules.example import JSON, SSE, Headers, answered, as_json, chunk, completion, error, exchange, http
from conformance.rules.example import sse as events

RUN: Final = 7
MS: Final = NANOSECONDS_PER_MILLISECOND
CUT: Final = Ending("closed", "body", 2 * MS)
NO_BYTE: Final = Ending("closed", "first-byte", 2 * MS)
BUSY: Final = error("Too many requests are in progress.", "rate_limit_error", code="overloaded")
RETRY: Final = ("retry-after", "2")
DONE: Final = "[DONE]"


def nonce(user: int, turn: int = 0) -> str:
    """The nonce of a request."""
    return UserTurn(RUN, user, turn).nonce


def requested_text(user: int, turn: int = 0) -> str:
    """The text that a request asks for."""
    return f"{nonce(user, turn)}, {', '.join(map(str, numbers(nonce(user, turn))))}"


def of(
    x: Exchange, user: int, turn: int = 0, phase: Phase = "load", *, began_ms: int = 0, task: Task = "text"
) -> Exchange:
    """The exchange as that of a user's turn."""
    mine = nonce(user, turn)
    body = {
        "model": missing_model(mine) if task == "mistake" else "m",
        "messages": [{"role": "user", "content": prompt(mine, task)}],
        "stream": x.mode == "stream",
    }
    payload = as_json(body).encode()
    head = f"POST /v1/x HTTP/1.1\r\nHost: example\r\nContent-Length: {len(payload)}\r\n\r\n".encode()
    return replace(
        x,
        id=f"u{user}-t{turn}-{phase}",
        case=CaseId("chat", "example", x.mode, Kind.USERS, task, phase),
        sent=head + payload,
        nonce=mine,
        began_ns=began_ms * MS,
        cache={},
    )


def chunks(user: int, turn: int, text: str, spent: dict[str, int] | None, **fields: Any) -> list[Any]:
    """The payloads of a stream with this text, in two pieces, and usage."""
    named = {"id": f"chatcmpl-{user}-{turn}"} | fields
    half = len(text) // 2
    pieces = [{"role": "assistant", "content": ""}, {"content": text[:half]}, {"content": text[half:]}]
    ended = [*(chunk(piece, **named) for piece in pieces), chunk(finish="stop", **named)]
    return [*ended, *([chunk(choices=[], usage=spent, **named)] if spent else [])]


def usage(prompt_tokens: int = 60, completion_tokens: int = 40) -> dict[str, int]:
    """A usage object."""
    total = prompt_tokens + completion_tokens
    return {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens, "total_tokens": total}


def completed(
    user: int,
    turn: int = 0,
    phase: Phase = "load",
    text: str | None = None,
    *,
    spent: dict[str, int] | None = None,
    began_ms: int = 0,
    arrivals: Sequence[tuple[int, int]] = (),
    **fields: Any,
) -> Exchange:
    """A complete stream with the requested text, or another; `fields` are those of its chunks."""
    wanted = requested_text(user, turn) if text is None else text
    body = events(*chunks(user, turn, wanted, usage() if spent is None else spent, **fields), DONE)
    x = exchange(http(200, (SSE,), body), arrivals=arrivals, ending=Ending("idle", "after", 9 * MS))
    return of(x, user, turn, phase, began_ms=began_ms)


def with_header(x: Exchange, name: str, value: str) -> Exchange:
    """The exchange with another header field in its response."""
    status, _, rest = x.received.partition(b"\r\n")
    received = b"\r\n".join((status, f"{name}: {value}".encode(), rest))
    return replace(x, received=received, arrivals=(Arrival(MS, len(received)),), cache={})


def whole(user: int, turn: int = 0, phase: Phase = "load", **fields: Any) -> Exchange:
    """A complete non-streaming response with the requested text."""
    named = {"id": f"chatcmpl-{user}-{turn}"} | fields
    return of(answered(completion({"content": requested_text(user, turn)}, **named)), user, turn, phase)


def rejected(
    user: int,
    turn: int = 0,
    phase: Phase = "load",
    value: Any = BUSY,
    *,
    status: int = 429,
    headers: Headers = (JSON, RETRY),
) -> Exchange:
    """A rejection of an overloaded server."""
    return of(answered(value, status=status, mode="stream", headers=headers), user, turn, phase)


def cut(
    user: int,
    turn: int = 0,
    ending: Ending = CUT,
    *,
    is_reused: bool = False,
    began_ms: int = 0,
    phase: Phase = "load",
) -> Exchange:
    """A stream that is closed before its end, or a connection before the first byte."""
    body = events(*chunks(user, turn, requested_text(user, turn), None)[:2])
    received = http(200, (SSE, ("transfer-encoding", "chunked")), b"%x\r\n%s\r\n" % (len(body), body), length=False)
    x = exchange(received if ending.phase == "body" else b"", ending=ending)
    return replace(of(x, user, turn, phase, began_ms=began_ms), is_reused=is_reused)


ALONE: Final = tuple(completed(0, turn, "alone", began_ms=20 * turn) for turn in range(5))
"""Responses before the load, all as requested."""
OTHERS: Final = tuple(completed(user, turn) for user in (1, 2) for turn in range(2))
"""Four responses of two users under load, all as requested."""
AFTER: Final = tuple(completed(0, turn, "after", began_ms=1000 + 20 * turn) for turn in range(10, 13))
"""Responses after the load, all as requested."""
AS_REQUESTED: Final = (*ALONE, *OTHERS)
