"""The embedded embeddings endpoint, used by the real openai client, and as raw requests."""

import math
from functools import partial

import pytest

from conformance.apis.embeddings import cosine
from conformance.testbed.server.deployments import NATIVE_SSE
from conformance.testbed.server.embeddings import DIMENSIONS, VOCABULARY
from conformance.testbed.server.serve import running

TEXT = "The harbour lamp is green tonight."


@pytest.fixture(scope="module")
def create(openai):
    """The method of the real client, against the embedded server."""
    with running(NATIVE_SSE) as url, openai.OpenAI(base_url=url, api_key="any", timeout=None) as client:
        yield partial(client.embeddings.create, model="reference")


@pytest.fixture
def ask_embeddings(ask):
    return lambda **fields: ask({"model": "reference", **fields}, path="/v1/embeddings")


def test_the_client_gets_the_same_numbers_whether_it_asks_for_base64_or_not(create):
    usual, plain = create(input=TEXT), create(input=TEXT, encoding_format="float")
    assert usual.data[0].embedding == plain.data[0].embedding
    assert len(usual.data[0].embedding) == DIMENSIONS
    assert math.hypot(*usual.data[0].embedding) == pytest.approx(1)
    assert (usual.object, usual.data[0].object, usual.model) == ("list", "embedding", "reference")


def test_a_batch_has_the_embeddings_of_its_texts_in_order(create):
    texts = [TEXT, "Knead the dough.", "A distant galaxy."]
    batch = create(input=texts)
    assert [entry.index for entry in batch.data] == [0, 1, 2]
    assert [entry.embedding for entry in batch.data] == [create(input=text).data[0].embedding for text in texts]
    assert batch.usage.total_tokens == batch.usage.prompt_tokens
    assert batch.usage.prompt_tokens == sum(create(input=text).usage.prompt_tokens for text in texts)


def test_texts_with_words_in_common_are_nearer_than_others(create):
    lamp, other_lamp, dough = (
        entry.embedding for entry in create(input=[TEXT, "The lamp in the harbour is red.", "Knead the dough."]).data
    )
    assert cosine(lamp, other_lamp) > cosine(lamp, dough)


def test_tokens_are_one_input_and_lists_of_tokens_several(create):
    assert len(create(input=[5, 17, 9]).data) == 1
    assert len(create(input=[[5, 17], [9]]).data) == 2
    assert create(input=[5, 17, 9]).usage.prompt_tokens == 3


def test_fewer_dimensions_are_the_first_ones_normalised_again(create):
    whole, reduced = create(input=TEXT).data[0].embedding, create(input=TEXT, dimensions=8).data[0].embedding
    assert len(reduced) == 8
    assert math.hypot(*reduced) == pytest.approx(1)
    assert cosine(whole[:8], reduced) == pytest.approx(1)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input"),
        ({"input": ["a", 5]}, "input"),
        ({"input": {"text": "a"}}, "input"),
        ({"input": [VOCABULARY]}, "input"),
        ({"input": ["a"] * 2049}, "input"),
        ({"input": "no " * 70_000}, "input"),
        ({"input": "a", "dimensions": DIMENSIONS + 1}, "dimensions"),
        ({"input": "a", "dimensions": 0}, "dimensions"),
        ({"input": "a", "encoding_format": "int8"}, "encoding_format"),
        ({"input": "a", "stream": True}, "stream"),
        ({"input": "a", "user": 7}, "user"),
        ({}, "input"),
    ],
    ids=str,
)
def test_what_is_not_valid_is_rejected_by_name(ask_embeddings, fields, param):
    got = ask_embeddings(**fields)
    assert got.status == 400
    assert got.json["error"]["param"].partition("[")[0] == param


def test_the_client_raises_for_another_model(create, openai):
    with pytest.raises(openai.NotFoundError, match="not offered"):
        create(model="another", input=TEXT)
