"""Parse one JSON text (RFC 8259): strict about the grammar, lenient about a parser's own limits."""

import json
import re
from enum import Enum
from typing import Any, Final, NoReturn

import msgspec

SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""In a decoded string, a surrogate pair is one character, so that this matches lone ones only."""

MORE_FOLLOWS = "more follows the value"
TRUNCATED = "truncated JSON"
"""In the clause of `fault_of`, if the text goes on after its value, or ends before its value does."""

BEGUN = re.compile(r"|t|tr|tru|f|fa|fal|fals|n|nu|nul|-|\.|[eE][+-]?|u[0-9a-fA-F]{0,3}")
"""What a truncated text ends in, from the position on at which the parser stops: nothing, or part of a token."""

STRING: Final = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""A string, or the rest of a text in which it has no end."""

LONGEST_INTEGER = 4000
"""Digits; Python rejects integers of more than 4300, which is not a defect of the text."""


class Sentinel(Enum):
    """Stands for a missing JSON value."""

    NOT_JSON = "not JSON"
    DONE = "[DONE]"


NOT_JSON: Final = Sentinel.NOT_JSON
_decode = msgspec.json.Decoder().decode


def parse_json(data: bytes) -> Any:
    """The value of one JSON text in UTF-8 without BOM, or NOT_JSON.

    Lone surrogates and numbers of any size are JSON (sections 6 and 7); NaN, a second value, or nesting deeper than
    the parser's limit (section 9) are not.
    """
    try:
        return _decode(data)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _parse_slowly(data)


def _parse_slowly(data: bytes) -> Any:
    try:
        return json.loads(data.decode(), parse_int=_integer, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return NOT_JSON


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < LONGEST_INTEGER else float(digits)


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def fault_of(data: bytes) -> str:
    """Why bytes are not a JSON text, as a clause that names the position; empty if they are one."""
    if parse_json(data) is not NOT_JSON:
        return ""
    if not data.strip(b" \t\r\n"):
        return "empty"
    try:
        json.loads(data.decode(), parse_int=_integer, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        return _clause(error)
    return ""  # unreachable: value_of would have read it


FAULTS = {
    "Expecting value": "a value is missing",
    "Expecting property name": "a name in double quotes is missing",
    "Expecting ':'": "a colon is missing",
    "Expecting ','": "a comma or the closing bracket is missing",
    "Extra data": MORE_FOLLOWS,
    "Unterminated string": "a string has no end",
    "Invalid control character": "a string contains a bare control character",
    "Invalid \\": "a string contains an invalid escape",
    "Unexpected UTF-8 BOM": "it begins with a byte order mark",
    "Illegal trailing comma": "nothing follows a comma",
}
"""Explanations of the parser's messages, by how they begin."""


def has_more_values(data: bytes, most: int) -> bool:
    """Whether a JSON text has more than so many values, by the commas and brackets outside of its strings."""
    return _marks(data) > most and _marks(STRING.sub(b"", data)) > most


def _marks(data: bytes) -> int:
    return sum(map(data.count, (b",", b"{", b"[")))


def lone_surrogate(data: bytes, value: Any) -> str:
    """The first lone surrogate in a JSON text's strings, as an escape, or empty.

    `value` is the parsed value of `data`.
    """
    if not SURROGATE.search(data):
        return ""
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str) and (found := LONE_SURROGATE.search(item)):
            return f"\\u{ord(found[0]):04x}"
        if isinstance(item, dict):
            waiting += [*item.keys(), *item.values()]
        elif isinstance(item, list):
            waiting += item
    return ""


def repeated_name(data: bytes) -> str:
    """A name that occurs twice in one object of a JSON text, or empty; empty for invalid JSON too."""
    twice: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = dict(pairs)
        if len(names) < len(pairs):
            seen: set[str] = set()
            twice.extend(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        return names

    try:
        json.loads(data, object_pairs_hook=note, parse_int=_integer)
    except (ValueError, RecursionError):
        return ""
    return twice[0] if twice else ""


def _clause(error: Exception) -> str:
    match error:
        case json.JSONDecodeError():
            fault = next((words for begins, words in FAULTS.items() if error.msg.startswith(begins)), "broken")
            if error.msg.startswith("Unterminated string") or BEGUN.fullmatch(error.doc.rstrip(), error.pos):
                return f"{fault} at character {error.pos} ({TRUNCATED})"
            more = f" ({error.doc[error.pos :][:20]!r})" if error.msg == "Extra data" else ""
            return f"{fault} at character {error.pos}{more}"
        case UnicodeDecodeError():
            is_cut = error.reason == "unexpected end of data"
            return f"not UTF-8 at byte {error.start}{f' ({TRUNCATED})' if is_cut else ''}"
        case RecursionError():
            return "nested too deeply"
        case _:
            return f"{error} is not a JSON value"
