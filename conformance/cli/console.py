"""Console output: progress while recording, the verdicts, and the maximum cost of a run."""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import UNSET

from conformance import preflight
from conformance.cli.progress import Bar
from conformance.cost import cost_of, tokens_of
from conformance.model.criteria import RuleSelection
from conformance.model.exchange import Request
from conformance.model.words import SUITES, ExitCode, Suite
from conformance.plan import longest_next_turns, plan, planned_apis
from conformance.report.display import Verbosity
from conformance.report.document import Report
from conformance.report.failures import RUN
from conformance.report.formats import short, terminal
from conformance.report.impacts import money
from conformance.runner import NullProgress, RunOptions
from conformance.runs import execute
from conformance.runs.config import ConfigError
from conformance.runs.execute import JudgedRun, Output
from conformance.runs.options import OutputOptions, TargetOptions

SCREEN = "-"


def record_with_progress(options: RunOptions, path: Path, output: OutputOptions) -> None:
    """Record a run, with a progress bar on a terminal, unless quiet."""
    if output.quiet:
        execute.record_run(options, path, NullProgress())
        return
    with Bar(terminal.console(sys.stderr, color=output.color)) as bar:
        execute.record_run(options, path, bar)


def announce(given: TargetOptions, options: RunOptions, otherwise: str = "") -> None:
    """Say on standard error what the command line does not show: the default target, one from the environment,
    no verification. The default target is the embedded deployment, unless `otherwise` says what it is.
    """
    target = options.target
    if given == TargetOptions():
        what = otherwise or f"the embedded deployment {target.name} is tested"
        sys.stderr.write(f"No target was given: {what}.\n")
    if given.from_env:
        key = f"the API key in {target.key_env}" if target.key_env else "without API key"
        sys.stderr.write(f"Target from the environment: {target.base_url}, model {target.model}, {key}.\n")
    if target.insecure:
        sys.stderr.write("The target's certificate is not verified (--insecure).\n")


def verbosity(output: OutputOptions) -> Verbosity:
    """How much is printed. Raises ConfigError for contradictory options."""
    if output.quiet and output.verbose:
        raise ConfigError("--quiet excludes --verbose; accepted: one of them")
    return Verbosity.QUIET if output.quiet else Verbosity.VERBOSE if output.verbose else Verbosity.NORMAL


def print_report(judged: JudgedRun, outputs: Sequence[Output], output: OutputOptions, hint: str = "") -> int:
    """Write the reports, print the verdicts, and return the exit code.

    If a report goes to standard output, the verdicts go to standard error.
    """
    on_screen = any(str(one.path) == SCREEN for one in outputs)
    for one in outputs:
        content = execute.render(one.format, judged)
        if str(one.path) == SCREEN:
            sys.stdout.buffer.write(content)
        else:
            one.path.write_bytes(content)
    out, amount = terminal.console(sys.stderr if on_screen else sys.stdout, color=output.color), verbosity(output)
    if output.format == "short":
        short.render(judged.report, out, amount)
        if amount is not Verbosity.QUIET or judged.report.exit_code not in (ExitCode.CONFORMANT, ExitCode.FAILED):
            terminal.opening(judged.report, out)
        return judged.report.exit_code
    terminal.render(judged.report, judged.evidence, out, amount)
    if amount is Verbosity.QUIET:
        return judged.report.exit_code
    if judged.report.recordings is not UNSET and judged.evidence.folder == RUN:
        out.print("The recordings were read only; --save DIR keeps the judged exchanges.", style="dim")
        return judged.report.exit_code
    folder = judged.evidence.folder
    more = ("--verbose, for all failing rules in detail",) if _hides_failures(judged.report, amount) else ()
    again = " ".join(("conformance judge", folder, *_criteria_words(judged.report), *more))
    out.print(f"Recording: {folder} (judge it again with: {again}).", style="dim")
    if hint:
        out.print(hint, style="dim")
    return judged.report.exit_code


def _hides_failures(report: Report, amount: Verbosity) -> bool:
    """Whether failing rules are not printed in detail."""
    return amount is not Verbosity.VERBOSE and any(verdict.counts for verdict in report.verdicts)


def _criteria_words(report: Report) -> Iterator[str]:
    """The options that judge a recording as in this report, where the recording does not say so itself."""
    if selection := str(RuleSelection(report.select, report.ignore)):
        yield selection
    if not report.strict:
        yield from (f"--fail-on {what}" for what in report.fail_on if what != "must")


def serve_hint(target: TargetOptions, judged: JudgedRun) -> str:
    """How to restart the embedded server, which has stopped when the report is printed."""
    is_embedded = not (target.base_url or target.target or target.from_env)
    if not is_embedded or not any(verdict.counts for verdict in judged.report.verdicts):
        return ""
    words = [
        f"--{name} {value}" for name, value in (("deployment", target.deployment), ("defect", target.defect)) if value
    ]
    port = judged.report.target.base_url.rpartition(":")[2].partition("/")[0]
    command = " ".join(("conformance serve", *words, f"--port {port}"))
    return f"To run the curl commands, restart the embedded server: {command}"


def preview(options: RunOptions) -> int:
    """Print the requests of a run, the longest preflight first, and the maximum cost of each suite; send nothing."""
    for request in _at_most(options, options.suite):
        size = f"{len(request.body)} bytes, max_tokens {request.max_tokens}"
        sys.stdout.write(f"{request.method} {request.url}  {request.id}  {size}\n")
    for suite in SUITES:
        mark = "(shown above)" if suite == options.suite else ""
        sys.stdout.write(f"{suite:<6} {_bound(options, suite)} {mark}".rstrip() + "\n")
    sys.stdout.write("Nothing was sent.\n")
    return 0


def _at_most(options: RunOptions, suite: Suite) -> tuple[Request, ...]:
    """The requests of a suite after the longest preflight."""
    first = preflight.longest(options.target, planned_apis(options.target, options.profiles))
    planned = plan(options.target, options.profiles, suite, options.target.dialect)
    return (*first, *planned, *longest_next_turns(options.target, options.profiles, suite, planned))


def _bound(options: RunOptions, suite: Suite) -> str:
    requests = _at_most(options, suite)
    costs = [cost for request in requests if (cost := cost_of(request, options.target)) is not None]
    price = f"at most {money(sum(costs))}" if costs else "cost unknown without prices"
    return f"{len(requests):>4} requests, at most {sum(map(tokens_of, requests)):>7} tokens, {price}"
