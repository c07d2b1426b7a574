"""The command line: commands and exit codes. What they do is in `front/`."""

import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter

from conformance import __version__
from conformance.cli.output import outlasting_its_reader
from conformance.model.words import ExitCode
from conformance.runs.options import OUTPUT, LimitOptions, OutputOptions, RunRequest, SelectionOptions, TargetOptions

EXIT_CODES = (
    "Exit codes: 0 conformant; 1 a MUST failed (with --strict also a SHOULD failure, an untestable verdict or a stale "
    "waiver); 2 usage or configuration error; 3 target not tested: unreachable, or a wrong URL, model or key; "
    "4 harness error; 130 interrupted."
)

app = App(
    name="conformance",
    help="Send real agent frameworks' requests to an OpenAI-compatible endpoint, and check every byte it returns.",
    help_epilogue=EXIT_CODES,
    version=__version__,
    help_format="plaintext",
    default_parameter=Parameter(negative="", show_default=False),
    result_action="return_value",
    exit_on_error=False,
    print_error=False,
    suppress_keyboard_interrupt=False,
)

NO_TARGET, NO_SELECTION, NO_LIMITS, NO_OUTPUT = TargetOptions(), SelectionOptions(), LimitOptions(), OutputOptions()
"""Option groups with nothing set."""


@app.command
def run(
    target: TargetOptions = NO_TARGET,
    selection: SelectionOptions = NO_SELECTION,
    limits: LimitOptions = NO_LIMITS,
    output: OutputOptions = NO_OUTPUT,
    *,
    run_dir: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
) -> int:
    """Send the frameworks' requests to a deployment, record every exchange, and judge the recording.

    Parameters
    ----------
    run_dir
        New folder for the recording. Default: reports/runs/TIME-TARGET.
    """
    from conformance.cli import console
    from conformance.runs import execute
    from conformance.runs.resolve import resolved, waivers

    outputs = execute.outputs(output.report)
    accepted = waivers(target, output.waivers)
    execute.load_waivers(accepted)
    with resolved(RunRequest(target=target, selection=selection, limits=limits, strict=output.strict)) as options:
        if limits.dry_run:
            return console.preview(options)
        path = execute.folder_for(run_dir, options.target.name)
        console.record_with_progress(options, path)
    judged = execute.judge_run(path, accepted, strict=output.strict)
    return console.print_report(judged, outputs, hint=console.serve_hint(target, judged))


@app.command
def judge(run: Path, output: OutputOptions = NO_OUTPUT) -> int:
    """Judge a recording again, offline.

    Parameters
    ----------
    run
        Run folder.
    """
    from conformance.cli import console
    from conformance.runs import execute

    outputs = execute.outputs(output.report)
    return console.print_report(execute.judge_run(run, output.waivers, strict=output.strict), outputs)


@app.command
def matrix(
    *,
    config: Path,
    out: Path,
    selection: SelectionOptions = NO_SELECTION,
    limits: LimitOptions = NO_LIMITS,
    at_once: Annotated[int, Parameter(validator=lambda _, value: _above_zero(value))] = 4,
) -> int:
    """Run every target of a file, and write a static site that compares them.

    Parameters
    ----------
    config
        TOML file of targets. A target may be embedded: `deployment = "NAME"` instead of base_url and model.
    out
        Output folder, new or of an earlier matrix: earlier runs are kept and shown as trends.
    at_once
        Number of targets to run concurrently. Default: 4.
    """
    from conformance.cli import matrix as many

    _reject_options("matrix", dry_run=limits.dry_run)
    return many.run_matrix(config, out, RunRequest(selection=selection, limits=limits), at_once)


@app.command
def diff(
    old: Path, new: Path, /, *, report: Annotated[tuple[str, ...], Parameter(group=OUTPUT)] = (), strict: bool = False
) -> int:
    """Show what changed between two runs; exit code 1 on a regression.

    Parameters
    ----------
    old
        Run folder, or its JSON report.
    new
        The same for the later run.
    report
        Also write the differences: markdown=PATH or json=PATH; - is standard output. Repeatable.
    strict
        Count new SHOULD failures as regressions, too.
    """
    from conformance.cli import diff

    return diff.print_diff(old, new, report, strict=strict)


