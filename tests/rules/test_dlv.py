import gzip
from dataclasses import replace

import pytest

from conformance import catalogue
from conformance.exchange import Ending
from conformance.judge import decide
from conformance.rules.dlv import BUFFERED, GREETING, QUICK, SLOW_START, STEADY, WORDS, paced
from conformance.rules.example import HELLO, SSE, chunk, exchange, http, sse
from conformance.target import Policy
from conformance.verdict import Status

RULES = {rule.id: rule for rule in catalogue.rules() if rule.family == "DLV"}
PASS, FAIL, UNTESTABLE = Status.PASS, Status.FAIL, Status.UNTESTABLE


def decided(rule, x, hello=GREETING):
    return decide(RULES[rule], {"x": x, "hello": hello, "policy": Policy()}, (x,))[0]


def at(start_ms, step_ms, pieces=40):
    """The pieces that come together where the step is 0, or else one after the other."""
    return paced(WORDS[:pieces], [int(start_ms + n * step_ms) for n in range(pieces)])


def hello_at(end_ms):
    return paced(WORDS[:8], [end_ms - 2, end_ms - 2, *[end_ms - 1] * 3, *[end_ms] * 3], probe="chat.hello")


@pytest.mark.parametrize(
    ("why", "x", "hello", "verdict"),
    [
        ("as it is made", STEADY, GREETING, PASS),
        ("two thousand tokens a second", QUICK, GREETING, PASS),
        ("the same after a long wait", SLOW_START, GREETING, PASS),
        ("slower than the greeting by chance, and quick then", at(700, 0.5), hello_at(300), PASS),
        ("one token a second, in parts", at(100, 1000, 20), hello_at(4000), PASS),
        ("four at a time", paced(WORDS, [100 + n // 4 * 20 for n in range(40)]), GREETING, PASS),
        ("held back by a proxy", BUFFERED, GREETING, FAIL),
        ("held back but for the first words", paced(WORDS, [60, 61, 62] + [300] * 37), GREETING, FAIL),
        ("held back, and parted by the network", paced(WORDS, [300] * 20 + [340] * 20), GREETING, FAIL),
        ("held back for seconds", at(9000, 0), hello_at(2000), FAIL),
        ("made at once", at(60, 0), hello_at(58), UNTESTABLE),
        ("no slower than noise", at(140, 0), hello_at(58), UNTESTABLE),
        ("no slower than the noise of a slow server", at(2300, 0), hello_at(2000), UNTESTABLE),
        ("the greeting failed", BUFFERED, exchange(http(500, (), b"")), UNTESTABLE),
        ("the greeting was slower", BUFFERED, hello_at(900), UNTESTABLE),
        ("too short to tell", at(60, 5, 10), GREETING, UNTESTABLE),
    ],
)
def test_late_delivery(why, x, hello, verdict):
    assert decided("DLV001", x, hello) is verdict, why


def test_a_harness_that_was_held_up_blames_nobody():
    held_up = replace(BUFFERED, held_up_ns=120 * 10**6, views={})
    assert decided("DLV001", held_up) is UNTESTABLE
    assert decided("DLV001", replace(held_up, held_up_ns=20 * 10**6, views={})) is FAIL


def test_a_compressor_that_does_not_flush_is_late_though_octets_come_early():
    head = http(200, (SSE, ("content-encoding", "gzip")), b"", length=False)
    body = gzip.compress(sse(*(chunk({"content": word}) for word in WORDS), *HELLO[-2:]))
    held = [(1, len(head)), (60, 10), (400, len(body) - 10)]
    whole = exchange(head + body, probe="chat.long", arrivals=held, ending=Ending("closed", "after", 10**9))
    assert decided("DLV001", whole) is FAIL


def test_one_piece_is_no_stream_whatever_its_time():
    one = paced(["".join(WORDS)], [60])
    assert decided("DLV002", one) is FAIL
    assert decided("DLV002", paced(["".join(WORDS[:30]), "".join(WORDS[30:])], [60, 60])) is PASS
    assert decided("DLV002", paced(["".join(WORDS[:9])], [60])) is UNTESTABLE


def test_thinking_counts_as_pieces_of_its_own():
    texts = [chunk({"reasoning": word}) for word in WORDS]
    answer = [chunk({"content": "".join(WORDS)})]
    body = sse(*texts, *answer, "[DONE]")
    assert decided("DLV002", exchange(http(200, (SSE,), body), probe="chat.long")) is FAIL


def test_everything_after_the_same_silence():
    late = at(900, 0)
    assert decided("DLV006", late, hello_at(880)) is FAIL
    assert decided("DLV006", late, hello_at(300)) is Status.NOT_APPLICABLE
    assert decided("DLV006", at(300, 0), hello_at(290)) is PASS
    assert decided("DLV006", at(900, 1), hello_at(880)) is PASS


@pytest.mark.parametrize(
    ("how", "heard_done", "stalled", "endless"),
    [
        ("timeout", False, FAIL, UNTESTABLE),
        ("timeout", True, PASS, FAIL),
        ("closed", True, PASS, PASS),
        ("reset", True, UNTESTABLE, UNTESTABLE),
        ("interrupted", False, UNTESTABLE, UNTESTABLE),
    ],
)
def test_a_stream_that_does_not_end(how, heard_done, stalled, endless):
    body = sse(*HELLO if heard_done else HELLO[:3])
    x = exchange(http(200, (SSE,), body, length=False), ending=Ending(how, "body", 9, "silent for 1 s"))
    assert (decided("DLV003", x), decided("DLV004", x)) == (stalled, endless)


def test_the_end_may_follow_the_marker_by_a_second():
    for lag_ms, verdict in ((0, PASS), (900, PASS), (1100, FAIL)):
        x = paced(WORDS, range(60, 260, 5), ending=Ending("closed", "after", (255 + lag_ms) * 10**6))
        assert decided("DLV005", x) is verdict
