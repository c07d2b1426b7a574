import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.testbed.server.model import GenerationRequest, Tool, generate, spell, tokenize
from conformance.testbed.server.schema_sample import MAX_VALUES, instance_of

SCHEMAS = {
    "scalars": {
        "type": "object",
        "properties": {
            "s": {"type": "string", "minLength": 9, "maxLength": 12},
            "short": {"type": "string", "maxLength": 2},
            "date": {"type": "string", "format": "date"},
            "i": {"type": "integer", "minimum": 7, "multipleOf": 5},
            "low": {"type": "integer", "maximum": -3},
            "above": {"type": "integer", "exclusiveMinimum": 4},
            "x": {"type": "number", "minimum": 0.2, "maximum": 0.8},
            "b": {"type": "boolean"},
            "nothing": {"type": "null"},
            "maybe": {"type": ["null", "integer"]},
        },
        "required": ["s", "short", "i", "low", "above", "x", "b", "nothing", "maybe"],
    },
    "enum": {"enum": ["red", "blue"]},
    "const": {"const": {"a": [1]}},
    "required-only": {"type": "object", "required": ["a", "b"]},
    "array": {"type": "array", "items": {"type": "integer"}, "minItems": 3, "maxItems": 3},
    "tuple": {"type": "array", "prefixItems": [{"type": "integer"}, {"type": "string"}], "items": False},
    "anyOf": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]}]},
    "allOf": {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"properties": {"b": {"const": 2}}, "required": ["b"]},
        ]
    },
    "reference": {
        "$defs": {"a/b": {"type": "integer"}},
        "type": "object",
        "properties": {"x": {"$ref": "#/$defs/a~1b"}},
        "required": ["x"],
    },
    "recursive": {
        "type": "object",
        "properties": {"name": {"type": "string"}, "children": {"type": "array", "items": {"$ref": "#"}}},
        "required": ["name", "children"],
        "additionalProperties": False,
    },
    "anything": {},
}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=list(SCHEMAS))
def test_an_instance_satisfies_its_schema(schema):
    assert jsonschema.Draft202012Validator(schema).is_valid(instance_of(schema))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
KEYWORDS = st.sampled_from(
    [
        *("type", "properties", "required", "items", "enum", "const", "anyOf", "oneOf", "allOf", "$ref", "prefixItems"),
        *("minItems", "maxItems", "minimum", "maximum", "exclusiveMinimum", "multipleOf"),
        *("minLength", "maxLength", "format"),
    ]
)
TYPES = st.sampled_from(["object", "array", "string", "integer", "number", "boolean", "null", "other"])
ODD = st.recursive(
    JSON | TYPES,
    lambda inner: st.dictionaries(KEYWORDS, inner | TYPES | st.lists(inner, max_size=3), max_size=5),
    max_leaves=12,
)


@given(ODD)
def test_no_schema_however_odd_makes_the_generator_raise(schema):
    made = instance_of(schema)
    assert json.loads(json.dumps(made, allow_nan=False)) == made


def test_a_schema_that_explodes_is_bounded():
    wide = {"type": "object", "properties": {str(n): {"$ref": "#"} for n in range(30)}}
    wide["required"] = list(wide["properties"])

    def values(value):
        return 1 + sum(values(inner) for inner in value.values()) if isinstance(value, dict) else 1

    assert values(instance_of(wide)) < MAX_VALUES * 40


@given(st.text())
def test_tokens_joined_are_the_text(text):
    assert "".join(tokenize(text)) == text


@pytest.mark.parametrize(
    ("number", "words"), [(0, "zero"), (13, "thirteen"), (20, "twenty"), (40, "forty"), (99, "ninety-nine")]
)
def test_numbers_are_spelt(number, words):
    assert spell(number) == words


def test_counting_backwards_or_to_nowhere_counts_to_forty():
    for prompt in ("Count from nine to three.", "Count from here to there.", "Count."):
        assert "".join(generate(GenerationRequest(prompt=prompt)).text).endswith("thirty-nine, forty.")


def test_the_same_turn_is_answered_the_same_and_no_random_is_involved():
    turn = GenerationRequest(prompt="weather", tools=(Tool(name="get_weather", parameters={}),))
    assert generate(turn) == generate(turn)


def test_calls_without_room_are_left_out():
    tool = Tool(name="f", parameters={"type": "object", "properties": {"a": {"const": "b c d"}}})
    said = generate(GenerationRequest(prompt="both", tools=(tool,), choice="required", cap=2))
    assert (len(said.calls), said.tokens, said.finish) == (1, 2, "length")
    assert said.calls[0].value == {}
