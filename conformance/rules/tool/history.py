"""Whether a finished tool call can be replayed: every agent's second turn."""

import re
from collections.abc import Iterator
from typing import Any

from conformance.apis.errors import names, quoted, refusal
from conformance.apis.request import asked
from conformance.apis.usage import usage
from conformance.model.exchange import APIS, Exchange
from conformance.model.verdict import ANOTHER_QUESTION, MUST, SHOULD, Finding, Skip, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import mapping, sequence, string
from conformance.rules.conditions import OK, decided, in_a_mode_that_is_offered
from conformance.rules.conditions_by_api import chosen
from conformance.rules.example import answered, completion, error
from conformance.rules.tool.example import TOOLS, begins, called
from conformance.rules.tool.shape import tool_rule

MESSAGES = "https://platform.openai.com/docs/api-reference/chat/create#chat-create-messages"
BESIDE = {"first": "tools"}
OVERFLOW = re.compile(
    r"context.?(?:length|size|window)|too (?:long|large|many tokens)|maximum .{0,20}tokens", re.IGNORECASE
)


def _replayed(x: Exchange) -> Skip | None:
    """Finished tool calls were replayed."""
    is_replay = x.question.topic == "tools" and x.question.about.split(".")[0] == "replay"
    return None if is_replay else ANOTHER_QUESTION


def _decided(x: Exchange) -> Skip | None:
    """Finished tool calls were replayed, in a mode that is offered, and answered or refused for that."""
    return _replayed(x) or in_a_mode_that_is_offered(x) or decided(x)


def is_answered(x: Exchange) -> bool:
    """Whether the target answered with a success, and not with an error inside it."""
    return reply(x).status in OK and not refusal(x)


def refused_beside(x: Exchange, *others: Exchange) -> Iterator[Finding | Skip]:
    """The refusal of what is refused though other questions are answered; a crash is told by ERR004."""
    said, status = refusal(x), reply(x).status
    if is_answered(x):
        return
    if not all(map(is_answered, others)):
        yield not_applicable("the target does not answer the same question in its plain form")
    elif said.in_band or (status >= 500 and status != 501):
        yield untestable(f"the target failed ({status}): {quoted(said.message or said.text)}")
    elif OVERFLOW.search(said.message or said.text):
        yield untestable("the context of the model is too small for the question")
    else:
        yield Finding(f"the target refuses it with {status}: {quoted(said.message or said.text)}", at=said.at)


REPLAY: dict[str, Any] = {"probe": "chat.tools.replay"}
NULL = answered(error("messages.1.content: must be a string.", param="messages[1].content"), status=400, **REPLAY)
FIRST = called(begins(arguments="{}"), probe="chat.tools")


@tool_rule(
    "TOOL027",
    MUST,
    "A history of tool calls is accepted in all its documented forms",
    spec=MESSAGES,
    fix="Accept the calls and their results in every form that the API documents, with a text beside them and without.",
    when=_decided,
    beside=BESIDE,
    apis=APIS,
    good=[(answered(completion(), **REPLAY), FIRST)],
    bad=[(NULL, FIRST), (answered("Invalid assistant message", status=422, **REPLAY), FIRST)],
)
def history_refused(x: Exchange, first: Exchange) -> Iterator[Finding | Skip]:
    """Every agent sends the calls back with their results: the tool has run, and the turn ends in an error all the same."""
    said, before = refusal(x), refusal(first)
    if names(said, "tool_choice"):
        yield not_applicable("the target refuses `tool_choice: none`")
    else:
        yield from refused_beside(x, *(() if names(before, "tool_choice") else (first,)))


def _counted(x: Exchange) -> Skip | None:
    """A replay was answered, and its usage tells the prompt's tokens."""
    if skip := _replayed(x) or chosen(x):
        return skip
    spent = usage(x)
    return None if spent and spent.prompt else untestable("no usage tells how long the prompt was")


def _words(x: Exchange) -> int:
    """How many words the results in the request's history have."""
    body = asked(x)
    said = [mapping(item) for name in ("messages", "input") for item in sequence(body.get(name))]
    parts = [mapping(part) for item in said for part in sequence(item.get("content"))]
    told = [item.get("content") for item in said if item.get("role") == "tool"]
    told += [part.get("content") for part in parts if part.get("type") == "tool_result"]
    told += [item.get("output") for item in said if item.get("type") == "function_call_output"]
    return sum(len(string(text).split()) for text in told)


def counted_prompt(prompt: int) -> Exchange:
    """The answer to a replay of 200 words, whose usage counts so many tokens."""
    spent = {"prompt_tokens": prompt, "completion_tokens": 3, "total_tokens": prompt + 3}
    result = {"role": "tool", "tool_call_id": "call_1", "content": "7 " * 200}
    return answered(completion(usage=spent), body=TOOLS | {"messages": [result]}, **REPLAY)


@tool_rule(
    "TOOL028",
    SHOULD,
    "The results in a history of tool calls are read",
    spec=MESSAGES,
    fix="Give the model all messages, those of the role tool and the calls before them included, and count them.",
    when=_counted,
    apis=APIS,
    good=[counted_prompt(230)],
    bad=[counted_prompt(3), counted_prompt(190)],
)
def history_dropped(x: Exchange) -> Iterator[Finding]:
    """The model answers as if no tool had run: it invents the result, or calls the tool again and again."""
    spent, words = usage(x), _words(x)
    if spent and spent.prompt + spent.cached < words:
        seen = f"the results that were replayed have {words} words, and the prompt counts {spent.prompt} tokens"
        yield Finding(seen, at=reply(x).locate(0, len(reply(x).content)))
