"""When a rule on usage applies, and where a usage stands."""

from conformance.apis.chat import place
from conformance.apis.request import asked, cap_asked, choices_asked
from conformance.apis.response_content import answer
from conformance.apis.usage import Report, reports, usage
from conformance.model.exchange import Exchange, Span
from conformance.model.verdict import ANOTHER_QUESTION, Skip, not_applicable, untestable
from conformance.parsing.json_values import mapping
from conformance.parsing.sse import DONE, payloads
from conformance.rules.chk.conditions import chunked, in_chunks
from conformance.rules.chk.conditions import ended as streamed_to_the_end
from conformance.rules.chk.text import is_cumulative
from conformance.rules.conditions import asks
from conformance.rules.conditions_by_api import spoken
from conformance.rules.err.mistakes import DOCUMENTED

SMALL = 64
"""Tokens; no server's own bound on an answer, and no model's context, is so small."""


def counted(x: Exchange) -> Skip | None:
    """An answer came with its usage."""
    return spoken(x) or (None if reports(x) else not_applicable("no usage came"))


def counted_well(x: Exchange) -> Skip | None:
    """An answer came with a usage that has the counts."""
    return counted(x) or (None if usage(x) else untestable("the usage has no proper counts"))


def asked_for_it(x: Exchange) -> Skip | None:
    """A stream came to its end that was asked to tell its usage.

    "If the stream is interrupted, you may not receive the final usage chunk": then nothing is owed.
    """
    if skip := streamed_to_the_end(x):
        return skip
    if DONE not in payloads(x) and not any(choice.finishes for choice in answer(x).choices):
        return untestable("the stream was broken off before its end")
    asks = mapping(asked(x).get("stream_options")).get("include_usage") is True
    return None if asks else not_applicable("the request did not ask for the usage")


def told_as_asked(x: Exchange) -> Skip | None:
    """A stream told the usage that it was asked for."""
    return asked_for_it(x) or (None if reports(x) else untestable("no usage came"))


def told_in_chunks(x: Exchange) -> Skip | None:
    """As told_as_asked, and the answer came in chunks."""
    return told_as_asked(x) or in_chunks(x)


def counted_once(x: Exchange) -> Skip | None:
    """As counted_well, and the text is not sent again and again (CHK021 tells of that)."""
    if skip := counted_well(x):
        return skip
    return untestable("deltas repeat the text before them") if any(map(is_cumulative, answer(x).choices)) else None


def capped(x: Exchange) -> Skip | None:
    """The request set a cap, and the answer tells its usage."""
    return counted_well(x) or (None if cap_asked(x) else not_applicable("the request set no cap on the answer"))


def told_again(x: Exchange) -> Skip | None:
    """A stream told its usage more than once."""
    if skip := chunked(x):
        return skip
    return None if len(reports(x)) > 1 else not_applicable("the usage was told once at most")


def cut(x: Exchange) -> Skip | None:
    """Every choice ended at a cap so small that nothing else can have ended it, and the usage is known."""
    if not 0 < cap_asked(x) <= SMALL:
        return ANOTHER_QUESTION
    if skip := asks(*DOCUMENTED)(x) or counted_well(x):
        return skip
    choices = answer(x).choices
    if not choices or any(choice.end != "length" for choice in choices) or len(choices) != choices_asked(x):
        return not_applicable("the answer did not end at its cap")
    spent = usage(x)
    return None if spent and spent.completion else untestable("the usage counts nothing")


def at(x: Exchange, report: Report) -> Span:
    """The octets that tell this usage."""
    return place(x, report.event)
