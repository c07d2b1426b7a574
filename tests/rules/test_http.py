import gzip

import pytest

from conformance import catalogue
from conformance.deciding import decide
from conformance.model.exchange import Ending
from conformance.model.target import Policy
from conformance.model.verdict import Status
from conformance.parsing.content import MAX_CONTENT
from conformance.rules.example import HELLO, JSON, SSE, answered, completion, exchange, http, sse, streamed

RULES = [rule for rule in catalogue.rules() if rule.family in ("HTTP", "SSE", "DLV") and "unary" not in rule.parameters]
BODY = b'{"a": 1}'
GZIP = ("content-encoding", "gzip")
CUT = Ending("closed", "body", 9)
TIMEOUT = Ending("timeout", "body", 2 * 10**9, "silent for 1 s")


def failing(x):
    given = {"x": x, "baseline": None, "baseline_stream": None, "short_streams": (), "policy": Policy()}
    found = {r.id: decide(r, given, (x,))[0] for r in RULES if x.mode in r.modes and x.api in r.apis}
    assert Status.ERROR not in found.values()
    return {name for name, status in found.items() if status is Status.FAIL}


def unary(raw, **facts):
    return exchange(raw, mode="unary", **facts)


def json_reply(*headers, body=BODY):
    return unary(http(200, (JSON, *headers), body))


@pytest.mark.parametrize(
    ("x", "rules"),
    [
        (answered(completion()), set()),
        (streamed(*HELLO), set()),
        (exchange(b"", ending=Ending("timeout", "first-byte", 9)), {"HTTP001"}),
        (exchange(b"", ending=Ending("timeout", "connect", 9)), {"HTTP001"}),
        (exchange(b"", ending=Ending("unreachable", "connect", 9)), set()),
        (exchange(b"", ending=Ending("interrupted", "first-byte", 9)), set()),
        (exchange(b"HTTP/1.1 200 OK\r\ncontent-ty", ending=TIMEOUT), {"HTTP002"}),
        (unary(b"<html>"), {"HTTP002"}),
        (unary(http(200, (JSON,), BODY)[:-1], ending=CUT), {"HTTP004"}),
        (unary(http(200, (JSON,), BODY)[:-1], ending=TIMEOUT), {"DLV003"}),
        (unary(http(200, (JSON,), BODY)[:-1], ending=Ending("interrupted", "body", 9)), set()),
        (unary(http(200, (JSON,), BODY)[:-1], ending=Ending("limit", "body", 9)), {"HTTP019"}),
        (unary(http(200, (JSON, GZIP), gzip.compress(b" " * (MAX_CONTENT + 1), compresslevel=1))), {"HTTP019"}),
        (unary(http(200, (JSON,), BODY) + b"\r\n"), set()),
        (unary(http(200, (JSON,), BODY) + b"x"), {"HTTP005"}),
        (unary(http(200, (), BODY)), {"HTTP006"}),
        (unary(http(200, (JSON,), BODY, length=False)), {"HTTP018"}),
        (answered(""), {"HTTP009"}),
        (answered(" "), {"HTTP008"}),
        (answered("<html></html>", headers=[("content-type", "text/html")]), {"HTTP008"}),
        (answered("", status=204), {"HTTP009"}),
        (exchange(http(200, (SSE,), gzip.compress(sse(*HELLO)))), {"HTTP013"}),
        (json_reply(("content-length", "8")), {"HTTP021"}),
        (json_reply(("content-length", "9")), {"HTTP003"}),
        (answered("", status=302, headers=[("location", "/")]), {"HTTP011"}),
        (answered("<html></html>", status=502, headers=[("content-type", "text/html")]), set()),
        (unary(http(200, (SSE,), sse(*HELLO))), {"HTTP012"}),
        (json_reply(body=gzip.compress(BODY)), {"HTTP013"}),
        (json_reply(("content-encoding", "gzip"), body=gzip.compress(BODY)), set()),
        (json_reply(("content-encoding", "gzip")), {"HTTP013"}),
        (json_reply(("content-encoding", "br"), body=b"?"), set()),
        (json_reply(("content-encoding", "none")), {"HTTP015"}),
        (json_reply(("cache-control", "max-age=60, private")), set()),
        (json_reply(("cache-control", "max-age=60")), {"HTTP016"}),
        (json_reply(("cache-control", "max-age=0, must-revalidate")), set()),
        (json_reply(JSON), {"HTTP017"}),
        (json_reply(("x-a", "a" * 17_000)), {"HTTP020"}),
    ],
)
def test_one_fault_is_one_failure(x, rules):
    assert failing(x) == rules


@pytest.mark.parametrize(
    ("accepted", "coding", "is_accepted"),
    [
        ("gzip, deflate", "gzip", True),
        ("gzip", "x-gzip", True),
        ("gzip;q=0.5", "gzip", True),
        ("GZIP ; Q=1", "gzip", True),
        ("*", "gzip", True),
        ("*;q=0, gzip", "gzip", True),
        ("gzip;q=0", "gzip", False),
        ("gzip;q=0.0, *", "gzip", False),
        ("*;q=0.000", "gzip", False),
        ("br", "gzip", False),
        ("", "gzip", False),
        ("br", "identity", True),
    ],
)
def test_accept_encoding_is_read_with_its_weights(accepted, coding, is_accepted):
    body = BODY if coding == "identity" else gzip.compress(BODY)
    x = unary(http(200, (JSON, ("content-encoding", coding)), body), request_headers=[("accept-encoding", accepted)])
    assert ("HTTP014" in failing(x)) is not is_accepted


def test_a_request_that_lists_no_coding_takes_any():
    assert failing(json_reply(("content-encoding", "gzip"), body=gzip.compress(BODY))) == set()


def test_what_an_http_client_refuses_is_a_fault_even_where_this_reader_is_content():
    refused = Ending("idle", "body", 9, "illegal header value")
    assert failing(unary(http(200, (JSON,), BODY), ending=refused)) == {"HTTP002"}


@pytest.mark.parametrize(
    ("baseline_stream", "status", "words"),
    [
        (
            exchange(http(200, (SSE,), sse(*HELLO[:2]), length=False), ending=Ending("timeout", "body", 9)),
            Status.UNTESTABLE,
            "still in progress",
        ),
        (
            exchange(http(200, (SSE,), sse(*HELLO[:2]), length=False), ending=Ending("timeout", "body", 30 * 10**9)),
            Status.UNTESTABLE,
            "silent at the timeout",
        ),
        (exchange(b"", ending=Ending("timeout", "first-byte", 9)), Status.FAIL, ""),
        (exchange(http(200, (SSE,), sse(*HELLO))), Status.FAIL, ""),
        (None, Status.FAIL, ""),
    ],
)
def test_a_target_that_is_slow_is_distinguished_from_one_that_is_silent(baseline_stream, status, words):
    x = unary(b"", ending=Ending("timeout", "first-byte", 9))
    (rule,) = (rule for rule in RULES if rule.id == "HTTP001")
    outcome = decide(rule, {"x": x, "baseline_stream": baseline_stream}, (x,))
    assert outcome.status is status
    assert words in outcome.message
