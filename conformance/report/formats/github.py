"""The report as GitHub annotations: one workflow command per failing rule."""

from collections.abc import Iterator
from typing import Final

from conformance.model.verdict import Level
from conformance.report.document import Report
from conformance.report.failures import Recording, grouped, text

MOST: Final = 10
"""GitHub shows at most this many annotations of each kind per step, and hides the others."""
COMMAND: Final = {Level.MUST: "error", Level.SHOULD: "warning", Level.MAY: "notice"}


def render(report: Report, evidence: Recording) -> bytes:
    """The workflow commands, to be printed to the job's log."""
    return "".join(f"{line}\n" for line in _lines(report, evidence)).encode()


def _lines(report: Report, evidence: Recording) -> Iterator[str]:
    """The annotations, MUST first; the last one of a level names all rules of that level for which there is no room."""
    failures, _ = grouped(report, evidence, len(report.verdicts))
    for level, command in COMMAND.items():
        mine = [failure for failure in failures if failure.level is level]
        shown = mine if len(mine) <= MOST else mine[: MOST - 1]
        for failure in shown:
            title = _property(f"{failure.rule} {failure.level}: {failure.title}")
            yield f"::{command} title={title}::{_data(text(failure))}"
        if others := [failure.rule for failure in mine[len(shown) :]]:
            words = f"{', '.join(others)}: see the Markdown or JSON report."
            yield f"::{command} title={len(others)} more {level} rules failed::{_data(words)}"


def _data(value: str) -> str:
    """A message, escaped for workflow commands."""
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
