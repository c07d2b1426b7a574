"""Read error responses of any API, in whatever format they are sent."""

import re
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Literal

from conformance.apis.request import request_body
from conformance.model.exchange import Exchange, Span, cached_reader
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import NOT_JSON, parse_json
from conformance.parsing.sse import looks_like_events, payloads, span, stream

Kind = Literal[
    "none",
    "openai",
    "anthropic",
    "event",
    "error-text",
    "detail",
    "object",
    "array",
    "scalar",
    "text",
    "html",
    "empty",
    "events",
]
NOWHERE = Span(0, 0)
STREAMING = re.compile(r"\bstream(?:ing|ed)\b", re.IGNORECASE)
MOST_TEXT = 100_000
"""Bytes of an error that are searched for field names."""
UNRELATED_STATUSES = (401, 402, 403, 407, 408, 425, 429)
"""Error statuses unrelated to the request's content: key, billing, timeout, rate limit."""
SUGGESTED = re.compile(r"\b(?:use|try)\s+['\"`]?\w+(?:['\"`]|\b)", re.IGNORECASE)
"""What an error recommends instead of a field that it rejects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorResponse:
    """An error response; `kind` is `none` if the request was not rejected.

    `kind`: `openai` and `anthropic` are the error objects of the APIs, `event` is the flat one that Responses sends
    inside a stream; `error-text` is `{"error": "..."}`, `detail` is
    FastAPI's, `object` any other JSON object, `events` an event stream with an error status. `error` is the error
    object as sent; `type`, `param` and `code` are its strings, or None. `places` are the locations that a list of
    details names, `text` everything that may name a field. `in_band`: the error has a 2xx status; `at`: its bytes.
    """

    kind: Kind = "none"
    status: int = 0
    message: str = ""
    type: str | None = None
    param: str | None = None
    code: str | None = None
    error: dict[str, Any] = field(default_factory=dict)
    places: tuple[str, ...] = ()
    text: str = ""
    in_band: bool = False
    at: Span = NOWHERE

    def __bool__(self) -> bool:
        """Whether the request was rejected."""
        return self.kind != "none"

    @property
    def is_json(self) -> bool:
        """Whether the body is one JSON text."""
        return self.kind not in ("none", "text", "html", "empty", "events")


@cached_reader
def error_response(x: Exchange) -> ErrorResponse:
    """The error of a response: by its status, or inside a response with a 2xx status."""
    status = reply(x).status
    if 200 <= status < 300:
        return _in_events(x) if looks_like_events(x) else _in_success(x)
    return _rejected(x) if status >= 400 else ErrorResponse()


@cached_reader
def error_at(x: Exchange) -> int | None:
    """The index of the first dispatched event that is an error, or None."""
    return next((at for at, value in enumerate(payloads(x)) if _is_error(value)), None)


def _is_error(value: Any) -> bool:
    return isinstance(value, dict) and (bool(value.get("error")) or value.get("type") == "error")


def _in_events(x: Exchange) -> ErrorResponse:
    at = error_at(x)
    if at is None:
        return ErrorResponse()
    event = stream(x).dispatched[at]
    return _read(payloads(x)[at], reply(x).status, event.data, span(x, event), in_band=True)


def _in_success(x: Exchange) -> ErrorResponse:
    value = body(x)
    if not _is_error(value) or value.get("choices") or value.get("content"):
        return ErrorResponse()
    return _read(value, reply(x).status, reply(x).content, _whole(x), in_band=True)


def _rejected(x: Exchange) -> ErrorResponse:
    answer = reply(x)
    if looks_like_events(x) and answer.content:
        found = _in_events(x)
        return ErrorResponse(
            kind="events", status=answer.status, at=_whole(x), message=found.message, text=_text(answer.content),
            type=found.type, param=found.param, code=found.code, error=found.error,
        )  # fmt: skip
    return _read(body(x), answer.status, answer.content, _whole(x), in_band=False)


@cached_reader
def body(x: Exchange) -> Any:
    """The response body as one JSON value, or NOT_JSON."""
    return parse_json(reply(x).content)


def _whole(x: Exchange) -> Span:
    answer = reply(x)
    return answer.locate(0, len(answer.content)) if answer.content else answer.head


def _text(octets: bytes) -> str:
    return octets[:MOST_TEXT].decode("utf-8", "replace")


def _read(value: Any, status: int, octets: bytes, at: Span, *, in_band: bool) -> ErrorResponse:
    kind = _kind(value, octets)
    error = value["error"] if kind in ("openai", "anthropic") else value if kind in ("object", "event") else {}
    return ErrorResponse(
        kind=kind,
        status=status,
        message=_message(kind, value, error, octets),
        type=_word(error.get("type")),
        param=_word(error.get("param")),
        code=_word(error.get("code")),
        error=error,
        places=_places(value) if kind == "detail" else (),
        text=_text(octets),
        in_band=in_band,
        at=at,
    )


def _kind(value: Any, octets: bytes) -> Kind:
    if value is NOT_JSON:
        opening = octets[:1024].lstrip().lower()
        is_html = opening.startswith((b"<!doctype", b"<html", b"<head", b"<body")) or b"<html" in opening
        return "html" if is_html else "text" if octets.strip() else "empty"
    if isinstance(value, list):
        return "array"
    if not isinstance(value, dict):
        return "scalar"
    if isinstance(value.get("error"), dict):
        return "anthropic" if value.get("type") == "error" else "openai"
    if isinstance(value.get("error"), str):
        return "error-text"
    is_event = value.get("type") == "error" and "message" in value
    return "event" if is_event else "detail" if "detail" in value else "object"


def _message(kind: Kind, value: Any, error: dict[str, Any], octets: bytes) -> str:
    if kind in ("openai", "anthropic", "event", "object"):
        return _word(error.get("message")) or ""
    if kind == "error-text":
        return str(value["error"])
    if kind == "detail":
        detail = value["detail"]
        if isinstance(detail, str):
            return detail
        entries = detail if isinstance(detail, list) else [detail]
        said = (_word(entry.get("msg")) or _word(entry.get("message")) for entry in entries if isinstance(entry, dict))
        return "; ".join(text for text in said if text)
    return _text(octets) if kind in ("text", "html") else ""


def _places(value: dict[str, Any]) -> tuple[str, ...]:
    """The `loc` of each of FastAPI's details, joined by dots."""
    details = value["detail"] if isinstance(value["detail"], list) else []
    places = (entry.get("loc") for entry in details if isinstance(entry, dict))
    return tuple(".".join(map(str, _steps(place))) for place in places if isinstance(place, list))


