"""Tool calls of a message: complete, with a parsable input, and with stop_reason tool_use."""

from collections.abc import Iterator

from conformance.apis.chat import span_of
from conformance.apis.messages import Block, blocks, call_of, is_called_by_code
from conformance.apis.response_content import response_content
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, Finding
from conformance.parsing.json_values import describe_member
from conformance.rules.msg.conditions import finished, has_indexed_blocks
from conformance.rules.msg.example import (
    BY_CODE,
    CALL,
    GOOD,
    START,
    STOP,
    call,
    events,
    message,
    message_delta,
    streamed,
    text,
)
from conformance.rules.msg.shape import message_rule
from conformance.rules.msg.spec import EVENTS, TOOLS
from conformance.rules.shared_checks import (
    arguments_not_object,
    calls_with_reason,
    calls_without_id,
    calls_without_name,
    reason_without_calls,
)

CALLED = message(content=[CALL], stop_reason="tool_use")
STREAMED = streamed(*call('{"city":', ' "Oslo"}'), reason="tool_use")
WITHOUT_INPUT = streamed(*call(), reason="tool_use")
OF_THE_VENDOR = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}


def _calls(x: Exchange) -> list[Block]:
    return [found for found in blocks(x) if found.type == "tool_use"]


@message_rule(
    "MSG015",
    MUST,
    "Every tool_use block has an id, a name and an input object",
    spec=TOOLS,
    fix="Send id, name and an input object in every tool_use block; input is {} in content_block_start.",
    applies_to=has_indexed_blocks,
    good=[CALLED, STREAMED, WITHOUT_INPUT, message(content=[OF_THE_VENDOR])],
    bad=[
        message(content=[CALL | {"id": ""}], stop_reason="tool_use"),
        message(content=[CALL | {"input": "{}"}], stop_reason="tool_use"),
        message(content=[{"type": "tool_use", "id": "t", "name": "f"}], stop_reason="tool_use"),
        streamed(*call("{}", name=None), reason="tool_use"),
        streamed(*call("{}", id=None), reason="tool_use"),
    ],
)
def call_incomplete(x: Exchange) -> Iterator[Finding]:
    """The agent runs a tool by name and sends the result back under the id: without them it runs nothing, or fails."""
    calls = [call_of(block) for block in _calls(x)]
    yield from calls_without_id(x, calls, "id", "tool_use block")
    yield from calls_without_name(x, calls, "tool_use block")
    for found in calls:
        if not isinstance(found.sent.get("input"), dict):
            seen = f"a tool_use block has {describe_member(found.sent, 'input')}"
            yield Finding(seen, at=span_of(x, found.first), expected="an object")


@message_rule(
    "MSG016",
    MUST,
    "The input_json_delta pieces of a tool call form one JSON object",
    spec=EVENTS,
    fix="Send every piece of the input's JSON text once and in order, or none if the input is {}.",
    applies_to=finished,
    modes=("stream",),
    good=[STREAMED, WITHOUT_INPUT, streamed(*call('{"ci'), reason="max_tokens")],
    bad=[
        streamed(*call('{"city'), reason="tool_use"),
        streamed(*call("{}", "{}"), reason="tool_use"),
        streamed(*call('"Oslo"'), reason="tool_use"),
    ],
)
def input_is_not_json(x: Exchange) -> Iterator[Finding]:
    """The SDKs parse the pieces on arrival and raise an error, or run the tool with half of its input."""
    if any(choice.end in ("length", "content_filter", None) for choice in response_content(x).choices):
        return
    calls = (call_of(block) for block in _calls(x) if any(block.added.get("partial_json", ())))
    yield from arguments_not_object(x, calls, "input_json_delta pieces")


@message_rule(
    "MSG017",
    MUST,
    "A message with tool calls of the model has stop_reason tool_use, not end_turn",
    spec=TOOLS,
    fix="Set stop_reason to tool_use if the message contains tool_use blocks.",
    applies_to=finished,
    good=[
        CALLED,
        STREAMED,
        GOOD,
        streamed(*call('{"ci'), reason="max_tokens"),
        message(content=[CALL | {"caller": BY_CODE}]),
    ],
    bad=[
        message(content=[CALL]),
        streamed(*call("{}")),
        message(content=[CALL | {"caller": BY_CODE}, CALL | {"id": "toolu_2", "caller": {"type": "direct"}}]),
    ],
)
def end_turn_in_place_of_tool_use(x: Exchange) -> Iterator[Finding]:
    """Agent loops continue only while stop_reason is tool_use: the run ends, and the tool is never run.

    Exception: the calls of code that runs on the server, which may go on without the client.
    """
    if not all(is_called_by_code(found.start) for found in _calls(x)):
        yield from calls_with_reason(x, "stop_reason", "end_turn")


@message_rule(
    "MSG018",
    MUST,
    "A message with stop_reason tool_use contains tool calls",
    spec=TOOLS,
    fix="Send the call as a tool_use block, or set stop_reason to end_turn if there is only text.",
    applies_to=finished,
    good=[CALLED, STREAMED, GOOD],
    bad=[
        message(stop_reason="tool_use"),
        streamed(reason="tool_use"),
        events(START, *text("Hi"), message_delta("end_turn"), message_delta("tool_use"), STOP),
    ],
)
def tool_use_without_a_call(x: Exchange) -> Iterator[Finding]:
    """The agent finds no tool to run: it sends and pays for another request, or stops without a result."""
    ended = (choice for choice in response_content(x).choices if "tool_use" in choice.finishes)
    yield from reason_without_calls(x, ended, "stop_reason", "tool_use")
