"""A process that works beside one that sends or passes bytes on, so that neither delays the other."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

__all__ = ["side_process"]


def side_process(begin: Callable[..., None] | None = None, *arguments: Any, niceness: int = 0) -> ProcessPoolExecutor:
    """One more process, which first calls `begin`. It leaves Ctrl-C to this one, and ends with it, however it ends."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(1, context, initializer=_begin, initargs=(niceness, begin, arguments))


def _begin(niceness: int, begin: Callable[..., None] | None, arguments: tuple[Any, ...]) -> None:
    """Leave Ctrl-C to the other process, as the terminal sends it to all; and end with it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if niceness:
        os.nice(niceness)
    if begin:
        begin(*arguments)


def _end_with_parent() -> None:
    if parent := multiprocessing.parent_process():
        parent.join()
        os._exit(1)
