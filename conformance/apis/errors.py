"""Read error responses of any API, in whatever format they are sent."""

import re
from functools import cache
from typing import Any, Final, Literal

import msgspec

from conformance.apis.request import request_body
from conformance.model import case
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
ENVELOPED: Final = ("openai", "anthropic")
NOWHERE = Span(0, 0)
STREAMING = re.compile(r"\bstream(?:ing|ed)\b", re.IGNORECASE)
UNSUPPORTED = re.compile(
    r"\b(?:not|never)[ _-](?:yet |currently )?(?:support|implement|available|enabled|allow|permit)\w*"
    r"|n't (?:yet |currently )?(?:support|implement|allow|permit)\w*|\bcan(?:not|'t) stream\b|\bno stream"
    r"|\b(?:unsupported|unimplemented|disabled|unavailable)\b|\bnon-?\s?stream|\bwithout (?:\w+ )?[`'\"]*stream"
    r"|\bstream\w*[`'\"]*\s*(?:=|:|to)\s*[`'\"]*false\b",
    re.IGNORECASE,
)
"""Phrases that say that something is not supported, or advise a non-streaming request."""
MOST_TEXT = 100_000
"""Bytes of an error that are searched for field names."""
UNRELATED_STATUSES = (401, 402, 403, 407, 408, 425, 429)
"""Error statuses unrelated to the request's content: key, billing, timeout, rate limit."""
SUGGESTED = re.compile(r"\b(?:use|try)\s+['\"`]?\w+(?:['\"`]|\b)", re.IGNORECASE)
"""What an error recommends instead of a field that it rejects."""


class ErrorResponse(msgspec.Struct, frozen=True, kw_only=True):
    """An error response; `kind` is `none` if the request was not rejected.

    `kind` is the form as sent: `openai` and `anthropic` are the error objects of the APIs, `event` is the flat one that
    Responses sends inside a stream; `error-text` is `{"error": "..."}`, `detail` is FastAPI's, `object` any other JSON
    object, `events` an event stream with an error status. `form` is the form inside an array of one or an event stream,
    which a tolerant client reads all the same; otherwise it is `kind`. `error` is the error object as sent; `type`,
    `param` and `code` are its strings, or None. `places` are the locations that a list of details names, `text`
    everything that may name a field. `in_band`: the error has a 2xx status; `at`: its bytes.
    """

    kind: Kind = "none"
    form: Kind = "none"
    status: int = 0
    message: str = ""
    type: str | None = None
    param: str | None = None
    code: str | None = None
    error: dict[str, Any] = msgspec.field(default_factory=dict)
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

    @property
    def is_enveloped(self) -> bool:
        """Whether the body is the error object of an API, as its clients read it."""
        return self.kind in ENVELOPED

    @property
    def has_error_object(self) -> bool:
        """Whether there is the error object of an API, in its place or inside an array of one or an event stream."""
        return self.form in ENVELOPED

    @property
    def is_legible(self) -> bool:
        """Whether the error has a message for people, in whatever form."""
        return self.has_error_object or (bool(self.message) and self.form != "html")


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


FETCHED: Final = (case.Kind.STORED, case.Kind.POLL)
"""Requests for a response that may have failed: its error is not one of the request."""


def _in_success(x: Exchange) -> ErrorResponse:
    value = body(x)
    if not _is_error(value) or value.get("choices") or value.get("content"):
        return ErrorResponse()
    if x.case.kind in FETCHED and value.get("object") == "response":
        return ErrorResponse()
    return _read(value, reply(x).status, reply(x).content, _whole(x), in_band=True)


def _rejected(x: Exchange) -> ErrorResponse:
    answer = reply(x)
    if looks_like_events(x) and answer.content:
        found = _in_events(x)
        form: Kind = found.form if found else "events"
        return msgspec.structs.replace(
            found,
            kind="events",
            form=form,
            status=answer.status,
            text=_text(answer.content),
            in_band=False,
            at=_whole(x),
        )
    return _read(body(x), answer.status, answer.content, _whole(x), in_band=False)


@cached_reader
def body(x: Exchange) -> Any:
    """The response body as one JSON value, or NOT_JSON."""
    return parse_json(reply(x).content)


def _whole(x: Exchange) -> Span:
    answer = reply(x)
    return answer.locate(0, len(answer.content)) if answer.content else answer.head


def _text(raw: bytes) -> str:
    return raw[:MOST_TEXT].decode("utf-8", "replace")


def _read(value: Any, status: int, raw: bytes, at: Span, *, in_band: bool) -> ErrorResponse:
    kind = _kind(value, raw)
    inner = _only(value)
    form = kind if inner is value else _kind(inner, raw)
    error = inner["error"] if form in ENVELOPED else inner if form in ("object", "event") else {}
    return ErrorResponse(
        kind=kind,
        form=form,
        status=status,
        message=_message(form, inner, error, raw),
        type=_word(error.get("type")),
        param=_word(error.get("param")),
        code=_word(error.get("code")),
        error=error,
        places=_places(inner) if form == "detail" else (),
        text=_text(raw),
        in_band=in_band,
        at=at,
    )


