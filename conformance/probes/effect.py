"""Witnesses: values whose effect shows in any model's answer, obedient or random."""

from typing import Any

from conformance.field_support.fields import LONG_INSTRUCTIONS
from conformance.model.exchange import APIS, MODES, Api
from conformance.model.probe import Probe
from conformance.probes.baseline import CAP, COUNT, LEAST, cap, says, sets, with_usage
from conformance.probes.encoding import asking

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

LETTERS = ("t", "e", "1", ",")
"""Stops that hardly any answer can do without, in words or in digits; neither ends at the first of them in the list.

A stop that the target has just said would prove more, but a plan knows no answers. None is a blank: some models' APIs
refuse stops without a visible character.
"""

FLAT_LAMPS: dict[str, Any] = {"type": "json_schema", **LAMPS["json_schema"]}
"""The same, as the Responses API writes it."""
UP_TO_99 = "Count from one to ninety-nine in words, nothing else."
"""An answer of so many words that no smallest cap of any API lets it through."""
STOPS: dict[Api, str] = {"chat": "stop", "messages": "stop_sequences"}


def _cap(api: Api) -> Probe:
    return Probe(
        name=f"{api}.witness.{CAP[api]}",
        purpose="A long answer is asked for under a cap of one token: it must end there, and say so.",
        api=api,
        change=asking(api, COUNT if LEAST[api] == 1 else UP_TO_99, 1),
        of_fields=MODES,
        max_tokens=LEAST[api],
    )


def _stop(api: Api) -> Probe:
    return Probe(
        name=f"{api}.witness.{STOPS[api]}",
        purpose="Stops that hardly any answer can do without are asked for: none of them may stand in it.",
        api=api,
        change=asking(api, COUNT, 16, None, **{STOPS[api]: [*LETTERS]}),
        of_fields=MODES,
        max_tokens=16,
    )


ASIDE = " ".join(f"{number}." for number in range(LONG_INSTRUCTIONS))
"""Instructions of so many words, which ask for nothing."""


def _instructed(api: Api, name: str) -> Probe:
    return Probe(
        name=f"{api}.witness.{name}",
        purpose=f"A hundred words stand in `{name}`: they are part of the prompt, and have to be counted.",
        api=api,
        change=sets(**{name: ASIDE}, **cap(api, 1)),
        suite="full",
        of_fields=MODES,
        max_tokens=LEAST[api],
    )


WITNESSES = (
    *map(_cap, APIS),
    _instructed("messages", "system"),
    _instructed("responses", "instructions"),
    *map(_stop, STOPS),
    Probe(
        name="chat.witness.max_completion_tokens",
        purpose="The same cap under its newer name, which older servers do not know.",
        api="chat",
        change=with_usage(says(COUNT, max_completion_tokens=1)),
        of_fields=MODES,
        max_tokens=1,
    ),
    Probe(
        name="chat.witness.stop.text",
        purpose="One such stop is asked for as a text, not in a list.",
        api="chat",
        modes=("unary",),
        change=says(COUNT, stop="e", max_tokens=16),
        suite="full",
        max_tokens=16,
    ),
    Probe(
        name="chat.witness.logprobs",
        purpose="Log probabilities are asked for: every token of any answer has one.",
        api="chat",
        change=with_usage(says(COUNT, logprobs=True, top_logprobs=3, max_tokens=8)),
        of_fields=MODES,
        max_tokens=8,
    ),
    Probe(
        name="chat.witness.logit_bias",
        purpose="One token is made the only one, whichever that is: the answer has to be that token, again and again.",
        api="chat",
        change=with_usage(says(COUNT, logit_bias={"300": 100}, max_tokens=6)),
        suite="fields",
        of_fields=MODES,
        max_tokens=6,
    ),
    Probe(
        name="chat.witness.logprobs.alone",
        purpose="The same without alternatives, so that what is refused or dropped can be told apart.",
        api="chat",
        change=with_usage(says(COUNT, logprobs=True, max_tokens=4)),
        suite="fields",
        of_fields=MODES,
        max_tokens=4,
    ),
    Probe(
        name="chat.witness.response_format",
        purpose="A JSON Schema with one possible answer is asked for: any model must give that answer.",
        api="chat",
        change=says("Which lamps are lit? Answer in JSON.", response_format=LAMPS, max_tokens=64),
        of_fields=MODES,
        max_tokens=64,
    ),
    Probe(
        name="chat.witness.response_format.json_object",
        purpose="Any JSON object is asked for, and in words as well: nothing else may stand around it.",
        api="chat",
        change=says(
            "Greet me in one small JSON object, and say in a sentence why you chose its key.",
            response_format={"type": "json_object"},
            max_tokens=128,
        ),
        max_tokens=128,
    ),
    Probe(
        name="responses.witness.text",
        purpose="A JSON Schema with one possible answer is asked for: any model must give that answer.",
        api="responses",
        change=asking("responses", "Which lamps are lit? Answer in JSON.", 64, None, text={"format": FLAT_LAMPS}),
        of_fields=MODES,
        max_tokens=64,
    ),
)
