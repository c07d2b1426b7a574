"""Counting the tokens of a request before it is sent."""

from collections.abc import Iterator

from conformance.apis.errors import body, refusal
from conformance.apis.usage import usage
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding, Skip, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import NOT_JSON
from conformance.parsing.json_values import held, is_integer, mapping
from conformance.rules.conditions import asks, both, readable, succeeded, whole
from conformance.rules.example import answered
from conformance.rules.msg.example import message
from conformance.rules.msg.shape import whole_rule
from conformance.rules.msg.spec import COUNT

NOT_THERE = (404, 405, 501)
COUNTED = answered({"input_tokens": 3}, probe="messages.count")


def counted(x: Exchange) -> Skip | None:
    """The tokens of a request were counted, as the API's own route does."""
    if skip := asks("count")(x):
        return skip
    if reply(x).status in NOT_THERE:
        return not_applicable(f"counting tokens is not offered ({reply(x).status})")
    if skip := both(succeeded, readable, whole)(x):
        return skip
    if refusal(x):
        return not_applicable("an error came under a success status")
    return untestable("the body is no JSON") if body(x) is NOT_JSON else None


@whole_rule(
    "MSG023",
    MUST,
    "Counting tokens tells input_tokens as an integer above 0",
    spec=COUNT,
    fix='Answer {"input_tokens": COUNT} on /v1/messages/count_tokens, or 404 where tokens are not counted.',
    when=counted,
    good=[COUNTED, answered({"input_tokens": 3, "context_management": None}, probe="messages.count")],
    bad=[
        answered({"input_tokens": 0}, probe="messages.count"),
        answered({"input_tokens": "3"}, probe="messages.count"),
        answered([], probe="messages.count"),
    ],
)
def count_without_a_number(x: Exchange) -> Iterator[Finding]:
    """Agents shorten their history by it before they ask: without a number they fail, or ask for more than there is room."""
    count = mapping(body(x)).get("input_tokens")
    if not (is_integer(count) and count > 0):
        yield Finding(f"the count has {held(body(x), 'input_tokens')}", at=reply(x).locate(0, len(reply(x).content)))


TOLERANCE = 0.25
SMALL = 16
"""Tokens that a template adds here and not there."""


@whole_rule(
    "MSG024",
    SHOULD,
    "The count of a request is what its answer then uses",
    spec=COUNT,
    fix="Count with the tokenizer and the template of the model that answers.",
    when=counted,
    good=[(COUNTED, message())],
    bad=[
        (answered({"input_tokens": 300}, probe="messages.count"), message()),
        (COUNTED, message(usage={"input_tokens": 3, "cache_read_input_tokens": 3, "output_tokens": 3})),
    ],
)
def count_of_something_else(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """The question is that of the greeting. Who plans by a count that is far off runs out of context, or leaves it unused."""
    told, spent = mapping(body(x)).get("input_tokens"), usage(hello)
    if spent is None or not spent.prompt:
        yield untestable("the greeting's input tokens are not known")
    elif is_integer(told) and abs(told - spent.prompt) > max(SMALL, TOLERANCE * spent.prompt):
        seen = f"{told} tokens were counted, and the answer to the same request used {spent.prompt}"
        yield Finding(seen, at=reply(x).locate(0, len(reply(x).content)))
    elif spent.cached and told == spent.prompt - spent.cached:
        seen = f"the {told} tokens that were counted are input_tokens alone, and {spent.cached} cached ones come on top"
        yield Finding(seen, at=reply(x).locate(0, len(reply(x).content)), expected="input_tokens without cached ones")
