"""Edits of a draft: each changes a place chosen by its own random numbers, or nothing if it finds none."""

from typing import Literal, get_args

Kind = Literal[
    "line-removed", "line-duplicated", "line-moved", "line-ends", "blank-line", "field", "bom", "event-name",
    "event-removed", "event-duplicated", "event-moved", "error-event", "data", "text", "whole-object",
    "json-type", "json-null", "json-missing", "json-duplicate-key", "json-order", "json-list-null", "json-large",
    "tool-fragment", "choices", "message-end",
    "status", "content-type", "retry-header", "coding", "body", "cut", "reset", "hold", "unterminated",
]  # fmt: skip
KINDS = get_args(Kind)
EDITS = {}
"""The edit of each kind: from a draft and random numbers to a draft."""


def edit(kind):
    """Register the edit of this kind."""

    def register(change):
        EDITS[kind] = change
        return change

    return register
