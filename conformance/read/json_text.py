"""Read one JSON text (RFC 8259): strict where the grammar is, forgiving where only a reader's bounds are met."""

import json
from enum import Enum
from typing import Any, Final, NoReturn

import msgspec

LONGEST_INTEGER = 4000
"""Digits; Python refuses to make an integer of more than 4300, which is no fault of the text."""


class Mark(Enum):
    """What stands in the place of a JSON value where there is none."""

    NOT_JSON = "not JSON"
    DONE = "[DONE]"


NOT_JSON: Final = Mark.NOT_JSON


def value_of(octets: bytes) -> Any:
    """The value of one JSON text in UTF-8 without BOM, or NOT_JSON.

    Lone surrogates and numbers of any size are JSON (sections 6 and 7); NaN, a second value, or nesting deeper than
    a reader can follow (section 9) are not.
    """
    try:
        return msgspec.json.decode(octets)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return _patiently(octets)


def _patiently(octets: bytes) -> Any:
    try:
        return json.loads(octets.decode(), parse_int=_integer, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return NOT_JSON


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) < LONGEST_INTEGER else float(digits)


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)


def fault_of(octets: bytes) -> str:
    """Why octets are no JSON text, in a clause that names the position; empty where they are one."""
    if value_of(octets) is not NOT_JSON:
        return ""
    if not octets.strip(b" \t\r\n"):
        return "empty"
    try:
        json.loads(octets.decode(), parse_int=_integer, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        return _clause(error)
    return ""  # pragma: no cover - value_of has read it


def _clause(error: Exception) -> str:
    match error:
        case json.JSONDecodeError():
            return f"{error.msg[:1].lower()}{error.msg[1:]} at character {error.pos}"
        case UnicodeDecodeError():
            return f"not UTF-8 at octet {error.start}"
        case RecursionError():
            return "nested too deeply"
        case _:
            return f"{error} is no JSON value"
