"""Prints the kill matrix: the verdicts on every planted defect and legal variant."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from difflib import get_close_matches
from typing import TextIO

from conformance import selftest
from conformance.runs.config import ConfigError
from conformance.selftest import Row


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
