"""Take samples in a separate process, so that the process that sends is not delayed."""

import asyncio
import os
from collections.abc import Sequence
from types import TracebackType
from typing import Final, NamedTuple, Self

import msgspec

from conformance import catalogue
from conformance.load.sampled import Sampled
from conformance.load.sampler import Sampler
from conformance.model.criteria import RuleSelection
from conformance.model.exchange import Exchange
from conformance.model.target import Policy
from conformance.side_process import side_process
from conformance.storage.metadata import Packed, pack, unpack

LOWEST_PRIORITY: Final = 19
"""It takes what the sending processes leave of the processors, and catches up after the load."""


class Due(NamedTuple):
    """An exchange, and how many nanoseconds after it was due it began."""

    exchange: Exchange
    late: int = 0


class _Batch(msgspec.Struct, frozen=True, array_like=True):
    """Exchanges of which samples are taken together."""

    exchanges: list[tuple[Packed, int]]
    is_hurried: bool


class SamplingProcess:
    """The process that takes the samples of one that sends, whose number is `worker`."""

    def __init__(self, rules: RuleSelection, policy: Policy, worker: int = 0) -> None:
        self._pool = side_process(_begin, rules, policy, worker, niceness=LOWEST_PRIORITY)
        self._started = self._pool.submit(os.getpid)

    async def ready(self) -> None:
        """Wait until it has loaded the rules. Raises BrokenExecutor if the process is gone."""
        await asyncio.wrap_future(self._started)

    async def take(self, due: Sequence[Due], *, is_hurried: bool = False) -> list[Sampled]:
        """The samples of some exchanges. Raises BrokenExecutor if the process is gone."""
        batch = _Batch([(pack(x), late) for x, late in due], is_hurried)
        packed = msgspec.msgpack.encode(batch)
        done = await asyncio.wrap_future(self._pool.submit(_take, packed))
        return msgspec.msgpack.decode(done, type=list[Sampled])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)


class SamplingHere:
    """Takes samples in the process that sends: for tests, in which waiting takes no time."""

    def __init__(self, rules: RuleSelection, policy: Policy, worker: int = 0) -> None:
        self._sampler = Sampler(rules=catalogue.selected(rules), policy=policy, worker=worker)

    async def ready(self) -> None:
        """It is."""

    async def take(self, due: Sequence[Due], *, is_hurried: bool = False) -> list[Sampled]:
        """The samples of some exchanges."""
        return [self._sampler.take(x, late=late, is_hurried=is_hurried) for x, late in due]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing."""


# In that process


class _Here:
    """The sampler of this process."""

    sampler: Sampler


def _begin(rules: RuleSelection, policy: Policy, worker: int) -> None:
    _Here.sampler = Sampler(rules=catalogue.selected(rules), policy=policy, worker=worker)


def _take(packed: bytes) -> bytes:
    batch = msgspec.msgpack.decode(packed, type=_Batch)
    take = _Here.sampler.take
    sampled = [take(unpack(one), late=late, is_hurried=batch.is_hurried) for one, late in batch.exchanges]
    return msgspec.msgpack.encode(sampled)
