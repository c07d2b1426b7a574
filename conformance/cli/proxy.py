"""Runs the proxy until Ctrl-C or SIGTERM, prints failures as they happen, and then the report."""

import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import anyio
from rich.console import Console
from rich.text import Text

from conformance.cli import console
from conformance.model.criteria import Criteria
from conformance.model.target import Target
from conformance.model.verdict import Verdict
from conformance.model.words import ExitCode
from conformance.report.escaping import safe
from conformance.report.formats import terminal
from conformance.runs import execute
from conformance.runs.config import ConfigError
from conformance.runs.options import OutputOptions
from conformance.runs.proxy import Recorder
from conformance.storage.folder import RunFolder, StoreError
from conformance.transport.open_files import allow_many_connections
from conformance.transport.relay import Relay, relaying
from conformance.transport.upstream import Upstream


@dataclass(frozen=True, kw_only=True)
class ProxyOptions:
    """Where the proxy listens, what it passes on to, and where and how it is recorded and judged."""

    target: Target
    upstream: Upstream
    host: str
    port: int
    run_dir: Path | None
    criteria: Criteria
    output: OutputOptions


def run_proxy(options: ProxyOptions) -> int:
    """Record and judge until Ctrl-C or SIGTERM; then print the report. Returns the exit code. Raises ConfigError."""
    outputs = execute.outputs(options.output.report)
    on_screen = any(str(one.path) == console.SCREEN for one in outputs)
    out = terminal.console(sys.stderr if on_screen else sys.stdout, color=options.output.color)
    allow_many_connections()
    path, fault = anyio.run(_record, options, out)
    code = console.print_report(execute.judge_run(path, options.criteria), outputs, options.output)
    if fault is None:
        return code
    sys.stderr.write(f"conformance: recording failed, so that exchanges are missing: {fault}\n")
    return code if code == ExitCode.FAILED else ExitCode.HARNESS_ERROR


async def _record(options: ProxyOptions, out: Console) -> tuple[Path, Exception | None]:
    """Relay and record until a signal comes; returns the run folder, and why recording failed, if it did."""
    try:
        async with relaying(options.upstream, host=options.host, port=options.port) as relay:
            recorder, path = _recorder(options, relay, out)
            with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
                _announce(options, relay, path, out)
                async for _ in signals:
                    break
    except OSError as error:
        why = error.strerror or error
        raise ConfigError(f"--host {options.host} --port {options.port}: {why}; accepted: a free port, or 0") from None
    recorder.close(relay.refused)
    return path, recorder.fault


def _recorder(options: ProxyOptions, relay: Relay, out: Console) -> tuple[Recorder, Path]:
    path = execute.folder_for(options.run_dir, f"proxy-{options.target.name}")
    today, waivers = datetime.now(UTC).date(), options.criteria.waivers

    def tell(failed: Sequence[Verdict]) -> None:
        for verdict in failed:
            if not any(waiver.covers(verdict, today) for waiver in waivers):
                out.print(_line(verdict, with_message=options.output.verbose), soft_wrap=True)

    try:
        recorder = Recorder(
            RunFolder.create(path),
            target=options.target,
            host=options.target.name,
            rules=options.criteria.rules,
            on_failures=(lambda _: None) if options.output.quiet else tell,
            release=relay.memory.give_back,
        )
    except StoreError as error:
        raise ConfigError(f"--run-dir: {error}") from None
    relay.on_exchange = recorder.keep
    return recorder, path


def _line(verdict: Verdict, *, with_message: bool) -> Text:
    """A failure of one exchange, on one line."""
    who = " ".join(filter(None, (safe(verdict.host), safe(verdict.model))))
    message = f": {safe(verdict.message)}" if with_message else ""
    rule = (f"{verdict.rule:<7} {verdict.level:<6}", terminal.COLOUR[verdict.level])
    return Text.assemble(rule, f"  {verdict.title}", (f"  ({', '.join(verdict.exchanges)}, {who})", "dim"), message)


def _announce(options: ProxyOptions, relay: Relay, path: Path, out: Console) -> None:
    """Say which base URL the clients need."""
    if options.target.insecure:
        sys.stderr.write("The upstream's certificate is not verified (--insecure).\n")
    host = f"[{options.host}]" if ":" in options.host else options.host
    origin, prefix = f"http://{host}:{relay.port}", urlsplit(options.target.base_url).path
    out.print(f"Proxy for {options.target.base_url} (press Ctrl-C to stop, and for the report)")
    out.print(f"base URL for clients: {origin}{prefix}; each path is passed on as it is")
    out.print(f"recording: {path}", style="dim")
    out.file.flush()
