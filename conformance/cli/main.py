"""The command line, a thin front: the verbs and the exit codes. What a run means is in `front/`."""

import os
import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter

from conformance import __version__
from conformance.runs.options import OUTPUT, HowMuch, Told, What, Whom, Wish

OK, FAILED, USAGE, HARNESS_FAILED, INTERRUPTED = 0, 1, 2, 4, 130

EXIT_CODES = (
    "Exit codes: 0 conformant; 1 a MUST failed (with --strict also a SHOULD, an untestable or a stale waiver); "
    "2 usage or configuration; 3 the target could not be reached or refused the key; 4 the harness failed; "
    "130 interrupted."
)

app = App(
    name="conformance",
    help="Ask an OpenAI-compatible endpoint what real agent frameworks ask, and judge every octet of its answers.",
    help_epilogue=EXIT_CODES,
    version=__version__,
    help_format="plaintext",
    default_parameter=Parameter(negative="", show_default=False),
    result_action="return_value",
    exit_on_error=False,
    print_error=False,
    suppress_keyboard_interrupt=False,
)

WHOM, WHAT, HOW_MUCH, TOLD = Whom(), What(), HowMuch(), Told()
"""Nothing said."""


@app.command
def run(
    whom: Whom = WHOM,
    what: What = WHAT,
    how_much: HowMuch = HOW_MUCH,
    told: Told = TOLD,
    *,
    run_dir: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
) -> int:
    """Ask a deployment the frameworks' questions, record every exchange, and judge the recording.

    Parameters
    ----------
    run_dir
        New folder for the recording. Default: reports/runs/TIME-TARGET.
    """
    from conformance.cli import console
    from conformance.runs import execute
    from conformance.runs.resolve import granted, waivers

    outputs = execute.outputs(told.report)
    accepted = waivers(whom, told.waivers)
    execute.waived(accepted)
    with granted(Wish(whom=whom, what=what, how_much=how_much, strict=told.strict)) as options:
        if how_much.dry_run:
            return console.preview(options)
        path = execute.folder_for(run_dir, options.target.name)
        console.record(options, path)
    judged = execute.judged(path, accepted, strict=told.strict)
    return console.tell(judged, outputs, hint=console.serve_hint(whom, judged))


@app.command
def judge(run: Path, told: Told = TOLD) -> int:
    """Judge a recording again, offline.

    Parameters
    ----------
    run
        The folder of a run.
    """
    from conformance.cli import console
    from conformance.runs import execute

    outputs = execute.outputs(told.report)
    return console.tell(execute.judged(run, told.waivers, strict=told.strict), outputs)


@app.command
def matrix(
    *,
    config: Path,
    out: Path,
    what: What = WHAT,
    how_much: HowMuch = HOW_MUCH,
    at_once: Annotated[int, Parameter(validator=lambda _, value: _above_zero(value))] = 4,
) -> int:
    """Run all targets of a file, and write a site that shows them side by side.

    Parameters
    ----------
    config
        The file of the targets. One may be embedded: `deployment = "NAME"` in the place of base_url and model.
    out
        The folder of the site, new or an older matrix's: its runs are kept, and show as trends.
    at_once
        How many targets to run at the same time. Default: 4.
    """
    from conformance.cli import matrix as many

    _without("matrix", dry_run=how_much.dry_run)
    return many.carry_out(config, out, Wish(what=what, how_much=how_much), at_once)


@app.command
def diff(
    old: Path, new: Path, /, *, report: Annotated[tuple[str, ...], Parameter(group=OUTPUT)] = (), strict: bool = False
) -> int:
    """Tell what changed between two runs; exit code 1 on a regression.

    Parameters
    ----------
    old
        The folder of a run, or its JSON report.
    new
        The same of the later run.
    report
        Also write it: markdown=PATH or json=PATH; the path - is standard output. Repeatable.
    strict
        A new failure of a SHOULD is a regression, too.
    """
    from conformance.cli import diff

    return diff.tell(old, new, report, strict=strict)


