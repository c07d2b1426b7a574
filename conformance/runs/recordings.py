"""Judge recordings by other tools, HAR archives and VCR cassettes: read, count, keep if wanted, and judge."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Final

import msgspec

from conformance import catalogue
from conformance.apis.specs import SPECS
from conformance.model.criteria import USUAL_CRITERIA, Criteria
from conformance.model.exchange import Exchange, Origin
from conformance.model.run import Recordings, RunManifest, Stopped
from conformance.model.target import Target
from conformance.model.words import APIS, RecordingFormat
from conformance.recordings import entry, read
from conformance.recordings.build import PROFILE
from conformance.run_facts import BY_USER, TOOL, timestamp
from conformance.runs.config import ConfigError
from conformance.runs.execute import JudgedRun, built, judge_run
from conformance.runs.skipped import SkippedCount
from conformance.storage.folder import RUN, RunFolder, StoreError
from conformance.traffic import NOWHERE, Place, judge_apart, judge_traffic, place_of

NOT_STATED: Final = "not-stated"
"""The host of an exchange whose recording does not say it."""
MOST_HOSTS: Final = 2
ACCEPTED: Final = (
    "accepted: a run folder (it holds run.json); or HAR archives, VCR cassettes, and folders of them, with responses "
    f"to {', '.join(one.path for one in SPECS.values())}"
)

Progress = Callable[[int, int, int], None]
"""Told after each exchange and each file: how many files were read, how many there are, and how many exchanges."""


def quiet(_done: int, _of: int, _exchanges: int) -> None:
    """Show no progress."""


def numbered(one: entry.Entry, number: int) -> Exchange:
    """The exchange of an entry, with an ID and its origin."""
    x = one.exchange
    origin = Origin(host=one.host or NOT_STATED, model=one.model, client=one.client, source=one.source, at=one.at)
    return replace(x, id=f"{number:06}-{x.api}-{x.mode}", origin=origin, cache={})


@dataclass(slots=True)
class _Reading:
    """What was read so far. Iterating over `exchanges` fills it."""

    paths: Sequence[Path]
    format: RecordingFormat | None
    progress: Progress
    files: int = 0
    number: int = 0
    duplicates: int = 0
    seen: set[bytes] = field(default_factory=set)
    places: dict[Place, None] = field(default_factory=dict)
    skipped: SkippedCount = field(default_factory=SkippedCount)
    started: str = field(default_factory=timestamp)

    def exchanges(self) -> Iterator[Exchange]:
        """The exchanges of all recordings, numbered, each of several equal ones once. Raises ConfigError."""
        found = list(read.files(self.paths))
        for done, path in enumerate(found):
            for x in self._of(path):
                yield x
                self.progress(done, len(found), self.number)
            self.progress(done + 1, len(found), self.number)

    def _of(self, path: Path) -> Iterator[Exchange]:
        """The exchanges of one file. What is no recording is an error only if it was named itself."""
        began = self.number
        try:
            for one in read.read(path, self.format):
                if isinstance(one, entry.Skipped):
                    self.skipped.add(one)
                elif x := self._numbered(one):
                    yield x
        except entry.RecordingError as error:
            if path in self.paths:
                raise
            if self.number > began:
                self.skipped.add(entry.Skipped(source=str(path), why="damaged", detail=error.why))
                return
            self.skipped.add_file(f"{path}: {error.why}")
            return
        self.files += 1

    def _numbered(self, one: entry.Entry) -> Exchange | None:
        """The exchange under its number, or None if an equal one was read before."""
        x = one.exchange
        head, _, body = x.sent.partition(b"\r\n\r\n")
        parts = (one.host.encode(), head.partition(b"\r\n")[0], body, x.received)
        digest = blake2b(b"\0".join(blake2b(part).digest() for part in parts), digest_size=16).digest()
        if digest in self.seen:
            self.duplicates += 1
            return None
        self.seen.add(digest)
        self.number += 1
        found = numbered(one, self.number)
        self.places[place_of(found)] = None
        return found

    @property
    def held(self) -> Recordings:
        """What the recordings hold."""
        return Recordings(files=self.files, duplicates=self.duplicates, skipped=self.skipped.facts())

    @property
    def facts(self) -> RunManifest:
        """The facts about what was read so far."""
        return msgspec.structs.replace(manifest(self.held, self.places), started=self.started)


def judge_paths(
    paths: Sequence[Path],
    criteria: Criteria = USUAL_CRITERIA,
    *,
    format: RecordingFormat | None = None,  # noqa: A002 - as in `read`
    save: Path | None = None,
    progress: Progress = quiet,
) -> JudgedRun:
    """Judge a run folder, or recordings by other tools. Raises ConfigError."""
    if not paths:
        raise ConfigError(f"no path was given; {ACCEPTED}")
    runs = [path for path in paths if (path / RUN).is_file()]
    if not runs:
        return judge_recordings(paths, criteria, format=format, save=save, progress=progress)
    if len(paths) > 1:
        raise ConfigError(f"{runs[0]} is a run folder; accepted: one run folder alone, or recordings")
    if save or format:
        option = "--save" if save else "--recording-format"
        raise ConfigError(f"{option} is about recordings by other tools, and {runs[0]} is a run folder; remove it")
    return judge_run(runs[0], criteria)


def judge_recordings(
    paths: Sequence[Path],
    criteria: Criteria = USUAL_CRITERIA,
    *,
    format: RecordingFormat | None = None,  # noqa: A002 - as in `read`
    save: Path | None = None,
    progress: Progress = quiet,
) -> JudgedRun:
    """Judge recordings by other tools, and keep them in a run folder if one is given.

    Raises ConfigError: a path can't be read, or nothing in it can be judged.
    """
    reading = _Reading(tuple(paths), format, progress)
    try:
        exchanges = reading.exchanges()
        first = next(exchanges, None)
        if first is None:
            raise ConfigError(_nothing(paths, reading.held))
        folder = RunFolder.create(save) if save else None
        with _facts_kept(reading, folder):
            every = chain((first,), exchanges)
            traffic = judge_traffic(_kept(every, folder) if folder else every, catalogue.selected(criteria.rules))
    except entry.RecordingError as error:
        raise ConfigError(str(error)) from None
    except StoreError as error:
        raise ConfigError(f"--save: {error}") from None
    return built(reading.facts, traffic.judgement, traffic.load, criteria, folder=folder, traffic=traffic)


def judge_columns(
    paths: Sequence[Path],
    criteria: Criteria,
    column: Callable[[Origin], str],
    *,
    format: RecordingFormat | None = None,  # noqa: A002 - as in `read`
    progress: Progress = quiet,
) -> dict[str, JudgedRun]:
    """Judge recordings by other tools, those of each column of a matrix on their own. Raises ConfigError."""
    reading = _Reading(tuple(paths), format, progress)
    files: dict[str, set[str]] = {}

    def apart(x: Exchange) -> str:
        origin = x.origin or NOWHERE
        files.setdefault(column(origin), set()).add(origin.source.rpartition("#")[0])
        return column(origin)

    try:
        found = judge_apart(reading.exchanges(), catalogue.selected(criteria.rules), apart)
    except entry.RecordingError as error:
        raise ConfigError(str(error)) from None
    if not found:
        raise ConfigError(_nothing(paths, reading.held))
    return {
        name: built(
            manifest(Recordings(files=len(files[name])), [group.place for group in traffic.groups], name),
            traffic.judgement,
            traffic.load,
            criteria,
            traffic=traffic,
        )
        for name, traffic in found.items()
    }


@contextmanager
def _facts_kept(reading: _Reading, folder: RunFolder | None) -> Iterator[None]:
    """Keep the facts in the folder, too: whatever ends the reading early, what was kept until then can be judged."""
    stopped: Stopped = "interrupted"
    why = BY_USER
    try:
        yield
        stopped, why = "", ""
    except Exception as error:
        why = str(error)
        raise
    finally:
        if folder:
            folder.write_facts(msgspec.structs.replace(reading.facts, stopped=stopped, stopped_why=why))


def _kept(exchanges: Iterator[Exchange], folder: RunFolder) -> Iterator[Exchange]:
    for x in exchanges:
        folder.write(x)
        yield x


def manifest(held: Recordings, places: Collection[Place], name: str = "recordings") -> RunManifest:
    """The facts about recordings, in the form of a run: the target are the hosts and models that answered."""
    named = sorted(places)
    hosts, models = (list(dict.fromkeys(names)) for names in ([p.host for p in named], [p.model for p in named]))
    return RunManifest(
        tool=TOOL,
        started=timestamp(),
        target=Target(
            name=name,
            base_url=_few(hosts, "host"),
            model=_few(models, "model"),
            apis=tuple(api for api in APIS if any(place.api == api for place in places)),
        ),
        suite="recordings",
        profiles=(PROFILE,),
        recordings=held,
    )


def _few(names: Sequence[str], noun: str) -> str:
    """The names if they are few, else their number."""
    named = [name for name in names if name]
    return ", ".join(named) if len(names) == len(named) <= MOST_HOSTS else f"{len(names)} {noun}s"


def _nothing(paths: Sequence[Path], held: Recordings) -> str:
    """Why nothing was judged, and what is accepted."""
    skipped = held.skipped
    found = {
        "requests to other paths": sum(skipped.other_paths.values()),
        "requests without a response": skipped.no_response,
        "damaged entries": skipped.damaged,
        "files that hold no recording": skipped.other_files,
    }
    counted = ", ".join(f"{what}: {count}" for what, count in found.items() if count) or "no recording"
    first = next(iter((*skipped.damaged_first, *skipped.other_paths, *skipped.other_files_first)), "")
    example = f" (the first: {first})" if first else ""
    return f"{', '.join(map(str, paths[:3]))}: nothing to judge ({counted}){example}; {ACCEPTED}"
