"""The numbers of a load: what counts, from when, over how many, and what the harness itself did to them."""

import msgspec
import pytest

from conformance.load import figures, percentiles
from conformance.load.percentiles import Measured
from conformance.model.case import CaseId, Kind
from conformance.model.load import Bound, LoadFacts, LoadSecond, LoadStep
from conformance.model.sample import Population, Sample
from conformance.model.verdict import MUST, SHOULD, Status, Verdict

MS = 1_000_000
S = 1000 * MS


def sample(number=0, **changes):
    """A complete response that began after `number` tenths of a second, and took 100 ms."""
    facts = {"nonce": f"n{number}", "user": number % 4, "turn": number, "api": "chat", "profile": "hermes"}
    facts |= {"mode": "stream", "phase": "load", "task": "text", "outcome": "complete", "status": 200}
    facts |= {"began": number * 100 * MS, "first_byte": 10 * MS, "first_token": 20 * MS, "ended": 100 * MS}
    return Sample(**facts | changes)


def result(samples, judge=lambda _: (), must=(), **facts):
    known = LoadFacts(**{"users": 4, "duration_s": 10.0} | facts)
    return figures.load_result(known, Population(tuple(samples)), must, judge)


# Percentiles


@pytest.mark.parametrize(
    ("count", "expected"), [(1, ()), (2, ("p50",)), (10, ("p50", "p90")), (100, ("p50", "p90", "p99"))]
)
def test_a_percentile_needs_enough_responses(count, expected):
    found = percentiles.times(Measured(10 * MS, 0) for _ in range(count))
    assert found.n == count
    assert tuple(name for name in ("p50", "p90", "p99") if getattr(found, name) is not None) == expected


def test_a_percentile_is_one_of_the_times():
    found = percentiles.times(Measured(ms * MS, 0) for ms in range(100, 0, -1))
    assert (found.p50, found.p90, found.p99) == (50, 90, 99)
    assert found.at_most == ()


def test_what_stalls_of_the_harness_made_much_longer_is_an_upper_bound():
    fast, stalled = [Measured(20 * MS, 0)] * 95, [Measured(500 * MS, 400 * MS)] * 5
    found = percentiles.times([*fast, *stalled])
    assert (found.p50, found.p99) == (20, 500)
    assert found.at_most == ("p99",)


def test_a_stall_that_changes_little_changes_nothing():
    assert percentiles.times([Measured(2 * S, 30 * MS)] * 100).at_most == ()
    assert percentiles.times([Measured(15 * MS, 9 * MS)] * 100).at_most == ()


def test_a_busy_harness_gives_upper_bounds_only():
    assert percentiles.times([Measured(20 * MS, 0)] * 10, is_busy=True).at_most == ("p50", "p90")


# What counts


def test_requests_that_have_to_get_an_error_count_apart():
    found = result([sample(0), sample(1, task="mistake", outcome="error", status=404)])
    assert (found.requests, found.mistakes, found.outcomes, found.statuses) == (1, 1, {"complete": 1}, {200: 1})
    assert found.goodput.requests == 1


def test_times_are_those_of_complete_responses_and_of_what_the_harness_gave_up_on():
    refused = [sample(n, outcome="overloaded", status=429, ended=MS) for n in range(50)]
    late = sample(60, outcome="timeout", first_byte=None, first_token=None, ended=30 * S)
    (found,) = result([sample(51), late, *refused]).combinations
    assert found.load.first_byte_ms.n == 2
    assert found.load.whole_ms.n == 2
    (slow,) = result([late, late]).combinations
    assert slow.load.first_byte_ms.p50 == slow.load.whole_ms.p50 == 30_000


def test_the_time_of_an_open_arrival_counts_from_when_it_was_due():
    waiting = [sample(20 + n, late=2 * S) for n in range(10)]
    found = result(waiting, rate=5.0)
    (one,) = found.combinations
    assert (one.load.first_byte_ms.p50, one.load.first_token_ms.p50, one.load.whole_ms.p50) == (2010, 2020, 2100)
    assert one.load.gap_ms.p50 == 0
    assert found.intervals[0].outcomes == {"complete": 10}


def test_each_kind_of_request_has_its_own_times_alone_and_under_load():
    alone = [sample(n, phase="alone", nonce=f"a{n}", ended=50 * MS) for n in range(2)]
    unary = [sample(n, mode="unary", longest_gap=0) for n in range(2)]
    first, second = result([*alone, *unary, sample(9), sample(10)]).combinations
    assert (first.mode, second.mode) == ("stream", "unary")
    assert (first.alone.whole_ms.p50, first.load.whole_ms.p50) == (50, 100)
    assert second.alone.whole_ms.n == second.load.gap_ms.n == 0


