"""The clients of embeddings: what their users store, and what it costs; all tables are in facts_embeddings.py."""

import pytest
from client_replies import answered, reply_to
from embedding_replies import OTHER, entry, listed, packed

from conformance.clients import CLIENTS, affected_clients, concerns_only_its_sender, impact
from conformance.handbook.affected_clients import effects
from conformance.model.target import Prices

BY_NAME = {client.name: client for clients in CLIENTS.values() for client in clients if client.api == "embeddings"}
PRICED = Prices(request=0.001)


def seen_by(name, behaviour):
    return impact(BY_NAME[name], reply_to("embeddings", "unary", "text", behaviour), None, PRICED)


def test_openai_node_6_decodes_numbers_as_if_they_were_base64_and_says_nothing():
    seen = seen_by("openai-node 6.49 (Embeddings)", "numbers_for_base64")
    assert (seen.outcome, seen.requests, seen.delivered, seen.error) == ("partial_text", 1, False, "")
    assert seen.detail == (
        "openai-node 6.49 (Embeddings) reads the response. Its user sees vectors that are not those of its inputs, or "
        "fewer of them, and no error."
    )


def test_letta_pays_twelve_times_for_a_response_without_vectors():
    seen = seen_by("Letta 0.16 (embeddings)", "data_empty")
    assert (seen.outcome, seen.requests, seen.billed, seen.cost_usd) == ("exception", 12, 12, 0.012)
    assert "retries 11 times" in seen.detail


def test_llama_index_multiplies_its_retries_by_those_of_its_sdk():
    assert [
        seen_by("LlamaIndex 0.14", name).requests for name in ("500", "429_retry_after_1", "400_unknown_field")
    ] == [
        22,
        66,
        1,
    ]


def held_of_two(name, *entries):
    """What a client holds of a response to two texts, and the outcome."""
    x = answered("embeddings", "unary", listed(*entries))
    body = x.sent.replace(b'["Say hello."]', b'["Say hello.","And so on."]')
    x = type(x)(id="x", case=x.case, sent=body, received=x.received)
    return BY_NAME[name].simulate(x, None).turn.text, impact(BY_NAME[name], x, None, PRICED).outcome


MEMORY, KNOWLEDGE = "CrewAI 1.15 (Memory)", "CrewAI 1.15 (Knowledge)"


def test_crewai_s_memory_stores_zeros_for_a_text_without_a_vector_and_its_knowledge_nothing():
    assert held_of_two(MEMORY, entry([0.5, 1])) == ("[[0.5, 1.0], [0.0, 0.0]]", "partial_text")
    assert held_of_two(KNOWLEDGE, entry([0.5, 1])) == ("", "exception")


def test_crewai_cuts_what_memory_has_no_text_for():
    three = [entry([0.5, 1]), entry([0, 1], 1), entry([1, 0], 2)]
    assert held_of_two(MEMORY, *three) == ("[[0.5, 1.0], [0.0, 1.0]]", "text")
    assert held_of_two(KNOWLEDGE, *three) == ("", "exception")


@pytest.mark.parametrize(
    ("vector", "memory", "knowledge"),
    [
        ([True, "0.5"], "[[1.0, 0.5], [0.0, 1.0]]", "[[1.0, 0.5], [0.0, 1.0]]"),
        ([None, 1], "", ""),
        (["nan", 1], "", ""),
        (["no number", 1], "", ""),
        ([[1], 1], "", ""),
        ([10**400, 1], "", ""),
        ([10**40, 1], "[[Infinity, 1.0], [0.0, 1.0]]", ""),
        ([2.0**64, 1], "[[1.8446744073709552e+19, 1.0], [0.0, 1.0]]", "[[NaN, NaN], [0.0, 1.0]]"),
        ([1], "", ""),
    ],
)
def test_crewai_stores_what_numpy_and_its_stores_take_for_numbers(vector, memory, knowledge):
    both = entry(vector), entry([0, 1], 1)
    assert held_of_two(MEMORY, *both)[0] == memory
    assert held_of_two(KNOWLEDGE, *both)[0] == knowledge


@pytest.mark.parametrize("name", BY_NAME)
def test_no_client_looks_at_the_index(name):
    assert held_of_two(name, entry(packed(OTHER), 1), entry(packed(), 0))[1] == "partial_text"


def test_a_good_response_affects_nobody_and_numbers_for_base64_only_the_one_who_does_not_expect_them():
    good, numbers = (reply_to("embeddings", "unary", "text", name) for name in ("ok_json", "numbers_for_base64"))
    assert affected_clients(good, None, PRICED) == ()
    assert [seen.client for seen in affected_clients(numbers, None, PRICED)] == ["openai-node 6.49 (Embeddings)"]


def hurt(rule, defect):
    return [seen.client for seen in effects(rule) if seen.defect == defect]


def test_several_texts_to_embed_are_a_user_s_turn():
    assert hurt("EMB005", "emb-reversed-list") == [*BY_NAME]
    assert {seen.turn for seen in effects("EMB005")} == {"several texts to embed, non-streaming"}


def test_vectors_in_base64_hurt_only_who_asks_for_numbers():
    numbers, unasked = (reply_to("embeddings", "unary", "text", name) for name in ("numbers_for_base64", "ok_json"))
    assert not concerns_only_its_sender(numbers)
    assert not concerns_only_its_sender(unasked)
    body = unasked.sent.replace(b'"base64"', b' "float"')
    assert concerns_only_its_sender(type(unasked)(id="x", case=unasked.case, sent=body, received=unasked.received))
    assert hurt("EMB006", "emb-always-base64") == ["openai-python 3.54 (Embeddings)"]
