"""Defects: streaming that is not implemented, and errors that do not report it as clients need it."""

from dataclasses import replace
from typing import Any

from conformance.model.target import Policy
from conformance.testbed.mutations.mutate_chat import with_fields
from conformance.testbed.mutations.mutate_requests import (
    as_detail,
    as_events,
    editing_errors,
    labelled,
    refusal,
    rewriting,
    with_body,
    with_error,
    with_status,
)
from conformance.testbed.server.deployments import declares_501
from conformance.testbed.server.reply import ModelResponse, Mutation, OnResponse, OnWire, ServerRequest, WireResponse

PAGE = b"<!doctype html><html><head><title>501 Not Implemented</title></head><body>Not Implemented</body></html>"


def gap(
    name: str, title: str, caught_by: str, on_response: OnResponse | None = None, on_wire: OnWire | None = None
) -> Mutation:
    """A defect of the `stopgap-501` deployment."""
    return Mutation(
        name=name, title=title, caught_by=caught_by, on="stopgap-501", on_response=on_response, on_wire=on_wire
    )


def with_error_fields(**fields: Any) -> OnResponse:
    """The 501 error with other fields in its error object."""
    return with_error(lambda error: error | fields, 501)


def headed(*added: tuple[str, str], without: str = "") -> OnResponse:
    """The 501 response with other headers."""

    def change(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
        return replace(response, headers=(*(h for h in response.headers if h[0] != without), *added))

    return editing_errors(change, 501)


def billed(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
    """The 501 response with the usage of a discarded completion."""
    usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
    return replace(response, whole=response.whole | {"usage": usage})


def also_without_streaming(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """501 for every request that would succeed."""
    if response.status != 200 or not isinstance(request.json, dict):
        return response
    return declares_501(replace(request, json=request.json | {"stream": True}))


def without_type(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The error object without the outer `type` of the Messages API."""
    return replace(response, whole={"error": response.whole["error"]}) if request.api == "messages" else response


def events(reply: WireResponse, _request: ServerRequest) -> WireResponse:
    """The 501 response as an event stream."""
    return as_events(reply) if reply.status == 501 else reply


def failing_with(status: int, *headers: tuple[str, str]) -> OnResponse:
    """Streamed chat tool calls are rejected as unsupported, with that status and these headers."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        forced = request.mode == "stream" and request.json.get("tool_choice") == "required"
        if request.api != "chat" or not forced or response.status != 200:
            return response
        text = "Streaming is not supported with tool_choice. Set stream=false."
        fields = {"param": "stream", "code": "streaming_not_supported", "type": "not_implemented_error"}
        return replace(refusal(status, text, **fields), headers=headers)

    return change


PARTLY = (
    Mutation(
        name="tools-refused-501-retried",
        title="Only streamed tool calls get 501, without x-should-retry",
        caught_by="NYI023",
        on_response=failing_with(501),
    ),
    Mutation(
        name="tools-refused-500",
        title="Only streamed tool calls are rejected, with 500",
        caught_by="NYI023",
        on_response=failing_with(500, ("x-should-retry", "false")),
    ),
)

DEFECTS = (
    Mutation(
        name="streaming-not-offered",
        title="Streaming gets 501 although the policy requires it",
        caught_by="NYI001",
        on="stopgap-501",
        policy=Policy(streaming="required"),
    ),
    gap("refusal-503", "Unsupported streaming gets 503", "NYI002", with_status(503, 501)),
    gap("refusal-500", "Unsupported streaming gets 500", "NYI003", with_status(500, 501)),
    gap("refusal-502", "Unsupported streaming gets 502", "NYI003", with_status(502, 501)),
    gap("refusal-400", "Unsupported streaming gets 400", "NYI004", with_status(400, 501)),
    gap("refusal-as-html", "The 501 response is an HTML page", "NYI005", on_wire=with_body(PAGE, "text/html", 501)),
    gap(
        "refusal-as-text",
        "The 501 response is plain text",
        "NYI006",
        on_wire=with_body(b"Streaming is not supported. Set stream=false.", "text/plain", 501),
    ),
    gap("refusal-empty", "The 501 response has no body", "NYI007", on_wire=with_body(b"", "application/json", 501)),
    gap("refusal-as-events", "The 501 response is an event stream", "NYI008", on_wire=events),
    gap(
        "refusal-as-detail",
        "The 501 response has the web framework's error format",
        "NYI009",
        editing_errors(as_detail, 501),
    ),
    gap("refusal-without-code", "The 501 error has no code", "NYI010", with_error_fields(code=None)),
    gap(
        "refusal-with-another-code",
        "The 501 error has another code than streaming_not_supported",
        "NYI011",
        with_error_fields(code="not_implemented"),
    ),
    gap(
        "refusal-without-words",
        "The 501 error does not say that streaming is not supported",
        "NYI012",
        with_error_fields(message="This mode is unavailable. Set stream=false."),
    ),
    gap(
        "refusal-without-hint",
        "The 501 error does not say what to do instead",
        "NYI013",
        with_error_fields(message="Streaming is not supported by this deployment."),
    ),
    gap("refusal-retried", "The 501 response lacks x-should-retry", "NYI014", headed(without="x-should-retry")),
    gap(
        "refusal-invites-retry",
        "The 501 response sets x-should-retry: true",
        "NYI014",
        headed(("x-should-retry", "true"), without="x-should-retry"),
    ),
    gap(
        "refusal-says-twice",
        'The 501 response sets x-should-retry: false twice, which joins to "false, false"',
        "NYI014",
        headed(("x-should-retry", "false")),
    ),
    gap("refusal-retry-after", "The 501 response has Retry-After", "NYI015", headed(("retry-after", "1"))),
    gap("refusal-with-usage", "The 501 response reports usage", "NYI016", editing_errors(billed, 501)),
    gap("refusal-without-stream", "Non-streaming requests get 501, too", "NYI017", also_without_streaming),
    gap(
        "refusal-after-generation",
        "Streaming is rejected only after generation",
        "NYI018",
        editing_errors(lambda response, _: replace(response, wait_s=0.7), 501),
    ),
    gap(
        "refusal-without-param",
        "The 501 error does not name `stream` in param",
        "NYI019",
        with_error_fields(param=None),
    ),
    gap(
        "refusal-cached",
        "The 501 response is declared cacheable",
        "NYI020",
        headed(("cache-control", "public, max-age=600")),
    ),
    gap(
        "refusal-in-another-envelope",
        "Errors of the Messages API lack the outer `type`",
        "NYI021",
        editing_errors(without_type, 501),
    ),
    gap(
        "refusal-mislabelled",
        "The 501 response has Content-Type: text/plain",
        "NYI022",
        on_wire=labelled("text/plain", 501),
    ),
    gap(
        "refusal-says-false-as-python",
        "The 501 response sets x-should-retry: False, which no client recognizes",
        "NYI014",
        headed(("x-should-retry", "False"), without="x-should-retry"),
    ),
    Mutation(
        name="refusal-of-explicit-false",
        title="`stream: false` gets 501, because the field is present",
        caught_by="NYI017",
        on="stopgap-501",
        on_request=rewriting(with_fields(stream=True), lambda request: request.json.get("stream") is False),
    ),
)
