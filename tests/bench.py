"""Benchmark the harness: cost of a gate and a smoke run, overhead of recording and judging.

Every speed is a ratio of two measurements taken in turn in one run, so that it means the same on any machine, and is
printed with its promised limit; exit code 1 if one is exceeded. Run `make bench` on an idle machine.
"""

import json
import os
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
from bench_load import measure as measure_load
from httpx_sse import EventSource

from conformance import catalogue
from conformance.__main__ import tune
from conformance.deciding import decide
from conformance.judging import judge
from conformance.model.case import named_case
from conformance.model.exchange import Arrival, Exchange, Request
from conformance.model.target import Policy, Target
from conformance.plan import plan
from conformance.runner import STAGE_CONCURRENCY, NullProgress, RunOptions, record
from conformance.selftest import DEFAULT_PROFILES, run_change
from conformance.storage.folder import RunFolder
from conformance.testbed.server.deployments import DEPLOYMENTS
from conformance.testbed.server.serve import running, serve
from conformance.transport.client import exchange_once
from conformance.transport.limits import Limits

CHUNKS = 10_000
ROUNDS = 5
REQUESTS = 200
BARE = "import anyio, cyclopts, httpx, msgspec, rich.console"
"""The cost of starting a command with these libraries."""
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def events() -> list[bytes]:
    """The bytes of a valid chat stream of CHUNKS chunks, one item per event."""

    def chunk(delta: dict[str, str], finish: str | None = None) -> dict[str, object]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}

    first, last = chunk({"role": "assistant", "content": ""}), chunk({}, "stop")
    middle = [chunk({"content": f" word{n}"}) for n in range(CHUNKS - 2)]
    return [f"data: {json.dumps(value)}\n\n".encode() for value in (first, *middle, last)] + [b"data: [DONE]\n\n"]


