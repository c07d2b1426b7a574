"""Read a corpus of recorded exchanges: gzipped lines of JSON, one exchange each, from the cassettes of test suites."""

import gzip
import json
from collections.abc import Iterator
from dataclasses import replace
from http import HTTPStatus

from conformance.apis.errors import error_response
from conformance.model.case import CaseId, Kind
from conformance.model.exchange import Exchange

FRAMING = ("content-length", "transfer-encoding", "content-encoding", "connection")
"""Header fields about the framing: cassettes hold decoded bodies."""


class DamagedError(ValueError):
    """A line that holds no exchange."""


def entries(path) -> Iterator[str]:
    """The lines of the corpus."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        yield from lines


def read_entry(line: str, number: int = 0) -> tuple[str, Exchange]:
    """The host and the exchange of one line. Raises DamagedError.

    A request that got an error may have been invalid, on purpose or not.
    """
    try:
        entry = json.loads(line)
        host, exchange = entry["host"], _exchange(entry, number)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(str(error)) from error
    if not error_response(exchange):
        return host, exchange
    return host, replace(exchange, case=CaseId(exchange.api, "recorded", exchange.mode, Kind.FUZZ), cache={})


def _exchange(entry, number: int) -> Exchange:
    body, fields = _octets(entry["response_body"]), _fields(entry["response_headers"])
    if not body.strip():
        raise DamagedError("the response has no body")
    if not any(name == "content-type" for name, _ in fields):
        fields.append(("content-type", "application/json" if body.lstrip()[:1] in b"{[" else "text/event-stream"))
    head = f"HTTP/1.1 {entry['status']} {HTTPStatus(entry['status']).phrase}"
    return Exchange(
        id=str(number),
        case=CaseId(entry["api"], "recorded", entry["mode"], Kind.BASELINE),
        sent=_message(
            f"POST {entry['path']} HTTP/1.1", _fields(entry["request_headers"]), _octets(entry["request_body"])
        ),
        received=_message(head, fields, body),
        recorded=frozenset(("headers",)),
    )


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _fields(recorded) -> list[tuple[str, str]]:
    """The header fields, but for those of the framing."""
    pairs = ((name.lower(), value) for name, values in recorded.items() for value in values)
    return [(name, " ".join(value.split())) for name, value in pairs if name not in FRAMING]


def _message(start: str, fields: list[tuple[str, str]], body: bytes) -> bytes:
    lines = [start, *(f"{name}: {value}" for name, value in fields), f"content-length: {len(body)}", "", ""]
    return _octets("\r\n".join(lines)) + body
