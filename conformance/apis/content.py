"""The answer: what the model said, in one shape for every API and both modes."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from conformance.parsing.json_values import Object

End = Literal["stop", "length", "tool_calls", "content_filter"]
ENDS: tuple[End, ...] = get_args(End)
SAID_OTHERWISE: dict[str, End] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "function_call": "tool_calls",
    "max_output_tokens": "length",
}
"""The other APIs' words for why an answer ended, in those of Chat Completions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One tool call, joined from its fragments. `index` is None where none was given."""

    index: int | None = None
    id: str = ""
    type: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One choice of the answer.

    `pieces` are the non-empty texts in the order in which they came, `text` is their joint; `finishes` all the
    reasons given, `finish` the first of them, or nothing. `logprobs` are the entries of `logprobs.content`. `other`
    names further fields that held something, such as `audio` or `function_call`.
    """

    index: int
    role: str = ""
    pieces: tuple[str, ...] = ()
    refusal: str = ""
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()
    finishes: tuple[str, ...] = ()
    logprobs: tuple[Any, ...] = ()
    other: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        """The text of the choice."""
        return "".join(self.pieces)

    @property
    def finish(self) -> str:
        """Why the model stopped, as it was said first."""
        return self.finishes[0] if self.finishes else ""

    @property
    def end(self) -> End | None:
        """Why the model stopped, in the words of Chat Completions whichever API said it; None for words of no API."""
        word = SAID_OTHERWISE.get(self.finish, self.finish)
        return next((end for end in ENDS if end == word), None)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing in it for a user or an agent; thoughts don't count."""
        return not (self.pieces or self.refusal or self.calls or self.other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer, whichever way it came: its choices by index, and what was seen around them.

    `ids`, `models` and `created` are the distinct values in the order of appearance; `usage` is the last usage
    object, `error` whether an error stood in the place of an answer or in its midst.
    """

    choices: tuple[Choice, ...] = ()
    ids: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    created: tuple[int | float, ...] = ()
    usage: Object | None = None
    error: bool = False
