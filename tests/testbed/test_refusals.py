import json

import pytest

from conformance import schemas
from conformance.testbed.server.body import MAX_BODY
from conformance.testbed.server.deployments import CONTEXT, DEPLOYMENTS, MODEL, STOPGAP_501
from conformance.testbed.server.usage import BYTES_A_TOKEN

TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
HI = {"role": "user", "content": "Hi"}


CALLING = {
    "role": "assistant",
    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
}
RESULT = {"role": "tool", "tool_call_id": "1", "content": ""}


def _messages(*more):
    return {"messages": [HI, *more]}


WRONG = [
    ({"max_token": 5}, "max_token", "unknown_parameter"),
    ({"Stream": True}, "Stream", "unknown_parameter"),
    ({"stream": True, "stream_options": {"x": 1}}, "stream_options.x", "unknown_parameter"),
    ({"tools": [TOOL | {"x": 1}]}, "tools[0].x", "unknown_parameter"),
    ({"tools": [TOOL | {"function": TOOL["function"] | {"x": 1}}]}, "tools[0].function.x", "unknown_parameter"),
    (_messages(HI | {"x": 1}), "messages[1].x", "unknown_parameter"),
    (
        _messages({"role": "user", "content": [{"type": "text", "text": "", "x": 1}]}),
        "messages[1].content[0].x",
        "unknown_parameter",
    ),
    ({"response_format": {"type": "text", "x": 1}}, "response_format.x", "unknown_parameter"),
    ({"temperature": "hot"}, "temperature", "invalid_type"),
    ({"temperature": True}, "temperature", "invalid_type"),
    ({"max_tokens": True}, "max_tokens", "invalid_type"),
    ({"max_tokens": 1.5}, "max_tokens", "invalid_type"),
    ({"n": "2"}, "n", "invalid_type"),
    ({"stream": "yes"}, "stream", "invalid_type"),
    ({"stream": 1}, "stream", "invalid_type"),
    ({"stream": True, "stream_options": {"include_usage": "yes"}}, "stream_options.include_usage", "invalid_type"),
    ({"stream_options": [1]}, "stream_options", "invalid_type"),
    ({"tools": [TOOL | {"function": TOOL["function"] | {"strict": "no"}}]}, "tools[0].function.strict", "invalid_type"),
    ({"tools": ["f"]}, "tools[0]", "invalid_type"),
    ({"tools": None}, "tools", "invalid_type"),
    ({"tool_choice": 5}, "tool_choice", "invalid_type"),
    ({"stop": 5}, "stop", "invalid_type"),
    ({"stop": [5]}, "stop[0]", "invalid_type"),
    ({"user": {}}, "user", "invalid_type"),
    ({"metadata": {"a": 1}}, "metadata.a", "invalid_type"),
    ({"logit_bias": {"7": "x"}}, "logit_bias.7", "invalid_type"),
    ({"messages": "Hi"}, "messages", "invalid_type"),
    ({"messages": [5]}, "messages[0]", "invalid_type"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content", "invalid_type"),
    ({"model": 5}, "model", "invalid_type"),
    ({"response_format": {"type": "json_schema", "json_schema": [1]}}, "response_format.json_schema", "invalid_type"),
    ({"temperature": 3}, "temperature", "invalid_value"),
    ({"n": 0}, "n", "invalid_value"),
    ({"max_tokens": 0}, "max_tokens", "invalid_value"),
    ({"max_tokens": -5}, "max_tokens", "invalid_value"),
    ({"seed": 2**70}, "seed", "invalid_value"),
    ({"stop": ["a"] * 5}, "stop", "invalid_value"),
    ({"messages": []}, "messages", "invalid_value"),
    ({"messages": [{"role": "nobody", "content": "Hi"}]}, "messages[0].role", "invalid_value"),
    ({"messages": [{"role": "user", "content": []}]}, "messages[0].content", "invalid_value"),
    ({"tool_choice": "sometimes"}, "tool_choice", "invalid_value"),
    ({"tool_choice": {"type": "nothing"}}, "tool_choice.type", "invalid_value"),
    ({"reasoning_effort": "huge"}, "reasoning_effort", "invalid_value"),
    ({"response_format": {"type": "xml"}}, "response_format.type", "invalid_value"),
    ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name", "invalid_value"),
    ({"stream_options": {"include_usage": True}}, "stream_options", "invalid_value"),
    ({"top_logprobs": 2}, "top_logprobs", "invalid_value"),
    ({"tool_choice": "required"}, "tool_choice", "invalid_value"),
    (
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}},
        "tool_choice.function.name",
        "invalid_value",
    ),
    (_messages({"role": "tool", "tool_call_id": "1", "content": ""}), "messages[1].tool_call_id", "invalid_value"),
    (_messages(CALLING, HI), "messages[2].role", "invalid_value"),
    (_messages(CALLING), "messages", "invalid_value"),
    (_messages(CALLING, RESULT, RESULT), "messages[3].tool_call_id", "invalid_value"),
    (_messages({"role": "assistant", "content": None}), "messages[1].content", "invalid_value"),
    ({"messages": [{"content": "Hi"}]}, "messages[0].role", "missing_required_parameter"),
    ({"messages": [{"role": "user"}]}, "messages[0].content", "missing_required_parameter"),
    ({"tools": [{"type": "function"}]}, "tools[0].function", "missing_required_parameter"),
    ({"response_format": {}}, "response_format.type", "missing_required_parameter"),
    ({"functions": [{"name": "f"}]}, "functions", "unsupported_parameter"),
    ({"function_call": "auto"}, "function_call", "unsupported_parameter"),
    ({"modalities": ["text", "audio"]}, "modalities", "unsupported_parameter"),
    ({"audio": {"voice": "alloy", "format": "mp3"}}, "audio", "unsupported_parameter"),
    ({"prediction": {"type": "content", "content": "Hi"}}, "prediction", "unsupported_parameter"),
    ({"web_search_options": {}}, "web_search_options", "unsupported_parameter"),
    ({"moderation": {"model": "m"}}, "moderation", "unsupported_parameter"),
    ({"tools": [{"type": "custom", "custom": {"name": "c"}}]}, "tools[0].custom", "unsupported_parameter"),
    (
        _messages({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}),
        "messages[1].content[0].type",
        "unsupported_parameter",
    ),
    ({"model": "other"}, "model", "model_not_found"),
]


