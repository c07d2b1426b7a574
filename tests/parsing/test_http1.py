import gzip
import zlib
from dataclasses import replace

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.model.exchange import Ending, Span
from conformance.parsing.content import BEGINNING, MAX_CONTENT, MAX_LINES, MAX_VALUES
from conformance.parsing.http1 import finished_at_ns, reply, request_header
from conformance.rules.example import exchange, http

OK = b"HTTP/1.1 200 OK\r\n"
CUT = Ending("closed", "body", 9)


def chunked(*parts, last=b"0\r\n\r\n"):
    body = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + last
    return OK + b"transfer-encoding: chunked\r\n\r\n" + body


def faults(raw, **facts):
    return [(fault.part, fault.what) for fault in reply(exchange(raw, **facts)).faults]


def test_nothing_received_is_no_reply_and_no_fault():
    empty = reply(exchange(b""))
    assert (empty.status, empty.faults, empty.complete, empty.at_ns(0)) == (0, (), False, 0)


def test_head():
    read = reply(
        exchange(OK + b'Content-Type:Text/Event-Stream ; charset="UTF-8"\r\nX-A: 1\r\nx-a:  2 \r\nx-b:\r\n\r\n')
    )
    assert (read.status, read.reason, read.version) == (200, "OK", "HTTP/1.1")
    assert (read.media_type, read.charset) == ("text/event-stream", "utf-8")
    assert (read.values("x-a"), read.value("x-b"), read.value("x-c")) == (("1", "2"), "", "")
    assert read.span("content-type") == Span(17, 66)
    assert read.span("missing") == read.head


def test_interim_replies_are_passed_over():
    interim = b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n"
    read = reply(exchange(b"HTTP/1.1 100 Continue\r\n\r\n" + interim + http(404, (), b"no")))
    assert (read.status, read.content, read.faults) == (404, b"no", ())
    only = reply(exchange(interim))
    assert (only.status, only.faults) == (0, ())
    assert faults(interim[:-2]) == [("head", "the head of an interim response has no end")]


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"{}", "does not begin with an HTTP/1.1 status line"),
        (b"HTTP/1.1 000 x\r\n\r\n", "does not begin with an HTTP/1.1 status line"),
        (b"HTTP/2.0 200 OK\r\n\r\n", "HTTP/2.0 on an HTTP/1.1 connection"),
        (OK + b"a: b\r\n", "head has no end"),
        (OK + b"a: b\n\r\n", "bare LF"),
        (OK + b"a b\r\n\r\n", "malformed: 'a b'"),
        (OK + b"a : b\r\n\r\n", "malformed: 'a '"),
        (OK + b"a: b\r\n c\r\n\r\n", "folded (obs-fold): ' c'"),
        (OK + b"a: b\0\r\n\r\n", "control character"),
    ],
)
def test_faults_of_the_head(raw, what):
    assert [what in text for part, text in faults(raw) if part == "head"] == [True]


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (OK + b"content-length: x\r\n\r\nab", "not one number"),
        (OK + b"content-length: -1\r\n\r\nab", "not one number"),
        (OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\nab", "not one number"),
        (OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "both"),
        (OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "not chunked alone"),
        (b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.0"),
        (chunked(last=b"hello"), "no valid chunk size"),
        (chunked(last=b"-1\r\n"), "no valid chunk size"),
        (chunked(last=b"5\nhello\n0\n\n"), "no valid chunk size"),
        (chunked(last=b"3\r\nhello\r\n0\r\n\r\n"), "longer than its chunk size"),
    ],
)
def test_faults_of_the_framing(raw, what):
    assert [what in text for part, text in faults(raw) if part == "framing"] == [True]


@pytest.mark.parametrize("length", [b"2", b"2, 2", b"2\r\ncontent-length: 2"])
def test_equal_lengths_are_one(length):
    read = reply(exchange(OK + b"content-length: " + length + b"\r\n\r\nabc"))
    assert (read.content, read.complete, read.faults) == (b"ab", True, ())
    assert read.trailing is not None
    assert read.trailing.end - read.trailing.start == 1


