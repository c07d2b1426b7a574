"""JavaScript: how its values are parsed, compared, accessed and turned into text. None is null, and undefined too."""

import json
import math
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from conformance.clients.turn import ClientError

EXACT: Final = 2**53
"""Greater integers become the nearest number of 64 bits."""
ENOUGH_DIGITS: Final = 320
"""An integer with more digits is infinite."""
LONGEST_PLAIN: Final = 21
"""Digits before the point of the greatest number that is written without an exponent."""
MOST_ZEROS: Final = 6
"""Zeros after the point, from which a small number is written with an exponent."""

WHITESPACE: Final = (
    "\t\n\v\f\r \u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000\ufeff"
)
"""What `trim()` removes."""


def parse_json(text: str) -> object:
    """The value that JSON.parse reads, or the error that it raises (it is never itself a JSON value)."""
    try:
        return json.loads(text, parse_int=_integer, parse_constant=_no_constant)
    except ValueError as error:
        return ClientError("json", str(error)[:300])
    except RecursionError as error:
        return ClientError("shape", str(error)[:300])


def _integer(digits: str) -> int | float:
    if len(digits) > ENOUGH_DIGITS:
        return -math.inf if digits.startswith("-") else math.inf
    value = int(digits)
    return value if abs(value) <= EXACT else float(digits)


def _no_constant(name: str) -> None:
    raise ValueError(f"Unexpected token '{name[0]}'")


def is_number(value: Any) -> bool:
    """Whether `typeof value` is "number"."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def truthy(value: Any) -> bool:
    """`!!value`: an empty array and an empty object count as true."""
    return isinstance(value, dict | list) or bool(value)


def shown(value: Any) -> str:
    """A value as JavaScript concatenates it to a string, or uses it as the name of a property."""
    match value:
        case str():
            return value
        case dict():
            return "[object Object]"
        case list():
            return ",".join(_elements(value))
        case None | bool():
            return json.dumps(value)
    return _number(float(value))


def _elements(values: list[Any]) -> Iterator[str]:
    """The elements of an array, and of those inside it, as join() writes them: one is as good as the other.

    No recursion: a response may be nested almost as deeply as Python recurses.
    """
    waiting: list[Any] = [values]
    while waiting:
        found = waiting.pop()
        if isinstance(found, list) and found:
            waiting += reversed(found)
        else:
            yield "" if found is None or found == [] else shown(found)


def _number(value: float) -> str:
    """Number::toString (ECMA-262, section 6.1.6.1.20): the shortest digits that stand for the number."""
    if not math.isfinite(value):
        return "Infinity" if value > 0 else "-Infinity"
    if not value:
        return "0"
    _, digit_tuple, exponent = Decimal(repr(abs(value))).normalize().as_tuple()
    digits, point = "".join(map(str, digit_tuple)), len(digit_tuple) + int(exponent)
    minus = "-" if value < 0 else ""
    if len(digits) <= point <= LONGEST_PLAIN:
        return minus + digits.ljust(point, "0")
    if 0 < point <= LONGEST_PLAIN:
        return f"{minus}{digits[:point]}.{digits[point:]}"
    if -MOST_ZEROS < point <= 0:
        return f"{minus}0.{'0' * -point}{digits}"
    fraction = f".{digits[1:]}" if digits[1:] else ""
    return f"{minus}{digits[0]}{fraction}e{point - 1:+d}"


def get(value: Any, name: str) -> Any:
    """`value.name`, or `value[name]`: raises for null and undefined; undefined for a property that does not exist."""
    if value is None:
        raise ClientError("type", f"Cannot read properties of null (reading '{name}')")
    return optional_get(value, name)


def optional_get(value: Any, name: str) -> Any:
    """`value?.name`, or `value?.[name]`."""
    if isinstance(value, dict):
        return value.get(name)
    if isinstance(value, list | str) and is_array_index(name) and int(name) < len(value):
        return value[int(name)]
    return None


def property_name(value: Any, name: str) -> str:
    """`value.name` as the name of another property: null and undefined are different ones."""
    return "undefined" if optional_get(value, name) is None and not _has(value, name) else shown(get(value, name))


def _has(value: Any, name: str) -> bool:
    return isinstance(value, dict) and name in value


def spread(value: Any) -> dict[str, Any]:
    """`{...value}`: the elements of an array, and the characters of a string, by index."""
    if isinstance(value, list | str):
        return {str(at): item for at, item in enumerate(value)}
    return dict(value) if isinstance(value, dict) else {}


def iterated(values: Any) -> Iterator[Any]:
    """What `for ... of` iterates over: an array, or the characters of a string. Raises for anything else."""
    if not isinstance(values, list | str):
        raise ClientError("type", f"{shown(values)[:40]} is not iterable")
    yield from values


def is_array_index(name: str) -> bool:
    """Whether a property of an array is one of its elements."""
    return name.isascii() and name.isdecimal() and name == str(int(name)) and int(name) < 2**32 - 1
