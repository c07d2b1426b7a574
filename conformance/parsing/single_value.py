"""Find the only value that a JSON Schema allows, and detect damaged characters in it."""

import json
import re
from collections.abc import Iterator
from enum import Enum
from functools import cache
from typing import Any, Final

from conformance.parsing.json_values import as_array, as_object

DEEPEST = 8
LEAST: Final = 8
"""Characters: a text that begins like the expected one for so long is a part of it, not a coincidence."""
LOST = "\N{REPLACEMENT CHARACTER}"
"""What decoders write for bytes that are not a character."""


class Many(Enum):
    """Stands for the value of a schema that allows several."""

    SEVERAL = "several"


NOT_UNIQUE: Final = Many.SEVERAL


def only_value(schema: Any, depth: int = 0) -> Any:
    """The only value that the schema allows, or SEVERAL.

    Handles const, enum, and objects whose properties are all required and allow no others.
    """
    known = as_object(schema)
    if "const" in known:
        return known["const"]
    if len(values := as_array(known.get("enum"))) == 1:
        return values[0]
    properties = as_object(known.get("properties"))
    closed = known.get("type") == "object" and known.get("additionalProperties") is False
    if not closed or depth > DEEPEST or any(name not in as_array(known.get("required")) for name in properties):
        return NOT_UNIQUE
    value = {name: only_value(part, depth + 1) for name, part in properties.items()}
    return NOT_UNIQUE if NOT_UNIQUE in value.values() else value


def encoding_damage(found: Any, expected: Any) -> Iterator[tuple[str, str]]:
    """Each string whose non-ASCII characters were damaged, with the expected one."""
    if isinstance(expected, dict) and isinstance(found, dict):
        for name in expected.keys() & found.keys():
            yield from encoding_damage(found[name], expected[name])
    elif isinstance(expected, str) and isinstance(found, str) and is_damaged(found, expected):
        yield found, expected


def is_damaged(found: str, expected: str) -> bool:
    """Whether a string is the expected one with damaged non-ASCII characters.

    They were lost, or replaced by `?` or U+FFFD, or their UTF-8 was read as Latin-1 or Windows-1252.
    """
    if found == expected:
        return False
    raw = expected.encode("utf-8", "replace")
    if found in (raw.decode("latin-1"), raw.decode("cp1252", "replace")):
        return True
    return len(found) < 4 * len(expected) and bool(_with_losses(expected).fullmatch(found))


@cache
def _with_losses(text: str) -> re.Pattern[str]:
    """A pattern for the text with any non-ASCII characters lost or replaced."""
    return re.compile("".join(re.escape(c) if c.isascii() else f"(?:{re.escape(c)}|[{LOST}?]*+)" for c in text))


def damaged_ends(text: str, expected: Any) -> str:
    """How a text differs at one end from the JSON text of the expected value, as a clause; empty otherwise.

    White space does not count. A text that differs elsewhere may be another value that the model wrote.
    """
    found = "".join(text.split())
    spellings = (json.dumps(expected, ensure_ascii=False), json.dumps(expected))
    return next(filter(None, (_difference(found, "".join(spelling.split())) for spelling in spellings)), "")


def _difference(found: str, whole: str) -> str:
    lost, more = len(whole) - len(found), len(found) - len(whole)
    if lost > 0 and len(found) >= LEAST and whole.startswith(found):
        return f"its last {lost} of {len(whole)} character(s) are lost"
    if lost > 0 and len(found) >= LEAST and lost < len(found) and whole.endswith(found):
        return f"its first {lost} of {len(whole)} character(s) are lost"
    if more > 0 and found.startswith(whole) and whole.endswith(found[-more:]):
        return f"its last {more} character(s) are doubled"
    if more > 0 and found.endswith(whole) and whole.startswith(found[:more]):
        return f"its first {more} character(s) are doubled"
    return ""
