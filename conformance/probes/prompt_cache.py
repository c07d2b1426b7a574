"""Prompt caching: two equal requests with a long prefix, one after the other."""

from collections.abc import Iterator
from typing import Any

from conformance.model.case import Kind
from conformance.model.marker_words import CACHED_PREFIX
from conformance.model.probe import Probe
from conformance.model.words import CONVERSATIONAL, Api, Mode
from conformance.probes.baseline import Fields, token_cap
from conformance.probes.replay import NUMBERS

CACHE_STAGE = 30
"""A stage of its own: each request is sent after the previous one, in the order of their names."""
PREFIX = " ".join([CACHED_PREFIX, *(NUMBERS[number**3 % 83 % 10] for number in range(1400))])
"""More words than the 1,024 tokens from which vendors cache a prefix; each is at least one token."""
CAP = 4


def _with_prefix(api: Api, body: dict[str, Any]) -> Fields:
    """The baseline request after the prefix, which is marked where the API has marks."""
    if api == "messages":
        return {"system": [{"type": "text", "text": PREFIX, "cache_control": {"type": "ephemeral"}}]}
    if api == "responses":
        return {"instructions": PREFIX}
    return {"messages": [{"role": "system", "content": PREFIX}, *body["messages"]]}


def _pair(api: Api) -> Iterator[Probe]:
    def change(body: dict[str, Any], _mode: Mode) -> Any:
        return body | _with_prefix(api, body) | token_cap(api, CAP)

    purposes = ("A long prefix, which a target may cache.", "The same request again: its prompt has as many tokens.")
    for repeat, purpose in enumerate(purposes):
        yield Probe(
            kind=Kind.CACHE,
            repeat=repeat,
            purpose=purpose,
            api=api,
            modes=("unary",),
            build_body=change,
            suite="full",
            max_tokens=16,
            never_merge=True,
            stage=CACHE_STAGE,
        )


CACHED = tuple(probe for api in CONVERSATIONAL for probe in _pair(api))
