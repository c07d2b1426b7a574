"""Compare two runs, read from their folders or JSON reports."""

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console

from conformance.report.across_runs import diff
from conformance.report.across_runs.diff import TITLES, Change
from conformance.report.document import Report
from conformance.report.formats import terminal
from conformance.runs import execute
from conformance.runs.config import ConfigError

FORMATS = ("markdown", "json")


def print_diff(old: Path, new: Path, reports: Sequence[str], *, strict: bool) -> int:
    """Print the differences, write the reports, and return 1 on a regression. Raises ConfigError."""
    outputs = [_output(text) for text in reports]
    before, after = read(old), read(new)
    found = diff.changes(before, after, strict=strict)
    for name, path in outputs:
        made = diff.as_markdown(found, before, after).encode() if name == "markdown" else msgspec.json.encode(found)
        if str(path) == "-":
            sys.stdout.buffer.write(made)
        else:
            path.write_bytes(made)
    on_screen = any(str(path) == "-" for _, path in outputs)
    out = terminal.console(sys.stderr if on_screen else sys.stdout)
    _show(found, out)
    return int(any(change.regression for change in found))


def read(path: Path) -> Report:
    """The report of a run, from its folder or its JSON report. Raises ConfigError."""
    if path.is_dir():
        return execute.judge_run(path).report
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except (OSError, msgspec.MsgspecError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path}: {why}; accepted: a run folder, or its JSON report") from None


def _output(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not equals or not path or name not in FORMATS:
        raise ConfigError(f"--report {text!r}; accepted: FORMAT=PATH, with FORMAT one of {', '.join(FORMATS)}")
    return name, Path(path)


def _show(found: Sequence[Change], out: Console) -> None:
    bad = sum(change.regression for change in found)
    out.print(f"{bad} regressions, {len(found) - bad} other changes." if found else "Nothing changed.", style="bold")
    for kind, title in TITLES.items():
        mine = [change for change in found if change.kind == kind]
        if mine:
            out.print(f"\n{title}")
        for change in mine:
            mark = "!" if change.regression else " "
            out.print(
                f" {mark} {change.level:<7}{change.what}: {change.words}", style="red" if change.regression else ""
            )
