"""Gateways that translate: what becomes of the upstream's response on the way to the client."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from conformance.apis.content import Choice, ToolCall
from conformance.apis.conversation import bare
from conformance.apis.errors import one_line
from conformance.apis.response_content import response_content
from conformance.apis.tools import offered
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.target import Policy
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable
from conformance.model.words import CONVERSATIONAL
from conformance.parsing.json_text import NOT_JSON, parse_json
from conformance.parsing.json_values import Object
from conformance.rules.example import completion
from conformance.rules.gw.conditions import through_gateway
from conformance.rules.gw.lane_conditions import reply_lane
from conformance.rules.gw.lane_example import chat_by_messages, messages_by_chat
from conformance.rules.gw.lane_tools import OFFERING, offered_in_chat
from conformance.rules.msg.example import BASELINE_RESPONSE as MESSAGE

STOP_REASONS: Final = "https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons"
COMPLETION: Final = "https://platform.openai.com/docs/api-reference/chat/object"

USES: list[Object] = [
    {"type": "tool_use", "id": f"toolu_{city}", "name": "f", "input": {"city": city}} for city in ("Oslo", "Rome")
]
CALLS: list[Object] = [
    {"id": f"call_{city}", "type": "function", "function": {"name": "f", "arguments": f'{{"city": "{city}"}}'}}
    for city in ("Oslo", "Rome")
]
OFFERED = offered_in_chat({"type": "object", "properties": {"city": {}}})
CALLED = completion({"content": None, "tool_calls": CALLS}, "tool_calls")
USED: Object = MESSAGE | {"content": USES, "stop_reason": "tool_use"}


def choices(x: Exchange, upstream: tuple[Exchange, ...]) -> tuple[Choice, Choice] | NotJudged:
    """The client's choice, and that of an upstream of another API; else why they can't be compared."""
    answered = reply_lane(x, upstream)
    if isinstance(answered, NotJudged):
        return answered
    mine, theirs = response_content(x).choices[0], response_content(answered).choices[0]
    return mine, _without_own_calls(theirs, mine, frozenset(offered(x)))


def _without_own_calls(theirs: Choice, mine: Choice, tools: frozenset[str]) -> Choice:
    """The upstream's choice without calls of a tool that the gateway offered itself, to get JSON.

    The client gets the arguments of such a call as its text.
    """
    own = [call for call in theirs.calls if call.name not in tools]
    if not own or len(mine.calls) + len(own) != len(theirs.calls):
        return theirs
    has_arguments = isinstance(parse_json(mine.text.encode("utf-8", "replace")), dict)
    calls = tuple(call for call in theirs.calls if call.name in tools)
    text = (mine.text if has_arguments else own[0].arguments,)
    return replace(theirs, calls=calls, pieces=text, finishes=theirs.finishes if calls else ("stop",))


@rule(
    "GW131",
    MUST,
    "The text of an upstream of another API arrives at the client",
    spec=COMPLETION,
    fix="Carry every text, and every refusal, of the upstream's response over, unchanged and in order, in both modes.",
    applies_to=through_gateway(),
    apis=CONVERSATIONAL,
    good=[messages_by_chat()],
    bad=[messages_by_chat(client=MESSAGE | {"content": [{"type": "text", "text": "Hello"}]})],
)
def text_lost(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The user pays for a text that is not shown, or reads one with a piece missing."""
    found = choices(x, upstream)
    if isinstance(found, NotJudged):
        yield found
        return
    mine, theirs = (choice.text + choice.refusal for choice in found)
    is_spaced = bare(mine) == bare(theirs) and len(mine) >= len(theirs)  # parts may be set apart where they are joined
    if mine.strip() != theirs.strip() and not is_spaced:
        yield Finding(
            f"the upstream sent {len(theirs)} characters of text, and {len(mine)} others arrived: "
            f"‘{one_line(mine, 60)}’",
            expected=f"‘{one_line(theirs, 60)}’",
        )


