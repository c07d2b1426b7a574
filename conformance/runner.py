"""Record a run: plan, send baseline requests, send the others, store. Shared by both front ends."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Protocol

import anyio
import msgspec

from conformance import __version__
from conformance.model.case import Kind
from conformance.model.exchange import Exchange, Request
from conformance.model.probe import BURST_STAGE, CONCURRENT_STAGE
from conformance.model.run import RunManifest
from conformance.model.target import Target
from conformance.model.words import Api, Suite
from conformance.parsing.http1 import reply
from conformance.plan import plan
from conformance.run_bounds import RunBounds
from conformance.transport.limits import Limits
from conformance.transport.send_all import send_all

REDACTED = "(hidden)"
STAGE_CONCURRENCY: dict[int, int] = {CONCURRENT_STAGE: 8, BURST_STAGE: 16}
"""Concurrent requests per stage, unless the user sets a limit; 1 in the later stages."""


class Store(Protocol):
    """Storage of a run: a folder, or memory."""

    def write_facts(self, facts: RunManifest) -> None:
        """Write the run's facts, or replace them."""

    def write(self, exchange: Exchange) -> None:
        """Add one exchange."""


class Progress(Protocol):
    """Receives progress events of a run."""

    def total(self, requests: int) -> None:
        """The number of requests that will be sent."""

    def done(self, exchange: Exchange) -> None:
        """One exchange was recorded."""


class NullProgress:
    """Progress that is shown nowhere."""

    def total(self, requests: int) -> None:
        """Ignore the event."""

    def done(self, exchange: Exchange) -> None:
        """Ignore the event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """Options of a run. `key` is the API key itself and is only ever sent to the target.

    `unix_socket`, a path, is connected to instead of the target's host.
    """

    target: Target
    profiles: tuple[str, ...]
    suite: Suite = "gate"
    key: str | None = field(default=None, repr=False)
    limits: Limits = field(default_factory=Limits)
    unix_socket: str | None = None
    concurrency: int | None = None
    max_requests: int | None = None
    max_tokens: int | None = None
    max_cost: float | None = None
    messages_per_day: float | None = None
    strict: bool = False


@dataclass(slots=True, kw_only=True)
class _Recorder:
    options: RunOptions = field(repr=False)  # asyncio builds the repr of each task, and discards it
    store: Store = field(repr=False)
    progress: Progress = field(repr=False)
    reuse: Mapping[str, Exchange] = field(repr=False)
    left_out: dict[str, str] = field(repr=False)
    stopped: str = ""
    reason: str = ""
    received: dict[str, Exchange] = field(default_factory=dict, repr=False)
    bounds: RunBounds = field(default_factory=RunBounds, repr=False)

    async def send(self, requests: Sequence[Request], keep: Callable[[Exchange], None]) -> None:
        """Send the requests, stage by stage; reuse exchanges that exist already."""
        for request in requests:
            if request.id in self.reuse:
                self._keep(self.reuse[request.id], keep)
        missing = [request for request in requests if request.id not in self.reuse]
        for stage in sorted({request.stage for request in missing}):
            await self._send_stage(stage, [request for request in missing if request.stage == stage], keep)

    async def _send_stage(self, stage: int, requests: Sequence[Request], keep: Callable[[Exchange], None]) -> None:
        secrets = (*self.options.target.headers.values(), *((self.options.key,) if self.options.key else ()))

        await send_all(
            requests,
            key=self.options.key,
            secrets=tuple(secret for secret in secrets if secret),
            limits=self.options.limits,
            unix_socket=self.options.unix_socket,
            concurrency=self._concurrency(stage),
            on_exchange=lambda x: self._keep(x, keep),
            wanted=self._is_wanted,
        )

    def _is_wanted(self, request: Request) -> bool:
        reason = self.bounds.reason_against(request)
        if reason:
            self.left_out[request.id] = reason
        return not reason

    def _keep(self, x: Exchange, keep: Callable[[Exchange], None]) -> None:
        keep(x)
        self.bounds.note(x)
        self.store.write(x)
        self.progress.done(x)

    def _concurrency(self, stage: int) -> int:
        usual, bound = STAGE_CONCURRENCY.get(stage, 1), self.options.concurrency or self.options.target.concurrency
        return usual if bound is None or usual == 1 else bound


async def record(
    options: RunOptions, store: Store, progress: Progress, reuse: Mapping[str, Exchange] = MappingProxyType({})
) -> RunManifest:
    """Send the run's requests and record every exchange; writes and returns the run's facts.

    `reuse` are existing exchanges by request ID, reused instead of sending the request. One baseline request per API is
    sent first: if the target is unreachable or rejects the key, nothing else is sent. Cancellation (Ctrl-C) keeps the
    recorded exchanges and writes the facts as `interrupted` before it propagates.
    """
    requests = plan(options.target, options.profiles, options.suite)
    within, left_out = _apply_budget(requests, options)
    recorder = _Recorder(options=options, store=store, progress=progress, reuse=reuse, left_out=left_out)
    began, started = anyio.current_time(), datetime.now(UTC)
    progress.total(len(within))
    facts = RunManifest(
        tool=f"oai-conformance {__version__}",
        started=started.isoformat(timespec="seconds").replace("+00:00", "Z"),
        target=msgspec.structs.replace(options.target, headers=dict.fromkeys(options.target.headers, REDACTED)),
        suite=options.suite,
        profiles=options.profiles,
        planned=tuple(request.id for request in requests),
        messages_per_day=options.messages_per_day,
        strict=options.strict,
    )
    store.write_facts(msgspec.structs.replace(facts, stopped="interrupted"))
    try:
        await _preflight_then_send(recorder, within)
    except anyio.get_cancelled_exc_class():
        recorder.stopped, recorder.reason = "interrupted", "the user stopped the run"
        raise
    finally:
        facts = msgspec.structs.replace(
            facts,
            duration_s=round(anyio.current_time() - began, 3),
            left_out=recorder.left_out,
            stopped=recorder.stopped,
            stopped_why=recorder.reason,
        )
        store.write_facts(facts)
    return facts


async def _preflight_then_send(recorder: _Recorder, requests: Sequence[Request]) -> None:
    baselines = _baseline_requests(requests)
    await recorder.send(baselines, lambda x: recorder.received.__setitem__(x.id, x))
    received = [recorder.received[request.id] for request in baselines if request.id in recorder.received]
    recorder.stopped, recorder.reason = _preflight_failure(received)
    missing = {x.api: reply(x).status for x in received if reply(x).status in (404, 405)}
    rest = []
    for request in requests:
        api = request.cases[0].api
        if request.id in recorder.received:
            continue
        if recorder.stopped:
            recorder.left_out[request.id] = recorder.reason
        elif _is_absent(api, missing, received) and request.cases[0].kind is not Kind.BASELINE:
            recorder.left_out[request.id] = f"HTTP {missing[api]} on the path of {api}"
        else:
            rest.append(request)
    await recorder.send(rest, lambda _: None)


def _baseline_requests(requests: Sequence[Request]) -> list[Request]:
    """The first non-streaming baseline request of each API: the cheapest that any deployment must support."""
    first: dict[Api, Request] = {}
    for request in requests:
        case = request.cases[0]
        if case.kind is Kind.BASELINE and case.mode == "unary":
            first.setdefault(case.api, request)
    return list(first.values())


def _is_absent(api: Api, missing: dict[Api, int], received: Sequence[Exchange]) -> bool:
    return api in missing and len(missing) < len(received)


def _preflight_failure(received: Sequence[Exchange]) -> tuple[str, str]:
    """The stop reason and message if the target can't be tested at all, or empty strings."""
    if received and all(x.ending.how == "unreachable" for x in received):
        return "unreachable", received[0].ending.detail or "no connection could be made"
    if received and all(x.ending.how == "timeout" and not x.received for x in received):
        return "unreachable", f"the target accepts connections but sends no response: {received[0].ending.detail}"
    refused = [reply(x).status for x in received if reply(x).status in (401, 403)]
    if received and len(refused) == len(received):
        return "key-refused", f"the target rejected the baseline request with HTTP {refused[0]}"
    return "", ""


