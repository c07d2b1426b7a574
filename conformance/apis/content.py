"""The completion: what the model generated, in one format for every API and both modes."""

from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import msgspec

from conformance.parsing.json_values import Object
from conformance.parsing.sse import Event

FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]
FINISH_REASONS: tuple[FinishReason, ...] = get_args(FinishReason)
FINISH_REASON_ALIASES: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
    "function_call": "tool_calls",
    "max_output_tokens": "length",
}
"""The other APIs' finish reasons, mapped to those of Chat Completions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One tool call, joined from its fragments. `index` is None if none was sent.

    `sent` is the object that starts it: its first fragment, its block or its item. `first` and `last` are the events
    of its first and last fragment; None in a non-streaming response.
    """

    index: int | None = None
    id: str = ""
    type: str = ""
    name: str = ""
    arguments: str = ""
    sent: Object = field(default_factory=dict, compare=False)
    first: Event | None = field(default=None, compare=False)
    last: Event | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One choice of the completion.

    `pieces` are the non-empty texts in order of arrival, `text` is their concatenation; `finishes` are all finish
    reasons, `finish` is the first of them, or empty. `logprobs` are the entries of `logprobs.content`. `other` names
    further non-empty fields, such as `audio` or `function_call`. `reasons`: it has an item or block of reasoning, whose
    text may be hidden.

    `last_text` is the event of the last piece, `finish_events` has that of each finish reason; None in a non-streaming
    response.
    """

    index: int
    role: str = ""
    pieces: tuple[str, ...] = ()
    refusal: str = ""
    reasoning: str = ""
    reasons: bool = False
    calls: tuple[ToolCall, ...] = ()
    finishes: tuple[str, ...] = ()
    logprobs: tuple[Any, ...] = ()
    other: frozenset[str] = frozenset()
    last_text: Event | None = field(default=None, compare=False)
    finish_events: tuple[Event | None, ...] = field(default=(), compare=False)

    @property
    def text(self) -> str:
        """The text of the choice."""
        return "".join(self.pieces)

    @property
    def finish(self) -> str:
        """The first finish reason, as sent; empty if there is none."""
        return self.finishes[0] if self.finishes else ""

    @property
    def end(self) -> FinishReason | None:
        """The finish reason mapped to that of Chat Completions; None for one that no API defines."""
        word = FINISH_REASON_ALIASES.get(self.finish, self.finish)
        return next((end for end in FINISH_REASONS if end == word), None)

    @property
    def is_empty(self) -> bool:
        """Whether it has nothing for a user or an agent; reasoning does not count."""
        return not (self.pieces or self.refusal or self.calls or self.other)


class ResponseContent(msgspec.Struct, frozen=True, kw_only=True):
    """A completion, streamed or not: its choices by index, and the fields around them.

    `ids`, `models` and `created` are the distinct values in the order of appearance; `usage` is the last usage
    object, `error` whether there is an error instead of or inside the completion.
    """

    choices: tuple[Choice, ...] = ()
    ids: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    created: tuple[int | float, ...] = ()
    usage: Object | None = None
    error: bool = False
