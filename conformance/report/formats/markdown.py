"""The report in Markdown, for a pull request or a CI job summary."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from msgspec import UNSET

from conformance.model.impact import Impact
from conformance.model.verdict import Status
from conformance.report import gateway, open_responses, recordings, under_load
from conformance.report.counts import numbered
from conformance.report.document import Report
from conformance.report.failures import Failure, Line, Recording, grouped
from conformance.report.fields import LOST, rows
from conformance.report.impacts import is_multiplied, money, outcomes, subject, user_sees
from conformance.report.waived import waived

MOST: Final = 30
SPECIAL: Final = re.compile(r"([\\`*_\[\]#|~$]|(?<=[a-zA-Z])(?=://)|(?<=www)(?=\.))")
MENTION: Final = "@\N{ZERO WIDTH SPACE}"
TICKS: Final = re.compile("`+")


def render(report: Report, evidence: Recording) -> bytes:
    """A Markdown document, as bytes. Text from the target is escaped."""
    return ("\n".join(_lines(report, evidence)).rstrip() + "\n").encode()


def plain(text: str) -> str:
    """Escape a text for Markdown, on one line."""
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return SPECIAL.sub(r"\\\1", escaped).replace("@", MENTION).replace("\n", " ")


def code(text: str) -> str:
    """A text as inline code, fenced by more backticks than it contains."""
    fence = "`" * (max((len(run) for run in TICKS.findall(text)), default=0) + 1)
    return f"{fence} {text} {fence}" if "`" in text or not text.strip() else f"{fence}{text}{fence}"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> Iterator[str]:
    """A table; its cells must be escaped already."""
    names = list(head)
    yield f"| {' | '.join(names)} |"
    yield f"|{'---|' * len(names)}"
    yield from (f"| {' | '.join(row)} |" for row in rows)


def _lines(report: Report, evidence: Recording) -> Iterator[str]:
    verdict = {0: "✅ conformant", 3: "⚠️ not tested", 4: "⚠️ harness error", 130: "⚠️ interrupted"}
    if report.recordings is not UNSET:
        verdict[0] = "✅ no MUST failed"
    words = verdict.get(report.exit_code, "❌ not conformant")
    yield f"# {words}{waived(report)}: {plain(report.target.name)}"
    yield ""
    if report.recordings is not UNSET:
        yield f"{plain(recordings.about(report)).replace('recordings', 'Recordings', 1)}, {report.started}."
    else:
        sides = f"Both sides of a gateway, upstream at {gateway.ports(report)}. " if report.gateway is not UNSET else ""
        where = f"{sides}Model {code(report.target.model)} at {code(report.target.base_url)}"
        yield f"{where}, suite {report.suite}, {report.started}."
    yield ""
    yield from (f"- {plain(sentence)}" for sentence in report.summary.headline)
    yield ""
    yield from _recordings(report)
    yield from _gateway(report)
    yield from _load(report)
    yield from _impact(report)
    failures, more = grouped(report, evidence, MOST)
    for failure in failures:
        yield from _failure(failure)
    if more:
        yield f"… and {more} more failing rules, in the JSON report."
    yield from _fields(report)
    yield from _open_responses(report)
    yield from _counts(report)


def _recordings(report: Report) -> Iterator[str]:
    """The hosts and models of recordings."""
    if report.recordings is UNSET:
        return
    yield from table(recordings.COLUMNS, (map(plain, row.cells) for row in recordings.rows(report.recordings)))
    yield ""


def _gateway(report: Report) -> Iterator[str]:
    """The lanes through a gateway, and what became of fields and faults."""
    if report.gateway is UNSET:
        return
    yield "## The gateway"
    yield ""
    yield from table(gateway.LANE_COLUMNS, (map(plain, row) for row in gateway.lane_rows(report.gateway)))
    yield ""
    yield from (f"- {label}: {plain(words)}" for label, words in gateway.notable(report.gateway))
    yield ""


def _load(report: Report) -> Iterator[str]:
    """The steps of a load, and the times of its requests."""
    if report.load is UNSET or not report.load.combinations:
        return
    yield "## Under load"
    yield ""
    for columns, found in under_load.tables(report.load):
        yield from table(columns, (map(plain, row.cells) for row in found))
        yield ""
    yield under_load.UNITS
    yield ""


def _impact(report: Report) -> Iterator[str]:
    usual = [i for i in report.impact if i.mode == "stream" and not i.is_of_failure]
    rows = [*usual, *(i for i in outcomes(report) if i.is_of_failure)]
    rows = [i for i in rows if not (i.delivered and i.requests == 1) or is_multiplied(i)]
    if not rows:
        return
    yield "## Framework outcomes"
    yield ""
    is_behind_gateway = any(i.upstream_requests is not None for i in rows)
    yield from table(
        (
            *("framework", "user outcome", "requests", *(["upstream"] if is_behind_gateway else [])),
            *("billed", "cost of retries", "total cost"),
        ),
        (_row(i, is_behind_gateway=is_behind_gateway) for i in rows),
    )
    yield ""


def _row(impact: Impact, *, is_behind_gateway: bool) -> tuple[str, ...]:
    upstream = [str(impact.upstream_requests)] if is_behind_gateway else []
    who = (plain(subject(impact)), user_sees(impact), str(impact.requests))
    return (*who, *upstream, str(impact.billed), *_spent(impact.wasted_usd, impact.cost_usd))


def _spent(*amounts: float | None) -> Iterator[str]:
    yield from (plain(money(amount)) for amount in amounts)


def _failure(failure: Failure) -> Iterator[str]:
    mark = {"MUST": "❌", "SHOULD": "⚠️"}.get(failure.level, "ℹ️")
    yield f"## {mark} {failure.rule} {failure.level}: {plain(failure.title)}"
    yield ""
    yield from map(_line, failure.lines)
    yield ""


def _line(line: Line) -> str:
    text = f"<{line.text}>" if line.label == "spec" else code(line.text) if line.verbatim else plain(line.text)
    return f"- **{line.label}** {text}" if line.label else f"  {text}"


def _fields(report: Report) -> Iterator[str]:
    lost = [row for row in rows(report.fields) if {row.stream, row.unary} & {*LOST}]
    if lost:
        yield "## Request fields without effect"
        yield ""
        cells = ((code(f.field), f.api, f.stream or "–", f.unary or "–", plain(f.why)) for f in lost)
        yield from table(("field", "API", "stream", "unary", "why"), cells)
        yield ""
    yield from (f"- {plain(hint)}" for hint in report.hints)


def _open_responses(report: Report) -> Iterator[str]:
    """The acceptance tests of Open Responses."""
    if report.open_responses is UNSET:
        return
    yield ""
    yield "## Open Responses"
    yield ""
    yield f"The target {open_responses.sentence(report.open_responses)}."
    yield ""
    yield from table(
        ("test", "outcome", "why"), (map(plain, row) for row in open_responses.rows(report.open_responses))
    )


def _counts(report: Report) -> Iterator[str]:
    counts = report.summary.verdicts
    words = ", ".join(f"{counts[status.value]} {status.value}" for status in Status if counts.get(status.value))
    yield ""
    if report.recordings is not UNSET:
        yield f"{words}. {numbered(report.requests, 'exchange')}."
    else:
        yield f"{words}. {numbered(report.requests, 'request')}, {report.duration_s:.1f} s."
