"""The pieces of a streamed answer: text, thinking and tool arguments, each with the event that brought it."""

from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

from conformance.exchange import Api, Exchange, view
from conformance.read.sse import Event, at_ns, payloads, stream

Kind = Literal["text", "thinking", "tool"]

BLOCK_DELTAS: tuple[tuple[str, Kind], ...] = (("text", "text"), ("thinking", "thinking"), ("partial_json", "tool"))


class Delta(NamedTuple):
    """One piece of an answer: what it adds, of which kind, and the event that brought it."""

    event: Event
    kind: Kind
    text: str


@view
def deltas(x: Exchange) -> tuple[Delta, ...]:
    """The pieces that add something, in order. Whatever has another shape adds nothing."""
    return tuple(
        Delta(event, kind, text)
        for event, payload in zip(stream(x).dispatched, payloads(x), strict=True)
        for kind, text in pieces(x.api, payload)
        if text
    )


def pieces(api: Api, payload: Any) -> Iterator[tuple[Kind, str]]:
    """The kinds and texts that one event's value adds to an answer."""
    if isinstance(payload, dict):
        yield from {"chat": _chat, "messages": _messages, "responses": _responses}[api](payload)


def words(x: Exchange) -> int:
    """How many words the pieces make together."""
    return len("".join(delta.text for delta in deltas(x)).split())


def arrivals(x: Exchange) -> tuple[int, ...]:
    """When each piece had arrived, in nanoseconds since the exchange began."""
    return tuple(at_ns(x, delta.event) for delta in deltas(x))


def _chat(chunk: dict[str, Any]) -> Iterator[tuple[Kind, str]]:
    for choice in _dicts(chunk.get("choices")):
        delta = choice.get("delta")
        if not isinstance(delta, dict):
            continue
        yield from (("text", text) for key in ("content", "refusal") for text in _texts(delta.get(key)))
        for key, value in delta.items():
            if key.startswith("reasoning") or key == "thinking":
                yield from (("thinking", text) for text in _texts(value))
        calls = [call.get("function") for call in _dicts(delta.get("tool_calls"))]
        for function in _dicts([*calls, delta.get("function_call")]):
            yield from (("tool", text) for key in ("name", "arguments") for text in _texts(function.get(key)))


def _messages(event: dict[str, Any]) -> Iterator[tuple[Kind, str]]:
    delta = event.get("delta") if event.get("type") == "content_block_delta" else event.get("content_block")
    if isinstance(delta, dict):
        yield from ((kind, text) for key, kind in BLOCK_DELTAS for text in _texts(delta.get(key)))


def _responses(event: dict[str, Any]) -> Iterator[tuple[Kind, str]]:
    name = event.get("type")
    if isinstance(name, str) and name.endswith(".delta"):
        kind: Kind = "thinking" if "reasoning" in name else "tool" if "argument" in name else "text"
        yield from ((kind, text) for text in _texts(event.get("delta")))


def _texts(value: Any) -> Iterator[str]:
    """A text, or the texts of a list of parts, as some servers send content and reasoning."""
    if isinstance(value, str):
        yield value
    else:
        yield from (part["text"] for part in _dicts(value) if isinstance(part.get("text"), str))


def _dicts(value: Any) -> Iterator[dict[str, Any]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())
