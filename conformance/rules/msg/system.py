"""The system prompt of a message request."""

from collections.abc import Iterator
from typing import Any, Final

from conformance.apis.response_content import response_content
from conformance.field_support.fields import LONG_INSTRUCTIONS
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, OUT_OF_SCOPE, Finding, NotJudged, untestable
from conformance.rules.example import answered
from conformance.rules.msg.example import BASELINE_RESPONSE, message
from conformance.rules.msg.shape import message_rule
from conformance.rules.msg.spec import MESSAGE
from conformance.rules.system_prompt import counted_with_long_prompt, is_counted, is_followed, unread

ORDERING: Final = ((Kind.ACCEPTED_FORM, "text-blocks"), (Kind.EFFECT, "system"))
"""The test cases whose system prompt asks for a word; otherwise they are the baseline request."""
BESIDE_COUNT: Final = (Kind.EFFECT, "stop_sequences")
"""The test case whose system prompt asks for nothing; otherwise it has the prompt of the one for the cap."""


def _instructed(x: Exchange) -> NotJudged | None:
    if (x.case.kind, x.case.subject) not in (*ORDERING, BESIDE_COUNT) or x.case.variant:
        return OUT_OF_SCOPE
    return counted_with_long_prompt(x)


LONG: Final = {"system": "word " * LONG_INSTRUCTIONS}


def counted(probe: str, text: str, tokens: int) -> Exchange:
    """A response with this text, for which usage counts these tokens of the prompt."""
    counts = {"input_tokens": tokens, "output_tokens": 3}
    return answered(
        BASELINE_RESPONSE | {"content": [{"type": "text", "text": text}], "usage": counts}, probe=probe, body=LONG
    )


BLOCKS, STOPPED, CAPPED = "messages.form.text-blocks", "messages.witness.stop_sequences", "messages.witness.max_tokens"
COUNT, READ, UNREAD = counted(CAPPED, "One", 9), counted(BLOCKS, "Kestrel.", 230), counted(BLOCKS, "Hello.", 5)
UNCOUNTED = counted(BLOCKS, "kestrel", 3)
Others: Any = (message(), COUNT)


@message_rule(
    "MSG029",
    MUST,
    "The system prompt reaches the model, or is rejected",
    spec=MESSAGE,
    fix="Pass `system` to the model, a string or all of its text blocks, streaming or not, and count it in the usage.",
    applies_to=_instructed,
    compares_with={
        "count": Compare(Kind.EFFECT, "max_tokens"),
        "ordered": Compare(Kind.ACCEPTED_FORM, "text-blocks", mode="unary"),
        "unary_baseline": Compare(Kind.BASELINE, mode="unary"),
    },
    good=[
        (READ, *Others, READ, message()),
        (UNCOUNTED, *Others, UNCOUNTED, message()),
        (counted(STOPPED, "On", 210), *Others, READ, message()),
    ],
    bad=[
        (UNREAD, *Others, UNREAD, message()),
        (counted(STOPPED, "On", 9), *Others, UNREAD, message()),
        (counted(STOPPED, "On", 9), *Others, READ, message()),
    ],
)
def system_prompt_dropped(
    x: Exchange, baseline: Exchange, count: Exchange, ordered: Exchange, unary_baseline: Exchange
) -> Iterator[Finding | NotJudged]:
    """The agent's instructions are lost: the model knows neither its task nor its limits, and every turn is paid for.

    Usage must count the hundred words of the system prompt, or the response must have the word that it asks for. A
    model is not graded: one that ignores the word passes by its usage.
    """
    is_ordering = (x.case.kind, x.case.subject) in ORDERING
    plain = baseline if is_ordering else count
    if is_counted(x, plain) or (is_ordering and is_followed(x)):
        return
    if is_ordering and not any(choice.text.strip() for choice in response_content(x).choices):
        yield untestable("the response has no text that could follow the system prompt")
    elif not is_ordering and is_followed(ordered) and not is_counted(ordered, unary_baseline):
        yield untestable("the target's usage does not show its system prompts")
    else:
        yield from unread(x, plain, baseline, count)
