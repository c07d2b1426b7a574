"""A response that is nested almost as deeply as Python recurses crashes no client model."""

import pytest

from conformance.clients import CLIENTS, impact
from conformance.model.target import Prices
from conformance.rules.example import SSE, exchange, http

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
}
MODELS = {client.name: client for known in CLIENTS.values() for client in known}


@pytest.mark.parametrize("name", MODELS)
def test_deep_nesting_ends_in_an_outcome(name):
    client = MODELS[name]
    for event in NESTED[client.api]:
        body = f"data: {event}\n\ndata: [DONE]\n\n".encode()
        assert impact(client, exchange(http(200, (SSE,), body)), None, Prices()).outcome
