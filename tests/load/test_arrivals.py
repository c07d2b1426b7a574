"""When requests are due, and how many users there are."""

import pytest

from conformance.load.arrivals import Arrivals
from conformance.load.shape import Stage, duration, most_users, users_at

SECOND = 1_000_000_000


def test_requests_are_due_at_the_rate():
    arrivals = Arrivals(rate=4, began_ns=SECOND)
    assert [arrivals.take() for _ in range(5)] == [SECOND + n * SECOND // 4 for n in range(5)]


def test_an_arrival_that_is_given_back_is_the_next_one():
    arrivals = Arrivals(rate=1, began_ns=0)
    first, second, third = (arrivals.take() for _ in range(3))
    arrivals.give_back(second)
    arrivals.give_back(first)
    assert [arrivals.take() for _ in range(3)] == [first, second, third + SECOND]


@pytest.mark.parametrize(("taken", "not_sent"), [(0, 10), (4, 6), (10, 0), (12, 0)])
def test_what_is_due_and_not_taken_is_counted(taken, not_sent):
    arrivals = Arrivals(rate=5, began_ns=0)
    for _ in range(taken):
        arrivals.take()
    assert arrivals.not_sent(2 * SECOND) == not_sent


def test_what_is_given_back_counts_only_if_it_was_due():
    arrivals = Arrivals(rate=1, began_ns=0)
    due = [arrivals.take() for _ in range(3)]
    for one in due:
        arrivals.give_back(one)
    assert arrivals.not_sent(due[2]) == 2


STAGES = (
    Stage(duration=10, users=20, spawn_rate=4),
    Stage(duration=5, users=8),
    Stage(duration=2.5, users=2, spawn_rate=2),
)


@pytest.mark.parametrize(
    ("seconds", "users"),
    [(0, 1), (1, 5), (4.9, 20), (9.9, 20), (10, 8), (14.9, 8), (15, 7), (16, 5), (17.4, 3), (17.5, None), (99, None)],
)
def test_users_come_and_go_as_the_stages_say(seconds, users):
    assert users_at(STAGES, seconds) == users


def test_without_a_spawn_rate_all_users_start_at_once():
    assert users_at((Stage(duration=1, users=64),), 0) == 64


def test_a_shape_has_a_duration_and_a_highest_number_of_users():
    assert (duration(STAGES), most_users(STAGES)) == (17.5, 20)
