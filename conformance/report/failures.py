"""Failures in readable form: observed, expected, occurrences, fix, affected clients, and how to reproduce."""

import shlex
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from msgspec import UNSET

from conformance.model.exchange import Exchange
from conformance.model.impact import Impact
from conformance.model.target import Target
from conformance.model.verdict import Level
from conformance.parsing.http1 import reply
from conformance.report import both_sides, curl
from conformance.report.causes import affected_by
from conformance.report.document import Report, ReportFinding, ReportSpan, ReportVerdict
from conformance.report.escaping import safe
from conformance.report.impacts import named, summary_phrase, worst_first
from conformance.report.stacks import advice, stacks_of

RUN: Final = "RUN"
"""The placeholder of a run folder in commands, where a recording is not kept."""
MOST_PLACES = 6
MOST_SEEN = 3
MOST_EFFECTS = 2
UNDER_LOAD: Final = "LOAD"
"""The family of the rules that judge all responses of a load together."""
NOT_SIMULATED_FOR: Final = {
    "GW": "not simulated for a rule about both sides; it concerns every client of the gateway",
    UNDER_LOAD: "not simulated for a rule about many responses; it concerns every client under load",
}
"""By the family of a rule: why the clients are not simulated."""
NO_EFFECT = "this fault alone changes nothing for the users of the tested frameworks"
NOT_SIMULATED = "not simulated: the clients are simulated for plain messages, tool calls and texts to embed"
ORDER = {level: place for place, level in enumerate(Level)}


class Recording(NamedTuple):
    """The recording behind a report: its exchanges, the target, and the names of the run folder and its files."""

    load: Callable[[str], Exchange]
    target: Target
    folder: str = RUN
    received_file: str = "received.bin"


class Line(NamedTuple):
    """One line of output: a label, the text, and whether it is verbatim (bytes, commands, URLs). `at`: its bytes."""

    label: str
    text: str
    verbatim: bool = False
    at: ReportSpan | None = None


class FailingRule(NamedTuple):
    """A failing rule in the list of all: `cause` is the rule whose failure it follows from, or empty."""

    rule: str
    level: Level
    title: str
    places: int
    cause: str


class Failure(NamedTuple):
    """One rule's failures, shown together."""

    rule: str
    level: Level
    title: str
    lines: tuple[Line, ...]


def failing_rules(report: Report) -> Iterator[FailingRule]:
    """All failing rules, by cause: the most urgent cause first, and after each what follows from it."""
    failed = by_rule(report)
    for cause in report.causes:
        for name in (cause.rule, *cause.follows):
            first, count = failed[name][0], sum(verdict.cases for verdict in failed[name])
            yield FailingRule(name, first.level, first.title, count, cause.rule if name != cause.rule else "")


def causes(report: Report, evidence: Recording, most: int) -> list[Failure]:
    """The rules that show the most urgent causes, in detail."""
    failed = by_rule(report)
    return [describe(failed[cause.rule], report, evidence) for cause in report.causes[:most]]


def grouped(report: Report, evidence: Recording, most: int) -> tuple[list[Failure], int]:
    """All failing rules in detail, by cause; at most `most`, and the number omitted."""
    failed = by_rule(report)
    names = [one.rule for one in failing_rules(report)]
    shown = [describe(failed[name], report, evidence) for name in names[:most]]
    return shown, len(names) - len(shown)


def by_rule(report: Report) -> dict[str, list[ReportVerdict]]:
    """The failures that no waiver covers, by rule; those that rest on chance are below the level of their rule."""
    found: dict[str, list[ReportVerdict]] = {}
    for verdict in sorted((v for v in report.verdicts if v.counts), key=lambda v: ORDER[v.level]):
        found.setdefault(verdict.rule, []).append(verdict)
    return found


def describe(
    verdicts: Sequence[ReportVerdict], report: Report, evidence: Recording, *, most_places: int = MOST_PLACES
) -> Failure:
    """Describe one rule's failures; at most so many places of them."""
    first = both_sides.clearest(verdicts, report, evidence.load)
    page = report.rules[first.rule]
    lines = (
        *_unreliable(verdicts),
        *_cause(first.rule, report),
        *_observed(verdicts),
        Line("occurrences", places(verdicts, most_places)),
        *_both_sides(first, report, evidence),
        Line("fix", f"{page.fix} More: conformance explain {first.rule}"),
        *_in_its_stack(first, evidence),
        Line("spec", page.spec, verbatim=True),
        *_affected(verdicts, report),
        *_reproduce(first, report, evidence),
    )
    return Failure(first.rule, first.level, first.title, lines)


def load_command(report: Report) -> str:
    """The command that makes the same load again."""
    target = report.target
    words = ["conformance", "load", "--base-url", target.base_url, "--model", target.model]
    words += ["--api-key-env", target.key_env] if target.key_env else []
    words += [word for api in target.apis for word in ("--api", api)]
    words += [word for profile in report.profiles for word in ("--profile", profile)]
    if report.load is not UNSET:
        rate = ["--rate", f"{report.load.rate:g}"] if report.load.rate else []
        words += ["--users", str(report.load.users), "--duration", f"{report.load.duration_s:.0f}", *rate]
    return shlex.join(words)


def text(failure: Failure) -> str:
    """A failure as plain text."""
    head = f"{failure.rule} {failure.level}: {failure.title}"
    return "\n".join((head, *(f"  {line.label:<18}{line.text}" for line in failure.lines)))


def _unreliable(verdicts: Sequence[ReportVerdict]) -> Iterator[Line]:
    """How many failures did not happen again: each was requested once more."""
    if count := sum(v.unreliable for v in verdicts):
        of_all = "" if count == len(verdicts) else f" ({count} of {len(verdicts)})"
        yield Line("unreliable", f"the same request was fine when sent again{of_all}; both exchanges are recorded")


