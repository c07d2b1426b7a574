"""Defects in what the Responses API keeps between requests: stored responses, the background, and compaction."""

from dataclasses import replace

from conformance.testbed.mutations.mutate_chat import defect, with_fields
from conformance.testbed.mutations.mutate_requests import dropping, holds, refusal, rewriting, sent
from conformance.testbed.mutations.mutate_responses import RESPONSES, Body
from conformance.testbed.mutations.mutate_stored import PATH, Storage, keeping, kept, reading, writing
from conformance.testbed.server.deployments import COMPACT, MODEL
from conformance.testbed.server.reply import ModelResponse, Mutation, ServerRequest


def without_summary(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The output of a compaction is the conversation, without a compaction item."""
    if request.path != COMPACT or response.status >= 400:
        return response
    part = {"type": "input_text", "text": "The boats come home."}
    message = {"type": "message", "id": "msg_1", "status": "completed", "role": "user", "content": [part]}
    return replace(response, whole=response.whole | {"output": [message]})


def by_any_model(request: ServerRequest) -> ServerRequest:
    """A compaction without a model is made by the usual one."""
    if request.path != COMPACT or not isinstance(request.json, dict):
        return request
    return replace(request, json={"model": MODEL} | request.json)


def refusing_summaries(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Compaction items are no known items of the input."""
    items = sent(request).get("input")
    kinds = [item.get("type") for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    if request.path != PATH or response.status >= 400 or "compaction" not in kinds:
        return response
    return refusal(400, "Unknown item type 'compaction'.", param="input[0].type")


def keeping_all(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Every response is found by its id, with a text of its own."""
    name = request.path.removeprefix(f"{PATH}/")
    is_id = request.method == "GET" and name.startswith("resp_")
    return ModelResponse(whole=kept(name, "The boats come home.", request)) if is_id else response


def lists_items(request: ServerRequest) -> bool:
    """The input is a list of objects."""
    items = request.json.get("input") if isinstance(request.json, dict) else None
    return isinstance(items, list) and all(isinstance(item, dict) for item in items)


def without_references(body: Body) -> Body:
    """The input without its item references."""
    return body | {"input": [item for item in body["input"] if item.get("type") != "item_reference"]}


COMPACTION = (
    defect("compaction-without-a-summary", "A compaction has no compaction item", "RSP034", without_summary),
    Mutation(
        name="compaction-of-any-model",
        title="A compaction without a model is accepted",
        caught_by="RSP035",
        on_request=by_any_model,
    ),
    defect(
        "compaction-not-taken-back",
        "The output of a compaction is rejected as input",
        "RSP036",
        refusing_summaries,
    ),
)
STORED = (
    Mutation(
        name="stored-turn-forgotten",
        title="`previous_response_id` of a stored response is accepted, and its turn is not in the prompt",
        caught_by="RSP037",
        on_request=reading,
        on_response=writing(Storage(remembers=False)),
    ),
    Mutation(
        name="background-unread",
        title="`background` is silently ignored",
        caught_by="RSP038",
        on_request=dropping("background", "store", where=holds("background", bool), apis=RESPONSES),
    ),
    Mutation(
        name="background-response-lost",
        title="Responses in the background are not found by their ids",
        caught_by="RSP039",
        on_request=reading,
        on_response=writing(Storage(finds=False)),
    ),
    Mutation(
        name="item-references-dropped",
        title="An `item_reference` in the input is silently ignored",
        caught_by="RSP061",
        apis=RESPONSES,
        on_request=rewriting(without_references, lists_items, RESPONSES),
    ),
    defect(
        "stored-output-lost",
        "Stored responses are found without their output",
        "RSP058",
        keeping(with_fields(output=[])),
    ),
    defect("stored-against-consent", "Responses are found by their ids whatever `store` is", "RSP057", keeping_all),
)
