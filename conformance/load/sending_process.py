"""A process that sends a part of a load test: reads commands from its standard input, and writes results to its output.

Locust replaces parts of the standard library; this process has none of that, so that times are exact. The API key is in
its environment.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from typing import Final

import anyio

from conformance.load.engine import Engine, running
from conformance.load.messages import Begin, Command, Results, Stop, Users, command, line
from conformance.load.sampled import Sampled
from conformance.transport.open_files import allow_many_connections

REPORT_EVERY_S: Final = 0.25
LONGEST_LINE: Final = 16 * 1024 * 1024


class _Reporter:
    """Writes results: what is new since the last ones."""

    def __init__(self) -> None:
        self._unreported: list[Sampled] = []
        self._out = anyio.wrap_file(sys.stdout.buffer)
        self._seconds = 0

    def take(self, sampled: Sampled) -> None:
        """Add a sample to the next results."""
        self._unreported.append(sampled)

    async def report(self, engine: Engine, began_ns: int, *, is_last: bool = False) -> None:
        sampled, self._unreported = tuple(self._unreported), []
        seconds = tuple(engine.seconds[self._seconds :])
        self._seconds += len(seconds)
        results = Results(
            worker=engine.part.worker,
            began_ns=began_ns,
            sampled=sampled,
            seconds=seconds,
            users=len(engine.users),
            sent=engine.budget.requests,
            in_progress=engine.in_progress,
            not_sent=engine.not_sent,
            reason=engine.reason,
            is_last=is_last,
        )
        await self._out.write(line(results))
        await self._out.flush()

    async def report_until(self, over: anyio.Event, engine: Engine, began_ns: int) -> None:
        while not over.is_set():
            with anyio.move_on_after(REPORT_EVERY_S):
                await over.wait()
            await self.report(engine, began_ns)


async def send_part() -> None:
    """Send what the commands say, until they say stop or end."""
    commands = _commands()
    first = await anext(commands, None)
    if not isinstance(first, Begin):
        return
    part, reporter = first.part, _Reporter()
    key = os.environ.get(part.target.key_env) if part.target.key_env else None
    async with running(part, key, reporter.take) as engine:
        await engine.outbox.sampling.ready()
        began_ns = engine.now_ns()
        over = anyio.Event()
        async with anyio.create_task_group() as reporting:
            reporting.start_soon(reporter.report_until, over, engine, began_ns)
            await engine.load(lambda: _follow(commands, engine))
            await engine.outbox.emptied()
            over.set()
        await reporter.report(engine, began_ns, is_last=True)


async def _follow(commands: AsyncIterator[Command], engine: Engine) -> None:
    """Set the number of users as the commands say."""
    async for given in commands:
        match given:
            case Users(number):
                engine.set_users(number)
            case Stop():
                return


async def _commands() -> AsyncIterator[Command]:
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin.buffer)
    while text := await reader.readline():
        yield command(text)


def main() -> None:
    """Run this process. Ctrl-C is left to the one that commands it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    allow_many_connections()
    anyio.run(send_part)


if __name__ == "__main__":
    main()
