"""Fields of a request on their way to another API: renamed, refused, or left out because they change nothing."""

from collections.abc import Collection, Mapping
from typing import Any, Final

from conformance.testbed.gateway.translation.failures import refusal

Body = dict[str, Any]

WITHOUT_EFFECT: Final[Mapping[str, Any]] = {
    "n": 1,
    "frequency_penalty": 0,
    "presence_penalty": 0,
    "logprobs": False,
    "top_logprobs": 0,
    "store": False,
    "background": False,
    "truncation": "disabled",
    "service_tier": "auto",
    "include": [],
    "metadata": {},
    "logit_bias": {},
    "modalities": ["text"],
    "thinking": {"type": "disabled"},
    "text": {"format": {"type": "text"}},
    "response_format": {"type": "text"},
}
"""Values that say what the API does anyway."""


def has_effect(name: str, value: Any) -> bool:
    """Whether a field changes anything."""
    return value is not None and not (name in WITHOUT_EFFECT and value == WITHOUT_EFFECT[name])


def refuse_others(body: Body, known: Collection[str]) -> None:
    """Raises FailedError for the first field that has an effect and is not known."""
    for name, value in body.items():
        if name not in known and has_effect(name, value):
            raise refusal(name)


def renamed(body: Body, names: Mapping[str, str]) -> Body:
    """The fields that are set, under their names in the other API."""
    return {new: body[name] for name, new in names.items() if body.get(name) is not None}
