"""The command load."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from conformance.cli.app import (
    NO_OUTPUT,
    NO_SHAPE,
    NO_SPREAD,
    NO_TARGET,
    NO_VERDICT,
    app,
    examples,
    with_url,
)
from conformance.runs.options import (
    OUTPUT,
    LoadLimits,
    LoadSelection,
    OutputOptions,
    RunRequest,
    ShapeOptions,
    SpreadOptions,
    TargetOptions,
    VerdictOptions,
)

LOAD_SELECTION, LOAD_LIMITS = LoadSelection(), LoadLimits()


@app.command(
    help_epilogue=examples(
        "conformance load http://127.0.0.1:8000/v1 --model our-model --users 24",
        "conformance load --target staging --rate 50 --report html=load.html",
    )
)
def load(  # noqa: PLR0913 - one argument an option, or a group of them
    url: str | None = None,
    /,
    *,
    target: TargetOptions = NO_TARGET,
    selection: LoadSelection = LOAD_SELECTION,
    shape: ShapeOptions = NO_SHAPE,
    spread: SpreadOptions = NO_SPREAD,
    limits: LoadLimits = LOAD_LIMITS,
    verdict: VerdictOptions = NO_VERDICT,
    output: OutputOptions = NO_OUTPUT,
    run_dir: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
) -> int:
    """Send many users' requests at once, judge each response, and all of them together.

    A few requests are sent alone first, and again after the load: what is different under load is the target's fault.

    Parameters
    ----------
    url
        The base URL, as with --base-url.
    run_dir
        New folder for the recording. Default: reports/runs/TIME-TARGET.
    """
    from conformance.cli import load as under_load

    request = RunRequest(target=with_url(target, url), selection=selection, limits=limits, verdict=verdict)
    return under_load.run_load(request, shape, spread, output, run_dir)
