"""Record a run through a gateway: serve its upstreams, send the requests, and store what both sides saw."""

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

import anyio
import msgspec

from conformance import __version__
from conformance.gateway.arrived import exchange_of
from conformance.gateway.plan import plan_through
from conformance.model.case import Kind
from conformance.model.exchange import Exchange, Request
from conformance.model.run import GatewayFacts, RunManifest, Stopped
from conformance.parsing.http1 import reply
from conformance.probes.gateway.failures import CONNECTION_REFUSED
from conformance.runner import REDACTED, STAGE_CONCURRENCY, NullProgress, Progress, RunOptions, Store
from conformance.testbed.upstream.serve import LOOPBACK, Upstreams, serve_upstreams
from conformance.transport.accepted import AcceptedExchange
from conformance.transport.proxies import Trust
from conformance.transport.send_all import send_all

SETTLE_S: Final = 1.0
"""How long requests upstream may go on after the client's have ended, before the next ones are sent."""
LAST_S: Final = 10.0
"""The same at the end of a run."""
AFTERMATH_S: Final = 1.5
"""How long the upstream listens after the last client hung up: a gateway may try again for a client that has left."""
WAIT_S: Final = 5.0
RETRY_S: Final = 0.5
MOST_OTHERS: Final = 100

OnListening = Callable[[tuple[int, ...]], None]
Gateway = Callable[[Sequence[str]], AbstractAsyncContextManager[str]]
"""Starts a gateway in front of upstreams, whose URLs it gets; its value is the gateway's base URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayOptions:
    """Options of a run through a gateway.

    `ports` are those of the upstreams, 0 for a free one; `wait_s` is how long the gateway may take until a request
    arrives upstream. `on_listening` gets the ports before the first request. `embedded` is the gateway, if it is to be
    started, too; it replaces the target's base URL.
    """

    run: RunOptions
    ports: tuple[int, ...] = (0,)
    host: str = LOOPBACK
    wait_s: float = WAIT_S
    seed: int = field(default_factory=lambda: secrets.randbits(32))
    on_listening: OnListening = lambda _: None
    embedded: Gateway | None = None


@dataclass(slots=True, kw_only=True, repr=False)
class _Recorder:
    """`alone` is the nonce of a request that is sent while no other is in progress: a POST upstream without a nonce is
    its own, such as an empty body.
    """

    options: GatewayOptions
    store: Store
    progress: Progress
    started: datetime
    began_ns: int = 0
    planned: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    arrived: list[Exchange] = field(default_factory=list)
    attempts: dict[str, int] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    quiet_at: float = 0.0
    others: dict[str, int] = field(default_factory=dict)
    alone: str = ""
    ports: tuple[int, ...] = ()
    stopped: Stopped = ""
    reason: str = ""
    unfinished: bool = False

    def facts(self) -> RunManifest:
        """The run's facts so far."""
        run = self.options.run
        return RunManifest(
            tool=f"oai-conformance {__version__}",
            started=self.started.isoformat(timespec="seconds").replace("+00:00", "Z"),
            target=msgspec.structs.replace(run.target, headers=dict.fromkeys(run.target.headers, REDACTED)),
            suite=run.suite,
            profiles=run.profiles,
            planned=tuple(self.planned),
            left_out=self.left_out,
            stopped=self.stopped,
            stopped_why=self.reason,
            messages_per_day=run.messages_per_day,
            strict=run.strict,
            seed=self.options.seed,
            gateway=GatewayFacts(ports=self.ports, other_requests=self.others, unfinished=self.unfinished),
        )

    def arrive(self, x: AcceptedExchange, upstream: int) -> None:
        """Keep an exchange of the upstream until those of the client are over."""
        found = exchange_of(x, upstream, self.options.run.key)
        if not found.nonce and self.alone and x.method == b"POST":
            found = replace(found, nonce=self.alone)
        if found.nonce in self.names:
            self.arrived.append(found)
            return
        name = f"{x.method.decode('ascii', 'replace')} {x.path.decode('latin-1')[:200]}"
        if name in self.others or len(self.others) < MOST_OTHERS:
            self.others[name] = self.others.get(name, 0) + 1

    def flush(self) -> None:
        """Store the exchanges of the upstream, numbered by nonce in order of arrival."""
        for x in sorted(self.arrived, key=lambda x: x.began_ns):
            attempt = self.attempts[x.nonce] = self.attempts.get(x.nonce, 0) + 1
            name = f"{self.names[x.nonce]}.upstream-{attempt}"
            self.store.write(replace(x, id=name, attempt=attempt, began_ns=x.began_ns - self.began_ns))
        self.arrived.clear()

    def keep(self, x: Exchange) -> None:
        """Store an exchange with the gateway."""
        if x.ending.how == "hung-up":
            self.quiet_at = anyio.current_time() + AFTERMATH_S
        self.store.write(replace(x, began_ns=x.began_ns - self.began_ns))
        self.progress.done(x)

    async def send(self, requests: Sequence[Request], keep: Callable[[Exchange], None]) -> None:
        """Send requests at the concurrency of their stage."""
        run, stage = self.options.run, requests[0].stage
        self.alone = requests[0].nonce if len(requests) == 1 else ""
        values = (*run.target.headers.values(), *((run.key,) if run.key else ()))
        usual, bound = STAGE_CONCURRENCY.get(stage, 1), run.concurrency or run.target.concurrency
        await send_all(
            requests,
            key=run.key,
            secrets=tuple(value for value in values if value),
            limits=run.limits,
            unix_socket=run.unix_socket,
            trust=Trust(run.target.cacert, run.target.insecure),
            concurrency=usual if bound is None or usual == 1 else bound,
            on_exchange=keep,
        )


