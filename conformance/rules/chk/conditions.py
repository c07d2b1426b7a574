"""Conditions for rules on chunks."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from conformance.apis.chat import answer_chunks, are_all, columns, finishing, has_error, is_chunk, parts
from conformance.apis.request_fields import requested_choices
from conformance.model.exchange import Exchange, cached_reader
from conformance.model.verdict import NotJudged, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import NOT_JSON
from conformance.parsing.json_values import is_integer
from conformance.parsing.sse import DONE, Event, payloads, stream
from conformance.rules.conditions import streamed as is_streamed
from conformance.rules.conditions import validly_requested, whole
from conformance.rules.sse.lines import lost_lines


def chunked(x: Exchange) -> NotJudged | None:
    """A stream of chunks was received."""
    if (skip := validly_requested(x) or is_streamed(x)) or answer_chunks(x):
        return skip
    return (
        not_applicable("the stream has an error instead of chunks")
        if has_error(x)
        else untestable("the stream has no chunk")
    )


def ended(x: Exchange) -> NotJudged | None:
    """A complete stream of chunks was received, without an error."""
    if skip := chunked(x):
        return skip
    if has_error(x):
        return not_applicable("an error ended the stream")
    if not _is_through(x):
        return untestable("the stream was truncated")
    if _goes_on(x):
        return untestable("chunks follow the end marker")
    return unbroken(x) or (None if DONE in payloads(x) else whole(x))


@cached_reader
def unbroken(x: Exchange) -> NotJudged | None:
    """Clients can read all of the stream, so its first and missing parts are known."""
    if NOT_JSON in payloads(x):
        return untestable("an event's data is not JSON")
    return untestable("response content is outside data lines") if lost_lines(x) else None


@cached_reader
def _goes_on(x: Exchange) -> bool:
    """Whether chunks follow the end marker."""
    found = payloads(x)
    late = found[found.index(DONE) :] if DONE in found else ()
    return any(isinstance(value, dict) and is_chunk(value) and not value.get("error") for value in late)


@cached_reader
def _is_through(x: Exchange) -> bool:
    """Whether the end marker was received, or both the response and its last event are complete."""
    if DONE in payloads(x):
        return True
    last = stream(x).events[-1]
    return reply(x).complete and (last.terminated or last.is_done)


def choosing(x: Exchange) -> NotJudged | None:
    """Chunks with choices were received."""
    return chunked(x) or (None if parts(x) else untestable("the stream has no choice"))


def ends_again(x: Exchange) -> bool:
    """Whether a choice has a finish_reason more than once."""
    return any(count > 1 for count in Counter(part.slot for part in finishing(x)).values())


@cached_reader
def shared_indexes(x: Exchange) -> tuple[int, ...]:
    """The indexes at which a choice ends more than once, if fewer choices end than were requested (`n`)."""
    ends = Counter(part.slot for part in finishing(x))
    return tuple(sorted(slot for slot, count in ends.items() if count > 1)) if len(ends) < requested_choices(x) else ()


def has_valid_indexes(x: Exchange) -> NotJudged | None:
    """Chunks with distinguishable choices were received."""
    if skip := indexed(x):
        return skip
    shared = requested_choices(x) > 1 and shared_indexes(x)
    return untestable("two choices share an index (CHK027 reports it)") if shared else None


def indexed(x: Exchange) -> NotJudged | None:
    """Chunks with choices were received, each with a valid index."""
    if skip := choosing(x):
        return skip
    return None if _has_indexes(x) else untestable("the choices have no valid index to distinguish them")


@cached_reader
def _has_indexes(x: Exchange) -> bool:
    """Whether there is a single choice, or each has a valid index."""
    bound = requested_choices(x)
    if bound == 1 and len({part.slot for part in parts(x)}) == 1:
        return True
    indexes = (part.choice.get("index") for part in parts(x))
    return all(is_integer(index) and 0 <= index < bound for index in indexes)


def opened(x: Exchange) -> NotJudged | None:
    """Distinguishable choices were received, and their first chunks are known."""
    return has_valid_indexes(x) or unbroken(x)


def in_chunks(x: Exchange) -> NotJudged | None:
    """Chunks with choices were received, without a chat.completion object among them (CHK001 reports it)."""
    if skip := choosing(x):
        return skip
    among = "chat.completion" in columns(x)["object"]
    return untestable("the stream has a chat.completion object among its chunks") if among else None


def finished(x: Exchange) -> NotJudged | None:
    """Choices were received, and the stream is complete."""
    return ended(x) or has_valid_indexes(x)


def json_values(x: Exchange) -> Iterator[tuple[Event, Any]]:
    """The JSON values of the events before the end marker, without errors."""
    for event, value in zip(stream(x).dispatched, payloads(x), strict=True):
        if value is DONE:
            return
        if value is not NOT_JSON and not (isinstance(value, dict) and value.get("error")):
            yield event, value


def speaking(x: Exchange) -> NotJudged | None:
    """Events with JSON data other than errors were received."""
    if (skip := validly_requested(x) or is_streamed(x)) or any(True for _ in json_values(x)):
        return skip
    return (
        not_applicable("the stream has an error instead of chunks")
        if has_error(x)
        else untestable("no event has JSON data")
    )


def listing(x: Exchange) -> NotJudged | None:
    """A complete stream of chunks was received, and each chunk has a list of choices."""
    if skip := ended(x):
        return skip
    clear = are_all(columns(x)["choices"], list)
    return None if clear else untestable("a chunk has no list of choices")
