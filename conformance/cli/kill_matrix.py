"""Prints the kill matrix: the verdicts on every planted defect and legal variant."""

import json
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from difflib import get_close_matches
from multiprocessing import get_context
from typing import Final, TextIO

from conformance import selftest
from conformance.cli.progress import Bar
from conformance.gateway.selftest import run_through
from conformance.model.verdict import MAY, MUST, SHOULD
from conformance.model.words import APIS
from conformance.report.formats import terminal
from conformance.runs.config import ConfigError
from conformance.selftest import Row
from conformance.testbed.gateway import changes
from conformance.testbed.gateway.handling import TRANSPARENT

RUNS_PER_PROCESSOR: Final = 2
"""Runs through a gateway at a time; they mostly wait, and a rule about time does not judge what was held up."""


def show(names: Sequence[str], form: str, out: TextIO) -> bool:
    """Print the rows of these subjects (default: all) and the totals; return whether all are as expected.

    Raises ConfigError for an unknown name.
    """
    known = selftest.subjects()
    for name in names:
        if name not in known:
            near = ", ".join(get_close_matches(name, known, n=3)) or "`conformance list defects` and `list variants`"
            raise ConfigError(
                f"selftest {name!r} is not known; see {near}; accepted: a good deployment, a defect or a variant"
            )
    rows = selftest.rows(names or known)
    return _show_json(rows, out) if form == "json" else _show_text(rows, out)


def show_gateways(names: Sequence[str], form: str, out: TextIO) -> bool:
    """As `show`, of the embedded gateway. Raises ConfigError for an unknown name."""
    known = tuple(change.name for change in (TRANSPARENT, *changes.variants(), *changes.defects()))
    for name in names:
        if name not in known:
            near = ", ".join(get_close_matches(name, known, n=3))
            raise ConfigError(
                f"selftest --gateway {name!r} is not known; see {near or '`conformance list gateway-defects`'}"
            )
    with Bar(terminal.console(sys.stderr)) as bar:
        rows = _rows_of_gateways(names or known, bar)
        return _show_json(rows, out) if form == "json" else _show_text(rows, out)


def _rows_of_gateways(names: Sequence[str], bar: Bar) -> Iterator[Row]:
    """The lines in order. A run through a gateway takes the time that its waits take: several share a processor."""
    workers = RUNS_PER_PROCESSOR * (os.cpu_count() or 1)
    with ProcessPoolExecutor(max_workers=workers, mp_context=get_context("spawn")) as pool:
        for number, row in enumerate(pool.map(evaluate_gateway, names), 1):
            bar.at(number, len(names), "testing")
            yield row


def evaluate_gateway(name: str) -> Row:
    """The line of a defect or variant of the embedded gateway, or of the one that changes nothing, on all APIs."""
    change = changes.find(name)
    got = run_through(change) if change else run_through(TRANSPARENT, apis=APIS)
    return Row(
        name=name,
        title=(change or TRANSPARENT).title,
        suite=got.facts.suite,
        caught_by=change.caught_by if change else "",
        must=got.failing(MUST),
        should=got.failing(SHOULD, MAY),
        errors=got.errors,
        requests=got.judgement.requests,
    )


def _show_text(rows: Iterable[Row], out: TextIO) -> bool:
    seen: list[Row] = []
    for row in rows:
        seen.append(row)
        out.write(_line(row) + "\n")
        out.flush()
    wrong = [row for row in seen if not row.as_expected]
    defects = [row for row in seen if row.caught_by]
    caught = sum(row.as_expected for row in defects)
    quiet = sum(row.as_expected for row in seen if not row.caught_by)
    out.write(f"{caught} of {len(defects)} defects caught, {quiet} of {len(seen) - len(defects)} good subjects pass")
    out.write(f"; wrong: {', '.join(row.name for row in wrong)}\n" if wrong else "\n")
    return not wrong


def _line(row: Row) -> str:
    mark = "ok   " if row.as_expected else "WRONG"
    fired = " ".join((*row.must, *(f"({rule})" for rule in row.should))) or "-"
    return f"{mark} {row.name:<32} {row.caught_by or 'good':<8} {fired}" + "".join(f"  ERROR {e}" for e in row.errors)


def _show_json(rows: Iterable[Row], out: TextIO) -> bool:
    seen = list(rows)
    out.write(json.dumps([asdict(row) | {"is_right": row.as_expected} for row in seen], indent=1) + "\n")
    return all(row.as_expected for row in seen)
