"""The deltas of a streamed completion: text, reasoning and tool arguments, each with its event."""

from collections.abc import Callable
from typing import Any, Literal, NamedTuple

from conformance.model.exchange import Exchange, cached_reader
from conformance.model.words import Api
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import Object
from conformance.parsing.sse import Event, payloads, stream

Kind = Literal["text", "thinking", "tool"]
Piece = tuple[Kind, str]

BLOCK_DELTAS: tuple[tuple[str, Kind], ...] = (("text", "text"), ("thinking", "thinking"), ("partial_json", "tool"))


class Delta(NamedTuple):
    """One delta of a completion: its event, its kind, and the text that it adds."""

    event: Event
    kind: Kind
    text: str


@cached_reader
def deltas(x: Exchange) -> tuple[Delta, ...]:
    """The non-empty deltas, in order. Anything malformed is ignored."""
    read, new = READERS[x.api], tuple.__new__
    pairs = zip(stream(x).dispatched, payloads(x), strict=True)
    return tuple(
        [
            new(Delta, (event, kind, text))
            for event, value in pairs
            if type(value) is dict
            for kind, text in read(value)
            if text
        ]
    )


@cached_reader
def arrivals(x: Exchange) -> tuple[int, ...]:
    """When each delta had arrived, in nanoseconds since the exchange began."""
    timeline, at = reply(x).timeline or ((0, 0),), 0
    times = []
    for delta in deltas(x):
        while timeline[at][0] < delta.event.end and at < len(timeline) - 1:
            at += 1
        times.append(timeline[at][1])
    return tuple(times)


def _chat(chunk: Object) -> list[Piece]:
    found: list[Piece] = []
    for choice in _dicts(chunk.get("choices")):
        delta = choice.get("delta")
        if isinstance(delta, dict):
            for key, value in delta.items():
                if key == "content" and type(value) is str:  # the usual case
                    found.append(("text", value))
                elif value:
                    found += _pieces(key, value)
    return found


def _pieces(key: str, value: Any) -> list[Piece]:
    """The pieces in one field of a delta."""
    if key == "role":
        return []
    if key in ("content", "refusal"):
        return [("text", text) for text in _texts(value)]
    if key.startswith("reasoning") or key == "thinking":
        return [("thinking", text) for text in _texts(value)]
    calls = _dicts(value) if key == "tool_calls" else []
    functions = [value] if key == "function_call" else [call.get("function") for call in calls]
    return [("tool", text) for f in _dicts(functions) for name in ("name", "arguments") for text in _texts(f.get(name))]


def _messages(event: Object) -> list[Piece]:
    delta = event.get("delta") if event.get("type") == "content_block_delta" else event.get("content_block")
    return [(kind, text) for key, kind in BLOCK_DELTAS for d in _dicts([delta]) for text in _texts(d.get(key))]


def _responses(event: Object) -> list[Piece]:
    name = event.get("type")
    if not (isinstance(name, str) and name.endswith(".delta")):
        return []
    kind: Kind = "thinking" if "reasoning" in name else "tool" if "argument" in name else "text"
    return [(kind, text) for text in _texts(event.get("delta"))]


def _texts(value: Any) -> list[str]:
    """A text, or the texts of a list of parts, as some servers send content and reasoning."""
    if isinstance(value, str):
        return [value]
    return [part["text"] for part in _dicts(value) if isinstance(part.get("text"), str)]


def _dicts(value: Any) -> list[Object]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


READERS: dict[Api, Callable[[Object], list[Piece]]] = {"chat": _chat, "messages": _messages, "responses": _responses}
