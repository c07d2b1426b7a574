"""The run folder: `run.json` and, for each exchange, `exchanges/<id>/{exchange.json,sent.bin,received.bin}`.

A load test has `samples.jsonl` and `shapes.json` beside them.

An exchange is written under a temporary name and then renamed, so that it is complete or absent.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import msgspec

from conformance.model.exchange import Exchange
from conformance.model.run import FORMAT, RunManifest
from conformance.model.sample import Sample
from conformance.storage.metadata import METADATA, RECEIVED, SENT, ExchangeMetadata, encode, exchange_of, inconsistency
from conformance.storage.migrate import FORMAT_1, metadata_of_1, received_file
from conformance.storage.samples import SAMPLES, SHAPES, Shapes, lines_of, samples_in, shapes_to_json

RUN = "run.json"
EXCHANGES = "exchanges"
TEMPORARY = ".tmp-"
MAX_ID = 200

T = TypeVar("T")


class StoreError(ValueError):
    """A run folder can't be read or written: what failed, where, why, and the remedy."""

    def __init__(self, what: str, where: Path, why: str, remedy: str) -> None:
        super().__init__(f"{what}: {where}: {why}. {remedy}")
        self.what, self.where, self.why, self.remedy = what, where, why, remedy


class _Format(msgspec.Struct):
    format: str


