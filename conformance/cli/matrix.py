"""Runs and judges many targets, each on its own, and writes one site that compares them."""

import re
import shutil
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from conformance import __version__, catalogue
from conformance.gateway.record import GatewayOptions, record_through
from conformance.handbook.rule_html import rule_html
from conformance.model.words import ExitCode
from conformance.report.across_runs import matrix, shards, trends
from conformance.report.across_runs.matrix import Column
from conformance.report.across_runs.trends import Trend
from conformance.report.formats import badge, html, legend
from conformance.report.headline import judged_by
from conformance.report.scores import UNQUOTABLE
from conformance.runner import NullProgress, RunOptions
from conformance.runs import config, execute
from conformance.runs.config import ConfigError
from conformance.runs.criteria import criteria
from conformance.runs.execute import JudgedRun
from conformance.runs.options import RunRequest, TargetOptions
from conformance.runs.resolve import resolved

GATEWAY_WAIT_S: Final = 60.0
"""How long a gateway may take until a request arrives upstream: some look for their upstreams only now and then."""


class Part(NamedTuple):
    """A shard of a matrix: its number, counted from 1, and how many there are."""

    number: int = 1
    of: int = 1


WHOLE: Final = Part()
FOLDERS: Final = ("targets", "rules", "badges")
"""What a site has beside its index."""
PART: Final = re.compile(r"([1-9][0-9]{0,4})/([1-9][0-9]{0,4})")


def part(text: str) -> Part:
    """A shard from `K/N`. Raises ConfigError."""
    found = PART.fullmatch(text)
    if not found or int(found[1]) > int(found[2]):
        raise ConfigError(f"--shard {text}; accepted: K/N, with K from 1 to N, for example 2/4")
    return Part(int(found[1]), int(found[2]))


def run_matrix(path: Path, out: Path, request: RunRequest, at_once: int, shard: Part = WHOLE) -> int:
    """Run all targets of a file, or every N-th of them, write the site, and return the exit code. Raises ConfigError.

    1 if a target fails a MUST, else 3 if one could not be run.
    """
    entries = config.entries(path)
    mine = [name for at, name in enumerate(entries) if at % shard.of == shard.number - 1]
    rules = criteria(request.verdict).rules  # a wrong option is an error of the command, not of every target
    for name, entry in entries.items():
        _check_embedded(path, name, entry)
    make_folders(out, (*FOLDERS, "runs"))
    if not request.selection.profile:
        request = replace(request, selection=replace(request.selection, profile=("all",)))
    line, lock, files = Progress(len(mine)), threading.Lock(), file_names(entries)

    def one(name: str) -> Column:
        column = _one(path, name, files[name], entries[name], out, request)
        with lock:
            line.advance(column)
        return column

    with ThreadPoolExecutor(max_workers=at_once) as pool:
        try:
            columns = list(pool.map(one, mine))
        except KeyboardInterrupt:
            pool.shutdown(cancel_futures=True)  # targets in progress finish
            raise
    kept = shards.encode(columns, tuple(entries), shard, judged_by(rules), __version__)
    (out / shards.FILE).write_bytes(kept)
    return write_site(out, columns, judged_by(rules))


def _check_embedded(path: Path, name: str, entry: config.Entry) -> None:
    """Find an entry's deployment and defect before anything is sent. Raises ConfigError, which names their line."""
    if entry.deployment is None and entry.defect is None:
        return
    from conformance.runs.embedded import find_embedded

    try:
        find_embedded(entry.deployment, entry.defect)
    except ConfigError as error:
        option, _, fault = str(error).partition(" ")
        raise ConfigError(f"{config.place(path, name, option.removeprefix('--'))} {fault}") from None