def _cause(rule: str, report: Report) -> Iterator[Line]:
    """The failing rule that this one follows from: where to begin."""
    yield from (Line("follows from", cause.rule) for cause in report.causes if rule in cause.follows)


def _in_its_stack(verdict: ReportVerdict, evidence: Recording) -> Iterator[Line]:
    """What to set in the server, gateway or proxy that the response's headers show."""
    for name in verdict.exchanges[:1]:
        shown = stacks_of((header.name, header.value) for header in reply(evidence.load(name)).headers)
        for item in advice(verdict.rule, shown):
            if not set(shown).isdisjoint(item.stacks):
                yield Line(f"if {item.stacks[0]}", item.text)
                yield from (Line("", line, verbatim=True) for line in item.lines)
                return


def _observed(verdicts: Sequence[ReportVerdict]) -> Iterator[Line]:
    """Each distinct finding, with the bytes of its first occurrence, and what was expected."""
    sentences: dict[str, ReportFinding] = {}
    for seen in (seen for verdict in verdicts for seen in verdict.findings):
        sentences.setdefault(seen.seen, seen)
    for seen in list(sentences.values())[:MOST_SEEN]:
        yield Line("observed", seen.seen)
        if seen.excerpt and seen.at:
            yield Line("", f"{seen.at.side} {seen.at.start}-{seen.at.end}: {seen.excerpt}", verbatim=True, at=seen.at)
        if seen.expected:
            yield Line("expected", seen.expected)
    if len(sentences) > MOST_SEEN:
        yield Line("", f"and {len(sentences) - MOST_SEEN} more, in the full JSON report")


def places(verdicts: Iterable[ReportVerdict], most: int = MOST_PLACES) -> str:
    """Where verdicts are: probes and modes, with the profiles that sent them; at most so many.

    Of recordings: hosts and models, the most frequent first, with the number of exchanges.
    """
    profiles_by_place: dict[str, list[str]] = {}
    exchanges: Counter[str] = Counter()
    for verdict in verdicts:
        if verdict.host is not UNSET:
            exchanges[f"{verdict.host} {verdict.model}".strip()] += verdict.cases
        else:
            profiles_by_place.setdefault(f"{verdict.probe} {verdict.mode}", []).append(verdict.profile)
    found = [f"{place} ({', '.join(dict.fromkeys(profiles))})" for place, profiles in profiles_by_place.items()]
    found += [f"{place} ({count})" for place, count in exchanges.most_common()]
    more = f"; and {len(found) - most} more" if len(found) > most else ""
    return "; ".join(found[:most]) + more


def _affected(verdicts: Sequence[ReportVerdict], report: Report) -> Iterator[Line]:
    """The frameworks that this rule's fault affects: they would not deliver these responses, or retry; worst first."""
    worst: dict[str, Impact] = {}
    for rule, name in dict.fromkeys((verdict.rule, name) for verdict in verdicts for name in verdict.exchanges):
        for impact in affected_by(rule, report.hurt.get(name, ())):
            if _is_affected(impact) and (impact.client not in worst or impact.requests > worst[impact.client].requests):
                worst[impact.client] = impact
    groups: dict[str, list[str]] = {}
    for impact in sorted(worst.values(), key=worst_first):
        groups.setdefault(summary_phrase(impact), []).append(impact.client)
    if not groups:
        hurt = any(name in report.hurt for verdict in verdicts for name in verdict.exchanges)
        why = NOT_SIMULATED_FOR.get(report.rules[verdicts[0].rule].family, NO_EFFECT if hurt else NOT_SIMULATED)
        yield Line("affected clients", why)
    for number, (consequences, clients) in enumerate(list(groups.items())[:MOST_EFFECTS]):
        yield Line("" if number else "affected clients", f"{named(clients)}: {consequences}")
    if rest := [client for clients in list(groups.values())[MOST_EFFECTS:] for client in clients]:
        yield Line("", f"and in other ways: {named(rest)}")


def _is_affected(impact: Impact) -> bool:
    return not impact.delivered or impact.requests > 1


def _both_sides(verdict: ReportVerdict, report: Report, evidence: Recording) -> Iterator[Line]:
    """Through a gateway: the request as sent, and as it arrived, by the names of their exchanges and files."""
    for name in verdict.exchanges[:1]:
        if pair := both_sides.pair_of(name, report, evidence.load):
            yield Line("sent", name, verbatim=True)
            yield from (Line("arrived", words, verbatim=True) for words in both_sides.arrived(pair))
            if others := both_sides.compared(verdict, report):
                yield Line("compared with", others, verbatim=True)
            for number, path in enumerate(both_sides.files(pair.upstream, evidence.folder)):
                yield Line("" if number else "bytes upstream", path, verbatim=True)


def _reproduce(verdict: ReportVerdict, report: Report, evidence: Recording) -> Iterator[Line]:
    if report.rules[verdict.rule].family == UNDER_LOAD:
        for number, name in enumerate(verdict.exchanges[:MOST_SEEN]):
            path = f"{evidence.folder}/exchanges/{name}/{evidence.received_file}"
            yield Line("" if number else "bytes", path, verbatim=True)
        yield Line("reproduce", load_command(report), verbatim=True)
        return
    for name in verdict.exchanges[:1]:
        x = evidence.load(name)
        if report.gateway is not UNSET:
            yield Line("upstream", both_sides.upstream_command(report), verbatim=True)
        if x.origin:
            yield Line("source", safe(x.origin.source, limit=1000), verbatim=True)
        command = curl.line(x, curl.target_of(x, evidence.target), evidence.folder)
        yield Line("reproduce", safe(command, limit=20_000), verbatim=True)
