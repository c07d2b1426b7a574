import asyncio
import json
import re
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import pytest

from conformance.testbed.server.body import MAX_BODY
from conformance.testbed.server.deployments import DEPLOYMENTS, NATIVE_SSE
from conformance.testbed.server.reply import Mutation, WireResponse, Write
from conformance.testbed.server.serve import running, serve

HELLO = {"model": "reference", "messages": [{"role": "user", "content": "say hello"}]}
NOTHING = Mutation(name="nothing", title="No change, which puts the deployment on the raw player")

WITHOUT_CA = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""No test here uses TLS, and to load the certificates of authorities takes longer than a request."""

QUESTIONS = [
    ("POST", "/chat/completions", HELLO),
    ("POST", "/chat/completions", HELLO | {"stream": True, "stream_options": {"include_usage": True}}),
    ("POST", "/chat/completions", HELLO | {"max_token": 1}),
    ("POST", "/messages", HELLO | {"max_tokens": 9}),
    ("POST", "/messages", HELLO | {"max_tokens": 9, "stream": True}),
    ("POST", "/no-such-route", {}),
    ("GET", "/chat/completions", None),
    ("GET", "/models", None),
    ("HEAD", "/models/reference", None),
]


def send(method, url, **more):
    """As httpx sends it, without a timeout: the machine may be busy."""
    return httpx.request(method, url, timeout=None, verify=WITHOUT_CA, **more)


@pytest.fixture(scope="module", params=list(DEPLOYMENTS))
def pair(request):
    """One deployment's addresses: on uvicorn, and on the raw server."""
    deployment = DEPLOYMENTS[request.param]
    with running(deployment) as good, running(deployment, [NOTHING]) as raw:
        yield good, raw


def _heard(base, method, path, body):
    reply = send(method, base + path, json=body)
    text = re.sub(r'"created":\d+', '"created":0', re.sub(r"(chatcmpl-|msg_|req_)[0-9a-f]+", r"\1id", reply.text))
    names = {"content-type", "content-length", "transfer-encoding", "cache-control", "allow", "x-should-retry"}
    return reply.status_code, {n: v for n, v in reply.headers.items() if n in names}, text


@pytest.mark.parametrize("question", QUESTIONS, ids=range(len(QUESTIONS)))
def test_both_servers_say_the_same(pair, question):
    good, raw = pair
    received = _heard(good, *question)
    assert received == _heard(raw, *question)
    assert received[0] in (200, 400, 404, 405, 501)


def test_every_reply_is_dated_and_numbered(pair):
    for base in pair:
        replies = [send("POST", base + "/chat/completions", json=HELLO) for _ in range(3)]
        assert all("date" in reply.headers for reply in replies)
        for ids in ([r.json()["id"] for r in replies], [r.headers["x-request-id"] for r in replies]):
            assert len(set(ids)) == 3


def test_answers_to_many_at_once_are_not_mixed_up(pair):
    base = pair[0]

    def ask(cap):
        return send("POST", base + "/chat/completions", json=HELLO | {"max_tokens": cap}).json()["usage"][
            "completion_tokens"
        ]

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(1, 9))) == list(range(1, 9))


def test_a_connection_carries_several_requests(pair):
    for base in pair:
        with httpx.Client(timeout=None, verify=WITHOUT_CA) as client:
            streams = []
            for _ in range(2):
                reply = client.post(base + "/chat/completions", json=HELLO | {"stream": True})
                streams.append(reply.extensions["network_stream"].get_extra_info("client_addr"))
            assert len(set(streams)) == 1


def test_a_body_that_is_too_large_is_refused(pair):
    for base in pair:
        reply = send(
            "POST", base + "/messages", content=b"[" * (2 * MAX_BODY), headers={"content-type": "application/json"}
        )
        assert (reply.status_code, reply.json()["error"]["type"]) == (413, "request_too_large")


def test_close_is_heeded(pair):
    for base in pair:
        reply = send("POST", base + "/chat/completions", json=HELLO, headers={"connection": "close"})
        assert reply.headers["connection"] == "close"


def test_the_key_is_asked_for():
    with running(NATIVE_SSE, key="sk-right") as base:
        assert send("GET", base + "/models").status_code == 401
        assert send("GET", base + "/models", headers={"authorization": "Bearer sk-right"}).status_code == 200


@pytest.mark.parametrize("changed", [False, True], ids=["uvicorn", "player"])
def test_a_server_stops_although_a_client_hangs_on(changed):
    pause = (Write(data=b"", wait_s=3600),)
    mute = Mutation(name="mute", title="Says nothing", on_wire=lambda reply, _: replace(reply, pieces=pause))
    with running(NATIVE_SSE, [mute] if changed else []) as base, socket.create_connection(_address(base)) as idle:
        whole = _request(json.dumps(HELLO).encode())
        idle.sendall(whole if changed else whole[:60])
    with pytest.raises(httpx.ConnectError):
        send("GET", base + "/models")


