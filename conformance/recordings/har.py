"""Entries of HAR 1.2 archives: http://www.softwareishard.com/blog/har-12-spec/."""

import re
from typing import Any, Final

from conformance.parsing.json_text import parse_json
from conformance.recordings.bodies import Body, encoded
from conformance.recordings.build import NoResponseError, Reader
from conformance.recordings.members import DamagedError, array, field_values, member, needed, number, text
from conformance.recordings.message import Fields, Received, Sent, value_of
from conformance.recordings.yaml_items import BOM
from conformance.recordings.yaml_values import decoded_base64

CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s;\"]+)", re.IGNORECASE)
UNICODE: Final = ("utf-8", "utf8", "us-ascii", "ascii")
OF_BROWSERS: Final = ("pageref", "_resourceType", "_initiator", "_priority", "_fetchType", "_securityState")
"""Members that browsers add to an entry, and proxies do not.

A browser's archive holds what had arrived when it was saved, or when the page aborted the request: not all say so.
"""
OWN_COMMENT = re.compile(r"\S+: ((?:reset|timeout|limit|hung-up|unreachable|interrupted)|\S+ at (?!after)\S+)")
"""How an incomplete exchange ended, in the archives of `--report har`, mostly with the phase."""


def sent(entry: Any) -> Sent:
    """The request. Raises DamagedError."""
    return Sent(
        method=needed(entry, "request.method").upper(),
        url=needed(entry, "request.url"),
        fields=_fields(entry, "request.headers"),
        body=encoded(text(entry, "request.postData.text")).content,
        length=max(0, number(entry, "request.bodySize")),
    )


def received(entry: Any) -> Received:
    """The response. Raises DamagedError and NoResponseError."""
    if fault := _failure(entry):
        raise NoResponseError(f"the exchange is incomplete: {fault}")
    if not number(entry, "response.status"):
        raise NoResponseError("the archive holds no response")
    fields = _fields(entry, "response.headers")
    body = _content(entry, value_of(fields, "content-type") or text(entry, "response.content.mimeType"))
    return Received(
        status=number(entry, "response.status"),
        reason=text(entry, "response.statusText"),
        fields=fields,
        body=body.content,
        exact=body.exact,
        length=0 if number(entry, "response.content.size") > 0 else number(entry, "response.bodySize"),
        to_its_end=not any(member(entry, name) for name in OF_BROWSERS),
    )


def at(entry: Any) -> str:
    """When the request was sent. Raises DamagedError."""
    return text(entry, "startedDateTime")


HAR: Final = Reader(sent, received, at, filters=False)


def _failure(entry: Any) -> str:
    """What the recorder says about an exchange that failed or was aborted.

    Chromium, mitmproxy, Playwright, and this project say so.
    """
    own = OWN_COMMENT.fullmatch(text(entry, "comment"))
    places = ("response._error", "_error", "response._failureText", "_failureText")
    reasons = (*(member(entry, place) for place in places), own and own[1])
    return next((value for value in reasons if isinstance(value, str) and value), "")


def _fields(entry: Any, path: str) -> Fields:
    """The header fields, without the pseudo-header fields of HTTP/2."""
    found = [(text(field, "name"), member(field, "value")) for field in array(entry, path)]
    pairs = ((name, value) for name, values in found for value in field_values(values, path))
    return tuple((name, value) for name, value in pairs if not name.startswith(":"))


def _content(entry: Any, content_type: str) -> Body:
    """The body: text, or base64."""
    content = text(entry, "response.content.text")
    match text(entry, "response.content.encoding").lower():
        case "":
            return _text(content, number(entry, "response.content.size"), content_type)
        case "base64":
            return Body(_pieces(content) if content.startswith("[") else decoded_base64(content))
        case other:
            raise DamagedError(f"response.content.encoding is {other[:40]!r}; known is base64")


def _text(content: str, size: int, content_type: str) -> Body:
    body = encoded(content)
    if body.content.startswith(BOM) and size != len(body.content):  # not the server's, as far as the archive shows
        body = Body(body.content.removeprefix(BOM), exact=False)
    charset = CHARSET.search(content_type)
    if charset and charset[1].lower() not in UNICODE and not content.isascii():
        return body._replace(exact=False)
    missing = size - len(body.content) if content else 0
    if missing > len(BOM) or (body.exact and 0 < missing < len(BOM)):
        raise DamagedError(f"response.content.size is {size}, but its text has {len(body.content)} bytes: it was cut")
    return body._replace(exact=body.exact and missing <= 0)  # browsers drop a byte order mark


def _pieces(content: str) -> bytes:
    """A compressed body as Polly.js records it: a JSON array of its pieces, each in base64."""
    pieces = parse_json(content.encode("utf-8", "replace"))
    if not isinstance(pieces, list) or not all(isinstance(piece, str) for piece in pieces):
        raise DamagedError("response.content.text is neither base64 nor an array of base64")
    return b"".join(map(decoded_base64, pieces))
