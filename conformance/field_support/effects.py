"""Read what an answer shows of the fields that were asked, or why nothing can be read from it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from conformance.apis import messages, responses
from conformance.apis.chat import is_shaped, parts, said, whole_choices
from conformance.apis.request import choices_asked
from conformance.apis.response_content import answer
from conformance.apis.usage import reports
from conformance.model.exchange import Api, Exchange, view
from conformance.parsing.json_body import whole_object
from conformance.parsing.json_text import NOT_JSON
from conformance.parsing.json_values import Object, is_integer, mapping, sequence
from conformance.parsing.sse import FIELDS, looks_like_events, payloads, stream

MADE: dict[Api, str] = {"chat": "completion_tokens", "messages": "output_tokens", "responses": "output_tokens"}
"""The name of the count of the tokens that the model made."""
REPEATED = 8
"""Characters that no model says twice by chance, one piece right after all the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """What an answer shows of the fields that were asked, in either form.

    `texts` and `finishes` (in the words of Chat Completions) are by choice, `calls` counts tool calls, `logprobs` and
    `alternatives` count the tokens with a log probability and the alternatives beside them, `completion` are the
    completion tokens it reports.
    """

    texts: dict[int, str] = field(default_factory=dict)
    finishes: dict[int, str] = field(default_factory=dict)
    calls: int = 0
    logprobs: int = 0
    alternatives: int = 0
    refused: bool = False
    has_usage: bool = False
    completion: int | None = None

    @property
    def text(self) -> str:
        """The first choice's text."""
        return self.texts.get(min(self.texts), "") if self.texts else ""

    @property
    def is_cut(self) -> bool:
        """Whether the answer is not the model's whole answer: capped, filtered, declined, or broken off."""
        return self.refused or not self.finishes or bool({"length", "content_filter"} & set(self.finishes.values()))


@view
def effects(x: Exchange) -> Effects:
    """What the answer shows: the deltas of an event stream, or the messages of a whole answer."""
    choices = answer(x).choices
    tokens = [mapping(entry) for choice in choices for entry in choice.logprobs]
    tokens = [token for token in tokens if isinstance(token.get("logprob"), int | float)]
    spent = [report.value for report in reports(x) if isinstance(report.value, dict)]
    counts = [int(count) for value in spent if is_integer(count := value.get(MADE[x.api]))]
    return Effects(
        texts={choice.index: choice.text for choice in choices},
        finishes={choice.index: choice.end or choice.finish for choice in choices if choice.finish},
        calls=sum(len(choice.calls) + ("function_call" in choice.other) for choice in choices),
        logprobs=len(tokens),
        alternatives=sum(len(sequence(token.get("top_logprobs"))) for token in tokens),
        refused=any(choice.refusal for choice in choices),
        has_usage=bool(spent),
        completion=counts[-1] if counts else None,
    )


@view
def illegible(x: Exchange) -> str:
    """Why nothing can be told from the answer, in a clause; empty where it can be read.

    A client that can't read an answer whole can't tell a dropped field from a lost piece.
    """
    repeating = looks_like_events(x) and any(_is_repeating(choice.pieces) for choice in answer(x).choices)
    return _stray(x) or ILLEGIBLE[x.api](x) or ("the pieces of the text repeat each other" if repeating else "")


def _illegible_chat(x: Exchange) -> str:
    if not looks_like_events(x):
        return "no JSON object came" if whole_object(x) is None else _misshapen(x)
    return _lost(x) or _misshapen(x)


ILLEGIBLE: dict[Api, Callable[[Exchange], str]] = {
    "chat": _illegible_chat,
    "messages": messages.illegible,
    "responses": responses.illegible,
}


def _stray(x: Exchange) -> str:
    """Whether parts of a stream are lost to its clients by how its lines stand."""
    if not looks_like_events(x):
        return ""
    events = stream(x).events
    if any(_is_stray(line.name, line.text) for event in events if not event.plain for line in event.lines):
        return "a part of the answer stands outside data lines"
    if events and events[-1].has_data and not (events[-1].terminated or events[-1].is_done):
        return "the last event is unfinished"
    return ""


def _misshapen(x: Exchange) -> str:
    """Why the choices can't be read, or nothing."""
    if not is_shaped(x):
        return f"a choice holds no {'delta' if looks_like_events(x) else 'message'}"
    if any(_is_odd(message) for _, message in _messages(x)):
        return "the content or the tool calls of a choice are of a wrong type"
    return "" if _is_filed(x) else "the choices have no right index to be told apart by"


def _lost(x: Exchange) -> str:
    """Why something of the stream is lost to its clients, or nothing."""
    if NOT_JSON in payloads(x):
        return "an event holds no JSON"
    if any(not isinstance(chunk.value.get("choices", []), list) for chunk in said(x)):
        return "the choices of a chunk are no list"
    return ""


def _is_stray(name: str, text: bytes) -> bool:
    """Whether a line that clients pass over looks like a part of an answer."""
    return not text.startswith(b":") and name not in FIELDS and any(mark in text for mark in b'{}[]"')


def _messages(x: Exchange) -> Iterator[tuple[Object, Object]]:
    """The choices, each with its delta or message."""
    whole = whole_object(x)
    if whole is None:
        yield from ((part.choice, part.delta) for part in parts(x))
    else:
        yield from ((choice, message) for _, choice, message in whole_choices(whole))


def _is_odd(message: Object) -> bool:
    calls = message.get("tool_calls")
    if not isinstance(message.get("content"), str | None) or not isinstance(calls, list | None):
        return True
    return any(not isinstance(call, dict) for call in calls or ())


def _is_filed(x: Exchange) -> bool:
    """Whether each choice has an index of its own, or there is but one; none finishes twice."""
    bound = choices_asked(x)
    given = [choice.get("index") for choice, _ in _messages(x)]
    if whole_object(x) is not None:
        return len(given) < 2 or (all(map(is_integer, given)) and len(set(given)) == len(given))
    if any(len(choice.finishes) > 1 for choice in answer(x).choices) and bound > 1:
        return False
    if bound == 1 and len({part.slot for part in parts(x)}) == 1:
        return True
    return all(is_integer(index) and 0 <= index < bound for index in given)


def _is_repeating(pieces: tuple[str, ...]) -> bool:
    """Whether texts say again what was said: each all so far, the last everything, or each one twice."""
    if len(pieces) < 2:
        return False
    grows = pieces[0] != pieces[-1] and all(later.startswith(earlier) for earlier, later in pairwise(pieces))
    is_last = len(pieces[-1]) >= REPEATED and pieces[-1] == "".join(pieces[:-1])
    twice = len(pieces) > 4 and len(set(pieces)) > 1 and pieces[::2] == pieces[1::2]
    return grows or is_last or twice
