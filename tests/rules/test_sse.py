import pytest

from conformance import catalogue
from conformance.deciding import decide
from conformance.model.exchange import Ending
from conformance.model.target import Policy
from conformance.model.verdict import Status
from conformance.rules.example import HELLO, JSON, SSE, chunk, exchange, http, sse, streamed

RULES = [rule for rule in catalogue.rules() if rule.family in ("HTTP", "SSE") and "unary" not in rule.parameters]
GOOD = sse(*HELLO)
ONE = sse(HELLO[1])
TYPES = ("message_start", "content_block_delta", "message_stop")
MESSAGES = b"".join(f'event: {name}\ndata: {{"type": "{name}"}}\n\n'.encode() for name in TYPES)
ERROR = 'data: {"error": {"message": "Overloaded.", "type": "server_error"}}\n\n'


def failing(x):
    given = {"x": x, "baseline": None, "baseline_stream": None, "short_streams": (), "policy": Policy()}
    found = {r.id: decide(r, given, (x,))[0] for r in RULES if x.mode in r.modes and x.api in r.apis}
    assert Status.ERROR not in found.values()
    return {name for name, status in found.items() if status is Status.FAIL}


def raw(body, *headers, probe="chat.hello", **facts):
    raw = body if isinstance(body, bytes) else body.encode()
    return exchange(http(200, headers or (SSE,), raw), probe=probe, **facts)


@pytest.mark.parametrize(
    ("body", "rules"),
    [
        (GOOD, set()),
        (GOOD.replace(b"\n", b"\r"), set()),
        (GOOD.replace(b"\n", b"\r\n"), set()),
        (b"\xef\xbb\xbf" + GOOD, set()),
        (b":\n\n" + GOOD + b": bye", set()),
        (GOOD.replace(b"data: ", b"data:"), set()),
        (GOOD.replace(b"data: ", b"event: message\ndata: "), set()),
        (GOOD.replace(b"data: {", b"data: {\ndata: "), set()),
        (GOOD.replace(b"\n\n", b"\n\n\n"), set()),
        (b"", {"SSE002"}),
        (b": ping\n\n", {"SSE002"}),
        (b"data: [DONE]\n\n", {"SSE002"}),
        (b"event: x\n\nid: 1\n\n", {"SSE002"}),
        (GOOD.replace(b"\n\n", b"\n"), {"SSE003"}),
        (GOOD.replace(b"\n\ndata: [DONE]", b"\ndata: [DONE]"), {"SSE003"}),
        (GOOD.replace(b"data: {", b"data: data: {"), {"SSE004"}),
        (GOOD.replace(b"data: ", b"data: data: "), {"SSE004"}),
        (b"data:\n\n" + GOOD, {"SSE004"}),
        (GOOD.replace(b"}\n\ndata: [DONE]", b"}[DONE]"), {"SSE004"}),
        (GOOD.replace(b"data: ", b""), {"SSE005"}),
        (GOOD.replace(b"data: ", b"Data: "), {"SSE005"}),
        (GOOD.replace(b"data: {", b"data: {\n"), {"SSE005"}),
        (b"seq: 1\n" + GOOD, {"SSE006"}),
        (ONE, {"SSE007"}),
        (ONE + b'data: {"content": "[DONE]"}\n\n', {"SSE007"}),
        (ONE + ERROR.encode(), set()),
        (GOOD + b"data: [DONE]\n\n", {"SSE008"}),
        (GOOD + ONE, {"SSE009"}),
        (GOOD + b"\n\n: x\n\n", set()),
        (ONE + b"data: [done]\n\n", {"SSE010"}),
        (ONE + b'data: "[DONE]"\n\n', {"SSE010"}),
        (ONE + b"data:  [DONE]\n\n", {"SSE010"}),
        (GOOD[:-1], {"SSE011"}),
        (GOOD[:-20], {"SSE011"}),
        (GOOD.replace(b"Hello", b"H\xe9"), {"SSE012"}),
        (GOOD.replace(b"Hello", rb"\ud83d\ude42"), set()),
        (GOOD.replace(b"Hello", rb"\\ud83d"), set()),
        (GOOD.replace(b"Hello", rb"\ud83d"), {"SSE017"}),
        (GOOD.replace(b"Hello", rb"\uDE42\ud83d"), {"SSE017"}),
        (b"retry: 1.5\n" + GOOD, {"SSE013"}),
        (b"retry: 3000\n\n" + GOOD, {"SSE018"}),
        (b"retry: soon\n\n" + GOOD, {"SSE013"}),
        (b"event:\n\n" + GOOD, set()),
        (b"id: 7\n" + GOOD, set()),
        (b"id: 7\n" + GOOD.replace(b"\n\n", b"\n\n\n"), {"SSE018"}),
        (b"id: 7\n" + ONE + b": ping\n\ndata: [DONE]\n\n", {"SSE018"}),
        (b"id: 7\n" + ONE + b"id:\n: ping\n\ndata: [DONE]\n\n", set()),
        (b"id: 7\n" + GOOD + b": bye\n\n", set()),
        (b"event: chunk\n" + GOOD, {"SSE014"}),
    ],
)
def test_one_fault_is_one_failure(body, rules):
    assert failing(raw(body)) == rules


