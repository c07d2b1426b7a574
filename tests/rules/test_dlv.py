import gzip
from dataclasses import replace

import pytest

from conformance import catalogue
from conformance.deciding import decide
from conformance.model.case import named_case
from conformance.model.exchange import Ending
from conformance.model.target import Policy
from conformance.model.verdict import Status
from conformance.rules.dlv.pace import BRIEFS, BUFFERED, QUICK, SLOW_START, STEADY, WORDS, briefly, endless, paced
from conformance.rules.dlv.silence import in_buffers
from conformance.rules.example import HELLO, SSE, chunk, exchange, http, sse

RULES = {rule.id: rule for rule in catalogue.rules() if rule.family == "DLV"}
UNARY = named_case("chat.hello", "example", "unary")
PASS, FAIL, UNTESTABLE = Status.PASS, Status.FAIL, Status.UNTESTABLE


def decided(rule, x, briefs=BRIEFS):
    return decide(RULES[rule], {"x": x, "short_streams": briefs, "policy": Policy()}, (x,))[0]


def at(start_ms, step_ms, pieces=40):
    """Pieces that arrive together if the step is 0, or else one after the other."""
    return paced(WORDS[:pieces], [int(start_ms + n * step_ms) for n in range(pieces)])


FAILED = exchange(http(500, (), b""))
SLOWLY = paced(WORDS, [300] * 40)
LET_OUT_SLOWLY = replace(
    SLOWLY,
    arrivals=(
        SLOWLY.arrivals[0],
        *(a._replace(at_ns=a.at_ns + n * 150_000) for n, a in enumerate(SLOWLY.arrivals[1:])),
    ),
)
"""Pieces that arrive 0.15 ms after each other, as was recorded next to eight busy processes."""


