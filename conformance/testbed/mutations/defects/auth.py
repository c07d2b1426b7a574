"""Defects: API keys that are not checked, or rejected in misleading ways."""

from collections.abc import Callable
from dataclasses import replace

from conformance.testbed.mutations.mutate_requests import (
    Body,
    editing_errors,
    refusal,
    streaming,
    with_error,
    with_status,
)
from conformance.testbed.mutations.mutate_websocket import switching
from conformance.testbed.server.deployments import MODELS, compliant
from conformance.testbed.server.reply import Event, ModelResponse, Mutation, OnResponse, ServerRequest
from conformance.testbed.server.websocket import Speech

COMPLETION: Body = {
    "id": "cmpl-1",
    "object": "text_completion",
    "created": 1_760_000_000,
    "model": "reference",
    "choices": [{"index": 0, "text": "Hello", "logprobs": None, "finish_reason": "length"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}


def locked(name: str, title: str, caught_by: str, on_response: OnResponse) -> Mutation:
    """A defect in authentication."""
    return Mutation(name=name, title=title, caught_by=caught_by, on_response=on_response)


def header(request: ServerRequest, name: str) -> str:
    """The value of a header of the request, or nothing."""
    return next((value for given, value in request.headers if given == name), "")


def let_in(where: Callable[[ServerRequest], object]) -> OnResponse:
    """Respond as if the key were valid, where the condition holds."""
    return lambda response, request: compliant(request) if response.status == 401 and where(request) else response


def carries_none(request: ServerRequest) -> bool:
    """The request has no key."""
    return not (header(request, "authorization") or header(request, "x-api-key"))


def inside_a_stream(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """When streaming, the error is sent inside a 200 stream."""
    return ModelResponse(events=(Event(data=response.whole), Event(data="[DONE]"))) if streaming(request) else response


def with_key(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The error message echoes the key."""
    key = header(request, "authorization") or header(request, "x-api-key")
    error = response.whole["error"]
    return replace(
        response, whole=response.whole | {"error": error | {"message": f"{error['message']} You sent: {key}"}}
    )


def unlocked(path: str) -> OnResponse:
    """A route to the model that needs no key."""
    return lambda response, request: ModelResponse(whole=COMPLETION) if request.path == path else response


def blocked(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """A bot filter that blocks openai-python's headers."""
    is_sdk = header(request, "user-agent").startswith("OpenAI/Python")
    return refusal(502, "Blocked.", type="server_error") if is_sdk and request.api == "chat" else response


def forwarded(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """A response with a header that a gateway forwarded upstream."""
    key = ("x-upstream-authorization", header(request, "authorization"))
    return replace(response, headers=(*response.headers, key)) if response.status == 200 else response


def by_bearer_alone(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Messages accepts bearer tokens only."""
    foreign = request.api == "messages" and not header(request, "authorization")
    return refusal(401, "Authorization header is required", type="authentication_error") if foreign else response


KEYS = (
    locked(
        "any-key-accepted",
        "Any API key is accepted",
        "AUTH001",
        let_in(lambda request: header(request, "authorization")),
    ),
    locked(
        "any-x-api-key-accepted",
        "Any x-api-key is accepted",
        "AUTH001",
        let_in(lambda request: header(request, "x-api-key")),
    ),
    locked("streams-unlocked", "Streaming requests need no API key", "AUTH002", let_in(streaming)),
    locked(
        "key-refused-inside-stream",
        "With streaming, an invalid key is rejected inside a 200 stream",
        "AUTH002",
        editing_errors(inside_a_stream, 401),
    ),
    locked("wrong-key-as-500", "An invalid key gets 500", "AUTH003", with_status(500, 401)),
    locked("wrong-key-as-400", "An invalid key gets 400", "AUTH004", with_status(400, 401)),
    locked(
        "no-challenge",
        "401 responses lack WWW-Authenticate",
        "AUTH005",
        editing_errors(lambda response, _: replace(response, headers=()), 401),
    ),
    locked(
        "wrong-key-echoed", "The 401 error message echoes the invalid key", "AUTH006", editing_errors(with_key, 401)
    ),
    locked(
        "models-unlocked", "GET /models needs no API key", "AUTH007", let_in(lambda request: request.path == MODELS)
    ),
    locked(
        "completions-unlocked", "The legacy /completions route needs no API key", "AUTH008", unlocked("/v1/completions")
    ),
    locked("root-unlocked", "A generation route outside /v1 needs no API key", "AUTH008", unlocked("/invocations")),
    locked(
        "messages-unlocked",
        "The Messages API needs no API key",
        "AUTH008",
        let_in(lambda request: request.api == "messages"),
    ),
    Mutation(
        name="websocket-unlocked",
        title="Responses over WebSocket need no API key",
        caught_by="AUTH008",
        apis=("responses",),
        on_wire=switching(Speech(), needs_key=False),
    ),
    locked("sdk-blocked", "Requests with an SDK's headers are rejected", "AUTH009", blocked),
    locked("missing-key-accepted", "Requests without an API key are accepted", "AUTH010", let_in(carries_none)),
    locked("key-never-checked", "An API key is issued, and none is checked", "AUTH012", let_in(bool)),
    locked(
        "key-refused-by-text",
        "An invalid key is rejected without the API's error object",
        "ERR007",
        editing_errors(lambda response, _: replace(response, whole={"error": "Unauthorized"}), 401),
    ),
    locked(
        "key-refused-without-message",
        "The error for an invalid key has an empty message",
        "ERR007",
        with_error(lambda error: error | {"message": ""}, 401),
    ),
    locked("key-in-a-header", "A response header echoes the API key", "ERR019", forwarded),
)
ON_MESSAGES = (locked("x-api-key-refused", "The Messages API rejects x-api-key", "AUTH011", by_bearer_alone),)
