"""From what a recording says to an exchange: which API, in which mode, with which facets, and without secrets."""

import contextlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from conformance.apis.request import request_body
from conformance.apis.specs import SPECS
from conformance.model.case import CaseId, Kind
from conformance.model.exchange import Exchange
from conformance.model.words import Api, Mode
from conformance.parsing.content import Decoded, bounded
from conformance.parsing.http1 import TOKEN, request_header
from conformance.parsing.json_text import NOT_JSON, parse_json
from conformance.parsing.json_values import as_object, as_string
from conformance.recordings.bodies import decoded, utf8
from conformance.recordings.credentials import secrets_of
from conformance.recordings.entry import Entry, Skipped, Why
from conformance.recordings.members import DamagedError
from conformance.recordings.message import (
    BODILESS,
    Fields,
    Received,
    Sent,
    facets,
    is_event_stream,
    request_bytes,
    response_bytes,
    stated_length,
    value_of,
)
from conformance.recordings.secrets import masked_field, masked_messages, masked_query, masked_text
from conformance.transport.record import printable

PROFILE: Final = "recorded"
UNSENDABLE = re.compile(r"[^\x21-\x7e]")
BY_PATH: Final = tuple((spec.path, api, ("model", "prompt", spec.prompt)) for api, spec in SPECS.items())


class NoResponseError(ValueError):
    """The recording holds no response to judge, and why."""


class Reader(NamedTuple):
    """How a format says what was sent and received, and when. Each function raises DamagedError.

    `received` raises NoResponseError. `filters`: recorders of this format often leave header fields out.
    """

    sent: Callable[[Any], Sent]
    received: Callable[[Any], Received]
    at: Callable[[Any], str]
    filters: bool


def entry_of(value: Any, reader: Reader, source: str) -> Entry | Skipped:
    """The entry that a recorded value describes, or why it is not judged."""
    try:
        sent = _clean_request(reader.sent(value))
        if not TOKEN.fullmatch(sent.method):
            raise DamagedError("the request has no valid method")
        api = api_of(sent.method, sent.split().path, lambda: _request_body(sent))
        if api is None:
            return skipped(source, "other-path", f"{sent.method} {sent.host}{sent.split().path}")
        received = _checked(reader.received(value))
        return _entry(api, sent, received, reader, reader.at(value), source)
    except NoResponseError as error:
        return skipped(source, "no-response", str(error))
    except (ValueError, OverflowError, RecursionError) as error:
        return skipped(source, "damaged", str(error))


def skipped(source: str, why: Why, detail: str) -> Skipped:
    """An entry that is not judged; the detail is bounded, printable, and without secrets."""
    return Skipped(source=source, why=why, detail=_shown(masked_text(utf8(detail))))


def _shown(text: str) -> str:
    """A text from a recording, shortened, with what can't be printed escaped."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in printable(text))


def _clean_request(sent: Sent) -> Sent:
    return replace(sent, method=utf8(sent.method), url=utf8(sent.url), fields=_clean(sent.fields))


def _clean(fields: Fields) -> Fields:
    return tuple((utf8(name), utf8(value)) for name, value in fields)


def api_of(method: str, path: str, body: Callable[[], bytes]) -> Api | None:
    """The API that a request is for: by its path, whatever is before it, and the members of its body.

    Other APIs have paths that end like these ("/threads/ID/messages"), but not the bodies.
    """
    path = path.rstrip("/")
    found = next(((api, names) for suffix, api, names in BY_PATH if path.endswith(suffix)), None)
    if found is None or method != "POST":
        return None
    api, names = found
    value = parse_json(body())
    return None if isinstance(value, dict) and not any(name in value for name in names) else api


def _request_body(sent: Sent) -> bytes:
    """The body without its content coding. Raises DamagedError."""
    body = decoded(sent.body, value_of(sent.fields, "content-encoding"))
    if not body.strip():
        raise DamagedError("the request's body was not recorded, so that its mode is unknown")
    return body


def _checked(received: Received) -> Received:
    """The response with its body decoded. Raises DamagedError and NoResponseError."""
    if not 200 <= received.status <= 999:
        raise NoResponseError(f"the response's status is {received.status}")
    body = decoded(received.body, value_of(received.fields, "content-encoding"))
    if not body and received.status not in BODILESS and value_of(received.fields, "content-length").strip() != "0":
        raise NoResponseError("the recording holds no body of the response")
    if cut := bounded(Decoded(body)).cut:
        raise DamagedError(f"{cut}, which is more than is judged")
    exact = received.exact and not _has_lost_bytes(received, body)
    return replace(received, body=body, fields=_clean(received.fields), exact=exact)


def _has_lost_bytes(received: Received, body: bytes) -> bool:
    """Whether the body had more bytes than the recording has. Raises DamagedError if it was cut.

    A JSON text that is complete was not cut, but written anew. How long a compressed or chunked body was does not say
    how many bytes it holds.
    """
    if any(value_of(received.fields, name) for name in ("content-encoding", "transfer-encoding")):
        return False
    length = max(received.length, stated_length(received.fields) or 0)
    if length <= len(body):
        return False
    if parse_json(body) is NOT_JSON:
        raise DamagedError(f"the body had {length} bytes, but the recording has {len(body)}: it was cut")
    return True


def _entry(api: Api, sent: Sent, received: Received, reader: Reader, at: str, source: str) -> Entry:
    held = facets(sent, received, filters=reader.filters)
    sent = replace(sent, body=_request_body(sent))
    value = parse_json(sent.body)
    if not isinstance(value, dict) and 200 <= received.status < 300:
        raise DamagedError("the request's body is not a JSON object, so that its mode is unknown")
    body = as_object(value)
    if "stream" not in body and "request" not in held and is_event_stream(received.body):
        raise DamagedError("the request's body has no stream, and is perhaps not as it was sent: its mode is unknown")
    mode: Mode = "stream" if body.get("stream") is True else "unary"
    masked = masked_messages(
        request_bytes(sent, masked_query(_target(sent)), _masked(sent.fields)),
        response_bytes(received, _masked(received.fields)),
        response_bytes(received, received.fields),
        secrets_of(sent.url, sent.fields, received.fields, body, filters=True),
    )
    exchange = Exchange(
        id="",
        case=CaseId(api, PROFILE, mode, Kind.RECORDED),
        sent=masked.sent,
        received=masked.received,
        masked=masked.repeated,
        hidden=masked.hidden,
        recorded=held,
    )
    return Entry(
        exchange=exchange,
        host=_shown(sent.host),
        model=_shown(as_string(request_body(exchange).get("model"))),
        client=_shown(next(iter(request_header(exchange, "user-agent")), "")),
        source=source,
        at=_time(at) or _time(value_of(received.fields, "date")),
    )


def _masked(fields: Fields) -> Fields:
    return tuple((name, masked_field(name, value)) for name, value in fields)


def _target(sent: Sent) -> str:
    """The request target; characters that HTTP does not allow in it are percent-encoded."""
    parts = sent.split()
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return UNSENDABLE.sub(lambda found: quote(found[0], errors="replace"), target)


def _time(text: str) -> datetime | None:
    """A time in the format of ISO 8601 or of mail, with a time zone; UTC if it names none."""
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        with contextlib.suppress(ValueError, OverflowError, TypeError):
            found = parse(text.strip())
            return found if found.tzinfo else found.replace(tzinfo=UTC)
    return None
