"""The two APIs with typed events: every response of the deployments matches its schema."""

import pytest

from conformance import schemas
from conformance.testbed.server.deployments import DEPLOYMENTS

CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
COUNT = "Count from one to forty in words."
MESSAGES = [
    {},
    {"max_tokens": 5, "messages": [{"role": "user", "content": COUNT}]},
    {"stop_sequences": [" five"], "messages": [{"role": "user", "content": COUNT}]},
    {"tools": [{"name": "get_weather", "input_schema": CITY}], "tool_choice": {"type": "any"}},
    {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 4096},
]
RESPONSES = [
    {},
    {"max_output_tokens": 16, "input": COUNT},
    {"tools": [{"type": "function", "name": "get_weather", "parameters": CITY}], "tool_choice": "required"},
    {"instructions": "Be brief.", "metadata": {"a": "b"}, "store": False, "temperature": 0.5},
    {"text": {"format": {"type": "json_schema", "name": "city", "schema": CITY, "strict": False}}},
]
CASES = {
    "messages": ("/v1/messages", {"max_tokens": 64, "messages": [{"role": "user", "content": "say hello"}]}, MESSAGES),
    "responses": ("/v1/responses", {"input": "say hello"}, RESPONSES),
}
WHOLE = {"messages": "messages-message", "responses": "responses-response"}


@pytest.mark.parametrize("deployment", DEPLOYMENTS.values(), ids=list(DEPLOYMENTS))
@pytest.mark.parametrize(("api", "at"), [(api, at) for api, case in CASES.items() for at in range(len(case[2]))])
def test_every_reply_satisfies_its_schema(api, at, deployment, ask):
    path, hello, bodies = CASES[api]
    body = {"model": "reference"} | hello | bodies[at]
    whole = ask(body, deployment, path=path)
    schemas.validator(WHOLE[api]).validate(whole.json)
    received = ask(body | {"stream": True}, deployment, path=path)
    if received.status == 501:
        assert "error" in received.json
    elif received.events is None:
        schemas.validator(WHOLE[api]).validate(received.json)
    else:
        assert len(received.events) > 4
        for event in received.events:
            schemas.validator(f"{api}-event").validate(event)


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("messages-event", {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta"}}),
        ("messages-event", {"type": "content_block_delta", "delta": {"type": "text_delta", "text": "a"}}),
        ("messages-event", {"type": "message_start", "message": {"id": "1"}}),
        ("messages-event", {"index": 0}),
        ("responses-event", {"type": "response.output_text.delta", "delta": "a"}),
        ("responses-event", {"type": "response.created", "sequence_number": 0, "response": {}}),
        ("responses-event", {"type": "response.output_item.added", "sequence_number": 0, "output_index": 0, "item": 1}),
    ],
)
def test_what_lacks_a_documented_field_does_not_satisfy(name, event):
    assert not schemas.validator(name).is_valid(event)


def test_types_of_a_vendor_s_own_satisfy():
    assert schemas.validator("messages-event").is_valid({"type": "vendor_progress", "share": 0.5})
    assert schemas.validator("responses-event").is_valid({"type": "vendor.progress", "sequence_number": 3})
