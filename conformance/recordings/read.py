"""Find recordings, and read each of them entry by entry."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from conformance.model.words import RecordingFormat
from conformance.recordings.entry import Entry, Skipped


def files(paths: Iterable[Path]) -> Iterator[Path]:
    """The recordings among files and below folders, sorted: by the suffix, but for a file that is named itself.

    Raises:
        RecordingError: there is no such file or folder.
    """
    raise NotImplementedError


def read(path: Path, format: RecordingFormat | None = None) -> Iterator[Entry | Skipped]:  # noqa: A002
    """The entries of a recording, one at a time. The format is told by the content, if none is given.

    Raises:
        RecordingError: the file is no recording of a known format, or can't be read.
    """
    raise NotImplementedError
