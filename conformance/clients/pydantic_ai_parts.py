"""Pydantic AI's parts: how it assembles the texts and calls of a stream, and what its agent makes of them."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from conformance.clients import jiter
from conformance.clients.openai_sdk import slot_of
from conformance.clients.required_tool import offers
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall
from conformance.clients.validators import has_surrogates
from conformance.model.exchange import Exchange

HELD_NS: Final = 100_000_000
"""Text is buffered for this long before the user sees it; an error discards the buffer."""
TAGS: Final = ("<think>", "</think>")
ATTEMPTS: Final = 2
"""A response that the agent can do nothing with is retried once."""


class UnusableError(ClientError):
    """The agent tells the model what is wrong and asks again; the second time it raises this."""


@dataclass
class Part:
    """A text, a thought, or a call; a call without a name is not complete, and is dropped."""

    kind: Literal["text", "thought", "call"]
    content: Any = ""
    name: Any = None
    arguments: Any = None
    id: Any = None


@dataclass
class Parts:
    """The parts of a stream in order, by the ID that the vendor gives them; None stands for the latest part."""

    parts: list[Part] = field(default_factory=list)
    shown: list[str] = field(default_factory=list)
    _places: dict[Any, int] = field(default_factory=dict)

    def _known(self, key: Any, kind: str) -> Part | None:
        if key is None:
            latest = self.parts[-1] if self.parts else None
            return latest if latest and latest.kind == kind else None
        place = self._places.get(slot_of(key))
        return None if place is None else self.parts[place]

    def _append(self, key: Any, part: Part) -> None:
        if key is not None:
            self._places[key] = len(self.parts)
        self.parts.append(part)

    def is_text(self, key: Any) -> bool:
        """Whether the part of this ID is a text."""
        known = self._known(key, "text")
        return known is not None and known.kind == "text"

    def add_text(self, key: Any, content: Any, *, tagged: bool = False) -> None:
        """Add to a text. If it may be `tagged`, a thought begins and ends where a tag is all that arrives."""
        known = self._known(key, "text")
        if tagged and known and known.kind == "thought":
            if content == TAGS[1]:
                del self._places[key]
            return
        if known and known.kind != "text":
            raise ClientError("invalid", f"Cannot apply a text delta to {known}")
        if tagged and content == TAGS[0]:
            self._append(key, Part("thought"))
            return
        if content and not isinstance(content, str):
            raise ClientError("type", f"sequence item 0: expected str instance, {type(content).__name__} found")
        if known is None:
            self._append(key, known := Part("text", content))
        elif content:
            known.content = (known.content or "") + content
        if content:
            self.shown.append(content)

    def add_call(self, key: Any, name: Any, arguments: Any, call_id: Any) -> bool:
        """Add to a call; whether it is complete now, and was not before."""
        known = None if key is None and name is not None else self._known(key, "call")
        if known is None:
            self._append(key, Part("call", name=name, arguments=arguments, id=call_id))
            return name is not None
        if known.kind != "call":
            raise ClientError("invalid", f"Cannot apply a tool call delta to {known}")
        began = known.name is None
        if name:
            known.name = _added(known.name or "" if began else known.name, name)
        if isinstance(arguments, str | dict):
            known.arguments = _joined(known.arguments, arguments)
        known.id = call_id or known.id
        return began and known.name is not None

    @property
    def text(self) -> str:
        """The text of all parts. Raises ClientError if one has none."""
        texts = [part.content for part in self.parts if part.kind == "text"]
        if not all(isinstance(text, str) for text in texts):
            raise ClientError("type", 'can only concatenate str (not "NoneType") to str')
        return "".join(texts)


def _added(name: Any, more: Any) -> str:
    if not isinstance(name, str) or not isinstance(more, str):
        raise ClientError("type", f'can only concatenate str (not "{type(more).__name__}") to str')
    return name + more


def _joined(before: Any, more: str | dict[str, Any]) -> Any:
    if isinstance(more, str) and not isinstance(before, dict) and isinstance(before or "", str):
        return (before or "") + more
    if isinstance(more, dict) and not isinstance(before, str) and isinstance(before or {}, dict):
        return (before or {}) | more
    raise ClientError("invalid", "Cannot apply JSON deltas to non-JSON tool arguments")


def called(x: Exchange, calls: Iterable[Part]) -> tuple[tuple[DecodedToolCall, ...], bool]:
    """The calls that the agent can make, and whether there are others, of which it tells the model."""
    complete = [call for call in calls if call.kind == "call" and call.name is not None]
    good = [call for call in complete if _is_known(x, call.name) and _is_object(call.arguments)]
    tools = tuple(DecodedToolCall(name=call.name, arguments="{}", id=call.id or "-") for call in good)
    return tools, len(good) < len(complete)


def _is_known(x: Exchange, name: Any) -> bool:
    """Whether the agent has a tool of this name. Raises ClientError for one that can't be looked up."""
    return isinstance(slot_of(name), str) and offers(x, name)


def _is_object(arguments: Any) -> bool:
    """Whether arguments are an object, as Pydantic reads it; none at all count as an empty one."""
    if not isinstance(arguments, str) or not arguments:
        return isinstance(arguments or {}, dict)
    try:
        return isinstance(jiter.complete(arguments), dict)
    except (ValueError, RecursionError):
        return False


FINAL: Final = {"length": "length", "max_tokens": "length", "content_filter": "filter", "refusal": "filter"}
"""Finish reasons after which an empty response is not retried."""


def judged(x: Exchange, turn: DecodedResponse, parts: Parts) -> DecodedResponse:
    """What the agent makes of a response: it needs a text or a call, and calls only what it knows."""
    if turn.error:
        return turn
    try:
        tools, others = called(x, parts.parts)
        has_text = any(part.kind == "text" for part in parts.parts) if x.mode == "stream" else bool(parts.text)
        whole = parts.text if has_text else ""
    except ClientError as raised:
        return turn.with_error(raised)
    if others and not tools and not (has_text and x.mode == "stream"):
        return turn.with_error(_unusable(parts, "Tool exceeded max retries count of 1"))
    if tools or has_text:
        return replace(turn, text="".join(parts.shown) if x.mode == "stream" else whole, tools=tools)
    if turn.finish in FINAL:
        return turn.with_error(ClientError("api", f"finish reason {turn.finish} before any response was generated"))
    return turn.with_error(_unusable(parts, "Exceeded maximum output retries (1)"))


def _unusable(parts: Parts, message: str) -> ClientError:
    """Why the agent asks again, in a request that repeats the parts; one that is no UTF-8 can't be sent."""
    if has_surrogates([[part.content, part.name, part.arguments, part.id] for part in parts.parts]):
        return ClientError("unicode", "'utf-8' codec can't encode character: surrogates not allowed")
    return UnusableError("invalid", message)


def held(x: Exchange, turn: DecodedResponse) -> DecodedResponse:
    """If a stream fails soon after its text began, the user sees only the error."""
    began = next(iter(x.arrivals), None)
    lasted = x.arrivals[-1].at_ns - began.at_ns if began else 0
    return replace(turn, text="") if turn.error and lasted < HELD_NS else turn


def is_race(turn: DecodedResponse) -> bool:
    """Whether it depends on the time how much of the text the user sees before the error."""
    return bool(turn.error and turn.text)


def attempts(turn: DecodedResponse) -> int:
    """How often the agent asks."""
    return ATTEMPTS if isinstance(turn.error, UnusableError) else 1
