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
    """A progress bar that appears only after two seconds, and only on a terminal."""

    def __init__(self, console: "Console") -> None:
        self._console = console
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

    def done(self, _exchange: Exchange) -> None:
        """Count one recorded exchange."""
        self.at(self._done + 1, self._total, "sending")

    def at(self, done: int, of: int, doing: str) -> None:
        """Show what is being done, and how much of it is done."""
        self._done, self._total = done, of
        if self._bar is None and self._console.is_terminal and time.monotonic() - self._since > SHOW_AFTER_S:
            self._start()
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], completed=done, total=of, description=doing)

    def _start(self) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bar = Progress(*columns, console=self._console, transient=True)
        self._bar.add_task("sending", total=self._total)
        self._bar.start()
