"""How LangChain merges the chunks of a message, and what its messages accept."""

import json
from typing import Any

from conformance.clients.openai_sdk import slot_of
from conformance.clients.turn import ClientError, as_text
from conformance.clients.validators import as_integer, has_odd_names


def reject(field: str, value: Any) -> ClientError:
    """The validation error of one field."""
    found = f"input_value={as_text(value, 80)}, input_type={type(value).__name__}"
    return ClientError("invalid", f"{field}: Input should be valid [{found}]")


def text_or_none(field: str, value: Any) -> Any:
    """A value that must be a string or None."""
    if not isinstance(value, str | None):
        raise reject(field, value)
    return value


def dumped(value: Any) -> Any:
    """A value of the SDK as a dictionary. Raises ClientError where Pydantic can't make one."""
    if has_odd_names(value):
        raise ClientError("unicode", "'utf-8' codec can't encode character: surrogates not allowed")
    return value


def message_id(value: Any) -> None:
    """Check a message's ID: a string, a number, or None."""
    if isinstance(value, bool) or not isinstance(value, str | int | float | None):
        raise reject("id", value)


def whole_number(field: str, value: Any) -> int:
    """An integer, or what pydantic turns into one. Raises ClientError."""
    try:
        if isinstance(value, int | float) and as_integer(value):
            return int(value)
        if isinstance(value, str) and value.strip():
            return int(value)
    except (ValueError, OverflowError):
        pass
    raise reject(field, value)


def content_of(content: Any) -> str | list[Any]:
    """A message's content: text, or a list of texts and objects. Raises ClientError."""
    if isinstance(content, str) or (
        isinstance(content, list) and all(isinstance(part, dict | str) for part in content)
    ):
        return content
    raise reject("content", content)


def text_of(content: str | list[Any]) -> str:
    """`message.text`: the content, or its texts and text blocks."""
    return content if isinstance(content, str) else "".join(map(_part, content))


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    text = part.get("text") if part.get("type") == "text" else None
    return text if isinstance(text, str) else ""


def merge_dicts(left: dict[str, Any], right: dict[str, Any]) -> dict[str, Any]:
    """Merge two objects. Raises ClientError where two values of a member can't be merged."""
    merged = dict(left)
    for name, new in right.items():
        old = merged.get(name)
        if old is None:
            merged[name] = new
        elif new is not None:
            merged[name] = _merged(name, old, new)
    return merged


def _merged(name: str, old: Any, new: Any) -> Any:
    if type(old) is not type(new):
        raise ClientError("type", f'additional_kwargs["{name}"] already exists, but with a different type.')
    if isinstance(old, str):
        return old if name in ("id", "model_provider") and old == new else old + new
    if isinstance(old, dict):
        return merge_dicts(old, new)
    if isinstance(old, list):
        return merge_lists(old, new)
    if old == new:
        return old
    if isinstance(old, int) and not isinstance(old, bool):
        return new if name in ("index", "created", "timestamp") else old + new
    raise ClientError("type", f"Additional kwargs key {name} has unsupported type {type(old)}.")


def merge_lists(left: list[Any], right: list[Any]) -> list[Any]:
    """Merge two lists: entries with the same integer index, and no different IDs, become one."""
    merged = list(left)
    for entry in right:
        index = entry.get("index") if isinstance(entry, dict) else None
        at = next((at for at, old in enumerate(merged) if _fits(old, entry)), None) if isinstance(index, int) else None
        if at is None:
            merged.append(entry)
        else:
            merged[at] = merge_dicts(merged[at], {name: value for name, value in entry.items() if name != "type"})
    return merged


def _fits(old: Any, entry: dict[str, Any]) -> bool:
    """Whether an entry continues an old one. Raises ClientError for an ID that can't be looked up."""
    if not (isinstance(old, dict) and "index" in old and old["index"] == entry["index"]):
        return False
    one, other = old.get("id"), entry.get("id")
    return slot_of(one) in (None, "") or slot_of(other) in (None, "") or bool(one == other)


def becomes_a_call(arguments: str | None) -> bool:
    """Whether partial arguments become an object, so that the tool is called: their open values are closed."""
    if not arguments:
        return True
    try:
        return isinstance(json.loads(arguments, strict=False), dict)
    except json.JSONDecodeError:
        pass
    except (ValueError, RecursionError):
        return False
    opened = _opened(arguments)
    if opened is None:
        return False
    text, ends = opened
    end = len(text)
    while end > 0:
        try:
            return isinstance(json.loads(text[:end] + ends, strict=False), dict)
        except json.JSONDecodeError as error:
            end = min(end - 1, error.pos)
    return False


def _opened(arguments: str) -> tuple[str, str] | None:
    """The text, with its last string closed, and what closes the rest; None if it closes what is not open."""
    stack, text, inside, escaped = list[str](), list[str](), False, False
    for char in arguments:
        text.append("\\n" if inside and char == "\n" and not escaped else char)
        if inside:
            inside = char != '"' or escaped
            escaped = char == "\\" and not escaped
        elif char == '"':
            inside = True
        elif char in "{[":
            stack.append("}" if char == "{" else "]")
        elif char in "}]" and (not stack or stack.pop() != char):
            return None
    if inside:
        text = [*(text[:-1] if escaped else text), '"']
    return "".join(text), "".join(reversed(stack))
