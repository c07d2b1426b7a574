"""Commands about recorded runs: judge, diff and waive."""

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from conformance.cli.app import NO_OUTPUT, NO_VERDICT, above_zero, app, examples
from conformance.cli.output import write_new
from conformance.model.words import ExitCode
from conformance.runs.options import OUTPUT, OutputOptions, VerdictOptions


@app.command(
    help_epilogue=examples(
        "conformance judge reports/runs/RUN --select FLD,SSE001",
        "conformance judge reports/runs/RUN --format short --report html=report.html",
    )
)
def judge(run: Path, verdict: VerdictOptions = NO_VERDICT, output: OutputOptions = NO_OUTPUT) -> int:
    """Judge a recording again, offline.

    Parameters
    ----------
    run
        Run folder.
    """
    from conformance.cli import console
    from conformance.runs import execute
    from conformance.runs.criteria import criteria

    console.verbosity(output)
    outputs = execute.outputs(output.report)
    return console.print_report(execute.judge_run(run, criteria(verdict)), outputs, output)


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
