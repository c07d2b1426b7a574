import pytest

from conformance import catalogue
from conformance.deciding import decide
from conformance.model.exchange import Ending
from conformance.model.target import Policy
from conformance.model.verdict import Status
from conformance.rules.example import answered, completion, error, exchange
from conformance.rules.life.example import (
    BASELINE,
    DISCONNECTED,
    REPEATS,
    burst_response,
    response_after_disconnect,
    retried,
)

RULES = {rule.id: rule for rule in catalogue.rules() if rule.family == "LIFE"}
PASS, FAIL, UNTESTABLE = Status.PASS, Status.FAIL, Status.UNTESTABLE
BODY = {"messages": [{"role": "user", "content": "Write this word eighty times: quokka"}], "stream": True}


def decided(rule, x, **compared):
    return decide(RULES[rule], {"x": x, "policy": Policy(), **compared}, (x,))[0]


def hung_up(received, how="hung-up"):
    return exchange(received, body=BODY, ending=Ending(how, "body", 5_000_000))


@pytest.mark.parametrize(
    ("why", "x", "before", "verdict"),
    [
        ("nothing is left", response_after_disconnect("One, two."), DISCONNECTED, PASS),
        ("the rest of the other answer", response_after_disconnect("quokka. One, two."), DISCONNECTED, FAIL),
        ("in capitals", response_after_disconnect("Quokka. One, two."), hung_up(b""), FAIL),
        ("the other answer had not begun", response_after_disconnect("One, two."), hung_up(b""), UNTESTABLE),
        ("nobody hung up", response_after_disconnect("quokka"), hung_up(DISCONNECTED.received, "idle"), UNTESTABLE),
    ],
)
def test_what_a_lost_client_asked_for_is_in_no_other_response(why, x, before, verdict):
    assert decided("LIFE007", x, disconnects=(before,)) is verdict, why


def one_of_a_crowd(status):
    return answered(error("No."), status=status, mode="stream", probe="chat.crowd.lapwing")


@pytest.mark.parametrize(
    ("x", "verdict"),
    [
        (burst_response("Lapwing.", "a"), PASS),
        (one_of_a_crowd(429), PASS),
        (one_of_a_crowd(503), PASS),
        (one_of_a_crowd(529), PASS),
        (one_of_a_crowd(400), UNTESTABLE),
        (one_of_a_crowd(500), FAIL),
        (one_of_a_crowd(502), FAIL),
        (exchange(b"", probe="chat.crowd.lapwing", ending=Ending("reset", "first-byte", 0)), FAIL),
        (exchange(b"", probe="chat.crowd.lapwing", ending=Ending("timeout", "first-byte", 0)), UNTESTABLE),
    ],
)
def test_one_of_a_crowd_may_be_put_off_but_not_dropped(x, verdict):
    assert decided("LIFE008", x, baseline=BASELINE) is verdict
    assert decided("LIFE008", x, baseline=answered(error(), status=500, mode="stream")) is UNTESTABLE


@pytest.mark.parametrize(
    ("how", "phase", "verdict"), [("closed", "first-byte", FAIL), ("unreachable", "connect", UNTESTABLE)]
)
def test_a_server_that_is_gone_is_no_broken_keep_alive_connection(how, phase, verdict):
    assert (
        decided("LIFE006", exchange(b"", probe="chat.kept", ending=Ending(how, phase, 0)), baseline=BASELINE) is verdict
    )


def greeted(name, prompt, probe="chat.hello", mode="unary"):
    body = {"messages": [{"role": "user", "content": prompt}], "stream": mode == "stream"}
    return answered(completion(id=name), probe=probe, body=body, mode="unary")


def test_one_id_for_two_requests_fails_outside_a_burst_too():
    other = greeted("a", "What is the weather?", "chat.tools")
    assert decided("LIFE005", greeted("a", "Hello"), others=(greeted("a", "Hello"), other)) is FAIL
    assert decided("LIFE005", greeted("b", "Hello"), others=(greeted("b", "Hello"), other)) is PASS


def test_any_two_ordinary_requests_are_compared():
    call = greeted("a", "What is the weather?", "chat.tools")
    assert decided("LIFE005", call, others=(call, greeted("a", "Is it cold?", "chat.tools.auto"))) is FAIL


def test_a_cache_may_repeat_the_id_of_an_equal_request():
    same = greeted("a", "Hello", mode="stream")
    assert decided("LIFE005", greeted("a", "Hello"), others=(greeted("a", "Hello"), same)) is PASS


def test_empty_ids_are_no_ids():
    assert decided("LIFE005", greeted("", "Hello"), others=(greeted("", "Hi"),)) is PASS


@pytest.mark.parametrize(
    ("why", "after", "again", "verdict"),
    [
        ("the same", retried(), REPEATS[1], PASS),
        ("more prompt tokens", retried(prompt=90), REPEATS[1], FAIL),
        ("the rest of a text", retried("okka."), REPEATS[1], FAIL),
        ("a target that never repeats itself", retried("okka."), answered(completion({"content": "Ho"})), UNTESTABLE),
    ],
)
def test_a_request_is_answered_after_a_disconnect_as_before(why, after, again, verdict):
    compared = {"before": retried(subject="before"), "disconnect": DISCONNECTED, "repeat": REPEATS[0], "again": again}
    assert decided("LIFE009", after, **compared) is verdict, why
    assert decided("LIFE009", after, **compared | {"disconnect": hung_up(b"", "closed")}) is UNTESTABLE
