"""Benchmark load tests: one process against a bare loop over the same transport, and two processes against one.

The server is another process that answers from memory, so that the harness is what is measured.
"""

import asyncio
import json
import multiprocessing
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from itertools import count

import anyio
import msgspec

from conformance.load.engine import running
from conformance.load.messages import Begin, Stop, Users, line, results
from conformance.load.mix import Mix, jobs
from conformance.load.part import Part, numbered
from conformance.model.target import Target
from conformance.transport.limits import Limits
from conformance.transport.session import Session

EVENTS = 22
USERS = 16
ROUNDS = 5
SECONDS = 3.0
EVERY_S = 0.001
PROFILES = ("openai-python",)
LIMITS = Limits()


def stream(events_a_write: int) -> list[bytes]:
    """A streamed response of EVENTS events, in the pieces in which it is written."""

    def chunk(delta: dict[str, str], finish: str | None = None) -> dict[str, object]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}

    deltas = [{"role": "assistant", "content": ""}, *({"content": f"{n}, "} for n in range(EVENTS - 3))]
    values = [*map(chunk, deltas), chunk({}, "stop")]
    events = [*(f"data: {json.dumps(value)}\n\n" for value in values), "data: [DONE]\n\n"]
    head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
    chunks = [f"{len(event):x}\r\n{event}\r\n" for event in events]
    pieces = [piece.encode() for piece in (head + chunks[0], *chunks[1:-1], chunks[-1] + "0\r\n\r\n")]
    return [b"".join(pieces[at : at + events_a_write]) for at in range(0, EVENTS, events_a_write)]


class Answering(asyncio.Protocol):
    """Answers each request with these pieces, one after the other."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self.transport, self.received = transport, b""

    def connection_lost(self, _error: Exception | None) -> None:
        """Write nothing more."""
        self.transport = None

    def data_received(self, data: bytes) -> None:
        """Answer, when a request is complete."""
        self.received += data
        head, end, body = self.received.partition(b"\r\n\r\n")
        length = next((int(one[15:]) for one in head.split(b"\r\n") if one.lower().startswith(b"content-length:")), 0)
        if end and len(body) >= length:
            self.received = b""
            loop = asyncio.get_running_loop()
            for place, piece in enumerate(self.pieces):
                loop.call_later(place * EVERY_S, self.write, piece)

    def write(self, piece: bytes) -> None:
        """Write a piece, if the client is still there."""
        if self.transport:
            self.transport.write(piece)


def serve(port: "multiprocessing.connection.Connection", events_a_write: int) -> None:
    """Serve until killed; sends the port."""
    pieces = stream(events_a_write)

    async def forever() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: Answering(pieces), "127.0.0.1", 0)
        port.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(forever())


@contextmanager
def serving(events_a_write: int = 1):
    """The server in a process of its own; yields the base URL."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=serve, args=(theirs, events_a_write), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{ours.recv()}/v1"
    finally:
        process.kill()


def part(url: str) -> Part:
    """What the processes that send have to know."""
    return Part(target=Target(base_url=url, model="m", apis=("chat",)), profiles=PROFILES, run=1)


async def bare(url: str) -> float:
    """Exchanges of a loop over the transport alone, in a second of processor time."""
    mix = Mix(target=part(url).target, run=1, jobs=jobs(part(url).target, PROFILES, ("stream",)), dialects={})
    done = 0

    async def user() -> None:
        nonlocal done
        async with Session(key=None, limits=LIMITS) as session:
            while True:
                await session.exchange(request)
                done += 1

    request = mix.request(1, 0)
    began = time.process_time()
    with anyio.move_on_after(SECONDS):
        async with anyio.create_task_group() as users:
            for _ in range(USERS):
                users.start_soon(user)
    return done / (time.process_time() - began)


async def with_engine(url: str) -> float:
    """Exchanges of the engine, whose samples are taken beside it, in a second of processor time."""
    async with running(part(url), None, lambda _: None) as engine:
        await engine.outbox.sampling.ready()
        began = time.process_time()

        async def drive() -> None:
            engine.set_users(USERS)
            await anyio.sleep(SECONDS)

        await engine.load(drive)
        return engine.budget.requests / (time.process_time() - began)


def of_processes(url: str, number: int) -> float:
    """Exchanges a second of processes that Locust's workers start, together."""
    pipe = subprocess.PIPE
    words = (sys.executable, "-m", "conformance.load.sending_process")
    children = [subprocess.Popen(words, stdin=pipe, stdout=pipe) for _ in range(number)]
    for worker, child in enumerate(children, 1):
        child.stdin.write(line(Begin(numbered(part(url), worker))) + line(Users(1)))
        child.stdin.flush()
    for child in children:  # until it sends, and its samples are taken
        while not results(child.stdout.readline()).sampled:
            pass
    for child in children:
        child.stdin.write(line(Users(USERS)))
        child.stdin.flush()
    began = time.perf_counter()
    latest = _read_until(children, began + SECONDS)
    took = time.perf_counter() - began
    for child in children:
        child.stdin.write(line(Stop()))
        child.stdin.close()
    for child in children:
        child.stdout.read()
        child.wait()
    return sum(latest) / took


def _read_until(children: list, end: float) -> list[int]:
    """How many requests each has sent until then, since the first results."""
    first, last = [0] * len(children), [0] * len(children)
    for number in count():
        for place, child in enumerate(children):
            found = results(child.stdout.readline())
            last[place] = found.sent
            first[place] = first[place] or found.sent
        if number and time.perf_counter() > end:
            return [b - a for a, b in zip(first, last, strict=True)]
    return last


def in_turn(first: Callable[[], float], second: Callable[[], float]) -> tuple[float, float]:
    """The median of ROUNDS ratios of the first figure to the second, measured in turn, and the best first figure.

    The speed of a virtual machine changes within seconds: a ratio of two best figures would compare different speeds.
    """
    pairs = [(first(), second()) for _ in range(ROUNDS)]
    return statistics.median(one / other for one, other in pairs), max(one for one, _ in pairs)


def measure(promises) -> None:
    """Print both ratios."""
    with serving() as url:
        ratio, rate = in_turn(lambda: anyio.run(with_engine, url), lambda: anyio.run(bare, url))
    words = f"{rate:.0f} exchanges in a second of processor time"
    print(f"load             {ratio:.2f} of a bare loop ({words}; promised: at least 0.9)")
    if ratio < 0.9:
        promises.broken.append("load")
    with serving(EVENTS) as url:  # each write takes time of the two cores, which the two processes would need
        ratio, rate = in_turn(lambda: of_processes(url, 2), lambda: of_processes(url, 1))
    print(f"two processes    {ratio:.2f} x one ({rate:.0f} exchanges a second; promised: at least 1.7)")
    if ratio < 1.7:
        promises.broken.append("two processes")


if __name__ == "__main__":
    measure(msgspec.defstruct("Promises", [("broken", list, msgspec.field(default_factory=list))])())
