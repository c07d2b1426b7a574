"""Where messages end, however their bytes arrive."""

import pytest

from conformance.transport import framing

CHUNKS = b"3;x\r\nabc\r\n1\r\nd\r\n0\r\nT: x\r\n\r\n"
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nContent-Length: 9\r\n\r\n"
RESPONSES = {
    "length": (b"GET", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
    "chunked": (b"GET", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\nContent-Length: 1\r\n\r\n" + CHUNKS),
    "bare line feeds": (b"GET", b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc"),
    "interim": (b"GET", INTERIM + b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    "no content": (b"GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n"),
    "to HEAD": (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"),
}
ENDLESS = {
    "no framing": b"HTTP/1.1 200 OK\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 3, 4\r\n\r\n",
    "no number": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
    "no chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "a long chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
    "no status line": b"hello\r\n\r\n",
}


def read(message, data, cut):
    """Feed the bytes in two parts; returns how many belong to the message."""
    total = 0
    for part in (data[:cut], data[cut:]):
        at = 0
        while at < len(part) and not message.ended:
            at += message.take(part[at:])
        total += at
    return total


@pytest.mark.parametrize("name", RESPONSES)
def test_a_response_ends_at_the_same_byte_wherever_it_is_cut(name):
    method, response = RESPONSES[name]
    for cut in range(len(response) + 1):
        message = framing.response(method, 1000)
        assert read(message, response + b"HTTP/1.1 ", cut) == len(response), cut
        assert message.ended
        assert not message.ends_with_connection


@pytest.mark.parametrize("name", ENDLESS)
def test_a_response_whose_end_can_not_be_found_lasts_until_the_connection_ends(name):
    for cut in range(len(ENDLESS[name])):
        message = framing.response(b"GET", 1000)
        assert read(message, ENDLESS[name] + b"0\r\n\r\n" * 9, cut) == len(ENDLESS[name]) + 45, cut
        assert not message.ended


def test_only_a_response_without_framing_is_completed_by_the_end_of_the_connection():
    completed = {}
    for name, data in ENDLESS.items():
        message = framing.response(b"GET", 1000)
        read(message, data, 0)
        completed[name] = message.ends_with_connection
    assert completed["no framing"]
    assert not completed["no chunk"]
    assert not completed["a long chunk"]


def test_a_head_is_bounded():
    message = framing.request(100)
    assert read(message, b"GET / HTTP/1.1\r\nA: " + b"a" * 100, 50) == 119
    assert (message.is_too_long, message.head) == (True, b"")


@pytest.mark.parametrize("begun", [b"G", b"GET", b"GET /v1", b"GET /v1 HTTP/1.", b"POST /v1 HTTP/1.0\r\n"])
def test_the_beginning_of_a_request_is_one(begun):
    assert not framing.is_no_request(begun)


@pytest.mark.parametrize("begun", [b"\x16", b"\x00GET", b"GET\r\n", b"G" * 60, b"GET /v1 HTTP/2.0\r\n", b"{}\n"])
def test_other_bytes_are_none(begun):
    assert framing.is_no_request(begun)
