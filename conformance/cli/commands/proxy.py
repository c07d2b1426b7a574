"""The command proxy."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from conformance.cli.app import NO_OUTPUT, NO_VERDICT, app, examples
from conformance.cli.commands.serve import port_number
from conformance.runs.options import OUTPUT, TARGET, OutputOptions, VerdictOptions


@app.command(
    help_epilogue=examples(
        "conformance proxy --upstream https://api.openai.com/v1 --port 8100",
        "conformance proxy --upstream http://127.0.0.1:8000/v1 --report html=r.html",
    )
)
def proxy(  # noqa: PLR0913 - one argument an option, or a group of them
    *,
    upstream: Annotated[str, Parameter(group=TARGET)],
    port: Annotated[int, Parameter(validator=port_number)] = 0,
    host: str = "127.0.0.1",
    cacert: Annotated[Path | None, Parameter(group=TARGET)] = None,
    insecure: Annotated[bool, Parameter(group=TARGET)] = False,
    verdict: VerdictOptions = NO_VERDICT,
    output: OutputOptions = NO_OUTPUT,
    run_dir: Annotated[Path | None, Parameter(group=OUTPUT)] = None,
) -> int:
    """Record and judge the traffic between any client and a server, until Ctrl-C or SIGTERM.

    Every byte passes unchanged, but for Host. Each exchange with a known API is judged by the rules that need no other
    one; failures are printed as they happen, and a report at the end. Ctrl-C is the usual end: the exit code is 1 if a
    MUST failed, 3 if there was nothing to judge, and otherwise 0.

    Parameters
    ----------
    upstream
        URL of the server, as a base URL: clients use the same path at the proxy.
    port
        Port to listen on. Default: a free one.
    host
        Address to listen on: everybody who can reach it can use the upstream. Default: 127.0.0.1.
    cacert
        PEM file of certificate authorities to verify the upstream by, instead of the usual ones.
    insecure
        Accept any certificate of the upstream.
    run_dir
        New folder for the recording. Default: reports/runs/TIME-proxy-HOST.
    """
    from conformance.cli import console
    from conformance.cli.proxy import ProxyOptions, run_proxy
    from conformance.runs.criteria import criteria
    from conformance.runs.proxy import upstream_target

    console.verbosity(output)
    target, address = upstream_target(upstream, cacert, insecure=insecure)
    return run_proxy(
        ProxyOptions(
            target=target,
            upstream=address,
            host=host,
            port=port,
            run_dir=run_dir,
            criteria=criteria(verdict),
            output=output,
        )
    )
