"""ERR, continued: errors with a wrong code, at limits of rate and size, or with an upstream's key."""

from collections.abc import Callable
from dataclasses import replace

from conformance.testbed.mutations.defects.err import PAGE, crash_if, error, inside_a_stream, sets_logprobs, wrong
from conformance.testbed.mutations.mutate_requests import (
    refusal,
    streaming,
    with_body,
    with_status,
)
from conformance.testbed.server.reply import (
    ModelResponse,
    OnResponse,
    ServerRequest,
    WireResponse,
    Write,
)

LARGE = 1024 * 1024
"""The default body limit of web servers, in bytes."""


def with_code(code: str, edit: Callable[[ModelResponse, ServerRequest], ModelResponse]) -> OnResponse:
    """Edit the errors that have this code."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        is_it = isinstance(response.whole, dict) and (response.whole.get("error") or {}).get("code") == code
        return edit(response, request) if is_it else response

    return change


def without_code(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
    """The error without its code."""
    return replace(response, whole={"error": response.whole["error"] | {"code": None}})


def as_crash(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
    """The error with status 500."""
    return replace(response, status=500)


def limiting(*headers: tuple[str, str]) -> OnResponse:
    """429 with these headers, where logprobs are requested."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        if not sets_logprobs(request) or response.status != 200:
            return response
        return replace(refusal(429, "Slow down.", type="rate_limit_error"), headers=headers)

    return change


def as_text_in_a_stream(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """A streaming request with `n: 0` is rejected by plain text in a stream that stays open."""
    if not (isinstance(request.json, dict) and request.json.get("n") == 0 and streaming(request)):
        return reply
    raw = b"data: Number of choices must be greater than 0.\n\n"
    headers = (("content-type", "text/event-stream"),)
    pieces = (Write(data=raw),)
    return WireResponse(status=200, headers=headers, pieces=pieces, framing="chunked", end="hold", hold_s=30.0)


def unsaid(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """The connection is closed without a response to invalid JSON."""
    if request.method != "POST" or request.json is not None:
        return reply
    return replace(reply, head=b"", pieces=(), framing="close", end="abort")


def in_parts(request: ServerRequest) -> bool:
    """A message's content is a list."""
    messages = request.json.get("messages") if isinstance(request.json, dict) else None
    return isinstance(messages, list) and any(
        isinstance(m, dict) and isinstance(m.get("content"), list) for m in messages
    )


def sets_no_alternatives(request: ServerRequest) -> bool:
    """The request sets logprobs without top_logprobs."""
    return (
        isinstance(request.json, dict) and request.json.get("logprobs") is True and not request.json.get("top_logprobs")
    )


def sets_another_format(request: ServerRequest) -> bool:
    """The request has a response_format type that no API has."""
    wanted = request.json.get("response_format") if isinstance(request.json, dict) else None
    return isinstance(wanted, dict) and wanted.get("type") not in ("text", "json_object", "json_schema")


def too_large(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """A large body is rejected by the web server's HTML page."""
    return (
        with_body(PAGE, "text/html", 413)(replace(reply, status=413), request) if len(request.body) > LARGE else reply
    )


CAUSES = (
    wrong(
        "unknown-model-without-code",
        "The error for an unknown model has no code",
        "ERR025",
        with_code("model_not_found", without_code),
    ),
    wrong(
        "overflow-without-code",
        "The error for an exceeded context length has no code",
        "ERR026",
        with_code("context_length_exceeded", without_code),
    ),
    wrong(
        "overflow-as-500",
        "A prompt that exceeds the context length gets 500",
        "ERR003",
        with_code("context_length_exceeded", as_crash),
    ),
    wrong(
        "overflow-inside-stream",
        "With streaming, an exceeded context length is reported inside a 200 stream",
        "ERR016",
        with_code("context_length_exceeded", inside_a_stream),
    ),
    wrong(
        "errors-name-nothing",
        'Errors say "Bad request." without naming the cause',
        "ERR027",
        error(message="Bad request.", param=None),
    ),
    wrong("mistakes-as-403", "Invalid requests get 403", "ERR031", with_status(403, 400)),
    wrong("format-crash", "An unknown response_format causes a 500", "ERR003", crash_if(sets_another_format)),
    wrong("parts-crash", "Content as a list of parts causes a 500", "ERR004", crash_if(in_parts)),
    wrong(
        "zero-top-logprobs-crash",
        "logprobs without top_logprobs causes a 500",
        "ERR004",
        crash_if(sets_no_alternatives),
    ),
    wrong("big-body-as-html", "An oversized body gets an HTML error page", "ERR007", on_wire=too_large),
    wrong(
        "refusal-as-text-in-stream",
        "A streaming request is rejected by plain text in a stream that stays open",
        "SSE004",
        on_wire=as_text_in_a_stream,
    ),
    wrong("bad-json-unanswered", "An invalid JSON body gets no response", "HTTP001", on_wire=unsaid),
)

LIMITS = (
    wrong("limit-without-retry-after", "429 responses lack Retry-After", "ERR028", limiting()),
    wrong("retry-after-in-words", "Retry-After is a word", "ERR029", limiting(("retry-after", "soon"))),
    wrong("retry-after-in-hours", "Retry-After is one hour", "ERR030", limiting(("retry-after", "3600"))),
)

FOREIGN_KEY = wrong(
    "upstream-key-shown",
    "Errors leak the upstream URL and its API key",
    "ERR032",
    on_response=error(
        message="ConnectTimeout: https://up.example/v1/m:generate?key=AIzaSyA0123456789abcdefghijklmnopqrstuv"
    ),
)
