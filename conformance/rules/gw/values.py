"""Single values of a response arrive at the client as they were: null stays null, and integers keep their digits."""

from collections.abc import Iterator
from typing import Any, Final

from conformance.apis import chat
from conformance.apis.forwarding.differences import Difference, differences, quoted
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable
from conformance.model.words import APIS
from conformance.parsing.http1 import reply
from conformance.parsing.json_body import json_body
from conformance.parsing.json_exact import Number, parse_exact
from conformance.rules.example import completion
from conformance.rules.gw.answers import OTHER_API, passed_on
from conformance.rules.gw.conditions import through_gateway
from conformance.rules.gw.content import OBJECT, USUAL, calling, relayed
from conformance.rules.gw.lane_example import chat_by_messages
from conformance.rules.gw.lane_replies import CALLED, CALLS, OFFERED, USED, choices
from conformance.rules.gw.lane_tools import OFFERING

JSON_NUMBERS: Final = "https://www.rfc-editor.org/rfc/rfc8259#section-6"
EXACT: Final = 2**53
"""Up to here a double holds every integer."""
CALL_INPUT: Final = "input"
"""The member of a call in which Messages has its arguments, which another rule compares (GW031)."""
ODD: Final = EXACT + 1


@rule(
    "GW140",
    SHOULD,
    "A message without text has the content null",
    spec=OBJECT,
    fix="Write `content: null` where the upstream's response has no text; null, absent and empty differ.",
    applies_to=through_gateway(),
    apis=("chat",),
    modes=("unary",),
    good=[
        chat_by_messages(OFFERED, OFFERING, client=CALLED, upstream=USED),
        relayed(calling("{}"), calling("{}")),
    ],
    bad=[
        chat_by_messages(
            OFFERED, OFFERING, client=completion({"content": "", "tool_calls": CALLS}, "tool_calls"), upstream=USED
        ),
        relayed(completion({"content": None, "refusal": "No."}), completion({"content": "", "refusal": "No."})),
    ],
)
def null_content_filled(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """Agents that ask whether there is a text show an empty message, or send an empty text back, which is refused."""
    silent = _without_text(x, upstream)
    if isinstance(silent, NotJudged):
        yield silent
        return
    if not silent:
        yield not_applicable("each message of the upstream's response has a text")
    for index, content in _contents(x).items():
        if index in silent and content == "":
            yield Finding('the content of the message is "", and the upstream sent none', expected="null")


def _without_text(x: Exchange, upstream: tuple[Exchange, ...]) -> frozenset[int] | NotJudged:
    """The choices whose content is null upstream; where it has another API, those that only call tools."""
    sent = passed_on(x, upstream)
    if isinstance(sent, Exchange):
        return frozenset(index for index, content in _contents(sent).items() if content is None)
    if sent is not OTHER_API:
        return sent
    found = choices(x, upstream)
    if isinstance(found, NotJudged):
        return found
    mine, theirs = found
    return frozenset() if theirs.text or not theirs.calls else frozenset((mine.index,))


def _contents(x: Exchange) -> dict[int, Any]:
    """The content of each choice's message, null if it is absent."""
    return {index: message.get("content") for index, _, message in chat.whole_choices(json_body(x) or {})}


@rule(
    "GW143",
    MUST,
    "Large integers of a response keep their digits",
    spec=JSON_NUMBERS,
    fix="Forward the bytes, or parse JSON with exact integers: json-bigint in JavaScript, json.Number in Go.",
    applies_to=USUAL,
    apis=APIS,
    modes=("unary",),
    good=[
        relayed(completion(x_vendor={"block": ODD}), completion(x_vendor={"block": ODD}, created=1)),
        relayed(completion(x_vendor={"block": ODD}), completion()),
    ],
    bad=[relayed(completion(x_vendor={"block": ODD}), completion(x_vendor={"block": EXACT}))],
)
def integer_rounded(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """Integers above 2^53 are no doubles: an ID, or the number of a block, that was read as one names another."""
    sent = passed_on(x, upstream)
    if isinstance(sent, NotJudged):
        yield sent
        return
    before, after = (parse_exact(reply(one).content) for one in (sent, x))
    if not any(map(_is_large, _leaves(before))):
        yield not_applicable("the upstream's response has no integer above 2^53")
        return
    for difference in differences(before, after):
        if _is_rounded(difference) and CALL_INPUT not in difference.path:
            place = ".".join(map(str, difference.path))
            yield Finding(
                f"`{place}` is {quoted(difference.arrived)} at the client; the upstream sent {quoted(difference.sent)}",
                expected="the same digits",
            )


def _leaves(value: Any) -> Iterator[Any]:
    """The values in a JSON value that hold no others."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict | list):
            waiting += found.values() if isinstance(found, dict) else found
        else:
            yield found


def _is_large(value: Any) -> bool:
    return (
        isinstance(value, Number) and value.is_integer and abs(float(value.text)) >= EXACT
    )  # which is also what 2^53 + 1 is as a double


def _is_rounded(difference: Difference) -> bool:
    """Whether an integer has become another one that is the same double."""
    sent, got = difference.sent, difference.arrived
    return _is_large(sent) and isinstance(got, Number) and float(got.text) == float(sent.text)
