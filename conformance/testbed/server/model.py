"""A small deterministic model: it greets, counts, calls tools, fills in schemas, honours caps and stop sequences."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import Any, Literal

from conformance.testbed.server.schema_sample import instance_of

Finish = Literal["stop", "length", "tool_calls"]
Choice = Literal["none", "auto", "required"]

TOKEN = re.compile(r"\s*[\w'-]+|\s*[^\w\s]+|\s+")
GREETING = "Hello! How can I help you today?"
THOUGHT = "They wrote to me, so I look at what they want, and then I say just that. "
THANKS = "Thank you. The tool has answered, and that settles it."
LONG = re.compile(r"\b(count|long|longer|story|essay|poem|detail|detailed|paragraphs?|hundred)\b", re.IGNORECASE)
BOTH = re.compile(r"\b(and|both|each|parallel|twice)\b", re.IGNORECASE)
CALL = re.compile(r"\b(tools?|functions?)\b", re.IGNORECASE)
RANGE = re.compile(r"\bfrom ([\w-]+) (?:to|through|up to) ([\w-]+)", re.IGNORECASE)
ECHO = re.compile(r"\bthis word[^:]*:\s*([\w-]+)", re.IGNORECASE)
REPEAT_WORD = re.compile(r"\bthis word ([\w-]+) times[^:]*:\s*([\w-]+)", re.IGNORECASE)
NUMBERED = re.compile(r"\b(q[a-z2-7]{15}):([0-9]+)\b")
"""A nonce, and how often it was received: the text is then made of numbered words, so that a lost one shows."""
WORD = re.compile(r"[a-z]{4,}")

NUMBERS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety"""
SMALL, TENS = NUMBERS.split()[:20], NUMBERS.split()[20:]
LAST_NUMBER = 99
FORCED = " so"
NUMBERED_WORDS = 24
DEFAULT_RANGE = (1, 40)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool that may be called: its name and its parameters' JSON Schema."""

    name: str
    parameters: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationRequest:
    """The model's input, independent of the API.

    `prompt` is the user's last text, `instructions` the system prompt's; `after_tool`: a tool result follows. `choice`
    and `tools` determine what may be called. `format` is None for text, or the JSON Schema of the output. `cap` bounds
    the tokens; the text ends before any of `stops`. `forced`: logit_bias makes one token the only one. `reasoning`
    tokens are generated before all others, and count against the cap.
    """

    prompt: str
    instructions: str = ""
    after_tool: bool = False
    tools: tuple[Tool, ...] = ()
    choice: Choice = "auto"
    parallel: bool = True
    format: Any = None
    cap: int | None = None
    stops: tuple[str, ...] = ()
    forced: bool = False
    reasoning: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One tool call: the tool's name, its arguments, and their JSON text in tokens (truncated where capped)."""

    name: str
    value: dict[str, Any]
    arguments: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Generation:
    """The model's output in tokens: reasoning, and a text or calls. `stop` is the stop sequence that ended it."""

    reasoning: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    calls: tuple[Call, ...] = ()
    finish: Finish = "stop"
    stop: str | None = None

    @property
    def tokens(self) -> int:
        """The number of generated tokens."""
        return len(self.reasoning) + len(self.text) + sum(len(call.arguments) for call in self.calls)


def tokenize(text: str) -> tuple[str, ...]:
    """Words with their leading whitespace, and punctuation; joined they give the text."""
    return tuple(TOKEN.findall(text))


def generate(turn: GenerationRequest) -> Generation:
    """The model's output for this turn; deterministic."""
    if not turn.reasoning:
        return _visible(turn)
    thought = tuple(islice(cycle(tokenize(THOUGHT)), turn.reasoning))
    if turn.cap is None:
        return replace(_visible(turn), reasoning=thought)
    left = turn.cap - len(thought)
    if left <= 0:
        return Generation(reasoning=thought[: turn.cap], finish="length")
    return replace(_visible(replace(turn, cap=left)), reasoning=thought)


