"""How the embedded gateway reads the events of a stream."""

import gzip

import anyio
import pytest

from conformance.testbed.gateway.events import decoded, events

FORMS = [
    b"event: a\ndata: 1\n\ndata: 2\n\n",
    b"event: a\r\ndata: 1\r\n\r\ndata: 2\r\n\r\n",
    b"event: a\rdata: 1\r\rdata: 2\r\r",
    b"\xef\xbb\xbfevent:a\ndata:1\r\r\n: comment\n\ndata:2\n\r\n",
    b": first\n\ndata: 1\nevent: a\nid: 7\n\n\n\ndata: 2\n\n: bye",
]


async def in_pieces(raw, size):
    for at in range(0, len(raw), size):
        yield raw[at : at + size]


def read(pieces):
    async def collect():
        return [(event.name, event.data) async for event in events(pieces)]

    return anyio.run(collect)


@pytest.mark.parametrize("size", [1, 2, 3, 100])
@pytest.mark.parametrize("raw", FORMS)
def test_events_are_the_same_wherever_the_stream_is_cut(raw, size):
    assert read(in_pieces(raw, size)) == [("a", b"1"), ("", b"2")]


def test_an_event_over_several_lines_is_one_value():
    assert read(in_pieces(b'data: {"a":\ndata: 1}\n\n', 4)) == [("", b'{"a":\n1}')]


@pytest.mark.parametrize("size", [1, 7])
def test_a_compressed_stream_is_read_with_one_decoder(size):
    assert read(decoded(in_pieces(gzip.compress(FORMS[0]), size))) == [("a", b"1"), ("", b"2")]
