"""A comparison of two runs as JSON, as Markdown and on a terminal: both sides, what is not compared, and one table."""

from collections.abc import Callable, Iterator
from typing import Final

import msgspec
from rich.console import Console
from rich.text import Text

from conformance.report.across_runs.diff import Change, Comparison, Side
from conformance.report.formats.markdown import code, plain, table
from conformance.report.lines import print_labelled

NAMES: Final = {
    "failure": "new failure",
    "framework": "framework",
    "field": "field",
    "load": "load",
    "cost": "cost",
    "mended": "fixed",
}
"""The name of each kind of change."""
COLUMN: Final = 24
"""Width of the columns before the description."""


def as_json(compared: Comparison) -> bytes:
    """The comparison as JSON, for programs."""
    return msgspec.json.format(msgspec.json.encode(compared), indent=1) + b"\n"


def as_markdown(compared: Comparison) -> bytes:
    """The comparison as Markdown, for a pull request comment."""
    return ("\n".join(_markdown_lines(compared)) + "\n").encode()


def _markdown_lines(compared: Comparison) -> Iterator[str]:
    bad = compared.regressions
    verdict = f"❌ {_count(bad, 'regression')}" if bad else "✅ no regression"
    yield f"## {verdict}: {plain(compared.new.name)}"
    yield ""
    for label, side in (("OLD", compared.old), ("NEW", compared.new)):
        where = f"{plain(side.name)}, model {code(side.model)} at {code(side.base_url)}"
        yield f"- {label}: {where}, {side.started}, suite {side.suite}, catalogue {side.catalogue}"
    yield from (f"- Not compared: {plain(what)}" for what in compared.not_compared)
    yield ""
    if not compared.changes:
        yield _summary(compared)
        return
    rows = (
        ("❌" if c.regression else "", NAMES[c.kind], c.level, plain(c.what), "<br>".join(map(plain, _details(c))))
        for c in compared.changes
    )
    yield from table(("", "change", "level", "what", "details"), rows)


def on_terminal(compared: Comparison, out: Console) -> None:
    """Print the comparison."""
    for label, side in (("OLD", compared.old), ("NEW", compared.new)):
        print_labelled(out, label, Text(_described(side)), indent=COLUMN)
    for number, what in enumerate(compared.not_compared):
        print_labelled(out, "" if number else "not compared", Text(what, "yellow"), indent=COLUMN)
    out.print()
    out.print(_summary(compared), style="bold")
    for change in compared.changes:
        label = f"{'!' if change.regression else ' '} {NAMES[change.kind]:<12}{change.level}"
        first, *others = _details(change)
        print_labelled(out, label, Text(f"{change.what}: {first}", "red" if change.regression else ""), indent=COLUMN)
        for other in others:
            print_labelled(out, "", Text(other, "dim"), indent=COLUMN)


def _summary(compared: Comparison) -> str:
    """The number of differences in one sentence."""
    if not compared.changes:
        return "Nothing changed in what both runs tested." if compared.not_compared else "Nothing changed."
    others = len(compared.changes) - compared.regressions
    return f"{_count(compared.regressions, 'regression')}, {_count(others, 'other change')}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _described(side: Side) -> str:
    return (
        f"{side.name}, model {side.model}, at {side.base_url}, "
        f"{side.started}, suite {side.suite}, catalogue {side.catalogue}"
    )


def _details(change: Change) -> list[str]:
    """The description of a change, the places of a failure, and what follows from it."""
    where = [f"in {change.places}"] if change.places else []
    follows = [f"with it fail {'; '.join(change.follows)}"] if change.follows else []
    return [change.words, *where, *follows]


FORMATS: Final[dict[str, Callable[[Comparison], bytes]]] = {"markdown": as_markdown, "json": as_json}
"""The formats of `conformance diff --report`."""
