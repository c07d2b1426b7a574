"""The reader of the corpus, with recordings written by hand."""

import gzip
import json

import pytest
from corpus import lines, read_line

from conformance.apis.response_content import response_content
from conformance.model.case import Kind
from conformance.parsing.http1 import reply
from conformance.recordings.entry import Skipped

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
    return read_line(json.dumps(ENTRY | changes))


def test_a_line_becomes_an_exchange():
    entry = read()
    x = entry.exchange
    assert entry.host == "api.example"
    assert (x.api, x.mode, x.case.kind) == ("chat", "unary", Kind.RECORDED)
    assert x.sent.endswith(b'\r\ncontent-length: 14\r\n\r\n{"model": "m"}')
    assert reply(x).complete
    assert response_content(x).choices[0].text == "Zürich"
    assert x.recorded == {"bytes", "end"}


def test_a_body_that_was_parsed_and_written_again_does_not_have_its_bytes():
    assert read(response_reserialised=True).exchange.recorded == {"end"}


def test_bytes_that_are_not_utf_8_survive():
    body = b'{"a": "\xff"}'.decode("utf-8", "surrogateescape")
    assert reply(read(response_body=body).exchange).content == b'{"a": "\xff"}'


@pytest.mark.parametrize(
    "line", ["", "[]", "{}", json.dumps(ENTRY | {"status": None}), json.dumps(ENTRY | {"response_body": ""})]
)
def test_a_damaged_line_is_reported(line):
    assert isinstance(read_line(line), Skipped)


def test_a_corpus_is_read_line_by_line(tmp_path):
    (tmp_path / "corpus.gz").write_bytes(gzip.compress(b'{"a": 1}\n{"b": 2}\n'))
    assert [json.loads(line) for line in lines(tmp_path / "corpus.gz")] == [{"a": 1}, {"b": 2}]
