"""What the proxy recorded becomes an entry: its API, mode, model and client, and no secrets."""

import gzip
import json
from datetime import UTC, datetime

import pytest

from conformance import catalogue
from conformance.apis.request import request_body
from conformance.model.case import Kind
from conformance.model.exchange import Arrival, Ending, Request
from conformance.model.rule import family_of
from conformance.model.verdict import Status
from conformance.model.words import FACETS
from conformance.recordings.entry import Entry, Skipped
from conformance.recordings.proxied import entry_of
from conformance.testbed.server.deployments import DEPLOYMENTS, reply_to
from conformance.testbed.server.framing import writes
from conformance.testbed.server.planned import server_request
from conformance.traffic import outcomes
from conformance.transport.accepted import AcceptedExchange

KEY = b"sk-passed-0123456789abcdef"
BODY = b'{"model": "m-1", "stream": true, "messages": [{"role": "user", "content": "Hi"}]}'
HEAD = b"POST /openai/v1/chat/completions?api-version=1&api_key=%b HTTP/1.1\r\nHost: api.example\r\n" % KEY
FIELDS = b"Authorization: Bearer %b\r\nUser-Agent: OpenAI/Python 3.1\r\nCookie: session=abcdef0123456789\r\n" % KEY
OK = b"HTTP/1.1 200 OK\r\nSet-Cookie: id=0123456789abcdef; Path=/\r\nX-Key: %b\r\n\r\n" % KEY
IDLE = Ending("idle", "after", 9)
LAST_CHUNK = b"0\r\n\r\n"


def passed(
    sent=None, received=OK + b"{}", ending=IDLE, *, number=0, was_held=False, path=b"/openai/v1/chat/completions"
):
    sent = HEAD + FIELDS + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY if sent is None else sent
    return AcceptedExchange(
        connection=3,
        number=number,
        began=datetime(2026, 1, 2, tzinfo=UTC),
        began_ns=0,
        method=sent.partition(b" ")[0],
        path=path,
        sent=sent,
        sent_arrivals=(Arrival(1, len(sent)),),
        sent_at_ns=2,
        received=received,
        arrivals=(Arrival(5, len(received)),) if received else (),
        ending=ending,
        peer="open",
        peer_at_ns=0,
        stall_ns=7,
        was_held=was_held,
    )


def test_an_exchange_keeps_its_bytes_and_times_but_for_secrets():
    x = passed()
    found = entry_of(x, "api.example")
    assert isinstance(found, Entry)
    assert (found.host, found.model, found.client, found.at) == ("api.example", "m-1", "OpenAI/Python 3.1", x.began)
    assert found.source == "connection 3, request 1"
    made = found.exchange
    assert (made.api, made.mode, made.case.kind, made.recorded) == ("chat", "stream", Kind.RECORDED, FACETS)
    assert (made.arrivals, made.sent_at_ns, made.harness_stall_ns, made.ending) == (x.arrivals, 2, 7, IDLE)
    secrets = (KEY, b"abcdef0123456789", b"0123456789abcdef")
    for masked, whole in ((made.sent, x.sent), (made.received, x.received)):
        assert len(masked) == len(whole)
        assert not any(secret in masked for secret in secrets)
    assert b"Authorization: Bearer " + b"*" * len(KEY) + b"\r\n" in made.sent
    assert made.sent.endswith(b"\r\n\r\n" + BODY)
    assert made.received.endswith(b"\r\n\r\n{}")


def test_a_key_that_the_server_repeats_is_noted():
    found = entry_of(passed(received=OK.replace(b"X-Key: " + KEY, b"X-Echo: " + KEY)), "a").exchange
    assert [found.received[span.start : span.end] for span in found.masked] == [b"*" * len(KEY)]


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        (
            b"Transfer-Encoding: chunked",
            b"5\r\n" + BODY[:5] + b"\r\n%x\r\n" % len(BODY[5:]) + BODY[5:] + b"\r\n0\r\n\r\n",
        ),
        (b"Content-Encoding: gzip", gzip.compress(BODY, mtime=0)),
    ],
)
def test_a_request_body_in_a_coding_is_read(coding, body):
    found = entry_of(passed(HEAD + coding + b"\r\n\r\n" + body), "a")
    assert (found.model, found.exchange.mode) == ("m-1", "stream")
    assert request_body(found.exchange)["messages"]
    assert found.exchange.sent.endswith(body)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"path": b"/v1/models"}, "other-path"),
        ({"sent": b"GET /v1/chat/completions HTTP/1.1\r\n\r\n", "path": b"/v1/chat/completions"}, "other-path"),
        (
            {"sent": b'POST /v1/threads/1/messages HTTP/1.1\r\n\r\n{"role": "user"}', "path": b"/v1/messages"},
            "other-path",
        ),
        ({"ending": Ending("unreachable", "connect", 0, "refused"), "sent": b"", "received": b""}, "no-response"),
        ({"sent": HEAD.replace(b"\r\n", b"\n") + b"\n" + BODY}, "damaged"),
    ],
)
def test_what_is_not_judged_has_a_reason(changes, why):
    found = entry_of(passed(**changes), "api.example")
    assert isinstance(found, Skipped)
    assert found.why == why


