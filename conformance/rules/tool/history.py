"""Whether finished tool calls are accepted in the history: every agent's second turn."""

import re
from collections.abc import Iterator
from typing import Any

from conformance.apis.chat import REASONING
from conformance.apis.errors import ErrorResponse, error_response, names_field, quoted
from conformance.apis.request import request_body
from conformance.apis.usage import usage
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import CONVERSATIONAL
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import as_array, as_object, as_string
from conformance.rules.conditions import OK, mode_supported, not_rejected_for_other_reasons
from conformance.rules.conditions_by_api import has_distinct_choices
from conformance.rules.example import answered, completion, error
from conformance.rules.tool.example import TOOLS, called, first_fragment
from conformance.rules.tool.shape import tool_rule

MESSAGES = "https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages"
FIRST_CALL = {"first": Compare(Kind.TOOLS)}
OVERFLOW = re.compile(
    r"context.?(?:length|size|window)|too (?:long|large|many tokens)|maximum .{0,20}tokens", re.IGNORECASE
)


def _replayed(x: Exchange) -> NotJudged | None:
    """The request replays finished tool calls."""
    return None if x.case.kind is Kind.REPLAY else OUT_OF_SCOPE


def _decided(x: Exchange) -> NotJudged | None:
    """The request replays finished tool calls in a supported mode, and succeeds or is rejected because of them."""
    return _replayed(x) or mode_supported(x) or not_rejected_for_other_reasons(x)


def is_answered(x: Exchange) -> bool:
    """Whether the status is a success and the body holds no error."""
    return reply(x).status in OK and not error_response(x)


def refused_beside(x: Exchange, *others: Exchange, what: str) -> Iterator[Finding | NotJudged]:
    """A finding if the request, one with `what`, is rejected although the others succeed; ERR004 reports crashes."""
    error, status = error_response(x), reply(x).status
    if is_answered(x):
        return
    if not all(map(is_answered, others)):
        yield not_applicable("the target also rejects the simpler request that this one extends")
    elif error.in_band or (status >= 500 and status != 501):
        yield untestable(f"the target returned HTTP {status}: {quoted(error.message or error.text)}")
    elif OVERFLOW.search(error.message or error.text):
        yield untestable("the request exceeds the context limit of the model")
    else:
        why = quoted(error.message or error.text)
        yield Finding(f"a request with {what} was rejected with HTTP {status}: {why}", at=error.at)


REPLAY: dict[str, Any] = {"probe": "chat.tools.replay"}
NULL = answered(error("messages.1.content: must be a string.", param="messages[1].content"), status=400, **REPLAY)
FIRST = called(first_fragment(arguments="{}"), probe="chat.tools")


@tool_rule(
    "TOOL027",
    MUST,
    "Tool calls and results in the history are accepted in every documented form",
    spec=MESSAGES,
    fix="Accept tool calls and their results in every form that the API documents, with and without text.",
    applies_to=_decided,
    compares_with=FIRST_CALL,
    apis=CONVERSATIONAL,
    good=[(answered(completion(), **REPLAY), FIRST)],
    bad=[(NULL, FIRST), (answered("Invalid assistant message", status=422, **REPLAY), FIRST)],
)
def history_refused(x: Exchange, first: Exchange) -> Iterator[Finding | NotJudged]:
    """Every agent sends its tool calls back with their results: the tool has run, and the turn still ends in an error."""
    error, before = error_response(x), error_response(first)
    if names_field(error, "tool_choice"):
        yield not_applicable("the target rejects tool_choice none")
    elif _wants_reasoning(x, error):
        yield not_applicable("the target wants the reasoning before the call back, and this history has none")
    else:
        others = () if names_field(before, "tool_choice") else (first,)
        yield from refused_beside(x, *others, what="tool calls in its history")


def _wants_reasoning(x: Exchange, error: ErrorResponse) -> bool:
    """Whether the error names a field of reasoning, and no message of the request has one, as DeepSeek requires it."""
    messages = [as_object(message) for message in as_array(request_body(x).get("messages"))]
    is_sent = any(name in message for message in messages for name in REASONING)
    return not is_sent and any(names_field(error, name) for name in REASONING)


def _counted(x: Exchange) -> NotJudged | None:
    """A replay request succeeded, and its usage has prompt tokens."""
    if skip := _replayed(x) or has_distinct_choices(x):
        return skip
    spent = usage(x)
    return None if spent and spent.prompt else untestable("the response has no usage that counts prompt tokens")


def _words(x: Exchange) -> int:
    """Number of words in the tool results of the request's history."""
    body = request_body(x)
    items = [as_object(item) for name in ("messages", "input") for item in as_array(body.get(name))]
    parts = [as_object(part) for item in items for part in as_array(item.get("content"))]
    results = [item.get("content") for item in items if item.get("role") == "tool"]
    results += [part.get("content") for part in parts if part.get("type") == "tool_result"]
    results += [item.get("output") for item in items if item.get("type") == "function_call_output"]
    return sum(len(as_string(text).split()) for text in results)


def counted_prompt(prompt: int) -> Exchange:
    """The response to a replay of 200 words, with this number of prompt tokens in its usage."""
    spent = {"prompt_tokens": prompt, "completion_tokens": 3, "total_tokens": prompt + 3}
    result = {"role": "tool", "tool_call_id": "call_1", "content": "7 " * 200}
    return answered(completion(usage=spent), body=TOOLS | {"messages": [result]}, **REPLAY)


@tool_rule(
    "TOOL028",
    SHOULD,
    "Tool results in the history reach the model",
    spec=MESSAGES,
    fix="Pass all messages to the model, including role tool and the calls before it, and count their tokens.",
    applies_to=_counted,
    apis=CONVERSATIONAL,
    good=[counted_prompt(230)],
    bad=[counted_prompt(3), counted_prompt(190)],
)
def history_dropped(x: Exchange) -> Iterator[Finding]:
    """The model continues as if no tool had run: it invents the result, or repeats the call endlessly."""
    spent, words = usage(x), _words(x)
    if spent and spent.prompt + spent.cached < words:
        seen = f"the tool results in the request have {words} words, but usage counts {spent.prompt} prompt tokens"
        yield Finding(seen, at=reply(x).locate(0, len(reply(x).content)))
