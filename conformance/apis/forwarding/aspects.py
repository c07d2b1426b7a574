"""Which promise of a gateway a difference concerns. Pure."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final

from conformance.apis.forwarding.defaults import is_default
from conformance.apis.forwarding.differences import Change, Difference, Path
from conformance.apis.nonce import markers
from conformance.apis.specs import spec
from conformance.model.words import Api
from conformance.parsing.json_exact import ABSENT, Number, equal_values, parse_exact, unordered
from conformance.parsing.json_text import NOT_JSON


class Aspect(StrEnum):
    """What a difference is about. Each difference has one aspect, and each aspect one rule for each fate.

    `alias`: another name or role that the API documents as equal, for which there is no rule; `empty`: an explicit 0
    or false; `nothing`: null, or an empty text, list or object; `digits`: a number that is almost the same; `range`: a
    number outside of the API's range; `shape`: a text as a list of one; `foreign`: text of another request.
    """

    FIELD = "field"
    EMPTY = "empty"
    NOTHING = "nothing"
    DIGITS = "digits"
    RANGE = "range"
    SHAPE = "shape"
    ALIAS = "alias"
    MODEL = "model"
    MESSAGE = "message"
    PROMPT = "prompt"
    FOREIGN = "foreign"
    TEXT = "text"
    TOOL = "tool"
    PART = "part"
    CACHE = "cache"
    REASONING = "reasoning"
    ORDER = "order"


CACHE_FIELDS: Final = frozenset(
    ("cache_control", "prompt_cache_key", "prompt_cache_retention", "prompt_cache_options", "prompt_cache_breakpoint")
)
"""Fields about prompt caching, at any depth."""
REASONING_FIELDS: Final = frozenset(
    (
        "reasoning_content",
        "reasoning",
        "reasoning_details",
        "encrypted_content",
        "signature",
        "thinking",
        "extra_content",
    )
)
"""Members of a conversation that carry reasoning from an earlier reply back: as vendors of Chat Completions name it,
`extra_content` with thought signatures included."""
REASONING_TYPES: Final = frozenset(("thinking", "redacted_thinking", "reasoning"))
SCHEMA_FIELDS: Final = frozenset(("parameters", "input_schema", "output_schema", "schema"))
"""Members that hold a JSON Schema."""
MEDIA_TYPES: Final = frozenset(
    (
        *("image_url", "input_audio", "file", "video_url"),
        *("image", "document", "search_result"),
        *("input_image", "input_file"),
    )
)
"""Content parts that are no text."""
SAID_TYPES: Final = frozenset(("text", "input_text", "output_text", "refusal", "tool_use", "tool_result"))
"""Content parts that are what was said, called or returned: they count as messages do."""
CONTENT_LISTS: Final = ("content", "output", "system")
TEXTS: Final = frozenset(
    ("content", "text", "output", "input", "prompt", "system", "instructions", "arguments", "refusal", "title")
)
"""Members of a conversation that hold text."""
EQUAL_ROLES: Final = frozenset(("system", "developer"))
ALMOST: Final = 1e-6
"""The relative difference up to which one number is another with fewer digits: that of floats of 32 bits."""


def conversation_fields(api: Api) -> tuple[str, ...]:
    """The fields of an API that hold the conversation, or what stands for it: the prompts, or the inputs."""
    return (spec(api).prompt, "system", "instructions")


def aspect_of(difference: Difference, api: Api, invalid: frozenset[Path], nonce: str) -> Aspect:
    """The promise that a difference concerns. `invalid` are the client's values that the API does not allow."""
    is_talk = difference.path[0] in conversation_fields(api)
    if found := _of_any_place(difference, is_talk=is_talk):
        return found
    if not is_talk:
        return _of_field(difference, invalid)
    if difference.change is Change.ADDED:
        return _of_added(difference, nonce)
    return _of_turn(difference) or _of_value(difference, nonce)


def _names(path: Path) -> list[str]:
    return [step for step in path if isinstance(step, str)]


def _of_any_place(difference: Difference, *, is_talk: bool) -> Aspect | None:
    change = difference.change
    if difference.path == ("model",):
        return Aspect.MODEL
    if change is Change.REORDERED or (change is Change.MOVED and not is_talk):
        return Aspect.ORDER
    if change is Change.RESHAPED:
        return Aspect.SHAPE
    return Aspect.CACHE if change is not Change.ADDED and CACHE_FIELDS & {*difference.path} else None


def _of_field(difference: Difference, invalid: frozenset[Path]) -> Aspect:
    """The aspect of a difference outside of the conversation."""
    path, change, sent, arrived, _ = difference
    if path[0] == "tools" and change is not Change.ADDED and (len(path) == 2 or path[2:] == ("type",)):
        return Aspect.TOOL
    if change is Change.DROPPED:
        return _of_dropped(sent, is_exact=bool(SCHEMA_FIELDS & {*path[:-1]}))
    return _of_number(sent, arrived) or (
        Aspect.RANGE if path in invalid and isinstance(arrived, Number) else Aspect.FIELD
    )


