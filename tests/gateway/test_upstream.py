"""The scripted upstream alone: what a gateway asks it besides the requests of a run."""

import anyio
import httpx
import pytest

from conformance.testbed.upstream.serve import serve_upstreams


def asked(method, path, **request):
    async def ask():
        async with serve_upstreams(lambda _x, _n: None) as upstreams, httpx.AsyncClient() as client:
            return await client.request(method, f"http://127.0.0.1:{upstreams.ports[0]}{path}", **request)

    return anyio.run(ask)


@pytest.mark.parametrize("path", ["/", "/health", "/v1/health/readiness", "/healthz/", "/v1/models"])
def test_it_is_healthy_wherever_a_gateway_looks(path):
    assert asked("GET", path).status_code == 200


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/wealth"), ("POST", "/health"), ("GET", "/healthy")])
def test_other_paths_are_not_there(method, path):
    assert asked(method, path).status_code == 404


def test_it_ignores_fields_that_the_api_does_not_have_wherever_they_stand():
    part = {"type": "text", "text": "Hi (qexampleexample2:native-sse)", "cache_control": {"type": "ephemeral"}}
    body = {"model": "any", "top_k": 3, "messages": [{"role": "user", "content": [part], "reasoning_content": "So."}]}
    got = asked("POST", "/v1/chat/completions", json=body)
    assert got.status_code == 200, got.text
    assert "qexampleexample2 attempt 1" in got.json()["choices"][0]["message"]["content"]
