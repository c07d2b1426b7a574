"""What rests on time is held against a target only if it was not busy with our own requests."""

from dataclasses import replace

import pytest

from conformance.catalogue import installed
from conformance.comparisons import Evidence
from conformance.model.exchange import Ending
from conformance.model.verdict import Finding, Level, Status, Verdict
from conformance.own_load import Occupied, unless_busy
from conformance.rules.example import exchange


def ended(how, phase, name="judged", attempt=1, probe="chat.usage"):
    """An exchange that ended so."""
    return replace(exchange(b"", probe=probe, ending=Ending(how, phase, 0)), id=name, attempt=attempt)


MUTE, STALLED, RESET = ended("timeout", "first-byte"), ended("timeout", "body"), ended("reset", "first-byte")
OTHER = ended("timeout", "first-byte", "other", probe="chat.hello")
AGAIN = ended("timeout", "first-byte", "judged.2", attempt=2)


def status(rule, x, *others, suite="gate"):
    """The status of a failure of this rule on `x`, in a recording with the others."""
    seen = {other.id: other for other in (x, *others)}
    evidence = Evidence(seen.__getitem__, installed())
    for one in seen.values():
        evidence.add(one)
    failed = Verdict(
        rule=rule, title="", level=Level.MUST, status=Status.FAIL, case=x.case, message="", findings=(Finding("late"),)
    )
    return unless_busy(failed, x, evidence, suite).status


@pytest.mark.parametrize(
    ("why", "rule", "x", "others", "expected"),
    [
        ("another was given up", "DLV003", STALLED, [OTHER], Status.UNTESTABLE),
        ("no byte came, and another was given up", "HTTP001", MUTE, [OTHER], Status.UNTESTABLE),
        ("nothing else was given up", "DLV003", STALLED, [], Status.FAIL),
        ("it was sent again, to a target that was free", "DLV003", STALLED, [OTHER, AGAIN], Status.FAIL),
        ("bytes show it", "CHK003", STALLED, [OTHER], Status.FAIL),
        ("a reset is no wait", "HTTP001", RESET, [OTHER], Status.FAIL),
        ("the other was not given up", "DLV003", STALLED, [replace(OTHER, ending=RESET.ending)], Status.FAIL),
        ("the other never reached the target", "DLV003", STALLED, [ended("timeout", "connect", "other")], Status.FAIL),
    ],
)
def test_a_late_response_is_held_against_a_target_that_was_free(why, rule, x, others, expected):
    assert status(rule, x, *others) is expected, why


def test_a_case_of_fuzzing_is_not_excused_by_another_that_hangs():
    assert status("HTTP001", MUTE, OTHER, suite="fuzz") is Status.FAIL


def test_an_api_is_in_doubt_from_a_given_up_response_until_the_smallest_request_is_answered():
    occupied = Occupied()
    occupied.note(RESET)
    assert not occupied.is_in_doubt("chat")
    occupied.note(MUTE)
    assert occupied.is_in_doubt("chat")
    occupied.conclude(ended("idle", "after"))
    assert (occupied.is_in_doubt("chat"), occupied.is_in_doubt("messages")) == (False, True)
    occupied.note(STALLED)
    assert occupied.is_in_doubt("chat")


S = 10**9


def waited(how, seconds, cap=8):
    """An exchange that ended so after this time, with a request for so many tokens; 0 sets no cap."""
    body = {"model": "m", "messages": []} | ({"max_tokens": cap} if cap else {})
    return exchange(
        b"", mode="unary", body=body, ending=Ending(how, "first-byte" if how != "idle" else "after", seconds * S)
    )


@pytest.mark.parametrize(
    ("why", "given_up", "smallest", "is_busy"),
    [
        ("a long response may be under way", [waited("timeout", 60, cap=0)], waited("timeout", 60), True),
        ("a long response may be under way", [waited("timeout", 60, cap=65536)], waited("timeout", 60), True),
        ("many short ones may take longer than it waited", [waited("timeout", 60)] * 70, waited("timeout", 60), True),
        ("a few short ones would be done", [waited("timeout", 60)] * 20, waited("timeout", 60), False),
        ("it is dead", [waited("timeout", 60, cap=0)], waited("reset", 0), False),
        ("it is dead", [waited("timeout", 60, cap=0)], waited("unreachable", 0), False),
        ("it is free", [waited("timeout", 60, cap=0)], waited("idle", 59), False),
    ],
)
def test_a_target_is_busy_as_long_as_it_may_be_generating_what_was_given_up(why, given_up, smallest, is_busy):
    occupied = Occupied()
    for x in (waited("idle", 1), *given_up):
        occupied.note(x)
    occupied.conclude(smallest)
    assert (occupied.busy == {"chat"}) is is_busy, why
    assert not occupied.is_in_doubt("chat")
