"""Compare two runs, read from their folders or JSON reports."""

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from conformance.report.across_runs import diff, diff_formats
from conformance.report.document import Report
from conformance.report.formats import terminal
from conformance.runs import execute
from conformance.runs.config import ConfigError

SCREEN = "-"


def print_diff(old: Path, new: Path, reports: Sequence[str], *, strict: bool) -> int:
    """Print or write the differences, and return 1 on a regression. Raises ConfigError.

    A report on standard output stands alone: it says what would be printed.
    """
    outputs = execute.outputs(reports, diff_formats.FORMATS)
    compared = diff.compare(read(old), read(new), strict=strict)
    for output in outputs:
        made = diff_formats.FORMATS[output.format](compared)
        if str(output.path) == SCREEN:
            sys.stdout.buffer.write(made)
        else:
            output.path.write_bytes(made)
    if not any(str(output.path) == SCREEN for output in outputs):
        diff_formats.on_terminal(compared, terminal.console(sys.stdout))
    return int(compared.regressions > 0)


def read(path: Path) -> Report:
    """The report of a run, from its folder or its JSON report. Raises ConfigError."""
    if path.is_dir():
        return execute.judge_run(path).report
    try:
        return msgspec.json.decode(path.read_bytes(), type=Report)
    except (OSError, msgspec.MsgspecError) as error:
        why = getattr(error, "strerror", None) or error
        raise ConfigError(f"{path}: {why}; accepted: a run folder, or its JSON report") from None
