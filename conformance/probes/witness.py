"""Witnesses: values whose effect shows in any model's answer, obedient or random."""

from typing import Any

from conformance.probe import Probe
from conformance.probes.hello import COUNT, says

LAMPS: dict[str, Any] = {
    "type": "json_schema",
    "json_schema": {
        "name": "lamps",
        "strict": True,
        "schema": {
            "type": "object",
            "properties": {"lamps": {"type": "string", "enum": ["seven green lamps"]}},
            "required": ["lamps"],
            "additionalProperties": False,
        },
    },
}

WITNESSES = (
    Probe(
        name="chat.witness.max_tokens",
        purpose="A long answer is asked for under a cap of one token: it must end with finish_reason `length`.",
        api="chat",
        change=says(COUNT, max_tokens=1),
        max_tokens=1,
    ),
    Probe(
        name="chat.witness.max_completion_tokens",
        purpose="The same cap under its newer name, which older servers do not know.",
        api="chat",
        change=says(COUNT, max_completion_tokens=1),
        max_tokens=1,
    ),
    Probe(
        name="chat.witness.stop",
        purpose="Stops that hardly any answer can do without are asked for: none of them may stand in it.",
        api="chat",
        change=says(COUNT, stop=[",", "\n", "t", "T"], max_tokens=16),
        max_tokens=16,
    ),
    Probe(
        name="chat.witness.logprobs",
        purpose="Log probabilities are asked for: every token of any answer has one.",
        api="chat",
        change=says(COUNT, logprobs=True, top_logprobs=2, max_tokens=4),
        max_tokens=4,
    ),
    Probe(
        name="chat.witness.response_format",
        purpose="A JSON Schema with one possible answer is asked for: any model must give that answer.",
        api="chat",
        change=says("Which lamps are lit? Answer in JSON.", response_format=LAMPS, max_tokens=64),
        max_tokens=64,
    ),
)
