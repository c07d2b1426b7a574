"""Start Locust to send the load: in several processes, on several machines, or under the control of its web page."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import anyio
import msgspec

from conformance.load.merging import Merged
from conformance.load.messages import Begin, line, results
from conformance.load.part import HEADERS, LINK, STAGES, Part
from conformance.load.sampled import Sampled
from conformance.load.shape import Stages, duration, most_users

LOCUSTFILE: Final = Path(__file__).with_name("locustfile.py")
LONGEST_LINE: Final = 64 * 1024 * 1024
LOOPBACK: Final = "127.0.0.1"


class LocustError(RuntimeError):
    """Locust could not send the load."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LocustOptions:
    """How Locust sends the load.

    `processes` are the workers; they are started here, unless `is_master`: then they come from other machines to
    `bind_host` and `port`. With `web_port`, the load is started and stopped on a web page. `link` are the file
    descriptors of a Locust that has started this process, to read from and to write to.
    """

    processes: int = 1
    is_master: bool = False
    bind_host: str = LOOPBACK
    port: int = 5557
    web_port: int | None = None
    link: tuple[int, int] | None = None


class Link:
    """The pipes between this process and Locust's master."""

    def __init__(self, reader: asyncio.StreamReader, write: int) -> None:
        self._reader, self._write = reader, write

    async def begin(self, part: Part) -> None:
        """Let the workers begin."""
        await anyio.to_thread.run_sync(os.write, self._write, line(Begin(part)))

    async def receive(self, on_results: Callable[[Merged], None], on_sampled: Callable[[Sampled], None]) -> Merged:
        """Take the results of all workers, until Locust ends."""
        merged = Merged()
        while text := await self._reader.readline():
            found = results(text)
            merged.add(found)
            for sampled in found.sampled:
                on_sampled(sampled)
            on_results(merged)
        return merged


@asynccontextmanager
async def linked(options: LocustOptions, part: Part, stages: Stages) -> AsyncIterator[Link]:
    """Start Locust, unless it has started this process; wait for its end on leaving. Raises LocustError."""
    if options.link:
        read, write = options.link
        yield Link(await _reader(read), write)
        return
    their_read, write = os.pipe()
    read, their_write = os.pipe()
    environ = os.environ | {LINK: f"{their_read},{their_write}", HEADERS: json.dumps(part.target.headers)}
    if options.web_port is None:
        environ |= {STAGES: msgspec.json.encode(stages).decode()}
    process = await asyncio.create_subprocess_exec(
        *command_line(options, part, stages),
        pass_fds=(their_read, their_write),
        env=environ,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C comes to this process alone
    )
    os.close(their_read)
    os.close(their_write)
    try:
        async with anyio.create_task_group() as tasks:
            if options.web_port is not None:
                tasks.start_soon(_end_on_signal, process)
            yield Link(await _reader(read), write)
            await process.wait()
            tasks.cancel_scope.cancel()
    finally:
        os.close(write)
        if process.returncode is None:
            with anyio.CancelScope(shield=True):
                process.terminate()
                await process.wait()
    if process.returncode not in (0, 1):  # 1: a request failed
        raise LocustError(f"Locust ended with the exit code {process.returncode}")


async def _end_on_signal(process: asyncio.subprocess.Process) -> None:
    """End the load when the user presses Ctrl-C: the web page has no end of its own."""
    with anyio.open_signal_receiver(signal.SIGINT) as signals:
        async for _ in signals:
            process.terminate()
            return


def command_line(options: LocustOptions, part: Part, stages: Stages) -> tuple[str, ...]:
    """The command that starts Locust."""
    words = [sys.executable, "-m", "locust", "-f", str(LOCUSTFILE), "--skip-log-setup", "--only-summary"]
    words += ["--host", part.target.base_url, "--stop-timeout", f"{part.timeout_s:g}"]
    words += ["--master-bind-host", options.bind_host, "--master-bind-port", str(options.port)]
    if options.is_master:
        words += ["--master", "--expect-workers", str(options.processes)]
    elif options.processes > 1:
        words += ["--processes", str(options.processes), "--master-port", str(options.port)]
    if options.web_port is None:
        return (*words, "--headless")
    words += ["--users", str(most_users(stages)), "--spawn-rate", str(stages[0].spawn_rate or most_users(stages))]
    words += ["--run-time", f"{duration(stages):g}s", "--autostart"]
    return (*words, "--web-host", LOOPBACK, "--web-port", str(options.web_port))


async def _reader(read: int) -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=LONGEST_LINE)
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, os.fdopen(read, "rb", buffering=0))
    return reader
