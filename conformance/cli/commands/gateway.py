"""Commands that test a gateway from both sides: gateway and upstream."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from conformance.cli.app import NO_LIMITS, NO_OUTPUT, NO_TARGET, NO_VERDICT, app, examples
from conformance.cli.commands.serve import port_number
from conformance.model.words import Api
from conformance.runs.options import (
    OUTPUT,
    REQUESTS,
    GatewaySelection,
    LimitOptions,
    OutputOptions,
    RunRequest,
    TargetOptions,
    VerdictOptions,
)

GATEWAY_SELECTION = GatewaySelection()


def port_numbers(_kind: type, values: tuple[int, ...]) -> None:
    """Validate ports; 0 is any. Raises ValueError."""
    for value in values:
        port_number(int, value)
    chosen = [value for value in values if value]
    if len(chosen) > len({*chosen}):
        raise ValueError("Accepted: each port once.")


def optional_port(kind: type, value: int | None) -> None:
    """Validate a port, if there is one. Raises ValueError."""
    if value is not None:
        port_number(kind, value)


def seconds(_kind: type, value: float) -> None:
    """Validate a time. Raises ValueError."""
    if not 0 < value < float("inf"):
        raise ValueError("Accepted: a number above 0.")


Ports = Annotated[tuple[int, ...], Parameter(validator=port_numbers, group=REQUESTS)]


@app.command(
    help_epilogue=examples(
        "conformance gateway --base-url http://127.0.0.1:4000/v1 --model our-model --upstream-port 9009",
        "conformance gateway --deployment transparent",
    )
)
def gateway(  # noqa: PLR0913 - one argument an option, or a group of them
    *,
    target: TargetOptions = NO_TARGET,
    selection: GatewaySelection = GATEWAY_SELECTION,
    limits: LimitOptions = NO_LIMITS,
    verdict: VerdictOptions = NO_VERDICT,
    output: OutputOptions = NO_OUTPUT,
    upstream_port: Ports = (),
    upstream_host: Annotated[str, Parameter(group=REQUESTS)] = "127.0.0.1",
    wait: Annotated[float, Parameter(group=REQUESTS, validator=seconds)] = 5.0,
    run_dir: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
) -> int:
    """Test a gateway from both sides: send it requests, and serve those that it sends upstream.

    The gateway has to forward to the upstream port. Its own faults are found there: dropped fields, hidden retries,
    leaked keys, lost disconnects, cut streams that are reported as complete.

    Parameters
    ----------
    upstream_port
        Port to serve the gateway's requests at; repeat it for further upstreams. Default: upstream_ports of the
        target, or a free one; two for the embedded gateway.
    upstream_host
        Address to listen on. Default: 127.0.0.1.
    wait
        Seconds until the first request has to arrive upstream. Default: 5.
    run_dir
        New folder for the recording. Default: reports/runs/TIME-TARGET.
    """
    from conformance.cli import console
    from conformance.cli import gateway as through
    from conformance.runs import execute
    from conformance.runs.criteria import criteria
    from conformance.runs.gateway import upstream_ports

    console.verbosity(output)
    outputs = execute.outputs(output.report)
    judged_by = criteria(verdict, target)
    request = RunRequest(target=target, selection=selection, limits=limits, verdict=verdict)
    run = through.GatewayRun(
        request=request,
        ports=upstream_ports(upstream_port, target),
        host=upstream_host,
        wait_s=wait,
        run_dir=run_dir,
        criteria=judged_by,
        output=output,
    )
    return through.run_gateway(run, outputs)


@app.command(
    help_epilogue=examples(
        "conformance upstream --port 9009", "conformance upstream --port 9009 --api chat --run-dir arrived"
    )
)
def upstream(
    *,
    port: Ports = (0,),
    api: Annotated[tuple[Api, ...], Parameter(group=REQUESTS)] = (),
    host: str = "127.0.0.1",
    gateway_port: Annotated[int | None, Parameter(validator=optional_port)] = None,
    defect: str | None = None,
    run_dir: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
) -> int:
    """Serve the scripted upstream alone, until Ctrl-C or SIGTERM: for curl, any client, or a gateway of your own.

    Its response depends on the marker in the last user message, prompt or input, `NONCE:SCRIPT`: a script is a planted
    defect or legal variant, or one of the upstream's own. Prints a line for each request that arrives.

    Parameters
    ----------
    port
        Port to listen on; repeat it for further upstreams. Default: a free one.
    api
        Serve this API only; the paths of others get 404. Repeatable.
    host
        Address to listen on. Default: 127.0.0.1.
    gateway_port
        Serve the embedded gateway in front of it, too, at this port. Default: no gateway.
    defect
        A planted defect, or a legal variant, of the embedded gateway. Default: none.
    run_dir
        New folder to record what arrives in; `conformance show` lists it. Default: nothing is recorded.
    """
    from conformance.cli.upstream import run_upstream
    from conformance.runs.config import ConfigError
    from conformance.runs.gateway import change_named, embedded

    if defect is not None and gateway_port is None:
        raise ConfigError("--defect is one of the embedded gateway; accepted: with --gateway-port")
    gateway = embedded(change_named(None, defect), gateway_port) if gateway_port is not None else None
    return run_upstream(port, host, api, run_dir, gateway)
