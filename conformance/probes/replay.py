"""Finished tool calls, sent back as in the second turn of every agent."""

from collections.abc import Iterator
from typing import Any

from conformance.model.case import Kind
from conformance.model.probe import Probe
from conformance.model.words import MODES, Api, Mode, Suite
from conformance.probes.baseline import token_cap
from conformance.probes.encoding import Offer, tools, usage_too
from conformance.probes.tools import FORECAST, WEATHER

Message = dict[str, Any]
Turn = tuple[Message, ...]

NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
RESULT = " ".join(NUMBERS[number**3 % 97 % 10] for number in range(300))
SECOND = " ".join(NUMBERS[number**3 % 89 % 10] for number in range(900))
"""Words in random order, at least one token each: fewer `prompt_tokens` mean that a text was ignored.

One is the only result of its turn, and the other the last of two: some servers pass only the first one on.
"""

QUESTION: Message = {"role": "user", "content": WEATHER}
ANSWER: Message = {"role": "assistant", "content": "It is cold in Oslo."}
CAP = 16


def _of_chat(first: int, *results: str, **fields: Any) -> Turn:
    """An assistant message with one call per result, and the results; `first` is the number of the first call."""
    ids = [f"call_{number:024d}" for number in range(first, first + len(results))]
    function = {"name": "get_weather", "arguments": '{"city": "Oslo"}'}
    calls = [{"id": name, "type": "function", "function": function} for name in ids]
    outputs = [{"role": "tool", "tool_call_id": name, "content": text} for name, text in zip(ids, results, strict=True)]
    return ({"role": "assistant", **fields, "tool_calls": calls}, *outputs)


def _of_messages(first: int, *results: Any, text_before: str = "") -> Turn:
    """The same as content blocks of Messages; a result of None has no content."""
    ids = [f"toolu_{number:024d}" for number in range(first, first + len(results))]
    calls = [{"type": "tool_use", "id": name, "name": "get_weather", "input": {"city": "Oslo"}} for name in ids]
    outputs = [
        {"type": "tool_result", "tool_use_id": name} | ({} if text is None else {"content": text})
        for name, text in zip(ids, results, strict=True)
    ]
    texts = [{"type": "text", "text": text_before}] if text_before else []
    return ({"role": "assistant", "content": [*texts, *calls]}, {"role": "user", "content": outputs})


def _of_responses(first: int, *results: Any, text_before: str = "") -> Turn:
    """The same as items of Responses."""
    ids = [f"call_{number:024d}" for number in range(first, first + len(results))]
    function = {"type": "function_call", "name": "get_weather", "arguments": '{"city": "Oslo"}'}
    calls = [function | {"call_id": name} for name in ids]
    outputs = [
        {"type": "function_call_output", "call_id": name, "output": text}
        for name, text in zip(ids, results, strict=True)
    ]
    texts = [{"role": "assistant", "content": text_before}] if text_before else []
    return (*texts, *calls, *outputs)


TURNS: dict[Api, dict[str, Turn]] = {
    "chat": {
        "null": _of_chat(1, RESULT, content=None),
        "absent": _of_chat(2, "7 degrees"),
        "blank": _of_chat(3, "8 degrees", content=""),
        "text": _of_chat(4, "9 degrees", content="I look it up."),
        "several": _of_chat(5, "10 degrees", SECOND, content=None),
        "blank-result": _of_chat(7, "", content=None),
    },
    "messages": {
        "alone": _of_messages(1, RESULT),
        "text": _of_messages(2, "9 degrees", text_before="I look it up."),
        "several": _of_messages(3, "10 degrees", SECOND),
        "parts": _of_messages(5, [{"type": "text", "text": "12 degrees"}]),
        "blank-result": _of_messages(6, ""),
        "no-result": _of_messages(7, None),
    },
    "responses": {
        "alone": _of_responses(1, RESULT),
        "text": _of_responses(2, "9 degrees", text_before="I look it up."),
        "several": _of_responses(3, "10 degrees", SECOND),
        "parts": _of_responses(5, [{"type": "input_text", "text": "12 degrees"}]),
        "blank-result": _of_responses(6, ""),
    },
}
"""The documented forms of a finished tool call, as clients send them back."""


def _history(api: Api) -> Turn:
    """All forms in one conversation, with a user message before each where the API needs alternating roles."""
    between = (ANSWER, QUESTION) if api == "messages" else ()
    turns = [turn for form in TURNS[api].values() for turn in (*form, *between)]
    return (QUESTION, *turns) if api == "messages" else (QUESTION, *turns, ANSWER, QUESTION)


def _probe(
    api: Api, form: str, purpose: str, messages: Turn, modes: tuple[Mode, ...] = MODES, suite: Suite = "gate"
) -> Probe:
    fields = (
        {"input" if api == "responses" else "messages": [*messages]}
        | tools(api, Offer((FORECAST,), "none"))
        | token_cap(api, CAP)
    )
    return Probe(
        kind=Kind.REPLAY,
        subject=form,
        purpose=purpose,
        api=api,
        modes=modes,
        build_body=lambda body, mode: body | fields | usage_too(api, mode),
        suite=suite,
        max_tokens=CAP,
    )


def _replays(api: Api) -> Iterator[Probe]:
    all_forms = "Finished tool calls are sent back in all documented forms, with `tool_choice` none."
    yield _probe(api, "", all_forms, _history(api))
    for form, turn in TURNS[api].items():
        one_form = f"A finished tool call is sent back in one form ({form}), with `tool_choice` none."
        yield _probe(api, form, one_form, (QUESTION, *turn), modes=("unary",), suite="full")


REPLAYS = tuple(probe for api in TURNS for probe in _replays(api))
