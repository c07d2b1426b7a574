"""What a strict framework demands of a JSON value: checks that are put together as its schema is."""

from collections.abc import Callable
from typing import Any

Check = Callable[[Any], bool]


def text(value: Any) -> bool:
    """A string."""
    return isinstance(value, str)


def number(value: Any) -> bool:
    """A number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def anything(_value: Any) -> bool:
    """Whatever it is, or nothing."""
    return True


def one_of(*values: Any) -> Check:
    """One of these values."""
    return lambda value: any(type(value) is type(known) and value == known for known in values)


def nullish(check: Check) -> Check:
    """That, null, or left out."""
    return lambda value: value is None or check(value)


def either(*checks: Check) -> Check:
    """What one of the checks accepts."""
    return lambda value: any(check(value) for check in checks)


def items(check: Check) -> Check:
    """A list of such values."""
    return lambda value: isinstance(value, list) and all(map(check, value))


def fields(**checks: Check) -> Check:
    """An object with these fields; others may be there too. A name ends in `_` where Python keeps it for itself."""
    wanted = {name.rstrip("_"): check for name, check in checks.items()}
    return lambda value: isinstance(value, dict) and all(check(value.get(name)) for name, check in wanted.items())


def never_null(*names: str) -> Check:
    """An object that may leave these fields out, and has no null in them."""
    return lambda value: isinstance(value, dict) and not any(name in value and value[name] is None for name in names)


def both(*checks: Check) -> Check:
    """What all of the checks accept."""
    return lambda value: all(check(value) for check in checks)


def typed(**kinds: Check) -> Check:
    """An object whose `type` is one of these, and which is then as the check of that type wants it."""
    return lambda value: (
        isinstance(value, dict) and text(kind := value.get("type")) and kind in kinds and kinds[kind](value)
    )
