"""What the clients' own readers make of JSON that is unfinished or odd: as jiter and Pydantic were seen to do."""

import pytest

from conformance.clients import jiter
from conformance.clients.required_tool import offers
from conformance.clients.validators import as_integer, timestamp, whole
from conformance.rules.example import exchange

REFUSED = object()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a', {}),
        ('{"a":"x', {"a": "x"}),
        ('{"a":"x\\u12', {"a": "x"}),
        ('{"a":[1,', {"a": [1]}),
        ('{"a":tr', {}),
        ('{"a":1.', {}),
        ('{"a":1} and more', {"a": 1}),
        ('{"a":1 "b"', {"a": 1}),
        ('"x', "x"),
        ('{"a" 1', REFUSED),
        ('{"a":1,}', REFUSED),
        ("{a", REFUSED),
        ('{"a":01', REFUSED),
        ('{"a":"\\x', REFUSED),
        ('{"a":"\\ud800"}', REFUSED),
        ("-", REFUSED),
        ("", REFUSED),
    ],
)
def test_an_unfinished_text_has_the_value_so_far(text, value):
    if value is REFUSED:
        with pytest.raises(ValueError, match=r"."):
            jiter.partial(text)
        assert not jiter.accepts(text)
    else:
        assert jiter.partial(text) == value
        assert jiter.accepts(text) == (text != '"x')


def test_a_complete_text_has_no_rest_and_no_lone_surrogate():
    assert jiter.is_complete('{"a":NaN}')
    assert not any(map(jiter.is_complete, ('{"a":1}x', '{"a":1', '"\\ud800"', "")))


@pytest.mark.parametrize("value", [1, True, 1.0, -(10**400), "7", " 7 ", "7.0", "1_000"])
def test_pydantic_takes_a_value_as_an_integer(value):
    assert as_integer(value)
    assert isinstance(whole(value), int)


@pytest.mark.parametrize("value", [None, 1.5, 1e308, float("inf"), "", "x", "7.5", [], {}])
def test_pydantic_takes_no_integer_from(value):
    assert not as_integer(value)


def test_pydantic_takes_a_time_in_seconds_or_milliseconds_up_to_the_year_9999():
    assert all(map(timestamp, (0, 1.5, -1, "1", "2020-01-01", 253_402_300_799_999)))
    assert not any(map(timestamp, (True, "x", "", 253_402_300_800_000, [], 1e308)))


@pytest.mark.parametrize("tool", [{"function": {"name": "todo"}}, {"name": "todo"}])
def test_a_request_offers_the_tools_that_it_names_or_any_if_it_names_none(tool):
    x = exchange(b"", body={"tools": [tool]})
    assert offers(x, "todo")
    assert not offers(x, "other")
    assert offers(exchange(b"", body={}), "other")