def make_folders(out: Path, folders: Sequence[str] = FOLDERS) -> None:
    """Make the folders of a site, before anything is sent. Raises ConfigError."""
    try:
        for folder in folders:
            (out / folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--out {out}: {error.strerror or error}; accepted: a folder that can be written") from None


def merge(parts: Sequence[Path], out: Path) -> int:
    """Write the site of a matrix that was run in shards, and return its exit code. Raises ConfigError.

    It is the site that the whole matrix would have written, but for times.
    """
    found = [_shard(folder) for folder in parts]
    try:
        columns = shards.merged(found)
    except ValueError as error:
        raise ConfigError(f"--merge: {error}; accepted: the folders of all shards of one matrix") from None
    if out.resolve() in {folder.resolve() for folder in parts}:
        raise ConfigError(f"--out {out}: is one of the shards; accepted: another folder")
    make_folders(out)
    for folder in parts:
        shutil.copytree(folder, out, dirs_exist_ok=True)
    first = found[0]
    (out / shards.FILE).write_bytes(shards.encode(columns, first.targets, WHOLE, first.judged_by, first.tool))
    return write_site(out, columns, first.judged_by)


def _shard(folder: Path) -> shards.Shard:
    try:
        return shards.decode((folder / shards.FILE).read_bytes())
    except OSError as error:
        raise ConfigError(
            f"--merge {folder / shards.FILE}: {error.strerror or error}; accepted: folders that matrix wrote"
        ) from None
    except ValueError as error:
        raise ConfigError(f"--merge {folder / shards.FILE}: {error}; accepted: what matrix wrote") from None


def page_of(judged: JudgedRun, file: str, out: Path) -> Column:
    """Write the page and the badge of one target. It names the recording from the site's folder, which may be moved."""
    folder = Path(judged.evidence.folder)
    seen = judged.evidence._replace(folder=str(folder.relative_to(out) if folder.is_relative_to(out) else folder))
    (out / "targets" / f"{file}.html").write_text(html.run_page(judged.report, seen, "../"))
    (out / "badges" / f"{file}.svg").write_bytes(badge.render(judged.report))
    return matrix.column(judged.report, file)


def file_names(names: Iterable[str]) -> dict[str, str]:
    """A unique, portable file name for each target, close to its name."""
    found: dict[str, str] = {}
    for name in names:
        plain = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in name)[:80]
        taken = {file.lower() for file in found.values()}
        numbered = (plain if n == 1 else f"{plain}-{n}" for n in range(1, len(found) + 2))
        found[name] = next(file for file in numbered if file.lower() not in taken)
    return found


def _one(path: Path, name: str, file: str, entry: config.Entry, out: Path, request: RunRequest) -> Column:
    """Record, judge and render one target. An error affects only its own column."""
    try:
        judged = _judged(path, name, entry, out / "runs" / file, request)
    except (ConfigError, OSError) as error:
        return matrix.failed_column(name, file, str(error))
    return page_of(judged, file, out)


def _judged(path: Path, name: str, entry: config.Entry, kept: Path, request: RunRequest) -> JudgedRun:
    """Record a new run of a target next to its earlier ones, and judge it."""
    if entry.deployment:
        target_options = TargetOptions(deployment=entry.deployment, defect=entry.defect)
    else:
        target_options = TargetOptions(target=name, config=path)
    kept.mkdir(parents=True, exist_ok=True)
    folder = kept / trends.name_of(datetime.now(UTC))
    with resolved(replace(request, target=target_options)) as options:
        named = replace(options, target=msgspec.structs.replace(options.target, name=name))
        _record(named, entry.upstream_ports, folder)
    judged = execute.judge_run(folder, criteria(replace(request.verdict, waivers=entry.waivers)))
    if judged.report.exit_code not in UNQUOTABLE:
        (kept / f"{folder.name}.json").write_bytes(msgspec.json.encode(trends.failed_rules(judged.report)))
    return judged


def _record(options: RunOptions, upstream_ports: tuple[int, ...], folder: Path) -> None:
    """Record a run of a target: if it has upstream ports, of both sides of a gateway."""
    if not upstream_ports:
        execute.record_run(options, folder, NullProgress())
        return
    through = GatewayOptions(run=options, ports=upstream_ports, wait_s=GATEWAY_WAIT_S)
    execute.record_into(folder, lambda into: record_through(through, into, NullProgress()))


def write_site(out: Path, columns: list[Column], judged_by: str, limits: Sequence[str] = ()) -> int:
    """Write the index and the pages of the rules, print the index's path, and return the exit code."""
    for rule in catalogue.named(matrix.rules_shown(columns)):
        (out / "rules" / f"{rule.id}.html").write_text(rule_html(rule))
    for column in columns:
        if column.verdict.word == "not tested" and not (out / "targets" / f"{column.file}.html").exists():
            (out / "targets" / f"{column.file}.html").write_text(html.missing_page(column.name, column.detail))
    when = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    (out / "index.html").write_text(matrix.index(columns, when, list(_trends(out, columns)), judged_by, limits))
    sys.stdout.write(f"{out / 'index.html'}\n")
    verdicts = {column.verdict.word for column in columns}
    if "not conformant" in verdicts:
        return ExitCode.FAILED
    return ExitCode.NOT_TESTED if verdicts - {"conformant", legend.UNREFUTED.word} else ExitCode.CONFORMANT


def _trends(out: Path, columns: list[Column]) -> Iterator[Trend]:
    """The trends of targets with more than one stored run."""
    for column in columns:
        stored = {path.stem: path.read_bytes() for path in (out / "runs" / column.file).glob("*T*Z.json")}
        if found := trends.trend(column.name, column.file, stored):
            yield found


class Progress:
    """One line per target, on standard error."""

    def __init__(self, total: int) -> None:
        self.total, self.done = total, 0

    def advance(self, column: Column) -> None:
        """Print one target's result."""
        self.done += 1
        sys.stderr.write(
            f"[{self.done}/{self.total}] {column.name}: {column.verdict.word}. {column.detail}"[:200] + "\n"
        )
        sys.stderr.flush()