class RunFolder:
    """One run on disk. Exchanges are read one at a time, on demand."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path | str) -> "RunFolder":
        """Create a run in a new or empty folder.

        Raises:
            StoreError: the folder is not empty, or can't be created.
        """
        path = Path(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
            if any(path.iterdir()):
                remedy = "Name a new folder, or empty this one"
                raise StoreError("The run can't be stored", path, "the folder is not empty", f"{remedy}.")
            (path / EXCHANGES).mkdir()
        except OSError as error:
            raise _unwritable(path, error) from error
        return cls(path)

    @classmethod
    def open(cls, path: Path | str) -> "RunFolder":
        """Open an existing run.

        Raises:
            StoreError: the folder holds no run.
        """
        path = Path(path)
        if not (path / RUN).is_file():
            why = f"it has no {RUN}" if path.is_dir() else "there is no such folder"
            remedy = f"Name the folder of a run (it holds {RUN} and {EXCHANGES}/)."
            raise StoreError("This is not a run folder", path, why, remedy)
        return cls(path)

    def write_facts(self, facts: RunManifest) -> None:
        """Write `run.json`, or replace it.

        Raises:
            StoreError: the file can't be written.
        """
        temporary = self.path / f"{TEMPORARY}{RUN}"
        try:
            temporary.write_bytes(msgspec.json.format(msgspec.json.encode(facts), indent=2) + b"\n")
            temporary.replace(self.path / RUN)
        except OSError as error:
            raise _unwritable(self.path / RUN, error) from error

    def facts(self) -> RunManifest:
        """Read `run.json`.

        Raises:
            StoreError: it can't be read, or has the format of another version.
        """
        path = self.path / RUN
        text = _read(path)
        if self.format not in (FORMAT, FORMAT_1):
            why = f"its format is {self.format!r}, and this version reads {FORMAT!r} and older ones"
            raise StoreError("The run can't be read", path, why, "Judge it with the version that recorded it.")
        facts = msgspec.structs.replace(_decode(text, RunManifest, path), format=FORMAT)
        try:
            datetime.fromisoformat(facts.started)
        except ValueError:
            raise _unreadable(path, f"{facts.started!r} is not an RFC 3339 time") from None
        return facts

    @cached_property
    def format(self) -> str:
        """The format that `run.json` states; the current one while there is no `run.json`."""
        path = self.path / RUN
        return _decode(_read(path), _Format, path).format if path.is_file() else FORMAT

    def has_facts(self) -> bool:
        """Whether `run.json` exists."""
        return (self.path / RUN).exists()

    def remove(self) -> None:
        """Remove the folder, if nothing was recorded into it."""
        with contextlib.suppress(OSError):
            (self.path / EXCHANGES).rmdir()
            self.path.rmdir()

    def write(self, exchange: Exchange) -> None:
        """Add one exchange.

        Raises:
            StoreError: its ID is not a file name, it exists already, or it can't be written.
        """
        place = self._place(exchange.id)
        temporary = place.with_name(f"{TEMPORARY}{os.getpid()}-{exchange.id}")
        try:
            temporary.mkdir()
            (temporary / SENT).write_bytes(exchange.sent)
            (temporary / RECEIVED).write_bytes(exchange.received)
            (temporary / METADATA).write_bytes(encode(exchange))
            temporary.rename(place)
        except OSError as error:
            with contextlib.suppress(OSError):
                shutil.rmtree(temporary)
            if place.exists():
                why = "an exchange with this ID was recorded before"
                raise StoreError("The exchange can't be stored", place, why, "Record into a new folder.") from error
            raise _unwritable(place, error) from error

    def add_samples(self, samples: Sequence[Sample]) -> None:
        """Add samples of a load test.

        Raises:
            StoreError: the file can't be written.
        """
        try:
            with (self.path / SAMPLES).open("ab") as file:
                file.write(lines_of(samples))
        except OSError as error:
            raise _unwritable(self.path / SAMPLES, error) from error

    def samples(self) -> Iterator[Sample]:
        """The samples of a load test, in order of their addition; none, if there was no load.

        Raises:
            StoreError: the file is damaged.
        """
        path = self.path / SAMPLES
        try:
            with path.open("rb") as file:
                yield from samples_in(file)
        except FileNotFoundError:
            return
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _unreadable(path, str(error)) from error

    def write_shapes(self, shapes: Shapes) -> None:
        """Write what the names in the samples stand for, or replace it.

        Raises:
            StoreError: the file can't be written.
        """
        try:
            (self.path / SHAPES).write_bytes(shapes_to_json(shapes))
        except OSError as error:
            raise _unwritable(self.path / SHAPES, error) from error

    def shapes(self) -> Shapes:
        """What the names in the samples stand for.

        Raises:
            StoreError: the file is damaged.
        """
        path = self.path / SHAPES
        return _decode(_read(path), Shapes, path) if path.is_file() else {}

    def ids(self) -> tuple[str, ...]:
        """The IDs of the exchanges, sorted, without leftovers of interrupted writes.

        Raises:
            StoreError: the folder can't be read.
        """
        try:
            with os.scandir(self.path / EXCHANGES) as entries:
                return tuple(sorted(e.name for e in entries if e.is_dir() and not e.name.startswith(".")))
        except OSError as error:
            raise _unreadable(self.path / EXCHANGES, str(error.strerror or error)) from error

    def exchange(self, id: str) -> Exchange:  # noqa: A002 - the field's name in Exchange
        """One exchange.

        Raises:
            StoreError: it does not exist, or its files are damaged or inconsistent.
        """
        place = self._place(id)
        received_name = self.received_name
        metadata = self._metadata(place / METADATA)
        sent, received = _read(place / SENT), _read(place / received_name)
        arrived = (
            sum(arrival.length for arrival in metadata.arrivals) if "timing" in metadata.recorded else len(received)
        )
        for file, found, recorded in (
            (SENT, len(sent), metadata.sent_bytes),
            (received_name, len(received), metadata.received_bytes),
            (received_name, len(received), arrived),
        ):
            if found != recorded:
                raise _unreadable(place / file, f"it has {found} bytes, but {METADATA} records {recorded}")
        if problem := inconsistency(metadata):
            raise _unreadable(place / METADATA, problem)
        if metadata.id != id:
            raise _unreadable(place / METADATA, f"it is the record of {metadata.id!r}")
        return exchange_of(metadata, sent, received)

    @property
    def received_name(self) -> str:
        """The name of the file with the received bytes of an exchange."""
        return received_file(self.format)

    def _metadata(self, path: Path) -> ExchangeMetadata:
        if self.format != FORMAT_1:
            return _decode(_read(path), ExchangeMetadata, path)
        try:
            return metadata_of_1(_read(path))
        except (ValueError, RecursionError) as error:
            raise _unreadable(path, str(error)) from error

    def exchanges(self) -> Iterator[Exchange]:
        """All exchanges in the order of their IDs, one at a time."""
        return map(self.exchange, self.ids())

    def _place(self, id: str) -> Path:  # noqa: A002 - as in exchange
        folder = self.path / EXCHANGES
        if not id or len(id) > MAX_ID or id.startswith(".") or not id.isprintable() or "/" in id or "\\" in id:
            remedy = f"Use at most {MAX_ID} printable characters without slashes or a leading dot."
            raise StoreError(
                "The exchange can't be found or stored", folder, f"the ID {id!r} is not a file name", remedy
            )
        return folder / id


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, str(error.strerror or error)) from error


def _decode(text: bytes, kind: type[T], path: Path) -> T:
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _unreadable(path, str(error)) from error


def _unreadable(path: Path, why: str) -> StoreError:
    return StoreError("The run folder is damaged", path, why, "Restore it from a copy, or record the run again.")


def _unwritable(path: Path, error: OSError) -> StoreError:
    why = str(error.strerror or error)
    return StoreError("The run can't be stored", path, why, "Name a folder that can be written.")