def test_wherever_chunks_are_cut_off_it_is_no_fault():
    whole = chunked(b"hello", b" there", last=b"0;a=b\r\nx-t: 1\r\n\r\n")
    start = whole.index(b"\r\n\r\n") + 4
    for end in range(start, len(whole)):
        read = reply(exchange(whole[:end], ending=CUT))
        assert (read.faults, read.complete, read.trailing) == ((), False, None)
        assert b"hello there".startswith(read.content)
    assert reply(exchange(whole)).complete


def test_a_body_that_ends_with_the_connection():
    raw = OK + b"\r\nhello"
    assert reply(exchange(raw)).complete
    assert not reply(exchange(raw, ending=Ending("reset", "body", 9))).complete
    assert not reply(exchange(raw, ending=Ending("timeout", "body", 9))).complete


@pytest.mark.parametrize("status", [204, 304])
def test_statuses_without_a_body(status):
    read = reply(exchange(b"HTTP/1.1 %d x\r\ncontent-length: 5\r\n\r\nhello" % status))
    assert (read.complete, read.content) == (True, b"")
    assert read.trailing is not None


def test_a_reply_to_head_has_no_body():
    x = exchange(OK + b"content-length: 5\r\n\r\n")
    assert reply(replace(x, sent=x.sent.replace(b"POST", b"HEAD"), cache={})).complete


PARTS = st.lists(st.binary(min_size=1, max_size=20), max_size=8)
CUTS = st.lists(st.integers(1, 30), min_size=1, max_size=40)


def arriving(raw, cuts):
    arrivals, at = [], 0
    while at < len(raw):
        arrivals.append((len(arrivals) + 1, min(cuts[len(arrivals) % len(cuts)], len(raw) - at)))
        at += arrivals[-1][1]
    return arrivals


@given(PARTS, CUTS)
def test_chunks_join_as_h11_joins_them_and_map_back_to_what_was_received(parts, cuts):
    raw = chunked(*parts)
    x = exchange(raw, arrivals=arriving(raw, cuts))
    read = reply(x)
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(raw)
    said, event = b"", client.next_event()
    while not isinstance(event, h11.EndOfMessage):
        said += bytes(event.data) if isinstance(event, h11.Data) else b""
        event = client.next_event()
    assert read.content == said == b"".join(parts)
    assert read.complete
    for at in range(len(read.content)):
        span = read.locate(at, at + 1)
        assert raw[span.start : span.end] == read.content[at : at + 1]


@given(PARTS, CUTS)
def test_an_byte_is_there_when_the_read_came_that_brought_it(parts, cuts):
    raw = chunked(*parts)
    arrivals = arriving(raw, cuts)
    read = reply(exchange(raw, arrivals=arrivals))
    for at in range(len(read.content)):
        needed, received = read.locate(at, at + 1).end, 0
        for ms, length in arrivals:
            received += length
            if received >= needed:
                assert read.at_ns(at + 1) == ms * 1_000_000
                break


@given(st.binary(max_size=300), st.sampled_from([b"", OK, OK + b"transfer-encoding: chunked\r\n\r\n"]), CUTS)
def test_no_bytes_do_harm(raw, start, cuts):
    raw = start + raw
    read = reply(exchange(raw, arrivals=arriving(raw, cuts)))
    assert all(0 <= fault.span.start <= fault.span.end <= len(raw) for fault in read.faults)
    assert len(read.raw) <= len(raw)


