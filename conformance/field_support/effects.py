"""Read the effects of the request's fields from a response, or why it is unreadable."""

from itertools import pairwise

import msgspec

from conformance.apis.response_content import response_content
from conformance.apis.specs import spec
from conformance.apis.usage import reports
from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.json_values import as_array, as_object, is_integer
from conformance.parsing.sse import FIELDS, looks_like_events, stream

REPEATED = 8
"""Characters: a last piece that long, equal to all others joined, is not a coincidence."""


class Effects(msgspec.Struct, frozen=True, kw_only=True):
    """The effects of the request's fields on a response, streaming or not.

    `texts` and `finishes` (as Chat Completions names them) are by choice, `calls` counts tool calls, `logprobs` and
    `alternatives` count the tokens with a log probability and their alternatives, `counts_any`: the usage has a count
    other than 0; `completion` is the reported number of completion tokens.
    """

    texts: dict[int, str] = msgspec.field(default_factory=dict)
    finishes: dict[int, str] = msgspec.field(default_factory=dict)
    calls: int = 0
    logprobs: int = 0
    alternatives: int = 0
    refused: bool = False
    has_usage: bool = False
    counts_any: bool = False
    completion: int | None = None

    @property
    def text(self) -> str:
        """The first choice's text."""
        return self.texts.get(min(self.texts), "") if self.texts else ""

    @property
    def is_cut(self) -> bool:
        """Whether the completion is incomplete: capped, filtered, declined by the model, or truncated."""
        return self.refused or not self.finishes or bool({"length", "content_filter"} & set(self.finishes.values()))


@cached_reader
def effects(x: Exchange) -> Effects:
    """The effects, from the deltas of an event stream or the messages of a non-streaming response."""
    choices = response_content(x).choices
    tokens = [as_object(entry) for choice in choices for entry in choice.logprobs]
    tokens = [token for token in tokens if isinstance(token.get("logprob"), int | float)]
    spent = [report.value for report in reports(x) if isinstance(report.value, dict)]
    counted = found.output_tokens if (found := spec(x.api).generation) else ""
    counts = [int(count) for value in spent if is_integer(count := value.get(counted))]
    return Effects(
        texts={choice.index: choice.text for choice in choices},
        finishes={choice.index: choice.end or choice.finish for choice in choices if choice.finish},
        calls=sum(len(choice.calls) + ("function_call" in choice.other) for choice in choices),
        logprobs=len(tokens),
        alternatives=sum(len(as_array(token.get("top_logprobs"))) for token in tokens),
        refused=any(choice.refusal for choice in choices),
        has_usage=bool(spent),
        counts_any=any(is_integer(count) and count > 0 for value in spent for count in value.values()),
        completion=counts[-1] if counts else None,
    )


@cached_reader
def unreadable_reason(x: Exchange) -> str:
    """Why the response is unreadable, as a clause; empty if it can be read.

    In a response that is only partly readable, an ignored field looks like a lost piece.
    """
    repeating = looks_like_events(x) and any(_is_repeating(choice.pieces) for choice in response_content(x).choices)
    return (
        _malformed_lines(x)
        or spec(x.api).unreadable_reason(x)
        or ("the deltas repeat each other's text" if repeating else "")
    )


def _malformed_lines(x: Exchange) -> str:
    """Why clients lose parts of a stream because of its lines, or empty."""
    if not looks_like_events(x):
        return ""
    events = stream(x).events
    if any(_is_stray(line.name, line.text) for event in stream(x).irregular for line in event.lines):
        return "a part of the response is outside data lines"
    if events and events[-1].has_data and not (events[-1].terminated or events[-1].is_done):
        return "the last event is truncated"
    return ""


def _is_stray(name: str, text: bytes) -> bool:
    """Whether a line that clients ignore looks like a part of the response."""
    return not text.startswith(b":") and name not in FIELDS and any(mark in text for mark in b'{}[]"')


def _is_repeating(pieces: tuple[str, ...]) -> bool:
    """Whether pieces repeat text: each is cumulative, the last has everything, or each is sent twice."""
    if len(pieces) < 2:
        return False
    grows = pieces[0] != pieces[-1] and all(later.startswith(earlier) for earlier, later in pairwise(pieces))
    is_last = len(pieces[-1]) >= REPEATED and pieces[-1] == "".join(pieces[:-1])
    twice = len(pieces) > 4 and len(set(pieces)) > 1 and pieces[::2] == pieces[1::2]
    return grows or is_last or twice
