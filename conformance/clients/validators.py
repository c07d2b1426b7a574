"""What a strict framework requires of a JSON value: checks that are composed like its schema."""

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
