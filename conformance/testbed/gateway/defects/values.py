"""Defects in single values of a reply, which a gateway that parses and writes JSON anew changes."""

from typing import Any

from conformance.testbed.gateway.defects.replies import in_message
from conformance.testbed.gateway.events import both, each_event, on_whole
from conformance.testbed.gateway.handling import GatewayChange
from conformance.testbed.gateway.translation.edits import each


def _as_doubles(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _as_doubles(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_as_doubles(item) for item in value]
    return int(float(value)) if type(value) is int else value


_unannotated = each(lambda value: value | {name: [] for name in ("annotations", "logprobs") if name in value})


DEFECTS = (
    GatewayChange(
        name="integers-rounded",
        title="Reads the integers of a non-streaming response as doubles",
        caught_by="GW143",
        handle=on_whole(_as_doubles),
    ),
    GatewayChange(
        name="input-rounded",
        title="Reads the integers of a call's input as doubles",
        caught_by="GW031",
        apis=("messages",),
        handle=on_whole(_as_doubles),
    ),
    GatewayChange(
        name="null-filled",
        title='Writes content "" in place of null',
        caught_by="GW140",
        handle=in_message(lambda message: message | {"content": message["content"] or ""}),
    ),
    GatewayChange(
        name="annotations-emptied",
        title="Empties the annotations and log probabilities of Responses",
        caught_by="GW034",
        apis=("responses",),
        handle=both(each_event(lambda event: [_unannotated(event)]), on_whole(_unannotated)),
    ),
    GatewayChange(
        name="refusal-events-dropped",
        title="Drops the events of a refusal of Responses",
        caught_by="GW034",
        apis=("responses",),
        handle=each_event(lambda event: [] if event.get("type", "").startswith("response.refusal.") else [event]),
    ),
)
