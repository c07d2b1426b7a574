"""Defects in output items that are told several times: in their events, when they are done, and in the output."""

from conformance.testbed.mutations.mutate_chat import Edit, defect, with_fields
from conformance.testbed.mutations.mutate_messages import within
from conformance.testbed.mutations.mutate_requests import allows_some, rewriting
from conformance.testbed.mutations.mutate_responses import ENDS, RESPONSES, Body, each_of, each_state, without
from conformance.testbed.server.reply import Mutation, OnResponse

ADDED, DONE = "response.output_item.added", "response.output_item.done"


def in_item(edit: Edit, kind: str, event: str) -> OnResponse:
    """Edit the items of a type in these events."""
    return each_of(within("item", lambda item: edit(item) if item["type"] == kind else item), event)


def in_output(edit: Edit) -> OnResponse:
    """Edit the items in the output of a stream's last event."""

    def edited(response: Body) -> Body:
        return response | {"output": [edit(item) for item in response["output"]]}

    return each_state(edited, *ENDS)


def made_anew(name: str) -> Edit:
    """Another id in this field of an item, if it has one."""
    return lambda item: item | {name: f"{item[name]}0"} if name in item else item


DEFECTS = (
    Mutation(
        name="allowed-tools-ignored",
        title="A tool_choice that allows some tools is treated as `auto`",
        caught_by="RSP060",
        on_request=rewriting(with_fields(tool_choice="auto"), allows_some, RESPONSES),
    ),
    defect(
        "message-empty-when-done",
        "The message in response.output_item.done has no content",
        "RSP013",
        in_item(with_fields(content=[]), "message", DONE),
    ),
    defect(
        "call-empty-when-done",
        "The call in response.output_item.done has no arguments",
        "RSP013",
        in_item(with_fields(arguments=""), "function_call", DONE),
    ),
    defect(
        "deltas-without-done",
        "response.output_text.done and response.function_call_arguments.done are missing",
        "RSP029",
        without("response.output_text.done", "response.function_call_arguments.done"),
    ),
    defect(
        "part-empty-when-done",
        "The part in response.content_part.done has no text",
        "RSP029",
        each_of(within("part", with_fields(text="")), "response.content_part.done"),
    ),
    defect(
        "item-ids-made-anew",
        "The items in the output of the last event have other ids than before",
        "RSP015",
        in_output(made_anew("id")),
    ),
    defect(
        "call-ids-made-anew",
        "The calls in the output of the last event have other call_ids than before",
        "RSP059",
        in_output(made_anew("call_id")),
    ),
    defect(
        "call-added-without-name",
        "The call in response.output_item.added has no name yet",
        "RSP059",
        in_item(with_fields(name=""), "function_call", ADDED),
    ),
)
