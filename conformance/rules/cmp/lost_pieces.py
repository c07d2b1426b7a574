"""Whether a text that the request determines is there as a whole, and once."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.chat import span_of
from conformance.apis.specs import CONVERSATIONS
from conformance.field_support.effects import effects, unreadable_reason
from conformance.field_support.readers import lost_or_doubled, only_answer
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import GENERATIVE
from conformance.parsing.json_values import display
from conformance.rules.cmp.shape import SPEC
from conformance.rules.conditions import probe_is
from conformance.rules.conditions_by_api import finished
from conformance.rules.example import answered, chunk, completion, streamed

FORMATS = tuple(api.format for api in CONVERSATIONS)


def _determined(x: Exchange) -> NotJudged | None:
    """A complete response to a request whose JSON Schema allows one value."""
    if skip := probe_is(Kind.EFFECT, subjects=FORMATS)(x) or finished(x):
        return skip
    if not only_answer(x):
        return not_applicable("the request's format allows several values")
    if fault := unreadable_reason(x):
        return untestable(fault)
    return not_applicable("the response was truncated, or refused") if effects(x).is_cut else None


SCHEMA = {"json_schema": {"schema": {"properties": {"lamps": {"enum": ["seven green lamps"]}}}}}
LAMPS: Any = {"probe": "chat.witness.response_format", "body": {"response_format": SCHEMA}}


def stream_of(*pieces: str) -> Exchange:
    """A stream of these pieces."""
    deltas = (chunk({"content": piece}) for piece in pieces)
    return streamed(*deltas, chunk(finish="stop"), "[DONE]", **LAMPS)


@rule(
    "CMP019",
    MUST,
    "The beginning and the end of the content are there, and once",
    spec=f"{SPEC}#chat/object-choices",
    fix="Send the first token with the first delta, flush the last one before the end, and set no limit on a stream's bytes.",
    applies_to=_determined,
    apis=GENERATIVE,
    good=[
        stream_of('{"lamps"', ': "seven green', ' lamps"}'),
        answered(completion({"content": '{ "lamps": "seven green lamps" }'}), **LAMPS),
        answered(completion({"content": "Seven lamps."}), **LAMPS),
    ],
    bad=[
        stream_of(': "seven green', ' lamps"}'),
        stream_of('{"lamps"', ': "seven green'),
        stream_of('{"', '{"lamps"', ': "seven green', ' lamps"}'),
        answered(completion({"content": '{"lamps": "seven green lamps"}}'}), **LAMPS),
    ],
)
def ends_lost_or_doubled(x: Exchange) -> Iterator[Finding]:
    """The user gets half a word more or less, or half of a long text as all of it; a program that parses it crashes.

    Judged where a JSON Schema allows one value; FLD013 reports a schema that is ignored.
    """
    if how := lost_or_doubled(x):
        yield Finding(f"the content is the only value that the schema allows, but {how}: {_shown(x)}", at=span_of(x))


def _shown(x: Exchange) -> str:
    text = effects(x).text
    return display(text) if len(text) <= 80 else f"{display(text[:30])} ... {display(text[-30:])}"
