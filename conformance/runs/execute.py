"""Create, record, judge and report a run; shared by all front ends."""

import re
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import anyio
import msgspec
from msgspec import UNSET, UnsetType

from conformance import catalogue
from conformance.judging import Judgement, judge
from conformance.load.result import LoadResult
from conformance.model.criteria import USUAL_CRITERIA, Criteria
from conformance.model.exchange import Exchange
from conformance.model.load import LoadFacts
from conformance.model.run import RunManifest
from conformance.model.sample import Population
from conformance.model.verdict import Level
from conformance.report import build
from conformance.report.document import Report, ReportGateway
from conformance.report.failures import Recording
from conformance.runner import Progress, RunOptions, record
from conformance.runs.config import ConfigError
from conformance.storage.folder import RunFolder, StoreError
from conformance.storage.memory import InMemoryRun
from conformance.traffic import JudgedTraffic, judge_traffic
from conformance.transport.clock import NANOSECONDS

RUNS = Path("reports/runs")
"""Default folder of runs, relative to the working directory."""
UNPORTABLE = re.compile(r"[^A-Za-z0-9._+-]+")
"""Characters of a name that not every file system takes in a folder's name, or every CI system in an upload."""
EXCHANGE_CACHE_SIZE = 8
"""Exchanges cached in memory: memory is bounded by exchanges, not by the run."""


class JudgedRun(NamedTuple):
    """A run's report, and access to its recording."""

    report: Report
    evidence: Recording


class Output(NamedTuple):
    """One report to write: its format and path; `-` is standard output."""

    format: str
    path: Path


def folder_for(given: Path | None, target_name: str) -> Path:
    """The folder of a new run: the given one, or a new one below `reports/runs`.

    `reports/runs` gets a .gitignore: recordings are evidence, not source. Raises ConfigError if it
    is not empty.
    """
    if given is not None:
        try:
            is_taken = given.exists() and (not given.is_dir() or any(given.iterdir()))
        except OSError as error:
            raise ConfigError(
                f"--run-dir {given}: {error.strerror or error}; accepted: a new or empty folder"
            ) from None
        if is_taken:
            raise ConfigError(f"--run-dir {given}: accepted: a new or empty folder; runs are never overwritten")
        return given
    try:
        RUNS.mkdir(parents=True, exist_ok=True)
        if not (RUNS / ".gitignore").exists():
            (RUNS / ".gitignore").write_text("*\n")
    except OSError as error:
        raise ConfigError(
            f"{RUNS}: {error.strerror or error}; name a folder that can be written with --run-dir"
        ) from None
    plain = UNPORTABLE.sub("-", target_name).strip("-")
    stamp = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{plain}"
    return next(path for n in range(1, 1000) if not (path := RUNS / (stamp if n == 1 else f"{stamp}-{n}")).exists())


def record_run(options: RunOptions, path: Path, progress: Progress) -> RunManifest:
    """Record a run into a folder. Ctrl-C ends it early: what was recorded is kept, and the facts note it."""
    return record_into(path, lambda folder: record(options, folder, progress))


def record_into(path: Path, recording: Callable[[RunFolder], Awaitable[RunManifest]]) -> RunManifest:
    """Make a recording into a folder. Ctrl-C ends it early: what was recorded is kept, and the facts note it."""
    try:
        folder = RunFolder.create(path)
    except StoreError as error:
        raise ConfigError(f"--run-dir: {error}") from None
    try:
        return anyio.run(recording, folder)
    except BaseException as error:
        if not folder.has_facts():
            folder.remove()  # it ended before the first request
        if not isinstance(error, KeyboardInterrupt) or not folder.has_facts():
            raise
        facts = folder.facts()
        if not facts.stopped:  # a second Ctrl-C ended the run before it could note the first
            facts = msgspec.structs.replace(facts, stopped="interrupted", stopped_why="the user stopped the run")
            folder.write_facts(facts)
        return facts


def judge_run(path: Path, criteria: Criteria = USUAL_CRITERIA) -> JudgedRun:
    """Judge the recording in a folder. Raises ConfigError if it holds none."""
    try:
        folder = RunFolder.open(path)
        facts = folder.facts()
        if facts.recordings:
            traffic = judge_traffic(folder.exchanges(), catalogue.selected(criteria.rules))
            return built(facts, traffic.judgement, traffic.load, criteria, folder=folder, traffic=traffic)
        if facts.load:
            return judged_load(facts, folder, criteria, folder)
        load = lru_cache(maxsize=EXCHANGE_CACHE_SIZE)(folder.exchange)
        _check_complete(facts, folder)
        if facts.gateway:
            return judged_gateway(facts, load, folder.ids(), criteria, folder)
        judgement = judge(facts, load, folder.ids(), catalogue=catalogue.selected(criteria.rules))
        return built(facts, judgement, load, criteria, folder=folder)
    except StoreError as error:
        raise ConfigError(str(error)) from None