def _apply_budget(requests: Sequence[Request], options: RunOptions) -> tuple[list[Request], dict[str, str]]:
    """The requests within the limits on requests, tokens and cost, in order, and the others with the reason."""
    kept: list[Request] = []
    left_out: dict[str, str] = {}
    tokens, cost = 0, 0.0
    for request in requests:
        tokens += tokens_of(request)
        cost += cost_of(request, options.target) or 0.0
        over = _budget_exceeded(len(kept) + 1, tokens, cost, options)
        if over:
            left_out[request.id] = over
            tokens -= tokens_of(request)
            cost -= cost_of(request, options.target) or 0.0
        else:
            kept.append(request)
    return kept, left_out


def _budget_exceeded(requests: int, tokens: int, cost: float, options: RunOptions) -> str:
    if options.max_requests is not None and requests > options.max_requests:
        return f"over --max-requests {options.max_requests}"
    if options.max_tokens is not None and tokens > options.max_tokens:
        return f"over --max-tokens {options.max_tokens}"
    if options.max_cost is not None and cost > options.max_cost:
        return f"over --max-cost {options.max_cost}"
    return ""


def tokens_of(request: Request) -> int:
    """An upper bound of a request's tokens: a token has at least two bytes of the prompt, in practice four.

    White space around the body is not part of the prompt.
    """
    return len(request.body.strip()) // 3 + request.max_tokens


def cost_of(request: Request, target: Target) -> float | None:
    """An upper bound of a request's cost in US dollars, or None if no price is known."""
    prices = target.prices
    if prices.request is not None:
        return prices.request
    if prices.input is None or prices.output is None:
        return None
    return (len(request.body.strip()) / 3 * prices.input + request.max_tokens * prices.output) / 1e6
