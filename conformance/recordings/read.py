"""Find recordings, and read each of them entry by entry."""

import gzip
import io
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Final

from conformance.model.words import FORMATS, RecordingFormat
from conformance.parsing.json_text import NOT_JSON, fault_of, parse_json
from conformance.recordings.build import Reader, entry_of, skipped
from conformance.recordings.entry import Entry, RecordingError, Skipped
from conformance.recordings.har import HAR
from conformance.recordings.json_items import Item, Scanner
from conformance.recordings.members import DamagedError
from conformance.recordings.vcr import VCR
from conformance.recordings.yaml_items import BOM, Splitter
from conformance.recordings.yaml_values import Reader as YamlReader

SUFFIXES: Final = (".har", ".json", ".yaml", ".yml")
PLACES: Final[dict[str, tuple[RecordingFormat, Reader]]] = {
    "log.entries": ("har", HAR),
    "interactions": ("vcr", VCR),
    "http_interactions": ("vcr", VCR),
}
"""Where a recording has its entries, in which format."""
CHUNK: Final = 256 * 1024
GZIP: Final = b"\x1f\x8b"
KNOWN: Final = "Name a HAR archive (log.entries) or a VCR cassette (interactions or http_interactions, JSON or YAML)."


def files(paths: Iterable[Path]) -> Iterator[Path]:
    """The recordings among files and below folders, sorted: by the suffix, but for a file that is named itself.

    Raises:
        RecordingError: there is no such file or folder.
    """
    for path in paths:
        if path.is_dir():
            yield from sorted(found for found in path.rglob("*") if _has_suffix(found) and found.is_file())
        elif path.is_file():
            yield path
        elif path.exists():
            raise RecordingError(
                path, "it is not a regular file", "Name a file with a recording: devices and pipes may have no end."
            )
        else:
            raise RecordingError(path, "there is no such file or folder", "Name a recording, or a folder of them.")


def _has_suffix(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith(SUFFIXES)


def read(path: Path, format: RecordingFormat | None = None) -> Iterator[Entry | Skipped]:  # noqa: A002
    """The entries of a recording, one at a time. The format is told by the content, if none is given.

    Raises:
        RecordingError: the file is no recording of a known format, or can't be read.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise RecordingError(path, error.strerror or str(error), "Check the name and the permissions.") from error
    with file:
        yield from read_stream(file, path, format)


def read_stream(
    file: io.BufferedReader,
    path: Path,
    format: RecordingFormat | None = None,  # noqa: A002
) -> Iterator[Entry | Skipped]:
    """The entries of a recording that is open already; `path` names it.

    Raises:
        RecordingError: as `read`.
    """
    source = _Source(_decompressed(file, path))
    first = source.first()
    is_json = first == b"{"
    if format not in (None, *FORMATS):
        raise RecordingError(path, f"the format {format!r} is unknown", f"Known are {' and '.join(FORMATS)}.")
    if not first:
        raise RecordingError(path, source.fault or "the file is empty", KNOWN)
    if not is_json and (format == "har" or first == b"["):
        raise RecordingError(path, "it is not a JSON object", KNOWN)
    places = {place: reader for place, (name, reader) in PLACES.items() if format in (None, name)}
    finder = Scanner(places) if is_json else Splitter()
    items = finder.items(source.chunks() if is_json else source.lines())
    parse = _json if is_json else _in_yaml()
    yield from _entries(items, parse, places, path, source)
    if not finder.found:
        why = f"it has no {' and no '.join(places)}{source.and_fault()}"
        raise RecordingError(path, why, KNOWN)


def _entries(
    items: Iterator[Item],
    parse: Callable[[bytes], list[Any]],
    readers: Mapping[str, Reader],
    path: Path,
    source: "_Source",
) -> Iterator[Entry | Skipped]:
    """The entries of the items, numbered."""
    number = 0
    for item in items:
        values: list[Any] = []
        try:
            if item.fault:
                raise DamagedError(item.fault + source.and_fault())  # noqa: TRY301 - told as what parsing raises
            values = parse(item.text)
        except DamagedError as error:
            yield skipped(f"{path}#{number}", "damaged", str(error))
            number += 1
        for value in values:
            yield entry_of(value, readers[item.place], f"{path}#{number}")
            number += 1


def _json(text: bytes) -> list[Any]:
    """The one value of a JSON text. Raises DamagedError."""
    value = parse_json(text)
    if value is NOT_JSON:
        raise DamagedError(f"not JSON: {fault_of(text)}")
    return [value]


def _in_yaml() -> Callable[[bytes], list[Any]]:
    """A function that reads the items of one document in YAML, each a sequence."""
    reader = YamlReader()

    def values(text: bytes) -> list[Any]:
        found = reader.value(text)
        if not isinstance(found, list):
            raise DamagedError("the interactions are not a sequence")
        return found

    return values


def _decompressed(file: io.BufferedReader, path: Path) -> io.BufferedReader:
    """The file, decompressed if it is gzip, whatever its name. Raises RecordingError."""
    try:
        is_gzip = file.peek(2).startswith(GZIP)
    except OSError as error:
        raise RecordingError(path, error.strerror or str(error), "Name a file.") from error
    return io.BufferedReader(_Decompressed(gzip.GzipFile(fileobj=file)), CHUNK) if is_gzip else file


class _Decompressed(io.RawIOBase):
    """A gzip file, of which everything before its damage can be read."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self.file = file

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.file.read1(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Source:
    """The bytes of a file, in chunks or lines. If reading fails, they end, and `fault` says why."""

    def __init__(self, file: io.BufferedReader) -> None:
        self.file = file
        self.fault = ""

    def first(self) -> bytes:
        """The first character that is neither a byte order mark nor whitespace, without reading on; or empty."""
        return self._try(self.file.peek).removeprefix(BOM).lstrip()[:1]

    def and_fault(self) -> str:
        """The fault, as the end of a sentence."""
        return f" ({self.fault})" if self.fault else ""

    def chunks(self) -> Iterator[bytes]:
        """The bytes in chunks of bounded size."""
        while chunk := self._try(partial(self.file.read1, CHUNK)):
            yield chunk

    def lines(self) -> Iterator[bytes]:
        """The lines; a long one in several parts."""
        while line := self._try(partial(self.file.readline, CHUNK)):
            yield line

    def _try(self, read: Callable[[], bytes]) -> bytes:
        try:
            return read()
        except (OSError, EOFError, zlib.error) as error:
            self.fault = f"the file can't be read on: {error}"
            return b""
