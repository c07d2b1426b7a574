"""What the profiles send: headers and fields in the frameworks' own order, shapes and sizes."""

import json

import pytest
from jsonschema import Draft202012Validator

from conformance import catalogue
from conformance.exchange import MODES
from conformance.profile import KEY, MODEL
from conformance.profiles.prose import ADVICE, fill
from conformance.schemas import validator

PROFILES = {p.name: p for p in catalogue.profiles()}
STREAMS = {"stream": True, "stream_options": {"include_usage": True}}


def size(profile, mode):
    return len(json.dumps(PROFILES[profile].body(mode), separators=(",", ":"), ensure_ascii=False).encode())


def test_the_four_frameworks_and_the_plain_sdk_are_there():
    assert {p.name: (p.api, p.framework) for p in PROFILES.values()} == {
        "claude-sdk": ("messages", True),
        "hermes": ("chat", True),
        "langgraph": ("chat", True),
        "letta": ("chat", True),
        "openai-python": ("chat", False),
    }


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", sorted(PROFILES))
def test_a_request_is_one_that_the_api_allows(name, mode):
    body = PROFILES[name].body(mode)
    assert list(validator(f"{PROFILES[name].api}-request").iter_errors(body)) == []
    assert body["model"] == MODEL
    assert body.get("stream") in ((True,) if mode == "stream" else (None, False))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", sorted(PROFILES))
def test_headers_are_complete_ask_for_json_only_and_hold_the_key_once(name, mode):
    headers = PROFILES[name].headers(mode)
    lowered = [header.lower() for header, _ in headers]
    assert len(set(lowered)) == len(lowered)
    assert not {"host", "content-length"} & set(lowered)
    values = dict(zip(lowered, (value for _, value in headers), strict=True))
    assert (values["accept"], values["content-type"]) == ("application/json", "application/json")
    assert values["x-stainless-retry-count"] == "0"
    assert values["authorization"] == f"Bearer {KEY}"
    assert sum(KEY in value for value in values.values()) == 1
    assert lowered[:2] == ["accept-encoding", "connection"]


LETTA_FIELDS = (
    "messages model max_completion_tokens parallel_tool_calls stream stream_options temperature tool_choice tools user"
)


@pytest.mark.parametrize(
    ("name", "mode", "fields"),
    [
        ("hermes", "stream", "messages model max_tokens stream stream_options tools"),
        ("hermes", "unary", "messages model max_tokens tools"),
        ("langgraph", "stream", "model stream messages"),
        ("langgraph", "unary", "model stream messages"),
        ("openai-python", "stream", "model stream messages"),
        ("openai-python", "unary", "model messages"),
        ("claude-sdk", "stream", "max_tokens messages model stream"),
        ("claude-sdk", "unary", "max_tokens messages model"),
        (
            "letta",
            "stream",
            LETTA_FIELDS,
        ),
    ],
)
def test_fields_stand_in_the_frameworks_order(name, mode, fields):
    assert list(PROFILES[name].body(mode)) == fields.split()


@pytest.mark.parametrize("name", ["langgraph", "letta"])
def test_langchain_and_letta_put_content_before_the_role(name):
    assert all(list(message) == ["content", "role"] for message in PROFILES[name].body("stream")["messages"])


def test_hermes_sends_18_tools_in_54_kilobytes():
    body = PROFILES["hermes"].body("stream")
    assert 52_000 < size("hermes", "stream") < 57_000
    assert 6_300 < len(body["messages"][0]["content"]) < 7_000
    assert len(body["tools"]) == 18
    assert body["max_tokens"] == 65536
    assert [t["function"]["name"] for t in body["tools"]] == sorted(t["function"]["name"] for t in body["tools"])


def test_letta_sends_3_tools_in_9_kilobytes_and_a_cap_of_null():
    body = PROFILES["letta"].body("stream")
    assert 8_700 < size("letta", "stream") < 9_400
    assert len(body["tools"]) == 3
    assert body["max_completion_tokens"] is None
    assert (body["tool_choice"], body["parallel_tool_calls"], body["temperature"]) == ("auto", False, 1.0)


@pytest.mark.parametrize("name", ["hermes", "letta"])
def test_parameters_of_tools_are_json_schemas_whose_required_fields_exist(name):
    for tool in PROFILES[name].body("stream")["tools"]:
        parameters = tool["function"]["parameters"]
        Draft202012Validator.check_schema(parameters)
        assert set(parameters.get("required", ())) <= set(parameters["properties"])
        assert tool["function"]["description"]


@pytest.mark.parametrize("name", ["hermes", "letta"])
def test_streaming_is_all_that_differs_between_the_modes(name):
    profile = PROFILES[name]
    assert profile.body("stream") == profile.body("unary") | STREAMS


def test_langgraph_says_false_and_names_its_raw_interface_where_it_does_not_stream():
    langgraph = PROFILES["langgraph"]
    assert langgraph.body("unary")["stream"] is False
    assert ("x-stainless-raw-response", "true") in langgraph.headers("unary")
    assert "x-stainless-raw-response" not in dict(langgraph.headers("stream"))


def test_the_claude_sdk_announces_its_version_and_its_helper():
    headers = dict(PROFILES["claude-sdk"].headers("stream"))
    assert headers["anthropic-version"] == "2026-10-21"
    assert headers["x-stainless-timeout"] == "NOT_GIVEN"
    assert headers["x-stainless-helper-method"] == "stream"
    assert "x-stainless-helper-method" not in dict(PROFILES["claude-sdk"].headers("unary"))


def test_a_body_may_be_changed_without_changing_the_next():
    for profile in PROFILES.values():
        before = json.dumps(profile.body("stream"))
        changed = profile.body("stream")
        changed["messages"].clear()
        for tool in changed.get("tools", ()):
            tool["function"]["parameters"].clear()
        assert json.dumps(profile.body("stream")) == before


@pytest.mark.parametrize("length", [20, 200, 2000, 9000])
def test_prose_has_the_length_that_is_wanted_and_whole_sentences(length):
    text = fill("Look at an image.", length)
    assert text == fill("Look at an image.", length)
    assert abs(len(text) - length) <= max(map(len, ADVICE)) / 2 + 1
    assert text.endswith(".")
