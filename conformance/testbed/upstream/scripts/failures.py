"""Scripts of an upstream that refuses, fails or stays silent."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from conformance.testbed.mutations.mutate_bytes import body_of
from conformance.testbed.server.reply import (
    Event,
    Headers,
    ModelResponse,
    Mutation,
    ServerRequest,
    WireResponse,
    Write,
)
from conformance.testbed.upstream.script import Changes, Script

STATUSES: Final = (400, 401, 402, 403, 404, 408, 413, 422, 429, 451, 500, 502, 503, 504, 529)
RETRY_AFTER_S: Final = 1
SILENCE_S: Final = 2.0
ELSEWHERE: Final = "elsewhere-model"
"""The name of the second upstream's model."""
PAGE: Final = b"<!doctype html><html><body><h1>502 Bad Gateway</h1></body></html>"
PLAIN: Final = b"upstream connect error or disconnect/reset before headers"
MESSAGES_TYPES: Final = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    500: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
"""The error types that the Messages API documents (https://platform.claude.com/docs/en/api/errors)."""
OPENAI_QUOTA: Final = (
    ("x-ratelimit-limit-requests", "60"),
    ("x-ratelimit-remaining-requests", "0"),
    ("x-ratelimit-reset-requests", "1s"),
    ("x-ratelimit-remaining-tokens", "149984"),
)
ANTHROPIC_QUOTA: Final = (
    ("anthropic-ratelimit-requests-limit", "50"),
    ("anthropic-ratelimit-requests-remaining", "0"),
    ("anthropic-ratelimit-requests-reset", "2026-11-30T12:00:01Z"),
    ("anthropic-ratelimit-unified-status", "rejected"),
)
LIMITED: Final = (("retry-after", str(RETRY_AFTER_S)), ("x-should-retry", "true"))


def envelope(status: int, request: ServerRequest) -> dict[str, Any]:
    """An error of the upstream in the API's form; each of its parts differs from what a gateway would write."""
    message = f"Canary message {status} of the upstream."
    if request.api == "messages":
        kind = MESSAGES_TYPES.get(status, f"canary_type_{status}")
        return {"type": "error", "error": {"type": kind, "message": message}, "request_id": f"req_{request.id}"}
    facts = {"message": message, "type": f"canary_type_{status}", "param": "canary_param", "code": f"canary_{status}"}
    return {"error": facts}


def _headers(status: int, request: ServerRequest) -> Headers:
    if status != 429:
        return ()
    return (*LIMITED, *(ANTHROPIC_QUOTA if request.api == "messages" else OPENAI_QUOTA))


def _mutation(name: str, **edits: Any) -> Mutation:
    return Mutation(name=name, title=name, **edits)


def refused(status: int) -> Mutation:
    """Refuse with a status."""

    def change(_response: ModelResponse, request: ServerRequest) -> ModelResponse:
        return ModelResponse(status=status, whole=envelope(status, request), headers=_headers(status, request))

    return _mutation(f"refused-{status}", on_response=change)


def written(name: str, edit: Callable[[WireResponse], WireResponse]) -> Mutation:
    """Edit the bytes of the reply."""
    return _mutation(name, on_wire=lambda reply, _request: edit(reply))


def page(status: int, raw: bytes, media_type: str) -> Mutation:
    """Refuse with a body that is not JSON, as a proxy in front of the upstream does."""
    reply = WireResponse(status=status, headers=(("content-type", media_type),), pieces=(Write(data=raw),))
    return written("page", lambda _: reply)


def broken(head: bytes, end: Any = "abort", hold_s: float = 0.0) -> Callable[[WireResponse], WireResponse]:
    """End the connection after these bytes, in place of a reply."""
    return lambda reply: replace(
        reply, head=head, headers=(), pieces=(), framing="close", end=end, hold_s=hold_s, after=b""
    )


