"""Reading embeddings: numbers and Base64 give the same vector, and no JSON raises."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.apis.embeddings import by_index, cosine, inputs, unreadable_reason, vectors
from conformance.rules.emb.example import as_base64, embedded, entry, listed, single
from conformance.testbed.server.embeddings import as_base64 as served
from conformance.testbed.server.embeddings import as_floats

FLOATS = st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=20).map(tuple)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(("embedding", "index", "a")), inner),
    max_leaves=12,
)


@given(FLOATS)
def test_base64_holds_the_32_bit_floats_that_the_server_wrote(values):
    assert vectors(single(served(values), encoding_format="base64"))[0].values == values == as_floats(values)


@given(FLOATS)
def test_numbers_and_base64_are_the_same_vector(values):
    finite = tuple(value for value in values if math.isfinite(value))
    assert vectors(single([*finite]))[0].values == vectors(single(as_base64(finite)))[0].values


@given(st.lists(JSON, max_size=4))
def test_no_list_of_embeddings_raises(data):
    x = embedded(listed(*data))
    assert len(vectors(x)) == len(data)
    assert isinstance(unreadable_reason(x), str)
    assert all(values is not None for values in by_index(x).values())


@pytest.mark.parametrize(
    ("given", "many"),
    [
        ("a text", 1),
        (["a", "b"], 2),
        ([5, 17, 9], 1),
        ([[5, 17], [9]], 2),
        ([], None),
        (["a", 5], None),
        ([[]], None),
        ({"text": "a"}, None),
        (None, None),
    ],
)
def test_a_flat_list_of_integers_is_one_input(given, many):
    assert inputs(embedded(listed(), given)) == many


def test_a_vector_without_direction_has_no_angle():
    assert cosine((0.0, 0.0), (1.0, 0.0)) is None
    assert cosine((1.0,), (1.0, 0.0)) is None
    assert cosine((math.nan, 1.0), (1.0, 1.0)) is None
    assert cosine((1e300, 0.0), (1.0, 0.0)) is None
    assert cosine((2.0, 0.0), (3.0, 0.0)) == pytest.approx(1)


@pytest.mark.parametrize("text", ["", "AAA", "AAAAA", "not Base64!", "AAAA", "____"])
def test_what_sdks_can_t_decode_has_no_values_or_none_at_all(text):
    assert not vectors(single(text))[0].values


def test_an_entry_without_an_embedding_is_kept_with_its_fault():
    assert [bool(vector.fault) for vector in vectors(embedded(listed(entry(None), 7, entry([1, "2"]))))] == [True] * 3
