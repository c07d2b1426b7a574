"""Small servers on loopback that respond by path, and the command in this process."""

import json
import socketserver
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
import trustme

from conformance.cli import main
from conformance.testbed.server.deployments import DEPLOYMENTS
from conformance.testbed.server.serve import running

Respond = Callable[[str, bytes], tuple[int, dict[str, str], bytes]]


@contextmanager
def served(respond: Respond, tls: ssl.SSLContext | None = None) -> Iterator[SimpleNamespace]:
    """A server whose responses are a function of path and body; yields its port, and the paths that were requested."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def respond(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            paths.append(self.path)
            status, headers, content = respond(self.path, body)
            self.send_response(status)
            for name, value in ({"content-length": str(len(content))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = respond  # noqa: N815 - the base class's names

        def log_message(self, *_: object) -> None:
            """Keep the output of the tests clean."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Ignore a client that speaks another protocol."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield SimpleNamespace(port=server.server_port, paths=paths)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def as_json(status: int, value: object) -> tuple[int, dict[str, str], bytes]:
    """A response in JSON."""
    return status, {"content-type": "application/json"}, json.dumps(value).encode()


def as_html(status: int, title: str) -> tuple[int, dict[str, str], bytes]:
    """An HTML page."""
    return status, {"content-type": "text/html"}, f"<!doctype html><title>{title}</title><p>Hi".encode()


def refused(status: int, message: str, **more: object) -> tuple[int, dict[str, str], bytes]:
    """An error in OpenAI's format."""
    return as_json(status, {"error": {"message": message, "type": "invalid_request_error", "param": None, **more}})


@pytest.fixture
def web() -> SimpleNamespace:
    """What builds servers and their responses; a fixture, because a conftest is not imported."""
    return SimpleNamespace(served=served, json=as_json, html=as_html, refused=refused)


@contextmanager
def speaking(raw: bytes, heard: list[bytes]) -> Iterator[int]:
    """A server that sends the same bytes on every connection, whatever it receives; yields its port."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            heard.append(self.request.recv(65536))
            self.request.sendall(raw)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


@pytest.fixture
def raw():
    """A server that sends fixed bytes, and adds what it received to a list."""
    return lambda raw, heard=None: speaking(raw, [] if heard is None else heard)


@pytest.fixture
def tls(tmp_path, monkeypatch):
    """The context of a server whose certificate is trusted in this test."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def command(capsys, tmp_path, monkeypatch):
    """The command in this process: its exit code, the lines that it printed, and standard error."""
    monkeypatch.chdir(tmp_path)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)

    def call(*words: object) -> SimpleNamespace:
        code = main.exit_code_of(lambda: main.app([*map(str, words)]))
        found = capsys.readouterr()
        return SimpleNamespace(code=code, out=found.out, lines=found.out.splitlines(), err=found.err)

    return call


@pytest.fixture(scope="module")
def real() -> Iterator[str]:
    """The address of a deployment that serves its APIs under /v1."""
    with running(DEPLOYMENTS["native-sse"]) as url:
        yield url.removesuffix("/v1")
