"""What a recording holds is stated, and what it lacks is not invented."""

import gzip
import json
import zlib

import pytest
from recording_files import ASKED, COMPLETION, DATE, JSON, STREAM, exchange, har, vcrpy

from conformance.parsing.http1 import reply
from conformance.recordings.build import entry_of
from conformance.recordings.entry import Skipped
from conformance.recordings.har import HAR
from conformance.recordings.vcr import VCR

STREAMED = json.dumps(ASKED | {"stream": True})
TEXT = json.dumps(ASKED, ensure_ascii=False)


def from_har(**changes):
    content = changes.pop("content", {})
    entry = json.loads(har([exchange(**changes)]))["log"]["entries"][0]
    entry["response"]["content"] |= content
    return entry_of(entry, HAR, "a.har#0")


def from_vcr(**changes):
    return entry_of(vcrpy([exchange(**changes)])["interactions"][0], VCR, "a.yaml#0")


@pytest.mark.parametrize("read", [from_har, from_vcr])
def test_no_recording_holds_framing_or_arrival_times(read):
    x = read(told=JSON | {"Content-Length": "999999", "transfer-encoding": "chunked", "connection": "close"}).exchange
    assert x.recorded == {"headers", "bytes", "end"}
    assert (x.arrivals, reply(x).framing, reply(x).complete, reply(x).faults) == ((), "length", True, ())
    assert [header.name for header in reply(x).headers] == ["content-type", "date", "content-length"]


@pytest.mark.parametrize("read", [from_har, from_vcr])
@pytest.mark.parametrize(
    ("told", "answer", "shown"),
    [
        ({"date": DATE}, COMPLETION, "application/json"),
        ({"date": DATE}, STREAM, "text/event-stream"),
        ({"date": DATE}, b": ping\n\ndata: {}\n\n", "text/event-stream"),
        ({"date": DATE}, b"<html>", "text/html"),
        ({"date": DATE, "content-type": "**REDACTED**"}, COMPLETION, "application/json"),
        ({"date": DATE}, b"upstream failed", ""),
    ],
)
def test_a_content_type_that_was_filtered_is_no_missing_header(read, told, answer, shown):
    x = read(told=told, answer=answer, body=STREAMED).exchange
    assert x.recorded == {"bytes", "end"}
    assert reply(x).media_type == shown


def test_header_fields_that_were_left_out_are_known_as_such():
    assert from_vcr(told={"content-type": "application/json"}).exchange.recorded == {"bytes", "end"}
    assert from_har(told={"content-type": "application/json"}).exchange.recorded == {"headers", "bytes", "end"}
    redacted = from_vcr(told=JSON | {"retry-after": "REDACTED", "set-cookie": "FILTERED"}).exchange
    assert redacted.recorded == {"bytes", "end"}
    assert reply(redacted).values("retry-after") == ()
    kept = from_vcr(told=JSON | {"access-control-allow-origin": "*", "x-empty": "", "set-cookie": "FILTERED"}).exchange
    assert kept.recorded == {"headers", "bytes", "end"}


@pytest.mark.parametrize("read", [from_har, from_vcr])
@pytest.mark.parametrize(
    ("body", "length", "is_whole"),
    [
        (TEXT, None, False),
        (TEXT, "x", False),
        (TEXT, len(TEXT.encode()), True),
        (TEXT, len(TEXT.encode()) + 20, False),
        (json.dumps(ASKED, indent=2), len(TEXT.encode()), True),
        (json.dumps(ASKED, indent=2), len(json.dumps(ASKED)), True),
        (json.dumps(ASKED, indent=2), len(json.dumps(ASKED, separators=(",", ":"))), True),
        (json.dumps(ASKED, indent=2), len(json.dumps(ASKED)) + 1, False),
    ],
)
def test_a_request_is_whole_if_it_has_as_many_bytes_as_were_sent(read, body, length, is_whole):
    x = read(body=body, asked={} if length is None else {"Content-Length": str(length)}).exchange
    assert ("request" in x.recorded) is is_whole


def test_bytes_that_a_recorder_replaced_are_not_exact():
    assert from_har(answer="a\ufffd".encode()).exchange.recorded == {"headers", "end"}
    assert from_har(content={"size": len(COMPLETION) + 3}).exchange.recorded == {"headers", "end"}  # without its BOM
    lone = from_har(content={"text": "\ud83d", "size": 3}).exchange
    assert lone.recorded == {"headers", "end"}
    escaped = from_har(content={"text": "\udcff{}", "size": 3}).exchange
    assert (escaped.recorded, reply(escaped).content) == ({"headers", "bytes", "end"}, b"\xff{}")
    latin = from_har(told=JSON | {"content-type": "application/json; charset=iso-8859-1"}, answer="é".encode()).exchange
    assert latin.recorded == {"headers", "end"}


