"""The scripted upstreams: how they fail on the network."""

import anyio
import pytest

from conformance.testbed.upstream.serve import LOOPBACK, serve_upstreams

ASK = b"GET /v1/models HTTP/1.1\r\nHost: x\r\n\r\n"
GONE = (anyio.EndOfStream, anyio.BrokenResourceError)


async def answers(port):
    try:
        async with await anyio.connect_tcp(LOOPBACK, port) as connection:
            await connection.send(ASK)
            return (await connection.receive()).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def test_upstreams_refuse_connections_for_a_time_and_then_answer_at_the_same_ports():
    async def run():
        async with serve_upstreams(lambda _x, _n: None, ports=(0, 0)) as upstreams:
            ports = upstreams.ports
            async with upstreams.refusing():
                during = [await answers(port) for port in ports]
            return during, [await answers(port) for port in ports], upstreams.ports == ports

    assert anyio.run(run) == ([False, False], [True, True], True)


def test_a_connection_that_is_kept_open_is_closed_when_connections_are_refused():
    async def run():
        async with (
            serve_upstreams(lambda _x, _n: None) as upstreams,
            await anyio.connect_tcp(LOOPBACK, upstreams.ports[0]) as kept,
        ):
            await kept.send(ASK)
            await kept.receive()
            async with upstreams.refusing():
                with anyio.fail_after(5), pytest.raises(GONE):
                    await kept.receive()

    anyio.run(run)
