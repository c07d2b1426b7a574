"""The impact in words and money: the table of each framework's outcome, and why."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance.model.case import Kind
from conformance.model.impact import Impact, Outcome
from conformance.report.document import Report
from conformance.report.lines import print_labelled

MOST_NAMED: Final = 4
MOST_REASONS: Final = 2

USER_SEES: Final[dict[Outcome, str]] = {
    "text": "gets the response",
    "text+": "gets extra text",
    "partial_text": "gets a truncated response",
    "empty_silent": "sees nothing",
    "exception": "sees an error",
    "partial_text+exception": "gets partial text, then an error",
    "hang": "waits until the timeout",
    "tool_ok": "gets the tool call",
    "tool_bad": "gets a malformed tool call",
}
VECTORS_SEEN: Final[dict[Outcome, str]] = {
    "text": "gets the vectors",
    "text+": "gets extra vectors",
    "partial_text": "gets wrong vectors",
}
"""What a user of an embeddings client sees, where it is not the same as with text."""
WORST: Final[tuple[Outcome, ...]] = (
    "hang",
    "empty_silent",
    "exception",
    "partial_text",
    "partial_text+exception",
    "tool_bad",
    "text+",
    "text",
    "tool_ok",
)


def render(report: Report, out: Console, *, verbose: bool = False) -> None:
    """Print what the frameworks' users get for a plain message, unless all get the response at once."""
    rows = outcomes(report)
    if all(i.delivered and i.requests == 1 and not is_multiplied(i) for i in rows):
        return
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for place, name in enumerate(columns(report)):
        table.add_column(name, justify="left" if place < 2 else "right", overflow="fold")
    for impact in rows:
        style = "" if impact.delivered else "red"
        table.add_row(*(Text(cell, style) for cell in cells(impact, report)))
    out.print()
    out.print(table, soft_wrap=False)
    _details(rows, report, out, most=len(rows) if verbose else MOST_REASONS)


def outcomes(report: Report) -> list[Impact]:
    """What the tested frameworks' users get: all streaming outcomes, and the other ones that are not delivered.

    Behind a gateway also what costs each client most while the upstream fails, if the gateway multiplies its requests.
    """
    mine = [i for i in report.impact if i.profile in report.profiles]
    usual = [i for i in mine if not i.is_of_failure and (_is_usual(i) or not i.delivered)]
    return [*usual, *_dearest(i for i in mine if i.is_of_failure)]


def user_sees(impact: Impact) -> str:
    """What the user of a framework gets."""
    seen = USER_SEES[impact.outcome]
    return VECTORS_SEEN.get(impact.outcome, seen) if is_of_vectors(impact) else seen


def is_of_vectors(impact: Impact) -> bool:
    """Whether the client embeds texts; there are no streams of vectors."""
    return impact.probe.startswith("embeddings.")


def _dearest(impacts: Iterable[Impact]) -> list[Impact]:
    """Of each client, the failure of the upstream during which one message sends most there through the gateway."""
    found: dict[str, Impact] = {}
    for impact in impacts:
        before = found.get(impact.client)
        if is_multiplied(impact) and (before is None or _at_upstream(impact) > _at_upstream(before)):
            found[impact.client] = impact
    return list(found.values())


def is_multiplied(impact: Impact) -> bool:
    """Whether a gateway sends more requests upstream than the client sent."""
    return (impact.upstream_requests or 0) > impact.requests


def _at_upstream(impact: Impact) -> tuple[int, int]:
    return impact.upstream_requests or 0, impact.billed


def subject(impact: Impact) -> str:
    """The client, and what happened, unless it was a usual request for a stream."""
    how = "" if _is_usual(impact) else ", unary"
    what = impact.probe.partition(f".{Kind.GATEWAY_FAULT}.")[2]
    return impact.client + how + (f", {what}" if what else "")


def _is_usual(impact: Impact) -> bool:
    return impact.mode == "stream" or is_of_vectors(impact)


