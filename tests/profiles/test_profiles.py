"""Requests of the profiles: headers and fields in the frameworks' own order, shapes and sizes."""

import json

import pytest
from jsonschema import Draft202012Validator

from conformance import catalogue
from conformance.model.profile import KEY, MODEL
from conformance.profiles import recording
from conformance.profiles.prose import ADVICE, fill
from conformance.schemas import validator

EVERY = {f"{p.name} {p.api}": p for p in catalogue.profiles()}
PROFILES = {p.name: p for p in reversed(catalogue.profiles())}
STREAMS = {"stream": True, "stream_options": {"include_usage": True}}
SENT = [(name, mode) for name, profile in EVERY.items() for mode in profile.requests]
ON_STAINLESS = [name for name in EVERY if not name.startswith(("vercel-ai-sdk", "lm-evaluation-harness"))]
ON_HTTPX = [name for name in ON_STAINLESS if not name.startswith(("openai-node", "claude-agent-sdk"))]


def size(profile, mode):
    return len(json.dumps(PROFILES[profile].body(mode), separators=(",", ":"), ensure_ascii=False).encode())


def test_every_framework_is_there_on_its_apis_and_the_plain_sdk():
    assert [(name, p.framework) for name, p in EVERY.items()] == [
        ("claude-agent-sdk messages", True),
        ("claude-sdk messages", True),
        ("crewai chat", True),
        ("crewai embeddings", True),
        ("hermes chat", True),
        ("instructor chat", True),
        ("langgraph chat", True),
        ("langgraph embeddings", True),
        ("letta chat", True),
        ("letta embeddings", True),
        ("litellm chat", True),
        ("llama-index embeddings", True),
        ("lm-evaluation-harness completions", True),
        ("openai-agents chat", True),
        ("openai-agents responses", True),
        ("openai-node chat", True),
        ("openai-node embeddings", True),
        ("openai-python chat", False),
        ("openai-python completions", False),
        ("openai-python embeddings", False),
        ("openai-python responses", False),
        ("pydantic-ai chat", True),
        ("pydantic-ai messages", True),
        ("vercel-ai-sdk chat", True),
        ("vercel-ai-sdk messages", True),
    ]


@pytest.mark.parametrize(("name", "mode"), SENT)
def test_a_request_is_one_that_the_api_allows(name, mode):
    body = EVERY[name].body(mode)
    assert list(validator(f"{EVERY[name].api}-request").iter_errors(body)) == []
    assert body["model"] == MODEL
    assert body.get("stream") in ((True,) if mode == "stream" else (None, False))


@pytest.mark.parametrize(("name", "mode"), SENT)
def test_headers_are_complete_ask_for_no_event_stream_and_hold_the_key_once(name, mode):
    headers = EVERY[name].headers(mode)
    lowered = [header.lower() for header, _ in headers]
    assert len(set(lowered)) == len(lowered)
    assert not {"host", "content-length"} & set(lowered)
    values = dict(zip(lowered, (value for _, value in headers), strict=True))
    assert values["accept"] == ("application/json" if name in ON_STAINLESS else "*/*")
    assert values["content-type"] == "application/json"
    assert KEY in (values.get("authorization", "").removeprefix("Bearer "), values.get("x-api-key"))
    assert sum(KEY in value for value in values.values()) == 1
    assert values.get("x-stainless-retry-count") == ("0" if name in ON_STAINLESS else None)
    assert (lowered[:2] == ["accept-encoding", "connection"]) == (name in ON_HTTPX)


CLAUDE_CODE_FIELDS = "model messages system tools metadata max_tokens thinking context_management stream"
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
        ("letta", "stream", LETTA_FIELDS),
        ("openai-node", "stream", "model messages stream"),
        ("openai-node", "unary", "model messages"),
        ("openai-agents", "stream", "model stream messages"),
        ("openai-agents", "unary", "model messages"),
        ("pydantic-ai", "stream", "model stream messages stream_options"),
        ("pydantic-ai", "unary", "model stream messages"),
        ("vercel-ai-sdk", "stream", "model messages stream"),
        ("litellm", "stream", "messages model stream"),
        ("crewai", "stream", "messages model stream stream_options"),
        ("crewai", "unary", "messages model"),
        ("instructor", "stream", "messages model stream tool_choice tools"),
        ("claude-agent-sdk", "unary", CLAUDE_CODE_FIELDS),
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
    for profile in EVERY.values():
        mode = next(iter(profile.requests))
        before, changed = json.dumps(profile.body(mode)), profile.body(mode)
        changed.get("messages", []).clear()
        changed["model"] = "another"
        for tool in changed.get("tools", ()):
            tool.get("function", tool).clear()
        assert json.dumps(profile.body(mode)) == before


def test_claude_code_sends_12_tools_in_58_kilobytes():
    body = PROFILES["claude-agent-sdk"].body("stream")
    assert 56_500 < size("claude-agent-sdk", "stream") < 60_000
    assert len(body["tools"]) == 12
    for tool in body["tools"]:
        Draft202012Validator.check_schema(tool["input_schema"])
        assert set(tool["input_schema"].get("required", ())) <= set(tool["input_schema"]["properties"])
    assert PROFILES["claude-agent-sdk"].body("unary") == body | {"stream": False}


def test_prose_stands_where_only_its_length_was_kept_and_speaks_of_what_it_describes():
    body = PROFILES["hermes"].body("stream")
    assert body["messages"][0]["content"].startswith("You are an agent")
    for tool in body["tools"]:
        said = tool["function"]["name"].replace("_", " ").capitalize()
        assert tool["function"]["description"].startswith(said)
    assert "{prose" not in json.dumps([p.body(mode) for p in EVERY.values() for mode in p.requests])


def test_a_recording_is_written_as_it_was_read(tmp_path):
    for path in recording.FOLDER.glob("*.json"):
        recording.write(tmp_path / path.name, recording.read(path))
        assert (tmp_path / path.name).read_text() == path.read_text()


@pytest.mark.parametrize(
    ("text", "said"),
    [("[{", "bad.json: "), ('[{"name": "a"}]', "bad.json: .*title"), ('[{"naem_": "a"}]', "bad.json: .*naem_")],
)
def test_a_file_that_is_no_recording_is_named_with_the_field(tmp_path, text, said):
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(ValueError, match=said):
        recording.read(tmp_path / "bad.json")


@pytest.mark.parametrize("length", [20, 200, 2000, 9000])
def test_prose_has_the_length_that_is_wanted_and_whole_sentences(length):
    text = fill("Look at an image.", length)
    assert text == fill("Look at an image.", length)
    assert abs(len(text) - length) <= max(map(len, ADVICE)) / 2 + 1
    assert text.endswith(".")
