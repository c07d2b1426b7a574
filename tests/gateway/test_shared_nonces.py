"""Requests that are equal have one nonce: what arrives upstream belongs to the last one that was sent before."""

from dataclasses import replace
from itertools import permutations

from conformance.gateway.judging import pairs
from conformance.gateway.plan import FAULT_STAGE, plan_through
from conformance.model.case import Kind
from conformance.model.target import Target
from conformance.rules.example import answered, completion

MS = 1_000_000


def client(name, began_ms, nonce="qa"):
    return replace(answered(completion()), id=name, nonce=nonce, began_ns=began_ms * MS)


def arrived(name, began_ms, nonce="qa"):
    return replace(client(name, began_ms, nonce), hop="upstream")


def matched(*exchanges):
    found = pairs({x.id: x for x in exchanges}.__getitem__, [x.id for x in exchanges])
    return {pair.client.id: [x.id for x in pair.upstream] for pair in found}


def test_each_request_gets_what_arrived_after_it_and_before_the_next():
    run = (client("a", 0), arrived("a1", 5), arrived("a2", 20), client("b", 30), client("c", 60), arrived("c1", 61))
    for order in permutations(run, len(run)):
        assert matched(*order) == {"a": ["a1", "a2"], "b": [], "c": ["c1"]}


def test_requests_with_other_nonces_are_not_concerned():
    run = (client("a", 0), client("other", 1, "qb"), arrived("a1", 5), arrived("b1", 4, "qb"), arrived("lost", 3, "qc"))
    assert matched(*run) == {"a": ["a1"], "other": ["b1"]}


def test_a_clock_that_is_a_little_off_loses_no_request():
    assert matched(client("a", 10), client("b", 50), arrived("early", 9)) == {"a": ["early"], "b": []}


def planned(suite="full"):
    target = Target(base_url="http://gateway/v1", model="m")
    return plan_through(target, ("hermes", "claude-sdk", "openai-python"), suite, seed=1)


def test_requests_of_a_group_have_one_nonce_and_are_sent_one_at_a_time_before_any_fault():
    cached = [request for request in planned() if request.cases[0].kind is Kind.GATEWAY_CACHE]
    by_api = {}
    for request in cached:
        by_api.setdefault(request.cases[0].api, set()).add(request.nonce)
    assert [len(nonces) for nonces in by_api.values()] == [1] * len(by_api)
    assert len({nonce for nonces in by_api.values() for nonce in nonces}) == len(by_api) == 3
    assert {request.stage for request in cached} == {FAULT_STAGE - 1}


def test_the_equal_ones_of_a_group_are_equal_and_the_first_comes_first():
    cached = [request for request in planned("gate") if request.cases[0].kind is Kind.GATEWAY_CACHE]
    chat = [request for request in cached if request.cases[0].api == "chat"]
    again = [request for request in chat if request.cases[0].subject == "again"]
    assert chat[0].cases[0].subject == ""
    assert [request.body == chat[0].body for request in again if request.cases[0].mode == "unary"] == [True]
    assert sum(request.body == chat[0].body for request in chat) == 3  # the first, the second, and another client's


def test_all_other_requests_have_nonces_of_their_own():
    others = [request.nonce for request in planned() if request.cases[0].kind is not Kind.GATEWAY_CACHE]
    assert len(set(others)) == len(others)
