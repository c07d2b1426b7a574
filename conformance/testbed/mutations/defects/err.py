"""Defects: errors that a client can't act on, and invalid requests that are not rejected."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.testbed.mutations.mutate_requests import (
    Body,
    as_detail,
    as_events,
    editing_errors,
    labelled,
    refusal,
    rewriting,
    streaming,
    with_body,
    with_error,
    with_status,
)
from conformance.testbed.server.deployments import MODEL
from conformance.testbed.server.reply import (
    Event,
    ModelResponse,
    Mutation,
    OnResponse,
    OnWire,
    ServerRequest,
    WireResponse,
)

MISTAKES = (400, 404)
NO_ROUTE = "/v1/no-such-route"
BASELINE_BODY: Body = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}
PAGE = b"<!doctype html><html><body><h1>Bad Request</h1></body></html>"
FAILED = {"error": {"message": "The upstream failed.", "type": "server_error", "param": None, "code": None}}
TRACE = 'Traceback (most recent call last):\n  File "/srv/api/chat.py", line 88, in create\nKeyError: 0'
LONG = 30
"""Events of a stream: more than a baseline response has."""
BIG = 20_000
"""Bytes of a body: more than a baseline request has, less than an agent with its tools sends."""


def wrong(
    name: str, title: str, caught_by: str, on_response: OnResponse | None = None, on_wire: OnWire | None = None
) -> Mutation:
    """A defect in error responses."""
    return Mutation(name=name, title=title, caught_by=caught_by, on_response=on_response, on_wire=on_wire)


def error(**fields: Any) -> OnResponse:
    """Errors with other fields in their error object."""
    return with_error(lambda value: value | fields, *MISTAKES)


def untyped(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """An error of Messages in the form of the other APIs."""
    if request.api != "messages":
        return response
    return replace(response, whole={"error": {"param": None, "code": None} | response.whole["error"]})


def routes(status: int, other: ModelResponse) -> OnResponse:
    """Another response instead of the error with that status on a path outside every API."""
    return lambda response, request: other if response.status == status and request.api is None else response


def read_anyway(request: ServerRequest) -> ServerRequest:
    """Invalid JSON is read as a baseline request."""
    return replace(request, json=BASELINE_BODY) if request.json is None and request.method == "POST" else request


def crash_if(condition: Callable[[ServerRequest], object]) -> OnResponse:
    """500 instead of a normal response, where the condition holds."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        return refusal(500, "Internal error.", type="server_error") if condition(request) else response

    return change


def sets_logprobs(request: ServerRequest) -> bool:
    """The request sets logprobs and top_logprobs."""
    return (
        isinstance(request.json, dict)
        and request.json.get("logprobs") is True
        and bool(request.json.get("top_logprobs"))
    )


def is_longer(response: ModelResponse, than: int, request: ServerRequest) -> bool:
    """A chat stream of more than `than` events."""
    return request.api == "chat" and len(response.events or ()) > than


def breaking(*events: Any, than: int = LONG) -> OnResponse:
    """Streams of more than `than` events that end after their first text with these events."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        if not is_longer(response, than, request):
            return response
        return replace(response, events=(*(response.events or ())[:2], *(Event(data=data) for data in events)))

    return change


def failing_late(condition: Callable[[ServerRequest], object]) -> OnResponse:
    """Chat streams that end in an error after their first chunk, where the condition holds."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        if not (is_longer(response, 1, request) and isinstance(request.json, dict) and condition(request)):
            return response
        return replace(response, events=(*(response.events or ())[:1], Event(data=FAILED)))

    return change


