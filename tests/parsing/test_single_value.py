import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.parsing.single_value import NOT_UNIQUE, damaged_ends, encoding_damage, only_value
from conformance.probes.tools import FORECAST, KEYWORDS, LONG, SIGN, TICK


def parameters(tool):
    return tool["parameters"]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"const": None}, None),
        ({"enum": ["a"]}, "a"),
        ({"enum": ["a", "b"]}, NOT_UNIQUE),
        ({"type": "string"}, NOT_UNIQUE),
        ({}, NOT_UNIQUE),
        (None, NOT_UNIQUE),
        ({"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]}, NOT_UNIQUE),
        ({"type": "object", "properties": {"a": {"const": 1}}, "additionalProperties": False}, NOT_UNIQUE),
        (parameters(TICK), {}),
        (parameters(SIGN), {"place": {"city": "Zürich, 東京 🌙"}, "color": "grün"}),
        (parameters(FORECAST), NOT_UNIQUE),
        (parameters(KEYWORDS), NOT_UNIQUE),
    ],
)
def test_the_one_value_of_a_schema(schema, value):
    assert only_value(schema) == value


def test_the_long_call_has_one_value():
    assert len(only_value(parameters(LONG))["text"].split()) == 12


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: (
        st.lists(inner) | st.dictionaries(st.sampled_from(["type", "properties", "required", "enum", "const"]), inner)
    ),
)


@given(JSON, JSON)
def test_any_json_is_read_without_an_exception(schema, found):
    meant = only_value(schema)
    assert all(said != told and isinstance(told, str) for said, told in encoding_damage(found, meant))
    assert list(encoding_damage(meant, meant)) == []


MEANT = "Zürich, 東京 🌙"


@pytest.mark.parametrize(
    "found",
    [
        MEANT.encode().decode("latin-1"),
        MEANT.encode().decode("cp1252", "replace"),
        "Z?rich, ?? ?",
        "Z\ufffd\ufffdrich, 東京 🌙",
        "Zürich, 東京 \ufffd",
        "Zrich,  ",
    ],
)
def test_damage_is_seen(found):
    assert list(encoding_damage({"a": {"b": found}}, {"a": {"b": MEANT}})) == [(found, MEANT)]


@pytest.mark.parametrize("found", [MEANT, "Zurich, Tokyo", "Zürich", "Zürich?", "", "????????", "Zürich, 東京"])
def test_other_words_are_no_damage(found):
    assert list(encoding_damage(found, MEANT)) == []


VALUE = {"lamps": "seven green lamps \N{CRAB}"}
WHOLE = '{"lamps": "seven green lamps \N{CRAB}"}'


@pytest.mark.parametrize(
    ("text", "clause"),
    [
        (WHOLE, ""),
        (WHOLE.replace(": ", ":\n  "), ""),
        ('{"lamps": "seven green lamps \\ud83e\\udd80"}', ""),
        (WHOLE[2:], "its first 2 of 28 character(s) are lost"),
        (WHOLE[:-2], "its last 2 of 28 character(s) are lost"),
        (WHOLE[:12], "its last 17 of 28 character(s) are lost"),
        ('{"lamps": "seven green lamps \\ud83e\\udd80', "its last 2 of 39 character(s) are lost"),
        ('{"' + WHOLE, "its first 2 character(s) are doubled"),
        (WHOLE + "}", "its last 1 character(s) are doubled"),
        (WHOLE + "\n" + WHOLE, "its last 28 character(s) are doubled"),
        (WHOLE.replace("green ", ""), ""),
        ("{", ""),
        ("lamps", ""),
        ("", ""),
        ("```json" + WHOLE, ""),
    ],
)
def test_only_an_end_that_is_missing_or_twice_is_damage(text, clause):
    assert damaged_ends(text, VALUE) == clause
