"""Record a run through a gateway: serve its upstreams, send the requests, and store what both sides saw."""

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count, groupby
from typing import Final

import anyio
import anyio.lowlevel
import msgspec

from conformance.comparisons import absent_apis, missing_api
from conformance.gateway.keeping import Kept
from conformance.gateway.not_arrived import why_nothing_arrived
from conformance.gateway.plan import plan_through, with_new_nonce
from conformance.model.case import Kind
from conformance.model.exchange import Exchange, Request
from conformance.model.run import GatewayFacts, RunManifest, Stopped
from conformance.model.words import Api, Mode
from conformance.parsing.http1 import reply
from conformance.probes.gateway.failures import CONNECTION_REFUSED
from conformance.run_bounds import RunBounds
from conformance.run_facts import with_facts
from conformance.runner import (
    STAGE_CONCURRENCY,
    NullProgress,
    Progress,
    RunOptions,
    Store,
    facts_so_far,
    send_stage,
    within_budget,
)
from conformance.testbed.server.deployments import MODEL
from conformance.testbed.upstream.answer import Offer
from conformance.testbed.upstream.serve import LOOPBACK, Upstreams, serve_upstreams
from conformance.transport.clock import now_ns
from conformance.transport.redact import words

SETTLE_S: Final = 1.0
"""How long requests upstream may go on after the client's have ended, before the next ones are sent."""
MOST_SETTLING_S: Final = 20.0
"""The same for all together that do not end in time; then the next ones are sent at once."""
LAST_S: Final = 10.0
"""The same at the end of a run."""
AFTERMATH_S: Final = 1.5
"""How long the upstream listens after the last client disconnected: a gateway may retry for a client that has left."""
WAIT_S: Final = 5.0
RETRY_S: Final = 0.5

OnListening = Callable[[tuple[int, ...]], None]
Gateway = Callable[[Sequence[str]], AbstractAsyncContextManager[str]]
"""Starts a gateway in front of upstreams, whose URLs it gets; its value is the gateway's base URL."""


class AddressError(OSError):
    """A port of an upstream can't be bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayOptions:
    """Options of a run through a gateway.

    `ports` are those of the upstreams, 0 for a free one; `wait_s` is how long the gateway may take until a request
    arrives upstream. `on_listening` gets the ports before the first request. `embedded` is the gateway, if it is to be
    started, too; it replaces the target's base URL. Besides the baseline requests, only those are sent that are
    `wanted`.
    """

    run: RunOptions
    ports: tuple[int, ...] = (0,)
    host: str = LOOPBACK
    wait_s: float = WAIT_S
    seed: int = field(default_factory=lambda: secrets.randbits(32))
    on_listening: OnListening = lambda _: None
    embedded: Gateway | None = None
    wanted: Callable[[Request], bool] = lambda _: True


@dataclass(slots=True, kw_only=True, repr=False)
class _Recorder:
    options: GatewayOptions
    store: Store
    progress: Progress
    started: datetime
    kept: Kept
    planned: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    ports: tuple[int, ...] = ()
    stopped: Stopped = ""
    reason: str = ""
    unfinished: bool = False
    incomplete: bool = False
    refused: dict[str, int] = field(default_factory=dict)
    baselines: dict[Api, list[tuple[Mode, str]]] = field(default_factory=dict)
    bounds: RunBounds = field(default_factory=RunBounds)
    quiet_at: float = 0.0
    stalls_ns: Callable[[int], int] = lambda _: 0
    settling_left_s: float = MOST_SETTLING_S

    def facts(self) -> RunManifest:
        """The run's facts so far."""
        return msgspec.structs.replace(
            facts_so_far(self.options.run, self),
            incomplete=self.incomplete,
            seed=self.options.seed,
            gateway=self.gateway_facts(),
        )

    def gateway_facts(self) -> GatewayFacts:
        """What is known of the upstreams so far."""
        return GatewayFacts(
            ports=self.ports,
            other_requests=self.kept.others,
            more_requests=self.kept.more,
            refused=self.refused,
            unfinished=self.unfinished,
        )

    def keep(self, x: Exchange) -> None:
        """Keep an exchange with the gateway."""
        if x.case.kind is Kind.BASELINE:
            self.baselines.setdefault(x.api, []).append((x.mode, missing_api(x)))
        if x.ending.how == "hung-up":
            self.quiet_at = anyio.current_time() + AFTERMATH_S
        x = replace(x, harness_stall_ns=self.stalls_ns(x.began_ns))
        self.bounds.note(x)
        for large in self.kept.answer(x):
            self.store.write(large)
        self.progress.done(x)

    def _is_wanted(self, request: Request) -> bool:
        if reason := self.bounds.reason_against(request):
            self.left_out[request.id] = reason
            self.incomplete = True
        return not reason

    async def send(self, requests: Sequence[Request], keep: Callable[[Exchange], None]) -> None:
        """Send requests of one stage at its concurrency."""
        self.kept.expect(requests, now_ns())
        await send_stage(self.options.run, requests, keep, self._is_wanted)

    async def settle(self, upstreams: Upstreams, within_s: float) -> None:
        """Wait until no request is in progress upstream, and store what is over."""
        began = anyio.current_time()
        self.unfinished = not await upstreams.idle(within_s)
        self.settling_left_s -= anyio.current_time() - began if self.unfinished else 0.0
        for x in self.kept.due(upstreams.nonces_in_progress() if self.unfinished else ()):
            self.store.write(x)
            await anyio.lowlevel.checkpoint()  # many exchanges in a row must not stop the upstreams


