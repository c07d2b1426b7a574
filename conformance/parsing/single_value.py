"""Read the one value that a JSON Schema allows, where it allows only one; and what may have become of its letters."""

import re
from collections.abc import Iterator
from enum import Enum
from functools import cache
from typing import Any, Final

from conformance.parsing.json_values import mapping, sequence

DEEPEST = 8
LOST = "\N{REPLACEMENT CHARACTER}"
"""What decoders put where octets were no character."""


class Many(Enum):
    """What stands in the place of the one value where there are others."""

    SEVERAL = "several"


SEVERAL: Final = Many.SEVERAL


def only_value(schema: Any, depth: int = 0) -> Any:
    """The one value that the schema allows, or SEVERAL.

    Of the keywords, const, enum, and objects of which every property is required and no other allowed are read.
    """
    known = mapping(schema)
    if "const" in known:
        return known["const"]
    if len(values := sequence(known.get("enum"))) == 1:
        return values[0]
    properties = mapping(known.get("properties"))
    closed = known.get("type") == "object" and known.get("additionalProperties") is False
    if not closed or depth > DEEPEST or any(name not in sequence(known.get("required")) for name in properties):
        return SEVERAL
    value = {name: only_value(part, depth + 1) for name, part in properties.items()}
    return SEVERAL if SEVERAL in value.values() else value


def damaged(found: Any, meant: Any) -> Iterator[tuple[str, str]]:
    """Each text in which the letters beyond ASCII were damaged on the way, with what was meant."""
    if isinstance(meant, dict) and isinstance(found, dict):
        for name in meant.keys() & found.keys():
            yield from damaged(found[name], meant[name])
    elif isinstance(meant, str) and isinstance(found, str) and is_damaged(found, meant):
        yield found, meant


def is_damaged(found: str, meant: str) -> bool:
    """Whether a text is another one whose letters beyond ASCII were damaged on the way.

    They were lost, or replaced by question marks or U+FFFD, or their UTF-8 was read as Latin-1 or Windows-1252.
    """
    if found == meant:
        return False
    octets = meant.encode("utf-8", "replace")
    if found in (octets.decode("latin-1"), octets.decode("cp1252", "replace")):
        return True
    return len(found) < 4 * len(meant) and bool(_with_losses(meant).fullmatch(found))


@cache
def _with_losses(text: str) -> re.Pattern[str]:
    """The text with any letters beyond ASCII lost or replaced."""
    return re.compile("".join(re.escape(c) if c.isascii() else f"(?:{re.escape(c)}|[{LOST}?]*+)" for c in text))
