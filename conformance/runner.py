"""Record a run: preflight, plan, send, store. Shared by all front ends."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final, NamedTuple, Protocol

import msgspec

from conformance import preflight
from conformance.comparisons import NO_PATH
from conformance.confirmation import doubtful, situation
from conformance.cost import Budget
from conformance.model.case import Kind
from conformance.model.dialect import USUAL, Dialect
from conformance.model.exchange import Exchange, Request
from conformance.model.probe import BURST_STAGE, CONCURRENT_STAGE, OVERLOAD_STAGE
from conformance.model.run import RunManifest, Stopped
from conformance.model.target import Target
from conformance.model.words import Api, Suite
from conformance.own_load import STILL_BUSY, Occupied
from conformance.parsing.http1 import reply
from conformance.plan import again, next_turns, plan, planned_apis
from conformance.reuse import CaseGroup, PreviousVerdicts, ReusableVerdicts
from conformance.run_bounds import RunBounds
from conformance.run_facts import TOOL, FactsStore, Recorder, timestamp, with_facts, without_values
from conformance.set_up.hints import Preflight, next_hint
from conformance.set_up.mistakes import Mistake, mistake
from conformance.transport.limits import Limits
from conformance.transport.proxies import Trust
from conformance.transport.send_all import send_all

Keep = Callable[[Exchange], None]
NO_EXCHANGES: Final[Mapping[str, Exchange]] = MappingProxyType({})
MOST_ATTEMPTS: Final = 3
"""Attempts of a request whose response is lost each time."""
ENOUGH_LOST_AGAIN: Final = 3
"""Requests whose responses are lost in each attempt, after which no more are confirmed: this is no chance."""
STAGE_CONCURRENCY: dict[int, int] = {CONCURRENT_STAGE: 8, BURST_STAGE: 16}
"""Concurrent requests per stage, unless the user sets a limit; 1 in the later stages."""


class Store(FactsStore, Protocol):
    """Storage of a run: a folder, or memory."""

    def write(self, exchange: Exchange) -> None:
        """Add one exchange."""

    def exchange(self, id: str) -> Exchange:  # noqa: A002 - the field's name in Exchange
        """One exchange that was added."""


class Earlier(NamedTuple):
    """What an earlier run left: exchanges by request ID, reused instead of sending the same request, and the
    verdicts of the rules about time.
    """

    exchanges: Mapping[str, Exchange] = NO_EXCHANGES
    verdicts: Mapping[CaseGroup, PreviousVerdicts] = MappingProxyType({})


NOTHING: Final = Earlier()


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

    def budget(self) -> Budget:
        """What the run may send."""
        return Budget(
            target=self.target,
            max_requests=self.max_requests,
            max_tokens=self.max_tokens,
            max_cost=self.max_cost,
        )

    @property
    def trust(self) -> Trust:
        """The certificates of the target that are accepted."""
        return Trust(self.target.cacert, self.target.insecure)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What is masked in the recording: the key, and the values of the target's own headers."""
        return tuple(value for value in (*self.target.headers.values(), self.key) if value)


def facts_so_far(options: RunOptions, recorder: Recorder) -> RunManifest:
    """The facts that are the same for every way to record a run."""
    return RunManifest(
        tool=TOOL,
        started=timestamp(recorder.started),
        target=without_values(options.target),
        suite=options.suite,
        profiles=options.profiles,
        planned=tuple(recorder.planned),
        left_out=recorder.left_out,
        stopped=recorder.stopped,
        stopped_why=recorder.reason,
        messages_per_day=options.messages_per_day,
        strict=options.strict,
    )


async def send_stage(
    options: RunOptions, requests: Sequence[Request], on_exchange: Keep, wanted: Callable[[Request], bool]
) -> None:
    """Send requests of one stage, as many at a time as its tests want and the target takes."""
    usual, bound = STAGE_CONCURRENCY.get(requests[0].stage, 1), options.concurrency or options.target.concurrency
    await send_all(
        requests,
        key=options.key,
        secrets=options.secrets,
        limits=options.limits,
        unix_socket=options.unix_socket,
        trust=options.trust,
        concurrency=usual if bound is None or usual == 1 else bound,
        on_exchange=on_exchange,
        wanted=wanted,
    )