def test_serve_works_inside_a_running_loop():
    async def ask():
        async with serve(NATIVE_SSE) as base, httpx.AsyncClient(timeout=None, verify=WITHOUT_CA) as client:
            return (await client.post(base + "/chat/completions", json=HELLO)).status_code

    assert asyncio.run(ask()) == 200


def test_a_port_that_is_taken_is_an_error():
    with running(NATIVE_SSE) as base:
        port = int(base.rsplit(":", 1)[1].removesuffix("/v1"))

        async def again():
            async with serve(NATIVE_SSE, port=port):
                pass

        with pytest.raises(OSError, match="in use"):
            asyncio.run(again())


def _address(base):
    host, port = re.fullmatch(r"http://(.+):(\d+)/v1", base).groups()
    return host, int(port)


def _request(body, connection="keep-alive"):
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    return f"{head}Connection: {connection}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _exchange(change, request=None):
    """All bytes that are received, and how the connection ended."""
    with running(NATIVE_SSE, [change]) as base, socket.create_connection(_address(base)) as connection:
        connection.sendall(request or _request(json.dumps(HELLO | {"max_tokens": 1}).encode(), "close"))
        received = b""
        try:
            while part := connection.recv(65_536):
                received += part
        except ConnectionResetError:
            return received, "reset"
        return received, "closed"


def _replying(**facts):
    defaults = {"status": 200, "headers": (("x", "y"),), "pieces": (Write(data=b"abc"), Write(data=b"defg"))}
    return Mutation(
        name="replying", title="A reply of its own", on_wire=lambda _reply, _request: WireResponse(**(defaults | facts))
    )


@pytest.mark.parametrize(
    ("facts", "body", "ending"),
    [
        ({}, b"abcdefg", "closed"),
        ({"end": "abort"}, b"abcdef", "closed"),
        ({"end": "reset"}, b"abcdef", "reset"),
        ({"end": "hold", "hold_s": 0.01}, b"abcdef", "closed"),
        ({"after": b"more"}, b"abcdefgmore", "closed"),
        ({"framing": "chunked"}, b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n", "closed"),
        ({"framing": "chunked", "after": b"more"}, b"3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\nmore", "closed"),
        ({"framing": "chunked", "end": "abort"}, b"3\r\nabc\r\n4\r\ndefg\r\n", "closed"),
        ({"framing": "chunked", "end": "reset"}, b"3\r\nabc\r\n4\r\ndefg\r\n", "reset"),
        ({"framing": "chunked", "pieces": (Write(data=b""), Write(data=b"a"))}, b"1\r\na\r\n0\r\n\r\n", "closed"),
        ({"framing": "close"}, b"abcdefg", "closed"),
        ({"framing": "close", "end": "reset"}, b"abcdefg", "reset"),
        ({"pieces": ()}, b"", "closed"),
        ({"headers": (("content-length", "99"),)}, b"abcdefg", "closed"),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, dict) else None,
)
def test_a_reply_is_played_to_the_byte(facts, body, ending):
    received, ended = _exchange(_replying(**facts))
    head, _, content = received.partition(b"\r\n\r\n")
    assert (content, ended) == (body, ending)
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    framings = {"length": b"content-length: ", "chunked": b"transfer-encoding: chunked", "close": b"connection: close"}
    assert framings[facts.get("framing", "length")] in head
    assert head.count(b"content-length") <= 1


def test_a_head_of_its_own_replaces_the_other():
    received, _ = _exchange(_replying(head=b"HTTP/1.1 299 Odd\nX: 1\n\n", framing="close"))
    assert received == b"HTTP/1.1 299 Odd\nX: 1\n\nabcdefg"


def test_pipelined_requests_are_answered_in_order():
    body = json.dumps(HELLO | {"max_tokens": 1}).encode()
    received, _ = _exchange(_replying(), _request(body) + _request(body, "close"))
    assert received.count(b"HTTP/1.1 200 OK") == 2


def test_what_is_not_http_ends_the_connection():
    assert _exchange(_replying(), b"what?\r\n\r\n") == (b"", "closed")


def test_a_client_that_waits_is_told_to_go_on():
    head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n"
    with running(NATIVE_SSE, [_replying()]) as base, socket.create_connection(_address(base)) as connection:
        connection.sendall(head)
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"{}")
        assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_changes_apply_in_their_order_to_what_is_read_said_and_written():
    def mark(name):
        return Mutation(
            name=name,
            title=name,
            on_request=lambda request: replace(request, id=request.id + name),
            on_response=lambda response, request: replace(response, whole=[*response.whole, request.id[-2:], name]),
            on_wire=lambda reply, _: replace(reply, pieces=(*reply.pieces, Write(data=name.encode()))),
        )

    with running(NATIVE_SSE, [mark("a"), mark("b")]) as base:
        assert send("GET", base + "/models").text == '["object","data","ab","a","ab","b"]ab'