DROPPED = {"silent-json": {"stream", "stream_options"}}
"""The fields that a deployment ignores on purpose."""


@pytest.mark.parametrize(
    ("name", "fields", "param", "code"),
    [
        pytest.param(name, fields, param, code, id=f"{name}-{code}-{param}")
        for name in DEPLOYMENTS
        for fields, param, code in WRONG
        if not DROPPED.get(name, set()) & set(fields)
    ],
)
def test_a_refusal_names_the_field(name, fields, param, code, chat):
    deployment = DEPLOYMENTS[name]
    received = chat(deployment, **fields)
    assert received.status == (404 if code == "model_not_found" else 400)
    schemas.validator("error").validate(received.json)
    error = received.json["error"]
    assert (error["param"], error["code"], error["type"]) == (param, code, "invalid_request_error")
    assert param in error["message"] or code == "model_not_found"


@pytest.mark.parametrize("field", ["model", "messages"])
def test_a_missing_field_is_named(field, ask):
    body = {"model": "reference", "messages": [HI]}
    del body[field]
    assert ask(body).json["error"]["param"] == field


@pytest.mark.parametrize("field", sorted(schemas.load("chat-request")["properties"]))
def test_every_documented_field_says_its_types_and_refuses_another(field, chat):
    accepted = schemas.load("chat-request")["properties"][field]["type"]
    names = {accepted} if isinstance(accepted, str) else set(accepted)
    others = {"object": {"x": 1}, "array": [17], "boolean": True, "string": "x", "integer": 7, "null": None}
    names |= {"integer"} if "number" in names else set()
    for kind in others.keys() - names:
        error = chat(**{field: others[kind]}).json["error"]
        assert (error["param"], error["code"]) == (field, "invalid_type"), kind


