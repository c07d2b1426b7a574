"""What a strict framework requires of a JSON value: checks that are composed like its schema."""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

Check = Callable[[Any], bool]

WHOLE: Final = re.compile(r"[+-]?[0-9](_?[0-9])*(\.0+)?")
LONE_SURROGATE: Final = re.compile("[\ud800-\udfff]")
DATED: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
EARLIEST: Final = -62_135_596_800_000
LATEST: Final = 253_402_300_799_999
"""The milliseconds of the years 1 and 9999."""
LARGEST: Final = 2.0**63
"""Pydantic converts a float to an integer only below this."""


def text(value: Any) -> bool:
    """A string."""
    return isinstance(value, str)


def number(value: Any) -> bool:
    """A number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def anything(_value: Any) -> bool:
    """Any value, or none."""
    return True


def one_of(*values: Any) -> Check:
    """One of these values."""
    return lambda value: any(type(value) is type(known) and value == known for known in values)


def nullish(check: Check) -> Check:
    """A value that passes the check, null, or absent."""
    return lambda value: value is None or check(value)


def either(*checks: Check) -> Check:
    """A value that at least one of the checks accepts."""
    return lambda value: any(check(value) for check in checks)


def items(check: Check) -> Check:
    """A list of such values."""
    return lambda value: isinstance(value, list) and all(map(check, value))


def fields(**checks: Check) -> Check:
    """An object with these fields; others are allowed. A name that is a Python keyword is written with a final `_`."""
    wanted = {name.rstrip("_"): check for name, check in checks.items()}
    return lambda value: isinstance(value, dict) and all(check(value.get(name)) for name, check in wanted.items())


def never_null(*names: str) -> Check:
    """An object in which these fields may be absent, but not null."""
    return lambda value: isinstance(value, dict) and not any(name in value and value[name] is None for name in names)


def both(*checks: Check) -> Check:
    """A value that all of the checks accept."""
    return lambda value: all(check(value) for check in checks)


def typed(**kinds: Check) -> Check:
    """An object whose `type` is one of these, and which passes the check of that type."""
    return lambda value: (
        isinstance(value, dict) and text(kind := value.get("type")) and kind in kinds and kinds[kind](value)
    )


def as_integer(value: Any) -> bool:
    """What Pydantic accepts as an integer: also a whole number as a float, a boolean, or text."""
    if isinstance(value, str):
        return WHOLE.fullmatch(value.strip()) is not None
    return isinstance(value, int) or (isinstance(value, float) and abs(value) < LARGEST and value.is_integer())


def whole(value: Any) -> int:
    """The integer that Pydantic makes of what it accepts as one."""
    return int(value.strip().partition(".")[0]) if isinstance(value, str) else int(value)


def sound_text(value: Any) -> bool:
    """What Pydantic accepts as text of a certain length: a string without lone surrogates."""
    return isinstance(value, str) and not LONE_SURROGATE.search(value)


def timestamp(value: Any) -> bool:
    """What Pydantic accepts as a date and time, in seconds or, if too large for that, in milliseconds."""
    if isinstance(value, str):
        return WHOLE.fullmatch(value) is not None or DATED.match(value) is not None
    return number(value) and EARLIEST <= value <= LATEST


def within(value: Any) -> Iterator[Any]:
    """A JSON value and all values inside; they may be nested more deeply than Python's stack."""
    left = [value]
    while left:
        value = left.pop()
        yield value
        if isinstance(value, dict | list):
            left.extend(value.values() if isinstance(value, dict) else value)


def has_odd_names(value: Any) -> bool:
    """Whether a name somewhere inside has a lone surrogate, so that Pydantic can't make a dictionary of a model."""
    return any(LONE_SURROGATE.search(name) for found in within(value) if isinstance(found, dict) for name in found)


def has_surrogates(value: Any) -> bool:
    """Whether a JSON value has a lone surrogate somewhere, so that a client can neither send nor hash it."""
    texts = (found for found in within(value) if isinstance(found, str))
    return has_odd_names(value) or any(map(LONE_SURROGATE.search, texts))
