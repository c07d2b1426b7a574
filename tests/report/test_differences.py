"""Two versions of a message side by side: what is marked, what is not, and that a target can't make it endless."""

import json

import pytest

from conformance.report.differences import MOST_SHOWN, bodies, heads


def marked(pieces):
    return [piece.text for piece in pieces if piece.kind == "differs"]


def text(pieces):
    return "".join(piece.text for piece in pieces)


def test_a_member_that_is_lost_is_marked_where_it_still_is():
    sent = {"model": "m", "max_tokens": 64, "messages": [{"role": "user", "content": "Hi"}]}
    arrived = {name: value for name, value in sent.items() if name != "max_tokens"}
    found = bodies(json.dumps(sent).encode(), json.dumps(arrived).encode())
    assert '"max_tokens"' in "".join(marked(found.left))
    assert "64" in "".join(marked(found.left))
    assert marked(found.right) == []


def test_a_body_that_is_written_anew_with_other_spaces_does_not_differ():
    value = {"model": "m", "messages": [{"role": "user", "content": "a b"}]}
    assert not bodies(json.dumps(value).encode(), json.dumps(value, indent=2).encode()).differ


def test_a_space_that_is_lost_within_a_text_is_marked():
    found = bodies(b'{"content": "Hello there."}', b'{"content": "Hellothere."}')
    assert (marked(found.left), marked(found.right)) == (['"Hello there."'], ['"Hellothere."'])


def test_an_event_that_is_lost_is_marked_and_the_events_around_it_are_not():
    events = [f'data: {{"text": "w{number}"}}\n\n'.encode() for number in range(40)]
    found = bodies(b"".join(events), b"".join(events[:20] + events[21:]))
    assert '"w20"' in "".join(marked(found.left))
    assert '"w19"' not in "".join(marked(found.left))
    assert marked(found.right) == []
    assert "bytes)" in text(found.left)


def test_a_value_that_differs_in_every_event_is_marked_alone():
    streams = [
        b"".join(b'data: {"id": "%d", "text": "w%d"}\n\n' % (start + n, n) for n in range(5)) for start in (10, 50)
    ]
    found = bodies(*streams)
    assert marked(found.left) == [f'"{number}"' for number in range(10, 15)]
    assert marked(found.right) == [f'"{number}"' for number in range(50, 55)]


def test_a_header_field_is_compared_by_name_and_value_wherever_it_stands():
    found = heads(
        b"POST /v1 HTTP/1.1\r\nHost: a\r\nX-One: 1\r\nAuthorization: Bearer *****\r\n\r\n",
        b"POST /v1 HTTP/1.1\r\nx-one: 1\r\nhost: b\r\n\r\n",
    )
    assert marked(found.left) == ["Host: a\\r\\n\n", "Authorization: Bearer *****\\r\\n\n"]
    assert marked(found.right) == ["host: b\\r\\n\n"]


@pytest.mark.parametrize(
    "raw",
    [b"x" * 10_000_000, b'{"a":' * 500_000, b"\n" * 1_000_000, bytes(range(256)) * 10_000, b"data: 1\n\n" * 100_000],
    ids=["one word", "deep", "lines", "binary", "events"],
)
def test_whatever_is_sent_the_pieces_stay_few_and_printable(raw):
    for found in (bodies(raw, b"y" + raw[1:]), bodies(raw, b""), bodies(raw, raw), heads(raw, b"")):
        for side in found:
            assert len(text(side)) < 8 * MOST_SHOWN + 20_000
            assert text(side).replace("\n", "").isprintable()
