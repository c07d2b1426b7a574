"""Members that a response and its events always have, null or not."""

from collections.abc import Iterator
from typing import Final

from conformance.apis.chat import span_of
from conformance.apis.responses import building, response_states, terminal_event
from conformance.model.exchange import Exchange
from conformance.model.verdict import MAY, Finding
from conformance.parsing.json_values import Object
from conformance.rules.rsp.conditions import finished
from conformance.rules.rsp.example import response, streamed, text
from conformance.rules.rsp.shape import response_rule
from conformance.rules.rsp.spec import OBJECT

OF_RESPONSE: Final = (
    *("error", "incomplete_details", "instructions", "tools", "tool_choice", "parallel_tool_calls"),
    *("metadata", "temperature", "top_p"),
)
"""Members of a response that no other rule demands."""
OF_ITEM: Final = ("output_index", "item")
IN_ITEM: Final = ("item_id", "output_index")
IN_PART: Final = (*IN_ITEM, "content_index")
OF_EVENT: Final[dict[str, tuple[str, ...]]] = {
    "response.output_item.added": OF_ITEM,
    "response.output_item.done": OF_ITEM,
    "response.content_part.added": (*IN_PART, "part"),
    "response.content_part.done": (*IN_PART, "part"),
    "response.output_text.delta": (*IN_PART, "delta"),
    "response.output_text.done": (*IN_PART, "text"),
    "response.refusal.delta": (*IN_PART, "delta"),
    "response.refusal.done": (*IN_PART, "refusal"),
    "response.reasoning_text.delta": (*IN_PART, "delta"),
    "response.reasoning_text.done": (*IN_PART, "text"),
    "response.function_call_arguments.delta": (*IN_ITEM, "delta"),
    "response.function_call_arguments.done": (*IN_ITEM, "arguments"),
}
"""Members of an event by its type, without `logprobs` and a call's `name`, which OpenAI's own events lack."""

NOTHING: Object = {"instructions": None, "tools": [], "tool_choice": "auto", "parallel_tool_calls": True}
COMPLETE: Object = NOTHING | {"temperature": 1.0, "top_p": 1.0}
DELTA = "response.output_text.delta"
SAID = text("Hello")
PLACELESS = [{k: v for k, v in one.items() if k != "content_index" or one["type"] != DELTA} for one in SAID]


@response_rule(
    "RSP026",
    MAY,
    "A response and its events have all members that the API always sends, null included",
    spec=OBJECT,
    fix="Send every member of the response object, null where there is no value, and item_id and indexes in each event.",
    applies_to=finished,
    good=[response(**COMPLETE)],
    bad=[response(), response(**NOTHING), streamed(*PLACELESS)],
)
def members_missing(x: Exchange) -> Iterator[Finding]:
    """Clients with generated types (Go, Rust, Java, C#) reject an object without a member that is always sent."""
    last = response_states(x)[-1]
    if absent := [name for name in OF_RESPONSE if name not in last]:
        yield Finding(f"the response lacks {_listed(absent)}", at=span_of(x, terminal_event(x)))
    for part in building(x) if x.mode == "stream" else ():
        if absent := [name for name in OF_EVENT.get(part.type, ()) if name not in part.value]:
            yield Finding(f"an event {part.type} lacks {_listed(absent)}", at=span_of(x, part.event))


def _listed(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
