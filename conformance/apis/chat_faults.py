"""Why the choices of a response can't be read."""

from collections.abc import Iterator

from conformance.apis.chat import answer_chunks, chat_content, is_shaped, parts, whole_choices
from conformance.apis.request import choices_in, request_body
from conformance.model.exchange import Exchange
from conformance.parsing.json_body import json_body
from conformance.parsing.json_text import NOT_JSON
from conformance.parsing.json_values import Object, is_integer
from conformance.parsing.sse import looks_like_events, payloads

LONG_ENOUGH = 8
"""Characters of a prompt that a completion does not begin with by chance."""


def unreadable_reason(x: Exchange) -> str:
    """Why the choices can't be read, as a clause; empty if they can."""
    if not looks_like_events(x):
        return "the response is not a JSON object" if json_body(x) is None else _misshapen(x) or _with_prompt(x)
    return _lost_content(x) or _misshapen(x) or _with_prompt(x)


def _with_prompt(x: Exchange) -> str:
    """Why the text of a choice is not only what was generated, or empty: it begins with the prompt."""
    body = request_body(x)
    prompt = body.get("prompt")
    if x.api != "completions" or body.get("echo") or not isinstance(prompt, str) or len(prompt) < LONG_ENOUGH:
        return ""
    has_prompt = any(choice.text.startswith(prompt) for choice in chat_content(x).choices)
    return "the text begins with the prompt" if has_prompt else ""


def _misshapen(x: Exchange) -> str:
    """Why the choices can't be read, or empty."""
    if not is_shaped(x):
        name = "text" if x.api == "completions" else "delta" if looks_like_events(x) else "message"
        return f"a choice has no {name}"
    if any(_has_wrong_types(message) for _, message in _messages(x)):
        return "the content or `tool_calls` of a choice has a wrong type"
    return "" if _has_unique_indexes(x) else "the choices have no valid, distinct index"


def _lost_content(x: Exchange) -> str:
    """Why clients lose chunks of the stream, or empty."""
    if NOT_JSON in payloads(x):
        return "an event is not JSON"
    if any(not isinstance(chunk.value.get("choices", []), list) for chunk in answer_chunks(x)):
        return "`choices` of a chunk is not a list"
    return ""


def _messages(x: Exchange) -> Iterator[tuple[Object, Object]]:
    """The choices, each with its delta or message."""
    whole = json_body(x)
    if whole is None:
        yield from ((part.choice, part.delta) for part in parts(x))
    else:
        yield from ((choice, message) for _, choice, message in whole_choices(whole))


def _has_wrong_types(message: Object) -> bool:
    calls = message.get("tool_calls")
    if not isinstance(message.get("content"), str | None) or not isinstance(calls, list | None):
        return True
    return any(not isinstance(call, dict) for call in calls or ())


def _has_unique_indexes(x: Exchange) -> bool:
    """Whether each choice has its own index, or there is only one; none has two finish reasons."""
    bound = choices_in(request_body(x))
    given = [choice.get("index") for choice, _ in _messages(x)]
    if json_body(x) is not None:
        return len(given) < 2 or (all(map(is_integer, given)) and len(set(given)) == len(given))
    if any(len(choice.finishes) > 1 for choice in chat_content(x).choices) and bound > 1:
        return False
    if bound == 1 and len({part.slot for part in parts(x)}) == 1:
        return True
    return all(is_integer(index) and 0 <= index < bound for index in given)
