"""Stop sequences that span several tokens."""

from collections.abc import Iterator
from typing import Final

from conformance.apis.chat import span_of
from conformance.apis.request_fields import requested_stops
from conformance.apis.response_content import response_content
from conformance.field_support.capability import effect_shown
from conformance.field_support.readers import ends_with_its_stop
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, OUT_OF_SCOPE, Finding, NotJudged, untestable
from conformance.parsing.json_values import display
from conformance.rules.conditions_by_api import finished
from conformance.rules.cpl.example import asking, choice, chunk, stream, texts
from conformance.rules.cpl.spec import COMPLETIONS, CREATE

ACROSS: Final = "across"
ASKED: Final = asking("witness", f"stop.{ACROSS}", stop=["no such text", "e, t"], temperature=0)
TEXT: Final = texts(" One, two, three", **asking("twin", "", temperature=0))
PLAIN: Final = texts(" On", **asking("witness", "stop", stop=["e"]))


def streamed(text: str, finish: str = "stop") -> Exchange:
    """A stream of this text, which ends with this finish_reason."""
    return stream(chunk(choice(text, finish=None)), chunk(choice("", finish=finish)), **ASKED)


def _across(x: Exchange) -> NotJudged | None:
    is_probed = x.case.kind is Kind.EFFECT and (x.case.subject, x.case.variant) == ("stop", ACROSS)
    return finished(x) if is_probed else OUT_OF_SCOPE


@rule(
    "CPL018",
    MUST,
    "A stop sequence that spans several tokens ends the text where it begins",
    spec=f"{CREATE}#completions/create-stop",
    fix="Look for stop sequences in the text, not in tokens, and hold back what may be the beginning of one.",
    applies_to=_across,
    apis=COMPLETIONS,
    modes=("stream",),
    good=[(streamed(" On"), TEXT, TEXT, PLAIN), (streamed(" On\n"), TEXT, TEXT, PLAIN)],
    bad=[
        (streamed(" One, two, three", "length"), TEXT, TEXT, PLAIN),
        (streamed(" One,"), TEXT, TEXT, PLAIN),
        (streamed(" One, two"), TEXT, TEXT, PLAIN),
    ],
    compares_with={
        "alone": Compare(Kind.REPEAT),
        "again": Compare(Kind.REPEAT, repeat=1, mode="unary"),
        "plain": Compare(Kind.EFFECT, "stop"),
    },
)
def stop_across_tokens_missed(
    x: Exchange, alone: Exchange, again: Exchange, plain: Exchange
) -> Iterator[Finding | NotJudged]:
    """Programs stop a completion at the next turn or function: they get a part of the mark, or all that follows.

    The stop sequence, the last of two, is a part of the text that the prompt got before, at temperature 0.
    """
    if skip := finished(alone) or finished(again):
        yield skip
        return
    text, before, repeated = ("".join(one.text for one in response_content(each).choices) for each in (x, alone, again))
    stop = requested_stops(x)[-1]
    expected, found, _ = before.partition(stop)
    if before != repeated or not found:
        yield untestable("the responses to the same prompt differ at temperature 0")
    elif (shown := effect_shown(plain)) and shown[1].state == "dropped":
        yield untestable("`stop` is ignored (see FLD016)")
    elif ends_with_its_stop(x) or text.rstrip() == expected.rstrip():  # PAR007 reports the first
        return
    elif text.startswith(expected):
        seen = f"the text goes on with {display(text[len(expected) :][:40])} where the stop sequence {display(stop)} begins"
        yield Finding(seen, at=span_of(x))
    else:
        yield untestable("the text is another one than without the stop sequence")
