"""The base of the JavaScript SDKs: how fetch, TextDecoder and JSON.parse handle the bytes."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from conformance.clients.javascript import optional_get, parse_json
from conformance.clients.sdk import Message, Messages
from conformance.clients.transport import answered_2xx, body, no_reply
from conformance.clients.turn import ClientError
from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.http1 import reply
from conformance.parsing.sse import BOM, Line, parse

LONGEST_HEAD: Final = 16 * 1024
"""Bytes; fetch fails on a longer head."""
BARE_LF: Final = re.compile(rb"(?<!\r)\n")
BLANK_BEFORE_COLON: Final = re.compile(rb"^[!-9;-~]+[ \t]+:", re.MULTILINE)


def lines(content: bytes) -> Iterator[tuple[str, Line]]:
    """The lines of a body as text: a BOM is removed, and bytes that are not UTF-8 are replaced."""
    for line in parse(content).lines:
        yield line.text.decode("utf-8", "replace"), line


def lines_alone(content: bytes) -> Iterator[tuple[str, Line]]:
    """The lines as text, each decoded by itself, as the SDKs made by Stainless do: a BOM is removed from each."""
    parsed = parse(content)
    for at, line in enumerate(parsed.lines):
        text = BOM + line.text if parsed.bom and not at else line.text
        yield text.decode("utf-8-sig", "replace"), line


def dispatched(lines: Iterable[tuple[str, Line]], *, named: bool, unterminated: bool = False) -> Iterator[Message]:
    """The events in lines; with `named`, one that has an event name and no data counts too.

    `unterminated`: the last event counts if the body ends within it.
    """
    name, data = "", list[str]()
    for text, line in lines:
        if not text and line.eol:
            if data or (named and name):
                yield Message(name or None, "\n".join(data))
            name, data = "", []
            continue
        field, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "event":
            name = value
    if unterminated and (data or (named and name)):
        yield Message(name or None, "\n".join(data))


@cached_reader
def messages(x: Exchange) -> Messages:
    """The events as the Anthropic SDK for TypeScript decodes them, whatever the Content-Type."""
    read = body(x)
    return Messages(tuple(dispatched(lines_alone(read.content), named=True)), read.error)


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