async def record_through(options: GatewayOptions, store: Store, progress: Progress | None = None) -> RunManifest:
    """Send the run's requests through the gateway and record both sides; writes and returns the run's facts.

    If no request arrives upstream within `wait_s`, the run stops. Cancellation (Ctrl-C) keeps what was recorded. Raises
    AddressError if a port can't be bound.
    """
    kept = Kept(key=options.run.key, secrets=words(options.run.target.headers.values()), began_ns=now_ns())
    recorder = _Recorder(
        options=options, store=store, progress=progress or NullProgress(), started=datetime.now(UTC), kept=kept
    )
    async with AsyncExitStack() as listening:
        upstreams = await listening.enter_async_context(_listening(recorder))
        return await with_facts(recorder, store, lambda: _record(recorder, upstreams, listening.pop_all()))


async def _record(recorder: _Recorder, upstreams: Upstreams, listening: AsyncExitStack) -> None:
    """Send the requests, stop listening, and store what was in progress upstream until then."""
    options = recorder.options
    try:
        async with listening:
            options.on_listening(upstreams.ports)
            async with _started(options, upstreams) as run:
                recorder.options = replace(options, run=run)
                await _send(recorder, upstreams)
    finally:
        for x in recorder.kept.due():
            recorder.store.write(x)


@asynccontextmanager
async def _listening(recorder: _Recorder) -> AsyncIterator[Upstreams]:
    """The upstreams; requests that are in progress at the end are recorded as they are then."""
    options = recorder.options
    target = options.run.target
    models = tuple(dict.fromkeys((target.policy.gateway.model or target.model, MODEL)))
    async with AsyncExitStack() as stack:
        serving = serve_upstreams(
            recorder.kept.arrive, ports=options.ports, host=options.host, offer=Offer(models=models)
        )
        try:
            upstreams = await stack.enter_async_context(serving)
        except OSError as error:
            raise AddressError(error.errno, error.strerror or str(error)) from error
        recorder.ports, recorder.stalls_ns = upstreams.ports, upstreams.monitor.all_stalls_ns
        try:
            yield upstreams
        finally:
            recorder.refused = upstreams.refused


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
    planned = plan_through(run.target, run.profiles, run.suite, recorder.options.seed)
    requests = [request for request in planned if _is_usual(request) or recorder.options.wanted(request)]
    recorder.planned += [request.id for request in requests]
    recorder.progress.total(len(requests))
    firsts = {request.cases[0].api: request for request in reversed(requests) if _is_usual(request)}
    first, over = within_budget(list(firsts.values()), run)
    recorder.left_out |= over
    sent = await _wait_for_upstream(recorder, upstreams, first)
    others = [request for request in requests if request.id not in {one.id for one in firsts.values()}]
    rest, over = within_budget(others, run, sent)
    recorder.left_out |= over
    if recorder.stopped:
        recorder.left_out |= {request.id: recorder.reason for request in rest}
        return
    recorder.progress.total(len(first) + len(rest))
    if usual := [request for request in rest if _is_usual(request)]:
        await recorder.send(usual, recorder.keep)
        await recorder.settle(upstreams, SETTLE_S)
    await _send_others(recorder, upstreams, [request for request in rest if not _is_usual(request)])


