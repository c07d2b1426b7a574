"""Fields that a framework always sends."""

from collections.abc import Iterator

from conformance.exchange import Exchange
from conformance.read.http1 import reply
from conformance.read.refusal import own_fields, quoted, refusal
from conformance.rule import rule
from conformance.rules.example import HELLO, answered, error, streamed
from conformance.rules.fld.example import GREETING, Facts
from conformance.rules.fld.spec import CREATE
from conformance.rules.when import OK, asks, both, decided, in_a_mode_that_is_offered
from conformance.verdict import MUST, Finding, Skip, not_applicable

OPTIONS: Facts = {"mode": "stream", "body": {"stream": True, "stream_options": {"include_usage": True}}}


@rule(
    "FLD015",
    MUST,
    "The fields that a framework always sends are accepted",
    spec=CREATE,
    fix="Accept the field, null included; where it can have no effect, accept and announce it.",
    when=both(asks("hello"), in_a_mode_that_is_offered, decided),
    good=[GREETING, streamed(*HELLO)],
    bad=[
        answered(error("Unknown parameter: 'stream_options'.", param="stream_options"), status=400, **OPTIONS),
        answered(
            {"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]},
            status=422,
            **OPTIONS,
        ),
    ],
)
def refused_framework_field(x: Exchange) -> Iterator[Finding | Skip]:
    """The framework has no switch to leave the field out: with this target it can't say a word."""
    said = refusal(x)
    if found := own_fields(x):
        fields = ", ".join(f"`{name}`" for name in found)
        why = quoted(said.message or said.text)
        seen = f"{x.question.profile} always sends {fields}, and the target refuses it with {said.status}: {why}"
        yield Finding(seen, at=said.at)
    elif reply(x).status not in OK:
        yield not_applicable("the target refused the greeting for another reason")
