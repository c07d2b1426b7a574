"""Where reasoning is: not in the content, in both modes, under one name, before the content."""

import re
from collections.abc import Iterator
from typing import Any

from conformance.apis.chat import parts_with, span_of, whole_choices
from conformance.apis.deltas import deltas
from conformance.apis.request import request_body
from conformance.apis.request_fields import requested_choices
from conformance.apis.response_content import response_content
from conformance.apis.usage import reasoning_tokens, usage
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import CONVERSATIONAL
from conformance.parsing.json_body import json_body
from conformance.parsing.json_values import Object, as_string, display
from conformance.parsing.sse import Event
from conformance.rules.conditions_by_api import finished, has_content
from conformance.rules.example import answered, chunk, completion, streamed
from conformance.rules.msg.example import block, text
from conformance.rules.msg.example import streamed as message
from conformance.rules.rsn.conditions import NONE_SEEN, has_thoughts, shown, shows
from conformance.rules.rsn.spec import DEEPSEEK, OPENROUTER, VLLM

OPENING = re.compile(
    r"\s*(?:<(?:seed:)?think>|\[THINK\]|\u25c1think\u25b7|<\|START_THINKING\|>|<\|channel\|>\s*(?:analysis|thought))"
)
"""What the templates of reasoning models put before a thought. A model may itself write other tags: `<thinking>`."""
CLOSING = re.compile(r"</(?:seed:)?think>|\[/THINK\]|\u25c1/think\u25b7|<\|END_THINKING\|>")

THOUGHT, ANSWER = {"reasoning_content": "They greet me."}, {"content": "Hello there."}
START, END = chunk({"role": "assistant", "content": ""}), chunk(finish="stop")
STREAM = streamed(START, chunk(THOUGHT), chunk(ANSWER), END, "[DONE]")
WHOLE = answered(completion(THOUGHT))


def markup(x: Exchange) -> str:
    """The first markup of reasoning in the content: at its beginning, or a closing tag anywhere; or empty.

    A template that opens the tag in the prompt leaves only the closing one.
    """
    for choice in response_content(x).choices:
        if found := OPENING.match(choice.text) or CLOSING.search(choice.text):
            return found[0].strip()
    return ""


def _marked(x: Exchange) -> NotJudged | None:
    if skip := has_content(x):
        return skip
    if not has_thoughts(x) and not markup(x):
        return NONE_SEEN
    if CLOSING.search(x.sent.decode(errors="replace")):
        return not_applicable("the request itself contains markup of reasoning")
    is_raw = request_body(x).get("reasoning_format") == "raw"
    return not_applicable("the request asks for the reasoning in the content") if is_raw else None


@rule(
    "RSN001",
    MUST,
    "The content has no markup of the model's reasoning",
    spec=VLLM,
    fix="Set the server's reasoning parser for the model (vLLM: --reasoning-parser), streaming and not.",
    applies_to=_marked,
    apis=CONVERSATIONAL,
    good=[STREAM, WHOLE, answered(completion(THOUGHT | {"content": "A tag is <b>, a thought is not."}))],
    bad=[
        answered(completion({"content": "<think>\nThey greet me.\n</think>\n\nHello."})),
        answered(completion({"content": "They greet me.\n</think>\n\nHello."})),
        streamed(START, chunk({"content": "<"}), chunk({"content": "think>They"}), END, "[DONE]"),
        message(*text("<think>They greet me.</think>Hello.")),
    ],
)
def thoughts_in_content(x: Exchange) -> Iterator[Finding]:
    """Users read the model's thoughts as its response, and agents send them back as text in every later turn."""
    if found := markup(x):
        seen = f"the content has the markup {display(found)} of the model's reasoning"
        yield Finding(seen, at=span_of(x), expected="reasoning in a field, block or item of its own")


SPARE = 8
"""Tokens that a response may have without text: end-of-turn tokens and the like."""
COUNTED = {
    "prompt_tokens": 3,
    "completion_tokens": 9,
    "total_tokens": 12,
    "completion_tokens_details": {"reasoning_tokens": 6},
}
UNSEEN = answered(completion(usage=COUNTED))
UNSEEN_STREAM = streamed(START, chunk(ANSWER), END, chunk(choices=[], usage=COUNTED), "[DONE]")


def _spent_unseen(x: Exchange) -> str:
    """How the usage shows reasoning that the response does not show; or empty."""
    if counted := reasoning_tokens(x):
        return f"usage counts {counted} reasoning tokens"
    choices, spent = response_content(x).choices, usage(x)
    text = "".join(c.text + c.refusal + "".join(call.name + call.arguments for call in c.calls) for c in choices)
    if spent and spent.completion > len(text.encode()) + SPARE * len(choices):
        return f"usage counts {spent.completion} completion tokens for {len(text)} characters"
    return ""


