"""Values outside their documented range: a server that accepts them does not do what was requested."""

from typing import Any

from conformance.model.exchange import Api
from conformance.model.probe import Probe
from conformance.probes.baseline import token_cap, with_fields
from conformance.probes.encoding import Offer, tools
from conformance.probes.tools import FORECAST, TOOL

BEYOND: dict[Api, dict[str, dict[str, Any]]] = {
    "chat": {
        "temperature": {"temperature": 5},
        "temperature.negative": {"temperature": -1},
        "top_p": {"top_p": 1.5},
        "frequency_penalty": {"frequency_penalty": 3},
        "presence_penalty": {"presence_penalty": -3},
        "logit_bias": {"logit_bias": {"50": 1000}},
        "n": {"n": 0},
        "top_logprobs": {"logprobs": True, "top_logprobs": 25},
        "response_format": {"response_format": {"type": "no_such_format"}},
        "tool_choice": {"tools": [TOOL], "tool_choice": "sometimes"},
        "max_tokens": {"max_tokens": 0},
    },
    "messages": {
        "temperature": {"temperature": 1.5},
        "temperature.negative": {"temperature": -1},
        "top_p": {"top_p": 1.5},
        "tool_choice": tools("messages", Offer((FORECAST,))) | {"tool_choice": {"type": "sometimes"}},
        "max_tokens": {"max_tokens": 0},
    },
    "responses": {
        "temperature": {"temperature": 5},
        "temperature.negative": {"temperature": -1},
        "top_p": {"top_p": 1.5},
        "text": {"text": {"format": {"type": "no_such_format"}}},
        "tool_choice": tools("responses", Offer((FORECAST,))) | {"tool_choice": "sometimes"},
        "max_output_tokens": {"max_output_tokens": 0},
    },
}
"""Request fields by `field` or `field.variant`."""

RANGES = tuple(
    Probe(
        name=f"{api}.range.{about}",
        purpose=f"`{about.partition('.')[0]}` has a value outside its documented range.",
        api=api,
        modes=("unary",),
        change=with_fields(**token_cap(api, 1) | fields),
        suite="full",
        max_tokens=16,
    )
    for api, beyond in BEYOND.items()
    for about, fields in beyond.items()
)
