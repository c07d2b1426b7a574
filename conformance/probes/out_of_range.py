"""Values outside their documented range: a server that accepts them does not do what was requested."""

from typing import Any

from conformance.model.case import Kind
from conformance.model.probe import Probe
from conformance.model.words import Api
from conformance.probes.baseline import token_cap, with_fields
from conformance.probes.encoding import Offer, tools
from conformance.probes.tools import FORECAST, TOOL

BEYOND: dict[Api, dict[tuple[str, str], dict[str, Any]]] = {
    "chat": {
        ("temperature", ""): {"temperature": 5},
        ("temperature", "negative"): {"temperature": -1},
        ("top_p", ""): {"top_p": 1.5},
        ("frequency_penalty", ""): {"frequency_penalty": 3},
        ("presence_penalty", ""): {"presence_penalty": -3},
        ("logit_bias", ""): {"logit_bias": {"50": 1000}},
        ("n", ""): {"n": 0},
        ("top_logprobs", ""): {"logprobs": True, "top_logprobs": 25},
        ("response_format", ""): {"response_format": {"type": "no_such_format"}},
        ("tool_choice", ""): {"tools": [TOOL], "tool_choice": "sometimes"},
        ("max_tokens", ""): {"max_tokens": 0},
    },
    "messages": {
        ("temperature", ""): {"temperature": 1.5},
        ("temperature", "negative"): {"temperature": -1},
        ("top_p", ""): {"top_p": 1.5},
        ("tool_choice", ""): tools("messages", Offer((FORECAST,))) | {"tool_choice": {"type": "sometimes"}},
        ("max_tokens", ""): {"max_tokens": 0},
    },
    "responses": {
        ("temperature", ""): {"temperature": 5},
        ("temperature", "negative"): {"temperature": -1},
        ("top_p", ""): {"top_p": 1.5},
        ("text", ""): {"text": {"format": {"type": "no_such_format"}}},
        ("tool_choice", ""): tools("responses", Offer((FORECAST,))) | {"tool_choice": "sometimes"},
        ("max_output_tokens", ""): {"max_output_tokens": 0},
    },
    "completions": {
        ("temperature", ""): {"temperature": 5},
        ("temperature", "negative"): {"temperature": -1},
        ("top_p", ""): {"top_p": 1.5},
        ("frequency_penalty", ""): {"frequency_penalty": 3},
        ("presence_penalty", ""): {"presence_penalty": -3},
        ("logit_bias", ""): {"logit_bias": {"50": 1000}},
        ("n", ""): {"n": 0},
        ("best_of", ""): {"best_of": -1},
        ("logprobs", ""): {"logprobs": -1},
    },
}
"""Request fields by the field that is out of range, and a variant."""

RANGES = tuple(
    Probe(
        kind=Kind.OUT_OF_RANGE,
        subject=field,
        variant=variant,
        purpose=f"`{field}` has a value outside its documented range.",
        api=api,
        modes=("unary",),
        build_body=with_fields(**token_cap(api, 1) | fields),
        suite="full",
        max_tokens=16,
    )
    for api, beyond in BEYOND.items()
    for (field, variant), fields in beyond.items()
)
