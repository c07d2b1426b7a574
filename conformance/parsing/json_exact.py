"""Parse JSON without loss: the digits of numbers, the order of members, and names that occur twice. Pure."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from difflib import SequenceMatcher
from enum import Enum
from itertools import zip_longest
from math import isfinite
from typing import Any, Final, NamedTuple, NoReturn

from conformance.parsing.json_text import NOT_JSON

DEEPEST: Final = 100
"""Levels of lists and objects; requests have a dozen."""
MOST_ALIGNED: Final = 1000
"""Items of a list that are looked for in another one of another length."""
INTEGER: Final = re.compile(r"-?\d+")


class Missing(Enum):
    """Stands for a value that is not there; null is there."""

    ABSENT = "absent"


ABSENT: Final = Missing.ABSENT


class Number(NamedTuple):
    """A number as it is written."""

    text: str

    @property
    def is_integer(self) -> bool:
        """Whether it is written as an integer: `1` is, `1.0` and `1e3` are not."""
        return bool(INTEGER.fullmatch(self.text))


class Members(dict[str, Any]):
    """An object with its members in order. Of a name that occurs twice, the last value counts; `repeated` has all."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.repeated: dict[str, tuple[Any, ...]] = {}
        if len(self) < len(pairs):
            values: dict[str, list[Any]] = {}
            for name, value in pairs:
                values.setdefault(name, []).append(value)
            self.repeated = {name: tuple(found) for name, found in values.items() if len(found) > 1}


def parse_exact(data: bytes) -> Any:
    """The value of one JSON text in UTF-8, or NOT_JSON: objects are Members, numbers are Number.

    What is nested deeper than DEEPEST is not read.
    """
    try:
        value = json.loads(
            data.decode(), object_pairs_hook=Members, parse_int=Number, parse_float=Number, parse_constant=_refuse
        )
    except (ValueError, RecursionError):
        return NOT_JSON
    return NOT_JSON if _is_too_deep(value) else value


def _is_too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEEPEST):
        level = [item for one in level if isinstance(one, dict | list) for item in _items(one)]
        if not level:
            return False
    return True


def _items(value: dict[str, Any] | list[Any]) -> list[Any]:
    return [*value.values()] if isinstance(value, dict) else value


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def same_number(sent: Number, arrived: Number) -> bool:
    """Whether two numbers are equal: an integer to its last digit, others as a double holds them.

    RFC 8259, section 6: software agrees on numbers "within the expected precision" of doubles. So `1.10` is `1.1`.
    """
    if sent.text == arrived.text:
        return True
    try:
        if Decimal(sent.text) == Decimal(arrived.text):
            return True
    except InvalidOperation:  # an exponent beyond any decimal's
        return False
    value = float(sent.text)
    return not sent.is_integer and isfinite(value) and value == float(arrived.text)


def equal_values(sent: Any, arrived: Any) -> bool:
    """Whether two values are equal, whatever the order of members and the spelling of numbers."""
    if sent == arrived:
        return True
    if isinstance(sent, Number):
        return isinstance(arrived, Number) and same_number(sent, arrived)
    if isinstance(sent, dict):
        is_like = isinstance(arrived, dict) and sent.keys() == arrived.keys()
        return is_like and all(equal_values(value, arrived[name]) for name, value in sent.items())
    if isinstance(sent, list):
        is_like = isinstance(arrived, list) and len(sent) == len(arrived)
        return is_like and all(map(equal_values, sent, arrived))
    return False


def ordered(value: Any) -> str:
    """A text that is equal for values that are equal in the order of their members and the spelling of numbers."""
    return json.dumps(value)


def unordered(value: Any) -> str:
    """The same for values that are equal in any order of members."""
    return json.dumps(value, sort_keys=True)


def digits(value: Any) -> str:
    """A number as it is written, or the JSON text of any other value."""
    if isinstance(value, Number):
        return value.text
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(name)}: {digits(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(digits, value)) + "]"
    return json.dumps(value)


def repeated_names(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """The place and values of each name that occurs twice in one object."""
    if isinstance(value, Members):
        for name, values in value.repeated.items():
            yield (*path, name), values
        for name, item in value.items():
            yield from repeated_names(item, (*path, name))
    elif isinstance(value, list):
        for at, item in enumerate(value):
            yield from repeated_names(item, (*path, at))


def aligned(sent: list[Any], arrived: list[Any]) -> Iterator[tuple[int | None, int | None]]:
    """Which items of two lists belong together, in order; None where one list has no counterpart.

    Equal items do. Of those between them, items of one role, type and name do, or else all in order, if they are as
    many on both sides.
    """
    if len(sent) == len(arrived) or max(len(sent), len(arrived)) > MOST_ALIGNED:
        yield from zip_longest(range(len(sent)), range(len(arrived)))
        return
    left, right = list(map(unordered, sent)), list(map(unordered, arrived))
    for tag, a, b, c, d in SequenceMatcher(a=left, b=right, autojunk=False).get_opcodes():
        if tag == "equal" or b - a == d - c:
            yield from zip(range(a, b), range(c, d), strict=True)
        else:
            yield from _alike(sent, arrived, range(a, b), range(c, d))


def _alike(sent: list[Any], arrived: list[Any], left: range, right: range) -> Iterator[tuple[int | None, int | None]]:
    waiting = list(right)
    for at in left:
        found = next((to for to in waiting if _identity(arrived[to]) == _identity(sent[at])), None)
        if found is None:
            yield at, None
            continue
        yield from ((None, to) for to in waiting if to < found)
        waiting = [to for to in waiting if to > found]
        yield at, found
    yield from ((None, to) for to in waiting)


def _identity(value: Any) -> tuple[Any, ...]:
    """What an item of a conversation, or a tool, is recognised by."""
    if not isinstance(value, dict):
        return (type(value),)
    inner = value.get("function")
    names = ("role", "type", "name", "id", "call_id", "tool_call_id", "tool_use_id")
    return (*(value.get(name) for name in names), inner.get("name") if isinstance(inner, dict) else None)
