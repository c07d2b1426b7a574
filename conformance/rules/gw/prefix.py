"""Equal requests are equal upstream, and schemas keep their order: what prompt caches depend on."""

from collections.abc import Iterator
from typing import Any, Final

from conformance.apis.forwarding.aspects import Aspect, conversation_fields, foreign_nonces
from conformance.apis.forwarding.records import forwarded
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange, Pair
from conformance.model.rule import rule
from conformance.model.target import Policy
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import CONVERSATIONAL
from conformance.parsing.http1 import request_content
from conformance.parsing.json_exact import ordered, parse_exact
from conformance.parsing.json_values import Object, as_object
from conformance.rules.gw.arrivals import SENT, Upstream, about, compared, findings, sent_with
from conformance.rules.gw.example import ASKED
from conformance.rules.gw.example import forwarded as forwarded_example

PREFIX: Final = ("tools", "tool_choice", "response_format", "text", "output_config", "thinking", "reasoning")
"""Fields besides the conversation from which a prompt is made, and the keys of its cache."""
KEYS: Final = ("prompt_cache_key", "cache_control")
NO_NONCE: Final = b"-nonce-of-the-request-"
REPEATED: Final = "chat.gateway.repeat.prefix"


def _with_tool(*names: str) -> dict[str, Any]:
    """A request with a tool whose parameters have these names."""
    schema = {"type": "object", "properties": {name: {"type": "string"} for name in names}}
    return ASKED | {"tools": [{"type": "function", "function": {"name": "look", "parameters": schema}}]}


def _twice(first: Any, second: Any) -> tuple[Exchange, ...]:
    """The same request twice, and what arrived of each."""
    sent = _with_tool("a", "b")
    return (*forwarded_example(sent, second, REPEATED), *forwarded_example(sent, first, REPEATED))


def _of_prefix(x: Exchange) -> NotJudged | None:
    is_it = x.case.kind is Kind.GATEWAY_REPEAT and x.case.subject.startswith("prefix")
    return SENT(x) if is_it else OUT_OF_SCOPE


@rule(
    "GW018",
    MUST,
    "Equal requests are equal upstream",
    spec="https://platform.openai.com/docs/guides/prompt-caching",
    fix="Forward the bytes, or write JSON in the order in which it was read (in Go no map for schemas and tools), and add "
    "nothing to prompts that differs from request to request.",
    applies_to=_of_prefix,
    apis=CONVERSATIONAL,
    compares_with={"others": Compare(Kind.GATEWAY_REPEAT, many=True)},
    good=[_twice(_with_tool("a", "b"), _with_tool("a", "b")), _twice(_with_tool("b", "a"), _with_tool("b", "a"))],
    bad=[_twice(_with_tool("a", "b"), _with_tool("b", "a"))],
)
def prefix_unstable(
    x: Exchange, upstream: Upstream, policy: Policy, others: tuple[Pair, ...]
) -> Iterator[Finding | NotJudged]:
    """A prompt cache knows a prompt by its first difference.

    Tools in random order are written to the cache each time, at a higher price than without one, and never read.
    """
    why, arrived = compared(x, upstream, policy), _forwarded_alone(Pair(x, upstream))
    if isinstance(why, NotJudged) or arrived is None:
        yield (
            why if isinstance(why, NotJudged) else not_applicable("the request upstream holds others, or none is there")
        )
        return
    equal = [pair for pair in others if pair.client is not x and _is_equal_request(pair.client, x)]
    alike = [(pair.client, found) for pair in equal if (found := _forwarded_alone(pair))]
    if not alike:
        yield untestable("no equal request arrived upstream")
    for client, other in alike:
        one, another = _prefix(arrived, x), _prefix(other, client)
        for name in sorted(one.keys() | another.keys()):
            if ordered(one.get(name)) != ordered(another.get(name)):
                yield Finding(f"`{name}` arrived differently for an equal request: {_difference(one, another, name)}")


def _forwarded_alone(pair: Pair) -> Exchange | None:
    """The request upstream, unless it holds the text of others: that is another fault."""
    found = forwarded(pair)
    return found if found and not foreign_nonces(found.sent.decode("latin-1"), pair.client.nonce) else None


def _is_equal_request(one: Exchange, other: Exchange) -> bool:
    return _without_nonce(one, one.nonce) == _without_nonce(other, other.nonce)


def _without_nonce(x: Exchange, nonce: str) -> bytes:
    return request_content(x).replace(nonce.encode(), NO_NONCE)


def _prefix(arrived: Exchange, client: Exchange) -> Object:
    """What a prompt is made from in a request upstream, without its nonce: the fields that the client sent, and the
    conversation.
    """
    names = {*PREFIX, *KEYS} & as_object(parse_exact(request_content(client))).keys()
    names |= {*conversation_fields(client.api)}
    body = as_object(parse_exact(_without_nonce(arrived, client.nonce)))
    return {name: value for name, value in body.items() if name in names}


def _difference(one: Object, other: Object, name: str) -> str:
    left, right = ordered(one.get(name)), ordered(other.get(name))
    at = next((at for at, (a, b) in enumerate(zip(left, right, strict=False)) if a != b), min(len(left), len(right)))
    start = max(0, at - 20)
    return f"{left[start : at + 20]!a} here, {right[start : at + 20]!a} there"


@rule(
    "GW019",
    SHOULD,
    "Tools, and the properties of JSON Schemas, keep their order",
    spec="https://platform.openai.com/docs/guides/structured-outputs#key-ordering",
    fix="Write the members of schemas in the order in which they were read.",
    applies_to=sent_with(Aspect.ORDER),
    apis=CONVERSATIONAL,
    good=[forwarded_example(_with_tool("a", "b"), _with_tool("a", "b"))],
    bad=[forwarded_example(_with_tool("b", "a"), _with_tool("a", "b"))],
)
def schema_reordered(x: Exchange, upstream: Upstream, policy: Policy) -> Iterator[Finding | NotJudged]:
    """A model writes the members of its output in the order of the schema.

    A model that is to reason before its result writes the result first, if a gateway sorts them. Elsewhere members
    have no order.
    """
    yield from findings(x, upstream, policy, about(Aspect.ORDER), "the order as it was sent")
