"""The scripted upstream alone: what a gateway asks it besides the requests of a run."""

import anyio
import httpx
import pytest

from conformance.testbed.upstream.serve import serve_upstreams


def asked(method, path):
    async def ask():
        async with serve_upstreams(lambda _x, _n: None) as upstreams, httpx.AsyncClient() as client:
            return await client.request(method, f"http://127.0.0.1:{upstreams.ports[0]}{path}")

    return anyio.run(ask)


@pytest.mark.parametrize("path", ["/", "/health", "/v1/health/readiness", "/healthz/", "/v1/models"])
def test_it_is_healthy_wherever_a_gateway_looks(path):
    assert asked("GET", path).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/wealth"), ("POST", "/health"), ("GET", "/healthy")])
def test_other_paths_are_not_there(method, path):
    assert asked(method, path).status_code == 404
