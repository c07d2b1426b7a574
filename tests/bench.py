"""Measure the harness: what a gate costs, what recording adds to bare httpx, what judging adds to bare parsing.

Every speed is a ratio of two measurements taken in turn in one run, so that it means the same on any machine.
"""

import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import httpx
from httpx_sse import EventSource

from conformance import catalogue
from conformance.exchange import Arrival, Exchange, Question, Request
from conformance.gate import Options, record
from conformance.judge import decide, judge
from conformance.reference.deployments import DEPLOYMENTS
from conformance.reference.serve import serve
from conformance.selftest import PROFILES, Silent
from conformance.store.folder import RunFolder
from conformance.target import Policy, Target
from conformance.wire.courier import fetch
from conformance.wire.limits import Limits

CHUNKS = 10_000
ROUNDS = 5
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def events() -> list[bytes]:
    """The octets of a good chat stream of CHUNKS chunks, one item an event."""

    def chunk(delta: dict[str, str], finish: str | None = None) -> dict[str, object]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}

    first, last = chunk({"role": "assistant", "content": ""}), chunk({}, "stop")
    middle = [chunk({"content": f" word{n}"}) for n in range(CHUNKS - 2)]
    return [f"data: {json.dumps(value)}\n\n".encode() for value in (first, *middle, last)] + [b"data: [DONE]\n\n"]


@asynccontextmanager
async def streaming(pieces: list[bytes]):
    """A server that answers anything with these pieces, each a chunk of its own; yields its URL."""
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


async def measure_gate() -> None:
    """Requests, tokens and time of a gate against its slowest chain of exchanges."""
    with tempfile.TemporaryDirectory() as path:
        async with serve(DEPLOYMENTS["native-sse"]) as url:
            folder = RunFolder.create(Path(path) / "run")
            target = Target(base_url=url, model="reference")
            began = time.perf_counter()
            facts = await record(Options(target=target, profiles=PROFILES, concurrency=8), folder, Silent())
            fired = time.perf_counter() - began
        judged = judge(facts, folder.exchange, folder.ids())
        total = time.perf_counter() - began
        ends = sorted(folder.exchange(name).ending.at_ns / 1e9 for name in folder.ids())
    print(f"gate             {judged.requests} requests, {judged.tokens_prompt} + {judged.tokens_completion} tokens")
    print(f"                 {fired:.2f} s to record, {total:.2f} s with {len(judged.verdicts)} verdicts")
    print(f"                 {fired / (ends[-1] * 2):.1f} x the slowest chain (greeting, then {ends[-1]:.2f} s)")


async def measure_recording() -> None:
    """Recording a stream of CHUNKS chunks against bare httpx reading the same stream."""
    async with streaming(events()) as url:

        async def bare() -> None:
            async with httpx.AsyncClient(trust_env=False) as client, client.stream("POST", url, json={}) as reply:
                async for _ in reply.aiter_raw():
                    pass

        question = Question("chat", "bench", "stream", "chat.hello")
        request = Request(id="bench", questions=(question,), method="POST", url=url, headers=(), body=b"{}")
        limits = Limits(linger_s=0.0)

        async def recorded() -> None:
            heard = (await fetch(request, None, limits)).heard
            if not heard.endswith(b"0\r\n\r\n"):
                raise RuntimeError("the stream was not recorded whole")

        with_tap, without = await fastest(recorded), await fastest(bare)
    print(f"recording        {with_tap / without:.2f} x bare httpx ({CHUNKS} chunks, {with_tap * 1e3:.0f} ms)")


async def measure_judging() -> None:
    """All rules over a stream of CHUNKS chunks against httpx-sse and json.loads alone."""
    body = b"".join(events())
    heard = HEAD.replace(b"transfer-encoding: chunked", b"content-length: %d" % len(body)) + body

    async def parsed() -> None:
        reply = httpx.Response(200, headers={"content-type": "text/event-stream"}, content=body)
        for event in EventSource(reply).iter_sse():
            if event.data != "[DONE]":
                json.loads(event.data)

    async def judged() -> None:
        x = Exchange(
            id="bench",
            question=Question("chat", "bench", "stream", "chat.hello"),
            sent=b"POST /v1/chat/completions HTTP/1.1\r\n\r\n{}",
            heard=heard,
            arrivals=tuple(Arrival(n, min(65536, len(heard) - n)) for n in range(0, len(heard), 65536)),
        )
        rules = [rule for rule in catalogue.rules() if "unary" not in rule.inputs and "stream" in rule.modes]
        given = {"x": x, "hello": x, "policy": Policy()}
        for rule in rules:
            decide(rule, given, (x,))

    ours, theirs = await fastest(judged), await fastest(parsed)
    print(f"judging          {ours / theirs:.2f} x httpx-sse and json.loads ({CHUNKS} chunks, {ours * 1e3:.0f} ms)")


async def main() -> None:
    """Print every measurement."""
    await measure_gate()
    await measure_recording()
    await measure_judging()


if __name__ == "__main__":
    anyio.run(main)
