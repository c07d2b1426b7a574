"""Gateways that translate: what becomes of the conversation and its tools on the way to the upstream."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final, NamedTuple

from conformance.apis.conversation import Attached, Called, Entry, Returned, Said, bare, conversation
from conformance.apis.errors import one_line
from conformance.apis.tools import offered
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import CONVERSATIONAL
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import Object
from conformance.rules.gw.conditions import through_gateway
from conformance.rules.gw.lane_conditions import FIX, generations, request_lane
from conformance.rules.gw.lane_example import BY_CHAT, BY_MESSAGES, messages_by_chat

TOOL_USE: Final = "https://platform.claude.com/docs/en/agents-and-tools/tool-use/handle-tool-calls"
MESSAGES_SPEC: Final = "https://platform.claude.com/docs/en/api/messages/create"
CHOICE_SPEC: Final = "https://platform.openai.com/docs/api-reference/chat/create#chat-create-tool_choice"

# Examples: a turn with two parallel calls, as each API writes it

ASK: Object = BY_MESSAGES["messages"][0]
IDS = ("call_1", "call_2")
CITIES = ("Oslo", "Rome")
HISTORY: Object = BY_MESSAGES | {
    "messages": [
        {"role": "user", "content": "What is the weather?"},
        {
            "role": "assistant",
            "content": [
                {"type": "tool_use", "id": name, "name": "f", "input": {"city": city}}
                for name, city in zip(IDS, CITIES, strict=True)
            ],
        },
        {
            "role": "user",
            "content": [
                *({"type": "tool_result", "tool_use_id": name, "content": f"{name} is cold"} for name in IDS),
                {"type": "text", "text": ASK["content"]},
            ],
        },
    ]
}
CALLS: list[Object] = [
    {"id": name, "type": "function", "function": {"name": "f", "arguments": f'{{"city": "{city}"}}'}}
    for name, city in zip(IDS, CITIES, strict=True)
]
RESULTS: list[Object] = [{"role": "tool", "tool_call_id": name, "content": f"{name} is cold"} for name in IDS]
QUESTION: Object = {"role": "user", "content": "What is the weather?"}
SAID: Object = {"role": "assistant", "content": None, "tool_calls": CALLS}


def _chat(*messages: Object, **more: Any) -> Object:
    return BY_CHAT | {"messages": [*messages]} | more


IMAGE: Object = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
SEEING: Object = BY_MESSAGES | {"messages": [{"role": "user", "content": [IMAGE, {"type": "text", "text": "What?"}]}]}
SEEN: Object = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


@rule(
    "GW123",
    MUST,
    "Every text of the conversation arrives at an upstream of another API, in its role and order",
    spec=TOOL_USE,
    fix=FIX.format(what="system text, and every text of each message, also beside tool results,"),
    applies_to=through_gateway(),
    apis=CONVERSATIONAL,
    good=[messages_by_chat(HISTORY, _chat(QUESTION, SAID, *RESULTS, ASK))],
    bad=[
        messages_by_chat(HISTORY, _chat(QUESTION, SAID, *RESULTS)),
        messages_by_chat(BY_MESSAGES | {"system": "Be brief."}, BY_CHAT),
    ],
)
def text_lost_upstream(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The model responds to a request that it did not get, or without the rules of its system text; the user sees a
    confident response to something else.
    """
    arrived = request_lane(x, upstream)
    if not generations(upstream) and 200 <= reply(x).status < 300:
        yield untestable("the gateway responded, but no request with the text's nonce arrived upstream")
    if isinstance(arrived, NotJudged):
        yield arrived
        return
    mine, theirs = _texts(x), _texts(arrived)
    if not mine:
        yield not_applicable("the request has no text")
    everywhere = "".join(text for _, text in theirs)
    lost = [turn for turn in mine if turn.role == "system" and turn.text not in everywhere]
    lost += _out_of_place([turn for turn in mine if turn.role != "system"], _runs(theirs))
    for turn in lost:
        yield Finding(
            f"a text of role {turn.role} did not arrive upstream in its place: ‘{one_line(turn.text, 60)}’ (shown "
            "without spaces)",
            expected="the text, in its role and order",
        )


def _texts(x: Exchange) -> list[Said]:
    """The texts that are not empty, without white space."""
    turns = (entry for entry in conversation(x) if isinstance(entry, Said))
    return [Said(role, text) for role, text in ((entry.role, bare(entry.text)) for entry in turns) if text]


def _runs(texts: Sequence[Said]) -> list[Said]:
    """The texts of users and assistants, with neighbours of one role as one: APIs differ in how they are divided."""
    runs: list[Said] = []
    for role, text in texts:
        if role != "system" and runs and runs[-1].role == role:
            runs[-1] = Said(role, runs[-1].text + text)
        elif role != "system":
            runs.append(Said(role, text))
    return runs