def _visible(turn: GenerationRequest) -> Generation:
    """The output after the reasoning."""
    if chosen := _chosen_tools(turn):
        return _capped_calls(tuple(_call(tool) for tool in chosen), turn.cap)
    if turn.forced:
        return Generation(text=(FORCED,) * (turn.cap or LAST_NUMBER), finish="length")
    text, stop = _stopped(_text(turn), turn.stops)
    tokens = tokenize(text)
    if turn.cap is not None and len(tokens) > turn.cap:
        return Generation(text=tokens[: turn.cap], finish="length")
    return Generation(text=tokens, stop=stop)


def _chosen_tools(turn: GenerationRequest) -> tuple[Tool, ...]:
    if turn.choice == "none" or not turn.tools:
        return ()
    named = [tool for tool in turn.tools if _mentions(turn.prompt, tool)]
    if turn.choice == "auto" and (turn.after_tool or not (named or CALL.search(turn.prompt))):
        return ()
    tool = (named or list(turn.tools))[0]
    return (tool, tool) if turn.parallel and BOTH.search(turn.prompt) else (tool,)


def _mentions(prompt: str, tool: Tool) -> bool:
    words = set(WORD.findall(prompt.lower()))
    return tool.name.lower() in prompt.lower() or bool(words & set(WORD.findall(tool.name.lower())))


def _call(tool: Tool) -> Call:
    made = instance_of(tool.parameters)
    value = made if isinstance(made, dict) else {}
    return Call(name=tool.name, value=value, arguments=tokenize(as_json(value)))


def as_json(value: Any) -> str:
    """JSON as the model writes it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _capped_calls(calls: Sequence[Call], cap: int | None) -> Generation:
    if cap is None or sum(len(call.arguments) for call in calls) <= cap:
        return Generation(calls=tuple(calls), finish="tool_calls")
    kept: list[Call] = []
    for call in calls:
        room = cap - sum(len(k.arguments) for k in kept)
        if room > 0:
            whole = room >= len(call.arguments)
            kept.append(Call(name=call.name, value=call.value if whole else {}, arguments=call.arguments[:room]))
    return Generation(calls=tuple(kept), finish="length")


def _stopped(text: str, stops: Sequence[str]) -> tuple[str, str | None]:
    found = [(text.find(stop), stop) for stop in stops if stop and stop in text]
    if not found:
        return text, None
    at, stop = min(found)
    return text[:at], stop


def _text(turn: GenerationRequest) -> str:
    if turn.format is not None:
        return as_json(instance_of(turn.format))
    if found := NUMBERED.search(turn.prompt):
        return f"{found[1]} attempt {found[2]}: {' '.join(f'w{n}' for n in range(NUMBERED_WORDS))}."
    return _words(turn)


def _words(turn: GenerationRequest) -> str:
    if turn.after_tool:
        return THANKS
    if found := ECHO.search(turn.instructions):
        return f"{found[1]}."
    if found := REPEAT_WORD.search(turn.prompt):
        return ", ".join([found[2]] * (_number(found[1]) or 1)) + "."
    if found := ECHO.search(turn.prompt):
        return f"{found[1]}, {_count(turn.prompt)}" if RANGE.search(turn.prompt) else f"{found[1]}."
    return _count(turn.prompt) if LONG.search(turn.prompt) else GREETING


def _count(prompt: str) -> str:
    """The numbers that the prompt requests, as digits if it uses digits."""
    found = RANGE.search(prompt)
    first, last = (_number(found[1]), _number(found[2])) if found else DEFAULT_RANGE
    if first is None or last is None or first > last:
        first, last = DEFAULT_RANGE
    digits = found is not None and found[2].isdecimal()
    return ", ".join(str(n) if digits else spell(n) for n in range(first, last + 1)) + "."


def _number(word: str) -> int | None:
    if word.isdecimal():
        return min(int(word[:3]), LAST_NUMBER)
    return next((n for n in range(LAST_NUMBER + 1) if spell(n) == word.lower()), None)


def spell(number: int) -> str:
    """A number from 0 to 99 in English words."""
    if number < len(SMALL):
        return SMALL[number]
    tens, ones = divmod(number, 10)
    return TENS[tens - 2] + (f"-{SMALL[ones]}" if ones else "")
