"""The reader of recorded exchanges, with recordings written by hand."""

import gzip
import json

import pytest
from corpus import DamagedError, entries, read_entry

from conformance.apis.response_content import response_content
from conformance.model.case import Kind
from conformance.parsing.http1 import reply

ENTRY = {
    "host": "api.example",
    "api": "chat",
    "mode": "unary",
    "path": "/v1/chat/completions",
    "request_headers": {"Content-Type": ["application/json"], "Content-Length": ["9999"]},
    "request_body": '{"model": "m"}',
    "status": 200,
    "response_headers": {"content-type": ["application/json"], "transfer-encoding": ["chunked"]},
    "response_body": '{"choices": [{"index": 0, "message": {"role": "assistant", "content": "Zürich"}}]}',
}


def read(**changes):
    return read_entry(json.dumps(ENTRY | changes))


def test_an_entry_becomes_an_exchange():
    host, x = read()
    assert host == "api.example"
    assert (x.api, x.mode, x.case.kind) == ("chat", "unary", Kind.BASELINE)
    assert x.sent.endswith(b'\r\ncontent-length: 14\r\n\r\n{"model": "m"}')
    assert reply(x).complete
    assert response_content(x).choices[0].text == "Zürich"
    assert x.recorded == {"headers"}


def test_a_content_type_that_the_cassette_left_out_is_completed():
    assert reply(read(response_headers={})[1]).media_type == "application/json"
    stream = read(mode="stream", response_headers={}, response_body="data: {}\n\n")[1]
    assert reply(stream).media_type == "text/event-stream"


def test_a_request_with_an_error_may_have_been_invalid():
    assert read(status=400)[1].case.kind is Kind.FUZZ
    failing = 'data: {"error": {"message": "No."}}\n\n'
    assert read(mode="stream", response_headers={}, response_body=failing)[1].case.kind is Kind.FUZZ


def test_bytes_that_are_not_utf_8_survive():
    body = b'{"a": "\xff"}'.decode("utf-8", "surrogateescape")
    assert reply(read(response_body=body)[1]).content == b'{"a": "\xff"}'


@pytest.mark.parametrize(
    "line", ["", "[]", "{}", json.dumps(ENTRY | {"status": None}), json.dumps(ENTRY | {"response_body": ""})]
)
def test_a_damaged_entry_is_told(line):
    with pytest.raises(DamagedError):
        read_entry(line)


def test_a_corpus_is_read_line_by_line(tmp_path):
    (tmp_path / "corpus.gz").write_bytes(gzip.compress(b'{"a": 1}\n{"b": 2}\n'))
    assert [json.loads(line) for line in entries(tmp_path / "corpus.gz")] == [{"a": 1}, {"b": 2}]
