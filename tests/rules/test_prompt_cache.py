"""USE: cached tokens of two equal requests."""

import pytest

from conformance import catalogue
from conformance.deciding import decide
from conformance.model.verdict import Status
from conformance.rules.example import answered, completion
from conformance.rules.use.prompt_cache import _chat, _message

RULES = {rule.id: rule for rule in catalogue.rules() if rule.id in ("USE019", "USE020")}
FIRST = {"probe": "chat.cache"}


def status(name, x, first):
    return decide(RULES[name], {"x": x, "first": first}, (x,)).status


@pytest.mark.parametrize(
    ("second", "first", "expected"),
    [
        (_chat(1700, 1408), _chat(1500, 0, **FIRST), Status.PASS),
        (_chat(3300, 1408), _chat(1500, 0, **FIRST), Status.PASS),
        (_chat(2920, 1408), _chat(1500, 0, **FIRST), Status.FAIL),
        (_chat(1500, 1408), _chat(1500, 1408, **FIRST), Status.NOT_APPLICABLE),
        (_chat(1500, 0), _chat(1500, 0, **FIRST), Status.NOT_APPLICABLE),
        (_chat(1500, 0), _chat(92, 1408, **FIRST), Status.FAIL),
        (_chat(1500, 1408), answered(completion(usage=None), **FIRST), Status.UNTESTABLE),
    ],
)
def test_only_a_difference_as_large_as_the_cached_tokens_shows_that_they_are_counted_otherwise(second, first, expected):
    assert status("USE019", second, first) is expected


@pytest.mark.parametrize(
    ("second", "first", "expected"),
    [
        (_message(20, 0, 1480), _message(20, 0, 1480, "messages.cache"), Status.NOT_APPLICABLE),
        (_message(20, 100, 1380), _message(20, 1480, 0, "messages.cache"), Status.PASS),
        (_message(1500, 0, 0), _message(20, 1480, 0, "messages.cache"), Status.PASS),
    ],
)
def test_a_prefix_that_is_read_or_not_cached_again_costs_no_second_write(second, first, expected):
    assert status("USE020", second, first) is expected


def test_the_first_request_is_not_judged():
    assert RULES["USE019"].applies_to(_chat(1500, 0, **FIRST)) is not None
