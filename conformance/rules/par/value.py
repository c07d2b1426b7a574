"""Values out of range, and values whose effect shows in a completion's form or in two completions."""

import json
from collections.abc import Iterator
from typing import Any

from conformance.apis.chat import chat_content, distinct_values, span_of
from conformance.apis.errors import error_response
from conformance.apis.request import request_body
from conformance.field_support.capability import effect_shown, warned
from conformance.field_support.effects import unreadable_reason
from conformance.field_support.readers import lost_or_doubled
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import APIS, WITH_CHOICES
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import display
from conformance.rules.conditions import (
    all_of,
    answered_or_rejected,
    not_rejected_for_other_reasons,
    probe_is,
    readable,
)
from conformance.rules.conditions_by_api import has_content
from conformance.rules.example import answered, completion, error
from conformance.rules.par.spec import CHAT, CREATE

OBJECT: dict[str, Any] = {
    "probe": "chat.witness.response_format.json_object",
    "body": {"response_format": {"type": "json_object"}},
}


SCHEMA = {"json_schema": {"schema": {"properties": {"lamps": {"enum": ["green"]}}}}}
ASKED: dict[str, Any] = {"probe": "chat.witness.response_format", "body": {"response_format": SCHEMA}}
DETERMINED = answered(completion({"content": '{"lamps": "green"}'}), **ASKED)


def _wants_object(x: Exchange) -> NotJudged | None:
    if (x.case.kind, x.case.subject, x.case.variant) != (Kind.EFFECT, "response_format", "json_object"):
        return OUT_OF_SCOPE
    return has_content(x)


@rule(
    "PAR008",
    MUST,
    "response_format: json_object is honoured (one JSON object) or rejected",
    spec=f"{CREATE}#chat-create-response_format",
    fix="Constrain the model to a JSON object, without other text or a code fence; or reject the format with 400.",
    applies_to=_wants_object,
    needs=("headers",),
    apis=CHAT,
    good=[(answered(completion({"content": '\n{"greeting": "Hi"}'}), **OBJECT), DETERMINED)],
    bad=[
        (answered(completion(), **OBJECT), DETERMINED),
        (answered(completion({"content": '```json\n{"greeting": "Hi"}\n```'}), **OBJECT), DETERMINED),
        (answered(completion({"content": '["Hi"]'}), **OBJECT), DETERMINED),
    ],
    compares_with={"determined": Compare(Kind.EFFECT, "response_format", optional=True)},
)
def dropped_json_object(x: Exchange, determined: Exchange | None) -> Iterator[Finding | NotJudged]:
    """Programs parse the content as JSON: other text, or a code fence around it, crashes them.

    Truncated content is not judged; the prompt requests JSON, as the API requires.
    """
    found = effect_shown(x)
    if found is None or found[1].state == "unknown":
        yield untestable(found[1].why if found else "the probe tests no field's effect")
    elif found[1].state == "dropped" and determined and lost_or_doubled(determined):
        yield untestable("the ends of texts are lost or doubled (see CMP019)")
    elif found[1].state == "dropped":
        yield Finding(found[1].why, at=span_of(x))


def _beyond(x: Exchange) -> NotJudged | None:
    if skip := all_of(probe_is(Kind.OUT_OF_RANGE), not_rejected_for_other_reasons, readable, answered_or_rejected)(x):
        return skip
    crashed = reply(x).status >= 500 and reply(x).status != 501
    return not_applicable("the target returned a 5xx (see ERR003)") if crashed else None


TOO_HOT: dict[str, Any] = {"probe": "chat.range.temperature", "body": {"temperature": 5}}


@rule(
    "PAR012",
    SHOULD,
    "A value outside its documented range is rejected",
    spec=CREATE,
    fix="Declare the range in the request model, and return 400 with an error that names the field.",
    applies_to=_beyond,
    needs=("headers",),
    apis=APIS,
    good=[answered(error("temperature: at most 2", param="temperature"), status=400, **TOO_HOT)],
    bad=[answered(completion(), **TOO_HOT)],
)
def value_beyond_its_range(x: Exchange) -> Iterator[Finding]:
    """The value is silently clamped or ignored: the response is not the one that was requested."""
    name = x.case.subject
    if not error_response(x) and not warned(x, name):
        value = json.dumps(request_body(x).get(name))
        seen = f"`{name}: {value}` is out of range, but was accepted with HTTP {reply(x).status}"
        yield Finding(seen, at=reply(x).head, expected=f"an error that names `{name}`")


def _drawn(x: Exchange) -> NotJudged | None:
    """The response has text sampled with a seed."""
    if x.case.kind is not Kind.SEED or x.case.repeat:
        return OUT_OF_SCOPE
    return has_content(x) or legible(x)


def legible(x: Exchange) -> NotJudged | None:
    """The response has readable content."""
    if fault := unreadable_reason(x):
        return untestable(fault)
    return None if any(choice.text for choice in chat_content(x).choices) else untestable("the response has no content")


def texts(x: Exchange) -> tuple[str, ...]:
    """The texts of a completion's choices."""
    return tuple(choice.text for choice in chat_content(x).choices)


WITH_SEED: dict[str, Any] = {"probe": "chat.seed", "body": {"seed": 7}}
NAME = answered(completion({"content": "Lumisel"}), **WITH_SEED)
OTHER = answered(completion({"content": "Gleamora"}), **WITH_SEED)
TEXT = answered(completion({"content": "One, two"}))
OTHER_TEXT = answered(completion({"content": "One. Two"}))


@rule(
    "PAR014",
    SHOULD,
    "The same seed produces the same content",
    spec=f"{CREATE}#chat-create-seed",
    fix="Pass `seed` to the sampler; if the engine has none, reject a seed that is not null with 400.",
    applies_to=_drawn,
    apis=WITH_CHOICES,
    modes=("unary",),
    compares_with={
        "again": Compare(Kind.SEED, repeat=1),
        "greedy": Compare(Kind.REPEAT),
        "greedy_again": Compare(Kind.REPEAT, repeat=1),
    },
    good=[(NAME, NAME, TEXT, TEXT)],
    bad=[(NAME, OTHER, TEXT, TEXT)],
)
def seed_without_effect(
    x: Exchange, again: Exchange, greedy: Exchange, greedy_again: Exchange
) -> Iterator[Finding | NotJudged]:
    """Users treat results as reproducible that are not. The API promises only best effort.

    If two responses differ even at temperature 0, a seed can't be judged.
    """
    others = (again, greedy, greedy_again)
    if skip := next((skip for other in others if (skip := has_content(other) or legible(other))), None):
        yield skip
    elif texts(greedy) != texts(greedy_again):
        yield untestable("two responses to the same request differ even at temperature 0")
    elif _fingerprint(x) != _fingerprint(again):
        yield untestable("the two responses have different `system_fingerprint` values")
    elif texts(x) != texts(again):
        seen = f"`seed: {display(request_body(x).get('seed'))}` produced both {display(texts(x)[0])} and {display(texts(again)[0])}"
        yield Finding(seen, at=span_of(x))


def _fingerprint(x: Exchange) -> tuple[str, ...]:
    return distinct_values(x, "system_fingerprint")
