"""The search for the highest number of users at which all MUST rules hold."""

import pytest

from conformance.load.steps import next_step


def searched(most, highest):
    """The numbers that are tried if up to `highest` users are served well."""
    tried = {}
    while (users := next_step(tried, most)) is not None:
        tried[users] = users <= highest
    return tried


@pytest.mark.parametrize(
    ("most", "highest", "tried"),
    [
        (64, 1000, [2, 4, 8, 16, 32, 64]),
        (48, 1000, [2, 4, 8, 16, 32, 48]),
        (64, 0, [2]),
        (64, 2, [2, 4, 3]),
        (64, 20, [2, 4, 8, 16, 32, 24, 20, 22]),
        (1, 1000, [1]),
    ],
)
def test_numbers_double_and_then_the_distance_is_halved(most, highest, tried):
    assert list(searched(most, highest)) == tried


@pytest.mark.parametrize("highest", [2, 3, 7, 48, 63, 500, 999])
def test_the_number_is_found_to_an_eighth(highest):
    tried = searched(10_000, highest)
    found = max(users for users, holds in tried.items() if holds)
    assert found <= highest < found + max(1, found // 7 + 1)
    assert len(tried) < 20
