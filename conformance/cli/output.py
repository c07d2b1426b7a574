"""Standard output, whose reader may leave before the end, and new files."""

import os
from io import BufferedWriter, FileIO, TextIOWrapper
from pathlib import Path
from typing import Any


class _Outlasting(FileIO):
    """A file that discards the rest once its reader has closed the pipe, as `head` does: the exit code stays."""

    def write(self, data: Any) -> int:
        """Write bytes, or discard them."""
        try:
            return super().write(data)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.fileno())
            return len(data)


def outlasting_its_reader(stream: TextIOWrapper) -> TextIOWrapper:
    """The stream, in a form that its reader may leave at any time."""
    stream.flush()
    buffer = BufferedWriter(_Outlasting(stream.fileno(), "w", closefd=False))
    return TextIOWrapper(buffer, encoding=stream.encoding, line_buffering=stream.line_buffering)


def write_new(path: Path, text: str) -> None:
    """Write a file that does not exist yet. Raises ConfigError."""
    from conformance.runs.config import ConfigError

    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(
            f"--out {path}: {error.strerror or error}; accepted: a new file, in a folder that is there"
        ) from None
