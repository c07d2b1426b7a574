"""A timeout of a large request is slowness where smaller requests show it, and the target's fault where they do not."""

from dataclasses import replace

import pytest

from conformance.model.case import named_case
from conformance.model.exchange import Arrival, Ending, Exchange
from conformance.rules.slowness import slowness

SECOND = 1_000_000_000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
TIMEOUT = Ending("timeout", "body", 60 * SECOND)
CLOSED = Ending("closed", "after", 60 * SECOND)
BARE = b"POST /v1/chat/completions HTTP/1.1\r\n\r\n"


def answered(size, seconds):
    """A request with a body of this size, whose response began after these seconds."""
    return Exchange(
        id="small",
        case=named_case("chat.hello", "hermes", "stream"),
        sent=BARE + b"x" * size,
        received=HEAD,
        arrivals=(Arrival(int(seconds * SECOND), len(HEAD)),),
    )


def streaming(size, seconds, ending=TIMEOUT):
    """A stream whose head came at once, and a delta after each of these seconds."""
    event = b'data: {"choices": [{"index": 0, "delta": {"content": "Hi"}}]}\n\n'
    return Exchange(
        id="streaming",
        case=named_case("chat.hello", "letta", "stream"),
        sent=BARE + b"x" * size,
        received=HEAD + event * len(seconds),
        arrivals=(Arrival(1000, len(HEAD)), *(Arrival(int(at * SECOND), len(event)) for at in seconds)),
        ending=ending,
    )


def unanswered(size, probe="chat.hello", phase="first-byte"):
    """A request with a body of this size, without a response for a minute."""
    return Exchange(
        id="large",
        case=named_case(probe, "hermes", "stream"),
        sent=BARE + b"x" * size,
        ending=Ending("timeout", phase, 60 * SECOND),
    )


@pytest.mark.parametrize(
    ("size", "smaller", "needed"),
    [
        (54_000, [(90, 0.3), (9000, 12.0)], "71 s"),
        (54_000, [(90, 0.4)], "240 s"),
        (54_000, [(90, 0.3), (100, 0.5)], "270 s"),
        (54_000, [(90, 0.3), (9000, 0.4)], ""),
        (54_000, [(90, 0.01)], ""),
        (54_000, [(9000, 1.0), (90, 2.0)], ""),
        (90, [(90, 0.3)], ""),
        (54_000, [], ""),
    ],
    ids=[
        *("linear", "only a small one", "sizes that show no rate", "a fast prompt", "a fast target", "a cold start"),
        *("nothing smaller", "nothing to compare with"),
    ],
)
def test_a_large_request_may_need_longer_at_the_rate_of_smaller_ones(size, smaller, needed):
    reason = slowness(unanswered(size), [answered(*one) for one in smaller])
    assert needed in reason
    assert bool(needed) == bool(reason)
    assert not reason or ("60 s" in reason and "--timeout" in reason)


def test_a_prompt_that_no_user_sends_proves_nothing_by_its_timeout():
    assert "longer than any user's" in slowness(unanswered(420_000, "chat.mistake.too-long"), [answered(90, 0.001)])


@pytest.mark.parametrize("phase", ["connect", "send"])
def test_only_a_wait_for_the_response_is_slowness(phase):
    assert slowness(unanswered(54_000, phase=phase), [answered(90, 5.0)]) == ""


@pytest.mark.parametrize(
    ("smaller", "needed"),
    [
        ([streaming(90, [0.3], CLOSED), streaming(9000, [12.0], CLOSED)], "71 s"),
        ([streaming(90, [0.3], CLOSED), streaming(9000, [0.4], CLOSED)], ""),
        ([streaming(90, [], CLOSED), streaming(9000, [], CLOSED)], ""),
    ],
    ids=["tokens show the rate", "a fast prompt", "a head shows nothing"],
)
def test_a_stream_that_began_may_need_longer_for_its_first_token(smaller, needed):
    reason = slowness(streaming(54_000, []), smaller)
    assert needed in reason
    assert bool(needed) == bool(reason)
    assert slowness(streaming(54_000, [0.1]), smaller) == ""


def test_an_error_shows_no_rate():
    refused = replace(answered(9000, 0.001), received=HEAD.replace(b"200 OK", b"404 Not Found"))
    assert "240 s" in slowness(unanswered(54_000), [answered(90, 0.4), refused])


@pytest.mark.parametrize(
    ("other", "waits"),
    [
        (streaming(90, range(1, 60)), True),
        (streaming(90, range(1, 30)), False),
        (streaming(90, []), False),
        (streaming(90, range(1, 60), CLOSED), False),
    ],
    ids=["in progress", "silent", "without a token", "complete"],
)
@pytest.mark.parametrize("x", [unanswered(90), streaming(90, [])], ids=["no byte", "no token"])
def test_a_request_may_wait_for_a_response_that_is_in_progress_at_the_timeout(x, other, waits):
    reason = slowness(x, [other])
    assert bool(reason) is waits
    assert ("chat.hello of letta was still in progress" in reason) is waits
