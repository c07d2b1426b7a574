"""What is reported of both sides of a gateway, in words and tables. Pure."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import Final

from msgspec import UNSET
from rich.console import Console
from rich.text import Text

from conformance.model.run import RunManifest
from conformance.report import headline
from conformance.report.counts import numbered
from conformance.report.document import Report, ReportGateway
from conformance.report.lines import print_labelled

MOST_NAMED: Final = 8
NOTABLE: Final = ("dropped", "changed", "added", "refused", "mapped")
"""Field verdicts that are named in a report, the worst first; the others are equal."""
OUTCOMES: Final = {
    "made worse": "made worse",
    "told": "as errors",
    "passed on": "passed on",
    "healed": "healed",
}
"""What the client gets of a fault of the upstream, the worst first: each in a word that needs no sentence."""


# The first lines


def lines(facts: RunManifest, shown: ReportGateway, sentences: Iterable[str]) -> Iterator[str]:
    """The sentences of a report, the most important first; `sentences` are those of any run."""
    if not headline.not_tested(facts):
        yield from _both_sides(shown)
    yield from sentences
    yield from _outcomes(shown)
    yield from _policy(shown)


def about(report: Report) -> str:
    """What was tested."""
    target = report.target
    if not target.model:
        return f"the upstream alone, at {ports(report)}"
    return f"both sides of {target.name}, model {target.model}, at {target.base_url}, upstream at {ports(report)}"


def ports(report: Report) -> str:
    """Where the upstreams were, in words."""
    return " and ".join(f"port {port}" for port in report.gateway.ports) if report.gateway is not UNSET else ""


def _both_sides(shown: ReportGateway) -> Iterator[str]:
    """How many requests the client sent, and how many arrived."""
    sent = len(shown.requests)
    counts = Counter(len(one.upstream) for one in shown.requests)
    more = sum(number for times, number in counts.items() if times > 1)
    words = [f"{counts[1]} arrived once"] if counts[0] or more else []
    words += [f"{more} arrived more than once"] if more else []
    words += [f"{counts[0]} did not arrive"] if counts[0] else []
    detail = f" ({', '.join(words)})" if words else ", each once"
    yield f"The client sent {numbered(sent, 'request')} to the gateway; {shown.arrived} arrived upstream{detail}."


def _outcomes(shown: ReportGateway) -> Iterator[str]:
    if shown.defects:
        counts = Counter(one.outcome for one in shown.defects)
        words = ", ".join(f"{counts[outcome]} {label}" for outcome, label in OUTCOMES.items() if counts[outcome])
        yield f"What the client got of {numbered(len(shown.defects), 'fault')} of the upstream: {words}."


def _policy(shown: ReportGateway) -> Iterator[str]:
    stale = [one for one in shown.policy if one.state == "stale"]
    if stale:
        words = "; ".join(f"`{one.line}` ({one.why})" for one in stale)
        yield f"Stale in the gateway policy, as no request needed it: {words}."


# The tables


LANE_COLUMNS: Final = ("gateway's API", "upstream's API", "requests", "arrived", "fields")


def lane_rows(shown: ReportGateway) -> Iterator[tuple[str, ...]]:
    """The lanes, with the number of fields by verdict."""
    for lane in shown.lanes:
        mine = Counter(
            one.verdict for one in shown.fields if (one.client, one.upstream) == (lane.client, lane.upstream)
        )
        fields = ", ".join(f"{mine[verdict]} {verdict}" for verdict in (*NOTABLE, "equal") if mine[verdict])
        yield (lane.client, lane.upstream or "none", str(lane.requests), str(lane.arrived), fields or "–")


def field_rows(shown: ReportGateway) -> Iterator[tuple[str, str]]:
    """The fields that did not arrive as they were sent: by verdict and lane, in words."""
    for verdict, is_allowed in product(NOTABLE, (False, True)):
        names: dict[str, list[str]] = {}
        for one in shown.fields:
            if (one.verdict, one.allowed) == (verdict, is_allowed):
                names.setdefault(lane_name(one.client, one.upstream), []).append(one.field)
        if names:
            words = "; ".join(f"{lane}: {_first(mine)}" for lane, mine in names.items())
            yield verdict, f"{words} (as the policy says)" if is_allowed else words


def _first(names: Sequence[str], most: int = 3 * MOST_NAMED) -> str:
    more = f" and {len(names) - most} more" if names[most:] else ""
    return ", ".join(names[:most]) + more


def lane_name(client: str, upstream: str) -> str:
    """A lane in words: one API, or two where the gateway translates."""
    return client if upstream in (client, "") else f"{client} → {upstream}"


def defect_rows(shown: ReportGateway) -> Iterator[tuple[str, str]]:
    """The faults of the upstream by what the gateway made of them."""
    for name, label in OUTCOMES.items():
        if mine := [one for one in shown.defects if one.outcome == name]:
            yield label, _first(list(dict.fromkeys(f"{one.script} ({one.api} {one.mode})" for one in mine)))


def notable(shown: ReportGateway) -> Iterator[tuple[str, str]]:
    """What is to be said of fields, faults and policy lines: a label, and words."""
    yield from ((f"fields {verdict}", words) for verdict, words in field_rows(shown))
    yield from ((f"faults {outcome}", words) for outcome, words in defect_rows(shown))
    yield from ((f"policy {one.state}", f"{one.line}: {one.why}") for one in shown.policy if one.state != "used")


def render(report: Report, out: Console) -> None:
    """Print what became of fields and faults, on a terminal."""
    if report.gateway is UNSET:
        return
    for label, words in notable(report.gateway):
        print_labelled(out, label, Text(words, COLOUR.get(label, "")))


COLOUR: Final = {
    "fields dropped": "red",
    "fields changed": "red",
    "fields added": "yellow",
    "faults made worse": "red",
    "policy stale": "yellow",
    "policy untried": "dim",
}
