"""Access JSON values of unknown type."""

from typing import Any, TypeGuard

Object = dict[str, Any]


def as_object(value: Any) -> Object:
    """The value if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_array(value: Any) -> list[Any]:
    """The value if it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def as_string(value: Any) -> str:
    """The value if it is a string, else an empty one."""
    return value if isinstance(value, str) else ""


def is_integer(value: Any) -> TypeGuard[int | float]:
    """Whether a value is an integer as JSON Schema counts: `1` and `1.0` are, `true` is not."""
    return type(value) is int or (type(value) is float and value.is_integer())


def display(value: Any) -> str:
    """A short description of a value, safe to print: scalars shortened, containers by their type."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list):
        return "an array"
    text = ascii(value) if isinstance(value, str) else repr(value)
    return text if len(text) <= 60 else f"{text[:56]}..."


def describe_member(value: Any, key: str) -> str:
    """An object's value under a key, for a sentence: `no id`, `id null`, `id 7`."""
    return f"{key} {display(value[key])}" if isinstance(value, dict) and key in value else f"no {key}"
