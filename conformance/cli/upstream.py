"""Runs the command upstream: serves the scripted upstreams, prints what arrives, and records it on request."""

import contextlib
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import anyio

from conformance.apis.nonce import Marker, marker, nonce
from conformance.apis.specs import spec
from conformance.cli.gateway import base_url
from conformance.gateway.arrived import PROFILE, exchange_of, name_of
from conformance.gateway.record import Gateway
from conformance.model.exchange import Exchange
from conformance.model.run import GatewayFacts, RunManifest
from conformance.model.target import Target
from conformance.model.words import APIS, Api, ExitCode
from conformance.parsing.http1 import reply, request_content
from conformance.probes.baseline import token_cap, user_message
from conformance.report.escaping import safe
from conformance.run_facts import TOOL, timestamp
from conformance.runs.config import ConfigError
from conformance.storage.folder import RunFolder, StoreError
from conformance.testbed.server.reply import to_json
from conformance.testbed.upstream.answer import Offer
from conformance.testbed.upstream.serve import serve_upstreams
from conformance.transport.accepted import AcceptedExchange
from conformance.transport.open_files import allow_many_connections

ONE_SIDE: Final = (
    "This recording has the upstream's side alone, so there is nothing to judge: `conformance show` lists it, and "
    "`conformance gateway` records both sides"
)
MS: Final = 1e6


@dataclass(kw_only=True)
class _Log:
    """Prints a line for each request, and records it if there is a folder."""

    folder: RunFolder | None
    ports: tuple[int, ...] = ()
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    refused: dict[str, int] = field(default_factory=dict)
    fault: StoreError | None = None
    count: int = 0
    began_ns: int = 0

    def arrive(self, accepted: AcceptedExchange, upstream: int) -> None:
        """Note an exchange that is over."""
        self.count += 1
        self.began_ns = self.began_ns or accepted.began_ns
        x = exchange_of(accepted, upstream)
        found = marker(request_content(x))
        with contextlib.suppress(BrokenPipeError):  # whoever read the lines has left
            sys.stdout.write(f"{line(x, found, name_of(accepted), self.ports[upstream])}\n")
            sys.stdout.flush()
        if self.folder and self.fault is None:
            name = f"{self.count:06}-{x.api}-{x.mode}"
            try:
                self.folder.write(replace(x, id=name, began_ns=x.began_ns - self.began_ns))
            except StoreError as error:
                self.fault = error

    def write_facts(self) -> None:
        """Write what is known of the recording."""
        if self.folder:
            target = Target(name="upstream", base_url="http://127.0.0.1/v1", model="")
            facts = RunManifest(
                tool=TOOL,
                started=timestamp(self.began),
                duration_s=round((datetime.now(UTC) - self.began).total_seconds(), 3),
                target=target,
                suite="recordings",
                profiles=(PROFILE,),
                stopped="set-up",
                stopped_why=ONE_SIDE,
                gateway=GatewayFacts(ports=self.ports, refused=self.refused),
            )
            self.folder.write_facts(facts)


def line(x: Exchange, found: Marker | None, name: str, port: int) -> str:
    """What is printed of a request: nonce, script, status, and how it ended."""
    status = reply(x).status or "none"
    marker = f"{found.nonce}  {found.script}" if found else "no marker"
    how = "whole" if x.ending.phase == "after" else x.ending.how
    at_ms = (x.arrivals[-1].at_ns if x.arrivals and how == "whole" else x.ending.at_ns) / MS
    detail = f": {safe(x.ending.detail)}" if x.ending.detail and how != "whole" else ""
    return f":{port}  {safe(name)}  {marker}  {status}  {how} after {at_ms:.0f} ms{detail}"


def run_upstream(
    ports: tuple[int, ...], host: str, apis: Sequence[Api], run_dir: Path | None, gateway: Gateway | None = None
) -> int:
    """Serve the upstreams, and a gateway in front, until Ctrl-C or SIGTERM. Returns the exit code.

    Raises ConfigError.
    """
    try:
        log = _Log(folder=RunFolder.create(run_dir) if run_dir else None)
    except StoreError as error:
        raise ConfigError(f"--run-dir: {error}") from None
    allow_many_connections()
    try:
        anyio.run(_serve, log, ports, host, Offer(apis=tuple(apis) or APIS), gateway)
    except OSError as error:
        options = "--host, --port or --gateway-port" if gateway else "--host or --port"
        raise ConfigError(
            f"{options}: {error.strerror or error}; accepted: a free port, or 0 for any, on an address of this machine"
        ) from None
    if log.fault is None:
        return ExitCode.CONFORMANT
    sys.stderr.write(f"conformance: recording failed, so that requests are missing: {log.fault}\n")
    return ExitCode.HARNESS_ERROR


async def _serve(log: _Log, ports: tuple[int, ...], host: str, offer: Offer, gateway: Gateway | None) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with contextlib.AsyncExitStack() as stack:
            serving = serve_upstreams(log.arrive, ports=ports, host=host, offer=offer)
            upstreams = await stack.enter_async_context(serving)
            log.ports = upstreams.ports
            log.write_facts()
            for port in upstreams.ports:
                sys.stdout.write(to_try(base_url(host, port), offer))
            if gateway:
                url = await stack.enter_async_context(gateway([f"http://{host}:{port}" for port in upstreams.ports]))
                sys.stdout.write(f"embedded gateway in front of it at {url}\n")
            sys.stdout.flush()
            async for _ in signals:
                break
            log.refused = upstreams.refused
        log.write_facts()
        with contextlib.suppress(BrokenPipeError):
            sys.stdout.write("".join(f"{count} × {why}\n" for why, count in log.refused.items()))


def to_try(url: str, offer: Offer) -> str:
    """How to ask an upstream by hand."""
    text = f"Hi ({nonce(0, 'example')}:native-sse)"
    api = offer.apis[0]
    streamed = {"stream": True} if spec(api).generation else {}
    body = {"model": "any"} | token_cap(api, 64) | user_message(api, text) | streamed
    return (
        f"upstream at {url} (press Ctrl-C to stop)\n"
        f"curl -sSiN {url}{spec(api).path} -H 'content-type: application/json' -d '{to_json(body).decode()}'\n"
    )