@pytest.mark.parametrize(
    ("coding", "packed"),
    [
        ("gzip", gzip.compress(STREAM, mtime=0)),
        ("x-gzip", gzip.compress(STREAM[:9], mtime=0) + gzip.compress(STREAM[9:], mtime=0)),
        ("deflate", zlib.compress(STREAM)),
        ("deflate", zlib.compress(STREAM)[2:-4]),
        ("gzip", STREAM),
        ("br", STREAM),
        ("identity", STREAM),
    ],
)
def test_compressed_bodies_are_decoded_unless_the_recorder_did(coding, packed):
    x = from_vcr(told=JSON | {"content-encoding": coding}, answer=packed, body=STREAMED).exchange
    assert (reply(x).content, reply(x).coding) == (STREAM, "")
    assert x.recorded == {"headers", "bytes", "end"}


@pytest.mark.parametrize(
    ("coding", "packed", "detail"),
    [
        ("gzip", gzip.compress(STREAM, mtime=0)[:-12], "truncated"),
        ("gzip", b"\x1f\x8bnonsense\xff", "not validly compressed"),
        ("zstd", b"\x28\xb5\x2f\xfd\x00", "zstd, for which there is no decoder"),
        ("gzip", gzip.compress(bytes(65 * 1024 * 1024), mtime=0), "more than 67108864 bytes"),
    ],
)
def test_a_body_that_can_not_be_decoded_is_damaged(coding, packed, detail):
    found = from_vcr(told=JSON | {"content-encoding": coding}, answer=packed)
    assert (found.why, detail in found.detail) == ("damaged", True)


@pytest.mark.parametrize("read", [from_har, from_vcr])
def test_a_missing_body_is_no_empty_one(read):
    assert read(answer=b"").why == "no-response"
    assert reply(read(answer=b"", told=JSON | {"content-length": "0"}).exchange).complete
    assert reply(read(answer=b"", status=204).exchange).status == 204
    assert read(status=0).why == "no-response"
    assert read(status=100).why == "no-response"


def test_an_exchange_that_failed_or_was_cut_by_the_recorder_is_not_judged():
    entry = json.loads(har([exchange()]))["log"]["entries"][0]
    failed = entry | {"response": entry["response"] | {"_error": "net::ERR_ABORTED"}}
    assert entry_of(failed, HAR, "a").detail == "the exchange is incomplete: net::ERR_ABORTED"
    assert entry_of(entry | {"comment": "chat-hello: timeout"}, HAR, "a").why == "no-response"
    assert entry_of(entry | {"comment": "chat-hello: idle"}, HAR, "a").exchange
    cut = from_har(content={"size": 5_000_000})
    assert (cut.why, "it was cut" in cut.detail) == ("damaged", True)


def test_a_request_without_its_body_has_no_mode():
    found = from_vcr(body="")
    assert (found.why, "mode is unknown" in found.detail) == ("damaged", True)


def test_line_breaks_and_odd_names_can_not_forge_a_header():
    told = JSON | {"x-folded": "a\r\n  b", "x bad": "1", "x-evil\r\nset-cookie": "1", "X-Ü": "1", "x-control": "a\x00b"}
    x = from_vcr(told=told, url="https://api.example/v1/chat/completions?a=b c\u2028d").exchange
    assert [header.name for header in reply(x).headers] == [*JSON, "x-folded", "x-control", "content-length"]
    assert reply(x).value("x-folded") == "a b"
    assert x.sent.startswith(b"POST /v1/chat/completions?a=b%20c%E2%80%A8d HTTP/1.1\r\nhost: api.example\r\n")


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://user:pw@API.example:443/v1/messages", "api.example"),
        ("http://[::1]:8080/v1/messages", "[::1]:8080"),
        ("http://api.example:443/v1/messages/", "api.example:443"),
    ],
)
def test_the_host_has_its_port_unless_it_is_the_scheme_s(url, host):
    entry = from_har(url=url)
    assert entry.host == host
    assert b"pw" not in entry.exchange.sent


@pytest.mark.parametrize(
    "url", ["/v1/messages", "https://[::1/v1/messages", "https://a:x/v1/messages", "https:///messages"]
)
def test_a_url_without_a_host_is_damaged(url):
    assert isinstance(found := from_har(url=url), Skipped)
    assert found.why == "damaged"
