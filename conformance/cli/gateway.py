"""Runs the commands gateway and upstream: says what to configure, records, and prints the report."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio

from conformance.apis.nonce import nonce
from conformance.cli import console
from conformance.cli.progress import Bar
from conformance.gateway.record import GatewayOptions, record_through
from conformance.model.criteria import Criteria
from conformance.model.words import ExitCode
from conformance.report.formats import terminal
from conformance.runner import NullProgress
from conformance.runs import execute
from conformance.runs.config import ConfigError
from conformance.runs.execute import Output
from conformance.runs.gateway import CANARY_KEY, chosen
from conformance.runs.options import OutputOptions, RunRequest, TargetOptions
from conformance.testbed.upstream.serve import serve_upstreams


@dataclass(frozen=True, kw_only=True)
class GatewayRun:
    """What the command line says of a run through a gateway."""

    request: RunRequest
    ports: tuple[int, ...]
    host: str
    wait_s: float
    run_dir: Path | None
    criteria: Criteria
    output: OutputOptions


def run_gateway(run: GatewayRun, outputs: Sequence[Output]) -> int:
    """Record both sides, judge them, and print the report. Returns the exit code. Raises ConfigError."""
    if run.request.target == TargetOptions():
        sys.stdout.write(f"{to_configure(run.host, run.ports)}Then name it: --base-url URL --model MODEL.\n")
        return ExitCode.NOT_TESTED
    options, embedded = chosen(run.request)

    def tell(ports: tuple[int, ...]) -> None:
        if embedded is None and not run.output.quiet:
            sys.stderr.write(to_configure(run.host, ports))

    through = GatewayOptions(
        run=options, ports=run.ports, host=run.host, wait_s=run.wait_s, on_listening=tell, embedded=embedded
    )
    path = execute.folder_for(run.run_dir, f"gateway-{options.target.name}")
    try:
        with Bar(terminal.console(sys.stderr, color=run.output.color)) as bar:
            progress = NullProgress() if run.output.quiet else bar
            execute.record_into(path, lambda folder: record_through(through, folder, progress))
    except OSError as error:
        raise ConfigError(f"--upstream-port: {error.strerror or error}; accepted: a free port, or 0") from None
    return console.print_report(execute.judge_run(path, run.criteria), outputs, run.output)


def to_configure(host: str, ports: Sequence[int]) -> str:
    """What a gateway needs to know of its upstreams."""
    lines = [f"Configure the gateway to forward to http://{host}:{port or 'PORT'}/v1" for port in ports]
    key = f"with any model name, and any key, for example {CANARY_KEY}; its response cache has to be off."
    return "\n".join([*lines, key, ""])


def run_upstream(ports: tuple[int, ...], host: str) -> int:
    """Serve the upstreams until Ctrl-C. Raises ConfigError."""

    async def until_stopped() -> None:
        async with serve_upstreams(lambda _x, _n: None, ports=ports, host=host) as upstreams:
            for port in upstreams.ports:
                url = f"http://{host}:{port}/v1"
                text = f"Hi ({nonce(0, 'example')}:native-sse)"
                body = f'{{"model":"any","messages":[{{"role":"user","content":"{text}"}}],"stream":true}}'
                sys.stdout.write(f"upstream at {url} (press Ctrl-C to stop)\n")
                sys.stdout.write(f"curl -sSiN {url}/chat/completions -H 'content-type: application/json' -d '{body}'\n")
            sys.stdout.flush()
            await anyio.sleep_forever()

    try:
        anyio.run(until_stopped)
    except KeyboardInterrupt:
        return ExitCode.CONFORMANT
    except OSError as error:
        raise ConfigError(f"--port: {error.strerror or error}; accepted: a free port, or 0 for any") from None
    return ExitCode.CONFORMANT
