"""A response that is nested almost as deeply as Python recurses crashes no client model."""

import json

import pytest

from conformance.clients import CLIENTS, impact
from conformance.model.target import Prices
from conformance.rules.example import JSON, SSE, exchange, http

DEEP = "[" * 900 + "]" * 900
CHOICE = f'{{"index":0,"delta":{{"content":"x"}},"finish_reason":"stop","x":{DEEP}}}'
NESTED = {
    "chat": (
        f'{{"error":{DEEP}}}',
        f'{{"choices":[{{"index":0,"delta":{{"content":{DEEP}}}}}]}}',
        f'{{"id":"a","object":"chat.completion.chunk","created":1,"model":"m","choices":[{CHOICE}]}}',
    ),
    "messages": (f'{{"type":"message_start","message":{DEEP}}}', f'{{"type":"error","error":{DEEP}}}'),
    "responses": (f'{{"type":"response.created","response":{DEEP}}}', f'{{"type":"error","message":{DEEP}}}'),
    "completions": (f'{{"error":{DEEP}}}', f'{{"choices":[{{"index":0,"text":{DEEP}}}]}}'),
    "embeddings": (f'{{"data":[{{"index":0,"embedding":{DEEP}}}]}}', f'{{"data":{DEEP}}}', DEEP),
}
MODELS = {client.name: client for known in CLIENTS.values() for client in known}


@pytest.mark.parametrize("name", MODELS)
def test_deep_nesting_ends_in_an_outcome(name):
    client = MODELS[name]
    for event in NESTED[client.api]:
        body = f"data: {event}\n\ndata: [DONE]\n\n".encode()
        if client.api == "embeddings":
            x = exchange(
                http(200, (JSON,), event.encode()), mode="unary", probe="embeddings.hello", body={"input": "Hi"}
            )
        else:
            x = exchange(http(200, (SSE,), body))
        assert impact(client, x, None, Prices()).outcome


@pytest.mark.parametrize("number", [10**400, -(10**400), 1e308, 2**70])
@pytest.mark.parametrize("name", [name for name, client in MODELS.items() if client.api == "embeddings"])
def test_a_vector_of_any_number_ends_in_an_outcome(name, number):
    body = json.dumps({"data": [{"index": 0, "embedding": [number, 0.5]}]}).encode()
    asked = {"input": "Hi", "encoding_format": "base64"}
    x = exchange(http(200, (JSON,), body), mode="unary", probe="embeddings.hello", body=asked)
    assert impact(MODELS[name], x, None, Prices()).requests == 1
