"""The report as GitHub annotations: one workflow command per failing rule."""

from collections.abc import Iterator
from typing import Final

from conformance.report.document import Report
from conformance.report.failures import Recording, grouped, text

MOST: Final = 10
"""GitHub shows at most this many of each kind per step."""
COMMAND: Final = {"MUST": "error", "SHOULD": "warning", "MAY": "notice"}


def render(report: Report, evidence: Recording) -> bytes:
    """The workflow commands, to be printed to the job's log."""
    return "".join(f"{line}\n" for line in _lines(report, evidence)).encode()


def _lines(report: Report, evidence: Recording) -> Iterator[str]:
    failures, more = grouped(report, evidence, MOST)
    for failure in failures:
        title = _property(f"{failure.rule} {failure.level}: {failure.title}")
        yield f"::{COMMAND[failure.level]} title={title}::{_data(text(failure))}"
    if more:
        yield f"::notice title=More failures::{_data(f'{more} more failing rules: see the JSON report.')}"


def _data(value: str) -> str:
    """A message, escaped for workflow commands."""
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")
