"""The report in lines for `grep`: one for each place in which a rule failed."""

from collections.abc import Iterator

from msgspec import UNSET
from rich.console import Console
from rich.text import Text

from conformance.model.verdict import Status
from conformance.report.display import Verbosity
from conformance.report.document import Report, ReportVerdict
from conformance.report.failures import ORDER
from conformance.report.formats.terminal import COLOUR


def render(report: Report, out: Console, verbosity: Verbosity) -> None:
    """Print a line for each failure that no waiver covers; if verbose, also for waived and untestable verdicts."""
    for verdict in sorted(report.verdicts, key=lambda v: ORDER[v.level]):
        for note in _notes(verdict, verbosity):
            out.print(_line(verdict, note), soft_wrap=True)


def _notes(verdict: ReportVerdict, verbosity: Verbosity) -> Iterator[str]:
    """The status of a verdict that has a line, if it is not a failure that counts."""
    if verdict.counts:
        yield ""
    elif verbosity is Verbosity.VERBOSE and (verdict.waived or verdict.status is Status.UNTESTABLE):
        yield f"waived ({verdict.waived}): " if verdict.waived else "untestable: "


def _line(verdict: ReportVerdict, note: str) -> Text:
    who = f"{verdict.profile}" if verdict.host is UNSET else f"{verdict.host} {verdict.model}, {verdict.cases} ×"
    place = f" {verdict.probe} {verdict.mode} ({who}): {note}{verdict.message}"
    return Text.assemble((f"{verdict.rule} {verdict.level}", "dim" if note else COLOUR[verdict.level]), place)
