"""When a rule on chunks applies."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from conformance.apis.chat import finishing, has_error, is_chunk, parts, said
from conformance.apis.request import choices_asked
from conformance.model.exchange import Exchange, view
from conformance.model.verdict import Skip, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import NOT_JSON
from conformance.parsing.json_values import is_integer
from conformance.parsing.sse import DONE, Event, payloads, stream
from conformance.rules.conditions import streamed as is_streamed
from conformance.rules.sse.lines import lost_lines


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
    if _goes_on(x):
        return untestable("chunks follow the end marker")
    return unbroken(x)


def unbroken(x: Exchange) -> Skip | None:
    """Nothing of the stream was lost to its clients: what came first, and what never came, can be told."""
    if NOT_JSON in payloads(x):
        return untestable("an event holds no JSON")
    return untestable("a part of the answer stands outside data lines") if lost_lines(x) else None


def _goes_on(x: Exchange) -> bool:
    """Whether chunks follow the end marker."""
    found = payloads(x)
    late = found[found.index(DONE) :] if DONE in found else ()
    return any(isinstance(value, dict) and is_chunk(value) and not value.get("error") for value in late)


def _is_through(x: Exchange) -> bool:
    """Whether the end marker came, or the reply is complete and its last event is."""
    if DONE in payloads(x):
        return True
    last = stream(x).events[-1]
    return reply(x).complete and (last.terminated or last.is_done)


def choosing(x: Exchange) -> Skip | None:
    """Choices came in chunks."""
    return chunked(x) or (None if parts(x) else untestable("no choice came"))


@view
def shared_indexes(x: Exchange) -> tuple[int, ...]:
    """The indexes under which a choice ends more than once, where several were asked for and not all of them end."""
    ends = Counter(part.slot for part in finishing(x))
    return tuple(sorted(slot for slot, count in ends.items() if count > 1)) if len(ends) < choices_asked(x) else ()


def filed(x: Exchange) -> Skip | None:
    """Choices came in chunks, and can be told apart."""
    if skip := indexed(x):
        return skip
    shared = choices_asked(x) > 1 and shared_indexes(x)
    return untestable("two choices share an index (CHK027 tells of that)") if shared else None


def indexed(x: Exchange) -> Skip | None:
    """Choices came in chunks, each under an index that it may have."""
    if skip := choosing(x):
        return skip
    return None if _has_indexes(x) else untestable("the choices have no right index to be told apart by")


@view
def _has_indexes(x: Exchange) -> bool:
    """Whether there is one choice alone, or each stands under an index that it may have."""
    bound = choices_asked(x)
    if bound == 1 and len({part.slot for part in parts(x)}) == 1:
        return True
    indexes = (part.choice.get("index") for part in parts(x))
    return all(is_integer(index) and 0 <= index < bound for index in indexes)


def opened(x: Exchange) -> Skip | None:
    """Choices came that can be told apart, and their first chunks are known."""
    return filed(x) or unbroken(x)


def in_chunks(x: Exchange) -> Skip | None:
    """Choices came in chunks, and no whole answer stands among them (CHK001 tells of that)."""
    if skip := choosing(x):
        return skip
    among = any(found.value.get("object") == "chat.completion" for found in said(x))
    return untestable("a whole answer came in place of chunks") if among else None


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
