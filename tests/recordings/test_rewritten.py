"""What a recorder rewrote or left out is not the server's fault, and proves nothing."""

import json
import os

import pytest
from recording_files import exchange, har
from test_cut import EVENTS, HELLO, STREAMED, chunk, failed, har_of, sse, vcr_of, verdicts

from conformance.model.exchange import Span
from conformance.model.rule import LACKING
from conformance.model.verdict import Status
from conformance.recordings.entry import RecordingError
from conformance.recordings.left_out import left_out_value
from conformance.recordings.read import files
from conformance.runs.recordings import judge_recordings

JOINED = "\n".join(json.dumps(each) for each in HELLO) + "\n"
INDENTED = "".join(f"  {line}\n" for line in sse(*HELLO).splitlines()) + "\n\n"


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
    assert left_out_value(har_of(sse(chunk({"content": text}), *HELLO)).exchange, "received") == ""


def test_what_the_harness_masked_itself_is_not_left_out():
    entry = har_of(sse(chunk({"content": "*" * 9}), *HELLO)).exchange
    at = entry.received.index(b"*********")
    object.__setattr__(entry, "masked", (Span(at, at + 9),))
    assert left_out_value(entry, "received") == ""


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