def _cut(reply: WireResponse) -> WireResponse:
    """The head, and half of the body."""
    if len(reply.pieces) > 1:
        return replace(reply, pieces=reply.pieces[: len(reply.pieces) // 2], end="abort")
    raw = body_of(reply)
    headers = (*reply.headers, ("content-length", str(len(raw))))
    return replace(reply, headers=headers, pieces=(Write(data=raw[: len(raw) // 2] + b" "),), end="abort")


def _renamed(value: Any) -> Any:
    """A response or event that names the second upstream's model."""
    if not isinstance(value, dict):
        return value
    return {
        name: ELSEWHERE if name == "model" else _renamed(item) if name in ("message", "response") else item
        for name, item in value.items()
    }


def _from_elsewhere(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
    events = response.events and tuple(replace(event, data=_renamed(event.data)) for event in response.events)
    return replace(response, whole=_renamed(response.whole), events=events)


def _error_first(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """A stream that is an error from its first content on; the response without a stream is refused."""
    error = envelope(500, request)
    if response.events is None:
        return ModelResponse(status=500, whole=error)
    if request.api == "responses":
        event = {"type": "error", "sequence_number": 1, **error["error"]}
        return replace(response, events=(*response.events[:1], Event(data=event, name="error")))
    if request.api == "messages":
        return replace(response, events=(*response.events[:1], Event(data=error, name="error")))
    return replace(response, events=(Event(data=error),))


def _known_betas_only(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Refuse a beta that is made up, where it arrives."""
    betas = (value for name, value in request.headers if name.lower() == "anthropic-beta")
    unknown = [beta.strip() for value in betas for beta in value.split(",") if "canary" in beta]
    if not unknown:
        return response
    message = f"The header anthropic-beta has the unknown value {unknown[0][:100]}."
    return ModelResponse(
        status=400, whole={"type": "error", "error": {"type": "invalid_request_error", "message": message}}
    )


FROM_ELSEWHERE: Final = (_mutation("from-elsewhere", on_response=_from_elsewhere),)
NO_REPLY: Final = written("no-reply", broken(b""))
RESET: Final = written("reset", broken(b"", "reset"))
RESET_IN_HEAD: Final = written("reset-in-head", broken(b"HTTP/1.1 200 OK\r\nContent-Ty", "reset"))
CUT: Final = written("cut", _cut)
SILENCE: Final = written("silence", broken(b"", "hold", SILENCE_S))
UNSAID: Final = WireResponse(status=400, headers=(("content-encoding", "gzip"),), pieces=(Write(data=b""),))
"""An error without a body that has a content coding all the same, as of a proxy that compresses everything."""
EMPTY: Final = written("empty", lambda _: UNSAID)
HTML: Final = page(502, PAGE, "text/html")
GOOD: Final[Changes] = ()


def _once(name: str, title: str, *changes: Mutation, elsewhere: Changes | None = None) -> Script:
    """The first attempt fails, and further ones succeed."""
    return Script(name=name, title=title, attempts=(changes, GOOD), elsewhere=elsewhere)


def _always(name: str, title: str, *changes: Mutation, elsewhere: Changes | None = None) -> Script:
    return Script(name=name, title=title, attempts=(changes,), elsewhere=elsewhere)


SCRIPTS = (
    *(_always(f"status-{status}", f"Refuse with {status}", refused(status)) for status in STATUSES),
    *(
        _once(f"status-{status}-once", f"Refuse the first attempt with {status}", refused(status))
        for status in (429, 503, 504)
    ),
    _always(
        "status-500-elsewhere",
        "Fail with 500; the second upstream responds, with another model",
        refused(500),
        elsewhere=FROM_ELSEWHERE,
    ),
    _always(
        "page-502-elsewhere",
        "Fail with an HTML page; the second upstream responds, with another model",
        HTML,
        elsewhere=FROM_ELSEWHERE,
    ),
    _always("page-502", "Fail with an HTML page", HTML),
    _always("empty-400", "Refuse with 400, Content-Encoding: gzip and no body", EMPTY),
    _always(
        "unknown-beta",
        "Refuse a beta of Messages that is made up; respond to a request without one",
        _mutation("known-betas-only", on_response=_known_betas_only),
    ),
    _always("text-503", "Fail with plain text", page(503, PLAIN, "text/plain")),
    _once(
        "error-first-elsewhere",
        "Fail within a stream, before its content; the next attempt and the second upstream respond",
        _mutation("error-first", on_response=_error_first),
        elsewhere=FROM_ELSEWHERE,
    ),
    _once("no-reply-once", "Read the first request and close the connection without a byte", NO_REPLY),
    _once("cut-once", "End the first response within its body", CUT),
    _always("reset", "Read the request and reset the connection", RESET),
    _always("reset-in-head", "Reset the connection within the head of the response", RESET_IN_HEAD),
    _always("silence", "Read the request and stay silent, then close the connection", SILENCE),
)
