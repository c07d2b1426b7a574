"""The instructions of a request."""

from collections.abc import Iterator

from conformance.apis.response_content import response_content
from conformance.field_support.fields import LONG_INSTRUCTIONS
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, OUT_OF_SCOPE, Finding, NotJudged, untestable
from conformance.rules.rsp.example import USAGE, message_item, response
from conformance.rules.rsp.shape import response_rule
from conformance.rules.rsp.spec import CREATE
from conformance.rules.system_prompt import counted_with_long_prompt, is_counted, is_followed, unread


def _instructed(x: Exchange) -> NotJudged | None:
    return (
        counted_with_long_prompt(x) if (x.case.kind, x.case.subject) == (Kind.EFFECT, "instructions") else OUT_OF_SCOPE
    )


def counted_prompt(subject: str, text: str, tokens: int) -> Exchange:
    """A response with this text, for which usage counts these tokens of the prompt."""
    counts = USAGE | {"input_tokens": tokens, "total_tokens": tokens + 3}
    long = {"instructions": "word " * LONG_INSTRUCTIONS}
    return response(output=[message_item(text)], usage=counts, probe=f"responses.witness.{subject}", body_fields=long)


COUNT = counted_prompt("max_output_tokens", "One, two", 9)


@response_rule(
    "RSP030",
    MUST,
    "instructions reach the model, or are rejected",
    spec=f"{CREATE}#responses-create-instructions",
    fix="Pass `instructions` to the model as its system prompt, streaming or not, and count them in the usage.",
    applies_to=_instructed,
    compares_with={"count": Compare(Kind.EFFECT, "max_output_tokens")},
    good=[
        (counted_prompt("instructions", "Hello.", 230), response(), COUNT),
        (counted_prompt("instructions", "Kestrel.", 3), response(), COUNT),
    ],
    bad=[(counted_prompt("instructions", "Hello.", 3), response(), COUNT)],
)
def instructions_dropped(x: Exchange, baseline: Exchange, count: Exchange) -> Iterator[Finding | NotJudged]:
    """The agent's instructions are lost: the model knows neither its task nor its limits, and every turn is paid for.

    Usage must count their hundred words, or the response must have the word that they ask for. A model is not graded:
    one that ignores the word passes by its usage.
    """
    if is_counted(x, baseline) or is_followed(x):
        return
    if not any(choice.text.strip() for choice in response_content(x).choices):
        yield untestable("the response has no text that could follow the instructions")
    else:
        yield from unread(x, baseline, baseline, count)
