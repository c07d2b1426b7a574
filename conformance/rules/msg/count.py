"""Token counting: /v1/messages/count_tokens."""

from collections.abc import Iterator

from conformance.apis.errors import body, error_response
from conformance.apis.usage import usage
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import NOT_JSON
from conformance.parsing.json_values import as_object, describe_member, is_integer
from conformance.rules.conditions import all_of, probe_is, readable, succeeded, whole
from conformance.rules.example import answered
from conformance.rules.msg.example import message
from conformance.rules.msg.shape import whole_rule
from conformance.rules.msg.spec import COUNT

NOT_THERE = (404, 405, 501)
COUNTED = answered({"input_tokens": 3}, probe="messages.count")


def counted(x: Exchange) -> NotJudged | None:
    """The target counted the tokens of a request on the count_tokens route."""
    if skip := probe_is(Kind.COUNT_TOKENS)(x):
        return skip
    if reply(x).status in NOT_THERE:
        return not_applicable(f"the target does not support count_tokens (HTTP {reply(x).status})")
    if skip := all_of(succeeded, readable, whole)(x):
        return skip
    if error_response(x):
        return not_applicable("the response body is an error with a success status (see ERR013)")
    return untestable("the response body is not JSON") if body(x) is NOT_JSON else None


@whole_rule(
    "MSG023",
    MUST,
    "count_tokens returns input_tokens as an integer above 0",
    spec=COUNT,
    fix='Return {"input_tokens": COUNT} on /v1/messages/count_tokens, or 404 if it is not supported.',
    applies_to=counted,
    good=[COUNTED, answered({"input_tokens": 3, "context_management": None}, probe="messages.count")],
    bad=[
        answered({"input_tokens": 0}, probe="messages.count"),
        answered({"input_tokens": "3"}, probe="messages.count"),
        answered([], probe="messages.count"),
    ],
)
def count_without_a_number(x: Exchange) -> Iterator[Finding]:
    """Agents shorten their history by this count before a request: without it they fail, or exceed the context limit."""
    count = as_object(body(x)).get("input_tokens")
    if not (is_integer(count) and count > 0):
        yield Finding(
            f"the count_tokens response has {describe_member(body(x), 'input_tokens')}",
            at=reply(x).locate(0, len(reply(x).content)),
        )


TOLERANCE = 0.25
SMALL = 16
"""Tolerated difference in tokens, for chat templates."""


@whole_rule(
    "MSG024",
    SHOULD,
    "count_tokens returns the input tokens that usage counts for the same request",
    spec=COUNT,
    fix="Count with the tokenizer and chat template of the model that serves the request.",
    applies_to=counted,
    good=[(COUNTED, message())],
    bad=[
        (answered({"input_tokens": 300}, probe="messages.count"), message()),
        (COUNTED, message(usage={"input_tokens": 3, "cache_read_input_tokens": 3, "output_tokens": 3})),
    ],
)
def count_of_something_else(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """Clients that plan by a wrong count exceed the context limit, or waste a part of it.

    The counted request is the baseline request; a difference of 16 tokens, or a quarter if that is more, is tolerated.
    """
    counted, spent = as_object(body(x)).get("input_tokens"), usage(baseline)
    if spent is None or not spent.prompt:
        yield untestable("the usage of the baseline request counts no input tokens")
    elif is_integer(counted) and abs(counted - spent.prompt) > max(SMALL, TOLERANCE * spent.prompt):
        seen = f"count_tokens returns {counted} input tokens, but usage for the same request counts {spent.prompt}"
        yield Finding(seen, at=reply(x).locate(0, len(reply(x).content)))
    elif spent.cached and counted == spent.prompt - spent.cached:
        seen = f"count_tokens and usage.input_tokens are both {counted}, so usage counts its {spent.cached} cached tokens twice"
        yield Finding(
            seen, at=reply(x).locate(0, len(reply(x).content)), expected="usage.input_tokens without cached tokens"
        )