@rule(
    "RSN002",
    SHOULD,
    "Reasoning is shown in both modes, streaming or not, or in neither",
    spec=VLLM,
    fix="Show reasoning in the message as well as in the deltas, or in neither.",
    applies_to=finished,
    apis=CONVERSATIONAL,
    good=[(STREAM, WHOLE), (STREAM, answered(completion(THOUGHT, usage=COUNTED)))],
    bad=[(STREAM, UNSEEN), (UNSEEN_STREAM, WHOLE)],
)
def thoughts_in_one_mode(stream: Exchange, unary: Exchange) -> Iterator[Finding | NotJudged]:
    """A client that falls back to the other mode loses reasoning that it paid for, and cannot send it back."""
    texts = {"stream": shown(stream), "non-streaming response": shown(unary)}
    if not any(texts.values()):
        yield not_applicable("neither mode shows reasoning")
    if all(texts.values()) or not any(texts.values()):
        return
    silent, x = ("stream", stream) if not shown(stream) else ("non-streaming response", unary)
    if seen := _spent_unseen(x):
        yield Finding(f"the {silent} shows no reasoning, but {seen}, and the other mode shows it", at=span_of(x))
    else:
        yield untestable(f"the {silent} shows no reasoning, and its usage does not tell whether the model reasoned")


NAMES = ("reasoning_content", "reasoning", "thinking")
"""The fields of chat in which vendors send the text of reasoning."""


def reasoning_fields(x: Exchange) -> dict[str, str]:
    """The texts of the first choice's reasoning, by the name of the field."""
    joined = {name: "".join(map(as_string, _first_choice(x, name))) for name in NAMES}
    return {name: joined[name] for name in NAMES if joined[name]}


def _first_choice(x: Exchange, name: str) -> Iterator[Any]:
    """The values of a field in the first choice's message or deltas."""
    whole = json_body(x)
    if whole is not None:
        return (message.get(name) for index, _, message in whole_choices(whole) if index == 0)
    return (part.delta[name] for part in parts_with(x, name) if part.slot == 0)


def _named(x: Exchange) -> NotJudged | None:
    if skip := finished(x):
        return skip
    return None if reasoning_fields(x) else not_applicable("the response shows no reasoning")


RENAMED = answered(completion({"reasoning": "They greet me."}))
TWICE = answered(completion(THOUGHT | {"reasoning": "They greet me."}))


@rule(
    "RSN003",
    SHOULD,
    "Reasoning has the same name, streaming or not",
    spec=VLLM,
    fix="Name the field of the reasoning in deltas as in messages, or send both names with the same text.",
    applies_to=_named,
    apis=("chat",),
    good=[(STREAM, WHOLE), (STREAM, TWICE)],
    bad=[(STREAM, RENAMED)],
)
def renamed_thoughts(stream: Exchange, unary: Exchange) -> Iterator[Finding]:
    """Clients read one name: they show reasoning in one mode, and lose it in the other."""
    names = [*reasoning_fields(stream)], [*reasoning_fields(unary)]
    if not {*names[0]} & {*names[1]}:
        seen = f"reasoning is in {' and '.join(names[0])} in the stream, but in {' and '.join(names[1])} without it"
        yield Finding(seen, at=span_of(unary))


def delta(**fields: str) -> Object:
    """A chunk with these fields in its delta."""
    return chunk(dict(fields))


@rule(
    "RSN004",
    SHOULD,
    "Reasoning under two names has the same text under both",
    spec=OPENROUTER,
    fix="Send all of the reasoning under one name, or under both.",
    applies_to=_named,
    apis=("chat",),
    good=[STREAM, TWICE],
    bad=[
        streamed(START, delta(reasoning="They "), delta(reasoning_content="greet me."), chunk(ANSWER), END, "[DONE]"),
        answered(completion(THOUGHT | {"reasoning": "They"})),
    ],
)
def thoughts_under_alternating_names(x: Exchange) -> Iterator[Finding]:
    """Clients read one of the names, and show and send back a part of the reasoning."""
    found = reasoning_fields(x)
    if len({*found.values()}) > 1:
        lengths = " and ".join(f"{len(text)} characters in {name}" for name, text in found.items())
        yield Finding(f"the reasoning differs by name: {lengths}", at=span_of(x))


def _ordered(x: Exchange) -> NotJudged | None:
    if skip := finished(x) or shows(x):
        return skip
    if requested_choices(x) > 1 or len(response_content(x).choices) != 1:
        return not_applicable("the response has several choices")
    return None if response_content(x).choices[0].pieces else not_applicable("the response has no text")


def late_thought(x: Exchange) -> Event | None:
    """The first event that adds reasoning after text, with no tool call between them; or None."""
    content: Event | None = None
    for event, kind, added in deltas(x):
        if kind == "tool":
            content = None
        elif not added.strip():
            continue
        elif kind == "text":
            content = content or event
        elif kind == "thinking" and content and event.start > content.start:
            return event
    return None


@rule(
    "RSN005",
    SHOULD,
    "In a stream, reasoning comes before the text that it leads to",
    spec=DEEPSEEK,
    fix="Send the deltas in the order of generation: reasoning, then text.",
    applies_to=_ordered,
    apis=("chat", "messages"),
    modes=("stream",),
    good=[
        STREAM,
        streamed(START, chunk(THOUGHT), chunk(ANSWER | THOUGHT), chunk(ANSWER), END, "[DONE]"),
        message(*block({"type": "thinking", "thinking": "They greet me."}), *text("Hello.", index=1)),
    ],
    bad=[
        streamed(START, chunk(ANSWER), chunk(THOUGHT), END, "[DONE]"),
        message(*text("Hello."), *block({"type": "thinking", "thinking": "They greet me."}, index=1)),
    ],
)
def thoughts_after_text(x: Exchange) -> Iterator[Finding]:
    """Clients close the display of reasoning at the first text: what follows is lost, or shown as a second one.

    Between tool calls a model may reason again.
    """
    if event := late_thought(x):
        yield Finding("reasoning is sent after the text", at=span_of(x, event))