def unstored(options: RunOptions, progress: Progress, criteria: Criteria) -> JudgedRun:
    """Record a run in memory, and judge it."""
    store = InMemoryRun()
    facts = anyio.run(record, options, store, progress)
    judgement = judge(facts, store.exchange, store.ids(), catalogue=catalogue.selected(criteria.rules))
    return built(facts, judgement, store.exchange, criteria)


def judged_gateway(
    facts: RunManifest,
    load: Callable[[str], Exchange],
    ids: Sequence[str],
    criteria: Criteria,
    folder: RunFolder | None = None,
) -> JudgedRun:
    """Judge both sides of a gateway, in memory or in a folder. Raises StoreError."""
    from conformance.gateway.judging import judge_pairs, pairs
    from conformance.report.gateway_build import reported

    rules = catalogue.selected(criteria.rules, catalogue.installed)
    judgement = judge_pairs(facts, load, ids, rules)
    both_sides = reported(facts, pairs(load, ids))
    return built(facts, judgement, load, criteria, folder=folder, both_sides=both_sides)


def judged_load(
    facts: RunManifest, store: RunFolder | InMemoryRun, criteria: Criteria, folder: RunFolder | None = None
) -> JudgedRun:
    """Judge a load test, in memory or in a folder. Raises StoreError."""
    from conformance.load.figures import load_result
    from conformance.load.judging import judge_load, judge_samples

    rules = catalogue.selected(criteria.rules, catalogue.of_users)
    known = facts.load or LoadFacts(users=0, duration_s=0.0)
    timeout_ns = round(known.timeout_s * NANOSECONDS)
    population = Population(tuple(store.samples()), store.shapes(), timeout_ns)
    judgement = judge_load(facts, population, store.exchange, store.ids(), rules)
    must = frozenset(rule.id for rule in rules.rules if rule.level is Level.MUST)
    result = load_result(known, population, must, lambda part: judge_samples(part, rules))
    return built(facts, judgement, store.exchange, criteria, folder=folder, loaded=result)


def built(  # noqa: PLR0913 - those after the fourth are named
    facts: RunManifest,
    judgement: Judgement,
    load: Callable[[str], Exchange],
    criteria: Criteria = USUAL_CRITERIA,
    *,
    folder: RunFolder | None = None,
    traffic: JudgedTraffic | None = None,
    both_sides: ReportGateway | UnsetType = UNSET,
    loaded: LoadResult | None = None,
) -> JudgedRun:
    """The report of a judged recording, with access to the recording.

    `both_sides` is the part about a gateway, `loaded` the numbers of a load test.
    """
    report = build.build_report(facts, judgement, load, criteria, traffic, both_sides, loaded)
    if folder is None:
        return JudgedRun(report, Recording(load, facts.target))
    return JudgedRun(report, Recording(load, facts.target, str(folder.path), folder.received_name))


def _check_complete(facts: RunManifest, folder: RunFolder) -> None:
    """Reject a recording with missing exchanges: what is missing would not fail. Raises ConfigError."""
    lost = sorted({*facts.planned} - {*facts.left_out} - {*folder.ids()})
    if lost and not facts.stopped:
        raise ConfigError(
            f"{folder.path}: {len(lost)} exchanges of this run are missing, the first is {lost[0]}; record it again"
        )


def outputs(given: Sequence[str], formats: Collection[str] | None = None) -> tuple[Output, ...]:
    """The reports to write, from `FORMAT=PATH`; the formats are those of a run, if none are given.

    Raises ConfigError if one can't be written.
    """
    if given and formats is None:
        from conformance.report.formats.registry import FORMATS

        formats = FORMATS
    found = tuple(_output(text, formats or ()) for text in given)
    if sum(str(output.path) == "-" for output in found) > 1:
        raise ConfigError("--report FORMAT=-: accepted once: standard output takes one report")
    return found


def _output(text: str, formats: Collection[str]) -> Output:
    name, equals, path = text.partition("=")
    if not equals or not path or name not in formats:
        raise ConfigError(f"--report {text!r}; accepted: FORMAT=PATH, with FORMAT one of {', '.join(formats)}")
    if path != "-":
        try:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise ConfigError(
                f"--report {text!r}: its folder is a file; accepted: a file that can be written"
            ) from None
        except OSError as error:
            raise ConfigError(
                f"--report {text!r}: {error.strerror or error}; accepted: a file that can be written"
            ) from None
        if Path(path).is_dir():
            raise ConfigError(f"--report {text!r}: the path is a folder; accepted: a file")
        _check_writable(text, Path(path))
    return Output(name, Path(path))


def _check_writable(text: str, path: Path) -> None:
    """Check that a report can be written before sending anything. Raises ConfigError."""
    was_there = path.exists()
    try:
        with path.open("ab"):
            pass
    except OSError as error:
        raise ConfigError(
            f"--report {text!r}: {error.strerror or error}; accepted: a file that can be written"
        ) from None
    if not was_there:
        path.unlink()


def render(name: str, run: JudgedRun) -> bytes:
    """The bytes of a report in a format."""
    from conformance.report.formats.registry import FORMATS

    return FORMATS[name](run.report, run.evidence)
