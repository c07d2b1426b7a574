"""Look at JSON values of which nobody has promised a type."""

from typing import Any, TypeGuard

Object = dict[str, Any]


def mapping(value: Any) -> Object:
    """The value where it is an object, or else an empty one."""
    return value if isinstance(value, dict) else {}


def sequence(value: Any) -> list[Any]:
    """The value where it is an array, or else an empty one."""
    return value if isinstance(value, list) else []


def string(value: Any) -> str:
    """The value where it is a string, or else an empty one."""
    return value if isinstance(value, str) else ""


def is_integer(value: Any) -> TypeGuard[int | float]:
    """Whether a value is an integer as JSON Schema counts: `1` and `1.0` are, `true` is not."""
    return type(value) is int or (type(value) is float and value.is_integer())


def shown(value: Any) -> str:
    """A value in few words, safe to print: short plain values as JSON would show them, containers by their kind."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    text = ascii(value) if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:56]}..."


def held(value: Any, key: str) -> str:
    """What an object holds under a key, for a sentence: `no id`, `id null`, `id 7`."""
    return f"{key} {shown(value[key])}" if isinstance(value, dict) and key in value else f"no {key}"
