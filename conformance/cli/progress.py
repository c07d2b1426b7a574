"""A progress bar on the terminal, for long runs."""

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from conformance.model.exchange import Exchange

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

SHOW_AFTER_S = 2.0


class Bar:
    """A progress bar that appears only after two seconds, and only on a terminal. `doing` is its label."""

    def __init__(self, console: "Console", doing: str = "sending") -> None:
        self._console, self._doing = console, doing
        self._since = time.monotonic()
        self._total = self._done = 0
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def total(self, requests: int) -> None:
        """Set the number of planned requests."""
        self._total = requests
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], total=requests)

    def done(self, _exchange: Exchange | None = None) -> None:
        """Count one recorded exchange, or one file."""
        self._done += 1
        if self._bar is None and self._console.is_terminal and time.monotonic() - self._since > SHOW_AFTER_S:
            self._start()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=self._done)

    def _start(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn(self._doing), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=self._console, transient=True)
        self._bar.add_task(self._doing, total=self._total)
        self._bar.start()
