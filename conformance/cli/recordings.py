"""Progress on the terminal while recordings by other tools are read and judged."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from conformance.cli.progress import Bar
from conformance.report.display import Color
from conformance.report.formats import terminal
from conformance.runs.recordings import Progress


@contextmanager
def shown(color: Color = "auto") -> Iterator[Progress]:
    """A progress bar of files, which counts the exchanges; it appears after two seconds, and only on a terminal."""
    with Bar(terminal.console(sys.stderr, color=color)) as bar:

        def advance(done: int, of: int, exchanges: int) -> None:
            bar.at(done, of, f"judging, {exchanges} exchanges")

        yield advance
