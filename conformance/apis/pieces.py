"""The pieces of text in one event of a stream, in each API's format. Anything malformed is ignored."""

from typing import Any, Literal

from conformance.parsing.json_values import Object

Kind = Literal["text", "thinking", "tool"]
Piece = tuple[Kind, str]

BLOCK_DELTAS: tuple[tuple[str, Kind], ...] = (("text", "text"), ("thinking", "thinking"), ("partial_json", "tool"))


def chat_pieces(chunk: Object) -> list[Piece]:
    """Of a chat chunk."""
    found: list[Piece] = []
    choices = chunk.get("choices")
    for choice in choices if type(choices) is list else ():
        delta = choice.get("delta") if type(choice) is dict else None
        if type(delta) is dict:
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


def completions_pieces(chunk: Object) -> list[Piece]:
    """Of a chunk of Completions."""
    return [("text", text) for choice in _dicts(chunk.get("choices")) for text in _texts(choice.get("text"))]


def messages_pieces(event: Object) -> list[Piece]:
    """Of an event of Messages."""
    delta = event.get("delta") if event.get("type") == "content_block_delta" else event.get("content_block")
    return [(kind, text) for key, kind in BLOCK_DELTAS for d in _dicts([delta]) for text in _texts(d.get(key))]


def responses_pieces(event: Object) -> list[Piece]:
    """Of an event of Responses."""
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
