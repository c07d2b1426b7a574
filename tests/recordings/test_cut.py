"""A response without its end: nobody knows whether the server ended it, so that no rule fails for what is missing."""

import json
import re
from dataclasses import replace

import pytest
from recording_files import ASKED, DATE, JSON, exchange, har, vcrpy

from conformance import catalogue
from conformance.deciding import decide
from conformance.model.case import Kind
from conformance.model.target import Target
from conformance.model.verdict import Status
from conformance.parsing.http1 import reply
from conformance.plan import plan
from conformance.recordings.build import entry_of
from conformance.recordings.har import HAR
from conformance.recordings.vcr import VCR
from conformance.report.formats.har import OWN_ENDING
from conformance.testbed.server.simulate import BASE_URL, simulate_exchange
from conformance.traffic import outcomes

ALONE = [rule for rule in catalogue.rules() if rule.parameters == ("x",)]
EVENTS = {"content-type": "text/event-stream", "date": DATE}
STREAMED = json.dumps(ASKED | {"stream": True})


def chunk(delta, finish=None):
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}


def sse(*chunks, end="data: [DONE]\n\n"):
    return "".join(f"data: {json.dumps(each)}\n\n" for each in chunks) + end


HELLO = (chunk({"role": "assistant", "content": "Hi"}), chunk({}, "stop"))


def har_of(answer, told=EVENTS, body=STREAMED, content=(), entry=(), response=()):
    """The entry of a HAR archive with further members."""
    found = json.loads(har([exchange(answer=answer.encode(), told=told, body=body)]))["log"]["entries"][0]
    found["response"]["content"] |= dict(content)
    found["response"] |= dict(response)
    return entry_of(found | dict(entry), HAR, "a.har#0")


def vcr_of(answer, told=EVENTS, body=STREAMED):
    found = vcrpy([exchange(answer=answer.encode(), told=told, body=body)])["interactions"][0]
    return entry_of(found, VCR, "a.yaml#0")


def verdicts(entry):
    """The status and message of each rule."""
    return {rule.id: outcome[:2] for rule, outcome in outcomes(entry.exchange, catalogue.installed())}


def failed(entry):
    return {name for name, (status, _) in verdicts(entry).items() if status is Status.FAIL}


def good():
    """The baseline exchanges of two SDKs with a good deployment, as a recording of another tool holds them."""
    target = Target(base_url=BASE_URL, model="reference")
    for request in plan(target, ("claude-sdk", "openai-python"), "smoke"):
        if request.cases[0].kind in (Kind.BASELINE, Kind.TOOLS):
            x = simulate_exchange(request, "native-sse", ())
            head = f"HTTP/1.1 {reply(x).status} OK\r\ncontent-type: {reply(x).media_type}\r\n"
            yield replace(x, arrivals=(), recorded=frozenset(("bytes",)), cache={}), head, reply(x).content


def cuts(body):
    """The beginnings of a body: into each event, or to each bracket or comma."""
    if b"\n\n" in body:
        return [found.end() + 9 for found in re.finditer(rb"\n\n", body[:-9])]
    return sorted({found.end() + more for found in re.finditer(rb"[{}\[\],:]", body[:-1]) for more in (0, -1)} - {0})


def test_no_rule_fails_on_a_good_response_that_is_cut_within_a_line():
    invented = set()
    for x, head, body in good():
        for at in cuts(body):
            cut = replace(x, received=f"{head}content-length: {at}\r\n\r\n".encode() + body[:at], cache={})
            for rule in ALONE:
                if x.api in rule.apis and x.mode in rule.modes:
                    outcome = decide(rule, {"x": cut}, (cut,))
                    if outcome.status in (Status.FAIL, Status.ERROR):
                        invented.add((x.id, rule.id, outcome.message[:80], body[:at][-20:]))
    assert invented == set()


@pytest.mark.parametrize("read", [har_of, vcr_of])
def test_a_missing_end_marker_fails_for_recorders_read_a_response_to_its_end(read):
    assert failed(read(sse(*HELLO, end=""))) == {"SSE007"}
    assert failed(read(sse(HELLO[0], end=""))) >= {"SSE007", "CHK017"}


BROWSERS = (
    {"pageref": "page_1"},
    {"_resourceType": "fetch"},
    {"_fetchType": "Network Load"},
    {"_securityState": "secure"},
)


@pytest.mark.parametrize("sign", BROWSERS)
@pytest.mark.parametrize("answer", [sse(*HELLO, end=""), sse(HELLO[0], end=""), ": ping\n\n"])
def test_a_stream_without_its_end_marker_in_a_browser_s_archive_may_have_been_aborted(sign, answer):
    entry = har_of(answer, entry=sign)
    assert failed(entry) == set()
    assert verdicts(entry)["SSE007"][0] is Status.UNTESTABLE


@pytest.mark.parametrize("sign", BROWSERS)
def test_a_browser_s_archive_shows_what_is_wrong_before_the_end_marker(sign):
    assert "CHK017" in failed(har_of(sse(HELLO[0]), entry=sign))
    answer = sse(*HELLO, end="")
    assert failed(har_of(answer, told=EVENTS | {"content-length": str(len(answer))}, entry=sign)) == {"SSE007"}


