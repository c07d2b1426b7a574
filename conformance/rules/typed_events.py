"""What the rules on APIs share whose events say their types: when they apply, and the type itself."""

from collections.abc import Iterator

from conformance.apis.errors import body, error_at, refusal
from conformance.model.exchange import Exchange
from conformance.model.verdict import Finding, Skip, not_applicable, untestable
from conformance.parsing.json_text import NOT_JSON
from conformance.parsing.json_values import held, mapping, string
from conformance.parsing.sse import DONE, ends, payloads, span, stream
from conformance.parsing.typed_events import is_torn, parts
from conformance.rules.conditions import answered_whole, whole
from conformance.rules.sse.conditions import answering, eventful
from conformance.rules.sse.lines import excerpt, lost_lines, merged_events


def unbroken(x: Exchange) -> Skip | None:
    """A stream of events came, its lines are where they belong, and no event lost its JSON."""
    if skip := eventful(x):
        return skip
    if lost_lines(x) or merged_events(x):
        return untestable("the stream's lines are not where they belong")
    return untestable("an event holds no JSON") if is_torn(x) else None


def typed(x: Exchange) -> Skip | None:
    """Such a stream came, no error ended it, and its events say their types."""
    return unbroken(x) or answering(x) or (None if parts(x) else untestable("no event says its type"))


def ended(x: Exchange) -> Skip | None:
    """Such a stream came to its end marker, or at least to its end."""
    return typed(x) or (None if ends(x) else whole(x))


def whole_answer(x: Exchange) -> Skip | None:
    """One whole answer was asked for, and JSON came that is no error."""
    if skip := answered_whole(x) or whole(x):
        return skip
    if refusal(x):
        return not_applicable("an error came under a success status")
    return untestable("the body is no JSON") if body(x) is NOT_JSON else None


def untyped(x: Exchange) -> Iterator[Finding]:
    """The events before the end that do not say their types; an error is told by other rules."""
    for at, (event, value) in enumerate(zip(stream(x).dispatched, payloads(x), strict=True)):
        if event in ends(x)[:1]:
            return
        if value is not DONE and at != error_at(x) and not string(mapping(value).get("type")):
            what = "is no JSON" if value is NOT_JSON else f"has {held(value, 'type')}"
            yield Finding(f"the data of an event {what}: {excerpt(event.data)}", at=span(x, event))
