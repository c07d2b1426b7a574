"""The part of a load test that one process sends: its users, the clock of its seconds, and what it may cost."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

import anyio
from anyio.abc import TaskGroup

from conformance.cost import Budget
from conformance.load.arrivals import Arrivals
from conformance.load.mix import Mix, jobs
from conformance.load.outbox import Outbox
from conformance.load.part import Part
from conformance.load.sampled import Sampled
from conformance.load.sampling_process import Due, SamplingHere, SamplingProcess
from conformance.load.user import User, delay_after
from conformance.model.exchange import Exchange, Request
from conformance.model.load import LoadSecond
from conformance.transport.clock import now_ns
from conformance.transport.limits import limits_for
from conformance.transport.proxies import Trust
from conformance.transport.session import Session
from conformance.transport.stall_monitor import StallMonitor

Sampling = type[SamplingProcess] | type[SamplingHere]
"""Where samples are taken: in another process, or in this one."""
SECOND: Final = 1.0
MILLISECOND_NS: Final = 1_000_000
LAST_SAMPLES_S: Final = 20.0
"""How long samples are taken of what was received when the user stops the run."""


@dataclass(slots=True, kw_only=True, repr=False, eq=False)
class Engine:
    """Sends the requests of one process, and passes on a sample of each. Made by `running`.

    `over` is set when a request may not be sent, because of a bound. `seconds` are those of the load so far.
    """

    part: Part
    key: str | None
    mix: Mix
    outbox: Outbox
    budget: Budget
    monitor: StallMonitor
    origin_ns: int
    over: anyio.Event = field(default_factory=anyio.Event)
    reason: str = ""
    seconds: list[LoadSecond] = field(default_factory=list)
    not_sent: int = 0
    in_progress: int = 0
    users: list[User] = field(default_factory=list)
    _group: TaskGroup | None = None
    _started: int = 0
    _arrivals: Arrivals | None = None

    def now_ns(self) -> int:
        """Nanoseconds since this process began, as in the samples."""
        return now_ns() - self.origin_ns

    def open_session(self) -> Session:
        """A connection of a user."""
        target = self.part.target
        secrets = (*target.headers.values(), *((self.key,) if self.key else ()))
        return Session(
            key=self.key,
            limits=limits_for(self.part.timeout_s),
            secrets=tuple(secret for secret in secrets if secret),
            unix_socket=self.part.unix_socket,
            trust=Trust(target.cacert, target.insecure),
        )

    async def send(self, session: Session, request: Request, late: int = 0) -> Exchange | None:
        """Send one request and pass its sample on; None if a bound forbids it."""
        await self.outbox.room()
        if reason := self.budget.exceeded_by(request):
            self.reason = reason
            self.over.set()
            return None
        self.budget.count(request)
        began_ns = now_ns()
        self.in_progress += 1
        try:
            x = await session.exchange(request)
        finally:
            self.in_progress -= 1
        stall_ns = self.monitor.longest_stall_ns(began_ns)
        x = replace(x, began_ns=x.began_ns - self.origin_ns, harness_stall_ns=stall_ns)
        self.outbox.put(Due(x, late))
        return x

    async def one_at_a_time(self, requests: Iterable[Request], patience_s: float = 0.0) -> None:
        """Send requests one after the other, over one connection as long as that can be used.

        It waits as rejections say, so many seconds at most in all.
        """
        async with self.open_session() as session:
            for request in requests:
                x = await self.send(session, request)
                if x is None:
                    return
                if 0 < (delay_s := delay_after(x)) <= patience_s:
                    patience_s -= delay_s
                    await anyio.sleep(delay_s)

    def set_users(self, number: int) -> None:
        """Let users start, or leave, until there are so many. Only within `load`."""
        if self._group is None:
            return
        while len(self.users) < number:
            self.users.append(user := self._new_user())
            self._group.start_soon(user.run)
        while len(self.users) > number:
            self.users.pop().leave()

    def _new_user(self) -> User:
        self._started += 1
        return User(
            number=self.part.first_user + self._started - 1,
            mix=self.mix,
            send=self.send,
            open_session=self.open_session,
            arrivals=self._arrivals,
        )

    async def load(self, drive: Callable[[], Awaitable[None]]) -> None:
        """Let `drive` set the number of users until it returns; then read the responses that are under way."""
        if self.part.rate is not None:
            self._arrivals = Arrivals(rate=self.part.rate, began_ns=now_ns())
        async with anyio.create_task_group() as clock:
            clock.start_soon(self._count_seconds)
            async with anyio.create_task_group() as self._group:
                await drive()
                if self._arrivals:
                    self.not_sent += self._arrivals.not_sent(now_ns())
                self.set_users(0)
            self._group = None
            clock.cancel_scope.cancel()

    async def _count_seconds(self) -> None:
        while True:
            began_ns, cpu_s, users = now_ns(), time.process_time(), len(self.users)
            await anyio.sleep(SECOND)
            took_s = (now_ns() - began_ns) / 1e9
            self.seconds.append(
                LoadSecond(
                    users=max(users, len(self.users)),
                    stall_ms=round(self.monitor.longest_stall_ns(began_ns) / MILLISECOND_NS, 1),
                    stalled_ms=round(self.monitor.all_stalls_ns(began_ns) / MILLISECOND_NS, 1),
                    cpu=round((time.process_time() - cpu_s) / took_s, 3),
                )
            )


@asynccontextmanager
async def running(
    part: Part, key: str | None, on_sampled: Callable[[Sampled], None], sampling: Sampling = SamplingProcess
) -> AsyncIterator[Engine]:
    """An engine that passes samples on until the context exits, and then for a while those that are due."""
    monitor, origin_ns = StallMonitor(), now_ns()
    mix = Mix(
        target=part.target,
        run=part.run,
        jobs=jobs(part.target, part.profiles),
        dialects=part.dialects,
        hang_ups=part.hang_ups,
    )
    async with sampling(part.rules, part.target.policy, part.worker) as takes:
        engine = Engine(
            part=part,
            key=key,
            mix=mix,
            outbox=Outbox(sampling=takes, on_sampled=on_sampled),
            budget=Budget(
                target=part.target,
                max_requests=part.max_requests,
                max_tokens=part.max_tokens,
                max_cost=part.max_cost,
            ),
            monitor=monitor,
            origin_ns=origin_ns,
        )
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(monitor.tick)
            tasks.start_soon(engine.outbox.run)
            try:
                yield engine
            finally:
                with anyio.move_on_after(LAST_SAMPLES_S, shield=True):
                    await engine.outbox.emptied()
            tasks.cancel_scope.cancel()
