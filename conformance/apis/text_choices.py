"""The choices of Completions: a text instead of a message, and log probabilities in lists.

https://platform.openai.com/docs/api-reference/completions/object describes both, for a response and for the chunks of a
stream alike.
"""

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from conformance.parsing.json_values import Object, as_object, as_string

BYTES: Final = "bytes:"
"""Begins a token that is not a complete character: its bytes follow, as `\\xf0\\x9f`."""


class LogprobLists(NamedTuple):
    """The members of `logprobs`, each with one entry a token; None for one that is no list."""

    tokens: list[Any] | None
    token_logprobs: list[Any] | None
    text_offset: list[Any] | None
    top_logprobs: list[Any] | None


def logprob_lists(choice: Object) -> LogprobLists | None:
    """The lists of a choice, or None if it has no log probabilities."""
    logprobs = choice.get("logprobs")
    if logprobs is None:
        return None
    members = (as_object(logprobs).get(name) for name in LogprobLists._fields)
    return LogprobLists(*(value if isinstance(value, list) else None for value in members))


def in_chat_form(choice: Object) -> Object:
    """A choice as Chat Completions has it: what `logprobs` says of each token is one object in its `content`."""
    logprobs = choice.get("logprobs")
    if logprobs is None or "content" in as_object(logprobs):
        return choice
    return choice | {"logprobs": {"content": list(_entries(logprob_lists(choice)))}}


def _entries(lists: LogprobLists | None) -> Iterator[Object]:
    if lists is None:
        return
    likeliest = lists.top_logprobs or []
    for at, (token, logprob) in enumerate(zip(lists.tokens or (), lists.token_logprobs or (), strict=False)):
        others = as_object(likeliest[at]) if at < len(likeliest) else {}
        yield _entry(token, logprob) | {"top_logprobs": [_entry(*other) for other in others.items()]}


def _entry(token: Any, logprob: Any) -> Object:
    return {"token": token, "logprob": logprob, "bytes": _bytes(as_string(token))}


def _bytes(token: str) -> list[int]:
    """The bytes of a token, which are spelt out where they are not a complete character."""
    if token.startswith(BYTES):
        try:
            return list(bytes.fromhex(token.removeprefix(BYTES).replace("\\x", " ")))
        except ValueError:
            pass
    return list(token.encode("utf-8", "surrogatepass"))


def as_message(choice: Object) -> Object:
    """What a choice says, as a message or delta of Chat Completions has it."""
    return {"content": choice["text"]} if "text" in choice else {}