@dataclass(slots=True, kw_only=True, repr=False)
class _Recorder:
    """Sends requests, stores the exchanges, and collects the run's facts.

    It has no repr: asyncio builds one of each task, and discards it.
    """

    options: RunOptions
    store: Store
    progress: Progress
    started: datetime
    usual_plan: tuple[Request, ...]
    planned: list[str] = field(default_factory=list)
    sent: list[Request] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    dialects: dict[Api, Dialect] = field(default_factory=dict)
    stopped: Stopped = ""
    reason: str = ""
    incomplete: bool = False
    bounds: RunBounds = field(default_factory=RunBounds)
    occupied: Occupied = field(default_factory=Occupied)

    def facts(self) -> RunManifest:
        """The run's facts so far."""
        return msgspec.structs.replace(
            facts_so_far(self.options, self), dialects=self.dialects, incomplete=self.incomplete
        )

    def plan(self) -> tuple[Request, ...]:
        """The run's requests after the preflight; `usual_plan` as long as no dialect differs."""
        if all(dialect == USUAL for dialect in self.dialects.values()):
            return self.usual_plan
        return plan(self.options.target, self.options.profiles, self.options.suite, self.dialects)

    def reusable(self, reuse: Mapping[str, Exchange], requests: Sequence[Request]) -> Mapping[str, Exchange]:
        """The existing exchanges of requests that are the same without a dialect."""
        if not reuse or requests is self.usual_plan:
            return reuse
        usual = {*self.usual_plan}
        return {request.id: reuse[request.id] for request in requests if request in usual and request.id in reuse}

    async def send(
        self, requests: Sequence[Request], keep: Keep | None = None, reuse: Mapping[str, Exchange] = NO_EXCHANGES
    ) -> None:
        """Send the requests, stage by stage; reuse exchanges that exist already. `keep` gets each exchange."""
        for request in requests:
            if request.id in reuse:
                self._store(reuse[request.id], keep)
        missing = [request for request in requests if request.id not in reuse]
        self.sent += requests
        for stage in sorted({request.stage for request in missing}):
            of_stage = [request for request in missing if request.stage == stage]
            await send_stage(self.options, of_stage, lambda x: self._store(x, keep), self._is_wanted)

    def _is_wanted(self, request: Request) -> bool:
        reason = "" if request.attempt > 1 else self.bounds.reason_against(request)  # confirmations are bounded as such
        if reason:
            self.left_out[request.id] = reason
            self.incomplete = True
        return not reason

    def _store(self, x: Exchange, keep: Keep | None) -> None:
        if keep:
            keep(x)
        self.bounds.note(x)
        self.occupied.note(x)
        self.store.write(x)
        self.progress.done(x)


async def record(options: RunOptions, store: Store, progress: Progress, earlier: Earlier = NOTHING) -> RunManifest:
    """Send the run's requests and record every exchange; writes and returns the run's facts.

    The preflight is sent first: if it shows that the target can't be tested (unreachable, wrong key, model or URL), the
    run stops after it.
    Cancellation (Ctrl-C) keeps the recorded exchanges and writes the facts as `interrupted` before it propagates.
    """
    usual_plan = plan(options.target, options.profiles, options.suite)
    recorder = _Recorder(
        options=options, store=store, progress=progress, started=datetime.now(UTC), usual_plan=usual_plan
    )
    return await with_facts(recorder, store, lambda: _preflight_then_send(recorder, earlier))


async def _preflight_then_send(recorder: _Recorder, earlier: Earlier) -> None:
    options = recorder.options
    apis = planned_apis(options.target, options.profiles)
    recorder.progress.total(len(preflight.longest(options.target, apis)) + len(recorder.plan()))
    received = await _preflight(recorder, apis, earlier.exchanges)
    recorder.stopped, recorder.reason = await _mistake(recorder, received, earlier.exchanges)
    recorder.dialects = {api: preflight.settled(options.target, api, of_api) for api, of_api in received.items()}
    requests = recorder.plan()
    recorder.planned += [request.id for request in requests]
    within, over = within_budget(requests, options, recorder.sent)
    recorder.left_out |= over
    missing = {api: reply(x[-1]).status for api, x in received.items() if reply(x[-1]).status in NO_PATH}
    rest = []
    for request in within:
        api = request.cases[0].api
        if recorder.stopped:
            recorder.left_out[request.id] = recorder.reason
        elif api in missing and len(missing) < len(received) and request.cases[0].kind is not Kind.BASELINE:
            recorder.left_out[request.id] = f"HTTP {missing[api]} on the path of {api}"
        else:
            rest.append(request)
    recorder.progress.total(len(recorder.sent) + len(rest))
    usable = recorder.reusable(earlier.exchanges, requests)
    calm = [request for request in rest if request.stage != OVERLOAD_STAGE]
    await recorder.send(calm, reuse=usable)
    await _continue(recorder, calm)
    same = frozenset(request.id for request in recorder.sent if request.id in usable)
    await _confirm(recorder, calm, ReusableVerdicts(earlier.verdicts, same))
    await recorder.send([request for request in rest if request.stage == OVERLOAD_STAGE], reuse=usable)


