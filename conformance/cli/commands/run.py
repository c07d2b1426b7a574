"""Commands that send requests to a target: run, fuzz and matrix."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from conformance.cli.app import (
    NO_LIMITS,
    NO_OUTPUT,
    NO_SELECTION,
    NO_TARGET,
    NO_VERDICT,
    above_zero,
    app,
    examples,
    with_url,
)
from conformance.model.words import RecordingFormat
from conformance.runs.options import (
    OUTPUT,
    FuzzLimits,
    FuzzSelection,
    FuzzVerdict,
    LimitOptions,
    MatrixLimits,
    OutputOptions,
    RunRequest,
    SelectionOptions,
    TargetOptions,
    VerdictOptions,
)

MATRIX_LIMITS = MatrixLimits()
FUZZ_SELECTION, FUZZ_LIMITS, FUZZ_VERDICT = FuzzSelection(), FuzzLimits(), FuzzVerdict()


@app.command(
    help_epilogue=examples(
        "conformance run --suite smoke",
        "conformance run http://127.0.0.1:8000/v1 --model our-model",
        "conformance run --target staging --report html=report.html",
    )
)
def run(
    url: str | None = None,
    /,
    *,
    target: TargetOptions = NO_TARGET,
    selection: SelectionOptions = NO_SELECTION,
    limits: LimitOptions = NO_LIMITS,
    verdict: VerdictOptions = NO_VERDICT,
    output: OutputOptions = NO_OUTPUT,
    run_dir: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
) -> int:
    """Send the frameworks' requests to a deployment, record every exchange, and judge the recording.

    Parameters
    ----------
    url
        The base URL, as with --base-url.
    run_dir
        New folder for the recording. Default: reports/runs/TIME-TARGET.
    """
    from conformance.cli import console
    from conformance.runs import execute
    from conformance.runs.criteria import criteria
    from conformance.runs.resolve import resolved

    console.verbosity(output)
    outputs = execute.outputs(output.report)
    target = with_url(target, url)
    judged_by = criteria(verdict, target)
    with resolved(RunRequest(target=target, selection=selection, limits=limits, verdict=verdict)) as options:
        if limits.dry_run:
            return console.preview(options)
        console.announce(target, options)
        path = execute.folder_for(run_dir, options.target.name)
        console.record_with_progress(options, path, output)
    judged = execute.judge_run(path, judged_by)
    return console.print_report(judged, outputs, output, hint=console.serve_hint(target, judged))


@app.command(
    help_epilogue=examples(
        "conformance matrix --config conformance.toml --suite smoke --out site",
        "conformance matrix --from tests/cassettes --columns model --out site",
        "conformance matrix --config conformance.toml --shard 2/4 --out part-2",
        "conformance matrix --merge part-1 part-2 part-3 part-4 --out site",
    )
)
def matrix(  # noqa: PLR0913 - one argument an option, or a group of them
    *,
    config: Path | None = None,
    out: Path,
    from_: Annotated[tuple[Path, ...], Parameter(name="--from", consume_multiple=True)] = (),
    columns: Literal["host", "model"] = "host",
    recording_format: RecordingFormat | None = None,
    selection: SelectionOptions = NO_SELECTION,
    limits: MatrixLimits = MATRIX_LIMITS,
    verdict: VerdictOptions = NO_VERDICT,
    at_once: Annotated[int, Parameter(validator=above_zero)] = 4,
    shard: str | None = None,
    merge: Annotated[tuple[Path, ...], Parameter(consume_multiple=True)] = (),
) -> int:
    """Run every target of a file, or judge recordings, and write a static site that compares them.

    Parameters
    ----------
    config
        TOML file of targets. A target may be embedded: `deployment = "NAME"` instead of base_url and model.
    from_
        HAR archives, VCR cassettes and folders of them, instead of targets: nothing is sent.
    columns
        What a column of recordings is: a host, or a host's model. Default: host.
    recording_format
        Read all recordings as har or vcr. Default: recognized by its content.
    out
        Output folder, new or of an earlier matrix: earlier runs are kept and shown as trends.
    at_once
        Number of targets to run concurrently. Default: 4.
    shard
        K/N: run only every N-th target, from the K-th on; --merge puts the shards together.
    merge
        Folders of all shards of one matrix, instead of targets: nothing is sent.
    """
    from conformance.cli import matrix as many
    from conformance.cli import matrix_of_recordings
    from conformance.runs.config import ConfigError
    from conformance.runs.criteria import criteria

    if merge:
        given = (
            config or from_ or shard or selection != NO_SELECTION or limits != MATRIX_LIMITS or verdict != NO_VERDICT
        )
        if given:
            raise ConfigError("--merge puts shards together and sends nothing; remove all other options but --out")
        return many.merge(merge, out)
    if from_:
        if shard:
            raise ConfigError("--shard divides the targets of --config; accepted: without --from")
        if config or selection != NO_SELECTION or limits != MATRIX_LIMITS:
            raise ConfigError("--from judges recordings and sends nothing; remove --config and the options of requests")
        return matrix_of_recordings.write_matrix(from_, out, criteria(verdict), columns, recording_format)
    if config is None:
        raise ConfigError("matrix needs targets; accepted: --config FILE, --from PATH..., or --merge DIR...")
    if verdict.waivers is not None:
        raise ConfigError("--waivers judges one target; accepted: `waivers` of a target in the --config file")
    request = RunRequest(selection=selection, limits=limits, verdict=verdict)
    return many.run_matrix(config, out, request, at_once, many.part(shard) if shard else many.WHOLE)


@app.command(
    help_epilogue=examples(
        "conformance fuzz --deployment native-sse --max-examples 50",
        "conformance fuzz http://127.0.0.1:8000/v1 --model our-model --seed 7",
    )
)
def fuzz(  # noqa: PLR0913 - one argument an option, or a group of them
    url: str | None = None,
    /,
    *,
    target: TargetOptions = NO_TARGET,
    selection: FuzzSelection = FUZZ_SELECTION,
    limits: FuzzLimits = FUZZ_LIMITS,
    verdict: FuzzVerdict = FUZZ_VERDICT,
    output: OutputOptions = NO_OUTPUT,
    max_examples: Annotated[int, Parameter(validator=above_zero)] = 200,
    seed: int = 0,
    run_dir: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
) -> int:
    """Fuzz a deployment: malformed bodies, boundary values, misspelt fields, cases generated from OpenAPI.

    Parameters
    ----------
    url
        The base URL, as with --base-url.
    max_examples
        Cases per API; at most half as many again are sent to minimize failures. Default: 200.
    seed
        Random seed: the same seed sends the same cases. Default: 0.
    run_dir
        New folder for the failing exchanges. Default: reports/runs/TIME-TARGET.
    """
    from conformance.cli import console
    from conformance.runs import execute
    from conformance.runs.criteria import criteria
    from conformance.runs.resolve import resolved

    if sys.modules.get("trio", sys) is None:
        del sys.modules["trio"]  # hidden when the command starts; but Hypothesis loads a plugin that is in it
    try:
        from conformance.cli import fuzz as hunting
    except ModuleNotFoundError as error:
        from conformance.runs.config import ConfigError

        raise ConfigError(f"fuzz needs {error.name}: install oai-conformance[fuzz]") from None
    console.verbosity(output)
    outputs = execute.outputs(output.report)
    target = with_url(target, url)
    judged_by = criteria(verdict, target)
    with resolved(RunRequest(target=target, selection=selection, limits=limits, verdict=verdict)) as options:
        console.announce(target, options)
        path = execute.folder_for(run_dir, options.target.name)
        hunting.run_fuzz(options, path, examples=max_examples, seed=seed)
    judged = execute.judge_run(path, judged_by)
    return console.print_report(judged, outputs, output, hint=console.serve_hint(target, judged))
