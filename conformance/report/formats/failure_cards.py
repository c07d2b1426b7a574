"""The failing rules of a run, as an HTML page shows them: one line each, and the details."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from markupsafe import Markup

from conformance.model.exchange import Span
from conformance.model.verdict import Level, Status
from conformance.report import both_sides, timeline
from conformance.report.document import Report, ReportSpan, ReportVerdict
from conformance.report.escaping import parts
from conformance.report.failures import Line, Recording, by_rule, describe, failing_rules
from conformance.report.formats.pair_view import PairView, view

MAX_SAMPLES: Final = 3
MOST_COMPARED: Final = 3
"""Of more requests that one is compared with, none shows the difference for sure."""

Anchors = dict[tuple[str, str], str]
"""The anchors of both sides of requests on a page, by the request, and the one that it is compared with."""


class Sample(NamedTuple):
    """An exchange that shows a failure: its name, its timing in words, and as SVG if it arrived in several reads."""

    name: str
    words: str
    timeline: Markup


class CardLine(NamedTuple):
    """A labelled line, and the bytes before, in and after the place that it points at."""

    label: str
    text: str
    bytes_around: tuple[str, str, str] | None


class FailureCard(NamedTuple):
    """One failing rule. `anchor` is unique on the page, `found_by` is what the filter searches.

    `number` counts the causes; `cause` is the rule whose failure it follows from, if it is none itself; `waived` is
    the reason of its waiver. `both_sides` are those of the first request through a gateway that shows the failure; if
    another card shows them, `shown_at` is their anchor.
    """

    rule: str
    anchor: str
    level: Level
    title: str
    why: str
    family: str
    profiles: tuple[str, ...]
    places: int
    found_by: str
    lines: tuple[CardLine, ...]
    samples: tuple[Sample, ...]
    number: int = 0
    cause: str = ""
    waived: str = ""
    both_sides: PairView | None = None
    shown_at: str = ""


def cards(report: Report, evidence: Recording) -> Iterator[FailureCard]:
    """The failing rules by cause, as in the terminal; waived ones last."""
    failed = by_rule(report)
    number = 0
    pairs: Anchors = {}
    for one in failing_rules(report):
        number += not one.cause
        card = _with_both_sides(_card(failed[one.rule], report, evidence), failed[one.rule], report, evidence, pairs)
        yield card._replace(cause=one.cause) if one.cause else card._replace(number=number)
    waived: dict[tuple[str, str], list[ReportVerdict]] = {}
    for verdict in report.verdicts:
        if verdict.status is Status.FAIL and verdict.waived:
            waived.setdefault((verdict.rule, verdict.waived), []).append(verdict)
    taken = list(failed)
    for (rule, reason), verdicts in waived.items():
        taken.append(rule)
        again = f"-{taken.count(rule)}" if taken.count(rule) > 1 else ""
        card = _card(verdicts, report, evidence)._replace(anchor=rule + again, waived=reason)
        yield _with_both_sides(card, verdicts, report, evidence, pairs)


def _card(verdicts: Sequence[ReportVerdict], report: Report, evidence: Recording) -> FailureCard:
    shown = describe(verdicts, report, evidence)
    page = report.rules[shown.rule]
    messages = dict.fromkeys(verdict.message for verdict in verdicts)
    return FailureCard(
        rule=shown.rule,
        anchor=shown.rule,
        level=shown.level,
        title=shown.title,
        why=page.why,
        family=page.family,
        profiles=tuple(dict.fromkeys(verdict.profile for verdict in verdicts)),
        places=sum(verdict.cases for verdict in verdicts),
        found_by=" ".join((shown.rule, shown.title, *messages)),
        lines=tuple(_line(line, page.fix, evidence) for line in shown.lines),
        samples=tuple(_samples(verdicts, evidence)),
    )


def _with_both_sides(
    card: FailureCard, verdicts: Sequence[ReportVerdict], report: Report, evidence: Recording, shown: Anchors
) -> FailureCard:
    """The card with both sides of its first request; `shown` are those on the page so far."""
    verdict = both_sides.clearest(verdicts, report, evidence.load)
    name = next(iter(verdict.exchanges), "")
    pair = both_sides.pair_of(name, report, evidence.load) if name else None
    if pair is None:
        return card
    others = both_sides.others(verdict, report)
    beside = others[0] if 0 < len(others) <= MOST_COMPARED else ""
    if (name, beside) in shown:
        return card._replace(shown_at=shown[name, beside])
    shown[name, beside] = anchor = f"both-{len(shown) + 1}"
    other = both_sides.pair_of(beside, report, evidence.load) if beside else None
    return card._replace(both_sides=view(pair, anchor, other), samples=())


def _line(line: Line, fix: str, evidence: Recording) -> CardLine:
    text = fix if line.label == "fix" else line.text  # without the command, which stands on its own
    return CardLine(line.label, text, _bytes_around(line.at, evidence) if line.at else None)


def _bytes_around(at: ReportSpan, evidence: Recording) -> tuple[str, str, str] | None:
    data: bytes = getattr(evidence.load(at.exchange), at.side)
    return parts(data, Span(at.start, at.end))


def _samples(verdicts: Iterable[ReportVerdict], evidence: Recording) -> Iterator[Sample]:
    """The first exchanges that show a failure; the recordings are not embedded in the page."""
    names = dict.fromkeys(name for verdict in verdicts for name in verdict.exchanges[:1])
    for name in list(names)[:MAX_SAMPLES]:
        x = evidence.load(name)
        drawn = timeline.svg(x) if len(x.arrivals) > 1 else ""
        yield Sample(name, timeline.in_words(x), Markup(drawn))  # noqa: S704 - numbers only
