"""Connecting: TLS, certificate authorities, proxies, and unreachable targets."""

import asyncio
import base64
import contextlib
import ssl

import anyio
import httpx
import pytest
import trustme

from conformance.transport.client import Limits, exchange_once
from conformance.transport.proxies import Trust, proxy_for

pytestmark = pytest.mark.anyio

HELLO = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
REMOTE = "target.test"


@pytest.fixture
def authority(tmp_path, monkeypatch):
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return made


@pytest.fixture
def tls(authority):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", "localhost", REMOTE).configure_cert(context)
    return context


async def pump(reader, writer):
    while raw := await reader.read(65536):
        writer.write(raw)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()


def proxying(wire, port, seen):
    """A proxy that connects to one loopback port only: it tunnels CONNECT and forwards anything else."""

    async def play(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        seen.append(head)
        there, back = await asyncio.open_connection("127.0.0.1", port)
        if head.startswith(b"CONNECT "):
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
        else:
            back.write(head)
        try:
            await asyncio.gather(pump(reader, back), pump(there, writer))
        finally:
            back.close()
            with contextlib.suppress(ConnectionError):
                await back.wait_closed()

    return wire.serving(play, read=False)


async def test_bytes_are_those_inside_tls(wire, tls):
    async with wire.serving(wire.writing(HELLO, b"later"), tls=tls) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, Limits(post_response_s=10))
    assert x.received == HELLO + b"later"
    assert server.requests == [x.sent.replace(b"*" * len(wire.key), wire.key.encode())]
    assert (x.ending.how, x.ending.phase) == ("closed", "after")


async def test_a_reset_inside_tls_is_a_reset(wire, tls):
    chunk = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
    async with wire.serving(wire.writing(chunk, then="reset"), tls=tls) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    assert x.ending.how == "reset"


async def test_an_unknown_authority_is_refused_with_the_reason(wire, tls, monkeypatch, tmp_path):
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.pem"))
    async with wire.serving(wire.writing(HELLO), tls=tls) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    assert (x.sent, x.ending.how, x.ending.phase, server.requests) == (b"", "unreachable", "connect", [])
    assert "certificate verification failed" in x.ending.detail


async def test_a_certificate_for_another_host_is_refused(wire, authority):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("elsewhere.test").configure_cert(context)
    async with wire.serving(wire.writing(HELLO), tls=context) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    assert x.ending.how == "unreachable"
    assert "certificate verification failed" in x.ending.detail


@pytest.mark.parametrize("unread", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
async def test_the_variables_of_other_programs_for_authorities_are_not_read(wire, tls, monkeypatch, tmp_path, unread):
    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setenv(unread, str(tmp_path / "ca.pem"))
    async with wire.serving(wire.writing(HELLO), tls=tls) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    assert "certificate verification failed" in x.ending.detail


async def test_the_file_of_authorities_wins_over_the_folder(wire, tls, monkeypatch, tmp_path):
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "empty"))
    async with wire.serving(wire.writing(HELLO), tls=tls) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    assert x.received == HELLO


async def test_missing_authorities_are_named(wire, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    x = await exchange_once(wire.request_to("https://127.0.0.1:1/"), wire.key, wire.limits)
    assert x.ending.how == "unreachable"
    assert "SSL_CERT_FILE=/nowhere/ca.pem" in x.ending.detail


async def test_tls_with_a_server_that_has_none(wire):
    async with wire.serving(wire.writing(b"HTTP/1.1 400 Bad Request\r\n\r\n"), read=False) as server:
        x = await exchange_once(wire.request_to(server.url().replace("http:", "https:")), wire.key, wire.limits)
    assert (x.ending.how, x.ending.phase) == ("unreachable", "connect")
    assert "TLS" in x.ending.detail


async def test_a_handshake_that_never_ends_is_bounded_by_the_connect_time(wire):
    async with wire.serving(wire.writing(then="hold"), read=False) as server:
        x = await exchange_once(
            wire.request_to(server.url().replace("http:", "https:")), wire.key, Limits(connect_s=0.15)
        )
    assert (x.ending.how, x.ending.phase) == ("unreachable", "connect")
    assert "0.15 s" in x.ending.detail


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://127.0.0.1:{free}/v1", "127.0.0.1:{free}: the connection was refused"),
        ("http://no-such-host.invalid/v1", "no-such-host.invalid:80: the name does not resolve"),
        ("ftp://127.0.0.1/v1", "not an http:// or https:// URL"),
        ("/v1/chat", "not an http:// or https:// URL"),
        ("http://[::1/v1", "the URL is not valid"),
        ("http://" + "a" * 70 + ".test/", "a" * 70),
    ],
)
async def test_what_cannot_be_reached_says_why(wire, url, why):
    async with wire.serving(wire.writing()) as server:
        free = server.port
    x = await exchange_once(wire.request_to(url.format(free=free)), wire.key, wire.limits)
    assert (x.sent, x.received, x.ending.how, x.ending.phase) == (b"", b"", "unreachable", "connect")
    assert why.format(free=free) in x.ending.detail


async def test_a_tunnel_is_not_part_of_the_record(wire, tls, monkeypatch):
    seen = []
    async with wire.serving(wire.writing(HELLO), tls=tls) as server, proxying(wire, server.port, seen) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:pass-word-1@127.0.0.1:{proxy.port}")
        x = await exchange_once(wire.request_to(f"https://{REMOTE}/v1"), wire.key, wire.limits)
    assert [head.split(b"\r\n")[0] for head in seen] == [b"CONNECT target.test:443 HTTP/1.1"]
    assert x.sent.startswith(b"POST /v1 HTTP/1.1\r\nHost: target.test\r\naccept: */*\r\n")
    assert x.received == HELLO
    assert x.ending.phase == "after"


