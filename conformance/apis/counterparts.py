"""The counterparts of request fields: where each API has the same setting. Only Messages' own names differ much.

Sources: https://platform.openai.com/docs/api-reference/chat/create,
https://platform.openai.com/docs/api-reference/responses/create and
https://platform.claude.com/docs/en/api/messages/create; between the first two, also
https://platform.openai.com/docs/guides/migrate-to-responses; between the first and the third,
https://platform.claude.com/docs/en/api/openai-sdk.
"""

from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple

from conformance.model.words import Api
from conformance.parsing.json_values import Object, as_object

Compared = Literal["equal", "present"]
ABSENT: Final = object()


class Setting(NamedTuple):
    """A setting, and its fields in each API, as paths with dots; none: the API has no counterpart.

    `compared`: whether its value is the same in each API, or only means the same. `decisive`: without it the answer is
    another one than the client asked for, or costs more; otherwise it is a hint, or for accounting.
    """

    name: str
    chat: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    responses: tuple[str, ...] = ()
    compared: Compared = "equal"
    decisive: bool = False

    def fields(self, api: Api) -> tuple[str, ...]:
        """The fields of an API; none of one without messages."""
        own = {"chat": self.chat, "messages": self.messages, "responses": self.responses}
        return own.get(api, ())


CAPS: Final = ("max_completion_tokens", "max_tokens")
USERS: Final = ("safety_identifier", "user")


def _everywhere(name: str) -> Setting:
    return Setting(name, (name,), (name,), (name,), decisive=True)


def _of_openai(name: str, compared: Compared = "equal") -> Setting:
    return Setting(name, (name,), (), (name,), compared)


def _of_chat(name: str, *, decisive: bool = False) -> Setting:
    return Setting(name, (name,), decisive=decisive)


def _of_messages(name: str, *, decisive: bool = False) -> Setting:
    return Setting(name, (), (name,), decisive=decisive)


def _of_responses(name: str, *, decisive: bool = False) -> Setting:
    return Setting(name, (), (), (name,), decisive=decisive)


SETTINGS: Final = (
    Setting("cap", CAPS, ("max_tokens",), ("max_output_tokens",), decisive=True),
    _everywhere("temperature"),
    _everywhere("top_p"),
    Setting("stop", ("stop",), ("stop_sequences",), decisive=True),
    Setting(
        "format",
        ("response_format",),
        ("output_config.format", "output_format"),
        ("text.format",),
        "present",
        decisive=True,
    ),
    Setting(
        "effort",
        ("reasoning_effort", "reasoning", "thinking"),
        ("output_config.effort", "thinking"),
        ("reasoning.effort",),
        "present",
    ),
    Setting("verbosity", ("verbosity",), (), ("text.verbosity",)),
    Setting("user", USERS, ("metadata.user_id",), USERS, "present"),
    Setting("top_logprobs", ("top_logprobs",), (), ("top_logprobs",)),
    _of_openai("metadata"),
    _of_openai("store"),
    _of_openai("service_tier"),
    _of_openai("prompt_cache_key"),
    _of_openai("prompt_cache_retention"),
    _of_chat("n", decisive=True),
    *map(_of_chat, ("logprobs", "seed", "logit_bias", "frequency_penalty", "presence_penalty", "prediction")),
    _of_chat("modalities", decisive=True),
    _of_chat("functions", decisive=True),
    _of_chat("web_search_options", decisive=True),
    _of_messages("top_k"),
    _of_messages("mcp_servers", decisive=True),
    _of_messages("container", decisive=True),
    _of_messages("context_management"),
    *(_of_responses(name, decisive=True) for name in ("previous_response_id", "conversation", "prompt")),
    *map(_of_responses, ("truncation", "background", "max_tool_calls", "include", "context_management")),
)

USUAL: Final[dict[str, tuple[Any, ...]]] = {
    "n": (1,),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "store": (False,),
    "background": (False,),
    "truncation": ("disabled",),
    "service_tier": ("auto", "default"),
    "modalities": (["text"],),
    "format": ({"type": "text"},),
    "effort": ({"type": "disabled"}, "none"),
    "verbosity": ("medium",),
}
"""Values by setting that say what happens anyway."""


def sent(setting: Setting, api: Api, body: Object) -> Iterator[tuple[str, Any]]:
    """The fields of a setting that a body has, with their values, but for those without effect.

    An empty object or list, and null, say nothing.
    """
    for path in setting.fields(api):
        value = member(body, path)
        is_void = value is ABSENT or value is None or value in ({}, [])
        if not is_void and not any(
            type(value) is type(usual) and value == usual for usual in USUAL.get(setting.name, ())
        ):
            yield path, value


def member(body: Object, path: str) -> Any:
    """The value at a path with dots, or ABSENT."""
    value: Any = body
    for name in path.split("."):
        if name not in as_object(value):
            return ABSENT
        value = value[name]
    return value
