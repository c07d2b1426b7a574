"""The Vercel AI SDK's tool calls on Chat Completions: assembled from fragments by index, ID and name."""

from dataclasses import dataclass, field
from typing import Any, Final

from conformance.clients.javascript import WHITESPACE
from conformance.clients.turn import ClientError, DecodedToolCall

CLOSES: Final = {"}": "{", "]": "["}


@dataclass(eq=False)
class Call:
    """One tool call."""

    name: str
    arguments: str
    index: Any = None
    ids: list[str] = field(default_factory=list)

    @property
    def is_complete(self) -> bool:
        """Whether the arguments are one object or array, by their brackets."""
        text = self.arguments.lstrip(WHITESPACE)
        stack: list[str] = []
        in_string = escaped = False
        for at, character in enumerate(text):
            if not at and character not in CLOSES.values():
                return False
            if in_string:
                in_string, escaped = character != '"' or escaped, character == "\\" and not escaped
            elif character == '"':
                in_string = True
            elif character in CLOSES.values():
                stack.append(character)
            elif character in CLOSES:
                if stack.pop() != CLOSES[character]:
                    return False
                if not stack:
                    return True
        return False


AMBIGUOUS: Final = [Call("", ""), Call("", "")]


def _not_blank(text: str | None) -> str | None:
    return text if text is not None and text.strip(WHITESPACE) else None


class Tracker:
    """Tool calls in the order in which they began."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._by_index: dict[Any, list[Call]] = {}

    def add(self, fragment: dict[str, Any]) -> None:
        """Add one fragment; one that may belong to several calls is dropped.

        Raises ClientError if a call begins without a name.
        """
        function, index = fragment["function"], fragment.get("index")
        given, arguments = function.get("name"), function.get("arguments")
        call_id, name = _not_blank(fragment.get("id")), _not_blank(given)
        starts = name is not None and (arguments or "").lstrip(WHITESPACE)[:1] in CLOSES.values()
        fits = self._fitting(call_id, index, name, starts=starts)
        if len(fits) > 1:
            return
        if fits:
            (call,) = fits
            call.arguments += arguments or ""
        elif given is not None and name is None:
            return
        elif name is None:
            raise ClientError("invalid", "Expected 'function.name' to be a string.")
        else:
            call = Call(name, arguments or "", index)
            self.calls.append(call)
        if call_id is not None and call_id not in call.ids:
            call.ids.append(call_id)
        if index is not None and call not in self._by_index.setdefault(index, []):
            self._by_index[index].append(call)

    def _fitting(self, call_id: str | None, index: Any, name: str | None, *, starts: bool) -> list[Call]:
        """The calls that a fragment may belong to: none begins a new one, several are ambiguous."""
        indexed = self._by_index.get(index) if index is not None else None
        named = [call for call in self.calls if name in (None, call.name)]
        known = [call for call in self.calls if call_id is not None and call_id in call.ids]
        if known and index is None:
            return _open([call for call in known if call in named], starts=starts)
        if known:
            both = _open([call for call in known if call in named and call in (indexed or ())], starts=starts)
            return both or _elsewhere(known, indexed, name)
        if indexed is None:
            return self.calls if name is None and call_id is None else []
        matching = [call for call in named if call in indexed]
        return _open(matching, starts=starts) if call_id is None else [] if starts else matching

    def tools(self) -> tuple[DecodedToolCall, ...]:
        """The calls; a missing ID is generated."""
        return tuple(
            DecodedToolCall(name=call.name, arguments=call.arguments, id=next(iter(call.ids), "made up"))
            for call in self.calls
        )


def _open(calls: list[Call], *, starts: bool) -> list[Call]:
    """Of the calls that match, those that a fragment may continue: one that begins anew continues no complete one."""
    return [call for call in calls if not call.is_complete] if starts else calls


def _elsewhere(known: list[Call], indexed: list[Call] | None, name: str | None) -> list[Call]:
    """For a known ID at an index where it was not seen: with a name a new call, else the known one if it is free."""
    if name is not None:
        return []
    return known if indexed is None else AMBIGUOUS


class Buffered:
    """Tool calls of the OpenAI-compatible provider: it holds fragments back until their index has a name."""

    def __init__(self) -> None:
        self.tracker = Tracker()
        self._pending: dict[Any, dict[str, Any]] = {}
        self._forwarded: set[Any] = set()

    def add(self, fragment: dict[str, Any]) -> None:
        """Add one fragment. Raises ClientError if a call begins without a name."""
        index = fragment.get("index")
        if index is None or index in self._forwarded:
            self.tracker.add(fragment)
            return
        function = fragment["function"]
        held = self._pending.setdefault(index, {"id": None, "arguments": ""})
        held["id"] = fragment.get("id") if held["id"] is None else held["id"]
        held["arguments"] += function.get("arguments") or ""
        name = function.get("name")
        if name is None:
            return
        call = {"name": name, "arguments": held["arguments"]}
        self.tracker.add({"index": index, "id": held["id"], "function": call})
        del self._pending[index]
        self._forwarded.add(index)

    def flush(self) -> None:
        """Add what was held back. Raises ClientError if it begins a call, as it has no name."""
        for index, held in self._pending.items():
            self.tracker.add({"index": index, "id": held["id"], "function": {"arguments": held["arguments"]}})
        self._pending = {}
