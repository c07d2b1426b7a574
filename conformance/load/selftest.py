"""The self-test of the rules about load: users of an embedded deployment, with a planted defect or legal variant.

Users and server share an event loop in virtual time and a Unix socket, as in the self-test of all other rules: the same
requests are in progress at the same time on each machine, and waiting takes no time.
"""

from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import Final

import anyio

from conformance.apis.load_samples import sample_of, shapes_of, to_repeat
from conformance.catalogue import Catalogue, of_users
from conformance.load.judging import judge_population
from conformance.load.mix import Mix, jobs
from conformance.model.exchange import Exchange, Request
from conformance.model.sample import Population, Sample
from conformance.model.target import Target
from conformance.model.verdict import Level, Status, Verdict
from conformance.model.words import APIS
from conformance.testbed.server.deployments import DEPLOYMENTS
from conformance.testbed.server.reply import Mutation
from conformance.testbed.server.serve import serve
from conformance.testbed.server.virtual_time import IN_VIRTUAL_TIME
from conformance.transport.clock import NANOSECONDS
from conformance.transport.limits import Limits
from conformance.transport.session import Session

USERS: Final = 24
TURNS: Final = 12
RUN: Final = 19
"""The number of the run, in its nonces: always the same, so that equal requests are sent each time."""
DISCONNECTS: Final = 0.08
PAUSE_S: Final = 0.5
"""How long a user waits after a rejection."""
PROFILES: Final = ("claude-sdk", "hermes", "openai-python")
KEY: Final = "sk-load-0123456789"
LIMITS: Final = Limits(timeout_s=20.0, silence_s=15.0, post_response_s=0.02)


@dataclass(frozen=True, kw_only=True)
class JudgedLoad:
    """The verdicts on a load test of an embedded deployment."""

    population: Population
    verdicts: tuple[Verdict, ...]

    def failing(self, *levels: Level) -> tuple[str, ...]:
        """The rules that fail, of these levels or of any."""
        failed = (v for v in self.verdicts if v.status is Status.FAIL)
        return tuple(sorted({v.rule for v in failed if not levels or v.level in levels}))

    @property
    def errors(self) -> tuple[str, ...]:
        """What went wrong in the harness."""
        return tuple(sorted({v.message for v in self.verdicts if v.status is Status.ERROR}))


def run_under_load(
    change: Mutation | None = None, *, users: int = USERS, turns: int = TURNS, catalogue: Catalogue | None = None
) -> JudgedLoad:
    """Let so many users send so many requests each, alone before and after, and judge all of them together."""
    given = (change, users, turns)
    if change and change.needs_tcp:
        population = anyio.run(_run, *given, None)
    else:
        with TemporaryDirectory() as folder:
            population = anyio.run(_run, *given, f"{folder}/server", backend_options=IN_VIRTUAL_TIME)
    verdicts = tuple(judge_population(population, catalogue or of_users()))
    return JudgedLoad(population=population, verdicts=verdicts)


async def _run(change: Mutation | None, users: int, turns: int, unix_socket: str | None) -> Population:
    deployment = DEPLOYMENTS[change.on if change else "native-sse"]
    planted = (change,) if change else ()
    async with serve(deployment, planted, unix_socket=unix_socket, key=KEY) as url:
        target = Target(name=deployment.name, base_url=url, model="reference", apis=APIS)
        mix = Mix(target=target, run=RUN, jobs=jobs(target, PROFILES), dialects={}, hang_ups=DISCONNECTS)
        return await _Crowd(mix, unix_socket).run(users, turns)


class _Crowd:
    """Users of one server. `samples` are those so far."""

    def __init__(self, mix: Mix, unix_socket: str | None) -> None:
        self._mix, self._unix_socket = mix, unix_socket
        self._samples: list[Sample] = []
        self._shapes: dict[str, tuple[str, ...]] = {}
        self._origin_ns: int | None = None

    async def run(self, users: int, turns: int) -> Population:
        """Send the requests before, under and after the load."""
        async with self._session() as session:
            for request in self._mix.alone():
                await self._send(session, request)
        async with anyio.create_task_group() as group:
            for user in range(1, users + 1):
                group.start_soon(self._user, user, turns)
        async with self._session() as session:
            for sample in to_repeat(self._samples):
                again = await self._send(session, self._mix.request(sample.user, sample.turn, "after"))
                await anyio.sleep((again.delay or 0) / NANOSECONDS)  # as the rejection says
        timeout_ns = int(LIMITS.timeout_s * 1e9)
        return Population(tuple(self._samples), self._shapes, timeout_ns)

    async def _user(self, number: int, turns: int) -> None:
        async with self._session() as session:
            for turn in range(turns):
                sample = await self._send(session, self._mix.request(number, turn))
                if sample.outcome in ("overloaded", "unreachable"):
                    await anyio.sleep(PAUSE_S)

    def _session(self) -> Session:
        return Session(key=KEY, limits=LIMITS, unix_socket=self._unix_socket)

    async def _send(self, session: Session, request: Request) -> Sample:
        x = await session.exchange(request)
        if self._origin_ns is None:
            self._origin_ns = x.began_ns
        return self._keep(replace(x, began_ns=x.began_ns - self._origin_ns))

    def _keep(self, x: Exchange) -> Sample:
        sample = sample_of(x)
        self._samples.append(sample)
        self._shapes |= shapes_of(x)
        x.cache.clear()
        return sample
