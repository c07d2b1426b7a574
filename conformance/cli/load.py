"""Runs the command load: shows how far it is, and prints the report."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from conformance.cli import console
from conformance.cost import cost_of, tokens_of
from conformance.load.mix import Mix, jobs
from conformance.load.options import LoadOptions
from conformance.load.part import HEADERS
from conformance.load.recorder import LoadProgress
from conformance.load.shape import duration, most_users
from conformance.model.exchange import Request
from conformance.model.words import ExitCode
from conformance.report.formats import terminal
from conformance.report.impacts import money
from conformance.report.under_load import outcome_words
from conformance.runner import RunOptions
from conformance.runs import execute
from conformance.runs.criteria import criteria
from conformance.runs.load import check_locust, load_options, locust_options, record, worker_command
from conformance.runs.options import OutputOptions, RunRequest, ShapeOptions, SpreadOptions
from conformance.runs.resolve import resolved

if TYPE_CHECKING:
    from rich.console import Console
    from rich.status import Status

LINE_EVERY_S: Final = 10.0
"""How often a line is written where there is no terminal."""
MOST_RULES: Final = 3
ACTIVITIES: Final = {
    "preflight": "preflight",
    "alone": "one request at a time",
    "load": "load",
    "waiting": "waiting for responses",
    "judging": "judging",
    "after": "one request at a time again",
}


def run_load(
    request: RunRequest, shape: ShapeOptions, spread: SpreadOptions, output: OutputOptions, run_dir: Path | None
) -> int:
    """Record a load, judge it, and print the report. Returns the exit code. Raises ConfigError."""
    locust = locust_options(spread)
    console.verbosity(output)
    outputs = execute.outputs(output.report)
    judged_by = criteria(request.verdict, request.target)
    with resolved(request) as run:
        options = load_options(run, shape, judged_by, locust)
        if request.limits.dry_run:
            return preview(options)
        if spread.worker:
            return be_worker(run, spread)
        console.announce(request.target, run)
        path = execute.folder_for(run_dir, f"load-{run.target.name}")
        if locust and locust.web_port:
            sys.stderr.write(
                f"Web page: http://127.0.0.1:{locust.web_port} (press Ctrl-C to end the load, and for the report)\n"
            )
        with ProgressLine(terminal.console(sys.stderr, color=output.color), is_quiet=output.quiet) as progress:
            record(options, path, progress.show)
    judged = execute.judge_run(path, judged_by)
    return console.print_report(judged, outputs, output, console.serve_hint(request.target, judged))


def be_worker(run: RunOptions, spread: SpreadOptions) -> int:
    """Send what a master says, until it ends. Returns the exit code."""
    check_locust()
    environ = os.environ | {HEADERS: json.dumps(run.target.headers)}
    return subprocess.run(worker_command(spread), env=environ, check=False).returncode  # noqa: S603 - our own command


class ProgressLine:
    """How far a load is: one line that changes on a terminal, a line every ten seconds in a log."""

    def __init__(self, out: "Console", *, is_quiet: bool = False) -> None:
        self._out, self._is_quiet = out, is_quiet
        self._status: Status | None = None
        self._activity, self._shown_s = "", 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def show(self, progress: LoadProgress) -> None:
        """Show it."""
        if self._is_quiet:
            return
        if self._out.is_terminal:
            if self._status is None:
                self._status = self._out.status("")
                self._status.start()
            self._status.update(line(progress))
        elif progress.activity != self._activity or progress.seconds - self._shown_s >= LINE_EVERY_S:
            self._out.print(line(progress))
            self._activity, self._shown_s = progress.activity, progress.seconds


def line(progress: LoadProgress) -> str:
    """How far a load is, in one line."""
    return ", ".join(_words(progress))


def _words(progress: LoadProgress) -> Iterator[str]:
    at = f" {progress.seconds:.0f} of {progress.of_seconds:g} s" if progress.activity == "load" else ""
    yield f"{ACTIVITIES[progress.activity]}{at}"
    if progress.activity == "load":
        yield f"{progress.users:,} users"
    if progress.sent and progress.activity != "alone":
        yield f"{progress.sent:,} requests sent"
        yield f"{progress.in_progress:,} in progress"
    yield from outcome_words(progress.outcomes)
    if progress.failed:
        first = [f"{rule} ×{count:,}" for rule, count in progress.failed.most_common(MOST_RULES)]
        more = f" and {len(progress.failed) - MOST_RULES} more rules" if len(progress.failed) > MOST_RULES else ""
        yield f"fails: {' '.join(first)}{more}"


def preview(options: LoadOptions) -> int:
    """Print each kind of request of a load, and how much it can send and cost at most; send nothing."""
    run = options.run
    mix = Mix(target=run.target, run=options.number, jobs=jobs(run.target, run.profiles), dialects=run.target.dialect)
    alone = list(mix.alone())
    for kind, request in _kinds(alone).items():
        size = f"{len(request.body)} bytes, max_tokens {request.max_tokens}"
        sys.stdout.write(f"{request.method} {request.url}  {kind}  {size}\n")
    users, seconds = most_users(options.stages), duration(options.stages)
    sys.stdout.write(f"{users} users for {seconds:g} s; {_bound(alone, options)}\nNothing was sent.\n")
    return ExitCode.CONFORMANT


def _kinds(requests: list[Request]) -> dict[str, Request]:
    """A request of each kind, by API, profile, mode and task."""
    return {request.id.split("-", 3)[-1]: request for request in requests}


def _bound(alone: list[Request], options: LoadOptions) -> str:
    """How much a load can send and cost at most: each of its requests as much as the dearest."""
    most = options.run.max_requests or 0
    tokens = most * max(map(tokens_of, alone))
    if options.run.max_tokens is not None:
        tokens = min(tokens, options.run.max_tokens)
    costs = [cost for request in alone if (cost := cost_of(request, options.run.target)) is not None]
    dearest = most * max(costs, default=0.0)
    cost = min(dearest, dearest if options.run.max_cost is None else options.run.max_cost)
    price = f"at most {money(cost)}" if costs else "cost unknown without prices"
    return f"at most {most:,} requests, at most {tokens:,} tokens, {price}"