@pytest.mark.parametrize(
    "fields",
    [
        {"max_completion_tokens": None, "parallel_tool_calls": False, "temperature": 1.0, "user": "u", "tools": [TOOL]},
        {"stream": False, "messages": [{"content": "say hello", "role": "user"}]},
        {
            "tools": [
                {
                    "type": "function",
                    "function": {"name": "f", "strict": True, "parameters": {"$schema": "x", "title": "t"}},
                }
            ]
        },
        {
            "messages": [
                {"role": "developer", "content": "Be brief."},
                HI,
                {"role": "assistant", "content": "Hi", "refusal": None},
                HI,
            ]
        },
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]},
        dict.fromkeys(("stop", "n", "seed", "logprobs", "stream", "stream_options", "metadata", "logit_bias", "store")),
        {
            "store": False,
            "metadata": {"a": "b"},
            "seed": 1,
            "logit_bias": {"1": -100},
            "service_tier": "auto",
            "modalities": ["text"],
        },
        {"reasoning_effort": "low", "verbosity": None, "prompt_cache_key": "k", "safety_identifier": "s"},
        {"tools": [TOOL], "tool_choice": "auto", "stream": True, "stream_options": {"include_usage": True}},
    ],
)
def test_what_real_clients_send_is_accepted(fields, chat):
    assert chat(**fields).status == 200


MALFORMED = {
    "empty": b"",
    "broken-off": b"{",
    "null": b"null",
    "number": b"5",
    "text": b'"text"',
    "array": b'[{"model": "reference"}]',
    "not-utf8": b'{"model": "\xff"}',
    "bom": b"\xef\xbb\xbf{}",
    "twice": b'{"model": "a", "model": "b"}',
    "nan": b'{"temperature": NaN}',
    "infinity": b'{"temperature": -Infinity}',
    "overflow": b'{"temperature": 1e400}',
    "digits": b'{"seed": ' + b"9" * 5000 + b"}",
    "surrogate": b'{"model": "\\ud800"}',
    "deep": b'{"model": "reference", "messages": ' + b"[" * 2000 + b"]" * 2000 + b"}",
    "deeper": b"[" * 100_000,
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=list(MALFORMED))
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
def test_a_malformed_body_is_refused_in_an_envelope(path, raw, ask):
    received = ask(raw=raw, path=path)
    assert received.status == 400
    assert received.json["error"]["message"]


@pytest.mark.parametrize("depth", [50, 400, 700, 900, 960, 985])
def test_a_body_that_is_just_not_too_deep_is_answered_or_refused(depth, ask):
    """Whether the stack suffices depends on the caller; a 5xx or an exception is never right."""
    parameters = b'{"a":' * depth + b"1" + b"}" * depth
    tool = b'{"type":"function","function":{"name":"f","parameters":' + parameters + b"}}"
    raw = b'{"model":"reference","messages":[{"role":"user","content":"Hi"}],"tools":[' + tool + b"]}"
    assert ask(raw=raw).status in (200, 400)


def test_a_body_that_is_too_large_is_refused(ask):
    received = ask(raw=b" " * (MAX_BODY + 1))
    assert (received.status, received.json["error"]["code"]) == (413, "request_too_large")


@pytest.mark.parametrize("label", [(), (("content-type", "text/plain"),)])
def test_another_content_type_is_refused(label, ask):
    assert ask({}, headers=label).status == 415


def test_json_with_a_charset_is_json(ask):
    body = {"model": "reference", "messages": [HI]}
    assert ask(body, headers=[("content-type", "Application/JSON; charset=utf-8")]).status == 200


