"""Whether the turn that a request continues is in its prompt."""

from collections.abc import Iterator

from conformance.apis.chat import span_of
from conformance.apis.responses import terminal_event
from conformance.apis.usage import usage
from conformance.model.exchange import Exchange
from conformance.model.verdict import Finding, NotJudged, untestable
from conformance.rules.use.conditions import has_one_model_call


def forgotten(x: Exchange, earlier: Exchange, shorter: Exchange) -> Iterator[Finding | NotJudged]:
    """A finding if usage counts fewer prompt tokens for a turn than for the one that it continues.

    The prompt of the earlier turn is two dozen words longer than that of the shorter request: where usage does not show
    that, it shows nothing.
    """
    if skip := has_one_model_call(x) or has_one_model_call(earlier):
        yield skip
        return
    now, before, plain = usage(x), usage(earlier), usage(shorter)
    if not before or not plain:
        yield untestable("usage is missing in one of the compared responses")
    elif before.prompt <= plain.prompt:
        yield untestable("usage does not count more prompt tokens for a longer prompt")
    elif now and now.prompt + now.cached < before.prompt:
        seen = f"usage counts {now.prompt} prompt tokens for the next turn, and {before.prompt} for the earlier input alone"
        yield Finding(f"the earlier turn is not in the prompt: {seen}", at=span_of(x, terminal_event(x)))
