"""The base of the JavaScript SDKs: how fetch, TextDecoder and JSON.parse handle the bytes."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from conformance.clients.sdk import ATTEMPTS, Message, Messages, status_requests
from conformance.clients.transport import answered_2xx, body, no_reply
from conformance.clients.turn import ClientError
from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.http1 import reply
from conformance.parsing.sse import Line, parse

LONGEST_HEAD: Final = 16 * 1024
"""Bytes; fetch fails on a longer head."""
BARE_LF: Final = re.compile(rb"(?<!\r)\n")
BLANK_BEFORE_COLON: Final = re.compile(rb"^[!-9;-~]+[ \t]+:", re.MULTILINE)


def lines(content: bytes, *, each_alone: bool = False) -> Iterator[tuple[str, Line]]:
    """The lines of a body as text: a BOM is removed, and bytes that are not UTF-8 are replaced.

    `each_alone`: each line is decoded by itself, so that a BOM is removed from each.
    """
    for line in parse(content).lines:
        yield line.text.decode("utf-8-sig" if each_alone else "utf-8", "replace"), line


def dispatched(content: bytes, *, stainless: bool, unterminated: bool = False) -> Iterator[Message]:
    """The events of a body.

    `stainless`: as the SDKs made by Stainless decode them, for which an event name without data is an event, too.
    `unterminated`: the last event counts if the body ends within it.
    """
    name, data = "", list[str]()
    for text, line in lines(content, each_alone=stainless):
        if not text and line.eol:
            if data or (stainless and name):
                yield Message(name or None, "\n".join(data))
            name, data = "", []
            continue
        field, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            name = value
    if unterminated and (data or (stainless and name)):
        yield Message(name or None, "\n".join(data))


@cached_reader
def messages(x: Exchange) -> Messages:
    """The events as openai-node and the Anthropic SDK for TypeScript decode them, whatever the Content-Type."""
    read = body(x)
    return Messages(tuple(dispatched(read.content, stainless=True)), read.error)


def parse_json(text: str) -> object:
    """The value that JSON.parse reads, or the error that it raises (it is never itself a JSON value)."""
    try:
        return json.loads(text, parse_constant=_no_constant)
    except ValueError as error:
        return ClientError("json", str(error)[:300])
    except RecursionError as error:
        return ClientError("shape", str(error)[:300])


def _no_constant(name: str) -> None:
    raise ValueError(f"Unexpected token '{name[0]}'")


def get(value: Any, name: str) -> Any:
    """`value.name`: raises for null, undefined for what is not an object."""
    if value is None:
        raise ClientError("type", f"Cannot read properties of null (reading '{name}')")
    return value.get(name) if isinstance(value, dict) else None


def optional_get(value: Any, name: str) -> Any:
    """`value?.name`."""
    return value.get(name) if isinstance(value, dict) else None


def first(values: Any) -> Any:
    """`values?.[0]`."""
    return values[0] if isinstance(values, list | str) and values else None


def listed(values: Any) -> list[Any]:
    """What `for ... of` iterates over; empty for a falsy value, raises for what is not a list."""
    if not values:
        return []
    if not isinstance(values, list):
        raise ClientError("type", "tool_calls is not iterable")
    return values


def shown(value: Any) -> str:
    """A value as JavaScript concatenates it to a string."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "[object Object]"
    if isinstance(value, list):
        return ",".join("" if item is None else shown(item) for item in value)
    return json.dumps(value)


@cached_reader
def no_response(x: Exchange) -> ClientError | None:
    """Why fetch rejects a response's head: its parser is stricter than Python's, except for a blank before a colon."""
    answer, failed = reply(x), no_reply(x)
    head = x.received[answer.head.start : answer.head.end]
    blanks = len(BLANK_BEFORE_COLON.findall(head))
    faults = [fault for fault in answer.faults if fault.span.start < answer.head.end]
    if failed and not (answer.status and blanks and blanks == len(faults)):
        return failed
    lengths, codings = answer.values("content-length"), answer.values("transfer-encoding")
    if len(head) > LONGEST_HEAD or BARE_LF.search(head) or len(lengths) > 1 or (lengths and codings):
        return ClientError("connection", "Response does not match the HTTP/1.1 protocol")
    return None


def text_of(x: Exchange) -> str:
    """The body as text: a BOM is removed, and bytes that are not UTF-8 are replaced."""
    return body(x).content.decode("utf-8-sig", "replace")


def broken_off(x: Exchange) -> bool:
    """Whether the connection failed in the body; an invalid chunk is a parser error, which is not retried."""
    error = body(x).error
    return error is not None and error.kind in ("cut", "reset") and not reply(x).faults


def refusal(x: Exchange) -> ClientError | None:
    """The error raised instead of a response, or None for a 2xx status."""
    failed = no_response(x)
    if failed or answered_2xx(x):
        return failed
    status, text = reply(x).status, text_of(x)
    value = parse_json(text)
    message = optional_get(optional_get(value, "error"), "message")
    message = message if isinstance(message, str) else text.strip()
    return ClientError("status", f"{status} {message[:500]}".strip(), status)


def node_requests(x: Exchange) -> int:
    """How many requests openai-node sends if each gets this response; the body is read outside the attempt."""
    failed = no_response(x)
    if failed:
        return 1 if failed.kind == "hang" else ATTEMPTS
    return 1 if answered_2xx(x) else status_requests(x)