@app.command
def waive(
    run: Path,
    /,
    *,
    out: Path | None = None,
    days: Annotated[int, Parameter(validator=lambda _, value: _above_zero(value))] = 30,
) -> int:
    """Draft a waivers file from a run's failures, to be reviewed and edited.

    Parameters
    ----------
    run
        Run folder.
    out
        File to write. Default: standard output.
    days
        Days after the run until the waivers expire. Default: 30.
    """
    from conformance.report import draft_waivers
    from conformance.runs import execute

    text = draft_waivers.draft_waivers(execute.judge_run(run).report, days)
    if out is None:
        sys.stdout.write(text)
    else:
        _write_new(out, text)
    return ExitCode.CONFORMANT


def _write_new(path: Path, text: str) -> None:
    from conformance.runs.config import ConfigError

    try:
        with path.open("x") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"--out {path}: {error.strerror or error}; accepted: a new file") from None


@app.command(name="list")
def list_(
    kind: Literal["rules", "profiles", "probes", "deployments", "defects", "variants"],
    /,
    *,
    format: Literal["text", "json"] = "text",  # noqa: A002 - the option's name
) -> int:
    """List rules, profiles, probes, deployments, defects or variants.

    Parameters
    ----------
    kind
        What to list.
    format
        Output format. Default: text.
    """
    from conformance.handbook import listing

    entries = listing.KINDS[kind]()
    sys.stdout.write(listing.as_json(entries) if format == "json" else listing.as_text(entries))
    return ExitCode.CONFORMANT


@app.command
def profiles(*, check: bool = False, python: Path | None = None) -> int:
    """List the profiles, or check whether installed frameworks are newer than the captured versions.

    Parameters
    ----------
    check
        Compare the captured versions with the installed ones. Exit code 1 if an installed one is newer.
    python
        Python interpreter whose packages to check. Default: this one. npm packages are read from ./node_modules.
    """
    from conformance.cli import profile_versions
    from conformance.handbook import listing

    if not check:
        sys.stdout.write(listing.as_text(listing.KINDS["profiles"]()))
        return ExitCode.CONFORMANT
    return ExitCode.FAILED if profile_versions.print_versions(python, sys.stdout) else ExitCode.CONFORMANT


@app.command
def explain(name: str, /) -> int:
    """Show the page of a rule, profile, probe, deployment, defect or variant.

    Parameters
    ----------
    name
        Rule ID, or a name shown by `conformance list`.
    """
    from conformance.handbook import listing
    from conformance.report.formats import terminal
    from conformance.runs.config import ConfigError

    pages = list(listing.find(name))
    if not pages:
        near = listing.suggestions(name)
        hint = f"did you mean {', '.join(near)}? " if near else ""
        raise ConfigError(f"explain {name!r}: unknown name; {hint}`conformance list rules` lists the rules")
    out = terminal.console(sys.stdout)
    for page in pages:
        terminal.page(page.page(), out)
    return ExitCode.CONFORMANT


@app.command
def serve(
    *,
    deployment: str | None = None,
    defect: str | None = None,
    port: Annotated[int, Parameter(validator=lambda _, value: _port(value))] = 0,
) -> int:
    """Serve an embedded deployment for manual testing, until Ctrl-C.

    Parameters
    ----------
    deployment
        Name of the deployment. Default: native-sse.
    defect
        Defect or legal variant to plant in it.
    port
        Port on 127.0.0.1. Default: a free one.
    """
    import anyio

    from conformance.runs.config import ConfigError
    from conformance.runs.embedded import find_embedded
    from conformance.testbed.server.serve import serve as served

    ours = find_embedded(deployment, defect)

    async def until_stopped() -> None:
        async with served(ours.deployment, ours.changes, port=port) as url:
            body = f'{{"model":"{ours.model}","messages":[{{"role":"user","content":"Hi"}}],"stream":true}}'
            sys.stdout.write(f"{ours.name.replace('+', ' with ')} at {url} (press Ctrl-C to stop)\n")
            sys.stdout.write(f"curl -sSiN {url}/chat/completions -H 'content-type: application/json' -d '{body}'\n")
            sys.stdout.flush()
            await anyio.sleep_forever()

    try:
        anyio.run(until_stopped)
    except KeyboardInterrupt:
        return ExitCode.CONFORMANT
    except OSError as error:
        raise ConfigError(f"--port {port}: {error.strerror or error}; accepted: a free port, or 0 for any") from None
    return ExitCode.CONFORMANT


