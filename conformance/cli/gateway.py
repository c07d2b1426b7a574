"""Runs the command gateway: says what to configure, records both sides, and prints the report."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from msgspec import UNSET

from conformance.apis.nonce import marker
from conformance.cli import console
from conformance.cli.progress import Bar
from conformance.cost import cost_of, tokens_of
from conformance.gateway.plan import plan_through
from conformance.gateway.record import GatewayOptions
from conformance.model.criteria import Criteria
from conformance.model.exchange import Request
from conformance.model.words import ExitCode, Suite
from conformance.report.document import Report
from conformance.report.formats import terminal
from conformance.report.impacts import money
from conformance.runner import NullProgress, RunOptions
from conformance.runs import config, execute
from conformance.runs.execute import Output
from conformance.runs.gateway import CANARY_KEY, chosen, record
from conformance.runs.options import OutputOptions, RunRequest, TargetOptions
from conformance.testbed.gateway.handling import TRANSPARENT
from conformance.transport.open_files import allow_many_connections

SUITES: tuple[Suite, ...] = ("smoke", "gate", "full")


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
    given = run.request.target
    if given == TargetOptions() and not run.request.limits.dry_run:
        sys.stdout.write(f"{to_configure(run.host, run.ports)}Then name it: {_how_to_name()}.\n")
        return ExitCode.NOT_TESTED
    options, embedded = chosen(_with_target(run.request))
    if run.request.limits.dry_run:
        return preview(options)
    if options.target.insecure:
        sys.stderr.write("The gateway's certificate is not verified (--insecure).\n")

    def tell(ports: tuple[int, ...]) -> None:
        if embedded is None and not run.output.quiet:
            sys.stderr.write(to_configure(run.host, ports, options.target.policy.gateway.model or options.target.model))

    through = GatewayOptions(
        run=options, ports=run.ports, host=run.host, wait_s=run.wait_s, on_listening=tell, embedded=embedded
    )
    allow_many_connections()
    path = execute.folder_for(run.run_dir, f"gateway-{options.target.name}")
    with Bar(terminal.console(sys.stderr, color=run.output.color)) as bar:
        record(through, path, NullProgress() if run.output.quiet else bar)
    judged = execute.judge_run(path, run.criteria)
    hint = serve_again(judged.report, given.defect) if embedded else ""
    return console.print_report(judged, outputs, run.output, hint)


def serve_again(report: Report, defect: str | None) -> str:
    """How to serve the embedded gateway again, which has stopped when the report is printed; empty without failures."""
    if report.gateway is UNSET or not any(verdict.counts for verdict in report.verdicts):
        return ""
    ports = [f"--port {port}" for port in report.gateway.ports]
    port = report.target.base_url.rpartition(":")[2].partition("/")[0]
    words = ["conformance upstream", *ports, f"--gateway-port {port}", *([f"--defect {defect}"] if defect else [])]
    return f"To run the curl commands, serve upstream and gateway again: {' '.join(words)}"


def _with_target(request: RunRequest) -> RunRequest:
    """The request; its requests are shown for the embedded gateway, if no other is named."""
    if request.target != TargetOptions():
        return request
    return replace(request, target=TargetOptions(deployment=TRANSPARENT.name))


def _how_to_name() -> str:
    file = config.find(None)
    if file is None:
        return "--base-url URL --model MODEL"
    return f"--target NAME ({', '.join(config.entries(file))}), or --base-url URL --model MODEL"


def to_configure(host: str, ports: Sequence[int], model: str = "") -> str:
    """What a gateway needs to know of its upstreams."""
    lines = [f"Configure the gateway to forward to {base_url(host, port)}" for port in ports]
    named = f"the model {model}" if model else "any model name"
    key = f"with {named}, and any key, for example {CANARY_KEY}; its response cache has to be off."
    return "\n".join([*lines, key, ""])


def base_url(host: str, port: int) -> str:
    """The base URL of an upstream; its port may be open."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port or 'PORT'}/v1"


def preview(options: RunOptions) -> int:
    """Print the requests of a run with their scripts, and the maximum cost of each suite; send nothing."""
    for request in _planned(options, options.suite):
        found = marker(request.body)
        script = found.script if found else ""
        size = f"{len(request.body)} bytes, max_tokens {request.max_tokens}"
        sys.stdout.write(f"{request.method} {request.url}  {request.id}  {script}  {size}\n")
    for suite in SUITES:
        mark = "(shown above)" if suite == options.suite else ""
        sys.stdout.write(f"{suite:<6} {_bound(options, suite)} {mark}".rstrip() + "\n")
    sys.stdout.write("Nothing was sent.\n")
    return ExitCode.CONFORMANT


def _planned(options: RunOptions, suite: Suite) -> tuple[Request, ...]:
    return plan_through(options.target, options.profiles, suite, seed=0)


def _bound(options: RunOptions, suite: Suite) -> str:
    requests = _planned(options, suite)
    costs = [cost for request in requests if (cost := cost_of(request, options.target)) is not None]
    price = f"at most {money(sum(costs))}" if costs else "cost unknown without prices"
    return f"{len(requests):>4} requests, at most {sum(map(tokens_of, requests)):>7} tokens, {price}"
