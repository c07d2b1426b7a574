"""Levels follow impact: a fault that costs a default framework's user the answer or a call fails a MUST.

The effects are computed: each framework's client is simulated on the planted defects of each rule.
"""

import pytest

from conformance import catalogue
from conformance.handbook.affected_clients import effects
from conformance.model.verdict import Level
from conformance.selftest import DEFAULT_PROFILES

LESSER = {rule.id: rule for rule in catalogue.rules() if rule.level is not Level.MUST}

EXCEPTIONS = {
    "BILL002": "the failure itself loses the answer, and fails ERR004; this rule is about its bill",
    "BILL010": "whatever loses the answer fails a rule of its own; this one is about the bill",
    "BILL011": "a declared refusal is an answer; this rule is about how often it is requested again",
    "EMB009": "zeros may be what a model gives for a text that it can't place; a model is not graded",
    "EMB013": "batches may be computed with other kernels, and vendors don't promise equal embeddings",
    "EMB014": "vendors don't promise that an embedding is repeated",
    "EMB018": "only the vendor's own models are documented to be normalised",
    "EQV002": "two samples of a model are compared: a difference may rest on chance",
    "EQV003": "a declared refusal in one mode is an answer",
    "FLD019": "models of the API's own vendor refuse the parameter, too: the target is within its rights",
    "HTTP022": "one character is replaced; the rest of the answer is shown",
    "MSG014": "the API's own SDKs take a thinking block without its signature; hermes builds on an older one",
    "NYI004": "a declared refusal is an answer, whatever its 4xx status",
    "SSE017": "one character is replaced; the rest of the answer is shown",
    "TOOL008": "the model writes the arguments, and a model is not graded; a cut by the server fails TOOL014",
    "TOOL013": "vendors leave it out, and most clients take it: only Letta rejects a non-streaming response without it",
    "TOOL023": "the model chooses the name, and a model is not graded",
}
"""Rules below MUST whose planted defects cost a user the answer, a call or its arguments, and the reason for it."""


def lost(rule):
    """What a default framework's user loses by the rule's planted defects."""
    return [effect.sentence for effect in effects(rule) if effect.profile in DEFAULT_PROFILES]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("rule", sorted(LESSER.keys() - EXCEPTIONS.keys()))
def test_a_fault_that_costs_the_answer_or_a_call_fails_a_must(rule):
    assert lost(rule) == []


@pytest.mark.parametrize("rule", sorted(EXCEPTIONS))
def test_an_exception_is_below_must_and_still_needed(rule):
    assert rule in LESSER
    assert lost(rule) != []
