"""JSON without loss: digits, order and repeated names; and which items of two lists belong together."""

import pytest

from conformance.parsing.json_exact import Number, aligned, equal_values, parse_exact, repeated_names, same_number
from conformance.parsing.json_text import NOT_JSON


@pytest.mark.parametrize(
    ("sent", "arrived"),
    [
        ("1.10", "1.1"),
        ("1.0", "1"),
        ("1e2", "100"),
        ("-0", "0"),
        ("0.1", "0.1000000000000000055511151231257827"),
        ("100000000000000000000000", "1e+23"),
        ("1e400", "10e399"),
    ],
)
def test_numbers_are_equal_however_they_are_written(sent, arrived):
    assert same_number(Number(sent), Number(arrived))


@pytest.mark.parametrize(
    ("sent", "arrived"),
    [
        ("9007199254740993", "9007199254740992"),
        ("9007199254740993", "9007199254740992.0"),
        ("0.7", "0.699999988079071"),
        ("1e400", "1e500"),
        ("1", "1e9999999999999999999"),
    ],
)
def test_numbers_differ_that_lost_digits(sent, arrived):
    assert not same_number(Number(sent), Number(arrived))


def test_objects_are_equal_in_any_order_of_members_but_lists_are_not():
    assert equal_values(parse_exact(b'{"a": 1.0, "b": [1, 2]}'), parse_exact(b'{"b": [1, 2.0], "a": 1}'))
    assert not equal_values(parse_exact(b"[1, 2]"), parse_exact(b"[2, 1]"))
    assert not equal_values(parse_exact(b'{"a": null}'), parse_exact(b"{}"))


def test_all_values_of_a_repeated_name_are_kept():
    value = parse_exact(b'{"x": [{"n": 1, "n": 2}]}')
    assert list(repeated_names(value)) == [(("x", 0, "n"), (Number("1"), Number("2")))]


@pytest.mark.parametrize("data", [b"", b"{", b"NaN", b"\xff", b"[1] 2", b"[" * 100_000, b"[" * 200 + b"]" * 200])
def test_what_is_no_json_text_has_no_value(data):
    assert parse_exact(data) is NOT_JSON


def item(role, text):
    return {"role": role, "content": text}


@pytest.mark.parametrize(
    ("sent", "arrived", "pairs"),
    [
        (["a", "b"], ["b", "a"], [(0, 0), (1, 1)]),
        (["a", "b", "c"], ["a", "c"], [(0, 0), (1, None), (2, 1)]),
        (["a"], ["x", "a"], [(None, 0), (0, 1)]),
        ([item("system", "a"), item("user", "b")], [item("user", "changed")], [(0, None), (1, 0)]),
        ([item("user", "b")], [item("system", "a"), item("user", "changed")], [(None, 0), (0, 1)]),
    ],
)
def test_items_of_two_lists_are_put_together(sent, arrived, pairs):
    assert sorted(aligned(sent, arrived), key=str) == sorted(pairs, key=str)