@app.command
def waive(
    run: Path,
    /,
    *,
    out: Path | None = None,
    days: Annotated[int, Parameter(validator=lambda _, value: _above_zero(value))] = 30,
) -> int:
    """Write a first waivers file from a run's failures, for a person to fill in.

    Parameters
    ----------
    run
        The folder of a run.
    out
        The file to write. Default: standard output.
    days
        For how many days after the run the waivers hold. Default: 30.
    """
    from conformance.report import draft_waivers
    from conformance.runs import execute

    text = draft_waivers.first(execute.judged(run).report, days)
    if out is None:
        sys.stdout.write(text)
    else:
        _write_new(out, text)
    return OK


def _write_new(path: Path, text: str) -> None:
    from conformance.runs.config import ConfigError

    try:
        with path.open("x") as file:
            file.write(text)
    except OSError as error:
        raise ConfigError(f"--out {path}: {error.strerror or error}; accepted is a new file") from None


@app.command(name="list")
def list_(
    kind: Literal["rules", "profiles", "probes", "deployments", "defects", "variants"],
    /,
    *,
    format: Literal["text", "json"] = "text",  # noqa: A002 - the option's name
) -> int:
    """List what there is.

    Parameters
    ----------
    kind
        What to list.
    format
        For a person or for a program.
    """
    from conformance.handbook import listing

    entries = listing.KINDS[kind]()
    sys.stdout.write(listing.as_json(entries) if format == "json" else listing.as_text(entries))
    return OK


@app.command
def profiles(*, check: bool = False, python: Path | None = None) -> int:
    """List the profiles, or tell which of them the installed frameworks have moved away from.

    Parameters
    ----------
    check
        Compare the versions that were captured with those that are installed. Exit code 1 where one is newer.
    python
        The Python whose packages to look at. Default: this one. Packages of npm are looked for in ./node_modules.
    """
    from conformance.cli import profile_versions
    from conformance.handbook import listing

    if not check:
        sys.stdout.write(listing.as_text(listing.KINDS["profiles"]()))
        return OK
    return FAILED if profile_versions.tell(python, sys.stdout) else OK


@app.command
def explain(name: str, /) -> int:
    """Show the page of a rule, profile, probe, deployment, defect or variant.

    Parameters
    ----------
    name
        A rule's ID, or a name that `conformance list` shows.
    """
    from conformance.handbook import listing
    from conformance.report.formats import terminal
    from conformance.runs.config import ConfigError

    pages = list(listing.find(name))
    if not pages:
        near = listing.near(name)
        hint = f"near: {', '.join(near)}; " if near else ""
        raise ConfigError(f"explain {name!r}: nothing has this name; {hint}`conformance list rules` shows the rules")
    out = terminal.console(sys.stdout)
    for page in pages:
        terminal.page(page.page(), out)
    return OK


@app.command
def serve(
    *,
    deployment: str | None = None,
    defect: str | None = None,
    port: Annotated[int, Parameter(validator=lambda _, value: _port(value))] = 0,
) -> int:
    """Serve an embedded deployment until Ctrl-C, for trying things.

    Parameters
    ----------
    deployment
        Its name. Default: native-sse.
    defect
        A defect or legal variant to plant in it.
    port
        The port on 127.0.0.1. Default: a free one.
    """
    import anyio

    from conformance.runs.config import ConfigError
    from conformance.runs.embedded import find
    from conformance.testbed.server.serve import serve as served

    ours = find(deployment, defect)

    async def until_stopped() -> None:
        async with served(ours.deployment, ours.changes, port=port) as url:
            body = f'{{"model":"{ours.model}","messages":[{{"role":"user","content":"Hi"}}],"stream":true}}'
            sys.stdout.write(f"{ours.name.replace('+', ' with ')} at {url} (Ctrl-C stops it)\n")
            sys.stdout.write(f"curl -sSiN {url}/chat/completions -H 'content-type: application/json' -d '{body}'\n")
            sys.stdout.flush()
            await anyio.sleep_forever()

    try:
        anyio.run(until_stopped)
    except KeyboardInterrupt:
        return OK
    except OSError as error:
        raise ConfigError(f"--port {port}: {error.strerror or error}; accepted is a free port, or 0 for any") from None
    return OK