@pytest.mark.parametrize(
    ("body", "rules"),
    [
        (MESSAGES, set()),
        (b"event: ping\ndata: \n\n" + MESSAGES, set()),
        (MESSAGES.replace(b"event: message_start\n", b""), {"SSE015"}),
        (MESSAGES.replace(b"event: message_start\n", b"event: message\n"), {"SSE015"}),
        (MESSAGES[: MESSAGES.rindex(b"event")], {"SSE007"}),
        (MESSAGES + b"data: [DONE]\n\n", {"SSE008"}),
        (MESSAGES[: MESSAGES.rindex(b"event")] + b"data: [DONE]\n\n", {"SSE007"}),
        (GOOD, set()),
        (MESSAGES + MESSAGES[: MESSAGES.index(b"\n\n") + 2], {"SSE009"}),
        (MESSAGES[:-1], {"SSE011"}),
        (MESSAGES.replace(b"}\n\n", b"\n\n"), {"SSE004"}),
        (b'event: error\ndata: {"type": "error", "error": {}}\n\n', set()),
    ],
)
def test_one_fault_of_a_messages_stream_is_one_failure(body, rules):
    assert failing(raw(body, probe="messages.hello")) == rules


def test_a_responses_stream_may_have_the_end_marker_of_chat():
    ended = sse({"type": "response.output_text.delta", "delta": "Hi"}, {"type": "response.completed"})
    assert failing(raw(ended, probe="responses.hello")) == set()
    assert failing(raw(ended + b"data: [DONE]\n\n", probe="responses.hello")) == set()
    assert failing(raw(ended[:60], probe="responses.hello")) == {"SSE011"}


@pytest.mark.parametrize(
    ("headers", "rules"),
    [
        ((("content-type", "TEXT/event-stream ; charset=utf8"),), set()),
        ((("content-type", "text/event-stream; charset=latin1"),), {"SSE016"}),
        ((("content-type", "text/plain"),), {"SSE001"}),
        ((JSON,), {"SSE001"}),
        ((("x-none", ""),), {"SSE001"}),
    ],
)
def test_labels(headers, rules):
    assert failing(raw(GOOD, *headers)) == rules


def test_a_stream_that_was_cut_off_is_not_blamed_for_what_never_came():
    head = http(200, (SSE, ("transfer-encoding", "chunked")), b"", length=False)
    cut = head + b"%x\r\n%s\r\n" % (len(ONE) + 9, ONE + b'data: {"a')
    assert failing(exchange(cut, ending=Ending("closed", "body", 9))) == {"HTTP004"}
    assert failing(exchange(cut, ending=Ending("interrupted", "body", 9))) == set()


def test_json_in_place_of_a_stream_is_for_another_family():
    assert failing(raw('{"choices": []}', JSON)) == set()
    assert failing(raw('{"choices": []}', SSE)) == set()


def test_the_marker_in_a_text_is_no_marker():
    assert failing(streamed(chunk({"content": "data: [DONE]"}), *HELLO)) == set()


def test_findings_point_at_the_bytes():
    rule = next(rule for rule in RULES if rule.id == "SSE004")
    x = raw(ONE + b"data: {x\n\n" + GOOD)
    (finding,) = rule.check(x)
    assert x.received[finding.at.start : finding.at.end] == b"data: {x\n\n"