def _only(value: Any) -> Any:
    """The object in an array of one, or the value itself."""
    return value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], dict) else value


def _kind(value: Any, raw: bytes) -> Kind:
    if value is NOT_JSON:
        return "html" if is_html(raw) else "text" if raw.strip() else "empty"
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


def is_html(raw: bytes) -> bool:
    """Whether a body begins as an HTML page does."""
    opening = raw[:1024].lstrip().lower()
    return opening.startswith((b"<!doctype", b"<html", b"<head", b"<body")) or b"<html" in opening


def _message(kind: Kind, value: Any, error: dict[str, Any], raw: bytes) -> str:
    if kind in (*ENVELOPED, "event", "object"):
        return _word(error.get("message")) or ""
    if kind == "error-text":
        return str(value["error"])
    if kind == "detail":
        detail = value["detail"]
        if isinstance(detail, str):
            return detail
        entries = detail if isinstance(detail, list) else [detail]
        messages = (
            _word(entry.get("msg")) or _word(entry.get("message")) for entry in entries if isinstance(entry, dict)
        )
        return "; ".join(text for text in messages if text)
    return _text(raw) if kind in ("text", "html") else ""


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


def names_field(error: ErrorResponse, name: str) -> bool:
    """Whether an error names a field: in `param`, in a location, or as a word of its message.

    `name` is a path with dots (`stream_options.include_usage`); only its last part must be named.
    """
    readable = error.form in (*ENVELOPED, "event", "detail", "error-text", "events")
    message = error.message if readable else error.text
    return any(mentions_word(place, name) for place in (error.param or "", *error.places, message[:MOST_TEXT]))


def refuses_streaming(x: Exchange) -> bool:
    """Whether the target rejected streaming: by a 501, or by an error that names `stream` or streaming.

    Another 5xx must also say that it is not supported.
    """
    error = error_response(x)
    if x.mode != "stream" or not error or error.in_band:
        return False
    about = x.case.subject
    if about and names_field(error, about):
        return False
    if error.status == 501:
        return True
    return speaks_of_streaming(error) and (error.status < 500 or _says_unsupported(error))


def speaks_of_streaming(error: ErrorResponse) -> bool:
    """Whether an error names `stream`, or has a word for streaming in its message."""
    return names_field(error, "stream") or bool(STREAMING.search(error.message))


def _says_unsupported(error: ErrorResponse) -> bool:
    """Whether a server failure is a refusal of the field after all: a stream that crashes is not unsupported."""
    return error.param == "stream" or bool(UNSUPPORTED.search(f"{error.code} {error.message[:MOST_TEXT]}"))


def may_refuse_streaming(x: Exchange) -> bool:
    """Whether an error may be about streaming: any but a 5xx that does not mention it."""
    status = reply(x).status
    return 400 <= status < 500 or (status >= 500 and refuses_streaming(x))


def is_verdict_on_request(error: ErrorResponse) -> bool:
    """Whether an error is the target's decision on the request: a 4xx status about its content, or a 501."""
    declared = 400 <= error.status < 500 or error.status == 501
    return declared and not error.in_band and error.status not in UNRELATED_STATUSES


def rejected_fields(x: Exchange) -> tuple[str, ...]:
    """The fields of the request that its error refers to, except `model` and `stream`.

    If the error locates the field, these are the only ones; what it recommends instead is not rejected.
    """
    error = error_response(x)
    if error.in_band or error.status not in (400, 422, 501) or refuses_streaming(x):
        return ()
    names = [name for name in request_body(x) if name not in ("model", "stream")]
    located = [name for name in names if any(mentions_word(at, name) for at in (error.param or "", *error.places))]
    advised = msgspec.structs.replace(error, message=SUGGESTED.sub("", error.message))
    return tuple(located or [name for name in names if _means(advised, name)])


def _means(error: ErrorResponse, name: str) -> bool:
    """Whether the error refers to the field, and not just uses a word that is also a field name."""
    if "_" in name:
        return names_field(error, name)
    if any(mentions_word(place, name) for place in (error.param or "", *error.places)):
        return True
    return bool(re.search(rf"['\"`]{re.escape(name)}\b", error.message[:MOST_TEXT]))


def quoted(text: str, most: int = 100) -> str:
    """A text of the target in quotation marks, on one line."""
    return f"‘{one_line(text, most)}’"


def one_line(text: str, most: int = 100) -> str:
    """A text of the target on one line, shortened to `most` characters, safe to print."""
    line = " ".join(text.split())
    cut = line if len(line) <= most else line[: most - 1] + "…"
    return cut.encode("utf-8", "backslashreplace").decode()
