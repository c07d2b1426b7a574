"""Effect probes: field values whose effect shows in the response of any model, however weak."""

from typing import Any

from conformance.apis.specs import generation
from conformance.model.case import Kind
from conformance.model.probe import Probe
from conformance.model.words import GENERATIVE, MODES, Api, Suite
from conformance.probes.baseline import COUNT, token_cap, with_fields, with_prompt, with_usage
from conformance.probes.encoding import request_encoding
from conformance.probes.system_prompt import ASIDE, ORDER

LAMPS: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {
        "name": "lamps",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"lamps": {"type": "string", "enum": ["seven green lamps \N{CRAB}"]}},
            "required": ["lamps"],
            "additionalProperties": False,
        },
    },
}

VERSE = " ".join(f"harbour-lamp-number-{number}-is-green" for number in range(100, 250))
"""Longer than the buffers of proxies, which have 4,096 bytes."""
LONG_LAMPS: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {
        "name": "verse",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"verse": {"type": "string", "enum": [VERSE]}},
            "required": ["verse"],
            "additionalProperties": False,
        },
    },
}

LETTERS = ("t", "e", "1", ",")
"""Stop sequences that occur in almost any text, in words or in digits; neither ends at the first of them in the list.

A stop taken from the target's previous text would prove more, but a plan is made before any response. None is a
space: some models' APIs reject stops without a visible character.
"""

FLAT_LAMPS: dict[str, Any] = {"type": "json_schema", **LAMPS["json_schema"]}
"""The same, in the format of the Responses API."""
UP_TO_99 = "Count from one to ninety-nine in words, nothing else."
"""A completion that exceeds the smallest cap of every API."""


def _cap(api: Api) -> Probe:
    return Probe(
        kind=Kind.EFFECT,
        subject=generation(api).cap,
        purpose="A long completion under the smallest cap: it must end there, and report that it is truncated.",
        api=api,
        build_body=request_encoding(api, COUNT if generation(api).min_cap == 1 else UP_TO_99, 1),
        field_suite_modes=MODES,
        max_tokens=generation(api).min_cap,
    )


def _stop(api: Api, field: str) -> Probe:
    aside = {"system": ASIDE} if api == "messages" else {}
    return Probe(
        kind=Kind.EFFECT,
        subject=field,
        purpose="Stop sequences that occur in almost any text: none of them may be in the completion.",
        api=api,
        build_body=request_encoding(api, COUNT, 16, None, **{field: [*LETTERS]}, **aside),
        field_suite_modes=MODES,
        max_tokens=16,
    )


def _instructed(api: Api, name: str, suite: Suite) -> Probe:
    return Probe(
        kind=Kind.EFFECT,
        subject=name,
        purpose=f"`{name}` has a hundred words, and asks for one: usage counts them, or the response has the word.",
        api=api,
        build_body=with_fields(**{name: f"{ASIDE} {ORDER}"}, **token_cap(api, 16)),
        suite=suite,
        field_suite_modes=MODES,
        max_tokens=16,
    )


EFFECTS = (
    *map(_cap, GENERATIVE),
    _instructed("messages", "system", "full"),
    _instructed("responses", "instructions", "gate"),
    *(_stop(api, stop) for api in GENERATIVE if (stop := generation(api).stop)),
    Probe(
        kind=Kind.EFFECT,
        subject="max_completion_tokens",
        purpose="The same cap as `max_completion_tokens`, which older servers do not know.",
        api="chat",
        build_body=with_usage(with_prompt(COUNT, max_completion_tokens=1)),
        field_suite_modes=MODES,
        max_tokens=1,
    ),
    Probe(
        kind=Kind.EFFECT,
        subject="stop",
        variant="text",
        purpose="`stop` is a string, not a list.",
        api="chat",
        modes=("unary",),
        build_body=with_prompt(COUNT, stop="e", max_tokens=16),
        suite="full",
        max_tokens=16,
    ),
    Probe(
        kind=Kind.EFFECT,
        subject="logprobs",
        purpose="`logprobs` is set: every token of the completion must have one.",
        api="chat",
        build_body=with_usage(with_prompt(COUNT, logprobs=True, top_logprobs=3, max_tokens=8)),
        field_suite_modes=MODES,
        max_tokens=8,
    ),
    Probe(
        kind=Kind.EFFECT,
        subject="logit_bias",
        purpose="`logit_bias` allows one token only: the completion must repeat that token.",
        api="chat",
        build_body=with_usage(with_prompt(COUNT, logit_bias={"300": 100}, max_tokens=6)),
        suite="fields",
        field_suite_modes=MODES,
        max_tokens=6,
    ),
    Probe(
        kind=Kind.EFFECT,
        subject="logprobs",
        variant="alone",
        purpose="`logprobs` without `top_logprobs`, to show which of the two is rejected or dropped.",
        api="chat",
        build_body=with_usage(with_prompt(COUNT, logprobs=True, max_tokens=4)),
        suite="fields",
        field_suite_modes=MODES,
        max_tokens=4,
    ),
    Probe(
        kind=Kind.EFFECT,
        subject="response_format",
        purpose="A JSON Schema with one valid value: any model must return that value.",
        api="chat",
        build_body=with_prompt("Which lamps are lit? Answer in JSON.", response_format=LAMPS, max_tokens=64),
        field_suite_modes=MODES,
        max_tokens=64,
    ),
    Probe(
        kind=Kind.EFFECT,
        subject="response_format",
        variant="long",
        purpose="A JSON Schema with one valid value of 4,949 characters: none of them may be missing from a stream.",
        api="chat",
        build_body=with_prompt("Write the verse. Answer in JSON.", response_format=LONG_LAMPS, max_tokens=2048),
        suite="full",
        max_tokens=2048,
    ),
    Probe(
        kind=Kind.EFFECT,
        subject="response_format",
        variant="json_object",
        purpose="`response_format` is json_object, and the prompt requests it too: the content must be one object.",
        api="chat",
        build_body=with_prompt(
            "Greet me in one small JSON object, and say in a sentence why you chose its key.",
            response_format={"type": "json_object"},
            max_tokens=128,
        ),
        max_tokens=128,
    ),
    Probe(
        kind=Kind.EFFECT,
        subject="text",
        purpose="A JSON Schema with one valid value: any model must return that value.",
        api="responses",
        build_body=request_encoding(
            "responses", "Which lamps are lit? Answer in JSON.", 64, None, text={"format": FLAT_LAMPS}
        ),
        field_suite_modes=MODES,
        max_tokens=64,
    ),
)
