"""Edits of the JSON of a request, for planted defects and variants of the embedded gateway."""

from collections.abc import Callable
from typing import Any

Body = dict[str, Any]
Edit = Callable[[Body], Body]


def without(*names: str) -> Edit:
    """Drop fields."""
    return lambda body: {name: value for name, value in body.items() if name not in names}


def each_object(value: Any, edit: Edit) -> Any:
    """A copy with every object edited, the innermost first."""
    if isinstance(value, dict):
        return edit({name: each_object(item, edit) for name, item in value.items()})
    return [each_object(item, edit) for item in value] if isinstance(value, list) else value


def of_each_object(edit: Edit) -> Edit:
    """Edit every object of a body."""

    def edited(body: Body) -> Body:
        found: Body = each_object(body, edit)
        return found

    return edited


def each_item(name: str, edit: Callable[[Any], Any]) -> Edit:
    """Edit each item of a list, or drop those for which the edit returns None."""

    def edited(body: Body) -> Body:
        if not isinstance(body.get(name), list):
            return body
        return body | {name: [new for item in body[name] if (new := edit(item)) is not None]}

    return edited


def each_message(edit: Callable[[Body], Body | None]) -> Edit:
    """Edit each message or item of a conversation, or drop those for which the edit returns None."""
    in_messages, in_input = each_item("messages", edit), each_item("input", edit)
    return lambda body: in_input(in_messages(body))


def each_text(edit: Callable[[str], str], *names: str) -> Edit:
    """Edit each text that stands under one of these names."""

    def edited(value: Body) -> Body:
        return {name: edit(item) if name in names and isinstance(item, str) else item for name, item in value.items()}

    return of_each_object(edited)


def each_part(edit: Callable[[Body], Body | None]) -> Edit:
    """Edit each content part of each message, or drop those for which the edit returns None."""

    def edited(message: Body) -> Body:
        return each_item("content", edit)(message) if isinstance(message, dict) else message

    return each_message(edited)
