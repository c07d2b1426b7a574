"""The requests of a run through a gateway: how many there are, and that each names its script and its nonce."""

from collections import Counter

import pytest

from conformance import catalogue
from conformance.apis.nonce import marker, nonces
from conformance.gateway.plan import plan_through, probes_through, with_new_nonce, with_text
from conformance.model.case import Kind
from conformance.model.target import Target
from conformance.model.words import APIS, GENERATIVE
from conformance.runs.resolve import DEFAULT_PROFILES
from conformance.testbed.upstream.find import find

MOST = {("smoke", api): 20 for api in APIS} | {("gate", api): 90 for api in GENERATIVE} | {("gate", "embeddings"): 45}
"""Requests of one API that a suite may send with the default profiles."""


def planned(api, suite="gate", seed=0):
    return plan_through(Target(base_url="http://h/v1", model="m", apis=(api,)), DEFAULT_PROFILES, suite, seed)


@pytest.mark.parametrize(("suite", "api"), MOST)
def test_a_suite_stays_within_its_number_of_requests(api, suite):
    assert 2 <= len(planned(api, suite)) <= MOST[suite, api]


@pytest.mark.parametrize("api", APIS)
def test_larger_suites_send_what_smaller_ones_send(api):
    smoke, gate, full = ({request.cases[0] for request in planned(api, suite)} for suite in ("smoke", "gate", "full"))
    assert smoke <= gate <= full


@pytest.mark.parametrize("api", APIS)
def test_each_request_names_a_script_that_exists_in_its_last_user_message(api):
    for request in planned(api, "full"):
        found = marker(request.body)
        assert found, request.id
        assert found.nonce == request.nonce
        assert find(found.script), request.id
        assert nonces(request.body) <= {request.nonce}, "token IDs spell it"


@pytest.mark.parametrize("api", APIS)
def test_requests_have_ids_of_their_own_and_nonces_of_their_run(api):
    first, second = planned(api, "full", seed=1), planned(api, "full", seed=2)
    assert max(Counter(request.id for request in first).values()) == 1
    assert [request.id for request in first] == [request.id for request in second]
    assert not {request.nonce for request in first} & {request.nonce for request in second}


@pytest.mark.parametrize("api", APIS)
def test_faults_come_last_and_one_at_a_time(api):
    stages = [request.stage for request in planned(api, "full")]
    assert stages == sorted(stages)
    faults = [request.stage for request in planned(api, "full") if request.cases[0].kind is Kind.GATEWAY_FAULT]
    assert all(stage > 1 for stage in faults)


def test_probes_with_a_script_are_sent_through_gateways_only():
    scripted = [probe for probe in catalogue.probes() if probe.script]
    assert scripted
    assert not any(probe.modes_in(suite) for probe in scripted for suite in ("smoke", "gate", "full", "fields"))
    assert {probe.api for probe in scripted} == set(APIS)


@pytest.mark.parametrize(("suite", "modes"), [("gate", ["stream"]), ("full", ["stream", "unary"])])
def test_a_framework_sends_its_usual_request_in_its_default_mode_and_in_the_full_suite_in_both(suite, modes):
    cases = [case for request in planned("chat", suite) for case in request.cases if case.kind is Kind.BASELINE]
    assert sorted(case.mode for case in cases if case.profile == "hermes") == modes
    assert sorted(case.mode for case in cases if case.profile == "openai-python") == ["stream", "unary"]


def test_a_probe_without_a_script_is_a_baseline_request():
    assert {probe.kind for probe in probes_through("chat", "full") if not probe.script} == {Kind.BASELINE}


def test_a_request_with_a_new_nonce_differs_in_its_nonce_alone():
    request = planned("chat")[0]
    assert with_new_nonce(request, 0, 1) is request
    other = with_new_nonce(request, 0, 2)
    assert marker(other.body).nonce == other.nonce != request.nonce
    assert other.body.replace(other.nonce.encode(), request.nonce.encode()) == request.body


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ({"input": "Hi"}, {"input": "Hi!"}),
        ({"input": [{"role": "user", "content": "Hi"}]}, {"input": [{"role": "user", "content": "Hi!"}]}),
        (
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi"}, {"type": "input_image"}]}]},
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": "Hi!"}, {"type": "input_image"}]}]},
        ),
        (
            {"input": [{"role": "user", "content": "A"}, {"role": "assistant", "content": "B"}]},
            {"input": [{"role": "user", "content": "A!"}, {"role": "assistant", "content": "B"}]},
        ),
        ({"input": []}, {"input": [{"role": "user", "content": "!"}]}),
    ],
)
def test_text_is_added_to_the_last_user_message(body, changed):
    assert with_text(body, "responses", "!") == changed


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        ("Hi", "Hi!"),
        (["Hi", "Ho"], ["Hi!", "Ho!"]),
        ([5, 17], [5, 17, 33]),
        ([[5], [17]], [[5, 33], [17, 33]]),
        (None, "!"),
    ],
)
def test_text_is_added_to_each_prompt_or_input_and_token_ids_spell_it(given, changed):
    assert with_text({"prompt": given}, "completions", "!") == {"prompt": changed}
    assert with_text({"input": given}, "embeddings", "!") == {"input": changed}


def test_embeddings_are_requested_without_streams():
    assert {case.mode for request in planned("embeddings", "full") for case in request.cases} == {"unary"}
