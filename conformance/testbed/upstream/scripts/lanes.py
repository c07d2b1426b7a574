"""Scripts of responses that show what a gateway makes of them which translates between two APIs."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import zip_longest
from typing import Any, Final

from conformance.testbed.mutations import mutate_chat, mutate_messages, mutate_responses
from conformance.testbed.mutations.mutate_chat import Body, in_turn
from conformance.testbed.server.refusal import Refusal, refuse
from conformance.testbed.server.reply import Event, ModelResponse, Mutation, Reasoning, ServerRequest
from conformance.testbed.upstream.script import Script

FIRST, SECOND = "Oslo", "Rome"
"""The city that the model names in each call, and the one that the second call gets instead."""
FIELDS: Final = ("output_config", "output_format", "mcp_servers", "container", "include", "web_search_options")
"""Documented fields that the embedded server does not support."""
THOUGHTS: Final = Reasoning(tokens=16, field="reasoning_content", is_text=True)
CACHED: Final = 7
"""Tokens of the prompt that came from a cache."""


def _script(name: str, title: str, **edits: Any) -> Script:
    return Script(name=name, title=title, attempts=((Mutation(name=name, title=title, **edits),),))


# Two calls


def _elsewhere(value: Any) -> Any:
    """The same call for another city."""
    return json.loads(json.dumps(value).replace(FIRST, SECOND))


def _second(items: list[Any]) -> list[Any]:
    """A list of two calls, with the second one for another city."""
    return [_elsewhere(item) if at == 1 else item for at, item in enumerate(items)]


def _is_second(chunk: Body) -> bool:
    return any(call["index"] == 1 for call in _fragments(chunk))


def _fragments(chunk: Body) -> list[Body]:
    return [call for choice in chunk["choices"] for call in choice["delta"].get("tool_calls") or ()]


def _interleaved(chunks: list[Body]) -> Iterator[Body]:
    """The fragments of two calls in turn."""
    calling = [chunk for chunk in chunks if _fragments(chunk)]
    first, last = ([c for c in calling if _is_second(c) == is_second] for is_second in (False, True))
    in_turns = (chunk for pair in zip_longest(first, last) for chunk in pair if chunk)
    yield from (next(in_turns) if _fragments(chunk) else chunk for chunk in chunks)


def _to_second_block(events: tuple[Event, ...]) -> list[Event]:
    return [replace(e, data=_elsewhere(e.data)) if e.data.get("index") == 1 else e for e in events]


def _to_second_item(events: tuple[Event, ...]) -> Iterator[Event]:
    for event in events:
        response = event.data.get("response")
        if event.data.get("output_index") == 1:
            yield replace(event, data=_elsewhere(event.data))
        elif response and response["output"]:
            yield replace(event, data=event.data | {"response": _with_second_item(response)})
        else:
            yield event


def _with_second_item(response: Body) -> Body:
    return response | {"output": _second(response["output"])}


TWO_CALLS: Final = in_turn(
    mutate_chat.each_chunk(_elsewhere, _is_second),
    mutate_chat.on_stream(_interleaved),
    mutate_chat.each_message(lambda m: m | ({"tool_calls": _second(m["tool_calls"])} if m.get("tool_calls") else {})),
    mutate_messages.on_events(_to_second_block),
    mutate_messages.on_message(lambda message: message | {"content": _second(message["content"])}),
    mutate_responses.on_events(_to_second_item),
    mutate_responses.on_response(_with_second_item),
)


# Usage


def _cached(name: str) -> mutate_chat.Edit:
    return lambda usage: usage | {name: usage.get(name, {}) | {"cached_tokens": CACHED}}


FROM_CACHE: Final = in_turn(
    mutate_chat.usage(_cached("prompt_tokens_details")),
    mutate_messages.each_head(mutate_messages.within("usage", lambda u: u | {"cache_read_input_tokens": CACHED})),
    mutate_responses.usage(_cached("input_tokens_details")),
)


# Other endings


def _filtered(response: Body) -> Body:
    return response | {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}


def _ended_by_filter(events: tuple[Event, ...]) -> Iterable[Event]:
    *before, last = events
    kind = "response.incomplete"
    return (
        *before,
        replace(last, name=kind, data=last.data | {"type": kind, "response": _filtered(last.data["response"])}),
    )


FILTERED: Final = in_turn(
    mutate_chat.each_part(mutate_chat.with_fields(finish_reason="content_filter"), mutate_chat.ends),
    mutate_chat.each_choice(mutate_chat.with_fields(finish_reason="content_filter")),
    mutate_messages.each_end(lambda end: end | {"stop_reason": "refusal"}),
    mutate_responses.on_events(_ended_by_filter),
    mutate_responses.on_response(_filtered),
)


def _failed(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The response up to its end, then the API's error; without a stream, one of Responses has the status `failed`."""
    failed = refuse(Refusal(status=500, message="The model has crashed.", type="server_error"), request)
    if request.api == "responses":
        return _failed_response(response)
    if response.events is None:
        return failed
    is_chat = request.api == "chat"
    kept = [e for e in response.events if not _is_ending(e)]
    return replace(response, events=(*kept, Event(data=failed.whole, name=None if is_chat else "error")))


