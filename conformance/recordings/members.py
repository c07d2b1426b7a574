"""Members of recorded JSON or YAML values, which may have any type."""

from typing import Any


class DamagedError(ValueError):
    """An entry can't be read: what is wrong, and where."""


def member(value: Any, path: str) -> Any:
    """The member at a path such as "request.postData.text"; None if it, or an object before it, is missing or null.

    A name may also be written as a Ruby symbol, with a colon before it.

    Raises:
        DamagedError: what should be an object is none.
    """
    parents: list[str] = []
    for name in path.split("."):
        if value is None:
            return None
        if not isinstance(value, dict):
            raise DamagedError(f"{'.'.join(parents) or 'the entry'} is not an object")
        parents.append(name)
        value = value.get(name, value.get(f":{name}"))
    return value


def text(value: Any, path: str) -> str:
    """The string at a path, or "" if it is missing.

    Raises:
        DamagedError: it is no string.
    """
    found = member(value, path)
    if found is None:
        return ""
    if not isinstance(found, str):
        raise DamagedError(f"{path} is not a string")
    return found


def needed(value: Any, path: str) -> str:
    """The string at a path.

    Raises:
        DamagedError: it is missing, empty, or no string.
    """
    if found := text(value, path):
        return found
    raise DamagedError(f"{path} is missing")


def field_values(value: Any, where: str) -> list[str]:
    """The values of a header field: recorders write one, or a list; some write numbers as such.

    Raises:
        DamagedError: one is neither text nor a number.
    """
    return [_field_value(each, where) for each in (value if isinstance(value, list) else [value]) if each is not None]


def _field_value(value: Any, where: str) -> str:
    match value:
        case str():
            return value
        case bytes():
            return value.decode("utf-8", "surrogateescape")
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
    raise DamagedError(f"a value in {where} is not a string")


def number(value: Any, path: str) -> int:
    """The whole number at a path, also as a string; 0 if it is missing.

    Raises:
        DamagedError: it is no such number.
    """
    match member(value, path):
        case None:
            return 0
        case bool():
            pass
        case int() as found:
            return found
        case float() as found if found.is_integer():
            return int(found)
        case str() as found if found.isascii() and found.isdigit() and len(found) < 10:
            return int(found)
    raise DamagedError(f"{path} is not a whole number")


def array(value: Any, path: str) -> list[Any]:
    """The array at a path, or an empty one if it is missing.

    Raises:
        DamagedError: it is no array.
    """
    found = member(value, path)
    if found is None:
        return []
    if not isinstance(found, list):
        raise DamagedError(f"{path} is not an array")
    return found
