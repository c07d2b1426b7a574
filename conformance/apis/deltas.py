"""The deltas of a streamed completion: text, reasoning and tool arguments, each with its event."""

from typing import NamedTuple

from conformance.apis.pieces import Kind
from conformance.apis.specs import spec
from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.http1 import reply
from conformance.parsing.sse import Event, payloads, stream


class Delta(NamedTuple):
    """One delta of a completion: its event, its kind, and the text that it adds."""

    event: Event
    kind: Kind
    text: str


@cached_reader
def deltas(x: Exchange) -> tuple[Delta, ...]:
    """The non-empty deltas, in order. Anything malformed is ignored."""
    generation = spec(x.api).generation
    if generation is None:
        return ()
    read, new = generation.pieces, tuple.__new__
    pairs = zip(stream(x).dispatched, payloads(x), strict=True)
    return tuple(
        [
            new(Delta, (event, kind, text))
            for event, value in pairs
            if type(value) is dict
            for kind, text in read(value)
            if text
        ]
    )


@cached_reader
def arrivals(x: Exchange) -> tuple[int, ...]:
    """When each delta had arrived, in nanoseconds since the exchange began."""
    timeline, at = reply(x).timeline or ((0, 0),), 0
    times = []
    for delta in deltas(x):
        while timeline[at][0] < delta.event.end and at < len(timeline) - 1:
            at += 1
        times.append(timeline[at][1])
    return tuple(times)
