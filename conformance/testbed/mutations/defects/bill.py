"""Defects: errors that are billed or cause paid retries."""

from dataclasses import replace

from conformance.testbed.mutations.defects.err import FAILED
from conformance.testbed.mutations.mutate_bytes import defect as written
from conformance.testbed.mutations.mutate_bytes import for_large, streams
from conformance.testbed.mutations.mutate_requests import Body, editing_errors, streaming, with_status
from conformance.testbed.server.reply import Event, ModelResponse, Mutation, OnResponse, ServerRequest

SPENT = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
ROLE: Body = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}


def billing(name: str, title: str, caught_by: str, on_response: OnResponse) -> Mutation:
    """A defect in what an error costs."""
    return Mutation(name=name, title=title, caught_by=caught_by, on_response=on_response)


def with_usage(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
    """An error that reports usage."""
    return replace(response, whole=response.whole | {"usage": SPENT})


def failing_tools(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Streams of tool calls that fail before their first text and report usage."""
    is_call = isinstance(request.json, dict) and request.json.get("tool_choice") == "required"
    if not (is_call and streaming(request) and request.api == "chat" and response.events):
        return response
    return replace(response, events=(response.events[0], Event(data=FAILED | {"usage": SPENT})))


def to_be_retried(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
    """An error with x-should-retry: true."""
    return replace(response, headers=(*response.headers, ("x-should-retry", "true")))


def with_another_try(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
    """As `to_be_retried`, replacing x-should-retry: false."""
    headers = tuple(h for h in response.headers if h[0] != "x-should-retry")
    return replace(response, headers=(*headers, ("x-should-retry", "true")))


COSTS = (
    billing("errors-with-usage", "Error responses report usage", "BILL001", editing_errors(with_usage, 400)),
    billing(
        "failed-stream-with-usage", "A stream that fails before its first text reports usage", "BILL002", failing_tools
    ),
    billing(
        "mistakes-retried",
        "Errors for invalid requests set x-should-retry: true",
        "BILL003",
        editing_errors(to_be_retried, 400),
    ),
    billing("mistakes-as-409", "Invalid requests are rejected with 409", "BILL003", with_status(409, 400)),
)

RETRIES = (
    written(
        "stream-lost-at-its-start",
        "The connection is lost after the first event of a large request's stream",
        "BILL010",
        for_large(streams(lambda reply: replace(reply, pieces=reply.pieces[:1], end="abort"))),
    ),
    Mutation(
        name="refusal-to-be-retried",
        title="The 501 response to streaming sets x-should-retry: true",
        caught_by="BILL011",
        on="stopgap-501",
        on_response=editing_errors(with_another_try, 501),
    ),
)