def _port(value: int) -> None:
    if not 0 <= value < 65536:
        raise ValueError("Accepted: 0 to 65535.")


@app.command
def fuzz(
    target: TargetOptions = NO_TARGET,
    selection: SelectionOptions = NO_SELECTION,
    limits: LimitOptions = NO_LIMITS,
    output: OutputOptions = NO_OUTPUT,
    *,
    max_examples: Annotated[int, Parameter(validator=lambda _, value: _above_zero(value))] = 200,
    seed: int = 0,
    run_dir: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
) -> int:
    """Fuzz a deployment: malformed bodies, boundary values, misspelt fields, cases generated from OpenAPI.

    Parameters
    ----------
    max_examples
        Cases per API; at most half as many again are sent to minimize failures. Default: 200.
    seed
        Random seed: the same seed sends the same cases. Default: 0.
    run_dir
        New folder for the failing exchanges. Default: reports/runs/TIME-TARGET.
    """
    from conformance.cli import console
    from conformance.runs import execute
    from conformance.runs.resolve import resolved

    try:
        from conformance.cli import fuzz as hunting
    except ModuleNotFoundError as error:
        from conformance.runs.config import ConfigError

        raise ConfigError(f"fuzz needs {error.name}: install oai-conformance[fuzz]") from None
    _reject_options("fuzz", suite=selection.suite != SelectionOptions.suite, dry_run=limits.dry_run)
    outputs = execute.outputs(output.report)
    execute.load_waivers(output.waivers)
    with resolved(RunRequest(target=target, selection=selection, limits=limits, strict=output.strict)) as options:
        path = execute.folder_for(run_dir, options.target.name)
        hunting.run_fuzz(options, path, examples=max_examples, seed=seed)
    judged = execute.judge_run(path, output.waivers, strict=output.strict)
    return console.print_report(judged, outputs, hint=console.serve_hint(target, judged))


def _reject_options(command: str, **given: bool) -> None:
    """Reject shared options that this command does not support. Raises ConfigError."""
    from conformance.runs.config import ConfigError

    for name, is_given in given.items():
        if is_given:
            raise ConfigError(f"--{name.replace('_', '-')} is not supported by `conformance {command}`; remove it")


def _above_zero(value: int) -> None:
    if value < 1:
        raise ValueError("Accepted: 1 or more.")


@app.command
def selftest(*names: str, format: Literal["text", "json"] = "text") -> int:  # noqa: A002 - the option's name
    """Run and judge every planted defect and legal variant, and print the kill matrix.

    Parameters
    ----------
    names
        Deployments, defects and variants to test. Default: all.
    format
        Output format. Default: text.
    """
    from conformance.cli import kill_matrix

    return ExitCode.CONFORMANT if kill_matrix.show(names, format, sys.stdout) else ExitCode.FAILED


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with its code."""
    if sys.stdout is sys.__stdout__ and isinstance(sys.stdout, TextIOWrapper):
        sys.stdout = outlasting_its_reader(sys.stdout)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # escape what the terminal cannot encode
            stream.reconfigure(errors="backslashreplace")
    sys.exit(exit_code_of(lambda: app(arguments)))


def exit_code_of(command: Callable[[], Any]) -> int:
    """Run a command and return its exit code; errors go to standard error."""
    from conformance.runs.config import ConfigError

    try:
        return command() or ExitCode.CONFORMANT
    except (CycloptsError, ConfigError) as error:
        sys.stderr.write(f"conformance: {error}" + "\n")
        return ExitCode.USAGE
    except KeyboardInterrupt:
        sys.stderr.write("conformance: interrupted" + "\n")
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - a harness error has its own exit code
        return _report_crash(error)


def _report_crash(error: Exception) -> int:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="conformance-", suffix=".txt", delete=False) as file:
        traceback.print_exception(error, file=file)
    sys.stderr.write(f"conformance: harness error: {type(error).__name__}: {error}" + "\n")
    sys.stderr.write(f"conformance: the traceback is in {file.name}; please report it with the command line" + "\n")
    return ExitCode.HARNESS_ERROR