def test_no_rule_fails_on_a_good_stream_that_is_cut_between_events_if_nobody_knows_who_ended_it():
    invented = set()
    for x, head, body in good():
        for at in [found.end() for found in re.finditer(rb"\n\n", body[:-1])]:
            cut = replace(x, received=f"{head}content-length: {at}\r\n\r\n".encode() + body[:at], cache={})
            for rule, outcome in outcomes(cut, catalogue.installed()):
                if outcome.status in (Status.FAIL, Status.ERROR):
                    invented.add((x.id, rule.id, outcome.message[:80], body[:at][-20:]))
    assert invented == set()


@pytest.mark.parametrize("read", [har_of, vcr_of])
def test_a_stream_that_ends_within_a_line_is_untestable(read):
    entry = read(sse(*HELLO, end="")[:-20])
    assert failed(entry) == set()
    assert verdicts(entry)["SSE007"][0] is Status.UNTESTABLE


@pytest.mark.parametrize("read", [har_of, vcr_of])
def test_what_is_missing_before_the_end_marker_fails(read):
    assert "CHK017" in failed(read(sse(HELLO[0])))


def test_another_end_marker_shows_that_the_server_ended_the_stream():
    start = {"type": "message_start", "message": {"id": "m", "type": "message", "role": "assistant", "content": []}}
    answer = f"event: message_start\ndata: {json.dumps(start)}\n\ndata: [DONE]\n\n"
    changes = {"url": "https://api.example/v1/messages", "body": STREAMED, "told": EVENTS}
    entry = entry_of(vcrpy([exchange(answer=answer.encode(), **changes)])["interactions"][0], VCR, "a")
    assert "SSE007" in failed(entry)


@pytest.mark.parametrize("read", [har_of, vcr_of])
def test_trailing_line_ends_that_a_recorder_removed_fail_nothing(read):
    for lost in ("\n", "\n\n"):
        entry = read(sse(*HELLO).removesuffix(lost))
        assert failed(entry) == set()
        assert verdicts(entry)["SSE011"][0] is Status.UNTESTABLE


@pytest.mark.parametrize(("more", "is_read"), [(0, True), (1, False), (2, False), (3, True), (4, False)])
def test_only_the_three_bytes_of_a_byte_order_mark_may_be_missing(more, is_read):
    answer = sse(*HELLO)
    found = har_of(answer, content={"size": len(answer) + more})
    assert hasattr(found, "exchange") is is_read
    assert is_read or "it was cut" in found.detail


@pytest.mark.parametrize(
    "signs",
    [
        {"response": {"_failureText": "net::ERR_ABORTED"}},
        {"response": {"_error": "net::ERR_ABORTED"}},
        {"entry": {"_error": "stream reset"}},
        {"entry": {"comment": "000001-chat-stream: closed at body"}},
    ],
)
def test_what_a_recorder_says_of_an_aborted_exchange_is_heeded(signs):
    assert har_of(sse(HELLO[0], end=""), **signs).why == "no-response"


def test_the_archives_of_this_project_say_in_which_phase_an_exchange_ended():
    assert OWN_ENDING.format(id="1", how="closed", phase="after") == "1: closed at after"
    assert har_of(sse(*HELLO), entry={"comment": "1: closed at after"}).exchange
    older = har_of(sse(*HELLO)[:-40], entry={"comment": "1: closed"})
    assert failed(older) == set()


@pytest.mark.parametrize(
    "changes",
    [
        {"told": EVENTS | {"Content-Length": "900"}},
        {"content": {"size": -1}, "response": {"bodySize": 900}},
    ],
)
def test_a_text_that_is_shorter_than_the_recorded_length_was_cut(changes):
    found = har_of(sse(HELLO[0], end=""), **changes)
    assert (found.why, "the body had 900 bytes" in found.detail) == ("damaged", True)


@pytest.mark.parametrize("name", ["content-encoding", "transfer-encoding"])
def test_the_length_of_a_body_that_was_transferred_otherwise_says_nothing(name):
    assert "bytes" in har_of(sse(*HELLO), told=EVENTS | {"content-length": "900", name: "x"}).exchange.recorded


def test_complete_json_with_fewer_bytes_than_it_had_was_written_anew():
    entry = har_of('{"choices": []}', told=JSON | {"content-length": "30"}, body=json.dumps(ASKED))
    assert entry.exchange.recorded == {"headers", "end"}


@pytest.mark.parametrize("body", [STREAMED[:40], '"REDACTED"', "model=m"])
def test_a_success_whose_request_is_no_json_object_has_no_mode(body):
    found = har_of(sse(*HELLO), body=body)
    assert (found.why, "mode is unknown" in found.detail) == ("damaged", True)


def test_an_error_for_a_request_that_is_no_json_is_judged():
    entry = exchange(status=400, body=STREAMED[:40], answer=b'{"error": {"message": "no JSON", "type": "x"}}')
    assert entry_of(vcrpy([entry])["interactions"][0], VCR, "a").exchange.mode == "unary"


def test_a_response_larger_than_what_is_judged_is_named():
    answer = sse(*HELLO, end=": " + "x" * 9_000_000 + "\n\ndata: [DONE]\n\n")
    found = har_of(answer)
    assert (found.why, "more than 8388608 bytes, which is more than is judged" in found.detail) == ("damaged", True)
