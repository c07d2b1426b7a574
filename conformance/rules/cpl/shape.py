"""The form of a text completion, the same for a non-streaming response and for each chunk of a stream."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.chat import is_annotation, is_chunk, is_shaped, parts, span_of, whole_choices
from conformance.apis.errors import body
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, Finding, NotJudged
from conformance.parsing.json_body import json_body
from conformance.parsing.json_values import Object, as_object, describe_member, display
from conformance.parsing.sse import Event
from conformance.rules.chk import conditions as chk
from conformance.rules.cmp import conditions as cmp
from conformance.rules.conditions_by_api import has_content
from conformance.rules.cpl.example import CHUNKS, HELLO, STREAM, WHOLE, choice, chunk, completion, stream, whole
from conformance.rules.cpl.spec import COMPLETIONS, OBJECT
from conformance.rules.example import answered

NAME = "text_completion"


def _has_text(x: Exchange) -> NotJudged | None:
    """JSON other than an error was received, in either mode."""
    return chk.speaking(x) if x.mode == "stream" else cmp.valued(x)


def _values(x: Exchange) -> Iterator[tuple[Event | None, Any]]:
    """The JSON values of a stream's events, each with its event, or that of a non-streaming response."""
    return chk.json_values(x) if x.mode == "stream" else iter([(None, body(x))])


@rule(
    "CPL001",
    MUST,
    "A text completion, and every event of its stream, is one JSON object with object: text_completion",
    spec=f"{OBJECT}#completions/object-object",
    fix='Send one JSON object with object: "text_completion", streaming or not, also if chat completions are served.',
    applies_to=_has_text,
    apis=COMPLETIONS,
    good=[WHOLE, STREAM, stream(*CHUNKS, chunk(choices=[], usage={"prompt_tokens": 3}))],
    bad=[
        whole(object="chat.completion"),
        answered({"text": HELLO}, probe="completions.hello"),
        answered([completion()], probe="completions.hello"),
        stream(*(part | {"object": "text_completion.chunk"} for part in CHUNKS)),
        stream({"content": HELLO}),
    ],
)
def no_text_completion(x: Exchange) -> Iterator[Finding]:
    """Clients that dispatch on object, as gateways and loggers do, treat the response as another API's, or as none."""
    for event, value in _values(x):
        if not isinstance(value, dict):
            yield Finding(f"the response has {display(value)} instead of a completion", at=span_of(x, event))
        elif not is_chunk(value):
            seen = "a JSON object is no completion: it has neither object nor choices"
            yield Finding(seen, at=span_of(x, event))
        elif value.get("object") != NAME and (value.get("object") or not is_annotation(value)):
            seen = f"a completion has {describe_member(value, 'object')}"
            yield Finding(seen, at=span_of(x, event), expected=f"object {NAME}")


@rule(
    "CPL002",
    MUST,
    "Every choice has its text, a string",
    spec=f"{OBJECT}#completions/object-choices",
    fix="Send text in every choice, as an empty string if there is nothing new; message and delta are for chat completions.",
    applies_to=has_content,
    apis=COMPLETIONS,
    good=[WHOLE, STREAM],
    bad=[
        whole(choice(text=None)),
        whole({"index": 0, "message": {"role": "assistant", "content": HELLO}, "finish_reason": "stop"}),
        stream(chunk({"index": 0, "delta": {"content": HELLO}, "finish_reason": None}), *CHUNKS[2:]),
    ],
)
def no_text(x: Exchange) -> Iterator[Finding]:
    """Clients read choices[0].text: a missing one raises an exception, or is an empty result that is scored as wrong."""
    for event, found in () if is_shaped(x) else _choices(x):
        if not isinstance(found.get("text"), str):
            instead = next((f", but a {name}" for name in ("message", "delta") if name in found), "")
            yield Finding(f"a choice has {describe_member(found, 'text')}{instead}", at=span_of(x, event))


def _choices(x: Exchange) -> Iterator[tuple[Event | None, Object]]:
    """All choices, each with the event that has it."""
    whole = json_body(x)
    if whole is not None:
        return ((None, found) for _, found, _ in whole_choices(as_object(whole)))
    return ((part.chunk.event, part.choice) for part in parts(x))
