"""The value of a YAML text from somebody else: bounded in depth and size, whatever its tags and aliases."""

import base64
import binascii
from collections.abc import Callable
from typing import Any, Final

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from conformance.recordings.members import DamagedError

MAX_DEPTH: Final = 300
MAX_SIZE: Final = 64 * 1024 * 1024
"""Characters of one text's values, those that an alias repeats included: a few lines of them can stand for billions."""
SCALAR_SIZE: Final = 64
"""What each scalar counts besides its characters."""

LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
BINARY: Final = ("!binary", "tag:yaml.org,2002:binary")
TEXT: Final = "tag:yaml.org,2002:str"
SCALARS: Final[dict[str | None, Callable[[SafeConstructor, yaml.ScalarNode], Any]]] = {
    "tag:yaml.org,2002:null": SafeConstructor.construct_yaml_null,
    "tag:yaml.org,2002:bool": SafeConstructor.construct_yaml_bool,
    "tag:yaml.org,2002:int": SafeConstructor.construct_yaml_int,
    "tag:yaml.org,2002:float": SafeConstructor.construct_yaml_float,
}
"""What is read as another value than a string; times and the tags of other languages are strings."""
_resolve: Callable[[type, str, tuple[bool, bool]], str] = Resolver().resolve
_constructor: Final = SafeConstructor()


class _Node:
    """A collection that is being read: `waiting` is the key whose value comes next, `size` counts its characters."""

    __slots__ = ("anchor", "size", "value", "waiting")

    def __init__(self, value: Any, anchor: str | None) -> None:
        self.value, self.anchor, self.size = value, anchor, SCALAR_SIZE
        self.waiting: Any = None


class Reader:
    """Reads texts that share their anchors, as the items of one document do."""

    def __init__(self) -> None:
        self.anchors: dict[str, tuple[Any, int]] = {}
        self.held = 0

    def value(self, text: bytes) -> Any:
        """The value of the first document in a text.

        Raises:
            DamagedError: it is not YAML, too deep, or too large.
        """
        try:
            return self._value(text)
        except yaml.YAMLError as error:
            raise DamagedError(_clause(error)) from error
        except DamagedError:
            raise
        except (ValueError, OverflowError, RecursionError) as error:
            raise DamagedError(f"not YAML: {error}") from error

    def _value(self, text: bytes) -> Any:
        opened, anchors = [_Node([], None)], len(self.anchors)
        for event in yaml.parse(text, Loader=LOADER):
            match event:
                case yaml.MappingStartEvent():
                    opened.append(_Node({}, event.anchor))
                case yaml.SequenceStartEvent():
                    opened.append(_Node([], event.anchor))
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    node = opened.pop()
                    self._add(opened[-1], node.value, node.size, node.anchor)
                case yaml.ScalarEvent():
                    is_key = isinstance(opened[-1].value, dict) and opened[-1].waiting is None
                    size = len(event.value) + SCALAR_SIZE
                    self._add(opened[-1], event.value if is_key else _scalar(event), size, event.anchor)
                case yaml.AliasEvent():
                    if event.anchor not in self.anchors:
                        raise DamagedError(f"the alias *{str(event.anchor)[:40]} has no anchor before it")
                    self._add(opened[-1], *self.anchors[event.anchor], None)
                case yaml.DocumentEndEvent():
                    break
            if len(opened) > MAX_DEPTH:
                raise DamagedError("nested too deeply")
        self._forget(len(text) if len(self.anchors) > anchors else 0)
        return opened[0].value[0] if opened[0].value else None

    def _forget(self, size: int) -> None:
        """Bound the memory that anchored values need."""
        self.held += size
        if self.held > MAX_SIZE:
            self.anchors.clear()
            self.held = 0

    def _add(self, node: _Node, value: Any, size: int, anchor: str | None) -> None:
        """Add a value to the collection around it."""
        node.size += size
        if node.size > MAX_SIZE:
            raise DamagedError("it is too large, or its aliases repeat too much")
        if anchor is not None:
            self.anchors[anchor] = value, size
        if isinstance(node.value, list):
            node.value.append(value)
        elif node.waiting is None:
            if not isinstance(value, str):
                raise DamagedError("a key is not a string")
            node.waiting = (value,)
        else:
            node.value[node.waiting[0]] = value
            node.waiting = None


def _scalar(event: yaml.ScalarEvent) -> Any:
    """The value of a scalar. Raises ValueError."""
    tag = event.tag
    if tag is None or tag == "!":
        tag = _resolve(yaml.ScalarNode, event.value, event.implicit)
    if tag in BINARY:
        return decoded_base64(event.value)
    construct = SCALARS.get(tag)
    return construct(_constructor, yaml.ScalarNode(tag, event.value)) if construct else event.value


def decoded_base64(text: str) -> bytes:
    """The bytes of base64, line breaks allowed.

    Raises:
        DamagedError: it is not base64.
    """
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise DamagedError(f"not base64: {error}") from error


def _clause(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f" in line {mark.line + 1} of the entry" if mark else ""
    return f"not YAML{where}: {getattr(error, 'problem', None) or getattr(error, 'reason', None) or 'invalid'}"
