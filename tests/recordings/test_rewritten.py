"""What a recorder rewrote or left out is not the server's fault, and proves nothing."""

import json
import os

import pytest
from recording_files import ASKED, JSON, exchange, har, vcrpy
from test_cut import EVENTS, HELLO, STREAMED, chunk, failed, har_of, sse, vcr_of, verdicts

from conformance.model.exchange import Span
from conformance.model.rule import LACKING
from conformance.model.verdict import Status
from conformance.recordings.build import entry_of
from conformance.recordings.entry import RecordingError
from conformance.recordings.placeholders import placeholder
from conformance.recordings.read import files
from conformance.recordings.vcr import VCR
from conformance.rules.example import completion
from conformance.runs.recordings import judge_recordings

JOINED = "\n".join(json.dumps(each) for each in HELLO) + "\n"
INDENTED = "".join(f"  {line}\n" for line in sse(*HELLO).splitlines()) + "\n\n"

CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
BARE = json.dumps(completion())
CALLED = json.dumps(completion({"content": None, "tool_calls": [CALL]}, "tool_calls"))
REMOVED = [(CALLED, {"tools": [TOOL]}, "TOOL020")]
"""Responses, what their requests had, and the rule that misses it there."""


def replied(answer, body, length, told=JSON):
    """The entry of a cassette with this response, and with this length of the request's body."""
    asked = {} if length is None else {"Content-Length": str(length)}
    found = vcrpy([exchange(answer=answer.encode(), told=told, body=body, asked=asked)])["interactions"][0]
    return entry_of(found, VCR, "a.yaml#0")


@pytest.mark.parametrize("read", [har_of, vcr_of])
@pytest.mark.parametrize("answer", [JOINED, INDENTED])
def test_a_stream_that_a_recorder_parsed_or_indented_has_no_lost_lines(read, answer):
    entry = read(answer)
    assert failed(entry) == set()
    assert verdicts(entry)["SSE005"][0] is Status.UNTESTABLE


@pytest.mark.parametrize("read", [har_of, vcr_of])
def test_a_single_line_without_data_is_the_server_s(read):
    assert "SSE005" in failed(read(JOINED + sse(*HELLO)))


def test_a_content_coding_that_recordings_do_not_hold_is_not_taken_for_none():
    found = verdicts(har_of(sse(*HELLO), told=EVENTS | {"content-encoding": "none"}))
    assert [found[name] for name in ("HTTP014", "HTTP015")] == [(Status.UNTESTABLE, LACKING["framing"])] * 2


@pytest.mark.parametrize("value", ["REDACTED", "<redacted>", "[Filtered]", "*****", "scrubbed", "XXXXXXXX"])
def test_a_value_of_the_response_that_was_left_out_proves_nothing(value):
    entry = har_of(sse(*({**each, "object": value} for each in HELLO)))
    found = verdicts(entry)
    assert {status for status, _ in found.values()} == {Status.UNTESTABLE, Status.NOT_APPLICABLE}
    assert f"left out of the recording ({value})" in found["CHK001"][1]


def test_a_value_of_the_request_that_was_left_out_fails_nothing():
    asked = json.loads(STREAMED) | {"model": "REDACTED"}
    found = verdicts(har_of(sse(*HELLO), body=json.dumps(asked)))
    assert found["MDL007"][0] is Status.UNTESTABLE
    assert found["SSE007"][0] is Status.PASS


@pytest.mark.parametrize("text", ["removed", " hidden", "****", "xxx", 'x: "REDACTED",', "<b>", "masked"])
def test_words_that_a_model_writes_are_not_left_out(text):
    assert placeholder(har_of(sse(chunk({"content": text}), *HELLO)).exchange, "received") == ""


def test_what_the_harness_masked_itself_is_not_left_out():
    entry = har_of(sse(chunk({"content": "*" * 9}), *HELLO)).exchange
    at = entry.received.index(b"*********")
    object.__setattr__(entry, "masked", (Span(at, at + 9),))
    assert placeholder(entry, "received") == ""


def test_requests_to_other_urls_are_no_duplicates(tmp_path):
    urls = [f"https://api.example/{path}/chat/completions{query}" for path in ("a", "b") for query in ("", "?v=1")]
    (tmp_path / "a.har").write_text(har([exchange(url=url) for url in (*urls, urls[0])]))
    held = judge_recordings([tmp_path / "a.har"]).report.recordings
    assert (held.exchanges, held.duplicates) == (4, 1)


@pytest.mark.parametrize("make", ["fifo", "link"])
def test_what_may_have_no_end_is_refused(make, tmp_path):
    path = tmp_path / "a"
    os.mkfifo(path) if make == "fifo" else path.symlink_to("/dev/zero")
    with pytest.raises(RecordingError, match=f"{path}: it is not a regular file"):
        list(files([path]))


@pytest.mark.parametrize(("answer", "removed", "rule"), REMOVED)
def test_a_member_that_a_recorder_may_have_removed_from_the_request_is_not_missed(answer, removed, rule):
    body, as_it_was = json.dumps(ASKED), json.dumps(ASKED | removed)
    for length in (None, len(as_it_was)):
        assert verdicts(replied(answer, body, length))[rule] == (Status.UNTESTABLE, LACKING["request"])
    assert rule in failed(replied(answer, body, len(body)))
    assert rule not in failed(replied(answer, as_it_was, len(as_it_was)))


def test_a_stream_for_a_request_that_may_have_lost_its_stream_has_no_mode():
    body = json.dumps(ASKED)
    lost = replied(sse(*HELLO), body, None, EVENTS)
    assert (lost.why, "its mode is unknown" in lost.detail) == ("damaged", True)
    assert replied(sse(*HELLO), body, len(body), EVENTS).exchange.mode == "unary"


@pytest.mark.parametrize(("size", "fails"), [(-1, False), (0, False), (len(BARE), False), (len(BARE) + 3, True)])
def test_a_byte_order_mark_is_the_server_s_only_if_the_archive_counts_its_bytes(size, fails):
    entry = har_of("\ufeff" + BARE, told=JSON, body=json.dumps(ASKED), content={"size": size})
    assert bool(failed(entry)) is fails
