"""A timeout of a large request is slowness where smaller requests show it, and the target's fault where they do not."""

import pytest

from conformance.model.case import named_case
from conformance.model.exchange import Arrival, Ending, Exchange
from conformance.rules.http.slowness import slowness

SECOND = 1_000_000_000
BARE = b"POST /v1/chat/completions HTTP/1.1\r\n\r\n"


def answered(size, seconds):
    """A request with a body of this size, whose response began after these seconds."""
    return Exchange(
        id="small",
        case=named_case("chat.hello", "hermes", "stream"),
        sent=BARE + b"x" * size,
        received=b"HTTP/1.1 200 OK\r\n\r\n",
        arrivals=(Arrival(int(seconds * SECOND), 19),),
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
    said = slowness(unanswered(size), [answered(*one) for one in smaller])
    assert needed in said
    assert bool(needed) == bool(said)
    assert not said or ("60 s" in said and "--timeout" in said)


def test_a_prompt_that_no_user_sends_proves_nothing_by_its_timeout():
    assert "longer than any user's" in slowness(unanswered(420_000, "chat.mistake.too-long"), [answered(90, 0.001)])


@pytest.mark.parametrize("phase", ["connect", "send", "body"])
def test_only_a_wait_for_the_first_byte_is_slowness(phase):
    assert slowness(unanswered(54_000, phase=phase), [answered(90, 5.0)]) == ""
