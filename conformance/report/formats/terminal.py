"""The report for a terminal or a CI log: short if all is well, exact if not."""

from collections.abc import Iterable, Iterator
from io import StringIO
from typing import IO, Any

from msgspec import UNSET
from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance.model.verdict import Status
from conformance.report import fields, gateway, impacts, open_responses, recordings, under_load
from conformance.report.counts import numbered
from conformance.report.display import Color, Verbosity
from conformance.report.document import Report
from conformance.report.failures import Failure, Recording, causes, failing_rules, grouped
from conformance.report.impacts import money
from conformance.report.lines import LABEL, UNLIMITED, print_labelled
from conformance.report.waived import waived

MOST_CAUSES = 5
WIDE = 120
COLOUR_OPTIONS: dict[Color, dict[str, Any]] = {
    "auto": {},
    "always": {"force_terminal": True, "color_system": "standard", "no_color": False},
    "never": {"color_system": None},
}
COLOUR = {"MUST": "bold red", "SHOULD": "yellow", "MAY": "cyan"}


def console(file: IO[str], *, width: int | None = None, color: Color = "auto") -> Console:
    """A console that prints text verbatim: no markup, emoji or highlighting.

    If `file` is not a terminal, there is no wrapping, unless a width is given, and no colour, unless it is requested.
    """
    made = Console(file=file, markup=False, highlight=False, emoji=False, width=width, **COLOUR_OPTIONS[color])
    if width is None and not (file.isatty() if color == "always" else made.is_terminal):
        made.soft_wrap, made.width = True, WIDE
    return made


def text(report: Report, evidence: Recording) -> str:
    """A report as text, without colours or wrapping, whatever the environment variables for terminals."""
    made = Console(file=StringIO(), markup=False, highlight=False, emoji=False, force_terminal=False, color_system=None)
    made.soft_wrap, made.width = True, WIDE
    with made.capture() as printed:
        render(report, evidence, made)
    return printed.get()


def render(report: Report, evidence: Recording, out: Console, verbosity: Verbosity = Verbosity.NORMAL) -> None:
    """Print a report: what matters, in the order in which it matters. Quiet: the first lines; verbose: all details."""
    if report.stopped not in ("", "interrupted"):
        _not_tested(report, out)
        return
    opening(report, out)
    if verbosity is Verbosity.QUIET:
        return
    is_verbose = verbosity is Verbosity.VERBOSE
    _recordings(report, out, most=None if is_verbose else recordings.MOST_ROWS)
    under_load.render(report, out, verbose=is_verbose)
    _failing_rules(report, out)
    impacts.render(report, out, verbose=is_verbose)
    shown = grouped(report, evidence, len(report.rules))[0] if is_verbose else causes(report, evidence, MOST_CAUSES)
    for failure in shown:
        _failure(failure, out)
    if (hidden := len(report.causes) - len(shown)) > 0 and not is_verbose:
        out.print(f"\n… and {hidden} more causes; --verbose shows all rules in detail.", style="dim")
    fields.render(report, out)
    open_responses.render(report, out)
    gateway.render(report, out)
    _waivers(report, out)
    if is_verbose:
        _profiles(report, out)
    _closing(report, out)


def _not_tested(report: Report, out: Console) -> None:
    """Print why nothing was tested, first of all: a mistake of set-up needs no more."""
    why, *more = report.summary.headline
    print_labelled(out, "", Text.assemble(("NOT TESTED", "bold red"), f"  {why}"), indent=0)
    for line in (*more, _tested(report)):
        print_labelled(out, "", Text(line), indent=0)
    _closing(report, out)


def _tested(report: Report) -> str:
    if report.recordings is not UNSET:
        return recordings.about(report)
    if report.gateway is not UNSET:
        return gateway.about(report)
    if report.load is not UNSET:
        return under_load.about(report)
    return f"{report.target.name}, model {report.target.model}, at {report.target.base_url}"


def opening(report: Report, out: Console) -> None:
    """Print the overall verdict, and the result in a few sentences."""
    good = report.exit_code == 0
    verdict = {0: "CONFORMANT", 1: "NOT CONFORMANT", 3: "NOT TESTED", 4: "HARNESS ERROR", 130: "INTERRUPTED"}
    if report.recordings is not UNSET:
        verdict[0] = "NO MUST FAILED"
    first = Text.assemble(
        (verdict.get(report.exit_code, "NOT CONFORMANT"), "bold green" if good else "bold red"),
        waived(report),
        f"  {_tested(report)}",
    )
    print_labelled(out, "", first, indent=0)
    for sentence in report.summary.headline:
        print_labelled(out, "", Text(sentence, "" if good else "bold"), indent=0)


