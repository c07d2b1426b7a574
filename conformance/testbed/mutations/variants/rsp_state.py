"""Legal variants of what the Responses API keeps between requests."""

from dataclasses import replace

from conformance.testbed.mutations.mutate_chat import in_turn, variant
from conformance.testbed.mutations.mutate_requests import sent
from conformance.testbed.mutations.mutate_stored import PATH, Storage, keeping, reading, writing
from conformance.testbed.server.deployments import COMPACT
from conformance.testbed.server.reply import ModelResponse, Mutation, ServerRequest, WireResponse, Write
from conformance.testbed.server.responses import usage_of


def not_offered(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The web framework's own 404."""
    return ModelResponse(status=404, whole={"detail": "Not Found"}) if request.path == COMPACT else response


def with_messages(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The user's messages, as sent, precede the summary of the rest."""
    items = sent(request).get("input")
    if request.path != COMPACT or response.status >= 400 or not isinstance(items, list):
        return response
    kept = [
        {
            "type": "message",
            "id": f"msg_{number}",
            "status": "completed",
            "role": "user",
            "content": [{"type": "input_text", "text": item["content"]}],
        }
        for number, item in enumerate(items)
        if item.get("role") == "user" and isinstance(item["content"], str)
    ]
    return replace(response, whole=response.whole | {"output": [*kept, *response.whole["output"]]})


def failing(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """A response that is found by its id has failed, after some tokens."""
    if request.method != "GET" or request.path == PATH or response.status >= 400 or request.api != "responses":
        return response
    error = {"code": "server_error", "message": "The model failed."}
    return replace(response, whole=response.whole | {"status": "failed", "error": error, "usage": usage_of(9, 5)})


def with_page(reply: WireResponse, request: ServerRequest) -> WireResponse:
    """A web application at the paths of stored responses."""
    if request.method != "GET" or not request.path.startswith(f"{PATH}/"):
        return reply
    page = (Write(data=b"<!doctype html><title>Chat</title>"),)
    return replace(reply, status=200, headers=(("content-type", "text/html"),), pieces=page)


VARIANTS = (
    Mutation(
        name="responses-stored",
        title="Responses are stored on request, continued by their id, and generated in the background",
        on_request=reading,
        on_response=writing(Storage()),
    ),
    Mutation(
        name="background-at-once",
        title="A response in the background is complete when its request returns",
        on_request=reading,
        on_response=writing(Storage(waits=False)),
    ),
    Mutation(
        name="background-response-failed",
        title="A response in the background has failed by the time it is fetched",
        on_request=reading,
        on_response=in_turn(writing(Storage()), failing),
    ),
    variant(
        "responses-found", "Responses are stored unless the request says otherwise, and found by their ids", keeping()
    ),
    Mutation(
        name="response-ids-get-a-page",
        title="A web application is served at the paths of stored responses",
        on_wire=with_page,
    ),
    variant("compaction-not-offered", "/responses/compact gets the web framework's 404", not_offered),
    variant("compaction-with-messages", "A compaction has the user's messages before its summary", with_messages),
)
