"""Legal variants of the Messages API's events."""

from collections.abc import Iterator

from conformance.reference.defects.msg import Events, on_events
from conformance.reference.reply import Change, Event, OnAnswer

PING = Event(name="ping", data={"type": "ping"})


def allowed(name: str, title: str, answer: OnAnswer) -> Change:
    """A legal variant of what is said on the Messages API."""
    return Change(name=name, title=title, answer=answer)


def pinged(events: Events) -> Iterator[Event]:
    """Pings before, between and after the events."""
    yield PING
    for event in events[:-1]:
        yield event
        yield PING
    yield events[-1]


def with_news(events: Events) -> Iterator[Event]:
    """Events of a type that nobody knows yet."""
    for event in events[:-1]:
        yield event
        yield Event(name="of_tomorrow", data={"type": "of_tomorrow", "index": 7})
    yield events[-1]


def told_twice(events: Events) -> Iterator[Event]:
    """The usage told on the way, in a message_delta of its own."""
    for event in events:
        if event.name == "message_delta":
            yield Event(name=event.name, data=event.data | {"delta": {}})
        yield event


def thought_first(events: Events) -> Iterator[Event]:
    """A block of thinking before the others, which move on by one."""
    opening, *rest = events
    yield opening
    block = {"type": "thinking", "thinking": "", "signature": ""}
    for kind, facts in (
        ("content_block_start", {"content_block": block}),
        ("content_block_delta", {"delta": {"type": "thinking_delta", "thinking": "A greeting."}}),
        ("content_block_delta", {"delta": {"type": "signature_delta", "signature": "c2lnbmVk"}}),
        ("content_block_stop", {}),
    ):
        yield Event(name=kind, data={"type": kind, "index": 0, **facts})
    for event in rest:
        moved = {"index": event.data["index"] + 1} if "index" in event.data else {}
        yield Event(name=event.name, data=event.data | moved, wait_s=event.wait_s)


MESSAGES = (
    allowed("pings-everywhere", "Pings stand everywhere", on_events(pinged)),
    allowed("events-of-tomorrow", "Events of an unknown type stand between the others", on_events(with_news)),
    allowed("usage-on-the-way", "A message_delta tells the usage before the last one", on_events(told_twice)),
    allowed("thinking-first", "A thinking block comes first", on_events(thought_first)),
)