def _steps(place: list[Any]) -> list[str | int]:
    return [step for step in place if isinstance(step, str) or (isinstance(step, int) and abs(step) < 1_000_000)]


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None


@cache
def _as_word(name: str) -> re.Pattern[str]:
    leaf = name.rpartition(".")[2]
    first, *rest = leaf.split("_")
    pascal = "".join(part.title() for part in (first, *rest))
    written = {leaf, first + "".join(part.title() for part in rest), *([pascal] if rest else [])}
    return re.compile(rf"(?<![A-Za-z0-9_-])(?:{'|'.join(map(re.escape, sorted(written)))})(?![A-Za-z0-9_-])")


def mentions_word(text: str, name: str) -> bool:
    """Whether a text contains the last part of a field's path as a word.

    Servers write `max_tokens`, `body.max_tokens`, `/max_tokens`, `messages[0].max_tokens`, or `maxTokens`.
    """
    return bool(_as_word(name).search(text))


def names_field(said: ErrorResponse, name: str) -> bool:
    """Whether an error names a field: in `param`, in a location, or as a word of its message.

    `name` is a path with dots (`stream_options.include_usage`); only its last part must be named.
    """
    readable = said.kind in ("openai", "anthropic", "event", "detail", "error-text", "events")
    message = said.message if readable else said.text
    return any(mentions_word(place, name) for place in (said.param or "", *said.places, message[:MOST_TEXT]))


def refuses_streaming(x: Exchange) -> bool:
    """Whether the target rejected streaming: by a 501, or by an error that names `stream` or streaming."""
    said = error_response(x)
    if x.mode != "stream" or not said or said.in_band:
        return False
    about = x.case.subject
    if about and names_field(said, about):
        return False
    return said.status == 501 or names_field(said, "stream") or bool(STREAMING.search(said.message))


def may_refuse_streaming(x: Exchange) -> bool:
    """Whether an error may be about streaming: any but a 5xx that does not mention it."""
    status = reply(x).status
    return 400 <= status < 500 or (status >= 500 and refuses_streaming(x))


def is_verdict_on_request(said: ErrorResponse) -> bool:
    """Whether an error is the target's decision on the request: a 4xx status about its content, or a 501."""
    declared = 400 <= said.status < 500 or said.status == 501
    return declared and not said.in_band and said.status not in UNRELATED_STATUSES


def rejected_fields(x: Exchange) -> tuple[str, ...]:
    """The fields of the request that its error refers to, except `model` and `stream`.

    If the error locates the field, these are the only ones; what it recommends instead is not rejected.
    """
    said = error_response(x)
    if said.in_band or said.status not in (400, 422, 501) or refuses_streaming(x):
        return ()
    names = [name for name in request_body(x) if name not in ("model", "stream")]
    located = [name for name in names if any(mentions_word(at, name) for at in (said.param or "", *said.places))]
    advised = replace(said, message=SUGGESTED.sub("", said.message))
    return tuple(located or [name for name in names if _means(advised, name)])


def _means(said: ErrorResponse, name: str) -> bool:
    """Whether the error refers to the field, and not just uses a word that is also a field name."""
    if "_" in name:
        return names_field(said, name)
    if any(mentions_word(place, name) for place in (said.param or "", *said.places)):
        return True
    return bool(re.search(rf"['\"`]{re.escape(name)}\b", said.message[:MOST_TEXT]))


def quoted(text: str, most: int = 100) -> str:
    """A text of the target on one line, shortened to `most` characters, safe to print."""
    line = " ".join(text.split())
    cut = line if len(line) <= most else line[: most - 1] + "…"
    return "‘" + cut.encode("utf-8", "backslashreplace").decode() + "’"
