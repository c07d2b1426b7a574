"""The self-test: every planted defect and legal variant through the gate, as a kill matrix."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import anyio

from conformance.exchange import Exchange
from conformance.gate import Options, record
from conformance.judge import Judgement, judge
from conformance.probe import Suite
from conformance.reference import changes
from conformance.reference.deployments import DEPLOYMENTS
from conformance.reference.reply import Change
from conformance.reference.serve import serve
from conformance.store.folder import RunFolder
from conformance.target import Policy, Prices, Target
from conformance.verdict import Level, Status
from conformance.wire.limits import Limits

MEMORY = Path("/dev/shm")  # noqa: S108 - files in memory, where the system has them: thousands are written and read
PROFILES = ("claude-sdk", "hermes", "langgraph", "letta")
KEY = "sk-self-test-0123456789"
"""Every deployment is asked with a key, so that one that repeats it is seen."""
LIMITS = Limits(timeout_s=4.0, silence_s=1.2, first_byte_s=1.2, linger_s=0.02)
"""Short, so that a deployment that hangs is through in seconds; the good ones answer within a quarter of a second."""

UNPRICED = Prices()


class Silent:
    """Progress that nobody watches."""

    def total(self, requests: int) -> None:
        """Nobody is told."""

    def done(self, exchange: Exchange) -> None:
        """Nobody is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the kill matrix: what the gate said of one deployment, and whether that is right."""

    name: str
    title: str
    caught_by: str
    must: tuple[str, ...]
    should: tuple[str, ...]
    errors: tuple[str, ...]
    requests: int

    @property
    def is_right(self) -> bool:
        """A defect is caught by the rule that it names; a variant or good deployment fails no MUST."""
        if self.errors:
            return False
        return self.caught_by in (*self.must, *self.should) if self.caught_by else not self.must


def inspect(
    deployment: str,
    change: Change | None,
    policy: Policy,
    folder: Path,
    *,
    prices: Prices = UNPRICED,
    suite: Suite = "gate",
) -> Judgement:
    """Run the gate, all profiles, against one embedded deployment, and judge the recording."""

    async def run() -> Judgement:
        async with serve(DEPLOYMENTS[deployment], (change,) if change else (), key=KEY) as url:
            target = Target(name=deployment, base_url=url, model="reference", policy=policy, prices=prices)
            run_folder = RunFolder.create(folder)
            options = Options(target=target, profiles=PROFILES, suite=suite, limits=LIMITS, concurrency=32, key=KEY)
            facts = await record(options, run_folder, Silent())
        return judge(facts, run_folder.exchange, run_folder.ids())

    return anyio.run(run)


def row(name: str) -> Row:
    """The kill matrix's line of a deployment, defect or variant."""
    change = changes.find(name)
    deployment = change.on if change else name
    policy = change.policy if change and change.policy else POLICIES.get(deployment, Policy())
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        judged = inspect(deployment, change, policy, Path(folder) / "run")

    def failing(level: Level) -> tuple[str, ...]:
        return tuple(sorted({v.rule for v in judged.verdicts if v.status is Status.FAIL and v.level is level}))

    return Row(
        name=name,
        title=change.title if change else DEPLOYMENTS[name].title,
        caught_by=change.caught_by if change else FAULTY.get(name, ""),
        must=failing(Level.MUST),
        should=failing(Level.SHOULD) + failing(Level.MAY),
        errors=tuple(sorted({v.message for v in judged.verdicts if v.status is Status.ERROR})),
        requests=judged.requests,
    )


FAULTY = {"silent-json": "FLD001", "sse-proxy": "DLV001"}
"""The deployments that are at fault under any policy, and the rule that must say so."""

POLICIES = {"stopgap-501": Policy(streaming="stopgap-ok")}
"""The policy under which a deployment is good."""


def subjects() -> tuple[str, ...]:
    """The names of the deployments, every variant and every defect."""
    return (*DEPLOYMENTS, *(change.name for change in (*changes.variants(), *changes.defects())))


def rows(names: Sequence[str]) -> Iterator[Row]:
    """The lines of the kill matrix, in order, worked out on all processors."""
    with ProcessPoolExecutor(max_workers=os.cpu_count(), mp_context=get_context("spawn")) as pool:
        yield from pool.map(row, names)