# Goodput


@pytest.mark.parametrize(
    ("changes", "is_good"),
    [
        ({}, True),
        ({"first_token": 3 * S, "ended": 4 * S}, False),
        ({"first_token": None, "first_byte": 3 * S, "ended": 4 * S}, False),
        ({"longest_gap": 2 * S, "ended": 4 * S}, False),
        ({"late": 3 * S}, False),
        ({"outcome": "overloaded", "status": 429}, False),
        ({"foreign": ("n1",)}, False),
        ({"foreign": ("of-nobody",)}, True),
        ({"failed": ("CHK001",)}, False),
        ({"failed": ("CHK009",)}, True),
        ({"failed": ("CHK002",)}, True),
        ({"numbers": "lost"}, False),
    ],
    ids=str,
)
def test_a_response_is_good_if_it_is_complete_in_time_and_as_alone(changes, is_good):
    whole = {"numbers": "whole"}
    alone = sample(5, phase="alone", failed=("CHK002",), **whole)
    found = result([alone, sample(1, **whole), sample(2, **whole | changes)], must=("CHK001", "CHK002")).goodput
    assert (found.requests, found.good) == (2, 1 + is_good)
    assert found.per_second == (1 + is_good) / 10


def test_where_the_model_does_not_count_alone_no_number_has_to_be_there():
    assert result([sample(5, phase="alone"), sample(1)]).goodput.good == 1


def test_the_bound_is_the_one_that_was_asked_for():
    slow = sample(1, first_token=3 * S, ended=4 * S)
    assert result([slow], bound=Bound(first_token_s=5.0)).goodput.good == 1


def test_what_only_a_stall_of_the_harness_made_late_is_unclear():
    found = result([sample(1, first_token=3 * S, stall=2 * S, ended=4 * S)]).goodput
    assert (found.good, found.unclear) == (0, 1)


def test_what_was_due_and_not_sent_is_not_good_and_what_the_harness_ended_does_not_count():
    ended = [sample(n, outcome=name) for n, name in enumerate(("disconnected", "stopped"))]
    found = result([*ended, sample(5)], not_sent=3, rate=1.0)
    assert (found.goodput.requests, found.goodput.good, found.not_sent) == (4, 1, 3)


# Over time


def test_each_second_has_the_requests_that_were_due_in_it_on_the_clock_of_their_worker():
    offset = 1000 * S
    other = [sample(n, worker=1, began=offset + n * 100 * MS) for n in range(20)]
    seconds = (LoadSecond(users=2), LoadSecond(users=4, stall_ms=70.0, cpu=0.5), LoadSecond(users=4))
    found = result([*map(sample, range(20)), *other], began_ns={0: 0, 1: offset}, seconds=seconds, duration_s=3.0)
    assert [one.at_s for one in found.intervals] == [0, 1, 2]
    assert [one.outcomes for one in found.intervals] == [{"complete": 20}, {"complete": 20}, {}]
    assert [one.users for one in found.intervals] == [2, 4, 4]
    assert [one.stall_ms for one in found.intervals] == [0, 70, 0]
    assert (found.harness.longest_stall_ms, found.harness.stalled_seconds, found.harness.seconds) == (70, 1, 3)


def test_a_long_load_has_no_more_intervals_than_a_chart_can_show():
    found = result([sample(n * 10) for n in range(3600)], duration_s=3600.0)
    assert found.interval_s == 30
    assert len(found.intervals) == figures.MOST_INTERVALS
    assert sum(sum(one.outcomes.values()) for one in found.intervals) == 3600


def test_a_load_without_a_request_has_no_number_but_zeros():
    found = result([], duration_s=0.0)
    assert (found.requests, found.per_second, found.intervals, found.combinations) == (0, 0, (), ())


# Steps


STEPS = tuple(LoadStep(users=users, began_s=at, ended_s=at + 4) for at, users in ((1, 8), (6, 16), (11, 32)))


def verdict(status, level=MUST, rule="LOAD001"):
    case = CaseId("chat", "hermes", "stream", Kind.BASELINE)
    return Verdict(rule=rule, title="t", level=level, status=status, case=case, message="")


def judging(failing):
    """A rule that fails for the populations with one of these requests under load."""
    return lambda known: [verdict(Status.FAIL if any(one.turn in failing for one in known.load) else Status.PASS)]


