"""Drafts a waivers file from a run's failures: one entry per rule and API, to be reviewed and edited."""

import json
from collections.abc import Iterator
from datetime import date, timedelta

from conformance.report.document import Report, ReportVerdict

HEAD = """\
# Known failures of {name}, from the run of {day}. Narrow each waiver, give its reason, and delete those of failures
# that must be fixed. A stale or expired waiver fails a run with --strict.
"""


def draft_waivers(report: Report, days: int) -> str:
    """The text of a TOML file; only the header comment if nothing failed."""
    day = date.fromisoformat(report.started[:10])
    until = date.max if days > (date.max - day).days else day + timedelta(days=days)
    return HEAD.format(name=report.target.name, day=day) + "".join(_entries(report, until))


def _entries(report: Report, until: date) -> Iterator[str]:
    groups: dict[tuple[str, str], list[ReportVerdict]] = {}
    for verdict in report.verdicts:
        if verdict.counts:
            groups.setdefault((verdict.rule, verdict.api), []).append(verdict)
    for (rule, api), verdicts in sorted(groups.items()):
        first_one = verdicts[0]
        yield f"\n[[waiver]]  # {first_one.level}: {first_one.title}\n"
        yield f"rule = {json.dumps(rule)}\n"
        yield f"api = {json.dumps(api)}\n"
        for name in ("profile", "mode", "probe"):
            values = {getattr(verdict, name) for verdict in verdicts}
            if len(values) == 1:
                yield f"{name} = {json.dumps(values.pop())}\n"
        yield f"reason = {json.dumps(f'accepted for now: {first_one.message[:200]}')}\n"
        yield f"until = {until}\n"
