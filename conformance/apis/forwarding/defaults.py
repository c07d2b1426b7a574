"""The documented defaults of request fields: dropped or added, they change nothing. Pure.

Sources: the API references of Chat Completions, Completions, Embeddings and Responses
(https://platform.openai.com/docs/api-reference) and of Messages (https://docs.anthropic.com/en/api/messages). Left out
is what is documented, but not so everywhere: servers take `temperature` and `top_p` from the model's own settings, text
completions have other caps, and some accounts store chat completions by default.
"""

from fnmatch import fnmatchcase
from typing import Any, Final

from conformance.apis.forwarding.differences import Path
from conformance.model.words import Api
from conformance.parsing.json_exact import Number, equal_values

Defaults = dict[str, tuple[Any, ...]]

EVERYWHERE: Final[Defaults] = {
    "stream": (False, None),
    "service_tier": ("auto",),
    "*.cache_control.ttl": ("5m",),
    "cache_control.ttl": ("5m",),
}
OF_OPENAI: Final[Defaults] = {
    "tool_choice": ("auto",),
    "parallel_tool_calls": (True,),
}
DEFAULTS: Final[dict[Api, Defaults]] = {
    "chat": {
        **EVERYWHERE,
        **OF_OPENAI,
        "n": (Number("1"), None),
        "logprobs": (False, None),
        "frequency_penalty": (Number("0"), None),
        "presence_penalty": (Number("0"), None),
        "modalities": (["text"],),
        "response_format": ({"type": "text"},),
        "response_format.json_schema.strict": (False, None),
        "tools.*.function.strict": (False, None),
        "messages.*.content.*.image_url.detail": ("auto",),
    },
    "messages": {
        **EVERYWHERE,
        "tools.*.type": ("custom",),
        "tool_choice": ({"type": "auto"}, {"type": "auto", "disable_parallel_tool_use": False}),
        "tool_choice.disable_parallel_tool_use": (False,),
        "messages.*.content.*.is_error": (False,),
    },
    "completions": {
        "stream": (False, None),
        "n": (Number("1"), None),
        "best_of": (Number("1"), None),
        "echo": (False, None),
        "logprobs": (None,),
        "suffix": (None,),
        "stop": (None,),
        "frequency_penalty": (Number("0"), None),
        "presence_penalty": (Number("0"), None),
    },
    "embeddings": {"dimensions": (None,)},
    "responses": {
        **EVERYWHERE,
        **OF_OPENAI,
        "background": (False, None),
        "store": (True, None),
        "truncation": ("disabled", None),
        "text": ({"format": {"type": "text"}},),
        "text.format": ({"type": "text"},),
        "text.format.strict": (False, None),
        "tools.*.strict": (True,),
        "input.*.content.*.detail": ("auto",),
    },
}
"""Of each field, by its path with `*` for list indexes, the values that mean the same as none; null if allowed."""
WITH_TOOLS: Final = ("tool_choice", "parallel_tool_calls")
"""Fields that the API rejects in a request without tools: a default that is added there is no such value."""


def is_default(path: Path, value: Any, api: Api) -> bool:
    """Whether a field of a request has a value that means the same as none."""
    place = ".".join("*" if isinstance(step, int) else step for step in path)
    return any(
        equal_values(default, value)
        for pattern, defaults in DEFAULTS[api].items()
        if place == pattern or (pattern.startswith("*") and fnmatchcase(place, pattern))
        for default in defaults
    )