def test_unknown_addresses_and_methods_are_refused_in_an_envelope(ask):
    lost = ask({}, path="/v1/no-such-route")
    assert (lost.status, lost.json["error"]["code"]) == (404, "unknown_url")
    wrong = ask({}, method="GET")
    assert (wrong.status, wrong.headers["allow"]) == (405, "POST")
    schemas.validator("error").validate(wrong.json)


def test_models_are_listed_and_found(ask):
    listed = ask(method="GET", path="/v1/models").json
    assert [model["id"] for model in listed["data"]] == ["reference"]
    assert ask(method="GET", path="/v1/models/reference").json == listed["data"][0]
    lost = ask(method="GET", path="/v1/models/other")
    assert (lost.status, lost.json["error"]["code"]) == (404, "model_not_found")
    assert ask(method="POST", path="/v1/models").headers["allow"] == "GET, HEAD"


@pytest.mark.parametrize("carried", ["", "Bearer", "Bearer wrong-secret", "Basic right-secret", "Bearer right-secret2"])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/models"])
def test_a_wrong_key_is_refused_and_never_repeated(path, carried, ask):
    received = ask(
        {}, path=path, headers=[("content-type", "application/json"), ("authorization", carried)], key="right-secret"
    )
    assert (received.status, received.headers["www-authenticate"]) == (401, "Bearer")
    assert b"secret" not in received.content
    assert received.json["error"]["type"] == ("authentication_error" if "messages" in path else "invalid_request_error")


@pytest.mark.parametrize("header", [("authorization", "bearer  right"), ("x-api-key", "right")])
def test_the_right_key_is_let_in(header, ask):
    assert ask(method="GET", path="/v1/models", headers=[header], key="right").status == 200


def test_silent_json_drops_what_it_does_not_read_and_nothing_else(chat):
    silent = DEPLOYMENTS["silent-json"]
    for dropped in ({"stream": True}, {"stream": "yes"}, {"stream_options": 5}):
        assert chat(silent, **dropped).json == chat().json
    assert chat(silent, stream=True, temperature="hot").status == 400


def test_the_stopgap_refuses_streams_alone_and_says_all_that_clients_need(chat):
    received = chat(STOPGAP_501, stream=True)
    assert (received.status, received.headers["x-should-retry"]) == (501, "false")
    assert "retry-after" not in received.headers
    error = received.json["error"]
    assert (error["code"], error["param"]) == ("streaming_not_supported", "stream")
    assert all(words in error["message"] for words in ("not supported", "stream=false"))
    assert chat(STOPGAP_501).status == 200
    assert chat(STOPGAP_501, stream=True, max_token=1).status == 400


def test_every_reply_carries_its_request_id(ask):
    for received in (ask({}), ask({"model": "reference", "messages": [HI]}), ask(method="GET", path="/v1/models")):
        assert received.headers["x-request-id"] == "req_1"


def test_unknown_names_are_cut_short_in_the_refusal(chat):
    assert len(json.dumps(chat(**{"x" * 5000: 1}).json)) < 1000


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_prompt_that_is_too_long(ask, path, stream):
    words = "no " * CONTEXT * BYTES_A_TOKEN
    body = {"model": MODEL, "max_tokens": 1, "stream": stream, "messages": [{"role": "user", "content": words}]}
    received = ask(body, path=path)
    assert received.status == 400
    assert f"context length is {CONTEXT}" in received.json["error"]["message"]
    if path != "/v1/messages":
        assert received.json["error"]["code"] == "context_length_exceeded"
        assert received.json["error"]["param"] == "messages"


def test_a_prompt_as_long_as_the_context_is_answered(ask):
    words = "no " * (CONTEXT - 100)
    assert ask({"model": MODEL, "max_tokens": 1, "messages": [{"role": "user", "content": words}]}).status == 200