async def record_through(options: GatewayOptions, store: Store, progress: Progress | None = None) -> RunManifest:
    """Send the run's requests through the gateway and record both sides; writes and returns the run's facts.

    If no request arrives upstream within `wait_s`, the run stops. Raises OSError if a port can't be bound.
    """
    recorder = _Recorder(options=options, store=store, progress=progress or NullProgress(), started=datetime.now(UTC))
    began = anyio.current_time()
    recorder.began_ns = int(began * 1_000_000_000)
    try:
        async with serve_upstreams(recorder.arrive, ports=options.ports, host=options.host) as upstreams:
            recorder.ports = upstreams.ports
            store.write_facts(msgspec.structs.replace(recorder.facts(), stopped="interrupted"))
            options.on_listening(upstreams.ports)
            async with _started(options, upstreams) as run:
                recorder.options = replace(options, run=run)
                await _send(recorder, upstreams)
        recorder.flush()  # what was still in progress
    except anyio.get_cancelled_exc_class():
        recorder.stopped, recorder.reason = "interrupted", "the user stopped the run"
        raise
    finally:
        facts = msgspec.structs.replace(recorder.facts(), duration_s=round(anyio.current_time() - began, 3))
        store.write_facts(facts)
    return facts


@asynccontextmanager
async def _started(options: GatewayOptions, upstreams: Upstreams) -> AsyncIterator[RunOptions]:
    """The options of the run, with the embedded gateway as its target, if there is one."""
    if options.embedded is None:
        yield options.run
        return
    async with options.embedded([f"http://{LOOPBACK}:{port}" for port in upstreams.ports]) as url:
        yield replace(options.run, target=msgspec.structs.replace(options.run.target, base_url=url))


async def _send(recorder: _Recorder, upstreams: Upstreams) -> None:
    run = recorder.options.run
    requests = plan_through(run.target, run.profiles, run.suite, recorder.options.seed)
    recorder.planned += [request.id for request in requests]
    recorder.names = {request.nonce: request.id for request in requests}
    recorder.progress.total(len(requests))
    await _wait_for_upstream(recorder, upstreams, requests[0])
    rest = requests[1:]
    if recorder.stopped:
        recorder.left_out |= {request.id: recorder.reason for request in rest}
        return
    for stage, together in groupby(rest, key=lambda request: request.stage):
        batch = list(together)
        for part in [batch] if stage in STAGE_CONCURRENCY else [[request] for request in batch]:
            async with _reachable(upstreams, part):
                await recorder.send(part, recorder.keep)
            is_last = part[-1] is rest[-1]
            if is_last:
                await anyio.sleep_until(recorder.quiet_at)
            recorder.unfinished = not await upstreams.idle(LAST_S if is_last else SETTLE_S)
            recorder.flush()


def _reachable(upstreams: Upstreams, requests: Sequence[Request]) -> AbstractAsyncContextManager[None]:
    """Refuse connections while requests are sent that are to find no upstream."""
    cases = [case for request in requests for case in request.cases]
    is_refused = any(c.kind is Kind.GATEWAY_FAULT and c.subject == CONNECTION_REFUSED for c in cases)
    return upstreams.refusing() if is_refused else nullcontext()


async def _wait_for_upstream(recorder: _Recorder, upstreams: Upstreams, first: Request) -> None:
    """Send the first request until it arrives upstream, or the time is over; the last exchange is kept."""
    seen: list[Exchange] = []
    deadline = anyio.current_time() + recorder.options.wait_s
    while True:
        await recorder.send([first], seen.append)
        await upstreams.idle(SETTLE_S)
        if recorder.arrived or upstreams.in_progress or anyio.current_time() >= deadline:
            break
        await anyio.sleep(RETRY_S)
    recorder.keep(seen[-1])
    if not recorder.arrived:
        recorder.stopped, recorder.reason = "unreachable", _why_nothing_arrived(seen[-1])
    recorder.flush()


def _why_nothing_arrived(x: Exchange) -> str:
    status = reply(x).status
    said = f"the gateway answered HTTP {status}" if status else f"no response from the gateway ({x.ending.how})"
    return f"no request arrived upstream: {said}"
