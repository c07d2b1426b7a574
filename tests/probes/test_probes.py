"""The probes: each sends the request that its name describes, in the modes that it lists."""

import json

import pytest

from conformance import catalogue, schemas
from conformance.apis.specs import generation
from conformance.model.case import Kind, named_case
from conformance.model.profile import MODEL
from conformance.model.target import Target
from conformance.plan import plan
from conformance.probes import effect, messages, reasoning, repeat, replay, tools, types, unknown, websocket
from conformance.probes.mistakes import MISTAKES
from conformance.probes.out_of_range import RANGES

FRAMEWORKS = ("claude-sdk", "hermes", "langgraph", "letta")
CHAT = Target(base_url="http://h/v1", model="m", apis=("chat",))
SAID = {"messages": [{"role": "user", "content": "Hello"}]}
GREETINGS = {
    "chat": {"model": MODEL} | SAID,
    "messages": {"model": MODEL, "max_tokens": 64} | SAID,
    "responses": {"model": MODEL, "input": "Hello"},
    "completions": {"model": MODEL, "prompt": "Hello", "max_tokens": 16},
    "embeddings": {"model": MODEL, "input": "Hello"},
}
TOOLS = (*tools.TOOLS, *replay.REPLAYS)


def is_valid(probe, body):
    return schemas.validator(f"{probe.api}-request").is_valid(body)


def body_of(probe, mode):
    greeting = GREETINGS[probe.api] | ({"stream": True} if mode == "stream" else {})
    return probe.build_body(greeting, mode) if probe.build_body else greeting


def asked(probe):
    return [(mode, body_of(probe, mode)) for mode in probe.modes]


@pytest.mark.parametrize("probe", [*types.FIELDS, *types.NESTED], ids=lambda p: p.name)
def test_a_wrong_type_is_all_that_is_wrong(probe):
    about = probe.name.split(".", 2)[2].split(".")[0]
    for _, body in asked(probe):
        errors = list(schemas.validator(f"{probe.api}-request").iter_errors(body))
        assert errors
        assert {error.absolute_path[0] for error in errors} == {about}


@pytest.mark.parametrize("probe", unknown.CANARIES, ids=lambda p: p.name)
def test_a_canary_is_the_only_field_that_is_unknown(probe):
    leaf = probe.name.rpartition(".")[2]
    for _, body in asked(probe):
        assert f'"{leaf}"' in json.dumps(body)
        assert not is_valid(probe, body)


@pytest.mark.parametrize("probe", RANGES, ids=lambda p: p.name)
def test_a_value_beyond_its_range_is_none_that_the_api_allows(probe):
    for _, body in asked(probe):
        assert not is_valid(probe, body)


@pytest.mark.parametrize("probe", [*effect.EFFECTS, *TOOLS, *repeat.REPEATS, *messages.HEADERS], ids=lambda p: p.name)
def test_a_witness_is_a_valid_request(probe):
    for _, body in asked(probe):
        assert is_valid(probe, body)


def most_tokens(probe):
    """The cap that a probe may set: a long text costs more, and is requested by the full suite alone.

    A probe with a script costs nothing: it reaches the scripted upstream of a gateway alone.
    """
    if probe.script:
        return 4096
    if probe.kind is Kind.WEBSOCKET:
        return 5 * websocket.CAP  # of as many turns
    if probe in reasoning.REASONING:
        return reasoning.CAP
    return 2048 if probe.variant == "long" and probe.smallest_suite == "full" else 256


def test_every_probe_has_a_purpose_in_one_sentence_and_a_bound():
    for probe in catalogue.probes():
        assert probe.purpose.endswith(".")
        assert probe.purpose.count(". ") == 0
        assert 0 <= probe.max_tokens <= most_tokens(probe)
        assert probe.name.startswith(f"{probe.api}.")


@pytest.mark.parametrize("probe", MISTAKES, ids=lambda p: p.name)
def test_a_mistake_differs_from_the_baseline_request(probe):
    assert probe.raw or body_of(probe, "unary") != GREETINGS[probe.api]


def test_the_baseline_request_is_asked_by_the_frameworks_and_once_by_the_plain_sdk():
    greetings = {case for request in plan(CHAT, FRAMEWORKS, "gate") for case in request.cases if "hello" in case.probe}
    assert {q.profile for q in greetings} == {"hermes", "langgraph", "letta", "openai-python"}
    assert named_case("chat.hello", "hermes", "stream") in greetings


def test_no_probe_changes_the_baseline_request_that_it_is_given():
    before = json.dumps(GREETINGS)
    for probe in catalogue.probes():
        for mode in probe.modes:
            body_of(probe, mode)
    assert json.dumps(GREETINGS) == before


def test_a_replay_holds_every_documented_form_of_a_finished_call():
    turns = replay.TURNS["chat"]
    whole = body_of(next(p for p in replay.REPLAYS if p.name == "chat.tools.replay"), "unary")["messages"]
    forms = {name: [m.get("content", "absent") for m in turn if "tool_calls" in m] for name, turn in turns.items()}
    assert forms["null"] == [None]
    assert forms["absent"] == ["absent"]
    assert forms["blank"] == [""]
    assert all(message in whole for turn in turns.values() for message in turn)
    ids = [call["id"] for message in whole for call in message.get("tool_calls", ())]
    assert len(set(ids)) == len(ids) == len(turns) + 1
    assert [m["tool_call_id"] for m in whole if m["role"] == "tool"] == ids


def test_every_tool_question_tells_its_usage_under_its_cap():
    for probe in TOOLS:
        for mode, body in asked(probe):
            assert body[generation(probe.api).cap] == max(probe.max_tokens, generation(probe.api).min_cap)
            assert ("stream_options" in body) == (probe.api == "chat" and mode == "stream")


def test_a_replay_on_messages_takes_turns_and_answers_each_call():
    whole = body_of(next(p for p in replay.REPLAYS if p.name == "messages.tools.replay"), "unary")["messages"]
    assert [m["role"] for m in whole] == ["user", "assistant"] * (len(whole) // 2) + ["user"]
    for said, told in zip(whole[1::2], whole[2::2], strict=True):
        called = [b["id"] for b in said["content"] if isinstance(b, dict) and b["type"] == "tool_use"]
        results = [b["tool_use_id"] for b in told["content"] if isinstance(b, dict)]
        assert called == results