@pytest.mark.parametrize(
    ("why", "x", "briefs", "verdict"),
    [
        ("as it is made", STEADY, BRIEFS, PASS),
        ("two thousand tokens a second", QUICK, BRIEFS, PASS),
        ("the same after a long wait", SLOW_START, BRIEFS, PASS),
        ("slower than the short one by chance, and quick then", at(700, 0.5), briefly(300, 300, 310), PASS),
        ("one token a second, in parts", at(100, 1000, 20), briefly(4000, 4000, 4000), PASS),
        ("four at a time", paced(WORDS, [100 + n // 4 * 20 for n in range(40)]), BRIEFS, PASS),
        ("held back by a proxy", BUFFERED, BRIEFS, FAIL),
        ("held back but for the first words", paced(WORDS, [60, 61, 62] + [300] * 37), BRIEFS, FAIL),
        ("held back, and let out slowly by a busy machine", LET_OUT_SLOWLY, BRIEFS, FAIL),
        ("held back, and parted by the network", paced(WORDS, [300] * 20 + [340] * 20), BRIEFS, FAIL),
        ("held back for seconds", at(9000, 0), briefly(2000, 2000, 2100), FAIL),
        ("held back, and the others waited for their turn", BUFFERED, briefly(60, 200, 210, 220), UNTESTABLE),
        ("held back, and the others waited alike", BUFFERED, briefly(60, 110, 115, 120), FAIL),
        ("made at once", at(60, 0), briefly(58, 58, 58), UNTESTABLE),
        ("no slower than noise", at(140, 0), briefly(58, 58, 58), UNTESTABLE),
        ("no slower than the noise of a slow server", at(2300, 0), briefly(2000, 2000, 2000), UNTESTABLE),
        ("a wait that differs from answer to answer", at(1400, 0), briefly(300, 100, 900, 1100), UNTESTABLE),
        ("one slot, and a queue for it", at(160, 0), briefly(150, 1200, 2400, 3300), UNTESTABLE),
        ("a prompt that costs more, whatever the cap", at(400, 0), briefly(400, 5, 6, 7, 400), UNTESTABLE),
        ("the brief ones failed", BUFFERED, [FAILED] * 4, UNTESTABLE),
        ("the short one failed", BUFFERED, [FAILED, *BRIEFS[1:]], UNTESTABLE),
        ("the short one was slower", BUFFERED, briefly(900, 60, 60), UNTESTABLE),
        ("too few to compare with", BUFFERED, BRIEFS[:2], UNTESTABLE),
        ("nothing to compare with", BUFFERED, (), UNTESTABLE),
        ("too short to tell", at(60, 5, 10), BRIEFS, UNTESTABLE),
    ],
)
def test_late_delivery(why, x, briefs, verdict):
    assert decided("DLV001", x, briefs) is verdict, why


def test_a_harness_that_was_held_up_blames_nobody():
    held_up = replace(BUFFERED, harness_stall_ns=130 * 10**6, cache={})
    assert decided("DLV001", held_up) is UNTESTABLE
    assert decided("DLV001", replace(held_up, harness_stall_ns=20 * 10**6, cache={})) is FAIL


def test_brief_answers_that_the_harness_held_up_are_no_noise():
    *others, last = briefly(60, 62, 65, 230)
    assert decided("DLV001", BUFFERED, (*others, last)) is UNTESTABLE
    assert decided("DLV001", BUFFERED, (*others, replace(last, harness_stall_ns=165 * 10**6, cache={}))) is FAIL


def test_a_compressor_that_does_not_flush_is_late_though_bytes_come_early():
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
    assert decided("DLV006", late, briefly(880, 880, 880)) is FAIL
    assert decided("DLV006", late, briefly(300, 300, 300)) is Status.NOT_APPLICABLE
    assert decided("DLV006", at(300, 0), briefly(290, 290, 290)) is PASS
    assert decided("DLV006", at(900, 1), briefly(880, 880, 880)) is PASS


@pytest.mark.parametrize(
    ("how", "heard_done", "stalled", "never_ends"),
    [
        ("timeout", False, FAIL, UNTESTABLE),
        ("timeout", True, PASS, FAIL),
        ("closed", True, PASS, PASS),
        ("reset", True, UNTESTABLE, UNTESTABLE),
        ("interrupted", False, UNTESTABLE, UNTESTABLE),
        ("limit", False, UNTESTABLE, UNTESTABLE),
    ],
)
def test_a_stream_that_does_not_end(how, heard_done, stalled, never_ends):
    body = sse(*HELLO if heard_done else HELLO[:3])
    x = exchange(http(200, (SSE,), body, length=False), ending=Ending(how, "body", 2 * 10**9, "silent for 2 s"))
    assert (decided("DLV003", x), decided("DLV004", x)) == (stalled, never_ends)


@pytest.mark.parametrize(
    ("why", "x", "verdict"),
    [
        ("a token every 0.2 s", endless(HELLO[1], every_ms=200), UNTESTABLE),
        ("a token every 0.9 s", endless(HELLO[1], every_ms=900), UNTESTABLE),
        ("as many events as a good answer may have", endless(HELLO[1], every_ms=20), UNTESTABLE),
        ("far more events than tokens were allowed", endless(HELLO[1], every_ms=20, cap=4), FAIL),
        ("comments alone", endless(": ping", every_ms=50), FAIL),
        ("JSON, byte by byte", replace(endless("[1,2,3]", every_ms=100), case=UNARY), UNTESTABLE),
    ],
)
def test_slow_is_not_stalled_and_endless_is(why, x, verdict):
    assert decided("DLV003", x) is verdict, why


def test_the_end_may_follow_the_marker_by_a_second():
    for lag_ms, verdict in ((0, PASS), (900, PASS), (1100, FAIL)):
        x = paced(WORDS, range(60, 260, 5), ending=Ending("closed", "after", (255 + lag_ms) * 10**6))
        assert decided("DLV005", x) is verdict


def test_the_end_marker_may_follow_the_last_piece_by_a_second_or_by_three_of_the_model_s_steps():
    for end_ms, verdict in ((255, PASS), (1200, PASS), (1300, FAIL)):
        assert decided("DLV007", paced(WORDS, range(60, 260, 5), end_ms=end_ms)) is verdict
    assert decided("DLV007", paced(WORDS[:4], [800, 1600, 2400, 3200], end_ms=5500)) is PASS
    held_up = replace(paced(WORDS, range(60, 260, 5), end_ms=1300), harness_stall_ns=200 * 10**6, cache={})
    assert decided("DLV007", held_up) is PASS


@pytest.mark.parametrize(
    ("why", "x", "verdict"),
    [
        ("buffers of 2048 bytes", in_buffers(2048, 100), FAIL),
        (
            "buffers of 2048 bytes, and a harness that was held up",
            replace(in_buffers(2048, 100), harness_stall_ns=10**8),
            Status.NOT_APPLICABLE,
        ),
        ("one buffer that holds everything", in_buffers(100_000, 300), Status.NOT_APPLICABLE),
        ("a quick model", QUICK, Status.NOT_APPLICABLE),
        ("eight tokens a step", paced(WORDS, [n // 8 * 50 for n in range(40)]), PASS),
        ("one token a step", paced(WORDS, range(60, 1660, 40)), PASS),
    ],
)
def test_a_buffer_cuts_events(why, x, verdict):
    assert decided("DLV008", x) is verdict, why
