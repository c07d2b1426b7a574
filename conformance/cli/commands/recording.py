"""Commands about recorded runs: judge, show, replay, diff and waive."""

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from conformance.cli.app import NO_OUTPUT, NO_TARGET, NO_VERDICT, above_zero, app, examples
from conformance.cli.output import write_new
from conformance.model.words import ExitCode, RecordingFormat
from conformance.report.display import Color
from conformance.runs.options import (
    OUTPUT,
    OutputOptions,
    RunRequest,
    SelectionOptions,
    TargetOptions,
    VerdictOptions,
)


@app.command(
    help_epilogue=examples(
        "conformance judge reports/runs/RUN --select FLD,SSE001",
        "conformance judge reports/runs/RUN --format short --report html=report.html",
        "conformance judge traffic.har tests/cassettes --report json=traffic.json",
    )
)
def judge(
    *paths: Path,
    recording_format: RecordingFormat | None = None,
    save: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
    verdict: VerdictOptions = NO_VERDICT,
    output: OutputOptions = NO_OUTPUT,
) -> int:
    """Judge a run again, or recordings by other tools, offline.

    HAR archives and VCR cassettes are judged exchange by exchange, and reported by host and model.

    Parameters
    ----------
    paths
        A run folder; or HAR archives, VCR cassettes, and folders of them.
    recording_format
        Read all files as har or vcr. Default: recognized by its content.
    save
        New folder to keep the judged exchanges in, with secrets masked; to be judged again as a run folder.
    """
    from conformance.cli import console
    from conformance.cli.recordings import shown
    from conformance.runs import execute, recordings
    from conformance.runs.criteria import criteria

    console.verbosity(output)
    outputs, judged_by = execute.outputs(output.report), criteria(verdict)
    with shown(output.color) if not output.quiet else nullcontext(recordings.quiet) as progress:
        judged = recordings.judge_paths(paths, judged_by, format=recording_format, save=save, progress=progress)
    return console.print_report(judged, outputs, output)


@app.command(
    help_epilogue=examples(
        "conformance diff reports/runs/OLD reports/runs/NEW",
        "conformance diff good.json now.json --report markdown=diff.md",
    )
)
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


@app.command(
    help_epilogue=examples(
        "conformance waive reports/runs/RUN --out waivers.toml", "conformance run --waivers waivers.toml"
    )
)
def waive(
    run: Path,
    /,
    *,
    out: Path | None = None,
    days: Annotated[int, Parameter(validator=above_zero)] = 30,
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
        write_new(out, text)
    return ExitCode.CONFORMANT


@app.command(
    help_epilogue=examples(
        "conformance show reports/runs/RUN",
        "conformance show reports/runs/RUN chat.hello-hermes-stream",
    )
)
def show(
    run: Path,
    exchange: str | None = None,
    /,
    *,
    whole: bool = False,
    color: Annotated[Color, Parameter(group=OUTPUT)] = "auto",
) -> int:
    """List a run's exchanges, or show one: the bytes sent and received, with the time of each read.

    Parameters
    ----------
    run
        Run folder.
    exchange
        ID of an exchange, as listed. Unprintable bytes are escaped, secrets are masked by asterisks.
    whole
        Also show the middle of long requests and responses.
    color
        Colours on standard output. auto: on a terminal, unless NO_COLOR is set. Default: auto.
    """
    from conformance.cli import show
    from conformance.report.formats import terminal

    out = terminal.console(sys.stdout, color=color)
    if exchange is None:
        show.print_exchanges(run, out)
    else:
        show.print_exchange(show.recorded(run, exchange), out, whole=whole)
    return ExitCode.CONFORMANT


@app.command(
    help_epilogue=examples(
        "conformance replay reports/runs/RUN chat.hello-hermes-stream",
        "conformance replay reports/runs/RUN chat.tools-openai-python-unary --deployment native-sse",
    )
)
def replay(
    run: Path,
    exchange: str,
    /,
    *,
    target: TargetOptions = NO_TARGET,
    verdict: VerdictOptions = NO_VERDICT,
    output: OutputOptions = NO_OUTPUT,
    run_dir: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
) -> int:
    """Send a recorded request again, after baseline requests to compare with, and judge the responses.

    The target is the recorded one, unless options name another. The API key is sent only with --api-key-env, or
    by a target of a file.

    Parameters
    ----------
    run
        Run folder.
    exchange
        ID of an exchange (`conformance show RUN`).
    run_dir
        New folder for the recording. Default: reports/runs/TIME-TARGET.
    """
    from conformance.cli import console, show
    from conformance.cli.replay import record_again
    from conformance.runs import execute
    from conformance.runs.config import ConfigError
    from conformance.runs.criteria import criteria
    from conformance.runs.resolve import resolved_again

    console.verbosity(output)
    outputs, judged_by = execute.outputs(output.report), criteria(verdict, target)
    facts, x = show.manifest(run), show.recorded(run, exchange)
    if facts.gateway:
        raise ConfigError(
            f"{run} went through a gateway, whose upstream responds only during a run; "
            "accepted: a run without one, or `conformance gateway` again"
        )
    recorded = facts.target
    selection = SelectionOptions(api=(x.api,))
    with resolved_again(recorded, RunRequest(target=target, selection=selection, verdict=verdict)) as options:
        console.announce(target, options, f"the request is sent to {options.target.base_url} again")
        path = execute.folder_for(run_dir, options.target.name)
        record_again(x, recorded, options, path)
    return console.print_report(execute.judge_run(path, judged_by), outputs, output)
