"""The run folder: `run.json` and, for each exchange, `exchanges/<id>/{exchange.json,sent.bin,heard.bin}`.

An exchange is written under a temporary name and then renamed, so that it is complete or absent.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from conformance.model.exchange import Arrival, CaseId, Ending, Exchange, Span
from conformance.model.run import FORMAT, RunManifest

RUN = "run.json"
EXCHANGES = "exchanges"
METADATA, SENT, HEARD = "exchange.json", "sent.bin", "heard.bin"
TEMPORARY = ".tmp-"
MAX_ID = 200

T = TypeVar("T")


class StoreError(ValueError):
    """A run folder can't be read or written: what failed, where, why, and the remedy."""

    def __init__(self, what: str, where: Path, why: str, remedy: str) -> None:
        super().__init__(f"{what}: {where}: {why}. {remedy}")
        self.what, self.where, self.why, self.remedy = what, where, why, remedy


class ExchangeMetadata(msgspec.Struct, frozen=True, kw_only=True):
    """Content of `exchange.json`: an exchange without its bytes, but with their counts."""

    id: str
    question: CaseId
    also: tuple[CaseId, ...] = ()
    sent_octets: int
    heard_octets: int
    sent_at_ns: int
    held_up_ns: int = 0
    ending: Ending
    masked: tuple[Span, ...] = ()
    arrivals: tuple[Arrival, ...] = ()


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
        found = _decode(text, _Format, path).format
        if found != FORMAT:
            why = f"its format is {found!r}, and this version reads {FORMAT!r}"
            raise StoreError("The run can't be read", path, why, "Judge it with the version that recorded it.")
        return _decode(text, RunManifest, path)

    def has_facts(self) -> bool:
        """Whether `run.json` exists."""
        return (self.path / RUN).exists()

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
            (temporary / HEARD).write_bytes(exchange.heard)
            (temporary / METADATA).write_bytes(_encode(exchange))
            temporary.rename(place)
        except OSError as error:
            with contextlib.suppress(OSError):
                shutil.rmtree(temporary)
            if place.exists():
                why = "an exchange with this ID was recorded before"
                raise StoreError("The exchange can't be stored", place, why, "Record into a new folder.") from error
            raise _unwritable(place, error) from error

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
        facts = _decode(_read(place / METADATA), ExchangeMetadata, place / METADATA)
        sent, heard = _read(place / SENT), _read(place / HEARD)
        for file, found, said in (
            (SENT, len(sent), facts.sent_octets),
            (HEARD, len(heard), facts.heard_octets),
            (HEARD, len(heard), sum(arrival.length for arrival in facts.arrivals)),
        ):
            if found != said:
                raise _unreadable(place / file, f"it has {found} bytes, but {METADATA} records {said}")
        if any(arrival.length < 1 for arrival in facts.arrivals):
            raise _unreadable(place / METADATA, "an arrival has no bytes")
        if facts.id != id:
            raise _unreadable(place / METADATA, f"it is the record of {facts.id!r}")
        return Exchange(
            id=id,
            question=facts.question,
            also=facts.also,
            sent=sent,
            heard=heard,
            arrivals=facts.arrivals,
            sent_at_ns=facts.sent_at_ns,
            held_up_ns=facts.held_up_ns,
            ending=facts.ending,
            masked=facts.masked,
        )

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


def _encode(x: Exchange) -> bytes:
    """Readable JSON of an exchange's facts: one arrival per line."""
    facts = ExchangeMetadata(
        id=x.id,
        question=x.question,
        also=x.also,
        sent_octets=len(x.sent),
        heard_octets=len(x.heard),
        sent_at_ns=x.sent_at_ns,
        held_up_ns=x.held_up_ns,
        ending=x.ending,
        masked=x.masked,
    )
    text = msgspec.json.format(msgspec.json.encode(facts), indent=2)
    lines = b",\n".join(b"    [%d, %d]" % arrival for arrival in x.arrivals)
    arrivals = b'"arrivals": [\n%b\n  ]\n}\n' % lines if lines else b'"arrivals": []\n}\n'
    return text.removesuffix(b'"arrivals": []\n}') + arrivals


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
