"""What a response shows of a token cap: kept, raised or ignored."""

import pytest

from conformance.field_support.capability import effect_shown
from conformance.rules.example import answered, completion


@pytest.mark.parametrize(("finish", "expected"), [("length", "by a higher cap"), ("stop", "silently ignored")])
def test_a_cap_that_was_raised_is_not_reported_as_one_that_was_ignored(finish, expected):
    text = {"content": "word " * 16}
    x = answered(completion(text, finish), probe="chat.witness.max_tokens", body={"max_tokens": 1})
    _, sight = effect_shown(x)
    assert (sight.state, expected in sight.why) == ("dropped", True)