@rule(
    "GW132",
    MUST,
    "The tool calls of an upstream of another API arrive at the client: names, arguments and order",
    spec=COMPLETION,
    fix="Carry each call over as one call with an ID of its own, its name and its arguments; number parallel calls from 0.",
    applies_to=through_gateway(),
    apis=CONVERSATIONAL,
    good=[
        messages_by_chat(OFFERING, OFFERED, client=USED, upstream=CALLED),
        chat_by_messages(OFFERED, OFFERING, client=CALLED, upstream=USED),
    ],
    bad=[
        messages_by_chat(OFFERING, OFFERED, client=USED | {"content": USES[:1]}, upstream=CALLED),
        chat_by_messages(OFFERED, OFFERING, client=completion({"content": ""}), upstream=USED),
        messages_by_chat(
            OFFERING, OFFERED, client=USED | {"content": [USES[0], USES[1] | {"input": {}}]}, upstream=CALLED
        ),
    ],
)
def call_lost(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The agent does nothing, or runs a tool with the arguments of two calls run together."""
    found = choices(x, upstream)
    if isinstance(found, NotJudged):
        yield found
        return
    mine, theirs = (choice.calls for choice in found)
    if not (mine or theirs):
        yield not_applicable("neither side has tool calls")
    if len(mine) != len(theirs):
        yield Finding(f"the upstream made {len(theirs)} calls, and {len(mine)} arrived", expected=_listed(theirs))
    for call, other in zip(mine, theirs, strict=False):
        if call.name != other.name and not (call.name in offered(x) and other.name not in offered(x)):  # or renamed
            yield Finding(f"a call of {one_line(other.name, 64)} arrived as one of {one_line(call.name, 64)}")
        elif _arguments(call) != _arguments(other):
            yield Finding(
                f"the arguments of a call of {one_line(call.name, 64)} are {one_line(call.arguments, 60) or 'empty'}",
                expected=one_line(other.arguments, 60),
            )
    if len({call.id for call in mine}) < len(mine):
        yield Finding("two calls have the same ID, so that their results can't be distinguished")


def _listed(calls: tuple[ToolCall, ...]) -> str:
    return ", ".join(one_line(call.name, 64) for call in calls[:5]) or "no call"


def _arguments(call: ToolCall) -> Any:
    """The arguments as a value; no arguments are an empty object, and what is not JSON is compared as a text."""
    value = parse_json(call.arguments.encode("utf-8", "replace")) if call.arguments.strip() else {}
    return bare(call.arguments) if value is NOT_JSON else value


@rule(
    "GW133",
    MUST,
    "A response ends for the client as it did for an upstream of another API",
    spec=STOP_REASONS,
    fix="Map each ending: stop, end_turn and completed; length, max_tokens and incomplete (max_output_tokens); tool_calls "
    "and tool_use; content_filter, refusal and incomplete (content_filter), in both modes.",
    applies_to=through_gateway(),
    apis=CONVERSATIONAL,
    good=[
        messages_by_chat(client=MESSAGE | {"stop_reason": "max_tokens"}, upstream=completion(finish="length")),
        chat_by_messages(OFFERED, OFFERING, client=CALLED, upstream=USED),
    ],
    bad=[
        messages_by_chat(upstream=completion(finish="length")),
        messages_by_chat(upstream=completion(finish="content_filter")),
        chat_by_messages(
            OFFERED, OFFERING, client=completion({"content": None, "tool_calls": CALLS}, "stop"), upstream=USED
        ),
    ],
)
def ending_changed(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """A cut response is treated as a complete one, half a file is written, a filtered response looks finished, and calls that
    end with stop are not run.
    """
    found = choices(x, upstream)
    if isinstance(found, NotJudged):
        yield found
        return
    mine, theirs = found
    if theirs.end is None:
        yield not_applicable("the upstream gave no reason to end that every API has")
    elif mine.end not in _endings(mine, theirs):
        yield Finding(
            f"the upstream ended with {one_line(theirs.finish, 40)}, and the client gets "
            f"{one_line(mine.finish, 40) or 'nothing'}",
            expected=f"the counterpart of {one_line(theirs.finish, 40)}",
        )


def _endings(mine: Choice, theirs: Choice) -> set[str | None]:
    """The endings that say what the upstream's does."""
    ends: set[str | None] = {theirs.end}
    if theirs.calls and theirs.end == "stop":
        ends.add("tool_calls")  # the upstream's own mistake, mended
    if theirs.refusal and theirs.end == "stop":
        ends.add("content_filter")  # Messages has no refusal but this
    if mine.refusal and theirs.end == "content_filter":
        ends.add("stop")
    return ends


@rule(
    "GW138",
    SHOULD,
    "The reasoning of an upstream of another API arrives at the client",
    spec="https://platform.claude.com/docs/en/build-with-claude/extended-thinking",
    fix="Carry reasoning over: reasoning_content or reasoning of chat upstreams, thinking blocks of Messages, reasoning "
    "items of Responses; if it is hidden on purpose, say so (gateway.hides_reasoning).",
    applies_to=through_gateway(),
    apis=CONVERSATIONAL,
    good=[
        messages_by_chat(
            client=MESSAGE
            | {"content": [{"type": "thinking", "thinking": "Hm.", "signature": ""}, *MESSAGE["content"]]},
            upstream=completion({"reasoning": "Hm."}),
        )
    ],
    bad=[messages_by_chat(upstream=completion({"reasoning": "Hm."}))],
)
def reasoning_lost(x: Exchange, upstream: tuple[Exchange, ...], policy: Policy) -> Iterator[Finding | NotJudged]:
    """The user waits for a minute, pays for the tokens, and sees nothing of what was thought."""
    found = choices(x, upstream)
    if isinstance(found, NotJudged):
        yield found
        return
    mine, theirs = (bare(choice.reasoning) for choice in found)
    if not theirs:
        yield not_applicable("the upstream shows no reasoning")
    elif theirs not in mine and not policy.gateway.hides_reasoning:
        yield Finding(f"the upstream sent {len(theirs)} characters of reasoning, and {len(mine)} arrived")