def coded(coding, body):
    return reply(exchange(http(200, (("content-encoding", coding),), body)))


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(b"hello", mtime=0)),
        ("GZip", gzip.compress(b"hello", mtime=0)),
        ("x-gzip", gzip.compress(b"hel", mtime=0) + gzip.compress(b"lo", mtime=0)),
        ("gzip", gzip.compress(b"hello", mtime=0) + b"\0\0\0"),
        ("deflate", zlib.compress(b"hello")),
        ("deflate", zlib.compress(b"hello")[2:-4]),
        ("identity", b"hello"),
        ("none", b"hello"),
    ],
)
def test_content_codings_are_undone(coding, body):
    read = coded(coding, body)
    assert (read.content, read.coding_fault, read.undecodable) == (b"hello", "", False)


def test_content_codings_that_cannot_be_undone():
    assert (coded("br", b"?").undecodable, coded("br", b"?").content) == (True, b"")
    assert coded("gzip, zstd", b"?").undecodable
    assert "not valid gzip" in coded("gzip", b"hello").coding_fault
    assert not coded("gzip", b"hello").undecodable


@pytest.mark.parametrize(
    ("body", "cut"),
    [
        (b" " * (MAX_CONTENT + 1), f"decompresses to more than {MAX_CONTENT} bytes"),
        (b"\n" * 2 * MAX_LINES, f"decompresses to more than {MAX_LINES} lines"),
        (b"{}," * MAX_VALUES, f"decompresses to more than {MAX_VALUES} JSON values"),
        (b"\r\n" * MAX_LINES, ""),
    ],
)
def test_of_a_decompression_bomb_only_the_beginning_is_kept(body, cut):
    read = coded("gzip", gzip.compress(body, compresslevel=1))
    assert len(read.content) == (BEGINNING if cut else len(body))
    assert (read.cut.endswith(cut), bool(read.cut), read.coding_fault) == (True, bool(cut), "")


@pytest.mark.parametrize(("ending", "kept"), [("limit", BEGINNING), ("closed", BEGINNING + 1)])
def test_of_a_body_that_was_not_read_to_its_end_only_the_beginning_is_kept(ending, kept):
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    received = exchange(head + b"x" * (BEGINNING + 1), ending=Ending(ending, "body", 0, "8 bytes"))
    assert len(reply(received).content) == kept
    assert reply(received).cut == ("the harness stopped reading: 8 bytes" if ending == "limit" else "")


def test_compressed_content_is_there_when_it_was_flushed():
    packer = zlib.compressobj(wbits=31)
    first = packer.compress(b"hello") + packer.flush(zlib.Z_SYNC_FLUSH)
    held = packer.compress(b" there")
    rest = packer.flush()
    head = http(200, (("content-encoding", "gzip"),), b"", length=False)
    x = exchange(head + first + held + rest, arrivals=[(1, len(head)), (2, len(first)), (3, len(held)), (4, len(rest))])
    read = reply(x)
    assert (read.content, read.at_ns(5), read.at_ns(6), read.at_ns(11)) == (
        b"hello there",
        2 * 10**6,
        4 * 10**6,
        4 * 10**6,
    )
    assert read.locate(0, 1) == Span(len(head), len(x.received))


def test_content_without_arrivals_is_content():
    x = replace(exchange(http(200, (), b"hello")), arrivals=(), cache={})
    assert reply(x).content == b"hello"
    packed = replace(
        exchange(http(200, (("content-encoding", "gzip"),), gzip.compress(b"hello"))), arrivals=(), cache={}
    )
    assert reply(packed).content == b"hello"


def test_when_the_reply_was_over():
    raw = http(200, (), b"hello")
    assert finished_at_ns(exchange(raw + b"more", arrivals=[(1, 9), (2, len(raw) - 9), (7, 4)])) == 2 * 10**6
    assert finished_at_ns(exchange(OK + b"\r\nhello", ending=Ending("closed", "after", 77))) == 77
    assert finished_at_ns(exchange(raw, arrivals=[(1, 1)])) == 10**6


def test_headers_of_the_request():
    x = exchange(b"", request_headers=[("Accept-Encoding", "gzip"), ("accept-encoding", " br ")])
    assert request_header(x, "accept-encoding") == ("gzip", "br")
    assert request_header(x, "x-none") == ()