def _out_of_place(texts: Sequence[Said], runs: Sequence[Said]) -> Iterator[Said]:
    """The texts that are not in the runs, or not after those before them."""
    run, offset = 0, 0
    for turn in texts:
        found = (
            (n, place + len(turn.text))
            for n in range(run, len(runs))
            if runs[n].role == turn.role and (place := runs[n].text.find(turn.text, offset if n == run else 0)) >= 0
        )
        if place_found := next(found, None):
            run, offset = place_found
        else:
            yield turn


@rule(
    "GW126",
    MUST,
    "Every call of the history arrives at an upstream of another API, with its result",
    spec=TOOL_USE,
    fix=FIX.format(what="each call and each result, and the ID that links them,"),
    applies_to=through_gateway(),
    apis=CONVERSATIONAL,
    good=[messages_by_chat(HISTORY, _chat(QUESTION, SAID, *RESULTS, ASK))],
    bad=[
        messages_by_chat(HISTORY, _chat(QUESTION, SAID, RESULTS[0], ASK)),
        messages_by_chat(HISTORY, _chat(QUESTION, SAID | {"tool_calls": CALLS[:1]}, RESULTS[0], ASK)),
    ],
)
def call_lost_upstream(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The model calls the tool again and again, or treats one call's result as another's; each turn is paid for."""
    arrived = request_lane(x, upstream)
    if isinstance(arrived, NotJudged):
        yield arrived
        return
    mine, theirs = _history(conversation(x)), _history(conversation(arrived))
    if not (mine.calls or mine.results):
        yield not_applicable("the history has no tool calls")
        return
    at, names = 0, offered(x)
    places: dict[int, int] = {}
    for number, call in enumerate(mine.calls):
        found = next((n for n in range(at, len(theirs.calls)) if _is_call(theirs.calls[n], call, names)), None)
        if found is None:
            yield Finding(f"a call of {one_line(call.name, 64)} did not arrive upstream as it was sent, in its order")
        else:
            places[number], at = found, found + 1
    for linked, text in mine.results:
        found_results = [other for place, other in theirs.results if linked in places and place == places[linked]]
        if linked in places and not any(bare(text) in bare(other) for other in found_results):
            yield Finding(f"the result of a call did not arrive upstream with that call: ‘{one_line(text, 60)}’")


def _is_call(arrived: Called, call: Called, names: Collection[str]) -> bool:
    """Whether it is the same call, whose name the gateway may have changed together with that of the tool."""
    is_renamed = call.name in names and arrived.name not in names
    is_same = arrived.arguments == call.arguments or isinstance(call.arguments, str)  # a text that is not JSON
    return is_same and (arrived.name == call.name or is_renamed)


class _History(NamedTuple):
    """The calls in order, and each result with the number of its call, or -1."""

    calls: list[Called]
    results: list[tuple[int, str]]


def _history(entries: Sequence[Entry]) -> _History:
    found = _History([], [])
    for entry in entries:
        if isinstance(entry, Called):
            found.calls.append(entry)
        elif isinstance(entry, Returned):
            linked = (n for n in reversed(range(len(found.calls))) if found.calls[n].id == entry.id)
            found.results.append((next(linked, -1), entry.text))
    return found


@rule(
    "GW127",
    MUST,
    "Every image, file and audio arrives at an upstream of another API, or the request is rejected",
    spec="https://platform.claude.com/docs/en/build-with-claude/vision",
    fix=FIX.format(what="images, files and audio"),
    applies_to=through_gateway(),
    apis=CONVERSATIONAL,
    good=[messages_by_chat(SEEING, _chat({"role": "user", "content": [SEEN, {"type": "text", "text": "What?"}]}))],
    bad=[messages_by_chat(SEEING, _chat({"role": "user", "content": "What?"}))],
)
def attachment_lost_upstream(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The model describes a picture that it never saw, and the user believes it."""
    arrived = request_lane(x, upstream)
    if isinstance(arrived, NotJudged):
        yield arrived
        return
    mine = [entry for entry in conversation(x) if isinstance(entry, Attached)]
    theirs = [entry for entry in conversation(arrived) if isinstance(entry, Attached)]
    if not mine:
        yield not_applicable("the request has no image, file or audio")
    for entry in mine:
        same = next((other for other in theirs if _is_same(entry, other)), None)
        if same is None:
            yield Finding(f"one {entry.kind} did not arrive upstream", expected=f"the {entry.kind}, or a 4xx")
        else:
            theirs.remove(same)


def _is_same(entry: Attached, other: Attached) -> bool:
    """Whether it is the same content, in whatever kind of part; a gateway may fetch what a URL or an ID names."""
    is_fetched = entry.kind == other.kind and not entry.is_inline and other.is_inline
    return is_fetched or bare(entry.content) == bare(other.content)