def _recordings(report: Report, out: Console, most: int | None) -> None:
    """The hosts and models of recordings, a line each; those with most failed rules first."""
    if report.recordings is UNSET:
        return
    rows = recordings.rows(report.recordings)
    if not rows:
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    columns = zip(recordings.COLUMNS, *(row.cells for row in rows[:most]), strict=True)
    for name, *cells in columns:
        longest = max(len(word) for text in (name, *cells) for word in text.split() or ("",))
        least = None if name in recordings.NAMES else longest  # only names may be broken within a word
        table.add_column(
            name, justify="right" if name in recordings.NUMBERS else "left", overflow="fold", min_width=least
        )
    for row in rows[:most]:
        table.add_row(*(Text(cell, "red" if row.fails else "") for cell in row.cells))
    out.print()
    out.print(table, soft_wrap=False, width=None if out.is_terminal else UNLIMITED)
    if most is not None and (hidden := len(rows) - most) > 0:
        out.print(f"… and {hidden} more hosts and models; --verbose shows all.", style="dim")


def _failing_rules(report: Report, out: Console) -> None:
    """All failing rules, one line each, by cause: what fails with a cause is indented below it."""
    number = 0
    for one in failing_rules(report):
        if not one.cause:
            out.print() if not number else None
            number += 1
        place = "     " if one.cause else f"{number:>2}. "
        times = f"  ({one.places} places)" if one.places > 1 else ""
        line = Text.assemble(
            place, (f"{one.rule:<7} {one.level:<6}", COLOUR[one.level]), f"  {one.title}", (times, "dim")
        )
        print_labelled(out, "", line, indent=0)


def _failure(failure: Failure, out: Console) -> None:
    out.print()
    head = Text.assemble((f"{failure.rule} {failure.level}", COLOUR[failure.level]), f"  {failure.title}")
    print_labelled(out, "", head, indent=0)
    for line in failure.lines:
        print_labelled(
            out, line.label, Text(line.text, "dim" if line.verbatim else ""), verbatim=line.label == "reproduce"
        )


def _waivers(report: Report, out: Console) -> None:
    if report.waivers:
        out.print()
    for waiver in report.waivers:
        state = {
            "used": f"covers {numbered(waiver.failures, 'failure')} until {waiver.until}",
            "stale": "is stale: it covers no failure",
            "expired": f"expired on {waiver.until}",
        }[waiver.state]
        print_labelled(
            out, "waiver", Text(f"{waiver.rule} {state} ({waiver.reason})", "" if waiver.state == "used" else "yellow")
        )


def _profiles(report: Report, out: Console) -> None:
    out.print()
    widest = max((len(name) for name in report.summary.profiles), default=0)
    for name, counts in report.summary.profiles.items():
        words = ", ".join(_numbers(counts)) or "no requests"
        print_labelled(out, "", Text.assemble((name.ljust(widest + 2), "bold"), words), indent=0)


def _numbers(counts: dict[str, int]) -> Iterator[str]:
    words = {
        "pass": "pass",
        "fail": "fail",
        "untestable": "untestable",
        "error": "error",
        "not-applicable": "not applicable",
    }
    for status, word in words.items():
        if counts.get(status) or status == Status.PASS:
            yield f"{counts.get(status, 0)} {word}"


def _closing(report: Report, out: Console) -> None:
    tokens = report.tokens
    cost = f", {money(report.cost_usd)}" if report.cost_usd is not None else ""
    spent = (
        f"{tokens.prompt + tokens.completion} tokens reported"
        if tokens.prompt or tokens.completion
        else "no tokens reported"
    )
    counted = ", ".join(_numbers(report.summary.verdicts))
    if report.recordings is not UNSET:
        out.print(f"{numbered(report.requests, 'exchange')}, {spent}. Verdicts: {counted}.", style="dim")
        return
    sent = numbered(report.requests, "request")
    out.print(f"{sent}, {spent}{cost}, {report.duration_s:.1f} s. Verdicts: {counted}.", style="dim")


def page(lines: Iterable[tuple[str, str]], out: Console) -> None:
    """Print a page: labels and texts. The first is the title; a text without a label continues the previous one."""
    for number, (label, text) in enumerate(lines):
        print_labelled(out, label, Text(text, "" if number else "bold"), indent=LABEL if number else 0)
