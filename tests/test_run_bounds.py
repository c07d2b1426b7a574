"""A hostile target takes a run neither its time nor its memory."""

import contextlib
import gzip
import json
import re
import subprocess
import sys
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread

import pytest

from conformance.model.case import named_case
from conformance.model.exchange import Ending, Exchange, Request
from conformance.parsing.content import MAX_CONTENT
from conformance.rules.example import http
from conformance.run_bounds import LARGE, MOST_HITS, RunBounds

MOST_MEMORY_MB = 500
LENGTH = re.compile(rb"content-length:", re.IGNORECASE)
STREAM = re.compile(rb'"stream": ?true')
OK = b"HTTP/1.1 200 OK\r\n"
EVENTS = b"Content-Type: text/event-stream\r\n"
CHUNK = (
    b'data: {"id": "1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n'
)
SILENT, ENDLESS = Ending("timeout", "body", 9), Ending("limit", "body", 9, "8388608 bytes")


def response(probe="chat.hello", mode="stream", *, ending=None, body=b"data: {}\n\n") -> Exchange:
    case = named_case(probe, "example", mode)
    received = http(200, (), body)
    return Exchange(id="1", case=case, sent=b"", received=received, ending=ending or Ending("idle", "after", 0))


def request(probe="chat.hello", mode="stream") -> Request:
    return Request(
        id="2", cases=(named_case(probe, "example", mode),), method="POST", url="http://x", headers=(), body=b""
    )


def after(*responses: Exchange) -> RunBounds:
    bounds = RunBounds()
    for x in responses:
        bounds.note(x)
    return bounds


@pytest.mark.parametrize(
    ("x", "reason"),
    [
        (response(ending=SILENT), "not complete at the timeout"),
        (response(ending=ENDLESS), "endless"),
        (response(body=b"x" * (LARGE + 1)), "larger than"),
    ],
)
def test_after_five_responses_beyond_a_bound_no_more_such_requests_are_sent(x, reason):
    assert not after(*[x] * (MOST_HITS - 1)).reason_against(request())
    assert reason in after(*[x] * MOST_HITS).reason_against(request())
    assert not after(*[x] * MOST_HITS).reason_against(request(mode="unary"))


def test_bounds_are_counted_apart():
    bounds = after(*[response(ending=SILENT)] * (MOST_HITS - 1), *[response(ending=ENDLESS)] * (MOST_HITS - 1))
    assert not bounds.reason_against(request())


def test_kinds_of_requests_without_any_proper_response_are_counted_together():
    chat, messages = [response(ending=SILENT)] * MOST_HITS, response("messages.hello", ending=SILENT)
    assert after(*chat, messages).reason_against(request("messages.hello"))
    assert not after(*chat, response("messages.hello"), messages).reason_against(request("messages.hello"))
    assert not after(*chat).reason_against(request("messages.hello"))


def bomb(stream, size):
    """A response whose gzip body decompresses to this size: events, or spaces."""
    piece = CHUNK if stream else b" "
    body = gzip.compress(piece * (size // len(piece)), compresslevel=1)
    return OK + EVENTS * stream + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(body) + body


def whole(body):
    return OK + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


HOSTILE = {
    "bombs": lambda stream: (bomb(stream, 3 * MAX_CONTENT), b""),
    "large streams": lambda stream: (bomb(stream, MAX_CONTENT - 999), b""),
    "large objects": lambda stream: (whole(b'{"a": [' + b"{}, " * 1_900_000 + b"{}]}"), b""),
    "endless streams": lambda stream: (OK + EVENTS + b"\r\n", CHUNK * 500) if stream else (whole(b"{}"), b""),
}


@contextlib.contextmanager
def target(name):
    """The port of a hostile server."""
    prepared = {stream: HOSTILE[name](stream) for stream in (True, False)}

    class Handler(StreamRequestHandler):
        def handle(self):
            lengths = [int(line[15:]) for line in iter(self.rfile.readline, b"\r\n") if LENGTH.match(line)]
            asked = self.rfile.read(sum(lengths))
            first, endless = prepared[STREAM.search(asked) is not None]
            with contextlib.suppress(OSError):
                self.wfile.write(first)
                while endless:
                    self.wfile.write(endless)

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def run_against(name, suite, folder):
    """Run the command against a hostile target in a process of its own: its report, and its peak memory in MB."""
    with target(name) as port:
        command = ["run", "--base-url", f"http://127.0.0.1:{port}/v1", "--model", "m", "--suite", suite]
        outputs = ["--run-dir", str(folder / "run"), "--report", f"json={folder / 'report.json'}"]
        done = subprocess.run(
            [sys.executable, "-c", MEASURED, *command, *outputs], capture_output=True, text=True, check=False
        )
    peak = re.search(r"VmHWM:\s+(\d+) kB", done.stderr)
    assert peak, done.stderr
    return json.loads((folder / "report.json").read_bytes()), int(peak[1]) / 1024


MEASURED = """
import atexit, pathlib, sys
from conformance.__main__ import main
atexit.register(lambda: print(pathlib.Path("/proc/self/status").read_text(), file=sys.stderr))
main()
"""


@pytest.mark.verify
def test_a_compression_bomb_in_every_response_takes_little_memory(tmp_path):
    report, peak_mb = run_against("bombs", "smoke", tmp_path)
    assert peak_mb < MOST_MEMORY_MB
    failed = {verdict["rule"] for verdict in report["verdicts"] if verdict["status"] == "fail"}
    assert "HTTP019" in failed
    assert not any(rule.startswith(("CHK", "SSE", "CMP", "MSG", "HTTP013")) for rule in failed)


@pytest.mark.verify
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_target_takes_little_memory_and_few_requests(name, tmp_path):
    report, peak_mb = run_against(name, "gate", tmp_path)
    assert peak_mb < MOST_MEMORY_MB
    assert report["requests"] < 90
    assert set(report["left_out"].values()) <= {
        f"the responses to {MOST_HITS} or more {mode} requests were endless, or larger than {LARGE} bytes"
        for mode in ("streaming", "non-streaming")
    }
