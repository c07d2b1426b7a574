"""Where the content ends: before its stop sequence, and under the newer of two token caps."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.chat import span_of
from conformance.apis.request import request_body
from conformance.apis.request_fields import echoes, requested_stops
from conformance.apis.usage import usage
from conformance.field_support.effects import effects, unreadable_reason
from conformance.field_support.readers import ends_with_its_stop
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import GENERATIVE
from conformance.parsing.json_values import display, is_integer
from conformance.rules.conditions_by_api import has_content
from conformance.rules.example import HELLO, answered, chunk, completion, streamed
from conformance.rules.par.spec import CHAT, CREATE
from conformance.rules.use.conditions import counted_well

STOP: dict[str, Any] = {"body": {"stop": ["e", ","]}}


def _stopped(x: Exchange) -> NotJudged | None:
    if not requested_stops(x):
        return OUT_OF_SCOPE
    if skip := has_content(x):
        return skip
    if echoes(x):
        return not_applicable("the request sets `echo`: the text has the prompt, too")
    if fault := unreadable_reason(x):
        return untestable(fault)
    if "stop" not in effects(x).finishes.values():
        return untestable("no finish_reason is `stop`")
    goes_on = any(stop in effects(x).text for stop in requested_stops(x)) and not ends_with_its_stop(x)
    return untestable("the content continues after a stop sequence (see FLD016)") if goes_on else None


@rule(
    "PAR007",
    MUST,
    "The content ends before the stop sequence, and does not contain it",
    spec=f"{CREATE}#chat-create-stop",
    fix="Remove the stop sequence from the content; while streaming, hold back text that could be its beginning.",
    applies_to=_stopped,
    apis=GENERATIVE,
    good=[answered(completion({"content": "On"}), **STOP)],
    bad=[
        answered(completion({"content": "One"}), **STOP),
        answered(completion({"content": "One"}), body={"stop": "e"}),
        streamed(chunk({"content": "On"}), chunk({"content": "e"}), chunk(finish="stop"), *HELLO[4:], **STOP),
    ],
)
def stop_text_included(x: Exchange) -> Iterator[Finding]:
    """Programs use the content as it is: an included stop sequence is shown to users, or parsed as data."""
    if ends_with_its_stop(x):
        text = effects(x).text
        stop = next(stop for stop in requested_stops(x) if text.endswith(stop))
        yield Finding(f"the content ends with the stop sequence {display(stop)}: {display(text[-40:])}", at=span_of(x))


CAPS: dict[str, Any] = {"body": {"max_tokens": 8, "max_completion_tokens": 1}}


def _doubly_capped(x: Exchange) -> NotJudged | None:
    older, newer = (request_body(x).get(name) for name in ("max_tokens", "max_completion_tokens"))
    if not (is_integer(older) and is_integer(newer) and 0 < newer < older):
        return OUT_OF_SCOPE
    return counted_well(x)


@rule(
    "PAR013",
    SHOULD,
    "max_completion_tokens overrides max_tokens, or both together are rejected",
    spec=f"{CREATE}#chat-create-max_completion_tokens",
    fix="Use `max_completion_tokens` if both are set, or reject the two together with 400.",
    applies_to=_doubly_capped,
    apis=CHAT,
    good=[
        answered(completion({"content": "Hi"}, "length", usage={"prompt_tokens": 3, "completion_tokens": 1}), **CAPS)
    ],
    bad=[answered(completion(usage={"prompt_tokens": 3, "completion_tokens": 8, "total_tokens": 11}), **CAPS)],
)
def older_cap_over_the_newer(x: Exchange) -> Iterator[Finding]:
    """A client that sends both, to support older servers, pays up to the larger token cap. One extra token is tolerated."""
    spent, cap = usage(x), request_body(x)["max_completion_tokens"]
    if spent and spent.completion > cap + 1:
        seen = f"`max_completion_tokens` is {display(cap)}, but usage counts {spent.completion} completion tokens"
        yield Finding(seen, at=span_of(x))
