"""Judges recordings by other tools, with a progress bar."""

import sys
from collections.abc import Sequence
from pathlib import Path

from conformance.cli.progress import Bar
from conformance.model.criteria import Criteria
from conformance.model.words import RecordingFormat
from conformance.report.formats import terminal
from conformance.runs import recordings
from conformance.runs.execute import JudgedRun
from conformance.runs.options import OutputOptions


def judged(
    paths: Sequence[Path],
    criteria: Criteria,
    format: RecordingFormat | None,  # noqa: A002 - as in `recordings.read`
    save: Path | None,
    output: OutputOptions,
) -> JudgedRun:
    """Judge a run folder, or recordings, with a progress bar on a terminal, unless quiet. Raises ConfigError."""
    if output.quiet:
        return recordings.judge_paths(paths, criteria, format=format, save=save)
    with Bar(terminal.console(sys.stderr, color=output.color), "reading") as bar:

        def advance(_done: int, of: int) -> None:
            bar.total(of)
            bar.done()

        return recordings.judge_paths(paths, criteria, format=format, save=save, progress=advance)
