"""What both fronts do with a run: find it a folder, record, read back, judge, and write the reports."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import anyio

from conformance import catalogue
from conformance.judge import judge
from conformance.model.run import RunFacts
from conformance.model.waiver import Waiver
from conformance.report import build
from conformance.report.document import Report
from conformance.report.failures import Evidence
from conformance.runner import Options, Progress, record
from conformance.runs import config
from conformance.runs.config import ConfigError
from conformance.storage.folder import RunFolder, StoreError

RUNS = Path("reports/runs")
"""Where runs go unless the user says otherwise, below the working directory."""
AT_HAND = 8
"""So many exchanges are kept in memory: memory is bounded by an exchange, not by a run."""


class Judged(NamedTuple):
    """A run's report, and where its octets are."""

    report: Report
    evidence: Evidence


class Output(NamedTuple):
    """One report to write: its format and where to; the path `-` is standard output."""

    format: str
    path: Path


def folder_for(given: Path | None, target_name: str) -> Path:
    """The folder of a new run: the one that was asked for, or a fresh one below `reports/runs`.

    `reports/runs` ignores itself in git: recordings are evidence, not source. Raises ConfigError for a folder that
    holds something.
    """
    if given is not None:
        if given.exists() and (not given.is_dir() or any(given.iterdir())):
            raise ConfigError(f"--run-dir {given}: accepted is a new or empty folder; a run is never overwritten")
        return given
    RUNS.mkdir(parents=True, exist_ok=True)
    if not (RUNS / ".gitignore").exists():
        (RUNS / ".gitignore").write_text("*\n")
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{target_name}"
    return next(path for n in range(1, 1000) if not (path := RUNS / (stamp if n == 1 else f"{stamp}-{n}")).exists())


def carry_out(options: Options, path: Path, progress: Progress) -> RunFacts:
    """Record a run into a folder. Ctrl-C ends it early: what was recorded is kept, and the facts say so."""
    try:
        folder = RunFolder.create(path)
    except StoreError as error:
        raise ConfigError(f"--run-dir: {error}") from None
    try:
        return anyio.run(record, options, folder, progress)
    except KeyboardInterrupt:
        if not folder.has_facts():
            raise  # the user was quicker than the first request
        return folder.facts()


def judged(path: Path, waivers: Path | None = None, *, strict: bool = False) -> Judged:
    """Judge the recording in a folder. Raises ConfigError where it holds none, or the waivers can't be used."""
    accepted = waived(waivers)
    try:
        folder = RunFolder.open(path)
        facts, load = folder.facts(), lru_cache(maxsize=AT_HAND)(folder.exchange)
        _whole(facts, folder)
        judgement = judge(facts, load, folder.ids())
        report = build.build(facts, judgement, load, accepted, strict=strict)
    except StoreError as error:
        raise ConfigError(str(error)) from None
    return Judged(report, Evidence(load, facts.target, str(path)))


def _whole(facts: RunFacts, folder: RunFolder) -> None:
    """Refuse a recording from which exchanges were taken away: what is missing would not fail."""
    lost = sorted({*facts.planned} - {*facts.left_out} - {*folder.ids()})
    if lost and not facts.stopped:
        raise ConfigError(
            f"{folder.path}: {len(lost)} exchanges of this run are gone, {lost[0]} first; record it again"
        )


def waived(path: Path | None) -> tuple[Waiver, ...]:
    """The waivers of a file, or none. Raises ConfigError where they can't be used."""
    return config.waivers(path, frozenset(rule.id for rule in catalogue.rules())) if path else ()


def outputs(given: Sequence[str]) -> tuple[Output, ...]:
    """The reports to write, from `FORMAT=PATH`. Raises ConfigError for what can't be written."""
    return tuple(map(_output, given))


def _output(text: str) -> Output:
    from conformance.report.formats.registry import FORMATS  # noqa: PLC0415 - most runs write no report

    name, equals, path = text.partition("=")
    if not equals or not path or name not in FORMATS:
        raise ConfigError(f"--report {text!r}; accepted: FORMAT=PATH, with FORMAT one of {', '.join(FORMATS)}")
    if path != "-":
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"--report {text!r}: {error}") from None
        if Path(path).is_dir():
            raise ConfigError(f"--report {text!r}: the path is a folder; accepted is a file")
        _try(text, Path(path))
    return Output(name, Path(path))


def _try(text: str, path: Path) -> None:
    """See that a report can be written before anything is spent on it. Raises ConfigError."""
    was_there = path.exists()
    try:
        with path.open("ab"):
            pass
    except OSError as error:
        raise ConfigError(f"--report {text!r}: {error}") from None
    if not was_there:
        path.unlink()


def render(name: str, run: Judged) -> bytes:
    """The octets of a report in a format."""
    from conformance.report.formats.registry import FORMATS  # noqa: PLC0415 - most runs write no report

    return FORMATS[name](run.report, run.evidence)