@asynccontextmanager
async def streaming(pieces: list[bytes]):
    """A server that responds to any request with these pieces, one chunk each; yields its URL."""
    body = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"

    async def answer(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive(65536)
            await stream.send(HEAD + body)

    async with anyio.create_task_group() as group:
        listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
        group.start_soon(listener.serve, answer)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610 - anyio's, not Django's
        yield f"http://127.0.0.1:{port}/v1/chat/completions"
        group.cancel_scope.cancel()


async def fastest(call: Callable[[], Awaitable[object]]) -> float:
    """Seconds of the fastest of ROUNDS calls."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        await call()
        times.append(time.perf_counter() - began)
    return min(times)


class Promises:
    """Print measurements with their promised limits, and collect those that exceed them."""

    def __init__(self) -> None:
        self.broken: list[str] = []

    def tell(self, name: str, ratio: float, most: float, words: str) -> None:
        """Print a ratio and its promised limit."""
        print(f"{name:<16} {ratio:.2f} x {words} (promised: at most {most:g})")
        if ratio > most:
            self.broken.append(name)


async def measure_gate(promises: Promises) -> None:
    """Requests, tokens and time of a gate, compared with its critical path of requests that must run in sequence.

    It has the slowest request of each concurrent stage, and all requests of each sequential stage.
    """
    with tempfile.TemporaryDirectory() as path:
        async with serve(DEPLOYMENTS["native-sse"]) as url:
            folder = RunFolder.create(Path(path) / "run")
            target = Target(base_url=url, model="reference")
            began = time.perf_counter()
            facts = await record(RunOptions(target=target, profiles=DEFAULT_PROFILES), folder, NullProgress())
            fired = time.perf_counter() - began
        judged = judge(facts, folder.exchange, folder.ids())
        total = time.perf_counter() - began
        turns = defaultdict(list)
        for request in plan(target, DEFAULT_PROFILES, "gate"):
            turns[request.stage].append(folder.exchange(request.id).ending.at_ns / 1e9)
        greeting = folder.exchange(facts.planned[0]).ending.at_ns / 1e9
    chain = greeting + sum(max(ends) if turn in STAGE_CONCURRENCY else sum(ends) for turn, ends in turns.items())
    print(f"gate             {judged.requests} requests, {judged.tokens_prompt} + {judged.tokens_completion} tokens")
    print(f"                 {fired:.2f} s to record, {total:.2f} s with {len(judged.verdicts)} verdicts")
    promises.tell("", fired / chain, 1.5, f"its critical path of requests ({chain:.2f} s)")


def measure_smoke(promises: Promises) -> None:
    """CPU time of a smoke run, compared with starting a command with the same libraries."""

    def seconds(*words: str) -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *words], cwd=folder, env=environ, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    environ.pop("PYTHONDONTWRITEBYTECODE", None)  # measure as installed: the first run compiles, the fastest counts
    with tempfile.TemporaryDirectory() as folder, running(DEPLOYMENTS["native-sse"]) as url:
        run = ("-m", "conformance", "run", "--suite", "smoke", "--base-url", url, "--model", "reference")
        pairs = [(seconds(*run), seconds("-c", BARE)) for _ in range(2 * ROUNDS)]
    ours, bare = map(min, zip(*pairs, strict=True))
    promises.tell("smoke run", ours / bare, 3, f"starting a command with its libraries ({ours:.2f} s of CPU time)")


async def measure_recording(promises: Promises) -> None:
    """Recording a stream of CHUNKS chunks, compared with bare httpx reading it."""
    async with streaming(events()) as url:

        async def bare() -> None:
            async with httpx.AsyncClient(trust_env=False) as client, client.stream("POST", url, json={}) as reply:
                async for _ in reply.aiter_raw():
                    pass

        case = named_case("chat.hello", "bench", "stream")
        request = Request(id="bench", cases=(case,), method="POST", url=url, headers=(), body=b"{}")
        limits = Limits(post_response_s=0.0)

        async def recorded() -> None:
            received = (await exchange_once(request, None, limits)).received
            if not received.endswith(b"0\r\n\r\n"):
                raise RuntimeError("the recorded stream is truncated")

        with_tap, without = await fastest(recorded), await fastest(bare)
    promises.tell("recording", with_tap / without, 1.15, f"bare httpx ({CHUNKS} chunks, {with_tap * 1e3:.0f} ms)")


async def measure_judging(promises: Promises) -> None:
    """All rules over a stream of CHUNKS chunks, compared with httpx-sse and json.loads."""
    body = b"".join(events())
    received = HEAD.replace(b"transfer-encoding: chunked", b"content-length: %d" % len(body)) + body

    async def parsed() -> None:
        reply = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)
        for event in EventSource(reply).iter_sse():
            if event.data != "[DONE]":
                json.loads(event.data)

    async def judged() -> None:
        x = Exchange(
            id="bench",
            case=named_case("chat.hello", "bench", "stream"),
            sent=b"POST /v1/chat/completions HTTP/1.1\r\n\r\n{}",
            received=received,
            arrivals=tuple(Arrival(n, min(65536, len(received) - n)) for n in range(0, len(received), 65536)),
        )
        rules = [
            rule
            for rule in catalogue.rules()
            if "chat" in rule.apis and "stream" in rule.modes and "x" in rule.parameters
        ]
        given = {"x": x, "baseline": x, "policy": Policy()}
        for rule in rules:
            decide(rule, given, (x,))

    ours, theirs = await fastest(judged), await fastest(parsed)
    words = f"httpx-sse and json.loads ({CHUNKS} chunks, {ours * 1e3:.0f} ms)"
    promises.tell("judging", ours / theirs, 3, words)


def first_byte(port: int) -> float:
    """Seconds from a request, on a new connection, to the first byte of the streamed response."""
    body = b'{"model": "reference", "stream": true, "messages": [{"role": "user", "content": "Hi"}]}'
    head = (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n"
        b"Authorization: Bearer sk-bench-0123456789\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    ) % len(body)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        began = time.perf_counter()
        connection.sendall(head + body)
        connection.recv(1)
        took = time.perf_counter() - began
        rest = b"".join(iter(lambda: connection.recv(65536), b""))
    if not rest.startswith(b"TTP/1.1 200 ") or b"[DONE]" not in rest:
        raise RuntimeError("the response is no complete stream")
    return took


def measure_proxy(promises: Promises) -> None:
    """What the proxy, recording and judging, adds to the first byte, in the median of direct and proxied requests."""
    with tempfile.TemporaryDirectory() as folder, running(DEPLOYMENTS["native-sse"]) as url:
        words = ("proxy", "--upstream", url, "--run-dir", f"{folder}/run")
        command = [sys.executable, "-m", "conformance", *words]
        environ = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
        with subprocess.Popen(command, cwd=folder, env=environ, stdout=subprocess.PIPE, text=True) as proxy:
            ports = [int(httpx.URL(url).port or 0)]
            _, line = proxy.stdout.readline(), proxy.stdout.readline()
            ports.append(int(re.search(r":(\d+)/", line)[1]))
            pairs = [[first_byte(port) for port in ports] for _ in range(REQUESTS)]
            proxy.terminate()
            proxy.stdout.read()
    direct, proxied = (statistics.median(times) * 1e3 for times in zip(*pairs, strict=True))
    print(f"proxy            {proxied - direct:.2f} ms later than direct ({direct:.2f} ms) (promised: at most 1)")
    if proxied - direct > 1:
        promises.broken.append("proxy")


def measure_run(promises: Promises) -> None:
    """All rules over the exchanges of a complete run."""
    run = run_change("native-sse", None, Policy())
    names, load = sorted(run.exchanges), run.exchanges.__getitem__

    def judged() -> None:
        for x in run.exchanges.values():
            x.cache.clear()
        judge(run.facts, load, names)

    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        judged()
        times.append(time.perf_counter() - began)
    seconds = min(times) * 1000 / len(names)
    print(f"a run            {seconds:.2f} s for 1,000 exchanges (promised: at most 3)")
    if seconds > 3:
        promises.broken.append("a run")


async def measure(promises: Promises) -> None:
    """Print the measurements that need an event loop."""
    await measure_gate(promises)
    await measure_recording(promises)
    await measure_judging(promises)


def main() -> int:
    """Print every measurement."""
    tune()
    promises = Promises()
    anyio.run(measure, promises)
    measure_run(promises)
    measure_smoke(promises)
    measure_proxy(promises)
    measure_load(promises)
    return 1 if promises.broken else 0


if __name__ == "__main__":
    sys.exit(main())