def _port(value: int) -> None:
    if not 0 <= value < 65536:
        raise ValueError("Accepted: 0 to 65535.")


@app.command
def fuzz(
    whom: Whom = WHOM,
    what: What = WHAT,
    how_much: HowMuch = HOW_MUCH,
    told: Told = TOLD,
    *,
    max_examples: Annotated[int, Parameter(validator=lambda _, value: _above_zero(value))] = 200,
    seed: int = 0,
    run_dir: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
) -> int:
    """Ask a deployment what nobody thought of: bodies at the edges, misspelt fields, what an OpenAPI document proposes.

    Parameters
    ----------
    max_examples
        So many cases for each API, and half as many again to make small what fails. Default: 200.
    seed
        Where the cases begin: the same seed asks the same. Default: 0.
    run_dir
        New folder for what fails. Default: reports/runs/TIME-TARGET.
    """
    from conformance.cli import console
    from conformance.runs import execute
    from conformance.runs.resolve import granted

    try:
        from conformance.cli import fuzz as hunting
    except ModuleNotFoundError as error:
        from conformance.runs.config import ConfigError

        raise ConfigError(f"fuzz needs {error.name}: install the extra, oai-conformance[fuzz]") from None
    _without("fuzz", suite=what.suite != What.suite, dry_run=how_much.dry_run)
    outputs = execute.outputs(told.report)
    execute.waived(told.waivers)
    with granted(Wish(whom=whom, what=what, how_much=how_much, strict=told.strict)) as options:
        path = execute.folder_for(run_dir, options.target.name)
        hunting.carry_out(options, path, examples=max_examples, seed=seed)
    judged = execute.judged(path, told.waivers, strict=told.strict)
    return console.tell(judged, outputs, hint=console.serve_hint(whom, judged))


def _without(command: str, **given: bool) -> None:
    """Refuse options that a command shares with others and can do nothing with."""
    from conformance.runs.config import ConfigError

    for name, is_given in given.items():
        if is_given:
            raise ConfigError(f"--{name.replace('_', '-')} says nothing to `conformance {command}`; leave it out")


def _above_zero(value: int) -> None:
    if value < 1:
        raise ValueError("Accepted: 1 or more.")


@app.command
def selftest(*names: str, format: Literal["text", "json"] = "text") -> int:  # noqa: A002 - the option's name
    """Put every planted defect and legal variant through the gate, and print the kill matrix.

    Parameters
    ----------
    names
        Only these deployments, defects and variants. Default: all.
    format
        For a person or for a program.
    """
    from conformance.cli import kill_matrix

    return OK if kill_matrix.show(names, format, sys.stdout) else FAILED


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal that lacks a character shows its number
            stream.reconfigure(errors="backslashreplace")
    sys.exit(guarded(lambda: app(arguments)))


def guarded(command: Callable[[], Any]) -> int:
    """The exit code of a command, whatever happens in it."""
    from conformance.runs.config import ConfigError

    try:
        return command() or OK
    except (CycloptsError, ConfigError) as error:
        sys.stderr.write(f"conformance: {error}" + "\n")
        return USAGE
    except KeyboardInterrupt:
        sys.stderr.write("conformance: interrupted" + "\n")
        return INTERRUPTED
    except BrokenPipeError:  # the reader has seen enough, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    except Exception as error:  # noqa: BLE001 - the harness's own failure has an exit code of its own
        return _confess(error)


def _confess(error: Exception) -> int:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="conformance-", suffix=".txt", delete=False) as file:
        traceback.print_exception(error, file=file)
    sys.stderr.write(f"conformance: the harness failed: {type(error).__name__}: {error}" + "\n")
    sys.stderr.write(f"conformance: the traceback is in {file.name}; please report it with the command's words" + "\n")
    return HARNESS_FAILED