def _is_behind_gateway(report: Report) -> bool:
    return any(i.upstream_requests is not None for i in report.impact)


def columns(report: Report) -> Iterator[str]:
    """The names of the table's columns."""
    yield from ("framework", "user outcome", "requests")
    yield from ("upstream", "billed") if _is_behind_gateway(report) else ("billed",)
    if _is_priced(report):
        yield from ("retries", "total")
        if report.messages_per_day:
            yield from ("retries/day", "total/day")


def cells(impact: Impact, report: Report) -> Iterator[str]:
    """A framework's row of the table."""
    yield from (subject(impact), user_sees(impact), str(impact.requests))
    if _is_behind_gateway(report):
        yield "" if impact.upstream_requests is None else str(impact.upstream_requests)
    yield str(impact.billed)
    if _is_priced(report):
        yield from (money(impact.wasted_usd), money(impact.cost_usd))
        if report.messages_per_day:
            yield from (money(impact.wasted_usd_day), money(impact.cost_usd_day))


def _is_priced(report: Report) -> bool:
    return any(i.cost_usd is not None for i in report.impact)


def _details(rows: Iterable[Impact], report: Report, out: Console, *, most: int) -> None:
    """The table's units, and the first reasons."""
    if unit := units(rows, report):
        out.print(unit, style="dim")
    for text in islice(reasons(rows), most):
        print_labelled(out, "", Text(text), indent=2)


def units(rows: Iterable[Impact], report: Report) -> str:
    """What the numbers of the table count, where prices are known, or there is a gateway."""
    if not _is_priced(report):
        return "Requests of the client and of the gateway per user message." if _is_behind_gateway(report) else ""
    day = f"; {report.messages_per_day:g} messages per day" if report.messages_per_day else ""
    guess = "; estimated if the target reports no usage" if any(i.estimated for i in rows) else ""
    return f"Requests and US dollars per user message{day}{guess}."


def reasons(rows: Iterable[Impact]) -> Iterator[str]:
    """The reason of each outcome; clients with the same reason are grouped."""
    alike: dict[str, list[str]] = {}
    for impact in rows:
        if impact.detail and not (impact.delivered and impact.requests == 1):
            alike.setdefault(impact.detail.removeprefix(f"{impact.client} "), []).append(impact.client)
    for why, clients in alike.items():
        names = list(dict.fromkeys(clients))
        yield f"{names[0]} {why}" if len(names) == 1 else f"{named(names)}: each {why}"


def named(clients: Iterable[str]) -> str:
    """The first clients by name, and the number of others."""
    names = list(clients)
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + more


def summary_phrase(impact: Impact) -> str:
    """What a framework's user gets, and after how many requests."""
    sees = user_sees(impact)
    if impact.requests == 1:
        return sees
    return f"{sees} after {impact.requests} requests, {impact.billed} billed"


def worst_first(impact: Impact) -> tuple[int, int]:
    """Sort key: most requests first, then the worst outcome."""
    return -impact.requests, WORST.index(impact.outcome)


def one_line(impact: Impact) -> str:
    """One framework's impact in one line: outcome, requests and cost."""
    priced = impact.cost_usd is not None
    spent = f"; {money(impact.wasted_usd)} in retries, {money(impact.cost_usd)} in total" if priced else ""
    daily = (
        f"; {money(impact.wasted_usd_day)} in retries, {money(impact.cost_usd_day)} in total per day"
        if impact.cost_usd_day is not None
        else ""
    )
    guess = " (estimated)" if impact.estimated else ""
    sent = f"{impact.requests} request" + "s" * (impact.requests != 1)
    if impact.upstream_requests is not None:
        sent += f", {impact.upstream_requests} upstream"
    return f"{user_sees(impact)}; {sent}, {impact.billed} billed{spent}{daily}{guess}"


def money(amount: float | None) -> str:
    """US dollars, with more decimals for small amounts."""
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
