"""When a rule applies: small questions to an exchange, answered by None (it applies) or by why it does not."""

from collections.abc import Callable

from conformance.apis.errors import body, refusal, refuses_streaming
from conformance.model.exchange import Exchange
from conformance.model.rule import When
from conformance.model.verdict import ANOTHER_QUESTION, Skip, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import NOT_JSON
from conformance.parsing.sse import is_labelled, looks_like_events

OK = range(200, 300)
BODILESS = (204, 205)
"""Successes that hold no answer (RFC 9110, sections 15.3.5 and 15.3.6)."""
UNRELATED = (401, 402, 403, 407, 408, 425, 429)
"""Refusals that say nothing of the question: the key, the bill, the clock, the limit."""


def replied(x: Exchange) -> Skip | None:
    """A reply's head came."""
    if reply(x).status == 0:
        return untestable(f"no reply came ({x.ending.how} at {x.ending.phase}{_detail(x)})")
    return None


def _detail(x: Exchange) -> str:
    return f": {x.ending.detail}" if x.ending.detail else ""


def readable(x: Exchange) -> Skip | None:
    """A reply came, and its content coding could be undone."""
    answer = reply(x)
    if answer.sealed:
        return untestable(f"the body is coded as {answer.coding[:40]}, which the harness can't undo")
    if answer.packed:
        return untestable(f"the body is compressed by {answer.packed} without a word")
    return replied(x) or (untestable(answer.coding_fault) if answer.coding_fault else None)


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
    if skip := succeeded(x) or readable(x):
        return skip
    if looks_like_events(x) or (is_labelled(reply(x)) and body(x) is NOT_JSON):
        return None
    what = "one JSON text" if is_labelled(reply(x)) else reply(x).media_type or "an unlabelled body"
    return untestable(f"no event stream came, but {what}")


def answered_whole(x: Exchange) -> Skip | None:
    """One whole answer was asked for, and a 2xx reply came that is no event stream."""
    if x.mode != "unary":
        return not_applicable("a stream was asked for")
    if skip := succeeded(x) or readable(x):
        return skip
    return untestable("an event stream came in place of one answer") if looks_like_events(x) else None


def whole(x: Exchange) -> Skip | None:
    """The reply came to the end that its own framing gives it."""
    if skip := replied(x):
        return skip
    return None if reply(x).complete else untestable(f"the reply did not come whole{_detail(x)}")


def asks(*topics: str) -> When:
    """The question is of one of these topics."""

    def asked(x: Exchange) -> Skip | None:
        return None if x.question.topic in topics else ANOTHER_QUESTION

    return asked


def both(*conditions: Callable[[Exchange], Skip | None]) -> When:
    """All conditions hold; the first that does not gives the reason."""

    def all_hold(x: Exchange) -> Skip | None:
        return next((skip for condition in conditions if (skip := condition(x))), None)

    return all_hold


def decided(x: Exchange) -> Skip | None:
    """The target answered, or refused for a reason that lies in the question."""
    if skip := replied(x):
        return skip
    answer = reply(x)
    if answer.status in UNRELATED or (answer.status == 503 and answer.value("retry-after")):
        return untestable(f"the target refused for a reason of its own ({answer.status})")
    if answer.status in OK or answer.status >= 400:
        return None
    return untestable(f"the target answered {answer.status}, neither a success nor an error")


def greeted(hello: Exchange) -> Skip | None:
    """The plain greeting in the same mode was answered, so that a failure can be laid to the question."""
    if refuses_streaming(hello):
        return not_applicable("the target declares that it does not stream")
    if reply(hello).status in OK and not refusal(hello):
        return None
    return untestable(f"the plain greeting failed too ({reply(hello).status or 'no reply'})")


def in_a_mode_that_is_offered(x: Exchange) -> Skip | None:
    """The target did not refuse the question for its being streamed."""
    return not_applicable("the target declares that it does not stream") if refuses_streaming(x) else None