def _is_usual(request: Request) -> bool:
    return request.cases[0].kind is Kind.BASELINE


async def _send_others(recorder: _Recorder, upstreams: Upstreams, requests: Sequence[Request]) -> None:
    """Send what follows the baseline requests, stage by stage, but not to APIs that the gateway does not offer."""
    absent = absent_apis(recorder.facts(), recorder.baselines)
    recorder.left_out |= {
        request.id: absent[request.cases[0].api] for request in requests if request.cases[0].api in absent
    }
    wanted = [request for request in requests if request.cases[0].api not in absent]
    for stage, together in groupby(wanted, key=lambda request: request.stage):
        batch = list(together)
        for part in [batch] if stage in STAGE_CONCURRENCY else [[request] for request in batch]:
            async with _reachable(upstreams, part):
                recorder.kept.alone = part[0] if len(part) == 1 else None
                await recorder.send(part, recorder.keep)
            await recorder.settle(upstreams, min(SETTLE_S, max(0.0, recorder.settling_left_s)))
    await anyio.sleep_until(recorder.quiet_at)
    await recorder.settle(upstreams, LAST_S)


def _reachable(upstreams: Upstreams, requests: Sequence[Request]) -> AbstractAsyncContextManager[None]:
    """Refuse connections while requests are sent that are to find no upstream."""
    cases = [case for request in requests for case in request.cases]
    is_refused = any(c.kind is Kind.GATEWAY_FAULT and c.subject == CONNECTION_REFUSED for c in cases)
    return upstreams.refusing() if is_refused else nullcontext()


async def _wait_for_upstream(recorder: _Recorder, upstreams: Upstreams, first: Sequence[Request]) -> list[Request]:
    """Send the first request of each API until one arrives upstream, or the time is over; keep the last exchanges.

    Each time they have other nonces, so that what is late is no second attempt. A response without the upstream ends
    it: somebody else may be paid for it. Returns all that were sent.
    """
    options, sent, seen = recorder.options, list[Request](), list[Exchange]()
    deadline = anyio.current_time() + options.wait_s
    for number in count(1):
        due = [with_new_nonce(request, options.seed, number) for request in first]
        within, _ = within_budget(due, options.run, sent)
        if number > 1 and len(within) < len(due):
            break
        latest: list[Exchange] = []
        await _send_until(recorder, upstreams, due, latest, deadline)
        sent += due
        seen = latest or seen  # the last ones may have been given up
        is_answered = any(reply(x).status in range(200, 300) for x in seen)
        if _has_arrived(recorder, upstreams) or is_answered or anyio.current_time() >= deadline:
            break
        await anyio.sleep(RETRY_S)
    for x in seen:
        recorder.keep(x)
    await recorder.settle(upstreams, SETTLE_S)
    recorder.refused = upstreams.refused
    if first and (len(seen) < len(first) or not _has_arrived(recorder, upstreams)):
        _stop(recorder, first, seen)
    return sent


def _has_arrived(recorder: _Recorder, upstreams: Upstreams) -> bool:
    return recorder.kept.has_arrived or bool(upstreams.in_progress)


def _stop(recorder: _Recorder, first: Sequence[Request], seen: Sequence[Exchange]) -> None:
    received: dict[Api, list[Exchange]] = {}
    for x in seen:
        received.setdefault(x.api, []).append(x)
    options = recorder.options
    urls = [f"http://{options.host}:{port}/v1" for port in recorder.ports]
    recorder.stopped, recorder.reason = why_nothing_arrived(
        options.run.target, received, recorder.gateway_facts(), urls, options.wait_s
    )
    answered = {x.id for x in seen}
    recorder.left_out |= {request.id: recorder.reason for request in first if request.id not in answered}


async def _send_until(
    recorder: _Recorder, upstreams: Upstreams, requests: Sequence[Request], seen: list[Exchange], deadline: float
) -> None:
    """Send requests; give up at the deadline if none has arrived upstream."""
    if requests:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_give_up, recorder, upstreams, deadline, tasks.cancel_scope)
            await recorder.send(requests, seen.append)
            await upstreams.idle(SETTLE_S)
            tasks.cancel_scope.cancel()


async def _give_up(recorder: _Recorder, upstreams: Upstreams, deadline: float, scope: anyio.CancelScope) -> None:
    await anyio.sleep(max(0.0, deadline - anyio.current_time()))
    if not _has_arrived(recorder, upstreams):
        scope.cancel()
