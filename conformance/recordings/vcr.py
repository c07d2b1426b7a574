"""Interactions of VCR cassettes: vcrpy's, pytest-recording's, Ruby's, and those of tools that write the same."""

import json
from typing import Any, Final

from conformance.parsing.json_text import LONE_SURROGATE
from conformance.recordings.bodies import Body, encoded
from conformance.recordings.build import NoResponseError, Reader
from conformance.recordings.members import DamagedError, field_values, member, number, text
from conformance.recordings.message import Fields, Received, Sent
from conformance.recordings.yaml_values import decoded_base64


def sent(interaction: Any) -> Sent:
    """The request. Raises DamagedError."""
    request = member(interaction, "request")
    url = text(request, "uri") or text(request, "url")
    if not url:
        raise DamagedError("request.uri is missing")
    return Sent(
        method=text(request, "method").lstrip(":").upper() or "GET",
        url=url,
        fields=_fields(request, "request"),
        body=_body(request, "request").content,
    )


def received(interaction: Any) -> Received:
    """The response. Raises DamagedError and NoResponseError."""
    response = member(interaction, "response")
    if response is None:
        raise NoResponseError("the cassette holds no response")
    body = _body(response, "response")
    is_object = isinstance(member(response, "status"), dict)
    places = ("status.code",) if is_object else ("status_code", "code", "status")
    return Received(
        status=next(filter(None, (number(response, place) for place in places)), 0),
        reason=text(response, "status.message") if is_object else "",
        fields=_fields(response, "response"),
        body=body.content,
        exact=body.exact,
    )


def at(interaction: Any) -> str:
    """When it was recorded: Ruby's VCR says so. Raises DamagedError."""
    return text(interaction, "recorded_at")


VCR: Final = Reader(sent, received, at, filters=True)


def _fields(message: Any, where: str) -> Fields:
    """The header fields: a value, or a list of values, for each name."""
    headers = member(message, "headers")
    if headers is None:
        return ()
    if not isinstance(headers, dict):
        raise DamagedError(f"{where}.headers is not an object")
    return tuple(
        (str(name), value) for name, values in headers.items() for value in field_values(values, f"{where}.headers")
    )


def _body(message: Any, where: str) -> Body:
    """The body: the value itself, or its "string" or "base64_string"; or re-serialised JSON in "parsed_body"."""
    if (parsed := member(message, "parsed_body")) is not None:
        return Body(_serialised(parsed, where), exact=False)
    body = member(message, "body")
    if body is None:
        body = member(message, "content")
    if not isinstance(body, dict):
        return _bytes(body, f"{where}.body", "utf-8")
    if (packed := member(body, "base64_string")) is not None:
        return Body(decoded_base64(_string(packed, f"{where}.body.base64_string")))
    return _bytes(member(body, "string"), f"{where}.body.string", text(body, "encoding") or "utf-8")


def _bytes(value: Any, where: str, charset: str) -> Body:
    match value:
        case None:
            return Body(b"")
        case bytes():
            return Body(value)
        case str():
            is_ascii = charset.upper() in ("US-ASCII", "ASCII-8BIT", "BINARY")
            return encoded(value, "utf-8" if is_ascii else charset)
    raise DamagedError(f"{where} is neither text nor bytes")


def _string(value: Any, where: str) -> str:
    if isinstance(value, bytes):
        return value.decode("ascii", "replace")
    if isinstance(value, str):
        return value
    raise DamagedError(f"{where} is not a string")


def _serialised(value: Any, where: str) -> bytes:
    try:
        written = json.dumps(value, ensure_ascii=False, allow_nan=False)
        return (json.dumps(value) if LONE_SURROGATE.search(written) else written).encode()
    except (ValueError, TypeError, RecursionError) as error:
        raise DamagedError(f"{where}.parsed_body is not JSON: {error}") from error
