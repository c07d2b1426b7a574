"""The cost of responses: tokens as the server counted them, or estimated from the lengths, times the prices."""

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from conformance.apis.deltas import deltas
from conformance.apis.usage import usage
from conformance.model.exchange import Exchange, cached_reader
from conformance.model.target import Prices
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import parse_json

BYTES_PER_TOKEN: Final = 4
"""A rule of thumb for English text, used only if the server reports no usage."""

PER_MILLION: Final = 1_000_000
TEXTS: Final = ("content", "text", "reasoning_content", "arguments")
HOLDERS: Final = ("choices", "message", "content", "tool_calls", "function", "output")
DEEPEST: Final = 6


class Tokens(NamedTuple):
    """The tokens of a response; `estimated` if the server reported no usage."""

    prompt: int
    completion: int
    estimated: bool


class Bill(NamedTuple):
    """The cost of some responses in US dollars (None: no price is known), and whether it is an estimate."""

    usd: float | None
    estimated: bool


@cached_reader
def tokens(x: Exchange) -> Tokens:
    """The tokens of one response."""
    used = usage(x)
    if used:
        return Tokens(used.prompt, used.completion, estimated=False)
    sent = len(x.sent.partition(b"\r\n\r\n")[2])
    received = sum(len(delta.text) for delta in deltas(x)) or _length(parse_json(reply(x).content), DEEPEST)
    return Tokens(-(-sent // BYTES_PER_TOKEN), -(-received // BYTES_PER_TOKEN), estimated=True)


def _length(value: Any, depth: int) -> int:
    """The length of a response's texts in characters, in any field where an API has them."""
    if isinstance(value, list) and depth:
        return sum(_length(item, depth - 1) for item in value)
    if not (isinstance(value, dict) and depth):
        return 0
    here = sum(len(text) for name in TEXTS if isinstance(text := value.get(name), str))
    return here + sum(_length(value.get(name), depth - 1) for name in HOLDERS)


def bill(replies: Iterable[Exchange], prices: Prices) -> Bill:
    """The total cost of these responses. A price per request takes precedence over prices per token."""
    paid = tuple(replies)
    if prices.request is not None:
        return Bill(round(prices.request * len(paid), 9), estimated=False)
    if prices.input is None and prices.output is None:
        return Bill(None, estimated=False)
    used = [tokens(x) for x in paid]
    usd = sum(t.prompt * (prices.input or 0.0) + t.completion * (prices.output or 0.0) for t in used) / PER_MILLION
    return Bill(round(usd, 9), any(t.estimated for t in used))