def going_on(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """A long stream with an error in the middle, after which it continues."""
    events = response.events or ()
    if not is_longer(response, LONG, request):
        return response
    return replace(response, events=(*events[:2], Event(data=FAILED), *events[2:]))


def inside_a_stream(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """An error with status 200, as the first event of a stream."""
    if not streaming(request):
        return response
    return ModelResponse(events=(Event(data=response.whole), Event(data="[DONE]")), headers=response.headers)


def with_key(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """An error that echoes the key."""
    key = next((value for name, value in request.headers if name in ("authorization", "x-api-key")), "")
    error = response.whole["error"]
    return replace(
        response, whole=response.whole | {"error": error | {"message": f"{error['message']} (sent by {key})"}}
    )


def with_input(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """An error that echoes the request."""
    return replace(response, whole=response.whole | {"input": request.json})


def quoting_input(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """An error of Responses that quotes the request's input."""
    given = request.json.get("input") if isinstance(request.json, dict) else None
    if request.api != "responses" or response.status != 400 or not given:
        return response
    error = response.whole["error"]
    return replace(response, whole={"error": error | {"message": f"{error['message']} Input: {json.dumps(given)}"}})


def listing_models(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """An error for an unknown model with 200 KB of other models' names."""
    if response.status != 404 or request.api is None:
        return response
    error = response.whole["error"]
    names = ", ".join(f"model-{number}" for number in range(16_000))
    return replace(
        response, whole=response.whole | {"error": error | {"message": f"{error['message']} Known: {names}"}}
    )


def as_repr(value: Body) -> Body:
    """The error object with its own fields, as Python prints them, for a message."""
    return value | {"message": repr([{"loc": ("body", value.get("param")), "msg": value["message"]}])}


def without_allow(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
    """405 without the Allow header."""
    return replace(response, headers=tuple(h for h in response.headers if h[0] != "allow"))


def events(reply: WireResponse, _request: ServerRequest) -> WireResponse:
    """An error as an event stream."""
    return as_events(reply) if reply.status == 400 else reply


ANSWERED = (
    Mutation(
        name="bad-json-answered", title="A truncated JSON body gets 200", caught_by="ERR001", on_request=read_anyway
    ),
    wrong(
        "unknown-route-answered",
        "An unknown path gets 200",
        "ERR001",
        routes(404, ModelResponse(whole={"status": "ok"})),
    ),
    wrong(
        "mistakes-acknowledged",
        "Invalid requests get 200 with a status object",
        "ERR001",
        editing_errors(lambda _response, _request: ModelResponse(whole={"status": "accepted", "usage": {}}), 400),
    ),
    Mutation(
        name="unknown-model-answered",
        title="Any model name is accepted",
        caught_by="ERR002",
        on_request=rewriting(
            lambda body: body | {"model": MODEL}, lambda request: isinstance(request.json.get("model"), str)
        ),
    ),
    wrong("mistakes-as-500", "Invalid requests get 500", "ERR003", with_status(500, 400)),
    wrong(
        "tools-fail-inside-stream",
        "With streaming, tool calls fail inside a 200 stream",
        "ERR004",
        failing_late(lambda request: request.json.get("tool_choice") == "required"),
    ),
    wrong("logprobs-crash", "top_logprobs causes a 500", "ERR004", crash_if(sets_logprobs)),
)

SHAPES = (
    wrong("errors-as-html", "Errors are HTML pages", "ERR005", on_wire=with_body(PAGE, "text/html", 400)),
    wrong("errors-as-text", "Errors are plain text", "ERR005", on_wire=with_body(b"Bad Request", "text/plain", 400)),
    wrong("errors-empty", "Errors have no body", "ERR005", on_wire=with_body(b"", "application/json", 400)),
    wrong("errors-as-events", "Errors are event streams", "ERR005", on_wire=events),
    wrong(
        "errors-as-detail",
        'Errors have the form {"detail": ...} of a web framework',
        "ERR006",
        editing_errors(as_detail, 400),
    ),
    wrong(
        "errors-in-an-array",
        "Errors are JSON arrays",
        "ERR006",
        editing_errors(lambda response, _: replace(response, whole=[response.whole]), 400),
    ),
    wrong(
        "errors-as-bare-text",
        "`error` is a string, not an object",
        "ERR006",
        editing_errors(lambda response, _: replace(response, whole={"error": response.whole["error"]["message"]}), 400),
    ),
    wrong(
        "all-errors-in-an-array",
        "Errors are JSON arrays, also those for the API key and the path",
        "ERR006",
        lambda response, _: replace(response, whole=[response.whole]) if response.status >= 400 else response,
    ),
    wrong(
        "errors-as-detail-text",
        'Errors have the form {"detail": "..."} of a web framework',
        "ERR006",
        editing_errors(
            lambda response, _: replace(response, whole={"detail": response.whole["error"]["message"]}), 400
        ),
    ),
    wrong(
        "errors-at-the-top",
        'Errors have the form {"message": "..."}',
        "ERR006",
        editing_errors(
            lambda response, _: replace(response, whole={"message": response.whole["error"]["message"]}), 400
        ),
    ),
    wrong(
        "route-errors-as-detail",
        "Unknown paths get the web framework's error format",
        "ERR007",
        routes(404, ModelResponse(status=404, whole={"detail": "Not Found"})),
    ),
    wrong("errors-without-message", "Errors have an empty message", "ERR008", error(message="")),
    wrong("errors-without-type", "Errors have no type", "ERR009", error(type=None)),
    wrong(
        "message-errors-untyped",
        "Errors of Messages have no type beside their error object",
        "ERR010",
        editing_errors(untyped, *MISTAKES),
    ),
    wrong("integer-codes", "`code` is the integer HTTP status", "ERR010", error(code=400)),
    wrong("none-as-word", '`param` is the string "None" instead of null', "ERR011", error(param="None")),
    wrong("errors-mislabelled", "Errors have Content-Type: text/plain", "ERR012", on_wire=labelled("text/plain", 400)),
    wrong("errors-as-200", "Errors have status 200", "ERR013", with_status(200, 400)),
)

STREAMS = (
    wrong(
        "stream-error-as-text",
        "An error inside a stream is a string, not an error object",
        "ERR014",
        breaking({"error": "It failed."}),
    ),
    wrong(
        "stream-error-without-message",
        "An error inside a stream has no message",
        "ERR014",
        breaking({"error": {"code": 5}}),
    ),
    wrong("stream-after-error", "A stream continues after an error", "ERR015", going_on),
    wrong(
        "refusal-inside-stream",
        "With streaming, invalid requests are rejected inside a 200 stream",
        "ERR016",
        editing_errors(inside_a_stream, 400),
    ),
    wrong(
        "status-by-mode",
        "Invalid requests get another status when streaming",
        "ERR017",
        lambda response, request: (
            replace(response, status=422) if response.status == 400 and streaming(request) else response
        ),
    ),
)

LEAKS = (
    wrong("traceback", "Errors contain a traceback", "ERR018", error(message=TRACE)),
    wrong("key-echoed", "Errors echo the API key", "ERR019", editing_errors(with_key, 400)),
    wrong("input-echoed", "Errors echo the request", "ERR020", editing_errors(with_input, 400)),
    wrong("input-echoed-by-responses", "Errors of Responses quote the input", "ERR020", quoting_input),
    wrong("errors-of-megabytes", "The error for an unknown model lists all models ever made", "ERR033", listing_models),
    wrong(
        "errors-as-repr",
        "Error messages are Python's notation of a list of validation errors",
        "ERR034",
        with_error(as_repr, 400),
    ),
    wrong("no-allow", "405 responses lack the Allow header", "ERR021", editing_errors(without_allow, 405)),
    wrong(
        "big-greeting-crash",
        "A baseline request with an agent's tools gets 500",
        "ERR022",
        crash_if(lambda request: len(request.body) > BIG),
    ),
    wrong(
        "streams-overloaded",
        "Every streaming request gets 503",
        "ERR022",
        lambda response, request: (
            replace(refusal(503, "Overloaded.", type="overloaded_error"), headers=(("retry-after", "1"),))
            if streaming(request) and response.status == 200
            else response
        ),
    ),
    wrong(
        "streams-crash",
        "Every streaming request gets 500, and the error mentions the stream",
        "ERR022",
        lambda response, request: (
            refusal(500, "The stream from the upstream failed while streaming.", type="server_error")
            if streaming(request) and response.status == 200
            else response
        ),
    ),
    wrong(
        "messages-not-implemented",
        "Every request to the Messages API gets 501",
        "ERR022",
        lambda response, request: refusal(501, "Not implemented.") if request.api == "messages" else response,
    ),
    Mutation(
        name="more-required",
        title="Embeddings require a field that the API does not have",
        caught_by="ERR022",
        apis=("embeddings",),
        on_response=lambda response, request: (
            refusal(400, "'input_type' is required.")
            if request.api == "embeddings" and response.status == 200
            else response
        ),
    ),
    wrong(
        "streams-locked",
        "Every streaming request gets 403, though the key is valid",
        "ERR023",
        lambda response, request: (
            refusal(403, "Forbidden.") if streaming(request) and response.status == 200 else response
        ),
    ),
    wrong("status-600", "Invalid requests get status 600, which HTTP does not have", "ERR024", with_status(600, 400)),
    wrong("stream-fails-at-once", "Every stream starts with an error", "ERR022", breaking(FAILED, "[DONE]", than=0)),
)