@pytest.mark.parametrize(
    ("failing", "states", "highest"),
    [
        ((), ("holds", "holds", "holds"), 32),
        ((140,), ("holds", "holds", "fails"), 16),
        ((80,), ("holds", "fails", "holds"), 8),
        ((20,), ("fails", "holds", "holds"), 0),
    ],
)
def test_the_target_is_conformant_up_to_the_step_below_the_first_that_fails(failing, states, highest):
    found = result(map(sample, range(160)), judging(failing), duration_s=16.0, steps=STEPS)
    assert tuple(step.state for step in found.steps) == states
    assert found.conformant_up_to == highest


def test_a_request_counts_for_the_step_in_which_it_was_due():
    hanging = sample(40, ended=5 * S, outcome="timeout")
    between, interrupted = sample(55), sample(155)
    sent = [sample(20), hanging, between, interrupted]
    found = result(sent, judging((40,)), began_ns={0: 0}, duration_s=16.0, steps=STEPS)
    assert [step.requests for step in found.steps] == [2, 0, 0]
    assert [step.state for step in found.steps] == ["fails", "holds", "holds"]
    assert found.steps[0].per_second == pytest.approx(2 / 8)


def test_steps_are_shown_by_number_of_users_in_whatever_order_they_were_tried():
    tried = (STEPS[2], msgspec.structs.replace(STEPS[0], began_s=17, ended_s=20))
    assert [step.users for step in result([], duration_s=20.0, steps=tried).steps] == [8, 32]


def test_a_step_is_judged_by_what_it_did_alone_too_and_knows_all_requests_of_the_run():
    seen = []

    def judge(known):
        seen.append((len(known.alone), len(known.load), known.owner("n140") is not None))
        return ()

    alone = [sample(n, phase="alone", nonce=f"a{n}") for n in range(3)]
    found = result([*alone, *map(sample, range(160))], judge, duration_s=16.0, steps=STEPS)
    assert [counts[0] for counts in seen] == [3, 3, 3]
    assert [counts[1] for counts in seen] == [41, 41, 41]
    assert all(counts[2] for counts in seen)
    assert {step.state for step in found.steps} == {"undecided"}
    assert found.conformant_up_to == 0


def test_a_step_that_decides_nothing_ends_no_search():
    def judge(known):
        return [verdict(Status.UNTESTABLE if known.load[0].turn < 60 else Status.PASS)]

    found = result(map(sample, range(160)), judge, duration_s=16.0, steps=STEPS)
    assert [step.state for step in found.steps] == ["undecided", "holds", "holds"]
    assert found.conformant_up_to == 32


def test_only_a_must_decides_a_step():
    found = result([sample(20)], lambda _: [verdict(Status.FAIL, SHOULD), verdict(Status.PASS)], steps=STEPS[:1])
    assert found.steps[0].state == "holds"


def test_without_steps_there_is_no_highest_number_of_users():
    assert result([sample(0)]).conformant_up_to is None


# The harness


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        ((LoadSecond(users=1, cpu=0.5, stall_ms=20.0, stalled_ms=40.0),) * 10, ""),
        ((LoadSecond(users=1, cpu=0.97),) * 10, "97% of a processor in 10 of 10 seconds"),
        ((LoadSecond(users=1, cpu=0.97), *[LoadSecond(users=1, cpu=0.2)] * 9), ""),
        ((LoadSecond(users=1, stall_ms=15.0, stalled_ms=400.0),) * 10, "stalled for 40% of the time"),
        ((LoadSecond(users=1, stall_ms=400.0),) * 10, "stalled for 40% of the time"),
    ],
)
def test_times_are_untestable_where_the_harness_did_not_keep_up(seconds, words):
    found = result(map(sample, range(100)), seconds=seconds)
    assert words in found.harness.untestable
    assert bool(found.harness.untestable) == bool(words)
    (one,) = found.combinations
    assert bool(one.load.first_token_ms.at_most) == bool(words)


def test_a_stall_within_the_responses_is_said_though_the_seconds_look_fine():
    found = result([sample(n, stall=90 * MS) for n in range(20)])
    assert "stalled" in found.harness.untestable


def test_the_numbers_are_read_again_from_json():
    found = result(map(sample, range(160)), judging(()), duration_s=16.0, steps=STEPS)
    assert msgspec.json.decode(msgspec.json.encode(found), type=type(found)) == found


def test_the_order_of_samples_does_not_matter():
    samples = [sample(n, ended=(100 + n) * MS) for n in range(30)]
    one, other = result(samples), result(reversed(samples))
    assert one == other
