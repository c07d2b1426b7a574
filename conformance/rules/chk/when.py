"""When a rule on chunks applies."""

from collections.abc import Iterator
from typing import Any

from conformance.exchange import Exchange
from conformance.read.chat import has_error, parts, said
from conformance.read.http1 import reply
from conformance.read.json_text import NOT_JSON
from conformance.read.request import choices_asked
from conformance.read.sse import DONE, Event, payloads, stream
from conformance.read.value import is_integer
from conformance.rules.when import streamed as is_streamed
from conformance.verdict import Skip, not_applicable, untestable


def chunked(x: Exchange) -> Skip | None:
    """A stream of chunks came."""
    if (skip := is_streamed(x)) or said(x):
        return skip
    return not_applicable("an error came in place of an answer") if has_error(x) else untestable("no chunk came")


def ended(x: Exchange) -> Skip | None:
    """A stream of chunks came to its end, without an error."""
    if skip := chunked(x):
        return skip
    if has_error(x):
        return not_applicable("the stream was broken off by an error")
    if not _is_through(x):
        return untestable("the stream was cut off")
    return untestable("an event holds no JSON") if NOT_JSON in payloads(x) else None


def _is_through(x: Exchange) -> bool:
    """Whether the end marker came, or the reply is complete and its last event is."""
    if DONE in payloads(x):
        return True
    last = stream(x).events[-1]
    return reply(x).complete and (last.terminated or last.is_done)


def choosing(x: Exchange) -> Skip | None:
    """Choices came in chunks."""
    return chunked(x) or (None if parts(x) else untestable("no choice came"))


def filed(x: Exchange) -> Skip | None:
    """Choices came in chunks, and can be told apart."""
    if (skip := choosing(x)) or choices_asked(x) == 1 or all(is_integer(part.choice.get("index")) for part in parts(x)):
        return skip
    return untestable("the choices have no index to be told apart by")


def finished(x: Exchange) -> Skip | None:
    """Choices came, and the stream came to its end."""
    return ended(x) or filed(x)


def json_values(x: Exchange) -> Iterator[tuple[Event, Any]]:
    """What the events before the end marker hold, errors and text that is not JSON left out."""
    for event, value in zip(stream(x).dispatched, payloads(x), strict=True):
        if value is DONE:
            return
        if value is not NOT_JSON and not (isinstance(value, dict) and value.get("error")):
            yield event, value


def speaking(x: Exchange) -> Skip | None:
    """Events came that hold JSON and no error."""
    if (skip := is_streamed(x)) or any(True for _ in json_values(x)):
        return skip
    return not_applicable("an error came in place of an answer") if has_error(x) else untestable("no event holds JSON")


def listing(x: Exchange) -> Skip | None:
    """A stream of chunks came to its end, and all of them have lists of choices."""
    if skip := ended(x):
        return skip
    clear = all(isinstance(found.value.get("choices"), list) for found in said(x))
    return None if clear else untestable("a chunk has no list of choices")