async def test_a_forward_proxy_takes_the_whole_address_and_keeps_its_password(wire, monkeypatch):
    seen = []
    async with wire.serving(wire.writing(HELLO)) as server, proxying(wire, server.port, seen) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://user:pass-word-1@127.0.0.1:{proxy.port}")
        x = await exchange_once(wire.request_to(f"http://{REMOTE}/v1"), wire.key, wire.limits)
    credentials = base64.b64encode(b"user:pass-word-1")
    assert credentials in seen[0]
    assert x.sent.startswith(b"POST http://target.test/v1 HTTP/1.1\r\nHost: target.test\r\n")
    assert b"Proxy-Authorization: Basic " + b"*" * len(credentials) in x.sent
    assert x.received == HELLO


@pytest.mark.parametrize("exempt", ["*", "target.test", ".test", "other.example,target.test"])
async def test_no_proxy_is_kept(wire, monkeypatch, exempt):
    seen = []
    async with proxying(wire, 1, seen) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        monkeypatch.setenv("NO_PROXY", exempt)
        x = await exchange_once(wire.request_to(f"http://{REMOTE}:1/v1"), wire.key, wire.limits)
    assert (seen, x.ending.how) == ([], "unreachable")
    assert "target.test:1" in x.ending.detail


@pytest.mark.parametrize(
    ("exempt", "host", "is_direct"),
    [
        ("target.test", "sub.target.test", True),
        ("target.test", "othertarget.test", False),
        ("target.test:8000", "target.test:8000", True),
        ("target.test:8000", "target.test:9000", False),
        ("*.target.test", "sub.target.test", False),
        ("10.0.0.0/8", "10.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
    ],
)
def test_which_hosts_need_no_proxy(monkeypatch, exempt, host, is_direct):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", exempt)
    assert (proxy_for(httpx.URL(f"http://{host}/v1")) is None) is is_direct


def test_a_proxy_variable_in_lower_case_wins(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://upper.test:3128")
    monkeypatch.setenv("http_proxy", "http://lower.test:3128")
    assert proxy_for(httpx.URL(f"http://{REMOTE}/v1")).host == "lower.test"


def test_a_proxy_is_for_its_scheme_only(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.test:3128")
    assert proxy_for(httpx.URL(f"https://{REMOTE}/v1")) is None


async def test_loopback_needs_no_proxy(wire, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    async with wire.serving(wire.writing(HELLO)) as server:
        x = await exchange_once(wire.request_to(server.url()), wire.key, wire.limits)
    assert x.received == HELLO


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (
            b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n",
            "the proxy (HTTPS_PROXY) rejected the request: 407",
        ),
        (b"what?\r\n\r\n", "the proxy (HTTPS_PROXY) sent an invalid response"),
        (b"", "the proxy (HTTPS_PROXY) sent an invalid response"),
    ],
)
async def test_a_proxy_that_refuses_makes_the_target_unreachable(wire, monkeypatch, answer, why):
    async with wire.serving(wire.writing(answer)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.port}")
        x = await exchange_once(wire.request_to(f"https://{REMOTE}/v1"), wire.key, wire.limits)
    assert (x.sent, x.ending.how, x.ending.phase) == (b"", "unreachable", "connect")
    assert why in x.ending.detail
    assert wire.key.encode() not in b"".join(proxy.requests)


async def test_a_proxy_that_is_silent_is_bounded_by_the_connect_time(wire, monkeypatch):
    async with wire.serving(wire.writing(then="hold")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.port}")
        x = await exchange_once(wire.request_to(f"https://{REMOTE}/v1"), wire.key, Limits(connect_s=0.15))
    assert (x.ending.how, x.ending.phase) == ("unreachable", "connect")


@pytest.mark.parametrize("proxy", ["gopher://user:pass-word-1@proxy.test", "http://user:pass-word-1@[proxy"])
async def test_a_proxy_that_cannot_be_used_is_reported_without_its_password(wire, monkeypatch, proxy):
    monkeypatch.setenv("HTTP_PROXY", proxy)
    x = await exchange_once(wire.request_to(f"http://{REMOTE}/v1"), wire.key, wire.limits)
    assert x.ending.how == "unreachable"
    assert "prox" in x.ending.detail
    assert "pass-word" not in x.ending.detail


async def test_authorities_are_loaded_once(wire, tls, monkeypatch):
    loaded = []
    create = ssl.create_default_context
    monkeypatch.setattr(ssl, "create_default_context", lambda *a, **k: loaded.append(k) or create(*a, **k))
    async with wire.serving(wire.writing(HELLO), tls=tls) as server, anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(exchange_once, wire.request_to(server.url()), wire.key, wire.limits)
    assert len(loaded) == 1


async def test_a_certificate_is_verified_by_the_given_authorities_instead_of_the_usual_ones(
    wire, tls, tmp_path, monkeypatch
):
    monkeypatch.delenv("SSL_CERT_FILE")
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    async with wire.serving(wire.writing(HELLO), tls=tls) as server:
        endings = {
            trust: (await exchange_once(wire.request_to(server.url()), wire.key, wire.limits, trust=trust)).ending.how
            for trust in (
                Trust(),
                Trust(cacert=str(tmp_path / "ca.pem")),
                Trust(cacert=str(tmp_path / "other.pem")),
                Trust(insecure=True),
            )
        }
    assert [how == "unreachable" for how in endings.values()] == [True, False, True, False]
