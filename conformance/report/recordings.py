"""What is reported of recordings by other tools: who answered, who sent, what was left out. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from conformance.model.criteria import ALL_RULES, USUAL_CRITERIA, Criteria
from conformance.model.run import Recordings, RunManifest, Skipped
from conformance.model.verdict import Level
from conformance.recordings.clients import version_numbers
from conformance.report import failing_options, headline
from conformance.report.document import (
    Cause,
    RecordingClient,
    RecordingGroup,
    Report,
    ReportRecordings,
    ReportVerdict,
    ReportWaiver,
)
from conformance.report.escaping import safe
from conformance.traffic import Group, JudgedTraffic

MOST_PATHS: Final = 5
MOST_CLIENTS: Final = 3
MOST_ROWS: Final = 40
COLUMNS: Final = ("host", "model", "API", "exchanges", "recorded", "MUST failed", "SHOULD failed")
NUMBERS: Final = ("exchanges", "MUST failed", "SHOULD failed")
NAMES: Final = ("host", "model")


LIMITS: Final = (
    "A recording holds one response to each request: what only the comparison of two shows is untestable.",
    "It has no arrival times, no framing, and often not all header fields: the rules about these are untestable.",
    "Whoever recorded kept what was needed, and may have edited it; a host may have changed since.",
    "That no MUST failed does not make a host conformant: only what was recorded is judged.",
)
"""What no report of recordings shows."""


class Row(NamedTuple):
    """A line of the table of hosts and models: its cells, and whether a MUST failed."""

    cells: tuple[str, ...]
    fails: bool


def reported(held: Recordings, traffic: JudgedTraffic, verdicts: Iterable[ReportVerdict]) -> ReportRecordings:
    """The part of a report about the recordings."""
    failed: dict[tuple[str, str, str], dict[str, Level]] = {}
    for v in verdicts:
        if v.counts:
            failed.setdefault((str(v.host or ""), str(v.model or ""), v.api), {})[v.rule] = v.level
    senders = sorted(traffic.senders.items(), key=lambda one: (-one[1], one[0]))
    return ReportRecordings(
        files=held.files,
        exchanges=traffic.judgement.requests,
        duplicates=held.duplicates,
        skipped=_skipped(held.skipped),
        groups=tuple(_group(group, failed) for group in traffic.groups),
        clients=tuple(
            RecordingClient(
                product=safe(one.product),
                version=safe(one.version),
                framework=one.framework,
                captured=one.captured,
                older=one.is_older,
                exchanges=count,
            )
            for one, count in senders
        ),
    )


def _group(group: Group, failed: Mapping[tuple[str, str, str], Mapping[str, Level]]) -> RecordingGroup:
    host, model, api = safe(group.place.host), safe(group.place.model), group.place.api
    mine = failed.get((host, model, api), {})
    levels = list(mine.values())
    return RecordingGroup(
        host=host,
        model=model,
        api=api,
        exchanges=group.exchanges,
        first=group.first,
        last=group.last,
        must_failed=levels.count(Level.MUST),
        should_failed=levels.count(Level.SHOULD),
        failed=tuple(sorted(mine)),
    )


def _skipped(skipped: Skipped) -> Skipped:
    return msgspec.structs.replace(
        skipped,
        damaged_first=tuple(map(safe, skipped.damaged_first)),
        other_paths={safe(path): count for path, count in skipped.other_paths.items()},
        other_files_first=tuple(map(safe, skipped.other_files_first)),
    )


def lines(
    facts: RunManifest,
    shown: ReportRecordings,
    verdicts: Sequence[ReportVerdict],
    causes: Sequence[Cause] = (),
    waivers: Sequence[ReportWaiver] = (),
    criteria: Criteria = USUAL_CRITERIA,
) -> Iterator[str]:
    """The first sentences, most important first."""
    is_interrupted = facts.stopped == "interrupted"
    if is_interrupted:
        yield f"Interrupted ({facts.stopped_why}): only what was read until then is judged."
    yield from headline.counted(verdicts, len(causes))
    yield from headline.selected(criteria.rules, verdicts)
    if headline.is_undecided(verdicts) and criteria.rules == ALL_RULES:
        yield "No rule passed or failed, so nothing is proven."
    yield from failing_options.sentences(verdicts, waivers, criteria)
    once = f"; {_count(shown.duplicates, 'duplicate')} judged once" if shown.duplicates else ""
    source = f" from {_count(shown.files, 'file')}" if shown.files else ""
    yield f"{_count(shown.exchanges, 'exchange')}{source} judged{once}."
    yield from _left_out(shown.skipped)
    yield from _older(shown.clients)
    if facts.stopped_why and not is_interrupted:
        yield facts.stopped_why


def _left_out(skipped: Skipped) -> Iterator[str]:
    """What was not judged, and why."""
    found = []
    if total := sum(skipped.other_paths.values()):
        most = sorted(skipped.other_paths.items(), key=lambda one: (-one[1], one[0]))
        named = ", ".join(f"{path} {count}" for path, count in most[:MOST_PATHS])
        more = f" and {len(most) - MOST_PATHS} more paths" if len(most) > MOST_PATHS else ""
        found.append(f"{_count(total, 'request')} to other paths ({named}{more})")
    if skipped.no_response:
        found.append(f"{_count(skipped.no_response, 'request')} without a recorded response")
    if skipped.other_files:
        found.append(f"{_count(skipped.other_files, 'file that holds', 'files that hold')} no recording")
    if found:
        yield f"Not judged: {'; '.join(found)}."
    if skipped.damaged:
        more = f"; and {skipped.damaged - len(skipped.damaged_first)} more" if skipped.damaged > 10 else ""
        yield f"Damaged: {_count(skipped.damaged, 'entry', 'entries')}: {'; '.join(skipped.damaged_first)}{more}."


def _older(clients: Iterable[RecordingClient]) -> Iterator[str]:
    """The traffic that is older than the captured profiles: the predictions about frameworks may not hold for it."""
    old: dict[tuple[str, str, str], list[RecordingClient]] = {}
    for one in clients:
        if one.older:
            old.setdefault((one.product, one.framework, one.captured), []).append(one)
    named = [
        f"{product}{f' of {framework}' if framework else ''} {_versions(mine)} < {captured} "
        f"({_count(sum(one.exchanges for one in mine), 'exchange')})"
        for (product, framework, captured), mine in old.items()
    ]
    if named:
        more = f" and {len(named) - MOST_CLIENTS} more" if len(named) > MOST_CLIENTS else ""
        yield f"This traffic is older than the captured profiles: {', '.join(named[:MOST_CLIENTS])}{more}."


def _versions(clients: Iterable[RecordingClient]) -> str:
    """A version, or the oldest and the newest."""
    found = sorted((one.version for one in clients), key=version_numbers)
    return " to ".join(dict.fromkeys((found[0], found[-1])))


def rows(shown: ReportRecordings) -> list[Row]:
    """The table of hosts and models, those with most failed rules first."""
    ordered = sorted(shown.groups, key=lambda one: (-one.must_failed, -one.should_failed, one.host, one.model, one.api))
    return [_row(one) for one in ordered]


def _row(one: RecordingGroup) -> Row:
    cells = (one.host, one.model or "not stated", one.api, str(one.exchanges), _days(one.first, one.last))
    return Row((*cells, str(one.must_failed), str(one.should_failed)), one.must_failed > 0)


def _days(first: datetime | None, last: datetime | None) -> str:
    """The days of the first and last exchange, or one day, or a dash."""
    if first is None or last is None:
        return "–"
    return " to ".join(dict.fromkeys((f"{first:%Y-%m-%d}", f"{last:%Y-%m-%d}")))


def about(report: Report) -> str:
    """What was judged, in a few words."""
    model = f" of {report.target.model}" if report.target.model else ""
    return f"recordings{model}, at {report.target.base_url}"


def _count(number: int, noun: str, plural: str = "") -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {plural or noun + 's'}"
