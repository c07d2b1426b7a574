"""What a response contains, part by part: the same for both modes, and however the events of a stream were split.

A gateway passes these parts on unchanged, whatever it does to ids, times, comments and the boundaries of chunks.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import groupby
from typing import Any, Final, Literal, get_args

from conformance.apis import chat, messages, responses
from conformance.apis.content import Choice, ToolCall
from conformance.apis.embeddings import vectors
from conformance.apis.response_content import response_content
from conformance.model.exchange import Exchange, cached_reader
from conformance.model.words import Api
from conformance.parsing.json_body import json_body
from conformance.parsing.json_text import NOT_JSON, parse_json
from conformance.parsing.json_values import Object, as_array, as_object, as_string

Aspect = Literal["text", "calls", "reasoning", "ending", "more", "vectors"]
Parts = dict[str, Any]
"""The parts of one aspect by place, in words for a finding: `choice 0`, `annotations of choice 1`. None is empty."""

MESSAGE_FIELDS: Final = ("refusal", "annotations", "audio", "function_call")
"""What a message of Chat Completions has besides text and tool calls."""
ATOMS: Final = ("id", "name")
"""Members of an object that a stream may repeat, and does not send in pieces."""
NAMES: Final = ("id", "item_id", "status")
"""Members of an output item that a gateway may have its own values for, or that its ending tells, too."""
ASPECTS: Final[tuple[Aspect, ...]] = get_args(Aspect)


@cached_reader
def answer_parts(x: Exchange) -> dict[Aspect, Parts]:
    """The parts of an answer by aspect. `ending` is why each choice ended, `more` what has no aspect of its own."""
    read = READERS.get(x.api)
    found = read(x) if read else {}
    return {aspect: _filled(found.get(aspect, {})) for aspect in ASPECTS}


def _filled(parts: Parts) -> Parts:
    return {place: value for place, part in parts.items() if not is_empty(value := pruned(part))}


def is_empty(value: Any) -> bool:
    """Whether a value says nothing: null, or an empty text, list or object."""
    return value is None or value in ("", [], {})


def pruned(value: Any) -> Any:
    """The value without members that say nothing: serialisers add and leave out null as they like."""
    if isinstance(value, dict):
        return {name: kept for name, item in value.items() if not is_empty(kept := pruned(item))}
    return [pruned(item) for item in value] if isinstance(value, list) else value


def holds(got: Any, sent: Any) -> bool:
    """Whether a value has everything that another one has; it may have more members."""
    if isinstance(sent, dict):
        return isinstance(got, dict) and all(name in got and holds(got[name], item) for name, item in sent.items())
    if isinstance(sent, list):
        return isinstance(got, list) and len(got) == len(sent) and all(map(holds, got, sent))
    return type(got) is type(sent) and got == sent if isinstance(sent, bool) else bool(got == sent)


def joined(before: Any, added: Any) -> Any:
    """A value that a stream sends in pieces, with one more piece: texts and lists grow, objects member by member."""
    if added is None or before is None:
        return before if added is None else added
    if isinstance(before, dict) and isinstance(added, dict):
        grown = {name: item if name in ATOMS else joined(before.get(name), item) for name, item in added.items()}
        return before | grown
    is_growing = (isinstance(before, str) and isinstance(added, str)) or (
        isinstance(before, list) and isinstance(added, list)
    )
    return before + added if is_growing else added


def _calls(found: Iterable[ToolCall]) -> list[Object]:
    return [{"name": call.name, "arguments": _value(call.arguments)} for call in found]


def _value(arguments: str) -> Any:
    """The JSON value of arguments, which may be spelt anew; their text if they are none."""
    value = parse_json(arguments.encode("utf-8", "replace"))
    return arguments if value is NOT_JSON else value


def _ending(choice: Choice) -> str:
    return choice.end or choice.finish


def _of_choices(found: Iterable[Choice]) -> dict[Aspect, Parts]:
    choices = tuple(found)
    place = {choice.index: f"choice {choice.index}" for choice in choices}
    return {
        "text": {place[choice.index]: choice.text for choice in choices},
        "calls": {place[choice.index]: _calls(choice.calls) for choice in choices},
        "reasoning": {place[choice.index]: choice.reasoning for choice in choices},
        "ending": {place[choice.index]: _ending(choice) for choice in choices},
    }


def _embeddings(x: Exchange) -> dict[Aspect, Parts]:
    return {"vectors": {f"embedding {vector.at}": vector.values or vector.sent for vector in vectors(x)}}


# Chat Completions, and Completions


def _chat(x: Exchange) -> dict[Aspect, Parts]:
    more: Parts = {}
    for index, choice, message in _located(x):
        for name in MESSAGE_FIELDS:
            place = f"{name} of choice {index}"
            more[place] = joined(more.get(place), message.get(name))
        place = f"logprobs of choice {index}"
        more[place] = joined(more.get(place), choice.get("logprobs"))
    return _of_choices(response_content(x).choices) | {"more": more}


def _located(x: Exchange) -> Iterator[tuple[int, Object, Object]]:
    """Index, choice, and message or delta."""
    whole = json_body(x)
    if whole is not None:
        return chat.whole_choices(whole)
    return ((part.slot, part.choice, part.delta) for part in chat.parts(x))


# Messages


def _messages(x: Exchange) -> dict[Aspect, Parts]:
    found = messages.blocks(x)
    calls = [messages.call_of(block) for block in found if block.type in messages.CALLS]
    thoughts = [
        {"text": block.all_of("thinking"), "signature": block.all_of("signature"), "data": block.all_of("data")}
        for block in found
        if block.type in messages.THOUGHTS
    ]
    others = [block.start for block in found if block.type not in ("text", *messages.THOUGHTS, *messages.CALLS)]
    parts = _of_choices(response_content(x).choices)
    parts["calls"] = {"the message": _calls(calls)}
    parts["reasoning"] = {"the message": thoughts}
    parts["more"] = {
        "the citations": _citations(x, found),
        "the other blocks": others,
        "the order of the blocks": [
            kind for kind, _ in groupby(block.type for block in found if _says_something(block))
        ],
        "stop_sequence": next((s for state in messages.message_states(x) if (s := state.get("stop_sequence"))), None),
    }
    return parts


def _says_something(block: messages.Block) -> bool:
    """Whether a block is no empty text, which a gateway may leave out."""
    return block.type != "text" or bool(block.all_of("text"))


def _citations(x: Exchange, found: Iterable[messages.Block]) -> list[Any]:
    begun = [citation for block in found for citation in as_array(block.start.get("citations"))]
    deltas = [] if json_body(x) is not None else [as_object(part.value.get("delta")) for part in messages.building(x)]
    return begun + [delta["citation"] for delta in deltas if "citation" in delta]


# Responses


def _responses(x: Exchange) -> dict[Aspect, Parts]:
    parts = _of_choices(response_content(x).choices)
    states = responses.response_states(x)
    if not states:
        return parts | {"more": {}}
    items = responses.output(states[-1])
    contents = [part for item in items if item.get("type") == "message" for part in responses.contents(item)]
    parts["text"]["the last event"] = "".join(as_string(part.get("text")) for part in contents)
    parts["calls"]["the last event"] = _calls(responses.final_calls(x))
    thoughts = [_unnamed(item) for item in items if item.get("type") == "reasoning"]
    parts["reasoning"]["the last event"] = thoughts
    parts["more"] = {
        "the content parts": [{name: item for name, item in part.items() if name != "text"} for part in contents],
        "the other items": [_unnamed(item) for item in items if item.get("type") not in OF_ASPECTS],
        "the refusal": "".join(choice.refusal for choice in response_content(x).choices),
    }
    return parts


OF_ASPECTS: Final = ("message", "function_call", "reasoning")


def _unnamed(item: Object) -> Object:
    return {name: value for name, value in item.items() if name not in NAMES}


READERS: Final[dict[Api, Callable[[Exchange], dict[Aspect, Parts]]]] = {
    "chat": _chat,
    "completions": _chat,
    "messages": _messages,
    "responses": _responses,
    "embeddings": _embeddings,
}
"""The readers of the APIs whose answers have such parts; another API's have none."""
