"""The probes: each asks what its name says, in the modes that it lists."""

import json

import pytest

from conformance import catalogue, schemas
from conformance.exchange import Question
from conformance.plan import plan
from conformance.probes import types, unknown, witness
from conformance.probes.hello import CHAT_TOOLS
from conformance.probes.mistakes import MISTAKES
from conformance.profile import MODEL
from conformance.target import Target

FRAMEWORKS = ("claude-sdk", "hermes", "langgraph", "letta")
CHAT = Target(base_url="http://h/v1", model="m", apis=("chat",))
GREETING = {"model": MODEL, "messages": [{"role": "user", "content": "Hello"}]}
VALIDATE = schemas.validator("chat-request").is_valid


def body_of(probe, mode):
    greeting = GREETING | ({"stream": True} if mode == "stream" else {})
    return probe.change(greeting, mode) if probe.change else greeting


def asked(probe):
    return [(mode, body_of(probe, mode)) for mode in probe.modes]


def test_every_field_of_the_request_schema_is_asked_with_a_wrong_type():
    assert set(types.WRONG) == set(schemas.load("chat-request")["properties"])


@pytest.mark.parametrize("probe", [*types.FIELDS, *types.NESTED], ids=lambda p: p.name)
def test_a_wrong_type_is_all_that_is_wrong(probe):
    about = probe.name.split(".", 2)[2].split(".")[0]
    for _, body in asked(probe):
        errors = list(schemas.validator("chat-request").iter_errors(body))
        assert errors
        assert {error.absolute_path[0] for error in errors} == {about}


@pytest.mark.parametrize("probe", unknown.CANARIES, ids=lambda p: p.name)
def test_a_canary_is_the_only_field_that_is_unknown(probe):
    leaf = probe.name.rpartition(".")[2]
    for _, body in asked(probe):
        assert f'"{leaf}"' in json.dumps(body)
        assert not VALIDATE(body)


@pytest.mark.parametrize("probe", [*witness.WITNESSES, CHAT_TOOLS], ids=lambda p: p.name)
def test_a_witness_is_a_valid_request(probe):
    for _, body in asked(probe):
        assert VALIDATE(body)


def test_every_probe_has_a_purpose_in_one_sentence_and_a_bound():
    for probe in catalogue.probes():
        assert probe.purpose.endswith(".")
        assert probe.purpose.count(". ") == 0
        assert 0 < probe.max_tokens <= 128
        assert probe.name.startswith(f"{probe.api}.")


@pytest.mark.parametrize("probe", MISTAKES, ids=lambda p: p.name)
def test_a_mistake_differs_from_the_greeting(probe):
    assert probe.raw or body_of(probe, "unary") != GREETING


def test_the_gate_on_chat_keeps_its_budget():
    assert len(plan(CHAT, FRAMEWORKS, "gate")) <= 80


def test_the_greeting_is_asked_by_the_frameworks_and_once_by_the_plain_sdk():
    greetings = {
        question
        for request in plan(CHAT, FRAMEWORKS, "gate")
        for question in request.questions
        if "hello" in question.probe
    }
    assert {q.profile for q in greetings} == {"hermes", "langgraph", "letta", "openai-python"}
    assert Question("chat", "hermes", "stream", "chat.hello") in greetings


def test_no_probe_changes_the_greeting_that_it_is_given():
    before = json.dumps(GREETING)
    for probe in catalogue.probes():
        for mode in probe.modes:
            body_of(probe, mode)
    assert json.dumps(GREETING) == before