def _is_ending(event: Event) -> bool:
    if event.data == "[DONE]" or event.name in ("message_delta", "message_stop"):
        return True
    return any(choice.get("finish_reason") for choice in event.data.get("choices", ()))


def _failed_response(response: ModelResponse) -> ModelResponse:
    facts = {"status": "failed", "error": {"code": "server_error", "message": "The model has crashed."}, "output": []}
    if response.events is None:
        return replace(response, whole=response.whole | facts)
    *before, last = response.events
    kind = "response.failed"
    data = last.data | {"type": kind, "response": last.data["response"] | facts}
    return replace(response, events=(*before, replace(last, name=kind, data=data)))


# What the embedded server does not support


def _accepted(request: ServerRequest) -> ServerRequest:
    """The request without parts and fields that would be refused; the last user message keeps its text."""
    if not isinstance(request.json, dict):
        return request
    return replace(request, json={name: _readable(item) for name, item in request.json.items() if name not in FIELDS})


def _readable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _readable(item) for name, item in value.items()}
    if not isinstance(value, list):
        return value
    return [_readable(item) for item in value if not _is_other_part(item)]


def _is_other_part(item: Any) -> bool:
    kind = item.get("type") if isinstance(item, dict) else None
    return kind in ("image", "image_url", "input_image", "document", "file", "input_file", "input_audio")


def _broken(value: Any) -> Any:
    """Arguments without their last brace, wherever they are."""
    if isinstance(value, dict):
        return {
            n: v[:-1] if n in ("arguments", "partial_json", "delta") and v in BRACES else _broken(v)
            for n, v in value.items()
        }
    return [_broken(item) for item in value] if isinstance(value, list) else value


BRACES: Final = ('"}', "}", f'{{"city":"{FIRST}"}}')
"""The last piece of the calls' arguments, and all of them."""


def _with_broken_calls(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
    events = response.events and tuple(replace(event, data=_broken(event.data)) for event in response.events)
    return replace(response, whole=_broken(response.whole), events=events)


SCRIPTS = (
    _script("broken-arguments", "The arguments of calls lack their last brace", on_response=_with_broken_calls),
    _script("two-different-calls", "Two calls of one tool; in chunks, their fragments in turn", on_response=TWO_CALLS),
    _script("content-filtered", "The response is ended by a filter", on_response=FILTERED),
    _script("fails-at-the-end", "The response ends with the API's error", on_response=_failed),
    _script(
        "thinks-aloud",
        "Reasoning comes first, and a part of the prompt is from a cache",
        on_request=lambda request: replace(request, reasoning=THOUGHTS),
        on_response=FROM_CACHE,
    ),
    _script(
        "thinks-under-another-name",
        "Reasoning comes first; in chat, as `reasoning`",
        on_request=lambda request: replace(request, reasoning=replace(THOUGHTS, field="reasoning")),
    ),
    _script("sees-everything", "Images, files and formats are accepted", on_request=_accepted),
)
