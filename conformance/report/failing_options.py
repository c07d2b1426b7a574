"""What --strict and --fail-on found, in words: one sentence for each option that fails the run."""

from collections import Counter
from collections.abc import Iterator, Sequence

from conformance.model.criteria import Criteria
from conformance.model.verdict import Level, Status
from conformance.report.counts import numbered
from conformance.report.document import ReportVerdict, ReportWaiver

MOST_NAMED = 8
MOST_REASONS = 5
LONGEST_REASON = 120


def sentences(verdicts: Sequence[ReportVerdict], waivers: Sequence[ReportWaiver], criteria: Criteria) -> Iterator[str]:
    """The sentences, each beginning with the option."""
    rules = list(dict.fromkeys(v.rule for v in verdicts if v.counts and v.level is Level.SHOULD))
    if rules and (option := criteria.option("should")):
        yield f"{option}: {numbered(len(rules), 'SHOULD rule')} failed: {_named(rules)}."
    untestable = [v for v in verdicts if v.status is Status.UNTESTABLE]
    if untestable and (option := criteria.option("untestable")):
        yield f"{option}: {numbered(len(untestable), 'verdict')} could not be tested: {_reasons(untestable)}."
    stale = [waiver for waiver in waivers if waiver.state != "used"]
    if stale and (option := criteria.option("stale-waiver")):
        yield f"{option}: {numbered(len(stale), 'stale waiver')}: {'; '.join(map(_why_stale, stale))}."


def _named(rules: Sequence[str]) -> str:
    more = f" and {len(rules) - MOST_NAMED} more" if rules[MOST_NAMED:] else ""
    return ", ".join(rules[:MOST_NAMED]) + more


def _reasons(verdicts: Sequence[ReportVerdict]) -> str:
    """Why verdicts could not be tested, the most frequent reason first."""
    counts = Counter(_shortened(v.message) for v in verdicts).most_common()
    words = [f"{reason} ({count})" for reason, count in counts[:MOST_REASONS]]
    if others := counts[MOST_REASONS:]:
        words.append(f"{numbered(len(others), 'other reason')} ({sum(count for _, count in others)})")
    return "; ".join(words)


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON].rstrip()}…"


def _why_stale(waiver: ReportWaiver) -> str:
    return f"{waiver.rule} {f'expired on {waiver.until}' if waiver.state == 'expired' else 'covers no failure'}"
