"""Legal variants of what the Responses API keeps between requests."""

from dataclasses import replace

from conformance.testbed.mutations.mutate_chat import variant
from conformance.testbed.mutations.mutate_requests import sent
from conformance.testbed.mutations.mutate_stored import Storage, reading, writing
from conformance.testbed.server.deployments import COMPACT
from conformance.testbed.server.reply import ModelResponse, Mutation, ServerRequest


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
    variant("compaction-not-offered", "/responses/compact gets the web framework's 404", not_offered),
    variant("compaction-with-messages", "A compaction has the user's messages before its summary", with_messages),
)