def _of_turn(difference: Difference) -> Aspect | None:
    """The aspect of a difference inside the conversation that its place shows: reasoning, parts, messages or roles."""
    path, change, sent, arrived, within = difference
    leaf, is_item = _names(path)[-1], isinstance(path[-1], int)
    if REASONING_FIELDS & {*path} or REASONING_TYPES & {*within}:
        return Aspect.REASONING
    if MEDIA_TYPES & {*within} or (is_item and leaf in CONTENT_LISTS and not SAID_TYPES & {*within[-1:]}):
        return Aspect.PART
    is_text = isinstance(sent, str) and isinstance(arrived, str)  # one of several prompts or inputs
    if (is_item and not is_text) or change is Change.MOVED:
        return Aspect.MESSAGE
    is_role = leaf == "role" and isinstance(sent, str) and isinstance(arrived, str)
    return Aspect.ALIAS if is_role and {sent, arrived} <= EQUAL_ROLES else None


def _of_value(difference: Difference, nonce: str) -> Aspect:
    """The aspect of another difference inside the conversation."""
    path, change, sent, arrived, within = difference
    leaf = _names(path)[-1]
    if change is Change.DROPPED:
        dropped = _of_dropped(sent, is_exact="tool_use" in within)
        is_content = leaf in TEXTS or leaf == "tool_calls"
        return Aspect.MESSAGE if is_content and dropped is Aspect.FIELD else dropped
    if isinstance(sent, str) and isinstance(arrived, str) and leaf in TEXTS:
        return _of_text(sent, arrived, nonce, is_json=leaf == "arguments")
    return _of_number(sent, arrived) or (Aspect.MESSAGE if leaf in TEXTS else Aspect.FIELD)


def _of_number(sent: Any, arrived: Any) -> Aspect | None:
    """Whether a number lost digits."""
    both = isinstance(sent, Number) and isinstance(arrived, Number)
    return Aspect.DIGITS if both and is_almost(sent, arrived) else None


def _of_added(difference: Difference, nonce: str) -> Aspect:
    path, arrived = difference.path, difference.arrived
    is_text = isinstance(path[-1], int) or len(path) == 1 or path[-1] in TEXTS
    if not arrived or not is_text:
        return Aspect.FIELD
    if MEDIA_TYPES & {*difference.within} and not isinstance(path[-1], int):
        return Aspect.PART  # a text in place of an image
    return Aspect.FOREIGN if foreign_nonces(unordered(arrived), nonce) else Aspect.PROMPT


def foreign_nonces(text: str, nonce: str) -> frozenset[str]:
    """The nonces of other requests in a text, where a script's name follows them."""
    return markers(text.encode("utf-8", "replace")) - {nonce}


def _of_text(sent: str, arrived: str, nonce: str, *, is_json: bool) -> Aspect:
    if foreign_nonces(arrived, nonce) - foreign_nonces(sent, nonce):
        return Aspect.FOREIGN
    if is_json:
        before, after = (parse_exact(text.encode("utf-8", "surrogatepass")) for text in (sent, arrived))
        if before is not NOT_JSON and after is not NOT_JSON:
            return Aspect.SHAPE if equal_values(before, after) else Aspect.DIGITS
    is_longer = sent.strip() in arrived and arrived.strip() != sent.strip()
    return Aspect.PROMPT if is_longer else Aspect.TEXT


def is_almost(sent: Number, arrived: Number) -> bool:
    """Whether a number is another with fewer digits."""
    try:
        one, other = float(sent.text), float(arrived.text)
    except (ValueError, OverflowError):
        return False
    return abs(one - other) <= ALMOST * max(abs(one), abs(other))


def _of_dropped(sent: Any, *, is_exact: bool) -> Aspect:
    """`is_exact`: inside a JSON Schema, where each value has a meaning."""
    if is_exact or sent is ABSENT:
        return Aspect.FIELD
    if is_nothing(sent):
        return Aspect.NOTHING
    is_zero = isinstance(sent, Number) and float(sent.text) == 0
    return Aspect.EMPTY if sent is False or is_zero else Aspect.FIELD


def is_nothing(value: Any) -> bool:
    """Whether a value is null, or an empty text, list or object."""
    return value is None or (isinstance(value, str | list | dict) and not value)


def aspects_of_body(body: Any, api: Api, invalid: frozenset[Path]) -> frozenset[Aspect]:
    """The aspects that a body has something about: a gateway that gets it can break these promises."""
    found: set[Aspect] = set()
    for path, value, within in _walk(body, (), ()):
        names = {*path}
        is_talk = bool(path) and path[0] in conversation_fields(api)
        if isinstance(value, Number):
            found.add(Aspect.EMPTY if float(value.text) == 0 else Aspect.DIGITS)
            found |= {Aspect.RANGE} if path in invalid else set()
        elif value is False and not is_default(path, value, api):
            found.add(Aspect.EMPTY)
        elif is_nothing(value):
            found.add(Aspect.NOTHING)
        if CACHE_FIELDS & names:
            found.add(Aspect.CACHE)
        if is_talk and (REASONING_FIELDS & names or REASONING_TYPES & {*within}):
            found.add(Aspect.REASONING)
        if is_talk and (MEDIA_TYPES & {*within} or (isinstance(value, list) and path[-1] in CONTENT_LISTS)):
            found.add(Aspect.PART)
        if path[:1] == ("tools",) and len(path) > 1:
            found.add(Aspect.TOOL)
        if path[-1:] == ("properties",) and len(value) > 1:
            found.add(Aspect.ORDER)
    return frozenset(found)


def _walk(value: Any, path: Path, within: tuple[str, ...]) -> Iterator[tuple[Path, Any, tuple[str, ...]]]:
    """Every value of a body, with its path and the types of the objects that lead to it."""
    kind = value.get("type") if isinstance(value, dict) else None
    within = (*within, kind) if isinstance(kind, str) else within
    yield path, value, within
    for name, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from _walk(item, (*path, name), within)
