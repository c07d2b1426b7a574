"""Conversations that the API takes for the same, in one form. Pure.

Messages: "consecutive user or assistant turns in your request will be combined into a single turn"
(https://docs.anthropic.com/en/api/messages), so a message may arrive as two, and two as one.
"""

from itertools import groupby
from typing import Any, Final

from conformance.model.words import Api
from conformance.parsing.json_values import Object

COMBINED: Final = ("user", "assistant")
"""The roles whose consecutive messages are one turn."""


def in_equal_turns(sent: Object, arrived: Object, api: Api) -> tuple[Object, Object]:
    """Two requests with consecutive messages of one role combined, if both then have equal turns; else unchanged."""
    if api != "messages" or _roles(sent) == _roles(arrived):
        return sent, arrived
    one, other = _combined(sent), _combined(arrived)
    return (one, other) if _roles(one) == _roles(other) else (sent, arrived)


def is_silent_call(body: Object, path: tuple[str | int, ...]) -> bool:
    """Whether a place is the content of a message with tool calls, which need no text: empty and null are equal."""
    value: Any = body
    for step in path[:-1]:
        value = value[step]
    return path[-1] == "content" and isinstance(value, dict) and bool(value.get("tool_calls"))


def _messages(body: Object) -> list[Any]:
    found = body.get("messages")
    return found if isinstance(found, list) else []


def _role(message: Any) -> Any:
    return message.get("role") if isinstance(message, dict) else None


def _roles(body: Object) -> list[Any]:
    return [*map(_role, _messages(body))]


def _combined(body: Object) -> Object:
    turns: list[Any] = []
    for role, found in groupby(_messages(body), _role):
        run = list(found)
        turns.extend([_one(run)] if role in COMBINED and len(run) > 1 else run)
    return {**body, "messages": turns}


def _one(messages: list[Object]) -> Object:
    parts = [part for message in messages for part in _parts(message.get("content"))]
    members = {name: value for message in messages for name, value in message.items()}
    return {**members, "content": parts}


def _parts(content: Any) -> list[Any]:
    return content if isinstance(content, list) else [{"type": "text", "text": content}]