@pytest.mark.parametrize(
    ("ending", "number", "received", "how"),
    [
        (Ending("hung-up", "body", 5, "the client left"), 0, OK, "interrupted"),
        (Ending("interrupted", "body", 5, "the rest was not recorded"), 0, OK, "interrupted"),
        (Ending("closed", "first-byte", 5), 1, b"", "interrupted"),
        (Ending("closed", "first-byte", 5), 0, b"", "closed"),
        (Ending("reset", "body", 5), 1, OK, "reset"),
    ],
)
def test_the_server_is_not_blamed_for_what_the_client_ended(ending, number, received, how):
    found = entry_of(passed(ending=ending, number=number, received=received), "a").exchange
    assert (found.ending.how, found.ending.phase) == (how, ending.phase)


def test_a_client_that_did_not_read_hides_the_pace():
    assert entry_of(passed(was_held=True), "a").exchange.recorded == FACETS - {"timing"}


ROUTES = {"chat": "/chat/completions", "messages": "/messages", "responses": "/responses"}


def answered(api, mode):
    """A request in this mode as bytes, and the bytes of the reference's response to it."""
    body = {"model": "reference", "stream": mode == "stream", "max_tokens": 64}
    body |= {"messages": [{"role": "user", "content": "Hi"}]}
    if api == "responses":
        body = {"model": "reference", "stream": mode == "stream", "input": "Hi"}
    payload = json.dumps(body).encode()
    head = HEAD.replace(b"/chat/completions", ROUTES[api].encode())
    sent = head + FIELDS + b"Content-Length: %d\r\n\r\n" % len(payload) + payload
    return sent, b"".join(piece.data for piece in writes(response_of(ROUTES[api], payload)))


def judged(api, sent, received, ending):
    """The exchange as it is judged, and the status of each rule."""
    x = entry_of(passed(sent, received, ending, path=f"/v1{ROUTES[api]}".encode()), "a").exchange
    return x, {rule.id: outcome.status for rule, outcome in outcomes(x, catalogue.installed())}


@pytest.mark.parametrize("how", ["hung-up", "interrupted"])
@pytest.mark.parametrize(("api", "mode"), [*((api, "stream") for api in ROUTES), ("chat", "unary")])
def test_no_rule_fails_on_a_good_response_that_is_not_recorded_to_its_end(api, mode, how):
    sent, whole = answered(api, mode)
    for cut in {*range(0, len(whole), 97), *range(max(0, len(whole) - 30), len(whole))}:
        ending = Ending(how, "body" if cut else "first-byte", 5, "the client left")
        _, found = judged(api, sent, whole[:cut], ending)
        assert {rule for rule, status in found.items() if status in (Status.FAIL, Status.ERROR)} == set(), cut


@pytest.mark.parametrize("api", ROUTES)
def test_a_stream_whose_client_leaves_at_its_last_event_is_judged_but_for_its_end(api):
    """As the SDKs of OpenAI do at `[DONE]`, before the last chunk of the body."""
    sent, whole = answered(api, "stream")
    _, complete = judged(api, sent, whole, IDLE)
    x, left = judged(api, sent, whole.removesuffix(LAST_CHUNK), Ending("hung-up", "body", 5, "the client left"))
    assert whole.endswith(LAST_CHUNK)
    assert x.recorded == FACETS - {"framing", "end"}
    not_decided = {rule for rule, status in left.items() if status is not complete[rule]}
    assert {left[rule] for rule in not_decided} == {Status.UNTESTABLE}
    assert {family_of(rule) for rule in not_decided} == {"HTTP", "SSE", "DLV"}
    assert len(not_decided) < len(left) / 4


def response_of(route, payload):
    """What the reference responds to a request with this body."""
    request = Request(
        id="x",
        cases=(),
        method="POST",
        url=f"http://a/v1{route}",
        headers=(("authorization", "Bearer key-0123456789"), ("content-type", "application/json")),
        body=payload,
    )
    return reply_to(server_request(request, "http://a/v1", "key-0123456789"), DEPLOYMENTS["native-sse"])
