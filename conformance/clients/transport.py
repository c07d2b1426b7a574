"""The HTTP library below a client: how httpx handles the bytes, and where it raises."""

import json
import re
from dataclasses import dataclass
from typing import Final

from conformance.clients.turn import ClientError, as_text
from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.content import decode
from conformance.parsing.http1 import Reply, reply

WAITING: Final = ("timeout", "limit", "interrupted")
"""Endings in which the harness stopped reading, where a client would have continued to wait."""

FORGIVEN: Final = re.compile(rb"\n\Z|[ \t]|transfer-encoding[ \t]*:", re.IGNORECASE)
"""Faults of a head that h11 accepts: bare line feeds, folded lines, and Transfer-Encoding under HTTP/1.0."""
DECODED: Final = ("gzip", "deflate")
"""The content codings that httpx knows without extras."""
LONGEST_HEAD: Final = 100 * 1024
"""Bytes; httpcore fails on a longer head."""


@dataclass(frozen=True, slots=True)
class Body:
    """What a client reads of a body: the decoded bytes, and the error after them (None: the body is complete)."""

    content: bytes
    error: ClientError | None = None


@cached_reader
def no_reply(x: Exchange) -> ClientError | None:
    """Why the client never gets a response head; None if it does."""
    answer = reply(x)
    if answer.status and not _garbled(x, answer):
        return None
    if x.ending.how in WAITING:
        return ClientError("hang", "No response.")
    return ClientError("connection", "Connection error.")


def _garbled(x: Exchange, answer: Reply) -> bool:
    """Whether h11 rejects the head: for any fault but the few that it tolerates."""
    spans = [fault.span for fault in answer.faults if fault.span.start < answer.head.end]
    refused = sum(not FORGIVEN.match(x.received[span.start : span.end]) for span in spans)
    tolerated = int(bool(answer.values("transfer-encoding") and answer.values("content-length")))
    return refused > tolerated or answer.head.end - answer.head.start > LONGEST_HEAD


@cached_reader
def body(x: Exchange) -> Body:
    """The body as a client reads it."""
    answer = reply(x)
    content, fault = _decoded(answer)
    if fault:
        return Body(content, ClientError("coding", fault))
    if answer.complete and not answer.cut:
        return Body(content)
    if x.ending.how in WAITING or answer.cut:
        return Body(content, ClientError("hang", "The response does not end."))
    if x.ending.how == "reset":
        return Body(content, ClientError("reset", "Connection reset by peer"))
    return Body(content, ClientError("cut", "peer closed connection without sending complete message body"))


def _decoded(answer: Reply) -> tuple[bytes, str]:
    """The content, and why the rest can't be decoded. httpx applies the codings that it knows, and skips others."""
    codings = [part.strip().lower() for value in answer.values("content-encoding") for part in value.split(",")]
    known = [coding for coding in codings if coding in DECODED]
    if known == [answer.coding] or answer.cut:
        return answer.content, answer.coding_fault
    content = answer.raw
    for coding in reversed(known):
        decoded = decode(content, [(len(content), 0)], coding)
        content = decoded.content
        if decoded.fault:
            return content, decoded.fault
    return content, ""


def answered_2xx(x: Exchange) -> bool:
    """Whether the server accepted the request, so that tokens were generated and are billed."""
    return 200 <= reply(x).status < 300


def refusal(x: Exchange, *, whole_body: bool) -> ClientError | None:
    """The status error that an SDK raises, or None for a 2xx response.

    With `whole_body` its message holds the entire body (openai-python 1 and 2, anthropic-python), else only the error's
    own message (openai-python 3).
    """
    answer = reply(x)
    if answered_2xx(x):
        return None
    label = f"Error code: {answer.status}"
    value = json_value(body(x).content)
    if isinstance(value, ClientError):
        text = body(x).content.decode("utf-8", "replace").strip()[:500]
        return ClientError("status", (text or label) if whole_body else label, answer.status)
    error = value.get("error", value) if isinstance(value, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    server_message = message[:2000] if isinstance(message, str) else ""
    quoted = as_text(value, 4000) if whole_body else server_message
    return ClientError("status", f"{label} - {quoted}" if quoted else label, answer.status, server_message)


def json_value(text: bytes | str) -> object:
    """The value that Python's json reads, or the error that it raises (it is never itself a JSON value)."""
    try:
        return json.loads(text)
    except UnicodeDecodeError as error:
        return ClientError("unicode", str(error)[:300])
    except json.JSONDecodeError as error:
        return ClientError("json", str(error)[:300])
    except ValueError as error:
        return ClientError("type", str(error)[:300])
    except RecursionError as error:
        return ClientError("shape", str(error)[:300])
