"""When a rule applies: small questions to an exchange, answered by None (it applies) or by why it does not."""

from collections.abc import Callable

from conformance.exchange import Exchange
from conformance.read.http1 import reply
from conformance.read.sse import is_labelled, looks_like_events
from conformance.rule import When
from conformance.verdict import Skip, not_applicable, untestable

OK = range(200, 300)


def replied(x: Exchange) -> Skip | None:
    """A reply's head came."""
    if reply(x).status == 0:
        return untestable(f"no reply came ({x.ending.how} at {x.ending.phase}{_detail(x)})")
    return None


def _detail(x: Exchange) -> str:
    return f": {x.ending.detail}" if x.ending.detail else ""


def succeeded(x: Exchange) -> Skip | None:
    """The target answered with a 2xx status."""
    return replied(x) or (None if reply(x).status in OK else not_applicable(f"the target answered {reply(x).status}"))


def refused(x: Exchange) -> Skip | None:
    """The target answered with a 4xx or 5xx status."""
    return replied(x) or (None if reply(x).status >= 400 else not_applicable(f"the target answered {reply(x).status}"))


def streamed(x: Exchange) -> Skip | None:
    """A stream was asked for, and an event stream came, whatever its label."""
    if x.mode != "stream":
        return not_applicable("no stream was asked for")
    if skip := succeeded(x):
        return skip
    if is_labelled(reply(x)) or looks_like_events(x):
        return None
    return untestable(f"no event stream came, but {reply(x).media_type or 'an unlabelled body'}")


def answered_whole(x: Exchange) -> Skip | None:
    """One whole answer was asked for, and a 2xx reply came that is no event stream."""
    if x.mode != "unary":
        return not_applicable("a stream was asked for")
    if skip := succeeded(x):
        return skip
    return untestable("an event stream came in place of one answer") if looks_like_events(x) else None


def asks(*topics: str) -> When:
    """The question is of one of these topics."""

    def asked(x: Exchange) -> Skip | None:
        return None if x.question.topic in topics else not_applicable(f"{x.question.topic} asks something else")

    return asked


def both(*conditions: Callable[[Exchange], Skip | None]) -> When:
    """All conditions hold; the first that does not gives the reason."""

    def all_hold(x: Exchange) -> Skip | None:
        return next((skip for condition in conditions if (skip := condition(x))), None)

    return all_hold
