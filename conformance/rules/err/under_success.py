"""Errors under a success status: as a JSON body, or inside a stream."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.errors import error_at, error_response, quoted
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, Finding, NotJudged, not_applicable
from conformance.model.words import APIS, GENERATIVE, Api
from conformance.parsing.json_values import as_object
from conformance.parsing.sse import looks_like_events, payloads, span, stream
from conformance.rules.conditions import succeeded
from conformance.rules.err.example import BASELINE_RESPONSE
from conformance.rules.err.spec import CODES_4XX, STREAMED_ERRORS
from conformance.rules.example import answered, chunk, completion, error, streamed


def _whole(x: Exchange) -> NotJudged | None:
    return succeeded(x) or (not_applicable("the response is an event stream") if looks_like_events(x) else None)


@rule(
    "ERR013",
    MUST,
    "An error has a 4xx or 5xx status, not 200",
    spec=CODES_4XX,
    fix="Send the error with a 4xx status if the request is at fault, otherwise with a 5xx.",
    applies_to=_whole,
    apis=APIS,
    good=[BASELINE_RESPONSE, answered(completion(error=None))],
    bad=[answered(error("No capacity.")), answered(error("No."), mode="stream"), answered({"error": "no"})],
)
def error_called_a_success(x: Exchange) -> Iterator[Finding]:
    """No SDK checks a 200 for an error: it finds no choices, and the program crashes or shows nothing."""
    if error := error_response(x):
        yield Finding(
            f"the status is {error.status}, but the body is an error: {quoted(error.message or error.text)}",
            at=error.at,
        )


def _broken_off(x: Exchange) -> NotJudged | None:
    if skip := succeeded(x):
        return skip
    if looks_like_events(x) and error_at(x) is not None:
        return None
    return not_applicable("the stream contains no error")


FORMS = ("openai", "anthropic")
OWN_FORMS: dict[Api, tuple[str, ...]] = {"responses": ("event",)}
"""The forms of an error inside a stream; OpenAI's own Responses API sends its documented flat event, and the nested one."""
LAST: dict[Api, tuple[str, ...]] = {"messages": ("message_stop",), "responses": ("response.failed",)}
"""The events that may follow an error besides `[DONE]`: those that end a failed stream."""
FLAT = {"type": "error", "code": "server_error", "message": "No.", "param": None, "sequence_number": 1}
BEGUN = {"type": "response.created", "sequence_number": 0, "response": {"id": "resp_1"}}
FAILED = {"type": "response.failed", "sequence_number": 2, "response": {"id": "resp_1", "status": "failed"}}
RESPONSES: dict[str, Any] = {"probe": "responses.hello"}
FIRST = chunk({"role": "assistant", "content": "Hel"})


@rule(
    "ERR014",
    MUST,
    "An error inside a stream has the API's error object",
    spec=STREAMED_ERRORS,
    fix="Send the same error object as for a rejected request, with a non-empty `error.message`.",
    applies_to=_broken_off,
    apis=GENERATIVE,
    good=[
        streamed(FIRST, error("The upstream failed.", "server_error")),
        streamed(BEGUN, FLAT, **RESPONSES),
        streamed(BEGUN, {"type": "error"} | error(), **RESPONSES),
    ],
    bad=[
        streamed(BEGUN, FLAT | {"message": ""}, **RESPONSES),
        streamed(FIRST, FLAT),
        streamed(FIRST, {"error": "upstream failed"}),
        streamed(FIRST, {"error": {"code": 502}}),
        streamed(FIRST, {"type": "error"}),
    ],
)
def malformed_error_in_a_stream(x: Exchange) -> Iterator[Finding]:
    """SDKs raise the text of `error.message`: without it, users see an error without a reason."""
    error = error_response(x)
    if error.kind not in (*FORMS, *OWN_FORMS.get(x.api, ())):
        yield Finding("the error event of the stream has no error object of the API", at=error.at)
    elif not error.message.strip():
        name = "message" if error.kind == "event" else "error.message"
        yield Finding(f"the error event of the stream has no `{name}`", at=error.at)


@rule(
    "ERR015",
    MUST,
    "Only the end of the stream follows an error inside it: its end marker, or response.failed",
    spec=STREAMED_ERRORS,
    fix="End the stream after the error event, with or without its end marker.",
    applies_to=_broken_off,
    apis=GENERATIVE,
    good=[
        streamed(FIRST, error("No.")),
        streamed(FIRST, error("No."), "[DONE]"),
        streamed(BEGUN, FLAT, FAILED, **RESPONSES),
    ],
    bad=[
        streamed(BEGUN, FLAT, FAILED | {"type": "response.completed"}, **RESPONSES),
        streamed(FIRST, error("No."), chunk({"content": "lo"}), chunk(finish="stop"), "[DONE]"),
    ],
)
def stream_that_goes_on_after_an_error(x: Exchange) -> Iterator[Finding]:
    """Every SDK stops reading at the error: later events are paid for and lost."""
    at = error_at(x)
    after = zip(stream(x).dispatched[at + 1 :], payloads(x)[at + 1 :], strict=True) if at is not None else ()
    last = LAST.get(x.api, ())
    late = [event for event, value in after if not event.is_done and as_object(value).get("type") not in last]
    if late:
        yield Finding(f"{len(late)} event(s) follow the error event of the stream", at=span(x, late[0]))