async def _continue(recorder: _Recorder, requests: Sequence[Request]) -> None:
    """Send the requests that are built from the responses to others."""
    options, sent = recorder.options, [request for request in requests if request.id not in recorder.left_out]
    due = next_turns(options.target, options.profiles, options.suite, sent, recorder.store.exchange)
    within, over = within_budget(due, options, recorder.sent)
    recorder.planned += [request.id for request in due]
    recorder.left_out |= over
    recorder.progress.total(len(recorder.sent) + len(within))
    await recorder.send(within)


async def _confirm(recorder: _Recorder, requests: Sequence[Request], judged: ReusableVerdicts) -> None:
    """Send what may have failed by chance again, alone, to a target that is free, until the failures are no chance."""
    known = {request.id: request for request in requests if request.id not in recorder.left_out}
    lost_again = 0
    for name in doubtful(recorder.facts(), recorder.store.exchange, tuple(known), judged):
        is_enough = lost_again >= ENOUGH_LOST_AGAIN and recorder.store.exchange(name).is_lost
        if not is_enough and again(known[name]).id not in recorder.planned:
            lost_again += await _attempt_again(recorder, situation(name, known))


async def _attempt_again(recorder: _Recorder, requests: Sequence[Request]) -> bool:
    """Send requests a second time, and a third time if a response is lost again; returns whether one still is."""
    api = requests[0].cases[0].api
    for attempt in range(2, MOST_ATTEMPTS + 1):
        due = [again(request, attempt) for request in requests]
        small = _smallest_again(recorder, api) if recorder.occupied.is_in_doubt(api) else []
        within, _ = within_budget([*small, *due], recorder.options, recorder.sent)
        if len(within) < len(small) + len(due):
            return True
        for x in await _send_planned(recorder, small):
            recorder.occupied.conclude(x)
        if api in recorder.occupied.busy:
            recorder.planned += [request.id for request in due]
            recorder.left_out |= {request.id: STILL_BUSY for request in due}
            recorder.incomplete = True
            return attempt > 2
        if not any(x.is_lost for x in await _send_planned(recorder, due)):
            return False
    return True


def _smallest_again(recorder: _Recorder, api: Api) -> list[Request]:
    dialect = recorder.dialects.get(api, USUAL)
    return [preflight.once_more(recorder.options.target, api, dialect, recorder.planned)]


async def _send_planned(recorder: _Recorder, due: Sequence[Request]) -> list[Exchange]:
    recorder.planned += [request.id for request in due]
    recorder.progress.total(len(recorder.sent) + len(due))
    received: list[Exchange] = []
    await recorder.send(due, received.append)
    return received


async def _preflight(
    recorder: _Recorder, apis: Sequence[Api], reuse: Mapping[str, Exchange]
) -> dict[Api, list[Exchange]]:
    """Send the preflight of all APIs, step by step; returns its exchanges, by API."""
    received: dict[Api, list[Exchange]] = {api: [] for api in apis}
    while True:
        found = (preflight.next_request(recorder.options.target, api, received[api]) for api in apis)
        room = preflight.MOST_REQUESTS - len(recorder.sent)
        due = [request for request in found if request][: max(room, 0)]
        within, over = within_budget(due, recorder.options, recorder.sent)
        recorder.planned += [request.id for request in due]
        recorder.left_out |= over
        if not within:
            return {api: exchanges for api, exchanges in received.items() if exchanges}
        await recorder.send(within, lambda x: received[x.api].append(x), reuse)


async def _mistake(
    recorder: _Recorder, received: Mapping[Api, Sequence[Exchange]], reuse: Mapping[str, Exchange]
) -> Mistake:
    """The mistake of set-up that the preflight shows; sends the hints that tell what was meant."""
    options, answers = recorder.options, list[Exchange]()
    while True:
        seen = Preflight(
            target=options.target, received=received, timeout_s=options.limits.timeout_s, hints=tuple(answers)
        )
        due = next_hint(seen) if len(recorder.sent) < preflight.MOST_REQUESTS else None
        within, over = within_budget([due] if due else [], options, recorder.sent)
        recorder.planned += [due.id] if due else []
        recorder.left_out |= over
        if not within:
            return mistake(seen)
        await recorder.send(within, answers.append, reuse)


def within_budget(
    requests: Sequence[Request], options: RunOptions, sent: Sequence[Request] = ()
) -> tuple[list[Request], dict[str, str]]:
    """The requests within the limits on requests, tokens and cost, in order, and the others with the reason.

    Those that were `sent` already count.
    """
    budget = options.budget()
    for request in sent:
        budget.count(request)
    kept: list[Request] = []
    left_out: dict[str, str] = {}
    for request in requests:
        if over := budget.exceeded_by(request):
            left_out[request.id] = over
        else:
            budget.count(request)
            kept.append(request)
    return kept, left_out
