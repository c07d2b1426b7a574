"""The report for a person at a terminal or in a CI log: short where all is well, exact where it is not."""

from collections.abc import Iterable, Iterator
from typing import IO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance.impact import Impact
from conformance.report.document import Report
from conformance.report.failures import USER_SEES, Evidence, Failure, grouped
from conformance.verdict import Status

MOST_FAILURES = 12
WIDE = 120
LABEL = 11
COLOUR = {"MUST": "bold red", "SHOULD": "yellow", "MAY": "cyan"}


def console(file: IO[str], *, width: int | None = None) -> Console:
    """A console that takes every text as it is: no markup, no emoji, no guessing of colours.

    What is no terminal gets no colours and, unless a width is given, no line breaks inside a sentence.
    """
    made = Console(file=file, markup=False, highlight=False, emoji=False, width=width)
    if width is None and not made.is_terminal:
        made.soft_wrap, made.width = True, WIDE
    return made


def render(report: Report, evidence: Evidence, out: Console) -> None:
    """Print a report."""
    _opening(report, out)
    if report.stopped in ("", "interrupted"):
        _impacts(report, out)
    failures, more = grouped(report, evidence, MOST_FAILURES)
    for failure in failures:
        _failure(failure, out)
    if more:
        out.print(f"\n… and {more} more failing rules: see the JSON report (--report json=PATH).")
    _waivers(report, out)
    _profiles(report, out)
    _closing(report, out)


def _opening(report: Report, out: Console) -> None:
    good = report.exit_code == 0
    verdict = {0: "CONFORMANT", 1: "NOT CONFORMANT", 3: "NOT TESTED", 4: "HARNESS FAILED", 130: "INTERRUPTED"}
    first = Text.assemble(
        (verdict.get(report.exit_code, "NOT CONFORMANT"), "bold green" if good else "bold red"),
        f"  {report.target.name}, model {report.target.model}, at {report.target.base_url}",
    )
    _say(out, "", first, indent=0)
    for sentence in report.summary.headline:
        _say(out, "", Text(sentence, "" if good else "bold"), indent=0)


def _impacts(report: Report, out: Console) -> None:
    """What the frameworks' users get for a plain greeting, where it is not simply the answer."""
    rows = [i for i in report.impact if i.profile in report.profiles and (i.mode == "stream" or not i.delivered)]
    if all(i.delivered and i.requests == 1 for i in rows):
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for place, name in enumerate(_columns(report)):
        table.add_column(name, justify="left" if place < 2 else "right", overflow="fold")
    for impact in rows:
        style = "" if impact.delivered else "red"
        table.add_row(*(Text(cell, style) for cell in _cells(impact, report)))
    out.print()
    out.print(table, soft_wrap=False)
    _details(rows, report, out)


def _columns(report: Report) -> Iterator[str]:
    yield from ("framework", "its user", "requests", "billed")
    if _is_priced(report):
        yield from ("cost", "wasted")
        if report.messages_per_day:
            yield "wasted/day"


def _cells(impact: Impact, report: Report) -> Iterator[str]:
    how = "" if impact.mode == "stream" else ", unary"
    yield from (impact.client + how, USER_SEES[impact.outcome], str(impact.requests), str(impact.billed))
    if _is_priced(report):
        yield from (money(impact.cost_usd), money(impact.wasted_usd))
        if report.messages_per_day:
            wasted = impact.wasted_usd
            yield money(None if wasted is None else wasted * report.messages_per_day)


def _is_priced(report: Report) -> bool:
    return any(i.cost_usd is not None for i in report.impact)


def _details(rows: Iterable[Impact], report: Report, out: Console) -> None:
    """What the table counts, and why each user gets what they get."""
    if _is_priced(report):
        day = f"; a day is {report.messages_per_day:g} messages" if report.messages_per_day else ""
        guess = "; estimated where the target reports no usage" if any(i.estimated for i in rows) else ""
        out.print(f"Requests and US dollars for one user message{day}{guess}.", style="dim")
    for detail in dict.fromkeys(i.detail for i in rows if i.detail and not (i.delivered and i.requests == 1)):
        _say(out, "", Text(detail), indent=2)


def money(amount: float | None) -> str:
    """US dollars with as many places as it takes to see something."""
    if amount is None:
        return "unknown"
    return (
        "$0"
        if amount == 0
        else f"${amount:.2f}"
        if amount >= 0.1
        else f"${amount:.3f}"
        if amount >= 0.001
        else f"${amount:.2g}"
    )


def _failure(failure: Failure, out: Console) -> None:
    out.print()
    head = Text.assemble((f"{failure.rule} {failure.level}", COLOUR[failure.level]), f"  {failure.title}")
    _say(out, "", head, indent=0)
    for line in failure.lines:
        _say(out, line.label, Text(line.text, "dim" if line.verbatim else ""), verbatim=line.label == "again")


def _waivers(report: Report, out: Console) -> None:
    if report.waivers:
        out.print()
    for waiver in report.waivers:
        state = {
            "used": f"covers {waiver.failures} failures until {waiver.until}",
            "stale": "is stale: it covers no failure",
            "expired": f"expired on {waiver.until}",
        }[waiver.state]
        _say(
            out, "waiver", Text(f"{waiver.rule} {state} ({waiver.reason})", "" if waiver.state == "used" else "yellow")
        )


def _profiles(report: Report, out: Console) -> None:
    out.print()
    widest = max((len(name) for name in report.summary.profiles), default=0)
    for name, counts in report.summary.profiles.items():
        words = ", ".join(_numbers(counts)) or "nothing was asked"
        _say(out, "", Text.assemble((name.ljust(widest + 2), "bold"), words), indent=0)


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
    out.print(f"{report.requests} requests, {spent}{cost}, {report.duration_s:.1f} s.", style="dim")


def page(lines: Iterable[tuple[str, str]], out: Console) -> None:
    """Print a page: labels and texts."""
    for label, text in lines:
        _say(out, label, Text(text, "" if label else "bold"), indent=LABEL if label else 0)


def _say(out: Console, label: str, text: Text, *, indent: int = LABEL, verbatim: bool = False) -> None:
    """Print a text behind its label, its further lines under its first; a verbatim text is never broken."""
    first = Text.assemble(("  " + label.ljust(indent - 2), "dim")) if indent else Text()
    if verbatim or out.soft_wrap:
        out.print(first.append_text(text), soft_wrap=True)
        return
    for number, line in enumerate(text.wrap(out, max(20, out.width - indent), overflow="fold")):
        out.print((Text(" " * indent) if number else first).append_text(line), soft_wrap=True)
